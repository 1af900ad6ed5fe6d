import type { Bytes } from '#platform/bytes'
import { query, queryOne, type Db, type Tx } from '#platform/db'
import type { RefusalCode } from '#platform/errors'
import type { Kind, NodeId } from './message.ts'

// Inbox

export type InboxRow = {
  id: string
  sender: NodeId
  kind: Kind
  organisation: string | null
  answers: string | null
  statement: string
  recordHash: Bytes
  logTime: Date | null
  state: 'accepted' | 'refused'
  code: RefusalCode | null
}

export function inboxRow(
  tx: Tx,
  id: string,
): Promise<{ state: 'accepted' | 'refused'; code: RefusalCode | null; record_hash: Bytes } | undefined> {
  return queryOne(tx, 'select state, code, record_hash from exchange.inbox where id = $1', [id])
}

/** False where a statement of that id is already there: somebody else is first, and this transaction must keep nothing. */
export async function insertInbox(tx: Tx, row: InboxRow, at: Date): Promise<boolean> {
  return (await insertInboxRows(tx, [row], at)) === 1
}

/** How many were new, in one statement however many: one whose id is already there is left out. */
export async function insertInboxRows(tx: Tx, rows: InboxRow[], at: Date): Promise<number> {
  const texts = rows.map(({ recordHash, ...row }) => ({ ...row, recordHash: Buffer.from(recordHash).toString('base64') }))
  const kept = await query(
    tx,
    `insert into exchange.inbox (id, sender, kind, organisation, answers, statement, record_hash, log_time, state, code, received_at)
     select id, sender, kind, organisation, answers, statement, decode("recordHash", 'base64'), "logTime", state, code, $2
     from json_to_recordset($1::json) as r (id uuid, sender text, kind text, organisation text, answers uuid, statement text,
       "recordHash" text, "logTime" timestamptz, state text, code text)
     on conflict on constraint inbox_pk do nothing
     returning id`,
    [JSON.stringify(texts), at],
  )
  return kept.length
}

export type ReceivedRow = {
  id: string
  sender: NodeId
  kind: Kind
  organisation: string | null
  answers: string | null
  statement: string
  log_time: Date
  received_at: Date
}

export function receivedAbout(db: Db | Tx, records: string[]): Promise<ReceivedRow[]> {
  return query(
    db,
    `select id, sender, kind, organisation, answers, statement, log_time, received_at
     from exchange.inbox
     where answers = any($1::uuid[]) and state = 'accepted'
     order by received_at, id`,
    [records],
  )
}

export function receivedFor(db: Db | Tx, organisation: string, kinds: Kind[]): Promise<ReceivedRow[]> {
  return query(
    db,
    `select id, sender, kind, organisation, answers, statement, log_time, received_at
     from exchange.inbox
     where organisation = $1 and kind = any($2::text[]) and state = 'accepted'
     order by received_at, id`,
    [organisation, kinds],
  )
}

// Deliveries

export function delivery(db: Db | Tx, envelope: string): Promise<{ hash: Bytes; acknowledgement: string } | undefined> {
  return queryOne(db, 'select hash, acknowledgement from exchange.deliveries where envelope = $1', [envelope])
}

export type DeliveryRow = { envelope: string; sender: string; hash: Bytes; acknowledgement: string }

/** How many were new. */
export async function insertDeliveries(tx: Tx, rows: DeliveryRow[], at: Date): Promise<number> {
  const kept = await query(
    tx,
    `insert into exchange.deliveries (envelope, sender, hash, acknowledgement, received_at)
     select added.*, $5
     from unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[]) as added
     on conflict on constraint deliveries_pk do nothing
     returning envelope`,
    [
      rows.map((row) => row.envelope),
      rows.map((row) => row.sender),
      rows.map((row) => row.hash),
      rows.map((row) => row.acknowledgement),
      at,
    ],
  )
  return kept.length
}

export async function insertStray(tx: Tx, row: { id: string; sender: string | null; code: RefusalCode }, at: Date): Promise<void> {
  await query(tx, 'insert into exchange.strays (id, claimed_sender, code, received_at) values ($1, $2, $3, $4)', [
    row.id,
    row.sender,
    row.code,
    at,
  ])
}

/** Since when what was accepted here stood in its signer's ledger. */
export function logTimesOf(db: Db | Tx, ids: string[]): Promise<{ id: string; log_time: Date }[]> {
  return query(db, "select id, log_time from exchange.inbox where id = any($1::uuid[]) and state = 'accepted'", [ids])
}

/** A statement that was accepted here. */
export async function keptStatement(db: Db | Tx, id: string): Promise<string | undefined> {
  const row = await queryOne<{ statement: string }>(db, "select statement from exchange.inbox where id = $1 and state = 'accepted'", [id])
  return row?.statement
}
