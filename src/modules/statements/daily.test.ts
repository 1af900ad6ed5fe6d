import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { b64u, sha256 } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { runs, seed } from '../../../checks/runs.ts'
import { dueBy, ENDING, LINES, missedBetween, pagesOf, readList, writeList, writeStatement, type Line, type Statement } from './daily.ts'

const uuid = (n: number): string => `0a7e3a52-9a5c-4c1d-8a37-${n.toString(16).padStart(12, '0')}`
const lineAt = (n: number, more: Partial<Line> = {}): Line => ({
  item: uuid(n),
  commitment: b64u(sha256(`${n}`)),
  record: uuid(n + 1_000_000),
  via: 'permission',
  since: '2026-11-25T09:30:00.000Z',
  ...more,
})
const day = 86_400
const at = (text: string): Date => new Date(text)

test('a daily statement falls due at midnight UTC, whenever it is asked', () => {
  for (const now of ['2026-11-25T00:00:00.000Z', '2026-11-25T12:00:00.000Z', '2026-11-25T23:59:59.999Z'])
    assert.equal(dueBy(at(now), day).toISOString(), '2026-11-25T00:00:00.000Z')
  assert.equal(dueBy(at('2026-11-25T09:30:07.500Z'), 2).toISOString(), '2026-11-25T09:30:06.000Z')
})

test('what was missed is counted from the last statement, or from when the organisation came into the books', () => {
  const due = at('2026-11-25T00:00:00.000Z')
  const cases: [since: string, missed: number][] = [
    ['2026-11-24T00:00:00.000Z', 0],
    ['2026-11-24T13:00:00.000Z', 0],
    ['2026-11-23T00:00:00.000Z', 1],
    ['2026-11-23T23:00:00.000Z', 1],
    ['2026-11-18T00:00:00.000Z', 6],
  ]
  for (const [since, missed] of cases) assert.equal(missedBetween(at(since), due, day), missed, since)
})

test('a list has one spelling and one order, and anything else is none', () => {
  const lines = [lineAt(1), lineAt(2, { restricted: '2026-11-26T09:30:00.000Z' }), lineAt(3, { deleted: '2026-11-26T09:30:00.000Z' })]
  const text = canonical({ holdings: lines })
  assert.deepEqual(readList(writeList(lines)), lines)
  assert.equal(Buffer.from(writeList(lines)).toString('utf8'), text)
  const wrong = [
    '',
    '[]',
    '{}',
    ` ${text}`,
    `${text}\n`,
    canonical({ holdings: lines, more: 1 }),
    canonical({ holdings: lines.toReversed() }),
    canonical({ holdings: [lines[0], lines[0]] }),
    canonical({ holdings: [{ ...lines[0], more: 1 }] }),
    canonical({ holdings: [{ ...lines[0], item: 'x' }] }),
    canonical({ holdings: [{ ...lines[0], commitment: 'x' }] }),
    canonical({ holdings: [{ ...lines[0], via: '' }] }),
    canonical({ holdings: [{ ...lines[0], since: '2026-11-25' }] }),
    canonical({ holdings: Array.from({ length: LINES + 1 }, (_, n) => lineAt(n)) }),
  ]
  for (const one of wrong) assert.throws(() => readList(Buffer.from(one)), Error, one.slice(0, 80))
  assert.throws(() => readList(Buffer.from([0xff])))
})

test('the same holdings are the same pages in whatever order they are found, and no line is lost', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 5000 }), { maxLength: 2500 }), fc.integer(), (numbers, turn) => {
      const lines = numbers.map((n) => lineAt(n))
      const turned = [...lines.slice(Math.abs(turn) % (lines.length || 1)), ...lines.slice(0, Math.abs(turn) % (lines.length || 1))]
      const pages = pagesOf(lines)
      assert.deepEqual(pages, pagesOf(turned))
      assert.equal(pages.length, Math.max(1, Math.ceil(lines.length / LINES)))
      assert.deepEqual(pages.flatMap((page) => readList(writeList(page))).length, lines.length)
    }),
    { numRuns: runs(20), seed },
  )
})

const statement = (more: Partial<Statement> = {}): Statement => ({
  organisation: uuid(1),
  authority: 'ncsc',
  due: at('2026-11-25T00:00:00.000Z'),
  missed: 0,
  chain: { n: 4, head: b64u(sha256('head')) },
  lines: [],
  ...more,
})

test('a statement that nothing is held is a page like any other, and counts itself', () => {
  const [page, ...more] = writeStatement(statement())
  assert.deepEqual(more, [])
  assert.deepEqual(page!.members, {
    organisation: uuid(1),
    due: '2026-11-25T00:00:00.000Z',
    entries: 5,
    head: b64u(sha256('head')),
    page: 1,
    pages: 1,
    held: 0,
    ending: ENDING,
  })
  assert.deepEqual(readList(page!.list), [])
})

test('the NCSC\u2019s always ends alike, the ICO\u2019s never does; missed days and the one before are said where there are any', () => {
  const before = at('2026-11-21T00:00:00.000Z')
  for (const authority of ['ncsc', 'ico'] as const)
    for (const lines of [[], [lineAt(1)]])
      for (const missed of [0, 3]) {
        const [page] = writeStatement(statement({ authority, lines, missed, before }))
        assert.equal(page!.members.ending, authority === 'ncsc' ? ENDING : undefined)
        assert.deepEqual([page!.members.missed, page!.members.before], [missed || undefined, '2026-11-21T00:00:00.000Z'])
      }
})

test('pages of a large statement say the same but for their number', () => {
  const pages = writeStatement(statement({ lines: Array.from({ length: LINES + 1 }, (_, n) => lineAt(n)) }))
  assert.deepEqual(
    pages.map(({ members }) => [members.page, members.pages, members.entries, members.held]),
    [
      [1, 2, 6, LINES + 1],
      [2, 2, 6, LINES + 1],
    ],
  )
  assert.ok(pages.every(({ list }) => list.length < 400_000))
})
