import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'

export const LONGEST_LINE = 1_048_576

/** A line, or what is wrong with it. Numbers count from 1. */
export type Line = { number: number; text: string } | { number: number; fault: string }

/**
 * The lines of a file, plain or gzip by its first two bytes, one after another: no more of it is held than one line, however long the
 * file or one of its lines is. Throws where the file cannot be read, or ends in the middle of its gzip.
 */
export async function* linesOf(path: string): AsyncGenerator<Line> {
  let number = 0
  let held: Buffer[] = []
  let size = 0
  const take = (): Line => {
    number += 1
    const line =
      size > LONGEST_LINE
        ? { number, fault: `The line is longer than ${LONGEST_LINE.toLocaleString('en-GB')} bytes` }
        : decoded(held, number)
    held = []
    size = 0
    return line
  }
  for await (const chunk of await bytesOf(path)) {
    let from = 0
    for (let end = chunk.indexOf(10, from); end >= 0; end = chunk.indexOf(10, from)) {
      hold(chunk.subarray(from, end))
      yield take()
      from = end + 1
    }
    hold(chunk.subarray(from))
  }
  if (size > 0) yield take()

  function hold(bytes: Buffer): void {
    size += bytes.length
    if (size > LONGEST_LINE) held = []
    else held.push(bytes)
  }
}

function decoded(parts: Buffer[], number: number): Line {
  try {
    return { number, text: new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts)) }
  } catch {
    return { number, fault: 'The line is not UTF-8' }
  }
}

async function bytesOf(path: string): Promise<AsyncIterable<Buffer>> {
  const file = await open(path)
  const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0).finally(() => file.close())
  const stream = createReadStream(path)
  if (buffer[0] !== 0x1f || buffer[1] !== 0x8b) return stream
  const gunzip = createGunzip()
  // Whoever reads sees an error of either, or the end; there is nothing more to be done here.
  pipeline(stream, gunzip, () => {})
  return gunzip
}
