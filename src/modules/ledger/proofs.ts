import { b64u, type Bytes } from '#platform/bytes'
import type { Db, Tx } from '#platform/db'
import type { LedgerTrust, LogMember } from './log-member.ts'
import * as store from './store.ts'
import { consistencyProof, consistencyRanges, hashAt, hashCount, inclusionProof, inclusionRanges, readerOf, tilesFor } from './tree.ts'

/**
 * The `log` member of each of these entries that can be proved already: it stands in an interval, and a head that covers it was cosigned
 * by somebody who counts in `trust`. Others are left out; ask again later. Uses the earliest such head: its time is the entry's log time.
 * Three queries, however many entries. `opening` only for what goes to the organisation itself.
 */
export async function logOf(
  db: Db | Tx,
  ids: readonly string[],
  options: { opening: boolean },
  trust: LedgerTrust,
): Promise<Map<string, LogMember>> {
  const entries = ids.length === 0 ? [] : await store.placedEntries(db, ids)
  const indexes = [...new Set(entries.map((entry) => entry.index))]
  if (indexes.length === 0) return new Map()
  const names = [...Object.keys(trust.witnesses), ...Object.keys(trust.origins)]
  const { required = [] } = trust
  const heads = await store.cosignedHeads(db, indexes, { counting: required.length === 0 ? names : required, names })
  const places = new Map(heads.map((head, nth) => [head.index, { head, nth }]))
  const proofs = await inclusionProofs(db, heads)
  return new Map(
    entries.flatMap((entry) => {
      const place = places.get(entry.index)
      if (!place) return []
      const checkpoint = place.head.note + place.head.lines
      return [[entry.id, { ...memberOf(entry, options.opening), proof: proofs[place.nth]!, checkpoint }] as const]
    }),
  )
}

/** One proof a leaf, from tiles read in one query. */
async function inclusionProofs(db: Db | Tx, heads: readonly { index: number; size: number }[]): Promise<string[][]> {
  const ranges = heads.flatMap(({ index, size }) => inclusionRanges(index, size))
  const read = readerOf(await store.readTiles(db, tilesFor(ranges)))
  return heads.map(({ index, size }) => inclusionProof(index, size, read).map(b64u))
}

function memberOf(entry: store.PlacedEntry, opening: boolean): Omit<LogMember, 'proof' | 'checkpoint'> {
  const { n, previous, salt2 } = entry
  const opened = opening && n !== null && previous !== null && salt2 !== null
  return {
    salt: b64u(entry.salt),
    chain: b64u(entry.chain),
    ...(opened && { opening: { n, previous: b64u(previous), salt2: b64u(salt2) } }),
    slot: entry.slot,
    path: split(entry.path).map(b64u),
    index: entry.index,
  }
}

const split = (row: Bytes): Bytes[] => Array.from({ length: hashCount(row) }, (_, position) => hashAt(row, position))

/** That the tree of `size` begins with the one of `old`, from tiles read in one query. */
export async function consistencyFrom(db: Db | Tx, old: number, size: number): Promise<Bytes[]> {
  const tiles = await store.readTiles(db, tilesFor(consistencyRanges(old, size)))
  return consistencyProof(old, size, readerOf(tiles))
}
