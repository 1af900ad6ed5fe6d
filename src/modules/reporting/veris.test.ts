import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { runs } from '../../../checks/runs.ts'
import { project } from '../../../checks/source.ts'
import { mistakesIn } from './incident.ts'
import { questions, type Authority } from './questions.ts'
import { draftOfVeris, type VerisDraft } from './veris.ts'

const both: Authority[] = ['ico', 'ncsc']
const unknown = { notYetKnown: true }

/** An invented record, in the words of VERIS 1.3. */
const ransomware = {
  schema_version: '1.3.7',
  source_id: 'example',
  incident_id: 'EX-2031-0007',
  security_incident: 'Confirmed',
  confidence: 'High',
  summary: 'Ransomware on the servers of a regional bakery chain; orders were taken on paper for a week.',
  timeline: { incident: { year: 2031, month: 3, day: 9 }, discovery: { unit: 'Days', value: 2 }, containment: { unit: 'Unknown' } },
  victim: { victim_id: 'Fennel Row Bakeries', industry: '311812', employee_count: '1001 to 10000', country: ['GB'] },
  actor: { external: { variety: ['Organized crime'], motive: ['Financial'], country: ['Unknown'] } },
  action: {
    hacking: { variety: ['Use of stolen creds'], vector: ['VPN'] },
    malware: { variety: ['Ransomware', 'Export data'], vector: ['Direct install'], name: 'Breadcrumb', cve: 'CVE-2031-0001' },
  },
  asset: { assets: [{ variety: 'S - File', amount: 2 }, { variety: 'Unknown' }] },
  attribute: {
    confidentiality: {
      data_disclosure: 'Yes',
      data_total: 4100,
      data: [{ variety: 'Personal', amount: 4000 }, { variety: 'Bank' }, { variety: 'Internal' }],
      data_victim: ['Employee', 'Other'],
      state: ['Stored unencrypted'],
    },
    availability: { variety: ['Obscuration'], duration: { unit: 'Days', value: 7 } },
  },
  discovery_method: { internal: { variety: ['Reported by employee'] } },
  impact: { overall_rating: 'Unknown', overall_amount: 120000 },
  ioc: [{ indicator: '198.51.100.9', comment: 'the VPN session' }],
  corrective_action: 'A second factor for every remote session.',
}

function draftOf(record: unknown, to: Authority[] = both): VerisDraft {
  const result = draftOfVeris(record, to)
  assert.ok('draft' in result, JSON.stringify(result))
  return result.draft
}

function mistakesOf(record: unknown, to: Authority[] = both): string[] {
  const result = draftOfVeris(record, to)
  assert.ok('mistakes' in result, 'it was taken')
  return result.mistakes.map(({ field }) => field)
}

const answersIn = ({ answers }: VerisDraft) => Object.fromEntries(answers.map(({ question, value }) => [question, value]))
const leftIn = ({ left }: VerisDraft) => Object.fromEntries(left.map(({ path, reason }) => [path, reason]))

test('what a record says is answered in our words, and the title says where it comes from', () => {
  const draft = draftOf(ransomware)
  assert.equal(draft.title, 'VERIS EX-2031-0007 (2031-03-09)')
  assert.equal(draft.kind, 'incident')
  assert.deepEqual(answersIn(draft), {
    'q01-name': 'Fennel Row Bakeries',
    'q03': 'Retail and manufacture',
    'q04-staff': '1,000 and above',
    'q14-from': '2031-03-09T00:00:00Z',
    'q14-certainty': 'To the day',
    'q14-to': unknown,
    'q19': ransomware.summary,
    'q20': 'internal: Reported by employee',
    'q21': 'Yes',
    'q23-affected': 'Yes',
    'q23-which': ['Confidentiality', 'Availability'],
    'q24-cause':
      'Action: hacking: Use of stolen creds\nAction: malware: Ransomware, Export data\nActor: external: Organized crime; motive: Financial',
    'q24-route': 'hacking: VPN\nmalware: Direct install',
    'q26': '198.51.100.9 (the VPN session)',
    'q26-findings': 'malware named Breadcrumb\nCVE-2031-0001',
    'q27': ['S - File (2)'],
    'q29': unknown,
    'q34': ['Basic personal identifiers (e.g. name, contact details)', 'Economic and financial data (e.g. card, bank details)'],
    'q35': ['Employees'],
    'q36-records': 4100,
    'q38': 'Not encrypted',
    'q39-taken': 'Yes',
    'q46-prevention': 'A second factor for every remote session.',
  })
  assert.deepEqual(mistakesIn(draft.answers, questions, draft.kind), [])
})

