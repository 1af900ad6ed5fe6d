import assert from 'node:assert/strict'
import { test } from 'node:test'
import { questions, type Question } from './questions.ts'
import { mistakeIn } from './value.ts'

const list = questions
const ofType = (type: Question['type'], lines?: 'many') => list.find((question) => question.type === type && question.lines === lines)!

test('ids are unique, lists of choices stand where they are chosen from and nowhere else', () => {
  assert.equal(new Set(list.map(({ id }) => id)).size, list.length)
  for (const { type, choices } of list) assert.equal(choices !== undefined, type === 'choice' || type === 'choices')
})

test('the first report is the ten questions, split into single facts, and each may be not yet known', () => {
  const first = list.filter((question) => question.first)
  assert.deepEqual(
    [...new Set(first.map(({ id }) => id.slice(0, 3)))],
    ['q01', 'q05', 'q07', 'q08', 'q15', 'q16', 'q19', 'q21', 'q34', 'q36'],
  )
  assert.ok(first.every((question) => question.notYetKnown))
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
