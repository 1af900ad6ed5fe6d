import type { Bytes } from '#platform/bytes'
import { query, type Tx } from '#platform/db'
import type { Kind, MessageRecord, NodeId } from './message.ts'

// At a house whose peer was restored: what it said to that peer, and what the peer said to it

/** A place in a list ordered by instant, then id; the instant in microseconds, as the database counts. */
export type Place = { at: string; id: string }

export const FIRST: Place = { at: '0', id: '00000000-0000-0000-0000-000000000000' }

const microseconds = (column: string): string => `(extract(epoch from ${column}) * 1000000)::bigint::text`

export type SaidRow = {
  id: string
  kind: Kind
  record: string
  entry: string
  permissions: string[]
  payload: Bytes | null
  acknowledgement: string
  statement: string
  place: string
}

/** What that peer had accepted of us since then, oldest first. */
export function saidTo(tx: Tx, peer: NodeId, since: Date, after: Place, limit: number): Promise<SaidRow[]> {
  return query(
    tx,
    `select id, kind, record, entry, permissions, payload, acknowledgement, statement, ${microseconds('queued_at')} as place
     from exchange.outbox
     where peer = $1 and state = 'accepted' and settled_at >= $2
       and (queued_at, id) > (timestamptz 'epoch' + $3::bigint * interval '1 microsecond', $4::uuid)
     order by queued_at, id
     limit $5`,
    [peer, since, after.at, after.id, limit],
  )
}

export type HeardRow = { id: string; statement: string; acknowledgement: string | null; place: string }

/** What we accepted of that peer since then, oldest first, with the answer we gave where it travelled alone. */
export function heardFrom(tx: Tx, peer: NodeId, since: Date, after: Place, limit: number): Promise<HeardRow[]> {
  return query(
    tx,
    `select i.id, i.statement, d.acknowledgement, ${microseconds('i.received_at')} as place
     from exchange.inbox as i
     left join exchange.deliveries as d on d.envelope = i.id and d.sender = i.sender
     where i.sender = $1 and i.state = 'accepted' and i.received_at >= $2
       and (i.received_at, i.id) > (timestamptz 'epoch' + $3::bigint * interval '1 microsecond', $4::uuid)
     order by i.received_at, i.id
     limit $5`,
    [peer, since, after.at, after.id, limit],
  )
}

/** Takes the payload of what was settled before then. How many. */
export async function dropPayloads(tx: Tx, before: Date, limit: number): Promise<number> {
  const rows = await query(
    tx,
    `update exchange.outbox
     set payload = null
     where id in (
       select id
       from exchange.outbox
       where payload is not null and settled_at < $1
       order by settled_at
       limit $2
       for update skip locked
     )
     returning id`,
    [before, limit],
  )
  return rows.length
}

// At the house that was restored

/** The ledger's entry of each of these records that is known here. */
export async function entriesKnown(tx: Tx, ids: readonly string[]): Promise<Map<string, string>> {
  const rows = await query<{ id: string; entry: string }>(
    tx,
    `select id, entry from exchange.outbox where id = any($1::uuid[])
     union all
     select id, entry from exchange.returned where id = any($1::uuid[])`,
    [ids],
  )
  return new Map(rows.map(({ id, entry }) => [id, entry]))
}

export type ReturnedRow = {
  id: string
  peer: NodeId
  kind: Kind
  answers: string | null
  record: string
  entry: string
  permissions: string[]
  acknowledgement: string | null
  statement: string
  saidAt: Date
}

/** What the outbox has itself is left there. */
export async function insertReturned(tx: Tx, rows: readonly ReturnedRow[], at: Date): Promise<string[]> {
  const kept = await query<{ id: string }>(
    tx,
    `insert into exchange.returned
       (id, peer, kind, answers, record, entry, permissions, acknowledgement, statement, said_at, returned_at)
     select r.id, r.peer, r.kind, r.answers, r.record, r.entry, r.permissions, r.acknowledgement, r.statement, r."saidAt", $2
     from json_to_recordset($1::json) as r (id uuid, peer text, kind text, answers uuid, record text, entry uuid, permissions text[],
       acknowledgement text, statement text, "saidAt" timestamptz)
     where not exists (select from exchange.outbox as o where o.id = r.id)
     on conflict on constraint returned_pk do nothing
     returning id`,
    [JSON.stringify(rows), at],
  )
  return kept.map(({ id }) => id)
}

/** What was asked for and, as is known from elsewhere, was decided and sent: it is not decided again. */
export async function settleReturned(tx: Tx, ids: readonly string[], at: Date): Promise<void> {
  await query(tx, "update exchange.requests set state = 'decided', decided_at = $2 where id = any($1::uuid[]) and state = 'pending'", [
    ids,
    at,
  ])
}

/** What was said before the restore in answer to these records, or to call these disclosures back. */
export async function saidBefore(tx: Tx, answered: readonly string[]): Promise<string[]> {
  const rows = await query<{ record: string }>(tx, 'select record from exchange.returned where answers = any($1::uuid[])', [answered])
  return rows.map(({ record }) => record)
}

/** Records of this house's own, of this kind, that its own database no longer knew. */
export async function returnedRecords(tx: Tx, kind: Kind): Promise<MessageRecord[]> {
  const rows = await query<{ record: string }>(tx, 'select record from exchange.returned where kind = $1 order by said_at, id', [kind])
  return rows.map(({ record }) => JSON.parse(record) as MessageRecord)
}

/** Disclosures under a permission that left before the restore. */
export function returnedUnder(tx: Tx, permission: string): Promise<{ id: string }[]> {
  return query(tx, "select id from exchange.returned where permissions @> array[$1] and kind = 'disclosure' order by said_at, id", [
    permission,
  ])
}
