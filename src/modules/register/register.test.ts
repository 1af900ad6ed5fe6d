import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AuthorityId } from '#exchange'
import { questions } from '#reporting'
import { runs } from '../../../checks/runs.ts'
import { mistakesIn, standingOf, type Addition } from './addition.ts'
import { csvOf } from './csv.ts'
import { effects, entryOf, facts, registerOf, remedies, type Answered, type Known } from './register.ts'
import { inTime, inWords } from './words.ts'

const at = (minute: number): Date => new Date(Date.UTC(2026, 10, 25, 9, minute))
const drafted = (question: string, value: unknown, body: AuthorityId, minute = 0): Answered => ({
  question,
  value,
  audience: [body],
  from: 'draft',
  at: at(minute),
  by: 'Asha Bell',
})
const filed = (question: string, value: unknown, body: AuthorityId, minute = 0): Answered => ({
  ...drafted(question, value, body, minute),
  from: 'filed',
  by: '7c9e1d1a-0000-4000-8000-000000000000',
  stage: 'initial',
  item: 'an item',
})
const report = (body: AuthorityId): Known['reports'][number] => ({
  body,
  at: at(5).toISOString(),
  reference: `${body.toUpperCase()}-2345-6789`,
  stage: 'initial',
  state: 'not-yet-received',
  receipt: null,
})
const known = (change: Partial<Known> = {}): Known => ({
  incident: {
    id: '00000000-0000-4000-8000-000000000001',
    reference: 'INC-2345-6789',
    title: 'Ransomware',
    kind: 'incident',
    openedAt: at(0).toISOString(),
  },
  answers: [],
  additions: [],
  reports: [],
  moments: [],
  ...change,
})
const own = (change: Partial<Known>) => entryOf(known(change), 'own')
const unknown = { notYetKnown: true }

test('every answer the register takes is one of the list', () => {
  const ids = new Set(questions.map(({ id }) => id))
  for (const id of [...facts, ...Object.values(effects), ...remedies, 'q15']) assert.ok(ids.has(id), id)
})

test('an entry has facts, effects and remedial action, and says for whom each was written and whether it was sent', () => {
  const answers = [
    filed('q19', 'Files were encrypted', 'ico'),
    drafted('q36-people', 1200, 'ico', 1),
    drafted('q42', 'Restored from backups', 'ncsc', 2),
    drafted('q26', 'indicators are for the NCSC, and no fact of a register', 'ncsc', 3),
  ]
  const entry = own({ answers })
  assert.deepEqual(
    entry.facts.map(({ label, words, writtenFor, sent, by }) => [label, words, writtenFor, sent, by]),
    [['What happened?', ['Files were encrypted'], 'ico', true, undefined]],
  )
  assert.deepEqual([entry.effects.people?.words, entry.effects.people?.sent, entry.effects.people?.by], [['1,200'], false, 'Asha Bell'])
  assert.deepEqual(
    entry.remedialAction.map(({ writtenFor }) => writtenFor),
    ['ncsc'],
  )
})

test('the latest words count, the ICO\u2019s before the NCSC\u2019s, and something known before what is not', () => {
  const said = (...answers: Answered[]) => own({ answers }).facts.map(({ value, sent, by }) => [value, sent, by])
  assert.deepEqual(said(filed('q19', 'first', 'ico'), filed('q19', 'second', 'ico', 1)), [['second', true, undefined]])
  assert.deepEqual(said(filed('q19', 'for the ICO', 'ico'), filed('q19', 'for the NCSC', 'ncsc', 9)), [['for the ICO', true, undefined]])
  assert.deepEqual(said(filed('q19', unknown, 'ico', 9), filed('q19', 'for the NCSC', 'ncsc')), [['for the NCSC', true, undefined]])
  assert.deepEqual(said(filed('q19', unknown, 'ncsc')), [[unknown, true, undefined]])
  // A draft that says what was sent is kept a moment after it was sent, and is no change.
  assert.deepEqual(said(filed('q19', 'same', 'ico'), drafted('q19', 'same', 'ico', 1)), [['same', true, 'Asha Bell']])
  assert.deepEqual(said(filed('q19', 'sent', 'ico'), drafted('q19', 'changed since', 'ico', 1)), [['changed since', false, 'Asha Bell']])
  assert.deepEqual(said(drafted('q19', 'older draft', 'ico'), filed('q19', 'sent', 'ico', 1)), [['sent', true, undefined]])
})

