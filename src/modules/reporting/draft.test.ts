import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { runs } from '../../../checks/runs.ts'
import {
  answersIn,
  applied,
  awaitingCounsel,
  empty,
  overtaken,
  slotsOf,
  toFile,
  viewsIn,
  type Draft,
  type Filed,
  type Save,
} from './draft.ts'
import type { Answer } from './incident.ts'

const by = { name: 'Asha Bell', at: '2026-11-23T10:00:00.000Z' }
const saved = (draft: Draft, ...answers: Answer[]): Draft => applied(draft, slotsOf(answers, draft.version + 1, by), draft.version + 1)
const both = ['ico', 'ncsc']
const bodies = ['ico', 'ncsc'] as const

const question = fc.constantFrom('q15', 'q19', 'q21', 'q42')
const written = fc.record({ question, value: fc.string({ maxLength: 4 }), audience: fc.constantFrom(['ico'], ['ncsc'], both) })
const emptied = fc.record({ question, audience: fc.constantFrom(['ico'], ['ncsc'], both) })
const saves = fc.array(fc.record({ answers: fc.array(written, { maxLength: 3 }), remove: fc.array(emptied, { maxLength: 1 }) }), {
  maxLength: 12,
})

type Saves = { answers: Answer[]; remove: { question: string; audience: string[] }[] }[]

/** The same draft by another way: a table of what each body was last to be told. */
function table(all: Saves): Map<string, unknown> {
  const cells = new Map<string, unknown>()
  for (const { answers, remove } of all) {
    for (const { question, value, audience } of answers) for (const body of audience) cells.set(`${question} ${body}`, value)
    for (const { question, audience } of remove) for (const body of audience) cells.delete(`${question} ${body}`)
  }
  return cells
}

function replay(all: Saves, from: Draft = empty): Draft {
  return all.reduce((draft, { answers, remove }) => {
    const version = draft.version + 1
    const gone: Save = remove.flatMap(({ question, audience }) =>
      audience.map((body) => ({ question, body: body as 'ico' | 'ncsc', version, removed: true as const })),
    )
    return applied(draft, [...slotsOf(answers, version, by), ...gone], version)
  }, from)
}

test('a draft is what was saved last for each body, however often and by whomever', () => {
  fc.assert(
    fc.property(saves, (all) => {
      const { slots, version } = replay(all)
      assert.deepEqual(new Map(slots.map(({ question, body, value }) => [`${question} ${body}`, value])), table(all))
      assert.equal(version, all.length)
    }),
    { numRuns: runs(200) },
  )
})

test('starting from a whole save gives the same as starting from the first', () => {
  fc.assert(
    fc.property(saves, saves, (before, after) => {
      const whole = replay(before)
      const reread = applied(empty, whole.slots, whole.version)
      assert.deepEqual(replay(after, reread), replay([...before, ...after]))
    }),
    { numRuns: runs(200) },
  )
})

test('each body’s view holds its own answers and nothing of the other’s', () => {
  fc.assert(
    fc.property(saves, (all) => {
      const { slots } = replay(all)
      const views = viewsIn(slots)
      for (const body of bodies) {
        const own = slots.filter((slot) => slot.body === body).map(({ question, value }) => ({ question, value }))
        assert.deepEqual(views[body] ?? [], own)
      }
      const grouped = answersIn(slots).flatMap(({ question, value, audience }) => audience.map((body) => ({ question, value, body })))
      const sort = (a: { question: string; body: string }, b: { question: string; body: string }): number =>
        `${a.question} ${a.body}`.localeCompare(`${b.question} ${b.body}`)
      assert.deepEqual(grouped.toSorted(sort), slots.map(({ question, value, body }) => ({ question, value, body })).toSorted(sort))
    }),
    { numRuns: runs(200) },
  )
})

test('what somebody else changed meanwhile is not overwritten; what they left alone, or wrote alike, is no conflict', () => {
  const first = saved(empty, { question: 'q19', value: 'one', audience: both }, { question: 'q21', value: 'Yes', audience: both })
  const second = saved(first, { question: 'q19', value: 'two', audience: ['ico'] })
  const mine = (value: string, audience: string[]) => slotsOf([{ question: 'q19', value, audience }], 3, by)
  assert.deepEqual(overtaken(second, mine('three', ['ico']), 1), ['q19'])
  assert.deepEqual(overtaken(second, mine('three', ['ncsc']), 1), [])
  assert.deepEqual(overtaken(second, mine('two', ['ico']), 1), [])
  assert.deepEqual(overtaken(second, mine('three', ['ico']), 2), [])
  assert.deepEqual(overtaken(second, [{ question: 'q19', body: 'ico', version: 3, removed: true }], 1), ['q19'])
})

test('only what a body has not been told is filed, told to each apart', () => {
  const draft = saved(empty, { question: 'q19', value: 'words', audience: both }, { question: 'q21', value: 'Yes', audience: both })
  const filed: Filed[] = [
    { question: 'q19', body: 'ico', value: 'words', item: 'a' },
    { question: 'q21', body: 'ico', value: 'No', item: 'b' },
  ]
  const left = toFile(draft, filed, bodies).map(({ question, body }) => `${question} ${body}`)
  assert.deepEqual(left.toSorted(), ['q19 ncsc', 'q21 ico', 'q21 ncsc'])
  assert.deepEqual(
    toFile(draft, filed, ['ico']).map(({ question }) => question),
    ['q21'],
  )
})

test('what is claimed as privileged waits for counsel, and a change takes counsel’s word away', () => {
  const claimed = saved(empty, { question: 'q40', value: 'advice of counsel', audience: ['ico'], privileged: true })
  assert.equal(awaitingCounsel(toFile(claimed, [], bodies)).length, 1)
  const tick = { decision: 'may-be-sent' as const, ...by }
  const ticked = applied(
    claimed,
    claimed.slots.map((slot) => ({ ...slot, version: 2, tick })),
    2,
  )
  assert.equal(awaitingCounsel(toFile(ticked, [], bodies)).length, 0)
  assert.equal(toFile(ticked, [], bodies).length, 1)
  const changed = saved(ticked, { question: 'q40', value: 'more advice', audience: ['ico'], privileged: true })
  assert.equal(awaitingCounsel(toFile(changed, [], bodies)).length, 1)
  const withheld = applied(
    claimed,
    claimed.slots.map((slot) => ({ ...slot, version: 2, tick: { ...tick, decision: 'withhold' as const } })),
    2,
  )
  assert.deepEqual(toFile(withheld, [], bodies), [])
})
