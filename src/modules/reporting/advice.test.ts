import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { runs, seed } from '../../../checks/runs.ts'
import { adviseOn, type Advice, type AdviceCode, type Advised } from './advice.ts'
import type { Given } from './asked.ts'
import { mistakesIn } from './incident.ts'
import { questions } from './questions.ts'
import { arbitraryReport } from './testing.ts'

const at = new Date('2026-11-23T12:00:00Z')
const given = (answers: Record<string, unknown>): Given[] => Object.entries(answers).map(([question, value]) => ({ question, value }))
const advice = (answers: Record<string, unknown>, earlier: Record<string, unknown> = {}): Advice[] =>
  adviseOn(given(answers), at, given(earlier))
/** Which answer is spoken of, and why. */
const about = (some: Advice[]): string[] => some.map(({ question, code }) => `${question} ${code}`)

type Case = [what: string, answers: Record<string, unknown>, says: `${string} ${AdviceCode}`[], earlier?: Record<string, unknown>]

const worthASecondLook: Case[] = [
  ['a time to come', { q15: '2026-11-23T12:05:01Z' }, ['q15 in-the-future']],
  ['a year mistyped', { 'q14-from': '2016-11-22T10:00:00Z' }, ['q14-from long-ago']],
  ['discovered before it began', { 'q14-from': '2026-11-22T10:00:00Z', 'q15': '2026-11-22T10:59:00+01:00' }, ['q15 out-of-order']],
  ['aware before it was discovered', { 'q15': '2026-11-22T10:00:00Z', 'q16-time': '2026-11-21T10:00:00Z' }, ['q16-time out-of-order']],
  ['ended before it began', { 'q14-from': '2026-11-22T10:00:00Z', 'q14-to': '2026-11-21T10:00:00Z' }, ['q14-to out-of-order']],
  ['out of order with what was told before', { q15: '2026-11-22T10:00:00Z' }, ['q15 out-of-order'], { 'q16-time': '2026-11-21T10:00:00Z' }],
  ['told already, and dated ahead', { 'q47-told': 'Yes', 'q47-when': '2026-12-01T10:00:00Z' }, ['q47-when in-the-future']],
  ['no cyber incident, but ransomware', { q21: 'No', 'q22-type': 'Ransomware' }, ['q21 contradiction']],
  ['no cyber incident after ransomware', { q21: 'No' }, ['q21 contradiction'], { 'q22-type': 'Ransomware' }],
  ['no cyber incident, in words that say otherwise', { q21: 'No', q19: 'Hackers got in.' }, ['q21 contradiction']],
  ['a cyber incident of a type that is none', { q21: 'Yes', 'q22-type': 'Failure to use bcc' }, ['q21 contradiction']],
  [
    'published, and not taken',
    { 'q39-published': 'Yes', 'q39-taken': 'Not that we have seen' },
    ['q39-taken contradiction', 'q39-taken no-evidence-of-theft'],
  ],
  ['fewer records than people', { 'q36-people': 20, 'q36-records': 10 }, ['q36-records contradiction']],
  ['kinds, and not known', { q34: ['Health', 'Not yet known'] }, ['q34 contradiction']],
  ['over, and still going on', { 'q14-to': '2026-11-22T10:00:00Z', 'q18-going-on': 'Yes' }, ['q14-to ruled-out']],
  ['paid what nobody demanded', { 'q25-demanded': 'No', 'q25-paid': 'Yes' }, ['q25-paid ruled-out']],
  ['a number that fell', { 'q36-people': 1_900 }, ['q36-people number-fell'], { 'q36-people': 2_140 }],
  ['known before', { q20: { notYetKnown: true } }, ['q20 known-before'], { q20: 'A call' }],
  ['a time that moved', { q15: '2026-11-22T10:00:00Z' }, ['q15 time-moved'], { q15: '2026-11-21T10:00:00Z' }],
  ['a kind that was dropped', { q34: ['Health'] }, ['q34 kind-dropped'], { q34: ['Health', 'Location data'] }],
  ['a number with figures to spare', { 'q36-people': 100_000_001 }, ['q36-people large-number']],
  ['no evidence of theft', { q39: 'There is no evidence that any data was exfiltrated.' }, ['q39 no-evidence-of-theft']],
  ['words that claim privilege', { q24: 'x', q43: 'We follow the legal advice we were given.' }, ['q43 may-be-privileged']],
  ['a person in a list', { q27: ['File server', 'Laptop of Mr Smith'] }, ['q27 personal-data']],
]

for (const [what, answers, says, earlier] of worthASecondLook)
  test(`worth a second look: ${what}`, () => assert.deepEqual(about(advice(answers, earlier)).sort(), says))

