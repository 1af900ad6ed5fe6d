import type { Bytes } from '#platform/bytes'
import { query, queryOne, type Db, type Tx } from '#platform/db'
import type { RefusalCode } from '#platform/errors'
import type { Kind, NodeId, QueuedRequest } from './message.ts'
import { returnedUnder } from './returned-store.ts'

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

export type RequestOutcome = { id: string; code?: RefusalCode; clause?: string; items?: string[]; result?: string }

export async function settleRequests(tx: Tx, outcomes: RequestOutcome[], at: Date): Promise<void> {
  await query(
    tx,
    `update exchange.requests as r
     set state = case when o.code is null then 'decided' else 'refused' end,
       code = o.code, clause = o.clause, items = coalesce(o.items, '{}'), result = o.result, decided_at = $2
     from json_to_recordset($1::json) as o (id uuid, code text, clause text, items text[], result text)
     where r.id = o.id`,
    [JSON.stringify(outcomes), at],
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

/** All in one statement; the guard looks at each. */
export async function insertOutbox(tx: Tx, rows: Omit<OutboxRow, 'attempts'>[], at: Date): Promise<void> {
  const texts = rows.map(({ payload, ...row }) => ({ ...row, payload: Buffer.from(payload).toString('base64') }))
  await query(
    tx,
    `insert into exchange.outbox (id, peer, kind, record, payload, entry, permissions, next_at, queued_at)
     select id, peer, kind, record, decode(payload, 'base64'), entry, permissions, $2, $2
     from json_to_recordset($1::json) as r (id uuid, peer text, kind text, record text, payload text, entry uuid, permissions text[])`,
    [JSON.stringify(texts), at],
  )
}

export type DueRow = Pick<OutboxRow, 'id' | 'kind' | 'entry' | 'permissions'>

const FREE = "state in ('waiting', 'claimed') and (state = 'waiting' or claim_until < $2)"

/** Rows that could be tried now, without what they carry; a claim whose deadline has passed counts as none. Locks nothing. */
export function dueRows(tx: Tx, limit: number, now: Date): Promise<DueRow[]> {
  return query(
    tx,
    `select id, kind, entry, permissions
     from exchange.outbox
     where ${FREE} and next_at <= $2
     order by queued_at, id
     limit $1`,
    [limit, now],
  )
}

/** Takes those of these rows that are still free; what somebody else is taking or cancelling at this moment is left to them. */
export function claimRows(tx: Tx, ids: string[], now: Date, claim: { process: string; until: Date }): Promise<OutboxRow[]> {
  return query(
    tx,
    `with free as (
       select id
       from exchange.outbox
       where id = any($1::uuid[]) and ${FREE}
       order by id
       for update skip locked
     )
     update exchange.outbox as o
     set state = 'claimed', claimed_by = $3, claim_until = $4, attempts = o.attempts + 1
     from free
     where o.id = free.id
     returning o.id, o.peer, o.kind, o.record, o.payload, o.entry, o.permissions, o.attempts - 1 as attempts`,
    [ids, now, claim.process, claim.until],
  )
}

export type Settlement = { id: string; state: 'accepted' | 'refused'; code: RefusalCode | null; acknowledgement: string; statement: string }

/**
 * Writes what the recipient's signed answer says. It also settles a row that a withdrawal has meanwhile named as one that may
 * have left: that it did is then known. A cancelled row is never touched. The payload goes where it was
 * refused; where it was accepted it stays for a while, for a recipient whose house is restored.
 */
export async function settleRows(tx: Tx, settlements: Settlement[], at: Date): Promise<void> {
  await query(
    tx,
    `update exchange.outbox as o
     set state = s.state, code = s.code, acknowledgement = s.acknowledgement, statement = s.statement,
       settled_at = $2, claimed_by = null, claim_until = null,
       payload = case when s.state = 'accepted' then o.payload end
     from json_to_recordset($1::json) as s (id uuid, state text, code text, acknowledgement text, statement text)
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

/** Rows that may not leave any more, with the reason. One that was tried before is not said to have been stopped: its answer may have been lost. */
export async function cancelRows(tx: Tx, barred: ReadonlyMap<string, RefusalCode>, now: Date): Promise<void> {
  await query(
    tx,
    `update exchange.outbox as o
     set state = case when attempts > 0 then 'may-have-left' else 'cancelled' end, code = barred.code,
       settled_at = $2, claimed_by = null, claim_until = null, payload = null
     from unnest($1::uuid[], $3::text[]) as barred (id, code)
     where o.id = barred.id and ${FREE}`,
    [[...barred.keys()], now, [...barred.values()]],
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

/** With those that left before a restore. */
export async function sendsUnder(tx: Tx, permission: string): Promise<SendUnder[]> {
  const returned = await returnedUnder(tx, permission)
  const known = await query<SendUnder>(
    tx,
    `select id, state, claim_until, attempts
     from exchange.outbox
     where permissions @> array[$1] and kind = 'disclosure'
     order by queued_at, id
     for update`,
    [permission],
  )
  return [...returned.map(({ id }) => ({ id, state: 'accepted' as const, claim_until: null, attempts: 1 })), ...known]
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

// What ended otherwise than was said

/** Disclosures that never left, or that the recipient refused, of which no organisation has been told so. */
export function endingsToTell(tx: Tx, limit: number): Promise<{ id: string; state: 'cancelled' | 'refused' }[]> {
  return query(
    tx,
    `select id, state
     from exchange.outbox
     where kind = 'disclosure' and state in ('cancelled', 'refused') and not ending_told and (state = 'refused' or attempts = 0)
     order by settled_at, id
     limit $1
     for update skip locked`,
    [limit],
  )
}

export async function markTold(tx: Tx, ids: string[]): Promise<void> {
  await query(tx, 'update exchange.outbox set ending_told = true where id = any($1::uuid[])', [ids])
}

/** Records of the notices that told of a disclosure, as they were decided. */
export async function noticesOf(tx: Tx, disclosure: string): Promise<string[]> {
  const rows = await query<{ record: string }>(
    tx,
    `select record
     from exchange.outbox
     where kind = 'notice' and record::jsonb ->> 'disclosure' = $1
     order by id`,
    [disclosure],
  )
  return rows.map(({ record }) => record)
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

/** Whom a record of ours is for. */
export async function peerOf(db: Db | Tx, id: string): Promise<NodeId | undefined> {
  const row = await queryOne<{ peer: NodeId }>(db, 'select peer from exchange.progress where id = $1', [id])
  return row?.peer
}
