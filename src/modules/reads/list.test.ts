import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { canonical } from '#platform/canonical'
import { LINES, listsToTell, readReads, writeReads, type Opened, type ReadLine } from './list.ts'

const [marlow, water, one, other] = ['1', '2', '3', '4'].map((digit) => `${digit}0000000-0000-4000-8000-000000000000`) as [
  string,
  string,
  string,
  string,
]
const items = [randomUUID(), randomUUID()].sort() as [string, string]
const opened = (change: Partial<Opened> = {}): Opened => ({
  case_id: one,
  organisation: marlow,
  item: items[0],
  role: 'handler',
  purpose: 'handling-incident',
  export: null,
  read_at: new Date('2026-11-25T09:30:00.000Z'),
  ...change,
})

test('openings of one item, day, role and purpose are one line that counts them; anything else is another', () => {
  const [list, ...rest] = listsToTell([
    opened(),
    opened({ read_at: new Date('2026-11-25T23:59:59.999Z') }),
    opened({ read_at: new Date('2026-11-26T00:00:00.000Z') }),
    opened({ item: items[1] }),
    opened({ role: 'duty-officer' }),
    opened({ export: randomUUID() }),
  ])
  assert.equal(rest.length, 0)
  assert.deepEqual(
    list!.lines.map(({ item, on, role, times, export: out }) => [items.indexOf(item), on, role, times, out ?? false]),
    [
      [0, '2026-11-25', 'duty-officer', 1, false],
      [0, '2026-11-25', 'handler', 2, false],
      [0, '2026-11-25', 'handler', 1, true],
      [0, '2026-11-26', 'handler', 1, false],
      [1, '2026-11-25', 'handler', 1, false],
    ],
  )
})

test('each organisation is told apart, each case apart: what one is told is the same with and without the other', () => {
  const own = [opened(), opened({ case_id: other })]
  const both = listsToTell([...own, opened({ organisation: water })])
  assert.deepEqual(
    both.map(({ organisation }) => organisation),
    [marlow, marlow, water],
  )
  assert.deepEqual(both.slice(0, 2), listsToTell(own))
})

test('more than a list takes becomes several, and nothing is lost', () => {
  const many = Array.from({ length: LINES + 1 }, () => opened({ item: randomUUID() }))
  const lists = listsToTell(many)
  assert.deepEqual(
    lists.map(({ lines }) => lines.length),
    [LINES, 1],
  )
  for (const { lines } of lists) assert.deepEqual(readReads(writeReads(lines)), lines)
})

test('a list has one spelling and one order', () => {
  const [list] = listsToTell([opened(), opened({ item: items[1] })])
  const [first, second] = list!.lines as [ReadLine, ReadLine]
  const text = (reads: unknown[]) => Buffer.from(canonical({ reads }))
  assert.deepEqual(readReads(text([first, second])), [first, second])
  for (const wrong of [
    [],
    [second, first],
    [first, first],
    [{ ...first, who: 'Callum Drey' }],
    [{ ...first, times: 0 }],
    [{ ...first, on: '2026-11-31' }],
    [{ ...first, export: false }],
    [{ ...first, item: 'an item' }],
  ])
    assert.throws(() => readReads(text(wrong)), JSON.stringify(wrong))
  assert.throws(() => readReads(Buffer.from(` ${canonical({ reads: [first] })}`)))
})
