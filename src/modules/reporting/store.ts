import type { Bytes } from '#platform/bytes'
import { query, queryOne, type Db, type Tx } from '#platform/db'
import type { AuthorityId, ItemRef, NodeId } from '#exchange'
import type { IncidentKind, Stage } from './incident.ts'

export type IncidentRow = {
  id: string
  folder: string
  organisation: string | null
  reference: string
  title: Bytes
  kind: IncidentKind
  created_at: Date
}

const incidentColumns = 'id, folder, organisation, reference, title, kind, created_at'

export async function insertIncident(tx: Tx, row: Omit<IncidentRow, 'created_at'>, by: string | null, at: Date): Promise<void> {
  await query(
    tx,
    `insert into reporting.incidents (id, folder, organisation, reference, title, kind, created_by, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [row.id, row.folder, row.organisation, row.reference, row.title, row.kind, by, at],
  )
}

export function incidentById(db: Db | Tx, id: string): Promise<IncidentRow | undefined> {
  return queryOne(db, `select ${incidentColumns} from reporting.incidents where id = $1`, [id])
}

/** Filings of one incident queue here, so that references, retries and stages are settled one after another. */
export function lockIncident(tx: Tx, id: string): Promise<IncidentRow | undefined> {
  return queryOne(tx, `select ${incidentColumns} from reporting.incidents where id = $1 for update`, [id])
}

export function incidentsInFolder(db: Db, folder: string): Promise<IncidentRow[]> {
  return query(db, `select ${incidentColumns} from reporting.incidents where folder = $1 order by created_at, id`, [folder])
}

export function incidentByReference(db: Db | Tx, to: NodeId, reference: string): Promise<IncidentRow | undefined> {
  return queryOne(
    db,
    `select i.id, i.folder, i.organisation, i.reference, i.title, i.kind, i.created_at
     from reporting.views v join reporting.incidents i on i.id = v.incident
     where v.recipient = $1 and v.reference = $2`,
    [to, reference],
  )
}

export async function setOrganisation(tx: Tx, incident: string, organisation: string): Promise<void> {
  await query(tx, 'update reporting.incidents set organisation = $2 where id = $1', [incident, organisation])
}

export async function becomeIncident(tx: Tx, id: string): Promise<void> {
  await query(tx, `update reporting.incidents set kind = 'incident' where id = $1`, [id])
}

export type DraftRow = { id: string; version: number; whole: boolean; content: Bytes }

/** The saves from the last whole one on, oldest first. */
export function savesOf(db: Db | Tx, incident: string): Promise<DraftRow[]> {
  return query(
    db,
    `select id, version, whole, content from reporting.drafts
     where incident = $1
       and version >= coalesce((select max(version) from reporting.drafts where incident = $1 and whole), 0)
     order by version`,
    [incident],
  )
}

export async function insertSave(tx: Tx, row: DraftRow & { incident: string }, by: string, at: Date): Promise<void> {
  await query(
    tx,
    `insert into reporting.drafts (id, incident, version, whole, content, saved_by, saved_at) values ($1, $2, $3, $4, $5, $6, $7)`,
    [row.id, row.incident, row.version, row.whole, row.content, by, at],
  )
}

export type ViewRow = { id: string; recipient: AuthorityId; reference: string }

export function viewOf(db: Db | Tx, incident: string, recipient: AuthorityId): Promise<ViewRow | undefined> {
  return queryOne(db, 'select id, recipient, reference from reporting.views where incident = $1 and recipient = $2', [incident, recipient])
}

export async function insertView(tx: Tx, incident: string, view: ViewRow): Promise<void> {
  await query(tx, 'insert into reporting.views (id, incident, recipient, reference) values ($1, $2, $3, $4)', [
    view.id,
    incident,
    view.recipient,
    view.reference,
  ])
}

export type FilingRow = { id: string; answers: Bytes }

export function filingByKey(tx: Tx, incident: string, key: Bytes): Promise<FilingRow | undefined> {
  return queryOne(tx, 'select id, answers from reporting.filings where incident = $1 and retry_key = $2', [incident, key])
}

export async function insertFiling(
  tx: Tx,
  row: FilingRow & { incident: string; stage: Stage; key: Bytes | null },
  by: { id: string; mandate?: string },
  at: Date,
): Promise<void> {
  await query(
    tx,
    `insert into reporting.filings (id, incident, stage, retry_key, answers, filed_by, mandate, filed_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [row.id, row.incident, row.stage, row.key, row.answers, by.id, by.mandate ?? null, at],
  )
}

export type NewSubmission = { id: string; filing: string; view: string; record: string; stage: Stage; payload: Bytes; sealed: boolean }

export async function insertSubmission(tx: Tx, row: NewSubmission): Promise<void> {
  await query(
    tx,
    'insert into reporting.submissions (id, filing, view, record, stage, payload, sealed) values ($1, $2, $3, $4, $5, $6, $7)',
    [row.id, row.filing, row.view, row.record, row.stage, row.payload, row.sealed],
  )
}

export async function insertItems(tx: Tx, submission: string, items: (ItemRef & { question: string })[]): Promise<void> {
  await query(
    tx,
    `insert into reporting.items (id, submission, question, commitment)
     select i.id, $1, i.question, i.commitment
     from jsonb_to_recordset($2::jsonb) as i (id uuid, question text, commitment text)`,
    [submission, JSON.stringify(items)],
  )
}

/** One submission with where it belongs; its payload is still sealed. */
export type SubmissionRow = {
  id: string
  filing: string
  incident: string
  folder: string
  organisation: string | null
  recipient: AuthorityId
  reference: string
  record: string
  stage: Stage
  filed_at: Date
  filed_by: string
  payload: Bytes
  /** On the reporter's own machine: what is in it cannot be read here. */
  sealed: boolean
}

const submissions = `
  select s.id, s.filing, i.id as incident, i.folder, i.organisation, v.recipient, v.reference, s.record, s.stage, f.filed_at, f.filed_by,
    s.payload, s.sealed
  from reporting.submissions s
  join reporting.filings f on f.id = s.filing
  join reporting.views v on v.id = s.view
  join reporting.incidents i on i.id = v.incident`

export function submissionByRecord(db: Db | Tx, record: string): Promise<SubmissionRow | undefined> {
  return queryOne(db, `${submissions} where s.record = $1`, [record])
}

export function submissionsOfIncident(db: Db | Tx, incident: string): Promise<SubmissionRow[]> {
  return query(db, `${submissions} where i.id = $1 order by f.filed_at, v.recipient`, [incident])
}

export function submissionsOfFiling(db: Db | Tx, filing: string): Promise<SubmissionRow[]> {
  return query(db, `${submissions} where s.filing = $1 order by v.recipient`, [filing])
}

export function latestSubmission(tx: Tx, view: string): Promise<SubmissionRow | undefined> {
  return queryOne(tx, `${submissions} where s.view = $1 order by f.filed_at desc limit 1`, [view])
}

/** The item a body was told last in answer to each question. */
export function latestItems(tx: Db | Tx, view: string): Promise<{ question: string; id: string }[]> {
  return query(
    tx,
    `select distinct on (i.question) i.question, i.id
     from reporting.items i
     join reporting.submissions s on s.id = i.submission
     join reporting.filings f on f.id = s.filing
     where s.view = $1
     order by i.question, f.filed_at desc, i.id`,
    [view],
  )
}

/** Submissions that hold any of these items, each once. */
export function submissionsWithItems(db: Db | Tx, items: string[]): Promise<SubmissionRow[]> {
  return query(
    db,
    `${submissions} where s.id in (select submission from reporting.items where id = any($1::uuid[])) order by f.filed_at, s.id`,
    [items],
  )
}
