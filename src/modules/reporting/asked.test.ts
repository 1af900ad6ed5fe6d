import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { runs, seed } from '../../../checks/runs.ts'
import { isAsked, outstanding, ruledOutBy, type Given } from './asked.ts'
import { questionById, questions } from './questions.ts'
import { arbitraryReport } from './testing.ts'

const notYetKnown = { notYetKnown: true }
const given = (answers: Record<string, unknown>): Given[] => Object.entries(answers).map(([question, value]) => ({ question, value }))
const asked = (id: string, answers: Record<string, unknown>, at?: Date): boolean => isAsked(questionById.get(id)!, given(answers), at)

const cases: [id: string, when: Record<string, unknown>[], never: Record<string, unknown>[]][] = [
  ['q11-mandate', [{ 'q11-acting': 'Yes' }], [{}, { 'q11-acting': 'No' }, { 'q11-acting': notYetKnown }]],
  [
    'q16-nis',
    [{ q05: ['Controller', 'Operator of an essential service'] }, { q05: ['Relevant digital service provider'] }],
    [{}, { q05: ['Controller'] }],
  ],
  ['q31-users', [{ q05: ['Relevant digital service provider'] }], [{}, { q05: ['Processor'] }, { q05: notYetKnown }]],
  ['q14-to', [{}, { 'q18-going-on': 'No' }, { 'q18-going-on': "Don't know" }], [{ 'q18-going-on': 'Yes' }]],
  [
    'q18-duration',
    [{ 'q18-going-on': 'No' }, { 'q18-going-on': 'No', 'q14-to': notYetKnown }],
    [{}, { 'q18-going-on': 'Yes' }, { 'q18-going-on': 'No', 'q14-to': '2026-11-23T22:15:00Z' }],
  ],
  ['q22-category', [{ q21: "Don't know" }], [{}, { q21: 'Yes' }, { q21: 'No' }]],
  ['q24-route', [{}, { q21: 'Yes' }, { q21: "Don't know" }, { q21: notYetKnown }], [{ q21: 'No' }]],
  ['q23-which', [{ 'q23-affected': 'Yes' }], [{}, { 'q23-affected': 'No' }, { 'q23-affected': 'Yes', 'q21': 'No' }]],
  ['q25-paid', [{}, { 'q25-demanded': 'Yes' }], [{ 'q25-demanded': 'No' }, { q21: 'No' }]],
  [
    'q29',
    [{}, { q21: 'Yes' }, { q21: 'No', q05: ['Relevant digital service provider'] }],
    [{ q21: 'No' }, { q21: 'No', q05: ['Controller'] }],
  ],
  ['q34-other', [{ q34: ['Health', 'Other'] }], [{}, { q34: ['Health'] }]],
  ['q37', [{}, { q35: ['Patients'] }, { q35: notYetKnown }], [{ q35: ['Patients', 'Children'] }]],
  ['q47-when', [{ 'q47-told': 'Yes' }, { 'q47-told': 'About to' }], [{}, { 'q47-told': 'Decided not to' }]],
  ['q47-why-not', [{ 'q47-told': 'Decided not to' }], [{}, { 'q47-told': 'Yes' }]],
  ['q19', [{}, { q21: 'No' }], []],
]

for (const [id, when, never] of cases)
  test(`${id} is asked when it arises, and not otherwise`, () => {
    for (const answers of when) assert.equal(asked(id, answers), true, JSON.stringify(answers))
    for (const answers of never) assert.equal(asked(id, answers), false, JSON.stringify(answers))
  })

test('the reason for lateness is asked only of a report that is later than 72 hours, by either awareness', () => {
  const aware = '2026-11-20T10:00:00+01:00'
  const [onTime, late] = [new Date('2026-11-23T09:00:00Z'), new Date('2026-11-23T09:00:00.001Z')]
  for (const question of ['q16-time', 'q16-nis']) {
    assert.equal(asked('q17', { [question]: aware }, onTime), false)
    assert.equal(asked('q17', { [question]: aware }, late), true)
    assert.equal(asked('q17', { [question]: notYetKnown }, late), false)
  }
  assert.equal(asked('q17', { 'q16-time': aware }), false)
  assert.equal(asked('q17', {}, late), false)
})

test('of two answers to one body the later counts; of two bodies told differently either may call for a question', () => {
  const say = (value: string, audience: string[]): Given => ({ question: 'q21', value, audience })
  const route = questionById.get('q24-route')!
  assert.equal(isAsked(route, [say('Yes', ['ico']), say('No', ['ico'])]), false)
  assert.equal(isAsked(route, [say('No', ['ico']), say('Yes', ['ico'])]), true)
  assert.equal(isAsked(route, [say('No', ['ico']), say('Yes', ['ncsc'])]), true)
})

