import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { authorities, groups, questionById, questions, type Condition, type Question, type SimpleCondition } from './questions.ts'
import { isKnown, mistakeIn } from './value.ts'
import { vocabularies } from './vocabularies.ts'

const list = questions
const ofType = (type: Question['type'], lines?: 'many') => list.find((question) => question.type === type && question.lines === lines)!

test('ids are unique, lists of choices stand where they are chosen from and nowhere else', () => {
  assert.equal(new Set(list.map(({ id }) => id)).size, list.length)
  for (const { type, choices } of list) assert.equal(choices !== undefined, type === 'choice' || type === 'choices')
})

/**
 * The atomic parts: which fact each question asks. A fact is asked of a body once; two questions of one fact stand here only where
 * each body is asked for itself.
 */
const facts: Record<string, string> = {
  'q01-name': 'legal name',
  'q01-identifier': 'public number',
  'q02': 'ICO registration number',
  'q03': 'sector',
  'q04-staff': 'number of staff',
  'q04-turnover': 'turnover',
  'q05': 'role in the incident',
  'q06-parent': 'parent',
  'q06-subsidiaries': 'subsidiaries affected',
  'q06-clients': 'number of clients affected',
  'q07-name': 'name of the reporter',
  'q07-role': 'role of the reporter',
  'q08-email': 'clean email address',
  'q08-phone': 'clean telephone number',
  'q09': 'ordinary email address',
  'q10-name': 'contact for the ICO',
  'q10-contact': 'way to that contact',
  'q11-acting': 'whether somebody acts',
  'q11-who': 'agent acting',
  'q11-counsel': 'law firm acting',
  'q11-mandate': 'mandate',
  'q12-ico': 'earlier contact',
  'q12-ncsc': 'earlier contact',
  'q13-ico': 'reference of that body',
  'q13-ncsc': 'reference of that body',
  'q14-from': 'start',
  'q14-to': 'end',
  'q14-certainty': 'certainty of the times',
  'q15': 'discovery',
  'q16-time': 'awareness of personal data',
  'q16-decided-by': 'who decided on awareness',
  'q16-why': 'why awareness then',
  'q16-nis': 'awareness of the effect on the service',
  'q17': 'reason for lateness',
  'q18-going-on': 'whether it goes on',
  'q18-duration': 'duration',
  'q19': 'summary',
  'q20': 'how found out',
  'q21': 'cyber or not',
  'q22-category': 'category by best fit',
  'q22-type': 'type by best fit',
  'q23-affected': 'whether systems are affected',
  'q23-which': 'what of the systems is affected',
  'q24-cause': 'suspected cause',
  'q24-route': 'route in',
  'q25-demanded': 'whether ransom is demanded',
  'q25-note': 'demand',
  'q25-paid': 'whether ransom is paid',
  'q25-to': 'who was paid',
  'q26': 'indicators',
  'q26-findings': 'technical findings',
  'q27': 'systems',
  'q27-products': 'products',
  'q27-suppliers': 'suppliers',
  'q28': 'services affected',
  'q28-who': 'who relies on them',
  'q29': 'impact on the organisation',
  'q30': 'recovery time',
  'q31-users': 'users affected',
  'q31-hours': 'user-hours',
  'q32-area': 'places affected',
  'q32-cross-border': 'whether across borders',
  'q32-countries': 'countries affected',
  'q33': 'effect on essential services',
  'q33-safety': 'effect on public safety',
  'q33-national': 'effect on national security',
  'q34': 'categories of personal data',
  'q34-other': 'other categories of personal data',
  'q35': 'categories of people',
  'q35-other': 'other categories of people',
  'q36-people': 'number of people',
  'q36-records': 'number of records',
  'q36-counted': 'way of counting',
  'q36-certainty': 'certainty of the numbers',
  'q37': 'vulnerable people',
  'q38': 'protection of the data',
  'q39-taken': 'whether data was taken',
  'q39-published': 'whether data was published',
  'q39': 'evidence of theft',
  'q39-when': 'time of theft',
  'q40': 'likely consequences',
  'q41': 'likelihood of consequences',
  'q42': 'actions taken',
  'q43': 'actions planned',
  'q44-measures': 'measures before',
  'q44-standards': 'standards held',
  'q44-testing': 'tests before',
  'q45': 'training of staff',
  'q46-prevention': 'prevention of recurrence',
  'q46-lessons': 'lessons for others',
  'q47-told': 'whether people are told',
  'q47-when': 'when people are told',
  'q47-how': 'how people are told',
  'q47-why-not': 'why people are not told',
  'q48-ico': 'others mentioned',
  'q48-ncsc': 'others mentioned',
  'q49-statement': 'whether there is a statement',
  'q49-text': 'words of the statement',
  'q49-when': 'time of the statement',
  'q49-embargo': 'embargo wished',
  'q50': 'anything else',
}

