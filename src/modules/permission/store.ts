import type { Bytes } from '#platform/bytes'
import { query, queryOne, type Db, type Tx } from '#platform/db'
import type { ItemRef } from '#exchange'

// Portal: requests that arrived

export type RequestRow = {
  id: string
  incident: string
  organisation: string
  sender: string
  recipient: string
  purpose: string
  until: Date
  words: Bytes
  claims: string
  received_at: Date
  refused_at: Date | null
  refusal: string | null
  /** What the organisation started, where this answers that. */
  start: string | null
}

export async function insertRequest(tx: Tx, row: Omit<RequestRow, 'refused_at' | 'refusal'>): Promise<void> {
  await query(
    tx,
    `insert into permission.requests (id, incident, organisation, sender, recipient, purpose, until, words, claims, received_at, start)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      row.id,
      row.incident,
      row.organisation,
      row.sender,
      row.recipient,
      row.purpose,
      row.until,
      row.words,
      row.claims,
      row.received_at,
      row.start,
    ],
  )
}

export function requestById(db: Db | Tx, id: string): Promise<RequestRow | undefined> {
  return queryOne(db, 'select * from permission.requests where id = $1', [id])
}

export function requestsOf(db: Db, organisation: string): Promise<RequestRow[]> {
  return query(
    db,
    `select *
     from permission.requests
     where organisation = $1
     order by received_at, id`,
    [organisation],
  )
}

/** When it was refused, if it was. Granting and refusing take the row in turn, so that a request never ends as both. */
export async function lockRequest(tx: Tx, id: string): Promise<Date | null> {
  const row = await queryOne<{ refused_at: Date | null }>(tx, 'select refused_at from permission.requests where id = $1 for update', [id])
  return row!.refused_at
}

/** False where it was refused before. */
export async function markRefused(tx: Tx, id: string, refusal: string, at: Date): Promise<boolean> {
  const rows = await query(
    tx,
    `update permission.requests
     set refused_at = $2, refusal = $3
     where id = $1 and refused_at is null
     returning id`,
    [id, at, refusal],
  )
  return rows.length === 1
}

// Portal: what was signed

export type GrantRow = {
  id: string
  request: string
  incident: string
  organisation: string
  permission: string
  enrolment: unknown
  ends: Date
  record: string
  granted_at: Date
  withdrawal: string | null
  withdrawal_signed: string | null
  /** The permission whose place this one takes, and the one that took the place of this. */
  narrows: string | null
  narrowed_by: string | null
}

/** False where that permission was given before. */
export async function insertGrant(tx: Tx, row: Omit<GrantRow, 'withdrawal' | 'withdrawal_signed' | 'narrowed_by'>): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into permission.grants (id, request, incident, organisation, permission, enrolment, ends, record, granted_at, narrows)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict on constraint grants_pk do nothing
     returning id`,
    [
      row.id,
      row.request,
      row.incident,
      row.organisation,
      row.permission,
      JSON.stringify(row.enrolment),
      row.ends,
      row.record,
      row.granted_at,
      row.narrows,
    ],
  )
  return rows.length === 1
}

export function grantById(db: Db | Tx, id: string): Promise<GrantRow | undefined> {
  return queryOne(db, 'select * from permission.grants where id = $1', [id])
}

export function grantsOf(db: Db | Tx, incident: string): Promise<GrantRow[]> {
  return query(
    db,
    `select *
     from permission.grants
     where incident = $1
     order by granted_at, id`,
    [incident],
  )
}

export function grantsById(db: Db | Tx, ids: string[]): Promise<GrantRow[]> {
  return query(db, 'select * from permission.grants where id = any($1::uuid[])', [ids])
}

/** False where a withdrawal is already under way. */
export async function markWithdrawing(tx: Tx, id: string, withdrawal: string, signed: string | null): Promise<boolean> {
  const rows = await query(
    tx,
    `update permission.grants
     set withdrawal = $2, withdrawal_signed = $3
     where id = $1 and withdrawal is null
     returning id`,
    [id, withdrawal, signed],
  )
  return rows.length === 1
}

/** False where it was withdrawn, or another took its place, before. */
export async function markNarrowed(tx: Tx, id: string, by: string): Promise<boolean> {
  const rows = await query(
    tx,
    `update permission.grants
     set narrowed_by = $2
     where id = $1 and withdrawal is null and narrowed_by is null
     returning id`,
    [id, by],
  )
  return rows.length === 1
}

// Sending body: what it asked

export type AskedRow = {
  id: string
  case_id: string
  organisation: string
  recipient: string
  purpose: string
  until: Date
  items: string[]
  reason: string
  asked_by: string
  asked_at: Date
  state: 'open' | 'granted' | 'refused'
  /** What the organisation started, where this answers that. */
  offer: string | null
}

