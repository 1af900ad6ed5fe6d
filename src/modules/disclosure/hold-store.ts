import { query, queryOne, type Db, type Tx } from '#platform/db'
import type { Kind, NodeId } from '#exchange'

export type HoldRow = { id: string; found_at: Date; note: string; since: Date; recovered_at: Date | null }
export type ReleaseRow = { person: string; role: string; reason: string; released_at: Date }
export type GapRow = { record: string; peer: NodeId; kind: Kind; code: string }

/** The hold that is on, if one is. */
export function openHold(db: Db | Tx): Promise<HoldRow | undefined> {
  return queryOne(db, 'select id, found_at, note, since, recovered_at from disclosure.holds where resumed_at is null')
}

/** Nothing where one is on already. */
export async function insertHold(tx: Tx, row: Omit<HoldRow, 'recovered_at'>): Promise<void> {
  await query(tx, 'insert into disclosure.holds (id, found_at, note, since) values ($1, $2, $3, $4) on conflict do nothing', [
    row.id,
    row.found_at,
    row.note,
    row.since,
  ])
}

/** In the place of what an earlier try could not take back. */
export async function markRecovered(tx: Tx, hold: string, gaps: readonly GapRow[], at: Date): Promise<void> {
  await query(tx, 'delete from disclosure.gaps where hold = $1', [hold])
  await query(
    tx,
    `insert into disclosure.gaps (hold, record, peer, kind, code)
     select $1, record, peer, kind, code
     from json_to_recordset($2::json) as gap (record uuid, peer text, kind text, code text)`,
    [hold, JSON.stringify(gaps)],
  )
  await query(tx, 'update disclosure.holds set recovered_at = $2 where id = $1', [hold, at])
}

export async function markResumed(tx: Tx, hold: string, at: Date): Promise<void> {
  await query(tx, 'update disclosure.holds set resumed_at = $2 where id = $1 and resumed_at is null', [hold, at])
}

export function gapsOf(db: Db | Tx, hold: string): Promise<GapRow[]> {
  return query(db, 'select record, peer, kind, code from disclosure.gaps where hold = $1 order by peer, kind, record', [hold])
}

export function releasesOf(db: Db | Tx, hold: string): Promise<ReleaseRow[]> {
  return query(db, 'select person, role, reason, released_at from disclosure.hold_releases where hold = $1 order by released_at', [hold])
}

/** False where this person has released it before, or somebody else in this role; waits for whoever is doing so. */
export async function insertRelease(tx: Tx, hold: string, row: ReleaseRow): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into disclosure.hold_releases (hold, person, role, reason, released_at)
     values ($1, $2, $3, $4, $5)
     on conflict do nothing
     returning person`,
    [hold, row.person, row.role, row.reason, row.released_at],
  )
  return rows.length === 1
}
