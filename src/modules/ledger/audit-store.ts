import type { Bytes } from '#platform/bytes'
import { query, queryOne, type Db, type Tx } from '#platform/db'

/** The whole ledger, page by page, for whoever checks the books. Reads alone. */

export type EntryPageRow = {
  id: string
  appended_at: Date
  record_hash: Bytes
  salt: Bytes
  chain: Bytes
  commitment: Bytes
  organisation: string | null
  n: number | null
  previous: Bytes | null
  salt2: Bytes | null
  index: number | null
  slot: number | null
  path: Bytes | null
  /** Of the leaf it stands in, and when the first head over that was made; null where there is none. */
  leaf: Bytes | null
  covered_at: Date | null
}

export function entriesPage(db: Db | Tx, after: string, limit: number): Promise<EntryPageRow[]> {
  return query(
    db,
    `select e.id, e.appended_at, e.record_hash, e.salt, e.chain, e.commitment, e.organisation, e.n, e.previous, e.salt2,
       e.leaf_index as index, e.slot, e.path, l.root as leaf, h.created_at as covered_at
     from ledger.entries as e
     left join ledger.leaves as l on l.index = e.leaf_index
     left join ledger.heads as h on h.size = e.leaf_index + 1
     where e.id > $1
     order by e.id
     limit $2`,
    [after, limit],
  )
}

export function chainRows(db: Db | Tx): Promise<{ organisation: string; n: number; head: Bytes }[]> {
  return query(db, 'select organisation, n, head from ledger.chains order by organisation collate "C"')
}

export type LeafPageRow = { index: number; leaf: Bytes; root: Bytes | null; note: string | null; created_at: Date | null }

/** Leaves from this index on, each with the first head over it. */
export function leavesPage(db: Db | Tx, from: number, limit: number): Promise<LeafPageRow[]> {
  return query(
    db,
    `select l.index, l.root as leaf, h.root, h.note, h.created_at
     from ledger.leaves as l
     left join ledger.heads as h on h.size = l.index + 1
     where l.index >= $1
     order by l.index
     limit $2`,
    [from, limit],
  )
}

export async function headCount(db: Db | Tx): Promise<number> {
  const row = await queryOne<{ largest: number }>(db, 'select coalesce(max(size), 0) as largest from ledger.heads')
  return row!.largest
}
