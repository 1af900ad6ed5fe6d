import type { Bytes } from '#platform/bytes'
import { query, queryOne, type Db, type Tx } from '#platform/db'
import type { AuthorityId } from '#exchange'

// At the body that asks

export type AskedRow = {
  id: string
  case_id: string
  nth: number
  organisation: string
  reference: string
  words: string
  sameness: Bytes
  asked_by: string
  asked_role: string
  asked_at: Date
  taken_back_by: string | null
  taken_back_at: Date | null
}

const asked = `
  select a.*, t.taken_back_by, t.taken_back_at
  from enquiries.asked as a
  left join enquiries.taken_back as t on t.enquiry = a.id`

export function askedInCase(db: Db | Tx, caseId: string): Promise<AskedRow[]> {
  return query(db, `${asked} where a.case_id = $1 order by a.nth`, [caseId])
}

export function askedById(db: Db | Tx, id: string): Promise<AskedRow | undefined> {
  return queryOne(db, `${asked} where a.id = $1`, [id])
}

/** Not taken back, in one case or in all. */
export function standing(db: Db, caseId?: string): Promise<{ id: string; case: string }[]> {
  return query(
    db,
    `select a.id, a.case_id as "case"
     from enquiries.asked as a
     where ($1::uuid is null or a.case_id = $1) and not exists (select from enquiries.taken_back as t where t.enquiry = a.id)`,
    [caseId ?? null],
  )
}

/** False where somebody else asked in the case meanwhile; waits for whoever is asking at this moment. */
export async function insertAsked(tx: Tx, row: Omit<AskedRow, 'taken_back_by' | 'taken_back_at'>): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into enquiries.asked (id, case_id, nth, organisation, reference, words, sameness, asked_by, asked_role, asked_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict do nothing
     returning id`,
    [row.id, row.case_id, row.nth, row.organisation, row.reference, row.words, row.sameness, row.asked_by, row.asked_role, row.asked_at],
  )
  return rows.length === 1
}

/** False where it was taken back before. */
export async function insertTakenBack(tx: Tx, row: { id: string; enquiry: string }, by: string, at: Date): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into enquiries.taken_back (id, enquiry, taken_back_by, taken_back_at)
     values ($1, $2, $3, $4)
     on conflict on constraint taken_back_once do nothing
     returning id`,
    [row.id, row.enquiry, by, at],
  )
  return rows.length === 1
}

/** The enquiry that this record takes back. */
export function takenBackBy(tx: Tx, record: string): Promise<AskedRow | undefined> {
  return queryOne(tx, `${asked} where t.id = $1`, [record])
}

// At the portal

export type ReceivedRow = { id: string; incident: string; sender: AuthorityId; words: Bytes; received_at: Date; withdrawn_at: Date | null }

const received = `
  select r.id, r.incident, r.sender, r.words, r.received_at,
    (select min(w.received_at)
     from enquiries.withdrawn as w
     where w.incident = r.incident and w.enquiry = r.id and w.sender = r.sender) as withdrawn_at
  from enquiries.received as r`

export function receivedInIncident(db: Db | Tx, incident: string): Promise<ReceivedRow[]> {
  return query(db, `${received} where r.incident = $1 order by r.received_at, r.id`, [incident])
}

export function receivedById(db: Db | Tx, incident: string, id: string): Promise<ReceivedRow | undefined> {
  return queryOne(db, `${received} where r.incident = $1 and r.id = $2`, [incident, id])
}

/** Ids of the records that took something back in this incident. */
export async function withdrawalsInIncident(db: Db | Tx, incident: string): Promise<string[]> {
  const rows = await query<{ id: string }>(db, 'select id from enquiries.withdrawn where incident = $1', [incident])
  return rows.map(({ id }) => id)
}

export async function insertReceived(tx: Tx, row: Omit<ReceivedRow, 'withdrawn_at'>): Promise<void> {
  await query(tx, 'insert into enquiries.received (id, incident, sender, words, received_at) values ($1, $2, $3, $4, $5)', [
    row.id,
    row.incident,
    row.sender,
    row.words,
    row.received_at,
  ])
}

export async function insertWithdrawn(
  tx: Tx,
  row: { id: string; incident: string; sender: string; enquiry: string },
  at: Date,
): Promise<void> {
  await query(tx, 'insert into enquiries.withdrawn (id, incident, sender, enquiry, received_at) values ($1, $2, $3, $4, $5)', [
    row.id,
    row.incident,
    row.sender,
    row.enquiry,
    at,
  ])
}