test('awareness is what was said last of it, with who decided and why', () => {
  const moment = { event: 'aware' as const, zone: 'Europe/London', decidedBy: 'Tomos Reid', why: 'The list was found', by: 'Asha Bell' }
  const moments = [{ ...moment, at: '2026-11-24T22:15:00+00:00', recordedAt: at(0) }]
  assert.deepEqual(own({ moments }).aware, {
    at: '2026-11-24T22:15:00+00:00',
    decidedBy: 'Tomos Reid',
    why: 'The list was found',
    by: 'Asha Bell',
    saidAt: at(0).toISOString(),
  })
  const takenBack = { ...moment, at: null, why: 'It was another list', recordedAt: at(1) }
  assert.equal(own({ moments: [...moments, takenBack] }).aware, undefined)
  assert.equal(own({ answers: [filed('q16-time', '2026-11-24T22:15:00Z', 'ico')] }).aware?.at, '2026-11-24T22:15:00Z')
})

test('the reason for not reporting stands only while the ICO was not told', () => {
  const additions = [{ notReportedBecause: 'No risk to anybody', by: 'Tomos Reid', at: at(1) }]
  assert.deepEqual(own({ additions, reports: [report('ncsc')] }).notReportedBecause?.words, ['No risk to anybody'])
  assert.equal(own({ additions, reports: [report('ico')] }).notReportedBecause, undefined)
})

test('what stands is the latest of each part; what was taken back is gone from it and not from the history', () => {
  const additions: Addition[] = [
    { effects: 'Some', remedialAction: 'Much', by: 'Asha Bell', at: at(0) },
    { effects: null, closed: { on: '2026-11-25', outcome: 'Restored' }, by: 'Tomos Reid', at: at(1) },
  ]
  assert.deepEqual(standingOf(additions), {
    remedialAction: { value: 'Much', by: 'Asha Bell', at: at(0) },
    closed: { value: { on: '2026-11-25', outcome: 'Restored' }, by: 'Tomos Reid', at: at(1) },
  })
  assert.deepEqual(standingOf([...additions, { closed: null, by: 'Tomos Reid', at: at(2) }]).closed, undefined)
})

test('what is added must say something that is text, and closes on a day that has come', () => {
  const fields = (input: Parameters<typeof mistakesIn>[0]) => mistakesIn(input, '2026-11-25').map(({ field }) => field)
  assert.deepEqual(fields({ effects: 'People could not log in\nfor a day', closed: { on: '2026-11-25', outcome: 'Restored' } }), [])
  assert.deepEqual(fields({ effects: null }), [])
  assert.deepEqual(fields({}), [''])
  assert.deepEqual(fields({ effects: ' ', remedialAction: 'x'.repeat(20_001), notReportedBecause: 'a\u0000b' }), [
    'notReportedBecause',
    'effects',
    'remedialAction',
  ])
  assert.deepEqual(fields({ closed: { on: '2026-11-26', outcome: '' } }), ['closed.on', 'closed.outcome'])
})

const anyAnswer = fc
  .record({
    question: fc.constantFrom(...facts, ...Object.values(effects), ...remedies, 'q15', 'q16-time', 'q26'),
    value: fc.oneof(fc.string({ minLength: 1 }), fc.constant(unknown)),
    body: fc.constantFrom<AuthorityId>('ico', 'ncsc'),
    minute: fc.integer({ min: 0, max: 59 }),
    sent: fc.boolean(),
  })
  .map(({ question, value, body, minute, sent }) => (sent ? filed : drafted)(question, value, body, minute))

test('[encourage-engagement] the copy for the ICO is the same whatever the NCSC was told', () => {
  const property = fc.property(fc.array(anyAnswer, { maxLength: 30 }), fc.boolean(), (answers, alsoNcsc) => {
    const quiet = known({ answers: answers.filter(({ audience }) => audience.includes('ico')), reports: [report('ico')] })
    const engaged = known({ answers, reports: [report('ico'), ...(alsoNcsc ? [report('ncsc')] : [])] })
    const nearMiss = known({ answers: [drafted('q19', 'almost', 'ncsc')], incident: { ...quiet.incident, kind: 'near-miss' } })
    const about = { asAt: at(59).toISOString(), copy: 'ico' as const }
    const [one, other] = [registerOf([quiet], about), registerOf([engaged, nearMiss], about)]
    assert.deepEqual(other, one)
    assert.equal(csvOf(other), csvOf(one))
    assert.ok(!JSON.stringify({ ...other, notes: [] }).includes('ncsc'))
  })
  fc.assert(property, { numRuns: runs(100) })
})

