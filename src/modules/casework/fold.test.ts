import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { runs, seed } from '../../../checks/runs.ts'
import type { Stage, Via } from './case.ts'
import { doorOf, fold, handlingOf, type Foldable } from './fold.ts'

const at = (minute: number): Date => new Date(Date.UTC(2026, 10, 25, 9, minute))
const told = (id: string, minute: number, more: Partial<Foldable> = {}): Foldable => ({
  ...{ id, record: `record of ${id}`, question: 'q34', kind: 'answer', via: 'statutory', stage: 'update', madeAt: at(minute) },
  ...more,
})
const states = (items: Foldable[]) => Object.fromEntries(fold(items).states)

test('what was told later counts, and what was told before stays in the history', () => {
  const items = [told('c', 3, { stage: 'final' }), told('a', 1, { stage: 'initial' }), told('b', 2)]
  assert.deepEqual(fold(items).answers, [{ question: 'q34', via: 'statutory', current: 'c', history: ['a', 'b', 'c'] }])
  assert.deepEqual(states(items), { a: 'superseded', b: 'superseded', c: 'current' })
})

test('what is told after a final report counts too; the stage settles only what was made at the same instant', () => {
  assert.equal(fold([told('late', 9), told('final', 3, { stage: 'final' })]).answers[0]!.current, 'late')
  const same = [told('a', 1, { stage: 'final' }), told('b', 1, { stage: 'initial' }), told('c', 1)]
  assert.deepEqual(fold(same).answers[0]!.history, ['b', 'c', 'a'])
})

test('a correction marks what was wrong, whatever a clock says, and takes its place', () => {
  const items = [told('a', 5), told('b', 7), told('put right', 3, { corrects: 'b' })]
  assert.deepEqual(states(items), { 'a': 'superseded', 'b': 'corrected', 'put right': 'current' })
  assert.deepEqual(fold(items).answers[0]!.history.indexOf('put right') > fold(items).answers[0]!.history.indexOf('b'), true)
  const twice = [told('a', 1), told('b', 2, { corrects: 'a' }), told('c', 3, { corrects: 'b' })]
  assert.deepEqual(states(twice), { a: 'corrected', b: 'corrected', c: 'current' })
})

test('a correction is nothing to another question, nor to another door', () => {
  const other = told('x', 3, { question: 'q35', corrects: 'a' })
  assert.deepEqual(states([told('a', 1), other]), { a: 'current', x: 'current' })
})

test('[consent-before-disclosure] what came by permission stands beside what the organisation reported, never over or under it', () => {
  const permitted = (id: string): Foldable => ({ id, record: 'd', question: 'q34', kind: 'answer', via: 'permission' })
  const items = [told('a', 1), permitted('p'), permitted('q'), told('b', 2)]
  assert.deepEqual(states(items), { a: 'superseded', b: 'current', p: 'current', q: 'current' })
  assert.deepEqual(
    fold(items).answers.map(({ via, history }) => [via, history]),
    [
      ['permission', ['p']],
      ['permission', ['q']],
      ['statutory', ['a', 'b']],
    ],
  )
})

test('a finding is nobody\u2019s answer, and an attachment takes no other\u2019s place', () => {
  const finding = (id: string): Foldable => ({ id, record: id, question: 'q34', kind: 'finding', via: 'in-confidence' })
  const items = [
    told('a', 1, { via: 'in-confidence' }),
    finding('f'),
    finding('g'),
    told('x', 2, { question: 'attachment' }),
    told('y', 3, { question: 'attachment' }),
  ]
  assert.deepEqual(new Set(Object.values(states(items))), new Set(['current']))
})

const some = fc.uniqueArray(
  fc.record({
    id: fc.integer({ min: 0, max: 40 }).map(String),
    record: fc.constantFrom('r1', 'r2', 'r3', 'r4'),
    question: fc.constantFrom('q19', 'q34', 'attachment'),
    kind: fc.constantFrom('answer' as const, 'answer' as const, 'finding' as const),
    via: fc.constantFrom<Via>('statutory', 'in-confidence', 'permission'),
    stage: fc.constantFrom<Stage>('initial', 'update', 'final'),
    minute: fc.integer({ min: 0, max: 5 }),
    corrects: fc.option(fc.integer({ min: 0, max: 40 }).map(String), { nil: undefined }),
  }),
  { selector: ({ id }) => id, maxLength: 25 },
)
type Drawn = { kind: Foldable['kind']; via: Via; stage: Stage; minute: number; corrects: string | undefined } & Pick<
  Foldable,
  'id' | 'record' | 'question'
