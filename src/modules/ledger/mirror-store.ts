import type { Bytes } from '#platform/bytes'
import { query, queryOne, type Db, type Tx } from '#platform/db'

// Of other logs

export type MirrorRow = { size: number; peaks: Bytes; note: string; taken_at: Date }

/** What is kept of that log; its row is made if need be and stays locked until the transaction ends. */
export async function lockMirror(tx: Tx, origin: string): Promise<MirrorRow> {
  const rows = await query<MirrorRow>(
    tx,
    `insert into ledger.mirrors (origin, size, peaks, note, taken_at)
     values ($1, 0, ''::bytea, '', 'epoch')
     on conflict on constraint mirrors_pk do update
     set size = mirrors.size
     returning size, peaks, note, taken_at`,
    [origin],
  )
  return rows[0]!
}

export function mirrorRow(db: Db | Tx, origin: string): Promise<MirrorRow | undefined> {
  return queryOne(db, 'select size, peaks, note, taken_at from ledger.mirrors where origin = $1 and size > 0', [origin])
}

export async function storeMirror(tx: Tx, origin: string, row: MirrorRow): Promise<void> {
  await query(tx, 'update ledger.mirrors set size = $2, peaks = $3, note = $4, taken_at = $5 where origin = $1', [
    origin,
    row.size,
    row.peaks,
    row.note,
    row.taken_at,
  ])
}

export async function insertMirrored(tx: Tx, origin: string, from: number, leaves: readonly Bytes[]): Promise<void> {
  await query(
    tx,
    `insert into ledger.mirrored (origin, index, root)
     select $1, $2::bigint + nth - 1, root
     from unnest($3::bytea[]) with ordinality as leaf (root, nth)`,
    [origin, from, leaves],
  )
}

/** A row of that log's leaves, from an index, as far as there are any up to `limit`. */
export async function mirroredLeaves(db: Db | Tx, origin: string, from: number, limit: number): Promise<Bytes> {
  const found = await queryOne<{ row: Bytes | null }>(
    db,
    `select string_agg(root, ''::bytea order by index) as row
     from ledger.mirrored
     where origin = $1 and index >= $2::bigint and index < $2::bigint + $3::bigint`,
    [origin, from, limit],
  )
  return found?.row ?? Buffer.alloc(0)
}

// Of our own

/** A row of our own leaves from one index up to but without another. */
export async function ownLeaves(db: Db | Tx, from: number, to: number): Promise<Bytes> {
  const found = await queryOne<{ row: Bytes | null }>(
    db,
    `select string_agg(root, ''::bytea order by index) as row
     from ledger.leaves
     where index >= $1::bigint and index < $2::bigint`,
    [from, to],
  )
  return found?.row ?? Buffer.alloc(0)
}

/** The first signed head of at least this size. */
export function signedHeadFrom(db: Db | Tx, size: number): Promise<{ size: number; note: string } | undefined> {
  return queryOne(db, 'select size, note from ledger.heads where size >= $1 and note is not null order by size limit 1', [size])
}
