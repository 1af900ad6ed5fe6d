import type { Bytes } from '#platform/bytes'
import { query, type Db, type Tx } from '#platform/db'

/** What this house saw of every log, its own included: each day's first cosigned head, and heads that contradict each other. */

/** Only the first of the day stays. */
export async function insertSeen(tx: Tx, head: { origin: string; size: number; note: string }, at: Date): Promise<void> {
  await query(
    tx,
    `insert into ledger.seen (origin, day, size, note)
     values ($1, to_char($2::timestamptz at time zone 'UTC', 'YYYY-MM-DD'), $3, $4)
     on conflict on constraint seen_pk do nothing`,
    [head.origin, at, head.size, head.note],
  )
}

export type Inconsistent = {
  origin: string
  size: number
  root: Bytes
  note: string
  known: { size: number; note: string }
  proved: boolean
}

/** Each once, and at most a hundred a log of each sort: whoever can sign heads must not fill this house's disk with them. */
export async function insertInconsistent(tx: Tx, { origin, size, root, note, known, proved }: Inconsistent, at: Date): Promise<void> {
  await query(
    tx,
    `insert into ledger.inconsistent (origin, size, root, note, known_size, known_note, proved, found_at)
     select $1, $2, $3, $4, $5, $6, $7, $8
     where (select count(*) from ledger.inconsistent where origin = $1 and proved = $7) < 100
     on conflict on constraint inconsistent_pk do nothing`,
    [origin, size, root, note, known.size, known.note, proved, at],
  )
}

/** Of each log the first head of every day from `since`. */
export async function seenNotes(db: Db | Tx, since: string): Promise<string[]> {
  const rows = await query<{ note: string }>(db, 'select note from ledger.seen where day >= $1 order by origin collate "C", day', [since])
  return rows.map(({ note }) => note)
}

/** The last head of each other log. */
export async function lastNotes(db: Db | Tx): Promise<string[]> {
  const rows = await query<{ note: string }>(db, 'select note from ledger.witnessed where size > 0 order by origin collate "C"')
  return rows.map(({ note }) => note)
}

export type InconsistentRow = {
  origin: string
  size: number
  note: string
  known_size: number
  known_note: string
  proved: boolean
  found_at: Date
}

export function inconsistentRows(db: Db | Tx): Promise<InconsistentRow[]> {
  return query(
    db,
    `select origin, size, note, known_size, known_note, proved, found_at
     from ledger.inconsistent
     order by found_at, origin collate "C", size`,
  )
}