>
/** As casework keeps them: only a report has a stage and a time, and only its items correct. */
function asKept({ minute, stage, corrects, ...item }: Drawn): Foldable {
  if (item.via === 'permission' || item.kind === 'finding') return item
  return { ...item, stage, madeAt: at(minute), ...(corrects !== undefined && corrects !== item.id && { corrects }) }
}
const bag = some.map((drawn) => drawn.map(asKept))
const often = { numRuns: runs(300), seed }

test('whichever arrived first, the fold is the same', () => {
  const shuffled = bag.chain((items) => fc.tuple(fc.constant(items), fc.shuffledSubarray(items, { minLength: items.length })))
  fc.assert(
    fc.property(shuffled, ([items, other]) => {
      assert.deepEqual(fold(other).answers, fold(items).answers)
      assert.deepEqual(new Map([...fold(other).states].sort()), new Map([...fold(items).states].sort()))
    }),
    often,
  )
})

test('every item stands in exactly one history, and has a state', () => {
  fc.assert(
    fc.property(bag, (items) => {
      const { answers, states } = fold(items)
      const ids = items.map(({ id }) => id).sort()
      assert.deepEqual(answers.flatMap(({ history }) => history).sort(), ids)
      assert.deepEqual([...states.keys()].sort(), ids)
    }),
    often,
  )
})

test('every history is of one question and one door, and ends in one current item', () => {
  fc.assert(
    fc.property(bag, (items) => {
      const known = new Map(items.map((item) => [item.id, item]))
      const { answers, states } = fold(items)
      for (const { question, via, current, history } of answers) {
        assert.ok(history.every((id) => known.get(id)!.question === question && known.get(id)!.via === via))
        assert.deepEqual(
          history.filter((id) => states.get(id) === 'current'),
          [current],
        )
      }
    }),
    often,
  )
})

test('[consent-before-disclosure] nothing that came by permission is ever superseded or corrected, and it supersedes nothing', () => {
  fc.assert(
    fc.property(bag, (items) => {
      const { states } = fold(items)
      const own = items.filter(({ via }) => via !== 'permission')
      const without = fold(own).states
      for (const { id, via } of items) {
        if (via === 'permission') assert.equal(states.get(id), 'current')
        else assert.equal(states.get(id), without.get(id))
      }
    }),
    often,
  )
})

test('without corrections what counts is what was made last', () => {
  fc.assert(
    fc.property(bag, (all) => {
      const items = all.map(({ corrects: _, ...item }) => item)
      const known = new Map(items.map((item) => [item.id, item]))
      for (const { current, history } of fold(items).answers)
        for (const id of history) assert.ok((known.get(id)!.madeAt ?? 0) <= (known.get(current)!.madeAt ?? 0))
    }),
    often,
  )
})

test('[encourage-engagement] [regimes] each item says by which door it came, and what binds it', () => {
  const conditions = new Map([['keep-marking', 'Keep the marking it carries']])
  const handling = (via: Via, rules: string[] | null = null, restricted = false) => handlingOf({ via, rules, restricted }, conditions)
  assert.deepEqual(doorOf('in-confidence'), { number: 1, clause: 'encourage-engagement' })
  assert.deepEqual(doorOf('statutory'), { number: 2, clause: 'regimes' })
  assert.deepEqual(doorOf('permission'), { number: 3, clause: 'consent-before-disclosure' })
  assert.match(handling('in-confidence').join(), /NCSC only.*door 3 with signed permission/)
  assert.match(handling('statutory').join(), /ICO only/)
  assert.deepEqual(handling('permission', ['keep-marking', 'named-readers']), ['Keep the marking it carries', 'named-readers'])
  assert.deepEqual(handling('permission', ['keep-marking'], true)[0], 'Restricted: shown to nobody')
})
