import type { Bytes } from '#platform/bytes'
import { query, queryOne, type Db, type Tx } from '#platform/db'
import type { RefusalCode } from '#platform/errors'
import type { Kind, NodeId, QueuedRequest } from './message.ts'

// Requests: the desk's side

export async function insertRequest(tx: Tx, request: QueuedRequest, at: Date): Promise<void> {
  await query(
    tx,
    `insert into exchange.requests (id, kind, peer, body, actor, requested_at)
     values ($1, $2, $3, $4, $5, $6)`,
    [request.id, request.kind, request.to, JSON.stringify(request.body), JSON.stringify(request.actor), at],
  )
}

export type RequestRow = {
  id: string
  state: 'pending' | 'decided' | 'refused'
  code: RefusalCode | null
  clause: string | null
  items: string[]
  result: string | null
}
export type ProgressRow = { id: string; state: OutboxState; code: RefusalCode | null; acknowledgement: string | null; record: string }

export function requestRows(db: Db | Tx, ids: string[]): Promise<RequestRow[]> {
  return query(db, 'select id, state, code, clause, items, result from exchange.requests where id = any($1::uuid[])', [ids])
}

export function progressRows(db: Db | Tx, ids: string[]): Promise<ProgressRow[]> {
  return query(db, 'select id, state, code, acknowledgement, record from exchange.progress where id = any($1::uuid[])', [ids])
}

// Requests: the gateway's side

export async function takeRequests(tx: Tx, now: Date, limit: number): Promise<QueuedRequest[]> {
  const rows = await query<Omit<QueuedRequest, 'to'> & { peer: NodeId }>(
    tx,
    `select id, kind, peer, body, actor
     from exchange.requests
     where state = 'pending' and next_at <= $1
     order by requested_at, id
     limit $2
     for update skip locked`,
    [now, limit],
  )
  return rows.map(({ peer, ...row }) => ({ ...row, to: peer }))
}

export async function settleRequest(
  tx: Tx,
  id: string,
  outcome: { code?: RefusalCode; clause?: string; items?: string[]; result?: string },
  at: Date,
): Promise<void> {
  await query(
    tx,
    `update exchange.requests
     set state = $2, code = $3, clause = $4, items = $5, result = $6, decided_at = $7
     where id = $1`,
    [
      id,
      outcome.code ? 'refused' : 'decided',
      outcome.code ?? null,
      outcome.clause ?? null,
      outcome.items ?? [],
      outcome.result ?? null,
      at,
    ],
  )
}

export async function putOffRequest(tx: Tx, id: string, next: Date): Promise<void> {
  await query(tx, 'update exchange.requests set next_at = $2 where id = $1', [id, next])
}

// Outbox

export type OutboxState = 'waiting' | 'claimed' | 'accepted' | 'refused' | 'cancelled' | 'may-have-left'
export type OutboxRow = {
  id: string
  peer: NodeId
  kind: Kind
  record: string
  payload: Bytes
  entry: string
  permissions: string[]
  attempts: number
}

export async function insertOutbox(tx: Tx, row: Omit<OutboxRow, 'attempts'>, at: Date): Promise<void> {
  await query(
    tx,
    `insert into exchange.outbox (id, peer, kind, record, payload, entry, permissions, next_at, queued_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $8)`,
    [row.id, row.peer, row.kind, row.record, row.payload, row.entry, row.permissions, at],
  )
}

/** Rows that may be tried now; a claim whose deadline has passed counts as none. Locked until the transaction ends. */
export function dueRows(tx: Tx, now: Date, limit: number): Promise<OutboxRow[]> {
  return query(
    tx,
    `select id, peer, kind, record, payload, entry, permissions, attempts
     from exchange.outbox
     where state in ('waiting', 'claimed') and next_at <= $1 and (state = 'waiting' or claim_until < $1)
     order by queued_at, id
     limit $2
     for update skip locked`,
    [now, limit],
  )
}

export async function claimRows(tx: Tx, ids: string[], process: string, until: Date): Promise<void> {
  await query(
    tx,
    `update exchange.outbox
     set state = 'claimed', claimed_by = $2, claim_until = $3, attempts = attempts + 1
     where id = any($1::uuid[])`,
    [ids, process, until],
  )
}

export type Settlement = { id: string; state: 'accepted' | 'refused'; code: RefusalCode | null; acknowledgement: string; statement: string }

/**
 * Writes what the recipient's signed answer says. It also settles a row that a withdrawal has meanwhile named as one that may
 * have left: that it did is then known. A cancelled row is never touched. The payload goes.
 */
export async function settleRows(tx: Tx, settlements: Settlement[], at: Date): Promise<void> {
  await query(
    tx,
    `update exchange.outbox as o
     set state = s.state, code = s.code, acknowledgement = s.acknowledgement, statement = s.statement,
       settled_at = $2, claimed_by = null, claim_until = null, payload = null
     from jsonb_to_recordset($1::jsonb) as s (id uuid, state text, code text, acknowledgement text, statement text)
     where o.id = s.id and o.state in ('claimed', 'may-have-left')`,
    [JSON.stringify(settlements), at],
  )
}

