import { query, queryOne, type Db, type Tx } from '#platform/db'
import type { NodeId } from '#exchange'

export type QuarantineRow = { id: string; sender: NodeId; size: number; sha256: string; received: number; whole_at: Date | null }

/** The row of this blob, made where there is none. Whatever is there already is left as it is. */
export async function inQuarantine(
  tx: Tx,
  blob: Pick<QuarantineRow, 'id' | 'sender' | 'size' | 'sha256'>,
  at: Date,
): Promise<QuarantineRow> {
  await query(
    tx,
    `insert into attachments.quarantine (id, sender, size, sha256, touched_at)
     values ($1, $2, $3, $4, $5)
     on conflict on constraint quarantine_pk do nothing`,
    [blob.id, blob.sender, blob.size, blob.sha256, at],
  )
  return (await quarantineById(tx, blob.id))!
}

export function quarantineById(db: Db | Tx, id: string): Promise<QuarantineRow | undefined> {
  return queryOne(db, 'select id, sender, size, sha256, received, whole_at from attachments.quarantine where id = $1', [id])
}

/** False where somebody else came further meanwhile. */
export async function keepReceived(
  tx: Tx,
  { id, from, received, whole }: { id: string; from: number; received: number; whole: boolean },
  at: Date,
): Promise<boolean> {
  const rows = await query(
    tx,
    `update attachments.quarantine
     set received = $3, whole_at = case when $4 then $5::timestamptz end, touched_at = $5
     where id = $1 and received = $2
     returning id`,
    [id, from, received, whole, at],
  )
  return rows.length === 1
}

/** Blobs nobody spoke of since, and those that were accepted: their files have another name by then. */
export async function forgetQuarantine(tx: Tx, untouchedSince: Date): Promise<number> {
  const gone = await query(
    tx,
    `delete from attachments.quarantine q
     where q.touched_at < $1 or exists (select 1 from attachments.accepted a where a.blob = q.id)
     returning q.id`,
    [untouchedSince],
  )
  return gone.length
}

export async function knownInQuarantine(db: Db, ids: string[]): Promise<Set<string>> {
  const rows = await query<{ id: string }>(db, 'select id from attachments.quarantine where id = any($1::uuid[])', [ids])
  return new Set(rows.map(({ id }) => id))
}

export async function knownAccepted(db: Db | Tx, ids: string[]): Promise<Set<string>> {
  const rows = await query<{ blob: string }>(db, 'select blob from attachments.accepted where blob = any($1::uuid[])', [ids])
  return new Set(rows.map(({ blob }) => blob))
}

export type AcceptedRow = { item: string; blob: string; key: string; length: number }

/** False where the item has a blob, or the blob an item. */
export async function insertAccepted(tx: Tx, row: AcceptedRow, at: Date): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into attachments.accepted (item, blob, key, length, accepted_at)
     values ($1, $2, $3, $4, $5)
     on conflict do nothing
     returning item`,
    [row.item, row.blob, row.key, row.length, at],
  )
  return rows.length === 1
}

export function acceptedOf(db: Db, item: string): Promise<AcceptedRow | undefined> {
  return queryOne(db, 'select item, blob, key, length from attachments.accepted where item = $1', [item])
}