test('what no question asks is left, each with its path and the reason, and nothing is lost without a word', () => {
  const left = leftIn(draftOf(ransomware))
  assert.match(left['action']!, /Several types fit .*: Unauthorised access \/ Ransomware/)
  assert.match(left['timeline.discovery']!, /length of time/)
  assert.match(left['attribute.confidentiality.data_victim']!, /Other/)
  assert.match(left['impact.overall_amount']!, /money/)
  assert.match(left['actor.external.country']!, /who it may have been/)
  assert.match(left['attribute.availability.variety']!, /no question asks how/)
  const paths = ['schema_version', 'source_id', 'confidence', 'victim.country', 'attribute.availability.duration.unit']
  for (const path of paths) assert.ok(left[path], path)
  assert.ok(!('summary' in left) && !('incident_id' in left))
})

test('an answer goes only to bodies it is meant for, of those that may be told it', () => {
  const audiences = (to: Authority[]) => Object.fromEntries(draftOf(ransomware, to).answers.map((one) => [one.question, one.audience]))
  assert.deepEqual([audiences(both)['q19'], audiences(both)['q34'], audiences(both)['q26']], [both, ['ico'], ['ncsc']])
  assert.deepEqual([audiences(['ncsc'])['q19'], audiences(['ncsc'])['q34']], [['ncsc'], undefined])
  assert.ok(Object.values(audiences(['ico'])).every((audience) => audience.join() === 'ico'))
  assert.match(leftIn(draftOf(ransomware, ['ncsc']))['attribute.confidentiality.data_total']!, /q36-records is no question of the NCSC/)
})

test('what VERIS calls unknown is "not yet known"; what it does not say is not answered', () => {
  const record = {
    incident_id: 'EX-1',
    timeline: { incident: { year: 2030 }, discovery: { unit: 'Unknown' } },
    victim: { victim_id: 'Unknown', industry: '000', employee_count: 'Unknown' },
    action: { unknown: {} },
    asset: { assets: [{ variety: 'Unknown' }] },
    attribute: {
      confidentiality: { data_disclosure: 'Unknown', data: [{ variety: 'Unknown' }], data_victim: ['Unknown'], state: ['Unknown'] },
    },
    discovery_method: { unknown: true },
  }
  const draft = draftOf(record)
  const questionsOf = ['q01-name', 'q03', 'q04-staff', 'q14-from', 'q15', 'q20', 'q21', 'q22-type', 'q23-affected', 'q24-cause']
  const more = ['q27', 'q34', 'q35', 'q38', 'q39-taken']
  assert.deepEqual(answersIn(draft), Object.fromEntries([...questionsOf, ...more].map((question) => [question, unknown])))
  assert.deepEqual(mistakesIn(draft.answers, questions), [])
  assert.deepEqual(answersIn(draftOf({ incident_id: 'EX-2', summary: 'A laptop was lost.' })), { q19: 'A laptop was lost.' })
})

test('a year or a month is no time; it stands in the title and is not made into one', () => {
  const draft = draftOf({ incident_id: 'EX-3', timeline: { incident: { year: 2030, month: 4, time: '10:15' } } })
  assert.deepEqual([draft.title, answersIn(draft)], ['VERIS EX-3 (2030-04)', { 'q14-from': unknown }])
  assert.deepEqual(Object.keys(leftIn(draft)).sort(), ['timeline.incident.month', 'timeline.incident.time', 'timeline.incident.year'])
})

test('a day that does not exist is left, not moved', () => {
  const draft = draftOf({ incident_id: 'EX-4', summary: 'Something.', timeline: { incident: { year: 2031, month: 2, day: 31 } } })
  assert.equal(answersIn(draft)['q14-from'], undefined)
  assert.match(leftIn(draft)['timeline.incident']!, /no such day/)
})

const action = (kind: string, variety: string[], more: object = {}) => ({ incident_id: 'EX-5', action: { [kind]: { variety } }, ...more })
const laptop = { asset: { assets: [{ variety: 'U - Laptop' }] } }
const people = { attribute: { confidentiality: { data_disclosure: 'Potentially', data: [{ variety: 'Personal' }] } } }