test('no fact is asked twice of the same body, and every question asks one', () => {
  assert.deepEqual(
    Object.keys(facts),
    list.map(({ id }) => id),
  )
  for (const body of authorities) {
    const asked = list.filter(({ authorities }) => authorities.includes(body)).map(({ id }) => facts[id]!)
    assert.deepEqual(
      asked.filter((fact, nth) => asked.indexOf(fact) !== nth),
      [],
      body,
    )
    const labels = list.filter(({ authorities }) => authorities.includes(body)).map(({ label }) => label)
    assert.equal(new Set(labels).size, labels.length)
  }
})

/** Who has a use for the answer, written down a second time: a body more is a decision, not a slip. All others may be told to both. */
const alone = {
  ico: [
    'q02',
    'q04-staff',
    'q04-turnover',
    'q10-name',
    'q10-contact',
    'q12-ico',
    'q13-ico',
    'q16-time',
    'q16-decided-by',
    'q16-why',
    'q16-nis',
    'q17',
    'q31-users',
    'q31-hours',
    'q34',
    'q34-other',
    'q35',
    'q35-other',
    'q36-people',
    'q36-records',
    'q36-counted',
    'q36-certainty',
    'q37',
    'q38',
    'q40',
    'q41',
    'q44-measures',
    'q44-standards',
    'q44-testing',
    'q45',
    'q47-told',
    'q47-when',
    'q47-how',
    'q47-why-not',
    'q48-ico',
  ],
  ncsc: ['q09', 'q12-ncsc', 'q13-ncsc', 'q26', 'q26-findings', 'q48-ncsc'],
}

test('what only one body may be told is exactly this', () => {
  for (const body of authorities) {
    const own = list.filter(({ authorities }) => authorities.length === 1 && authorities[0] === body).map(({ id }) => id)
    assert.deepEqual(own, alone[body])
  }
})

test('the list covers the merged list, q01 to q50, and keeps its order', () => {
  const numbers = [...new Set(list.map(({ id }) => Number(id.slice(1, 3))))]
  assert.deepEqual(
    numbers,
    Array.from({ length: 50 }, (_, nth) => nth + 1),
  )
  assert.deepEqual([...new Set(list.map(({ group }) => group))], Object.keys(groups))
})

test('every question says why it is asked, and whom it may serve: the NCSC by choice, the ICO under a regime', () => {
  for (const { id, help, regimes, authorities, content = [] } of list) {
    assert.ok(help.length >= 10, id)
    assert.equal(regimes.includes('uk-ncsc-voluntary'), authorities.includes('ncsc'), id)
    assert.equal(
      regimes.some((regime) => regime !== 'uk-ncsc-voluntary'),
      authorities.includes('ico'),
      id,
    )
    assert.ok(
      content.every((regime) => regimes.includes(regime)),
      id,
    )
  }
})

const simple = (condition: Condition): SimpleCondition[] => ('any' in condition ? condition.any : [condition])

test('a condition looks at a question that exists, comes to every body the asked one comes to, and has that choice', () => {
  for (const { id, askedWhen = [], authorities } of list)
    for (const condition of askedWhen.flatMap(simple)) {
      const other = questionById.get(condition.question)
      assert.ok(other && other.id !== id && authorities.every((body) => other.authorities.includes(body)), id)
      const choices = 'in' in condition ? condition.in : 'notIn' in condition ? condition.notIn : []
      assert.ok(
        choices.every((choice) => other.choices?.includes(choice)),
        id,
      )
      if ('laterThanHours' in condition) assert.equal(other.type, 'date-time')
    }
})

test('conditions run one way: no question waits for one that waits for it', () => {
  const waitsFor = (id: string): string[] => (questionById.get(id)!.askedWhen ?? []).flatMap(simple).map(({ question }) => question)
  const reach = (id: string, seen: string[]): string[] =>
    waitsFor(id).flatMap((next) => (seen.includes(next) ? [next] : [next, ...reach(next, [...seen, next])]))
  for (const { id } of list) assert.ok(!reach(id, []).includes(id), id)
})

