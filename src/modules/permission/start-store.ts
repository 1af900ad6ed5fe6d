import type { Bytes } from '#platform/bytes'
import { query, queryOne, type Db, type Tx } from '#platform/db'

/** At the portal: what organisations started themselves, and the calls a body took for them. */

export type StartRow = {
  id: string
  incident: string
  organisation: string
  /** The sending body's own name for the matter. */
  reference: string
  recipient: string
  purpose: string
  until: Date
  words: Bytes
  /** Null where the sender is to answer an enquiry: its request brings the claims. */
  claims: string | null
  enquiry: string | null
  narrows: string | null
  started_by: string
  started_at: Date
}

export async function insertStart(tx: Tx, row: StartRow): Promise<void> {
  await query(
    tx,
    `insert into permission.starts
       (id, incident, organisation, reference, recipient, purpose, until, words, claims, enquiry, narrows, started_by, started_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
    [
      row.id,
      row.incident,
      row.organisation,
      row.reference,
      row.recipient,
      row.purpose,
      row.until,
      row.words,
      row.claims,
      row.enquiry,
      row.narrows,
      row.started_by,
      row.started_at,
    ],
  )
}

export function startById(db: Db | Tx, id: string): Promise<StartRow | undefined> {
  return queryOne(db, 'select * from permission.starts where id = $1', [id])
}

export function startsOf(db: Db, organisation: string): Promise<StartRow[]> {
  return query(db, 'select * from permission.starts where organisation = $1 order by started_at, id', [organisation])
}

export function startsInIncident(db: Db, incident: string): Promise<StartRow[]> {
  return query(db, 'select * from permission.starts where incident = $1 order by started_at, id', [incident])
}

export type CallRow = { id: string; permission: string; incident: string; organisation: string; payload: Bytes; received_at: Date }

export async function insertCall(tx: Tx, row: CallRow): Promise<void> {
  await query(
    tx,
    `insert into permission.calls (id, permission, incident, organisation, payload, received_at)
     values ($1, $2, $3, $4, $5, $6)`,
    [row.id, row.permission, row.incident, row.organisation, row.payload, row.received_at],
  )
}

export function callsInIncident(db: Db, incident: string): Promise<CallRow[]> {
  return query(db, 'select * from permission.calls where incident = $1 order by received_at, id', [incident])
}

export function callsAbout(db: Db, permission: string): Promise<CallRow[]> {
  return query(db, 'select * from permission.calls where permission = $1 order by received_at, id', [permission])
}
