import type { Bytes } from '#platform/bytes'
import { query, type Db, type Tx } from '#platform/db'
import type { OutboxState } from './store.ts'
import type { Kind, NodeId } from './message.ts'

/** Everything that came and went, page by page in the order of ids, for whoever checks the books. Reads alone. */

export type InboxPageRow = {
  id: string
  sender: NodeId
  kind: Kind
  organisation: string | null
  answers: string | null
  statement: string
  record_hash: Bytes
  log_time: Date | null
  state: 'accepted' | 'refused'
  code: string | null
  received_at: Date
}

export function inboxPage(db: Db | Tx, after: string, limit: number): Promise<InboxPageRow[]> {
  return query(
    db,
    `select id, sender, kind, organisation, answers, statement, record_hash, log_time, state, code, received_at
     from exchange.inbox
     where id > $1
     order by id
     limit $2`,
    [after, limit],
  )
}

export type OutboxPageRow = {
  id: string
  peer: NodeId
  kind: Kind
  record: string
  entry: string
  permissions: string[]
  state: OutboxState
  queued_at: Date
  code: string | null
  acknowledgement: string | null
  statement: string | null
}

/** With what a restored house has from others alone: it was said, and stands in the ledger. */
export function outboxPage(db: Db | Tx, after: string, limit: number): Promise<OutboxPageRow[]> {
  return query(
    db,
    `select id, peer, kind, record, entry, permissions, state, queued_at, code, acknowledgement, statement
     from (
       select id, peer, kind, record, entry, permissions, state, queued_at, code, acknowledgement, statement
       from exchange.outbox
       union all
       select id, peer, kind, record, entry, permissions, 'accepted', said_at, null, acknowledgement, statement
       from exchange.returned
     ) as said
     where id > $1
     order by id
     limit $2`,
    [after, limit],
  )
}

export type DeliveryPageRow = { id: string; sender: string; acknowledgement: string; received_at: Date }

export function deliveriesPage(db: Db | Tx, after: string, limit: number): Promise<DeliveryPageRow[]> {
  return query(
    db,
    `select envelope as id, sender, acknowledgement, received_at
     from exchange.deliveries
     where envelope > $1
     order by envelope
     limit $2`,
    [after, limit],
  )
}

/** Requests for a message that were decided on and not refused, and of which no message is there. */
export function decidedWithoutMessage(db: Db | Tx, kinds: readonly Kind[]): Promise<{ id: string; kind: Kind }[]> {
  return query(
    db,
    `select r.id, r.kind
     from exchange.requests as r
     where r.state = 'decided' and r.kind = any($1::text[]) and not exists (select from exchange.outbox as o where o.id = r.id)
     order by r.id`,
    [kinds],
  )
}
