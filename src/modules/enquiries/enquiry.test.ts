import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonical } from '#platform/canonical'
import { Refusal } from '#platform/errors'
import { checkAnswer, checkEnquiry, clauseFor, declineOf, means, readWords, samenessOf, shown, stateOf } from './enquiry.ts'

const known = new Set(['q34'])
const fieldOf = (field: string) => (error: unknown) => error instanceof Refusal && error.detail.mistakes?.[0]?.field === field
const bytes = (value: unknown) => Buffer.from(canonical(value))

test('a question travels as it was typed, with what it is about and by when', () => {
  const typed = { text: ' How many people? ', about: 'q34', neededBy: '2026-12-01', urgent: true }
  const words = checkEnquiry(typed, '2026-11-25', known)
  assert.deepEqual(words, { text: 'How many people?', about: 'q34', neededBy: '2026-12-01', urgent: true })
  assert.deepEqual(readWords(bytes(words)), words)
  assert.deepEqual(checkEnquiry({ text: 'Why?', urgent: false }, '2026-11-25', known), { text: 'Why?' })
  assert.deepEqual(checkEnquiry({ text: 'Today?', neededBy: '2026-11-25' }, '2026-11-25', known).neededBy, '2026-11-25')
})

test('no words, too many, a question that does not exist and a day that is past are refused at their field', () => {
  const check = (typed: object) => () => checkEnquiry({ text: 'Why?', ...typed }, '2026-11-25', known)
  assert.throws(check({ text: ' ' }), fieldOf('text'))
  assert.throws(check({ text: 'x'.repeat(5_001) }), fieldOf('text'))
  assert.throws(check({ text: 'nul \u0000' }), fieldOf('text'))
  assert.throws(check({ about: 'q99' }), fieldOf('about'))
  assert.throws(check({ neededBy: '2026-11-24' }), fieldOf('neededBy'))
})

test('what no officer could have had sent is refused when it arrives', () => {
  const wrong = [
    bytes({}),
    bytes({ text: '' }),
    bytes({ text: 'x'.repeat(5_001) }),
    bytes({ text: 'Why?', more: 1 }),
    bytes({ text: 'Why?', urgent: false }),
    bytes({ text: 'Why?', neededBy: 'soon' }),
    bytes({ text: 'Why?', about: 'Q 1' }),
    Buffer.from('{ "text": "Why?" }'),
    Buffer.from(''),
    Buffer.from([0xff]),
  ]
  for (const payload of wrong)
    assert.throws(
      () => readWords(payload),
      (error) => error instanceof Refusal && error.code === 'envelope-invalid',
      payload.toString(),
    )
})

test('the same question is the same however it is spaced and written large', () => {
  const same = (one: string, other: string) => assert.deepEqual(samenessOf({ text: one }), samenessOf({ text: other }))
  same('How many  people?', ' how many\npeople? ')
  assert.notDeepEqual(samenessOf({ text: 'How many people?' }), samenessOf({ text: 'How many patients?' }))
})

test('[encourage-engagement] [regimes] each body asks under its own clause, and neither is said to have to be answered', () => {
  assert.deepEqual([clauseFor('ncsc'), clauseFor('ico')], ['encourage-engagement', 'regimes'])
  assert.match(means.ncsc, /voluntary/)
  assert.match(means.ico, /need not answer here.*recorded.*s\.142.*not advice/)
})

test('how a question stands follows from the last answer, and from whether it was taken back', () => {
  const [yes, no] = [{ value: 'About 300.' }, { value: declineOf('Counsel says no.') }]
  assert.equal(stateOf([], false), 'open')
  assert.equal(stateOf([yes], false), 'answered')
  assert.equal(stateOf([{ value: { notYetKnown: true } }], false), 'answered')
  assert.equal(stateOf([no], false), 'declined')
  assert.equal(stateOf([no, yes], false), 'answered')
  assert.equal(stateOf([yes], true), 'withdrawn')
})

test('an answer is words or "not yet known"; a no is shown as a no, and its reason is words', () => {
  assert.equal(checkAnswer('About 300.'), 'About 300.')
  assert.throws(() => checkAnswer(' '), fieldOf('value'))
  assert.deepEqual(shown('About 300.'), { value: 'About 300.' })
  assert.deepEqual(shown(declineOf(undefined)), { declined: true })
  assert.deepEqual(shown(declineOf('No.')), { declined: true, reason: 'No.' })
  assert.deepEqual(shown({ declined: 'perhaps' }), { value: { declined: 'perhaps' } })
  assert.throws(() => declineOf(''), fieldOf('reason'))
})
