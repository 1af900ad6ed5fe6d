import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { randomFrom, type Random } from '#platform/context'
import { Refusal } from '#platform/errors'
import { itemsOf, mistakesIn, missingFrom, payloadOf, readPayload, toldBy, viewsOf, type Answer } from './incident.ts'
import { authorities, questions } from './questions.ts'
import { arbitraryAnswer, arbitraryReport } from './testing.ts'

const list = questions
const organisation = { id: '6f0f4a53-5d7b-4a37-9a0b-2f6d1b1f6c01', name: 'Marlow Fresh Limited', identifiers: [], verified: true }

const seeded = (seed: number): Random => {
  let n = 0
  return randomFrom((length) =>
    Buffer.concat([0, 1].map((part) => createHash('sha256').update(`${seed} ${n++} ${part}`).digest())).subarray(0, length),
  )
}

test('an answer addressed to a body whose question it is not is refused, and the pointer names it', () => {
  fc.assert(
    fc.property(arbitraryAnswer, (answer) => {
      const foreign = answer.audience.some(
        (body) => !(list.find(({ id }) => id === answer.question)!.authorities as string[]).includes(body),
      )
      assert.deepEqual([...new Set(mistakesIn([answer], list).map(({ field }) => field))], foreign ? ['answers.0.audience'] : [])
    }),
  )
})

test('two views of one report share no item id and no salt, and neither says that there is another', () => {
  fc.assert(
    fc.property(arbitraryReport, fc.integer(), (answers, seed) => {
      const random = seeded(seed)
      const views = viewsOf(answers)
      const items = authorities.map((body) => itemsOf(views[body] ?? [], random))
      const secrets = items.flat().flatMap(({ id, salt }) => [id, salt])
      assert.equal(new Set(secrets).size, secrets.length)
      const bytes = items.map((own) => payloadOf({ organisation, stage: 'initial', items: own }).toString())
      assert.ok(items[0]!.every(({ id, salt }) => !bytes[1]!.includes(id) && !bytes[1]!.includes(salt)))
      assert.ok(bytes.every((text) => !text.includes('audience')))
    }),
    { numRuns: 50 },
  )
})

test('what is written for one body alone stands nowhere in what the other gets', () => {
  const answers: Answer[] = [
    { question: 'q19', value: 'words for the regulator', audience: ['ico'] },
    { question: 'q19', value: 'canary for the NCSC', audience: ['ncsc'] },
    { question: 'q26', value: 'second canary', audience: ['ncsc'] },
  ]
  assert.deepEqual(mistakesIn(answers, list), [])
  const views = viewsOf(answers)
  assert.deepEqual(views.ico, [{ question: 'q19', value: 'words for the regulator' }])
  assert.doesNotMatch(payloadOf({ organisation, stage: 'initial', items: itemsOf(views.ico!, seeded(1)) }).toString(), /canary/)
})

test('a body that no answer is for gets no view at all', () => {
  assert.deepEqual(Object.keys(viewsOf([{ question: 'q26', value: 'x', audience: ['ncsc'] }])), ['ncsc'])
})

const faults: [string, unknown, string][] = [
  ['a question that is not on the list', { question: 'q99', value: 'x', audience: ['ico'] }, 'answers.1.question'],
  ['nobody to tell', { question: 'q21', value: 'Yes', audience: [] }, 'answers.1.audience'],
  ['a body that does not exist', { question: 'q21', value: 'Yes', audience: ['police'] }, 'answers.1.audience'],
  ['a body named twice', { question: 'q21', value: 'Yes', audience: ['ico', 'ico'] }, 'answers.1.audience'],
  ['no value', { question: 'q21', audience: ['ico'] }, 'answers.1.value'],
  ['a value that is not a choice', { question: 'q21', value: 'Maybe', audience: ['ico'] }, 'answers.1.value'],
  ['the same question to the same body again', { question: 'q15', value: '2026-11-23T04:55:00Z', audience: ['ico'] }, 'answers.1.question'],
]

for (const [what, answer, field] of faults)
  test(`refused with a pointer: ${what}`, () => {
    const first = { question: 'q15', value: '2026-11-23T04:00:00Z', audience: ['ico'] }
    assert.deepEqual(
      mistakesIn([first, answer as Answer], list).map((mistake) => mistake.field),
      [field],
    )
  })

test('every fault of a report is told at once', () => {
  const wrong = faults.slice(0, 6).map(([, answer]) => answer as Answer)
  assert.deepEqual(new Set(mistakesIn(wrong, list).map(({ field }) => field.split('.')[1])), new Set(['0', '1', '2', '3', '4', '5']))
})

test('whoever has not signed in says who reports and for whom; "not yet known" is enough', () => {
  assert.equal(missingFrom([{ question: 'q21', value: 'Yes' }], 'ico').length, 2)
  const honest = ['q01-name', 'q07-name'].map((question) => ({ question, value: { notYetKnown: true } }))
  assert.deepEqual(missingFrom(honest, 'ico'), [])
  assert.equal(toldBy(honest, 'id', undefined).name, 'Not yet known')
})

test('an unverified organisation is to a body what that body was told, and keeps what it was told before', () => {
  const told = toldBy(
    [
      { question: 'q01-name', value: 'Marlow' },
      { question: 'q01-identifier', value: { scheme: 'charity', id: '1' } },
    ],
    'id',
    undefined,
  )
  assert.deepEqual(told, { id: 'id', name: 'Marlow', identifiers: [{ scheme: 'charity', id: '1' }], verified: false })
  assert.deepEqual(toldBy([], 'id', told), told)
})

test('a payload is canonical and comes back as it was; one too large for an envelope is refused', () => {
  const payload = { organisation, stage: 'initial' as const, items: itemsOf([{ question: 'q50', value: 'x' }], seeded(2)) }
  assert.deepEqual(readPayload(payloadOf(payload)), payload)
  const huge = Array.from({ length: 50 }, () => ({ question: 'q50', value: 'x'.repeat(20_000) }))
  assert.throws(
    () => payloadOf({ ...payload, items: itemsOf(huge, seeded(3)) }),
    (error) => error instanceof Refusal && error.code === 'too-large',
  )
})
