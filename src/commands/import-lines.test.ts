import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { LONGEST_LINE, linesOf, type Line } from './import-lines.ts'

async function all(lines: AsyncIterable<Line>): Promise<Line[]> {
  const read: Line[] = []
  for await (const line of lines) read.push(line)
  return read
}

async function linesIn(content: string | Uint8Array): Promise<Line[]> {
  const folder = await mkdtemp(join(tmpdir(), 'lines-'))
  try {
    await writeFile(join(folder, 'file'), content)
    return await all(linesOf(join(folder, 'file')))
  } finally {
    await rm(folder, { recursive: true })
  }
}

const numbered = (...texts: string[]): Line[] => texts.map((text, at) => ({ number: at + 1, text }))

test('lines come as they are, plain or compressed, the last with or without its end', async () => {
  for (const content of ['one\n\ntw\u00f6\n', 'one\n\ntw\u00f6']) {
    assert.deepEqual(await linesIn(content), numbered('one', '', 'tw\u00f6'))
    assert.deepEqual(await linesIn(gzipSync(content)), numbered('one', '', 'tw\u00f6'))
  }
  assert.deepEqual(await linesIn(''), [])
  assert.deepEqual(await linesIn('x'), numbered('x'))
})

test('a line over many reads is put together, also where a letter is cut in two', async () => {
  const long = 'tw\u00f6 '.repeat(60_000)
  assert.deepEqual(await linesIn(`${long}\nnext\n${long}`), numbered(long, 'next', long))
})

test('a line that is too long is named and not held; the next is read', async () => {
  const lines = await linesIn(
    gzipSync(`${'x'.repeat(LONGEST_LINE + 1)}\nnext\n${'y'.repeat(LONGEST_LINE)}\n${'z'.repeat(3 * LONGEST_LINE)}`),
  )
  assert.deepEqual(
    lines.map((line) => ('text' in line ? line.text.slice(0, 4) : line.fault.slice(0, 18))),
    ['The line is longer', 'next', 'yyyy', 'The line is longer'],
  )
})

test('bytes that are no text are named; the next line is read', async () => {
  const lines = await linesIn(Buffer.concat([Buffer.from([0x61, 0xff, 10]), Buffer.from('next\n')]))
  assert.deepEqual(lines, [
    { number: 1, fault: 'The line is not UTF-8' },
    { number: 2, text: 'next' },
  ])
})

test('a file that is cut off in its gzip, or is not there, is an error and not an end', async () => {
  await assert.rejects(linesIn(gzipSync('one\ntwo\n'.repeat(1_000)).subarray(0, 40)), { code: 'Z_BUF_ERROR' })
  await assert.rejects(all(linesOf('/nowhere/at-all')), { code: 'ENOENT' })
})
