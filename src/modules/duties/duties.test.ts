import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FolderAnswer } from '#reporting'
import { runs, seed } from '../../../checks/runs.ts'
import { alarmsOf, alertsAt, dutiesOf, type Duty, type Sight } from './duties.ts'
import { awarenessHistory, mistakesIn, warningsOn, type Moment, type MomentInput } from './moments.ts'
import { regimes, startEvents } from './regimes.ts'

const HOUR = 3_600_000
const aware = '2026-11-23T10:00:00+00:00'
const t0 = Date.parse(aware)
const after = (hours: number): Date => new Date(t0 + hours * HOUR)

const says = (question: string, value: unknown, change: Partial<FolderAnswer> = {}): FolderAnswer => ({
  question,
  value,
  audience: ['ico'],
  from: 'draft',
  at: after(0),
  by: 'Asha Bell',
  ...change,
})
const moment = (change: Partial<Moment> = {}): Moment => ({
  event: 'aware',
  at: aware,
  zone: 'Europe/London',
  decidedBy: 'Tomos Reid',
  why: 'The file listing showed customer records.',
  by: 'Asha Bell',
  recordedAt: after(1),
  ...change,
})

type Given = { hours?: number; answers?: FolderAnswer[]; moments?: Moment[]; told?: Partial<Sight['told']> }
function sight({ hours = 2, answers = [], moments = [], told = {} }: Given): Sight {
  return {
    now: after(hours),
    answers,
    moments,
    awareness: awarenessHistory(moments, answers).at(-1),
    told: { ico: { state: 'not-sent' }, ncsc: { state: 'not-sent' }, ...told },
  }
}
const duties = (given: Given): Duty[] => dutiesOf(sight(given))
const duty = (id: string, given: Given): Duty => duties(given).find(({ regime }) => regime === id)!
const mayApply = (list: Duty[]): string[] => list.filter((one) => one.mayApply === true).map(({ regime }) => regime)

const always = ['uk-ncsc-voluntary', 'insurer-contract']
const controller = [says('q05', ['Controller']), says('q34', ['Health'])]

const roles: [name: string, answers: FolderAnswer[], mayApply: string[], not: string[]][] = [
  ['a controller', controller, ['uk-gdpr-33', ...always], ['uk-gdpr-33-processor', 'uk-nis-11', 'uk-nis-12']],
  [
    'a joint controller who thinks consequences likely',
    [says('q05', ['Joint controller']), says('q34', ['Health']), says('q41', 'Likely')],
    ['uk-gdpr-33', 'uk-gdpr-34', ...always],
    ['uk-gdpr-33-processor'],
  ],
  [
    'a controller who thinks consequences very unlikely',
    [...controller, says('q41', 'Very unlikely')],
    ['uk-gdpr-33', ...always],
    ['uk-gdpr-34'],
  ],
  [
    'a processor',
    [says('q05', ['Processor']), says('q34', ['Health'])],
    ['uk-gdpr-33-processor', ...always],
    ['uk-gdpr-33', 'uk-gdpr-34', 'uk-dpa-67'],
  ],
  [
    'an operator abroad too',
    [says('q05', ['Operator of an essential service']), says('q32-cross-border', 'Yes')],
    ['uk-nis-11', ...always, 'eu-nis2-23'],
    ['uk-gdpr-33', 'uk-nis-12'],
  ],
  ['a digital service provider', [says('q05', ['Relevant digital service provider'])], ['uk-nis-12', ...always], ['uk-nis-11']],
  [
    'a controller and digital service provider',
    [says('q05', ['Controller', 'Relevant digital service provider']), says('q34', ['Health'])],
    ['uk-gdpr-33', 'uk-nis-12', ...always],
    ['uk-nis-11'],
  ],
  [
    'a bank abroad too, hit by a cyber attack',
    [...controller, says('q03', 'Finance, insurance and credit'), says('q32-cross-border', 'Yes'), says('q21', 'Yes')],
    ['uk-gdpr-33', 'uk-ncsc-voluntary', 'uk-report-fraud', 'insurer-contract', 'eu-dora-19'],
    ['uk-pecr-5a', 'uk-eidas-19', 'uk-sra', 'uk-fca-pra-boe-incident'],
  ],
  [
    'a telecoms provider',
    [...controller, says('q03', 'Online Technology and Telecoms')],
    ['uk-gdpr-33', 'uk-pecr-5a', 'uk-comms-105k', ...always],
    ['uk-sra'],
  ],
  [
    'a law firm',
    [...controller, says('q03', 'Legal')],
    ['uk-gdpr-33', 'uk-ncsc-voluntary', 'uk-sra', 'insurer-contract'],
    ['uk-comms-105k'],
  ],
  [
    'a charity',
    [...controller, says('q03', 'Charitable and voluntary')],
    ['uk-gdpr-33', 'uk-ncsc-voluntary', 'uk-charity-commission', 'insurer-contract'],
    ['uk-nhs-dspt'],
  ],
  [
    'a hospital',
    [...controller, says('q03', 'Health')],
    ['uk-gdpr-33', 'uk-ncsc-voluntary', 'uk-nhs-dspt', 'insurer-contract'],
    ['uk-sra'],
  ],
  ['a police force', [...controller, says('q03', 'Justice')], ['uk-gdpr-33', 'uk-dpa-67', ...always], ['uk-sra']],
]