test('privileged words that counsel has not let go are in one\u2019s own register, marked, and not in the copy for the ICO', () => {
  const answers = [filed('q19', 'as sent', 'ico'), { ...drafted('q19', 'advice of counsel', 'ico', 1), privileged: true as const }]
  assert.deepEqual(
    own({ answers }).facts.map(({ value, privileged }) => [value, privileged]),
    [['advice of counsel', true]],
  )
  assert.deepEqual(
    entryOf(known({ answers }), 'ico').facts.map(({ value }) => value),
    ['as sent'],
  )
})

test('the newest comes first, and near misses stand apart', () => {
  const named = (reference: string, kind: 'incident' | 'near-miss' = 'incident') =>
    known({ incident: { ...known().incident, reference, kind } })
  const made = registerOf([named('first'), named('almost', 'near-miss'), named('second')], { asAt: at(0).toISOString(), copy: 'own' })
  assert.deepEqual(
    [made.entries, made.nearMisses].map((all) => all.map(({ reference }) => reference)),
    [['second', 'first'], ['almost']],
  )
  const empty = registerOf([], { asAt: at(0).toISOString(), copy: 'own' })
  assert.deepEqual([empty.entries, empty.nearMisses, empty.basis.confidence], [[], [], 'unconfirmed'])
})

/** Reads RFC 4180 as its grammar has it; a small reader of its own, so that the writer is not its own judge. */
function cellsOf(csv: string): string[][] {
  const lines: string[][] = [[]]
  for (const [, cell, end] of csv.replace(/^\uFEFF/, '').matchAll(/"((?:[^"]|"")*)"(,|\r\n)/g)) {
    lines.at(-1)!.push(cell!.replaceAll('""', '"'))
    if (end === '\r\n') lines.push([])
  }
  return lines.slice(0, -1)
}

test('a spreadsheet gets quoted text and never a formula', () => {
  const title = (typed: string): string => {
    const made = registerOf([known({ incident: { ...known().incident, title: typed } })], { asAt: at(0).toISOString(), copy: 'own' })
    const [head, line] = cellsOf(csvOf(made))
    assert.equal(line!.length, head!.length)
    return line![head!.indexOf('Title')]!
  }
  for (const sly of ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', ' =1', '\n@x', '\u00A0=1', '＝1', '=HYPERLINK("http://x","y")'])
    assert.equal(title(sly), `'${sly}`)
  for (const plain of ['Ransomware', 'a=b', 'say "no", twice', 'two\nlines', "'quoted'"]) assert.equal(title(plain), plain)
})

test('no text whatever becomes a cell that begins like a formula', () => {
  const property = fc.property(fc.string({ unit: 'binary' }), (typed) => {
    const made = registerOf([known({ answers: [drafted('q15', typed, 'ico')], incident: { ...known().incident, title: typed } })], {
      asAt: at(0).toISOString(),
      copy: 'own',
    })
    for (const cell of cellsOf(csvOf(made)).flat()) assert.doesNotMatch(cell, /^\s*[=+\-@]/)
  })
  fc.assert(property, { numRuns: runs(200) })
})

test('answers are put into words a person reads', () => {
  assert.deepEqual(inWords(unknown), ['Not yet known'])
  assert.deepEqual(inWords(['Basic details', 'Health']), ['Basic details', 'Health'])
  assert.deepEqual(inWords('one\r\n\r\ntwo'), ['one', 'two'])
  assert.deepEqual(inWords({ scheme: 'companies-house', id: '01234567' }), ['companies-house: 01234567'])
  assert.deepEqual(inWords('2026-07-01T08:05:00Z', 'date-time'), ['1 July 2026 at 9:05am'])
  assert.deepEqual(inWords('soon', 'date-time'), ['soon'])
  assert.deepEqual(inWords({ declined: true, reason: 'No' }), ['You said that you will not answer this here', 'No'])
  assert.deepEqual(inWords({ odd: 1 }), ['{"odd":1}'])
  assert.equal(inTime('2026-11-25T12:00:00Z'), '25 November 2026 at 12:00pm')
})
