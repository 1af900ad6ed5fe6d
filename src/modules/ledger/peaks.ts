import type { Bytes } from '#platform/bytes'
import { emptyRoot, HASH_BYTES, hashAt, hashCount, innerHash, leafHash } from './tree.ts'

/** The complete subtrees of a tree (RFC 6962 section 2.1), largest first: all that it takes to let the tree grow and to know its root. */
export type Peaks = readonly Bytes[]

/** The tree of `size` with one leaf more; `entry` is what the log has there, 32 bytes. */
export function grown(size: number, peaks: Peaks, entry: Bytes): Peaks {
  const next = [...peaks]
  let node = leafHash(entry)
  for (let rest = size; rest % 2 === 1; rest = Math.floor(rest / 2)) node = innerHash(next.pop()!, node)
  return [...next, node]
}

export function rootOfPeaks(peaks: Peaks): Bytes {
  return peaks.length === 0 ? emptyRoot() : peaks.reduceRight((right, left) => innerHash(left, right))
}

export const peaksIn = (row: Bytes): Peaks => Array.from({ length: hashCount(row) }, (_, nth) => hashAt(row, nth))

/** The 32-byte entries of a row, in order. Throws SyntaxError for a row that holds no whole number of them. */
export function entriesOf(row: Bytes): Bytes[] {
  if (row.length % HASH_BYTES !== 0) throw new SyntaxError('leaves of another length')
  return Array.from({ length: row.length / HASH_BYTES }, (_, nth) => hashAt(row, nth))
}
