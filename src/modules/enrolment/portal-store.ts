import type { Bytes } from '#platform/bytes'
import { query, queryOne, type Db, type Tx } from '#platform/db'

// What was asked for

export type AskedRow = {
  id: string
  organisation: string
  person: string
  kid: string
  ceremony: 'call-back' | 'countersigned' | 'notice' | 'recovery'
  payload: string
  asked_at: Date
}

export async function insertAsked(tx: Tx, row: AskedRow): Promise<void> {
  await query(
    tx,
    `insert into enrolment.asked (id, organisation, person, kid, ceremony, payload, asked_at)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [row.id, row.organisation, row.person, row.kid, row.ceremony, row.payload, row.asked_at],
  )
}

export function askedById(db: Db | Tx, id: string): Promise<AskedRow | undefined> {
  return queryOne(db, 'select * from enrolment.asked where id = $1', [id])
}

export function askedOf(db: Db | Tx, organisation: string): Promise<AskedRow[]> {
  return query(db, 'select * from enrolment.asked where organisation = $1 order by asked_at, id', [organisation])
}

// Whom to tell

export type ContactRow = {
  id: string
  organisation: string
  channel: 'telephone' | 'letter'
  contact: Bytes
  added_by: string
  added_at: Date
}

export async function insertContact(tx: Tx, row: ContactRow): Promise<void> {
  await query(
    tx,
    `insert into enrolment.contacts (id, organisation, channel, contact, added_by, added_at)
     values ($1, $2, $3, $4, $5, $6)`,
    [row.id, row.organisation, row.channel, row.contact, row.added_by, row.added_at],
  )
}

export function contactsOf(db: Db | Tx, organisation: string): Promise<ContactRow[]> {
  return query(db, 'select * from enrolment.contacts where organisation = $1 order by added_at, id', [organisation])
}

export type NoticeRow = {
  id: string
  organisation: string
  request: string
  contact: string
  made_at: Date
  channel: 'telephone' | 'letter'
  told: boolean
}

export async function insertNotices(
  tx: Tx,
  rows: Pick<NoticeRow, 'id' | 'organisation' | 'request' | 'contact'>[],
  at: Date,
): Promise<void> {
  await query(
    tx,
    `insert into enrolment.notices (id, organisation, request, contact, made_at)
     select id, organisation, request, contact, $2
     from jsonb_to_recordset($1::jsonb) as r (id uuid, organisation uuid, request uuid, contact uuid)`,
    [JSON.stringify(rows), at],
  )
}

const told = "exists (select 1 from enrolment.attempts a where a.notice = n.id and a.outcome in ('reached', 'posted'))"

export function noticesFor(db: Db | Tx, requests: string[]): Promise<NoticeRow[]> {
  return query(
    db,
    `select n.*, c.channel, ${told} as told
     from enrolment.notices n
     join enrolment.contacts c on c.id = n.contact
     where n.request = any($1::uuid[])
     order by n.made_at, n.id`,
    [requests],
  )
}

export type NoticeToTell = NoticeRow & { sealed: Bytes; organisation_name: string; kid: string }

/** Everything that nobody has told yet, oldest first. */
export function noticesToTell(db: Db | Tx): Promise<Omit<NoticeToTell, 'organisation_name'>[]> {
  return query(
    db,
    `select n.*, c.channel, false as told, c.contact as sealed, r.kid
     from enrolment.notices n
     join enrolment.contacts c on c.id = n.contact
     join enrolment.asked r on r.id = n.request
     where not ${told}
     order by n.made_at, n.id
     limit 200`,
  )
}

export function noticeById(
  db: Db | Tx,
  id: string,
): Promise<{ id: string; organisation: string; kid: string; asked_at: Date } | undefined> {
  return queryOne(
    db,
    `select n.id, n.organisation, r.kid, r.asked_at
     from enrolment.notices n
     join enrolment.asked r on r.id = n.request
     where n.id = $1`,
    [id],
  )
}

export type AttemptRow = {
  id: string
  notice: string
  outcome: 'reached' | 'posted' | 'not-reached'
  said: Bytes
  tried_by: string
  tried_at: Date
}

export async function insertAttempt(tx: Tx, row: AttemptRow): Promise<void> {
  await query(
    tx,
    `insert into enrolment.attempts (id, notice, outcome, said, tried_by, tried_at)
     values ($1, $2, $3, $4, $5, $6)`,
    [row.id, row.notice, row.outcome, row.said, row.tried_by, row.tried_at],
  )
}

export type OpeningRow = { id: string; organisation: string; contact: string; opened_by: string; opened_at: Date }

export async function insertOpenings(tx: Tx, rows: OpeningRow[]): Promise<void> {
  await query(
    tx,
    `insert into enrolment.openings (id, organisation, contact, opened_by, opened_at)
     select id, organisation, contact, opened_by, opened_at
     from jsonb_to_recordset($1::jsonb) as r (id uuid, organisation uuid, contact uuid, opened_by text, opened_at timestamptz)`,
    [JSON.stringify(rows)],
  )
}

export function openingsOf(db: Db | Tx, organisation: string): Promise<OpeningRow[]> {
  return query(db, 'select * from enrolment.openings where organisation = $1 order by opened_at, id', [organisation])
}

// What was answered

/** False where an answer is there already. */
export async function insertHalf(tx: Tx, request: string, half: string, at: Date): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into enrolment.halves (request, half, received_at)
     values ($1, $2, $3)
     on conflict on constraint halves_pk do nothing
     returning request`,
    [request, half, at],
  )
  return rows.length === 1
}

/** Halves that lack the portal's signature, with what was asked, and whether everybody has been told who is to be. */
export function halvesWaiting(tx: Tx): Promise<(AskedRow & { half: string; all_told: boolean })[]> {
  return query(
    tx,
    `select r.*, h.half, not exists (select 1 from enrolment.notices n where n.request = r.id and not ${told}) as all_told
     from enrolment.halves h
     join enrolment.asked r on r.id = h.request
     where h.completed_at is null
     order by h.received_at
     limit 50`,
  )
}

/** False where somebody else just did. */
export async function markCompleted(tx: Tx, request: string, at: Date): Promise<boolean> {
  const rows = await query(
    tx,
    `update enrolment.halves
     set completed_at = $2
     where request = $1 and completed_at is null
     returning request`,
    [request, at],
  )
  return rows.length === 1
}

export async function insertRefused(tx: Tx, request: string, reason: Bytes, at: Date): Promise<void> {
  await query(
    tx,
    `insert into enrolment.refused (request, reason, received_at)
     values ($1, $2, $3)
     on conflict on constraint refused_pk do nothing`,
    [request, reason, at],
  )
}

export function refusedAmong(db: Db | Tx, requests: string[]): Promise<{ request: string; reason: Bytes }[]> {
  return query(db, 'select request, reason from enrolment.refused where request = any($1::uuid[])', [requests])
}
