import type { Bytes } from '#platform/bytes'
import { query, queryOne, type Db, type Tx } from '#platform/db'
import type { AskedRow } from './portal-store.ts'

export type RequestRow = {
  id: string
  organisation: string
  kid: string
  ceremony: AskedRow['ceremony']
  payload: string
  logged_at: Date
  due_at: Date
  received_at: Date
}

export async function insertRequest(tx: Tx, row: RequestRow): Promise<void> {
  await query(
    tx,
    `insert into enrolment.requests (id, organisation, kid, ceremony, payload, logged_at, due_at, received_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [row.id, row.organisation, row.kid, row.ceremony, row.payload, row.logged_at, row.due_at, row.received_at],
  )
}

export function requestById(db: Db | Tx, id: string): Promise<RequestRow | undefined> {
  return queryOne(db, 'select * from enrolment.requests where id = $1', [id])
}

export type RequestState = RequestRow & { decision: 'confirmed' | 'refused' | null; answer: 'signed' | 'refused' | null }

export function requestStates(db: Db | Tx): Promise<RequestState[]> {
  return query(
    db,
    `select r.*, c.decision, a.state as answer
     from enrolment.requests r
     left join enrolment.calls c on c.request = r.id
     left join enrolment.answers a on a.request = r.id
     order by r.received_at desc, r.id
     limit 500`,
  )
}

export type CallRow = {
  id: string
  request: string
  decision: 'confirmed' | 'refused'
  detail: Bytes
  officer: string
  called_at: Date
  recorded_at: Date
}

/** False where it was decided before. */
export async function insertCall(tx: Tx, row: CallRow): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into enrolment.calls (id, request, decision, detail, officer, called_at, recorded_at)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict on constraint calls_once do nothing
     returning id`,
    [row.id, row.request, row.decision, row.detail, row.officer, row.called_at, row.recorded_at],
  )
  return rows.length === 1
}

export function callAbout(db: Db | Tx, request: string): Promise<CallRow | undefined> {
  return queryOne(db, 'select * from enrolment.calls where request = $1', [request])
}

/** What nobody has answered and can be answered now: refused, or countersigned, or called and its time over. */
export function requestsDue(tx: Tx, now: Date): Promise<(RequestRow & { decision: CallRow['decision'] | null; called_at: Date | null })[]> {
  return query(
    tx,
    `select r.*, c.decision, c.called_at
     from enrolment.requests r
     left join enrolment.calls c on c.request = r.id
     where not exists (select 1 from enrolment.answers a where a.request = r.id)
       and (c.decision = 'refused' or (r.due_at <= $1 and (c.decision = 'confirmed' or r.ceremony = 'countersigned')))
     order by r.received_at
     limit 50`,
    [now],
  )
}

/** False where it is answered. */
export async function insertAnswer(tx: Tx, request: string, half: string | null, at: Date): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into enrolment.answers (request, state, half, answered_at)
     values ($1, $2, $3, $4)
     on conflict on constraint answers_pk do nothing
     returning request`,
    [request, half === null ? 'refused' : 'signed', half, at],
  )
  return rows.length === 1
}

export async function answerTo(tx: Tx, request: string): Promise<string | undefined> {
  const row = await queryOne<{ half: string | null }>(tx, 'select half from enrolment.answers where request = $1', [request])
  return row?.half ?? undefined
}
