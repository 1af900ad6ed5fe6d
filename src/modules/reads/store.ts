import type { Bytes } from '#platform/bytes'
import { query, type Db, type Tx } from '#platform/db'
import type { AuthorityId } from '#exchange'

// At a body

/** When what was told to each of these organisations before that instant last fell due. */
export function lastTold(tx: Tx, organisations: readonly string[], due: Date): Promise<{ organisation: string; due: Date }[]> {
  return query(
    tx,
    `select organisation, max(due) as due
     from reads.made
     where organisation = any($1::uuid[]) and due < $2
     group by organisation`,
    [organisations, due],
  )
}

/** Which of these records are known as made. */
export async function madeOf(tx: Tx, records: readonly string[]): Promise<string[]> {
  const rows = await query<{ record: string }>(tx, 'select record from reads.made where record = any($1::uuid[])', [records])
  return rows.map(({ record }) => record)
}

export async function insertMade(
  tx: Tx,
  rows: readonly { record: string; organisation: string; lines: number }[],
  due: Date,
  at: Date,
): Promise<void> {
  await query(
    tx,
    `insert into reads.made (record, organisation, due, lines, made_at)
     select record, organisation, $2, lines, $3
     from json_to_recordset($1::json) as r (record uuid, organisation uuid, lines integer)`,
    [JSON.stringify(rows), due, at],
  )
}

// At the portal

export type ReceivedRow = { record: string; sender: AuthorityId; list: Bytes }

export async function insertReceived(tx: Tx, row: ReceivedRow & { organisation: string }, at: Date): Promise<void> {
  await query(tx, 'insert into reads.received (record, organisation, sender, list, received_at) values ($1, $2, $3, $4, $5)', [
    row.record,
    row.organisation,
    row.sender,
    row.list,
    at,
  ])
}

export function receivedOf(db: Db | Tx, organisation: string): Promise<ReceivedRow[]> {
  return query(db, 'select record, sender, list from reads.received where organisation = $1 order by received_at, record', [organisation])
}