test('an answer rules a question out only where there is an answer, and names the question it was to', () => {
  const by = (id: string, answers: Record<string, unknown>): string[] => ruledOutBy(questionById.get(id)!, given(answers))
  assert.deepEqual(by('q25-note', { 'q21': 'No', 'q25-demanded': 'No' }), ['q21', 'q25-demanded'])
  assert.deepEqual(by('q25-note', {}), [])
  assert.deepEqual(by('q29', { q21: 'No' }), [])
  assert.deepEqual(by('q29', { q21: 'No', q05: ['Controller'] }), ['q21', 'q05'])
  assert.deepEqual(by('q18-duration', { 'q18-going-on': 'No', 'q14-to': '2026-11-23T22:15:00Z' }), [])
})

const ids = (some: { question: string }[]): string[] => some.map(({ question }) => question)

test('with nothing told, a first report still needs its ten questions, and those to the NCSC alone its seven', () => {
  const firsts = (body: 'ico' | 'ncsc'): string[] => [...new Set(ids(outstanding([], body).first).map((id) => id.slice(0, 3)))]
  assert.deepEqual(firsts('ico'), ['q01', 'q05', 'q07', 'q08', 'q15', 'q16', 'q19', 'q21', 'q34', 'q36'])
  assert.deepEqual(firsts('ncsc'), ['q01', 'q05', 'q07', 'q08', 'q15', 'q19', 'q21'])
})

test('a first report that is late, or that somebody else writes, needs a word on that too', () => {
  const answers = given({ 'q16-time': '2026-11-20T10:00:00Z', 'q11-acting': 'Yes' })
  const first = ids(outstanding(answers, 'ico', new Date('2026-11-24T10:00:00Z')).first)
  for (const id of ['q11-who', 'q11-mandate', 'q17']) assert.ok(first.includes(id), id)
})

const art33 = ['q10-name', 'q10-contact', 'q19', 'q34', 'q35', 'q36-people', 'q36-records', 'q40', 'q42', 'q43']
const nis12 = ['q01-name', 'q14-from', 'q18-going-on', 'q19', 'q28', 'q29', 'q32-area', 'q32-cross-border']

test('a complete report is what Art 33(3) lists, and for a digital service provider what NIS reg 12(5) lists', () => {
  const complete = (roles: string[] | undefined): string[] => ids(outstanding(roles ? given({ q05: roles }) : [], 'ico').complete)
  assert.deepEqual(complete(undefined), art33)
  assert.deepEqual(complete(['Controller', 'Supplier']), art33)
  assert.deepEqual(complete(['Relevant digital service provider']), nis12)
  assert.deepEqual(new Set(complete(['Controller', 'Relevant digital service provider'])), new Set([...art33, ...nis12]))
  assert.deepEqual(complete(['Operator of an essential service']), art33)
})

test('the time until it ended is outstanding once it is over, and the reason for lateness once it is late', () => {
  const answers = given({
    'q05': ['Controller', 'Relevant digital service provider'],
    'q18-going-on': 'No',
    'q16-time': '2026-11-20T10:00:00Z',
  })
  const open = ids(outstanding(answers, 'ico', new Date('2026-11-24T10:00:00Z')).complete)
  assert.ok(open.includes('q18-duration') && open.includes('q17'))
  const inTime = ids(
    outstanding(given({ 'q18-going-on': 'Yes', 'q16-time': '2026-11-24T09:00:00Z' }), 'ico', new Date('2026-11-24T10:00:00Z')).complete,
  )
  assert.ok(!inTime.includes('q18-duration') && !inTime.includes('q17'))
})

test('"not yet known" stays outstanding and says so, also where a list has its own words for it; an answer does not', () => {
  const state = (id: string, value: unknown): string | undefined =>
    outstanding([{ question: id, value }], 'ico').first.find(({ question }) => question === id)?.state
  assert.equal(state('q34', undefined), 'not-yet-known')
  assert.equal(state('q34', notYetKnown), 'not-yet-known')
  assert.equal(state('q34', ['Not yet known']), 'not-yet-known')
  assert.equal(state('q21', "Don't know"), 'not-yet-known')
  assert.equal(state('q34', ['Not yet known', 'Health']), undefined)
  assert.equal(state('q21', 'No'), undefined)
  assert.equal(state('q36-people', 0), undefined)
})

test('what is outstanding to one body does not depend on what the other was told', () => {
  fc.assert(
    fc.property(arbitraryReport, (answers) => {
      for (const body of ['ico', 'ncsc'] as const) {
        const own = answers.filter(({ audience }) => audience.includes(body))
        assert.deepEqual(outstanding(answers, body), outstanding(own, body))
        assert.ok(outstanding(answers, body).complete.every(({ question }) => questionById.get(question)!.authorities.includes(body)))
      }
    }),
    { numRuns: runs(200), seed },
  )
})

test('a report that answers every question leaves nothing outstanding', () => {
  const answered = questions.map(({ id, type, choices }) => ({
    question: id,
    value: type === 'whole-number' ? 1 : (choices?.[0] ?? 'said'),
  }))
  for (const body of ['ico', 'ncsc'] as const) assert.deepEqual(outstanding(answered, body), { first: [], complete: [] })
})