const fine: [what: string, answers: Record<string, unknown>, earlier?: Record<string, unknown>][] = [
  [
    'times in order, to the minute',
    { 'q14-from': '2026-11-22T10:00:00Z', 'q15': '2026-11-22T11:00:00+01:00', 'q16-time': '2026-11-22T10:00:00Z' },
  ],
  ['a clock a little fast', { q15: '2026-11-23T12:04:00Z' }],
  ['people to be told later', { 'q47-told': 'About to', 'q47-when': '2026-12-01T10:00:00Z', 'q49-embargo': '2027-01-01T00:00:00Z' }],
  ['ransomware, as a cyber incident', { 'q21': 'Yes', 'q22-type': 'Ransomware', 'q19': 'Ransomware encrypted the file server.' }],
  ['a type that stands in both categories', { 'q21': 'No', 'q22-type': 'Unauthorised access' }],
  ['a number that grew', { 'q36-people': 2_200 }, { 'q36-people': 2_140 }],
  ['the same time in another zone', { q15: '2026-11-22T11:00:00+01:00' }, { q15: '2026-11-22T10:00:00Z' }],
  ['not known before, known now', { q34: ['Health'], q20: 'A call' }, { q34: ['Not yet known'], q20: { notYetKnown: true } }],
  ['a kind more', { q34: ['Health', 'Location data'] }, { q34: ['Health'] }],
  ['privileged accounts', { 'q24-route': 'Through a privileged account, without a second factor.' }],
  [
    'people at work, where they are asked for',
    { 'q07-name': 'Dr Asha Bell', 'q10-contact': 'dpo@marlow-fresh.example', 'q12-ico': 'Ms Roe on 01632 960141' },
  ],
  ['only what was told before is odd', { q20: 'A call' }, { q21: 'No', 'q22-type': 'Ransomware' }],
  ['what no question knows', { q99: 'Mr Smith' }],
]

for (const [what, answers, earlier] of fine) test(`nothing to say: ${what}`, () => assert.deepEqual(advice(answers, earlier), []))

test('each find points at its answer and its place, and says the line', () => {
  const text = 'Order processing stopped.\nMr Smith and mrs.x@example.org were first, then Mr Jones.'
  const [email, names] = advice({ q20: 'fine', q19: text }).toSorted((one, other) => one.message.localeCompare(other.message))
  assert.deepEqual([email!.field, names!.field], ['answers.1.value', 'answers.1.value'])
  assert.deepEqual(
    names!.places!.map(({ from, to }) => text.slice(from, to)),
    ['Mr Smith', 'Mr Jones'],
  )
  assert.match(names!.message, /name of a person \(line 2\)/)
  assert.deepEqual(
    email!.places!.map(({ from, to }) => text.slice(from, to)),
    ['mrs.x@example.org'],
  )
})

test('a correction that says why is not told again that it shifts; an answer marked privileged is not asked whether it is', () => {
  const correction = { why: 'Counted twice' }
  const answers: Advised[] = [
    { question: 'q36-people', value: 10, audience: ['ico'], correction },
    { question: 'q43', value: 'We follow legal advice.', audience: ['ico'], privileged: true },
  ]
  assert.deepEqual(adviseOn(answers, at, [{ question: 'q36-people', value: 20, audience: ['ico'] }]), [])
})

test('what one body was told is held against that body\u2019s answers alone', () => {
  const earlier: Given[] = [{ question: 'q15', value: '2026-11-20T10:00:00Z', audience: ['ncsc'] }]
  const now = (audience: string[]): Given[] => [{ question: 'q15', value: '2026-11-21T10:00:00Z', audience }]
  assert.deepEqual(adviseOn(now(['ico']), at, earlier), [])
  assert.deepEqual(about(adviseOn(now(['ncsc']), at, earlier)), ['q15 time-moved'])
  assert.deepEqual(about(adviseOn(now(['ico', 'ncsc']), at, earlier)), ['q15 time-moved'])
})

test('two bodies told different facts is pointed out once; different words are not', () => {
  const to = (question: string, value: unknown, body: string): Given => ({ question, value, audience: [body] })
  const answers = [to('q21', 'Yes', 'ico'), to('q21', "Don't know", 'ncsc'), to('q19', 'One', 'ico'), to('q19', 'Two', 'ncsc')]
  assert.deepEqual(adviseOn(answers, at), [])
  const differing = adviseOn([to('q18-going-on', 'Yes', 'ico'), to('q18-going-on', 'No', 'ncsc')], at)
  assert.deepEqual(
    differing.map(({ field, code }) => [field, code]),
    [['answers.1.value', 'told-differently']],
  )
})

test('advice never blocks, never fails, and only ever points at an answer that was given', () => {
  fc.assert(
    fc.property(arbitraryReport, arbitraryReport, (answers, earlier) => {
      const all = adviseOn(answers, at, earlier)
      for (const { field, question, message } of all) {
        assert.equal(answers[Number(field.split('.')[1])]?.question, question)
        assert.ok(message.length > 10)
      }
      assert.equal(new Set(all.map((one) => JSON.stringify(one))).size, all.length)
      assert.deepEqual(mistakesIn(answers, questions), [])
    }),
    { numRuns: runs(200), seed },
  )
})

test('of answers with mistakes nothing is said, whatever they are; the others keep their places', () => {
  const answers = [
    { question: 'q99', value: 'Mr Smith' },
    { question: 'q27', value: 'Mr Smith' },
    { question: 'q20', value: 'Mr Smith' },
  ]
  assert.deepEqual(
    adviseOn(answers, at).map(({ field }) => field),
    ['answers.2.value'],
  )
  const anything = fc.record({ question: fc.constantFrom('q99', ...questions.map(({ id }) => id)), value: fc.anything() })
  fc.assert(
    fc.property(fc.array(anything, { maxLength: 10 }), (answers) => assert.ok(Array.isArray(adviseOn(answers, at, answers)))),
    { numRuns: runs(300), seed },
  )
})