for (const [name, answers, may, not] of roles)
  test(`[regimes] which duties may apply to ${name}, why, and what would change it`, () => {
    const list = duties({ answers })
    assert.deepEqual(mayApply(list), may)
    for (const id of not) assert.equal(list.find(({ regime }) => regime === id)!.mayApply, false, id)
    for (const one of list) assert.ok(one.why.length > 10 && one.changes.length > 5, one.regime)
    const chosen = list.find(({ regime }) => regime === may[0])!
    if (!always.includes(chosen.regime)) assert.match(chosen.why, /\(q05\) you answered: /)
  })

test('with nothing answered nothing is ruled out by silence, and nothing is claimed', () => {
  const list = duties({})
  assert.deepEqual(mayApply(list), always)
  const out = list.filter((one) => one.mayApply === false).map(({ regime, standing }) => [regime, standing])
  assert.deepEqual(
    out.filter(([, standing]) => standing !== 'coming'),
    [['uk-dpa-108', 'in-force']],
  )
  assert.match(duty('uk-gdpr-33', {}).why, /not answered yet/)
})

test('\u201cnot yet known\u201d leaves open and is still owed', () => {
  const answers = [
    says('q05', { notYetKnown: true }),
    says('q34', ['Not yet known']),
    says('q36-people', { notYetKnown: true }),
    says('q19', 'Files were encrypted.'),
  ]
  const one = duty('uk-gdpr-33', { answers })
  assert.equal(one.mayApply, 'unknown')
  assert.deepEqual([one.answered, one.notYetKnown], [['q19'], ['q34', 'q36-people']])
  assert.ok(one.missing.includes('q36-people') && one.missing.includes('q40'))
})

test('what only the NCSC is told counts for no duty to the ICO, and the other way round', () => {
  const answers = [says('q19', 'For the NCSC.', { audience: ['ncsc'] }), says('q42', 'For the ICO.')]
  assert.deepEqual(duty('uk-gdpr-33', { answers }).answered, ['q42'])
  assert.deepEqual(duty('uk-ncsc-voluntary', { answers }).answered, ['q19'])
  assert.deepEqual(duty('uk-nis-11', { answers }).answered, ['q19'], 'who is told elsewhere may be told either')
})

test('coming law is shown, off: no time is counted and nothing rings, whatever happened', () => {
  const moments = startEvents.map((event) => moment({ event }))
  const answers = [...controller, says('q03', 'Finance, insurance and credit'), says('q32-cross-border', 'Yes')]
  const coming = duties({ answers, moments, hours: 20 }).filter(({ standing }) => standing === 'coming')
  assert.deepEqual(
    coming.map(({ regime }) => regime),
    ['uk-csr-bill', 'uk-fca-pra-boe-incident', 'uk-ransomware-proposal', 'eu-digital-omnibus', 'us-circia'],
  )
  for (const one of coming) {
    assert.equal(one.mayApply, false)
    assert.ok(one.clocks.length > 0 && one.clocks.every(({ dueAt, left, overdue }) => dueAt === null && left === null && !overdue))
    assert.match(one.why, /not in force/)
  }
  assert.deepEqual(alertsAt(coming, after(500)), [])
})