test('every list is used, chosen from whole, free of repeats, and has the words it says stand for "not yet known"', () => {
  assert.deepEqual(new Set(list.flatMap(({ list }) => list ?? [])), new Set(Object.keys(vocabularies)))
  for (const question of list.filter(({ list }) => list !== undefined)) {
    const { choices, confidence, unknown } = vocabularies[question.list!]!
    assert.deepEqual([question.choices, question.choicesConfidence, question.unknownChoice], [choices, confidence, unknown])
  }
  for (const { choices, unknown, about = {} } of Object.values(vocabularies)) {
    assert.equal(new Set(choices).size, choices.length)
    assert.ok((unknown === undefined || choices.includes(unknown)) && Object.keys(about).every((choice) => choices.includes(choice)))
  }
})

/** Where each list of a body stands in the reference, if it is there. */
const reference = join(import.meta.dirname, '../../../../shared/domain/vocabularies.json')
const from: Record<string, string> = {
  'sector': 'ico_incident_trends.sector',
  'incident-category': 'ico_incident_trends.incident_category',
  'incident-type': 'ico_incident_trends.incident_type.values',
  'yes-no-unknown': 'ico_breach_form.cyber_cause',
  'data-categories': 'ico_breach_form.data_categories',
  'data-subject-categories': 'ico_breach_form.data_subject_categories',
  'consequence-likelihood': 'ico_breach_form.consequence_likelihood',
  'systems-affected': 'ico_breach_form.cia_affected.if_yes',
  'impact-on-organisation': 'ico_breach_form.impact_on_organisation',
  'recovery-time': 'ico_breach_form.recovery_time',
  'people-told': 'ico_breach_form.told_data_subjects.values',
}

test('the lists of the ICO are exactly those of the reference', {
  skip: existsSync(reference) ? false : 'the reference lists are not beside the project',
}, () => {
  const all = JSON.parse(readFileSync(reference, 'utf8'))
  for (const [name, path] of Object.entries(from)) {
    const values = path.split('.').reduce((part, key) => part[key], all) as (string | Record<string, string | null>)[]
    const { choices, about } = vocabularies[name]!
    assert.deepEqual(
      choices,
      values.map((value) => (typeof value === 'string' ? value : value['value'])),
      name,
    )
    for (const value of values)
      if (typeof value !== 'string')
        for (const member of ['category', 'confidence', 'meaning'] as const)
          assert.equal(about?.[value['value']!]?.[member] ?? null, value[member] ?? null, `${name}: ${value['value']} ${member}`)
  }
})

test('the first report is the ten questions, split into single facts, and each may be not yet known', () => {
  const first = list.filter((question) => question.first)
  assert.deepEqual(
    [...new Set(first.map(({ id }) => id.slice(0, 3)))],
    ['q01', 'q05', 'q07', 'q08', 'q15', 'q16', 'q19', 'q21', 'q34', 'q36'],
  )
  assert.ok(first.every((question) => question.notYetKnown))
})

test('their parts are these, and these join them only when they arise', () => {
  assert.deepEqual(
    list.filter(({ first }) => first).map(({ id }) => id),
    [
      'q01-name',
      'q01-identifier',
      'q05',
      'q07-name',
      'q07-role',
      'q08-email',
      'q08-phone',
      'q15',
      'q16-time',
      'q16-decided-by',
      'q16-why',
      'q19',
      'q21',
      'q34',
      'q36-people',
      'q36-records',
      'q36-counted',
    ],
  )
  const joining = list.filter(({ firstWhenAsked }) => firstWhenAsked)
  assert.deepEqual(
    joining.map(({ id }) => id),
    ['q11-who', 'q11-mandate', 'q16-nis', 'q17'],
  )
  assert.ok(joining.every(({ first, askedWhen }) => !first && askedWhen))
})

test('to the NCSC alone the first report is seven questions: awareness and personal data are the ICO\u2019s', () => {
  const asked = list.filter((question) => question.first && question.authorities.includes('ncsc'))
  assert.deepEqual([...new Set(asked.map(({ id }) => id.slice(0, 3)))], ['q01', 'q05', 'q07', 'q08', 'q15', 'q19', 'q21'])
})

test('references, earlier contacts and others mentioned are asked by each body for itself, and no choice names a body', () => {
  for (const id of ['q12', 'q13', 'q48'])
    for (const body of ['ico', 'ncsc'] as const)
      assert.deepEqual(list.find((question) => question.id === `${id}-${body}`)?.authorities, [body])
  assert.ok(list.every(({ choices = [] }) => choices.every((choice) => !/NCSC|ICO\b/.test(choice))))
})