const kinds: [what: string, record: object, cyber: unknown, type: unknown][] = [
  ['ransomware', action('malware', ['Ransomware', 'Backdoor']), 'Yes', 'Ransomware'],
  ['malware nobody has named', action('malware', ['Unknown']), 'Yes', 'Malware'],
  ['denial of service', action('hacking', ['DoS']), 'Yes', 'Denial of service'],
  ['hacking nobody understands', action('hacking', ['Unknown']), 'Yes', unknown],
  ['two ways of hacking', action('hacking', ['Brute force', 'DoS']), 'Yes', undefined],
  ['a letter to the wrong address', action('error', ['Misdelivery']), 'No', undefined],
  ['an error of a sort that may be either', action('error', ['Publishing error']), undefined, undefined],
  [
    'a stolen laptop with personal data',
    action('physical', ['Theft'], { ...laptop, ...people }),
    'No',
    'Loss/theft of device containing personal data',
  ],
  ['a stolen laptop, with nobody knows what', action('physical', ['Theft'], laptop), 'No', undefined],
  [
    'lost papers',
    action('error', ['Loss'], { asset: { assets: [{ variety: 'M - Documents' }] } }),
    'No',
    'Loss/theft of paperwork or data left in insecure location',
  ],
  ['abuse of privileges', action('misuse', ['Privilege abuse']), undefined, 'Unauthorised access'],
  ['phishing', action('social', ['Phishing']), 'Yes', 'Phishing'],
  ['a bribe', action('social', ['Bribery']), undefined, undefined],
]

for (const [what, record, cyber, type] of kinds)
  test(`whether it was cyber, and which type, where VERIS says so: ${what}`, () => {
    const draft = draftOf(record)
    assert.deepEqual([answersIn(draft)['q21'], answersIn(draft)['q22-type']], [cyber, type])
    if (cyber === undefined || type === undefined)
      assert.ok(
        draft.left.some(({ path }) => path === 'action'),
        'it says why not',
      )
  })

test('disclosed is not taken, and possible is not known', () => {
  const disclosed = (data_disclosure: string, more: object) =>
    draftOf({ ...more, incident_id: 'EX-6', attribute: { confidentiality: { data_disclosure } } })
  const letter = { action: { error: { variety: ['Misdelivery'] } } }
  assert.equal(answersIn(disclosed('Yes', letter))['q39-taken'], undefined)
  assert.match(leftIn(disclosed('Yes', letter))['attribute.confidentiality.data_disclosure']!, /need not be taken/)
  assert.equal(answersIn(disclosed('Yes', { action: { hacking: { variety: ['SQLi'], result: ['Exfiltrate'] } } }))['q39-taken'], 'Yes')
  assert.deepEqual(answersIn(disclosed('Potentially', letter))['q39-taken'], unknown)
  assert.equal(answersIn(disclosed('No', letter))['q39-taken'], 'Not that we have seen')
})

test('a question that does not arise is not answered: systems, where it was no cyber incident', () => {
  const draft = draftOf(action('physical', ['Theft'], laptop))
  assert.equal(answersIn(draft)['q27'], undefined)
  assert.match(leftIn(draft)['asset.assets']!, /q27 is not asked/)
})

test('a near miss is for the NCSC alone, and a false positive for nobody', () => {
  const draft = draftOf({ ...ransomware, security_incident: 'Near miss' })
  assert.equal(draft.kind, 'near-miss')
  assert.ok(draft.answers.every(({ audience }) => audience.join() === 'ncsc'))
  assert.deepEqual(mistakesIn(draft.answers, questions, 'near-miss'), [])
  assert.deepEqual(mistakesOf({ ...ransomware, security_incident: 'Near miss' }, ['ico']), ['security_incident'])
  assert.deepEqual(mistakesOf({ ...ransomware, security_incident: 'False positive' }), ['security_incident'])
})

test('the short form says the same as the long one', () => {
  const short = {
    id: 'EX-7',
    y: 2029,
    m: 7,
    d: 2,
    country: 'GB',
    sector: 'Finance',
    naics: '524114',
    emp: 'Over 100000',
    org: '0123456789ab',
    status: 'Confirmed',
    action: [
      { t: 'hacking', v: ['Brute force'], vec: ['Web application'] },
      { t: 'hacking', v: ['DoS'] },
    ],
    actor: [{ t: 'external', v: ['Unknown'], m: ['Fun'], c: ['Unknown'] }],
    asset: [{ v: 'S - Web application', n: 3 }],
    attr: {
      conf: { disc: 'Yes', total: 12, data: [{ v: 'Credentials', n: 12 }], state: ['Stored'] },
      int: ['Modify data'],
      avail: ['Loss'],
    },
    disc: 'Ext - customer',
    tl: { discovery: { unit: 'Hours', value: 4 } },
    notif: { year: 2029, month: 8 },
    created: '2029-09-01',
  }
  const long = {
    incident_id: 'EX-7',
    security_incident: 'Confirmed',
    timeline: { incident: { year: 2029, month: 7, day: 2 }, discovery: { unit: 'Hours', value: 4 } },
    victim: { industry: '524114', employee_count: 'Over 100000', country: 'GB' },
    action: { hacking: { variety: ['Brute force', 'DoS'], vector: ['Web application'] } },
    actor: { external: { variety: ['Unknown'], motive: ['Fun'], country: ['Unknown'] } },
    asset: { assets: [{ variety: 'S - Web application', amount: 3 }] },
    attribute: {
      confidentiality: { data_disclosure: 'Yes', data_total: 12, data: [{ variety: 'Credentials', amount: 12 }], state: ['Stored'] },
      integrity: { variety: ['Modify data'] },
      availability: { variety: ['Loss'] },
    },
    discovery_method: 'Ext - customer',
    plus: { victim_name_hash: '0123456789ab', notification: { year: 2029, month: 8 }, created: '2029-09-01' },
  }
  const [one, other] = [draftOf(short), draftOf(long)]
  assert.deepEqual(answersIn(one), answersIn(other))
  assert.deepEqual(leftIn(one), leftIn(other))
})