test('without a figure there is urgency and never a time', () => {
  const given = { answers: [says('q05', ['Processor', 'Controller']), says('q34', ['Health'])], moments: [moment()] }
  for (const id of ['uk-gdpr-33-processor', 'uk-gdpr-34']) {
    const [clock] = duty(id, given).clocks
    assert.deepEqual([clock!.startedAt, clock!.dueAt, clock!.left], [new Date(t0), null, null], id)
    assert.match(clock!.urgency, /No figure is set.*without delay/)
  }
})

test('a clock whose start is not established shows no time, whatever was recorded', () => {
  const moments = startEvents.map((event) => moment({ event }))
  const answers = [says('q03', 'Finance, insurance and credit'), says('q32-cross-border', 'Yes')]
  const dora = duty('eu-dora-19', { answers, moments })
  assert.deepEqual(
    dora.clocks.map(({ stage, dueAt }) => [stage, dueAt?.getTime()]),
    [
      ['initial', t0 + 4 * HOUR],
      ['initial, long stop', t0 + 24 * HOUR],
      ['intermediate', undefined],
      ['final', undefined],
    ],
  )
  assert.match(dora.clocks[3]!.urgency, /not established/)
  assert.ok(duty('ch-bacs', { answers, moments }).clocks.every(({ dueAt }) => dueAt === null))
})