/** Gives up a claim after a failed attempt, unless somebody else holds it by now. An attempt of which no byte left is not counted. */
export async function releaseRows(tx: Tx, ids: string[], process: string, next: Date, neverLeft: boolean): Promise<void> {
  await query(
    tx,
    `update exchange.outbox
     set state = 'waiting', claimed_by = null, claim_until = null, next_at = $3, attempts = attempts - $4
     where id = any($1::uuid[]) and state = 'claimed' and claimed_by = $2`,
    [ids, process, next, neverLeft ? 1 : 0],
  )
}

/** A row that may not leave any more. One that was tried before is not said to have been stopped: its answer may have been lost. */
export async function cancelRow(tx: Tx, id: string, code: RefusalCode, at: Date): Promise<void> {
  await query(
    tx,
    `update exchange.outbox
     set state = case when attempts > 0 then 'may-have-left' else 'cancelled' end, code = $2, settled_at = $3, claimed_by = null, claim_until = null, payload = null
     where id = $1`,
    [id, code, at],
  )
}

// Withdrawal: what is still here, what left, what may have left

/**
 * Cancels every send under the permission that nobody has claimed or is claiming. It waits for no claim: whoever makes one waits for
 * the permission's row, and the two would wait for each other. Returns the records stopped.
 */
export async function cancelUnder(tx: Tx, permission: string, at: Date): Promise<string[]> {
  const rows = await query<{ id: string }>(
    tx,
    `update exchange.outbox
     set state = 'cancelled', code = 'permission-withdrawn', settled_at = $2, payload = null
     where id in (
       select id
       from exchange.outbox
       where permissions @> array[$1] and state = 'waiting' and kind = 'disclosure'
       order by queued_at, id
       for update skip locked
     )
     returning id`,
    [permission, at],
  )
  return rows.map((row) => row.id)
}

export type SendUnder = { id: string; state: OutboxState; claim_until: Date | null; attempts: number }

export function sendsUnder(tx: Tx, permission: string): Promise<SendUnder[]> {
  return query(
    tx,
    `select id, state, claim_until, attempts
     from exchange.outbox
     where permissions @> array[$1] and kind = 'disclosure'
     order by queued_at, id
     for update`,
    [permission],
  )
}

export async function markMayHaveLeft(tx: Tx, ids: string[], at: Date): Promise<void> {
  await query(
    tx,
    `update exchange.outbox
     set state = 'may-have-left', settled_at = $2, claimed_by = null, claim_until = null, payload = null
     where id = any($1::uuid[])`,
    [ids, at],
  )
}

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
  const rows = await query(
    tx,
    `insert into exchange.inbox (id, sender, kind, organisation, answers, statement, record_hash, log_time, state, code, received_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     on conflict on constraint inbox_pk do nothing
     returning id`,
    [row.id, row.sender, row.kind, row.organisation, row.answers, row.statement, row.recordHash, row.logTime, row.state, row.code, at],
  )
  return rows.length === 1
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

export async function insertDelivery(
  tx: Tx,
  row: { envelope: string; sender: string; hash: Bytes; acknowledgement: string },
  at: Date,
): Promise<void> {
  await query(
    tx,
    `insert into exchange.deliveries (envelope, sender, hash, acknowledgement, received_at)
     values ($1, $2, $3, $4, $5)
     on conflict on constraint deliveries_pk do nothing`,
    [row.envelope, row.sender, row.hash, row.acknowledgement, at],
  )
}

export async function insertStray(tx: Tx, row: { id: string; sender: string | null; code: RefusalCode }, at: Date): Promise<void> {
  await query(tx, 'insert into exchange.strays (id, claimed_sender, code, received_at) values ($1, $2, $3, $4)', [
    row.id,
    row.sender,
    row.code,
    at,
  ])
}

/** A statement that was accepted here. */
export async function keptStatement(db: Db | Tx, id: string): Promise<string | undefined> {
  const row = await queryOne<{ statement: string }>(db, "select statement from exchange.inbox where id = $1 and state = 'accepted'", [id])
  return row?.statement
}

/** Whom a record of ours is for. */
export async function peerOf(db: Db | Tx, id: string): Promise<NodeId | undefined> {
  const row = await queryOne<{ peer: NodeId }>(db, 'select peer from exchange.progress where id = $1', [id])
  return row?.peer
}

/** Statements of ours that were accepted, for the organisation's bundle. */
export function sentStatements(db: Db | Tx, ids: string[]): Promise<{ id: string; statement: string }[]> {
  return query(
    db,
    `select s.id, s.statement
     from exchange.sent as s
     join exchange.progress as p on p.id = s.id
     where s.id = any($1::uuid[]) and p.state = 'accepted'`,
    [ids],
  )
}