/** False where the offer it answers was answered before. */
export async function insertAsked(tx: Tx, row: Omit<AskedRow, 'state'>): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into permission.asked (id, case_id, organisation, recipient, purpose, until, items, reason, asked_by, asked_at, offer)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     on conflict on constraint asked_once_an_offer do nothing
     returning id`,
    [
      row.id,
      row.case_id,
      row.organisation,
      row.recipient,
      row.purpose,
      row.until,
      row.items,
      row.reason,
      row.asked_by,
      row.asked_at,
      row.offer,
    ],
  )
  return rows.length === 1
}

/** As `insertAsked`, by the gateway: what was asked before a restore. */
export async function insertAskedAgain(tx: Tx, row: Omit<AskedRow, 'state' | 'offer'>): Promise<void> {
  await query(
    tx,
    `insert into permission.asked (id, case_id, organisation, recipient, purpose, until, items, reason, asked_by, asked_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [row.id, row.case_id, row.organisation, row.recipient, row.purpose, row.until, row.items, row.reason, row.asked_by, row.asked_at],
  )
}

export function askedById(db: Db | Tx, id: string): Promise<AskedRow | undefined> {
  return queryOne(db, 'select * from permission.asked where id = $1', [id])
}

export function askedInCase(db: Db, caseId: string): Promise<AskedRow[]> {
  return query(
    db,
    `select *
     from permission.asked
     where case_id = $1
     order by asked_at, id`,
    [caseId],
  )
}

export async function closeAsked(tx: Tx, id: string, state: 'granted' | 'refused'): Promise<void> {
  await query(tx, 'update permission.asked set state = $2 where id = $1', [id, state])
}

// Sending body: permissions held

export type HeldRow = {
  id: string
  organisation: string
  recipient: string
  purpose: string
  begins: Date
  ends: Date
  permission: string
  enrolment: unknown
  /** Where two signed: the other's signature. */
  second?: { permission: string; enrolment: unknown } | null
  withdrawn_at: Date | null
}

const heldColumns = `id, organisation, recipient, purpose, begins, ends, permission, enrolment, withdrawn_at,
       (select jsonb_build_object('permission', s.permission, 'enrolment', s.enrolment) from permission.seconds s where s.given = held.id) as second`

/** False where it is held already. */
export async function insertHeld(
  tx: Tx,
  row: HeldRow & { record: string; received_at: Date; narrows: string | null },
  items: ItemRef[],
): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into permission.held (id, organisation, recipient, purpose, begins, ends, permission, enrolment, record, received_at, withdrawn_at, narrows)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     on conflict on constraint held_pk do nothing
     returning id`,
    [
      row.id,
      row.organisation,
      row.recipient,
      row.purpose,
      row.begins,
      row.ends,
      row.permission,
      JSON.stringify(row.enrolment),
      row.record,
      row.received_at,
      row.withdrawn_at,
      row.narrows,
    ],
  )
  if (rows.length === 0) return false
  await query(
    tx,
    `insert into permission.held_items (permission, item, commitment)
     select $1, x.id, x.commitment
     from jsonb_to_recordset($2::jsonb) as x (id uuid, commitment text)`,
    [row.id, JSON.stringify(items)],
  )
  return true
}

/** Every permission of these organisations towards this recipient, read under a share lock: a withdrawal waits for whoever decides on it. */
export function heldFor(tx: Tx, organisations: string[], recipient: string): Promise<HeldRow[]> {
  return query(
    tx,
    `select ${heldColumns}
     from permission.held
     where organisation = any($1::uuid[]) and recipient = $2
     order by received_at desc, id
     for share`,
    [organisations, recipient],
  )
}

/** The same, of those that cover at least one of these items. */
export function heldOver(tx: Tx, organisations: string[], recipient: string, items: string[]): Promise<HeldRow[]> {
  return query(
    tx,
    `select ${heldColumns}
     from permission.held
     where organisation = any($1::uuid[]) and recipient = $2
       and id in (select permission from permission.held_items where item = any($3::uuid[]))
     order by received_at desc, id
     for share`,
    [organisations, recipient, items],
  )
}

/** How these permissions stand; under the same lock, taken in one order. */
export function standingOf(tx: Tx, ids: string[]): Promise<{ id: string; ends: Date; withdrawn_at: Date | null }[]> {
  return query(
    tx,
    `select id, ends, withdrawn_at
     from permission.held
     where id = any($1::uuid[])
     order by id
     for share`,
    [ids],
  )
}