const broken: [what: string, record: unknown, field: string][] = [
  ['no object', 'EX-8', ''],
  ['nothing', null, ''],
  ['no id', { summary: 'Something.' }, 'incident_id'],
  ['an empty id', { incident_id: ' ', summary: 'Something.' }, 'incident_id'],
  ['a month that is none', { incident_id: 'EX-8', timeline: { incident: { year: 2030, month: 13 } } }, 'timeline.incident.month'],
  ['an action that is a word', { incident_id: 'EX-8', action: { hacking: 'yes' } }, 'action.hacking'],
  ['a variety that is no list', { incident_id: 'EX-8', action: { hacking: { variety: 'DoS' } } }, 'action.hacking.variety'],
  ['a summary that is a number', { incident_id: 'EX-8', summary: 12 }, 'summary'],
  ['the short form with an action that has no kind', { id: 'EX-8', y: 2030, action: [{ v: ['DoS'] }] }, 'action.0.t'],
  ['nothing that a question asks', { incident_id: 'EX-8' }, ''],
]

for (const [what, record, field] of broken)
  test(`there is no draft, and a pointer to the fault: ${what}`, () => assert.deepEqual(mistakesOf(record), [field]))

test('text that cannot be kept is left with the reason, and the rest is taken', () => {
  const draft = draftOf({ incident_id: 'EX-9', summary: `A bell \u0007 rang`, corrective_action: 'None.' })
  assert.deepEqual(answersIn(draft), { 'q46-prevention': 'None.' })
  assert.match(leftIn(draft)['summary']!, /not text/)
})

test('members that VERIS does not know are listed, however many and however deep', () => {
  const deep = JSON.parse(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`)
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`extra${n}`, n]))
  const draft = draftOf({ incident_id: 'EX-10', summary: 'Something.', deep, ...many })
  assert.equal(draft.left.length, 201)
  assert.match(draft.left.at(-1)!.reason, /And 4801 members more/)
})

test('whatever a record holds, a draft has no mistakes', () => {
  const part = fc.constantFrom(...Object.keys(ransomware))
  const property = fc.property(fc.array(fc.tuple(part, fc.jsonValue()), { maxLength: 4 }), (changes) => {
    const result = draftOfVeris({ ...ransomware, ...Object.fromEntries(changes) }, both)
    if ('draft' in result) assert.deepEqual(mistakesIn(result.draft.answers, questions, result.draft.kind), [])
    else assert.ok(result.mistakes.length > 0)
  })
  fc.assert(property, { numRuns: runs(300) })
})

test('every incident of the VERIS Community Database makes a draft without mistakes', (t) => {
  const path = join(project, '../shared/data/vcdb-incidents.ndjson.gz')
  if (!existsSync(path)) return t.skip('the data is not beside the project')
  const lines = gunzipSync(readFileSync(path)).toString('utf8').trimEnd().split('\n')
  const results = lines.map((line) => draftOfVeris(JSON.parse(line), both))
  const drafts = results.flatMap((result) => ('draft' in result ? [result.draft] : []))
  const refused = results.flatMap((result) =>
    'mistakes' in result ? result.mistakes.map(({ field, message }) => `${field}: ${message}`) : [],
  )
  const faulty = drafts.filter(({ answers, kind }) => mistakesIn(answers, questions, kind).length > 0)
  const answers = drafts.flatMap((draft) => draft.answers)
  const notYetKnown = answers.filter(({ value }) => JSON.stringify(value) === JSON.stringify(unknown))
  t.diagnostic(
    `${drafts.length} of ${lines.length} make a draft, ${refused.length} do not; ${answers.length} answers, ${notYetKnown.length} of them not yet known`,
  )
  assert.deepEqual([lines.length, faulty.length, refused], [7419, 0, []])
  assert.ok(drafts.every(({ answers: own }) => own.length > 0))
})