test('[regimes] the ICO\u2019s clock runs 72 hours from awareness, and until its receipt is back says so, with the ICO\u2019s own form and number', () => {
  const given = { answers: controller, moments: [moment()], hours: 61 }
  const one = duty('uk-gdpr-33', { ...given, told: { ico: { state: 'not-yet-received' } } })
  const [clock] = one.clocks
  assert.deepEqual([clock!.dueAt, clock!.left, clock!.overdue], [after(72), 'PT11H', false])
  assert.equal(one.received, 'not-yet-received')
  assert.match(one.fallback!.form!, /^https:\/\/ico\.org\.uk\//)
  assert.deepEqual(one.fallback!.helpline, { number: '0303 123 1113', hours: 'Monday to Friday, 9 to 5' })
  assert.match(one.fallback!.says, /Not yet received by the ICO/)
  const nis = duty('uk-nis-12', { ...given, answers: [says('q05', ['Relevant digital service provider'])] })
  assert.equal(nis.fallback!.form, null, 'an address that is not established is not invented')
  const met = duty('uk-gdpr-33', { ...given, told: { ico: { state: 'received', at: after(50) } } })
  assert.deepEqual([met.received, met.clocks[0]!.left, met.clocks[0]!.overdue, met.fallback], ['received', null, false, undefined])
  const late = duty('uk-gdpr-33', { ...given, hours: 100, told: { ico: { state: 'received', at: after(73) } } })
  assert.equal(late.clocks[0]!.overdue, true)
})

test('a report to one recipient is no report to another', () => {
  const given = { answers: [...controller, says('q05', ['Controller', 'Operator of an essential service'])], moments: [moment()] }
  const list = duties({ ...given, told: { ncsc: { state: 'received', at: after(1) } } })
  const state = (id: string) => list.find(({ regime }) => regime === id)!.received
  assert.deepEqual([state('uk-gdpr-33'), state('uk-ncsc-voluntary'), state('uk-nis-11')], ['not-sent', 'received', 'not-through-here'])
})

test('after 72 hours the reason for lateness is asked for, and not before', () => {
  const missing = (hours: number) => duty('uk-gdpr-33', { answers: controller, moments: [moment()], hours }).missing.includes('q17')
  assert.deepEqual([missing(72), missing(72.01)], [false, true])
})

test('a note never gets a time of ours, and takes the organisation\u2019s own, which can be moved and taken back', () => {
  const own = (at: string | null, change: Partial<Moment> = {}) => moment({ event: 'own date', regime: 'insurer-contract', at, ...change })
  const moments = [moment(), own('2026-11-30T12:00:00+00:00')]
  assert.deepEqual(duty('insurer-contract', { moments: [moment()] }).clocks, [])
  const [clock] = duty('insurer-contract', { moments }).clocks
  assert.deepEqual([clock!.stage, clock!.dueAt], ['own date', new Date('2026-11-30T12:00:00Z')])
  assert.deepEqual(duty('uk-sra', { moments }).clocks, [], 'a date is for the regime it was entered for')
  const moved = [...moments, own('2026-12-01T12:00:00+00:00')]
  assert.deepEqual(duty('insurer-contract', { moments: moved }).clocks[0]!.dueAt, new Date('2026-12-01T12:00:00Z'))
  assert.deepEqual(duty('insurer-contract', { moments: [...moved, own(null)] }).clocks, [])
  const heard = alertsAt(duties({ moments: moved, hours: 200 }), new Date('2026-12-01T00:00:00Z'))
  assert.deepEqual(
    heard.filter(({ regime }) => regime === 'insurer-contract').map(({ kind, stage }) => [kind, stage]),
    [['twelve-hours-left', 'own date']],
  )
})

test('alerts begin twelve hours before an end and change at the end, to the millisecond; the ICO\u2019s receipt ends them', () => {
  const given = { answers: controller, moments: [moment()] }
  const at = (hours: number, told: Given['told'] = {}) => {
    const list = duties({ ...given, hours, told })
    return alertsAt(list, after(hours)).map(({ regime, kind }) => [regime, kind])
  }
  const ms = 1 / HOUR
  assert.deepEqual(at(60 - ms), [])
  assert.deepEqual(at(60), [['uk-gdpr-33', 'twelve-hours-left']])
  assert.deepEqual(at(72 - ms), [['uk-gdpr-33', 'twelve-hours-left']])
  assert.deepEqual(at(72), [['uk-gdpr-33', 'time-passed']])
  assert.deepEqual(at(61, { ico: { state: 'received', at: after(50) } }), [])
  assert.deepEqual(at(61, { ico: { state: 'not-yet-received' } }), [['uk-gdpr-33', 'twelve-hours-left']])
  assert.deepEqual(at(61, { ncsc: { state: 'received', at: after(50) } }), [['uk-gdpr-33', 'twelve-hours-left']])
})

test('whoever said when they became aware, but not yet their role, is warned of the commonest end and of no other', () => {
  const given = { moments: [moment()], hours: 61 }
  assert.deepEqual(
    alertsAt(duties(given), after(61)).map(({ regime }) => regime),
    ['uk-gdpr-33'],
  )
  assert.deepEqual(alertsAt(duties({ ...given, answers: [says('q05', ['Supplier'])] }), after(61)), [])
})

test('alarms are set for both times, each once, and for an end that has passed only for the end', () => {
  const given = {
    answers: [says('q05', ['Controller', 'Relevant digital service provider']), says('q34', ['Health'])],
    moments: [moment()],
  }
  assert.deepEqual(alarmsOf(duties(given), after(2)), [
    { kind: 'twelve-hours-left', ringAt: after(60), settles: true },
    { kind: 'time-passed', ringAt: after(72), settles: true },
  ])
  assert.deepEqual(alarmsOf(duties({ ...given, hours: 80 }), after(80)), [{ kind: 'time-passed', ringAt: after(72), settles: true }])
  assert.deepEqual(alarmsOf(duties({ ...given, told: { ico: { state: 'received', at: after(1) } } }), after(2)), [])
})

test('what rings on the clock is what stands in the reply, for any time and any answers', () => {
  const answersOf = fc.record({
    role: fc.subarray(['Controller', 'Processor', 'Operator of an essential service', 'Relevant digital service provider', 'Supplier']),
    sector: fc.constantFrom('Health', 'Finance, insurance and credit', 'Online Technology and Telecoms', 'Legal', 'General business'),
    abroad: fc.constantFrom('Yes', 'No', "Don't know"),
  })
  fc.assert(
    fc.property(
      answersOf,
      fc.integer({ min: 0, max: 100 * 60 }),
      fc.integer({ min: 0, max: 100 * 60 }),
      ({ role, sector, abroad }, set, later) => {
        const answers = [says('q05', role), says('q03', sector), says('q32-cross-border', abroad), says('q34', ['Health'])]
        const moments = [moment(), moment({ event: 'classified as major', at: '2026-11-23T12:00:00+00:00' })]
        const [seen, now] = [set / 60, (set + later) / 60]
        const rung = alarmsOf(duties({ answers, moments, hours: seen }), after(seen)).filter(
          ({ ringAt }) => ringAt.getTime() <= after(now).getTime(),
        )
        const stands = alertsAt(duties({ answers, moments, hours: now }), after(now))
        for (const { kind, ringAt } of stands) assert.ok(rung.some((one) => one.kind === kind && one.ringAt.getTime() === ringAt.getTime()))
        for (const { dueAt } of stands) assert.ok(dueAt.getTime() - after(now).getTime() <= 12 * HOUR)
      },
    ),
    { numRuns: runs(100), seed },
  )
})

// Awareness: said by a moment, in the draft or in a report; the latest counts and every saying stands, once.

test('awareness is the latest said by whichever way, and what a moment put into the draft or a report repeats says nothing new', () => {
  const first = moment({ recordedAt: after(1) })
  const echo = (at: Date, time: string, why: string, change: Partial<FolderAnswer> = {}) => [
    says('q16-time', time, { at, ...change }),
    says('q16-decided-by', 'Tomos Reid', { at, ...change }),
    says('q16-why', why, { at, ...change }),
  ]
  const told = [...echo(after(1), aware, first.why), ...echo(after(2), '2026-11-23T10:00:00Z', first.why, { from: 'filed' })]
  assert.deepEqual(
    awarenessHistory([first], told).map(({ via }) => via),
    ['moment'],
  )
  const changed = [...told, ...echo(after(3), '2026-11-23T09:00:00Z', 'The alarm was enough.', { from: 'filed', by: 'Tomos Reid' })]
  const history = awarenessHistory([first], changed)
  assert.deepEqual(
    history.map(({ via, at, why, by }) => [via, at, why, by]),
    [
      ['moment', aware, first.why, 'Asha Bell'],
      ['filed', '2026-11-23T09:00:00Z', 'The alarm was enough.', 'Tomos Reid'],
    ],
  )
  const back = moment({ at: null, why: 'It was another incident.', recordedAt: after(4) })
  const emptied = says('q16-time', { notYetKnown: true }, { at: after(4) })
  assert.equal(awarenessHistory([first, back], [...changed, emptied]).at(-1)!.at, null)
})

test('\u201cnot yet known\u201d, and what is no time at all, stop no clock', () => {
  for (const value of [{ notYetKnown: true }, 'yesterday', 7, null]) {
    const history = awarenessHistory([moment()], [says('q16-time', value, { at: after(2) })])
    assert.deepEqual(
      history.map(({ at }) => at),
      [aware],
    )
  }
})

test('of any sequence of sayings the last counts, none is lost, and none stands twice in a row', () => {
  const anySaying = fc.record({
    minute: fc.integer({ min: 0, max: 3 }),
    who: fc.constantFrom('A', 'B'),
    via: fc.constantFrom('moment', 'draft', 'filed'),
  })
  fc.assert(
    fc.property(fc.array(anySaying, { maxLength: 12 }), (sayings) => {
      const time = (minute: number): string => `2026-11-23T10:0${minute}:00Z`
      const moments: Moment[] = []
      const answers: FolderAnswer[] = []
      for (const [i, { minute, who, via }] of sayings.entries()) {
        if (via === 'moment') moments.push(moment({ at: time(minute), decidedBy: who, why: '', recordedAt: after(i) }))
        const from = via === 'filed' ? 'filed' : 'draft'
        const word = { at: after(i), from } as const
        answers.push(says('q16-time', time(minute), word), says('q16-decided-by', who, word), says('q16-why', '', word))
      }
      const expected = sayings.filter(({ minute, who, via }, i) => {
        const before = sayings[i - 1]
        return via === 'moment' || before?.minute !== minute || before?.who !== who
      })
      assert.deepEqual(
        awarenessHistory(moments, answers).map(({ at, decidedBy, via }) => ({ at, decidedBy, via })),
        expected.map(({ minute, who, via }) => ({ at: time(minute), decidedBy: who, via })),
      )
    }),
    { numRuns: runs(200), seed },
  )
})

test('awareness before the discovery is a warning where no reason is given, and an offset that does not fit always', () => {
  const codes = (why: string, times: { discovered?: unknown; happened?: unknown }, at = aware) =>
    warningsOn({ at, zone: 'Europe/London', why }, { discovered: times.discovered, happened: times.happened }).map(({ code }) => code)
  const later = '2026-11-23T11:00:00Z'
  assert.deepEqual(codes('', { discovered: later }), ['aware-before-discovery'])
  assert.deepEqual(codes('', { happened: later }), ['aware-before-discovery'])
  assert.deepEqual(codes('We knew from the police.', { discovered: later }), [])
  assert.deepEqual(codes('', { discovered: '2026-11-23T09:00:00Z', happened: { notYetKnown: true } }), [])
  assert.deepEqual(codes('', {}, '2026-11-23T10:00:00+02:00'), ['offset-differs'])
  assert.deepEqual(warningsOn(undefined, { discovered: later, happened: later }), [])
})

test('what is wrong with a moment is said, with a pointer to it', () => {
  const now = after(5)
  const input: MomentInput = { event: 'aware', at: aware, zone: 'Europe/London', decidedBy: 'Tomos Reid' }
  const fields = (change: Partial<MomentInput>, earlier: Moment[] = []) =>
    mistakesIn({ ...input, ...change }, earlier, now).map(({ field }) => field)
  assert.deepEqual(fields({}), [])
  assert.deepEqual(fields({ at: '2026-11-23T15:00:00.001Z' }), ['at'], 'the future')
  assert.deepEqual(fields({ at: '2026-11-23T15:00:00Z' }), [], 'now')
  assert.deepEqual(fields({ at: '2026-11-23' }), ['at'])
  assert.deepEqual(fields({ zone: 'Camelot' }), ['zone'])
  assert.deepEqual(fields({ decidedBy: ' ' }), ['decidedBy'])
  assert.deepEqual(fields({ decidedBy: 'x'.repeat(1_001), why: 'bell \u0007' }), ['decidedBy', 'why'])
  assert.deepEqual(fields({ at: null }), ['why'], 'taking back needs a reason')
  assert.deepEqual(fields({}, [moment()]), ['why'], 'a correction needs a reason')
  assert.deepEqual(fields({ why: 'Logs were read again.' }, [moment()]), [])
  assert.deepEqual(fields({ regime: 'uk-gdpr-33' }), ['regime'])
  assert.deepEqual(fields({ event: 'own date' }), ['regime'])
  assert.deepEqual(fields({ event: 'own date', regime: 'no-such' }), ['regime'])
  assert.deepEqual(fields({ event: 'own date', regime: 'uk-sra', at: '2027-01-01T00:00:00Z' }), [], 'one\u2019s own date may lie ahead')
})

test('every duty says what it rests on, that it is no advice, and nothing in the NCSC\u2019s voice', () => {
  for (const one of duties({ answers: controller, moments: [moment()] })) {
    const row = regimes.find(({ id }) => id === one.regime)!
    assert.ok(one.rests.startsWith('This is not advice.') && one.rests.includes(row.paragraph), one.regime)
    assert.deepEqual(
      [one.confidence, one.unconfirmed, one.threshold, one.thresholdSource],
      [row.confidence, row.unconfirmed_fields, row.threshold, row.source],
    )
    const spoken = [one.why, one.changes, one.rests, ...one.clocks.map(({ urgency }) => urgency)].join(' ')
    assert.doesNotMatch(spoken, /\b(the NCSC (advises|says|recommends)|you (must|should|are required|need not)|exempt)\b/i, one.regime)
  }
})