const cases: [Question, unknown[], unknown[]][] = [
  [
    ofType('text'),
    ['Priya Nair', 'Ångström & Söhne'],
    ['', '  ', 7, ['x'], {}, null, undefined, 'two\nlines', 'nul\u0000', 'half \ud800', 'x'.repeat(1_001)],
  ],
  [ofType('text', 'many'), ['one\ntwo\tthree', 'x'.repeat(20_000)], ['x'.repeat(20_001), 'bell\u0007']],
  [ofType('email'), ['it@marlow-fresh.example'], ['it', 'it@', 'a b@c.example', 5]],
  [ofType('telephone'), ['+44 1632 960 141', '(01632) 960141'], ['none', '12', 1632960141]],
  [
    ofType('identifier'),
    [{ scheme: 'companies-house', id: '00999914' }],
    [
      '00999914',
      { scheme: 'companies-house' },
      { scheme: 'Companies House', id: '1' },
      { scheme: 'charity', id: '' },
      { scheme: 'charity', id: '1', also: 2 },
    ],
  ],
  [
    ofType('date-time'),
    ['2026-11-23T04:55:00Z', '2026-11-23T04:55:00.123+01:00', '2028-02-29T00:00Z'],
    ['2026-11-23', '2026-11-23T04:55:00', '2026-02-29T00:00:00Z', '2026-13-01T00:00:00Z', '2026-11-23T25:00:00Z', 'yesterday', 1],
  ],
  [ofType('whole-number'), [0, 2140], [-1, 1.5, '2140', Number.MAX_SAFE_INTEGER + 1, Number.NaN]],
  [
    ofType('list'),
    [['one'], ['one', 'two'], Array.from({ length: 200 }, (_, nth) => `line ${nth}`), ['x'.repeat(300)]],
    [
      [],
      'one',
      [''],
      ['one', 2],
      ['two\nlines'],
      ['same', 'same'],
      ['bell\u0007'],
      ['x'.repeat(301)],
      Array.from({ length: 201 }, (_, nth) => `${nth}`),
    ],
  ],
  [ofType('choice'), [ofType('choice').choices![0]], ['something else', [ofType('choice').choices![0]]]],
  [
    ofType('choices'),
    [ofType('choices').choices, [ofType('choices').choices![1]]],
    [[], 'one', ['something else'], [ofType('choices').choices![0], ofType('choices').choices![0]]],
  ],
]

for (const [question, can, cannot] of cases)
  test(`${question.type}${question.lines ? ' of many lines' : ''} (${question.id}): what it takes and what it does not`, () => {
    for (const value of can) assert.equal(mistakeIn(value, question), undefined, JSON.stringify(value))
    for (const value of cannot) assert.equal(typeof mistakeIn(value, question), 'string', JSON.stringify(value))
  })

test('"not yet known" is a value where it is honest, and in that spelling alone', () => {
  const [known, never] = [list.find(({ notYetKnown }) => notYetKnown)!, list.find(({ notYetKnown }) => !notYetKnown)!]
  assert.equal(mistakeIn({ notYetKnown: true }, known), undefined)
  for (const value of [{ notYetKnown: false }, { notYetKnown: true, because: 'x' }, { notYetKnown: 'true' }])
    assert.equal(typeof mistakeIn(value, known), 'string')
  assert.equal(typeof mistakeIn({ notYetKnown: true }, never), 'string')
})

const says: [type: Question['type'], value: unknown, pattern: RegExp][] = [
  ['date-time', '2026-11-23T22:15:00', /zone/],
  ['date-time', '2026-11-23', /time and zone/],
  ['date-time', '2026-02-29T10:00:00Z', /no such day/],
  ['date-time', 'yesterday', /for example 2026/],
  ['whole-number', 'about 2000', /figures/],
  ['telephone', 'none', /for example \+44/],
  ['list', ['fine', 'two\nlines'], /^Line 2: /],
  ['text', 'x'.repeat(1_234), /1,000 characters; there are 1,234/],
  ['text', 'ab\u0000c', /number 3/],
]

for (const [type, value, pattern] of says)
  test(`a mistake says what is wrong and how to put it right: ${type} ${JSON.stringify(value).slice(0, 30)}`, () =>
    assert.match(mistakeIn(value, ofType(type))!, pattern))

test('what is known and what is not', () => {
  const cyber = questionById.get('q21')!
  for (const value of ['Yes', 'No']) assert.equal(isKnown(value, cyber), true)
  for (const value of [undefined, null, { notYetKnown: true }, "Don't know", ["Don't know"]]) assert.equal(isKnown(value, cyber), false)
  assert.equal(isKnown("Don't know", questionById.get('q19')), true)
})
