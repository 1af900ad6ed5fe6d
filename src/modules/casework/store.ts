import { canonical } from '#platform/canonical'
import { query, queryOne, type Db, type Tx } from '#platform/db'
import { PADDING } from '#exchange'
import type { ItemKind, Stage, Via } from './case.ts'

export type CaseRow = {
  id: string
  reference: string
  organisation: string
  organisation_name: string
  organisation_verified: boolean
  opened_at: Date
  opened_by_door: number
}

const caseColumns = 'id, reference, organisation, organisation_name, organisation_verified, opened_at, opened_by_door'

/** With how far reporting has come: the furthest stage, and whether what was told last was a near miss. */
export type CaseLine = CaseRow & { stage: Stage | null; near_miss: boolean; last_received_at: Date | null }

const caseLines = `
  select ${caseColumns},
    (select r.stage from casework.reports as r where r.case_id = cases.id
     order by array_position(array['initial', 'update', 'final'], r.stage) desc limit 1) as stage,
    coalesce((select r.near_miss from casework.reports as r where r.case_id = cases.id order by r.made_at desc, r.record limit 1), false) as near_miss,
    (select max(i.added_at) from casework.items as i where i.case_id = cases.id) as last_received_at
  from casework.cases`

export function allCases(db: Db): Promise<CaseLine[]> {
  return query(db, `${caseLines} order by opened_at, id`)
}

export function caseLine(db: Db, id: string): Promise<CaseLine | undefined> {
  return queryOne(db, `${caseLines} where id = $1`, [id])
}

export function caseById(db: Db | Tx, id: string): Promise<CaseRow | undefined> {
  return queryOne(db, `select ${caseColumns} from casework.cases where id = $1`, [id])
}

export function caseByReference(tx: Tx, reference: string): Promise<CaseRow | undefined> {
  return queryOne(tx, `select ${caseColumns} from casework.cases where reference = $1`, [reference])
}

export function casesOfOrganisation(tx: Tx, organisation: string): Promise<CaseRow[]> {
  return query(tx, `select ${caseColumns} from casework.cases where organisation = $1 order by opened_at, id`, [organisation])
}

export function caseOfItem(db: Db | Tx, item: string): Promise<CaseRow | undefined> {
  return queryOne(
    db,
    `select ${caseColumns}
     from casework.cases
     where id = (select case_id from casework.contents where id = $1 order by added_at desc limit 1)`,
    [item],
  )
}

/** False where the reference is taken; waits for whoever is taking it at this moment. */
export async function insertCase(tx: Tx, row: CaseRow): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into casework.cases (${caseColumns})
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict on constraint cases_reference do nothing
     returning id`,
    [row.id, row.reference, row.organisation, row.organisation_name, row.organisation_verified, row.opened_at, row.opened_by_door],
  )
  return rows.length === 1
}

export type NewReport = {
  record: string
  case: string
  stage: Stage
  organisation: unknown
  nearMiss: boolean
  madeAt: Date
  sealed: boolean
}

export async function insertReport(tx: Tx, row: NewReport, at: Date): Promise<void> {
  await query(
    tx,
    `insert into casework.reports (record, case_id, stage, organisation, near_miss, made_at, received_at, sealed)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [row.record, row.case, row.stage, canonical(row.organisation), row.nearMiss, row.madeAt, at, row.sealed],
  )
}

export type NewCorrection = { item: string; record: string; corrects: string; why: string }

export async function insertCorrections(tx: Tx, corrections: NewCorrection[]): Promise<void> {
  await query(
    tx,
    `insert into casework.corrections (item, record, corrects, why)
     select item, record, corrects, why
     from json_to_recordset($1::json) as c (item uuid, record uuid, corrects uuid, why text)`,
    [JSON.stringify(corrections)],
  )
}

export type NewItem = {
  id: string
  record: string
  case: string
  question: string
  value: unknown
  salt: string
  commitment: string
  kind: ItemKind
  via: Via
  permission?: string
  rules?: string[]
  marking: string
  origins: string[]
}

/** With everyone they came from. How many were kept: an item that is already here as an original, or in the same record, is left as it is. */
export async function insertItems(tx: Tx, items: NewItem[], at: Date): Promise<number> {
  // Values travel as text inside the JSON, so that their canonical spelling reaches the column untouched.
  const rows = items.map(({ value, rules, ...item }) => ({ ...item, value: canonical(value), rules: rules && canonical(rules) }))
  const kept = await query(
    tx,
    `with i as (
       select *
       from json_to_recordset($1::json) as i (id uuid, record uuid, "case" uuid, question text, value text, salt text,
         commitment text, kind text, via text, permission text, rules text, marking text, origins uuid[])
     ), came_from as (
       insert into casework.item_origins (item, organisation)
       select i.id, o
       from i cross join unnest(i.origins) as o
       on conflict on constraint item_origins_pk do nothing
     )
     insert into casework.items
       (id, record, case_id, question, value, salt, commitment, kind, via, permission, rules, marking, added_at)
     select i.id, i.record, i."case", i.question, i.value, i.salt, i.commitment, i.kind, i.via, i.permission, i.rules, i.marking, $2
     from i
     on conflict do nothing
     returning id`,
    [JSON.stringify(rows), at],
  )
  return kept.length
}

export type NewFinding = Pick<NewItem, 'id' | 'case' | 'question' | 'value' | 'salt' | 'commitment' | 'marking'>

export async function insertFinding(tx: Tx, finding: NewFinding, by: string, at: Date): Promise<void> {
  const { id, case: caseId, question, value, salt, commitment, marking } = finding
  await query(
    tx,
    `insert into casework.findings (id, case_id, question, value, salt, commitment, marking, found_at, found_by)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [id, caseId, question, canonical(value), salt, commitment, marking, at, by],
  )
}

export async function insertItemOrigins(tx: Tx, items: string[], organisations: string[]): Promise<void> {
  await query(
    tx,
    `insert into casework.item_origins (item, organisation)
     select i, o from unnest($1::uuid[]) as i cross join unnest($2::uuid[]) as o
     on conflict on constraint item_origins_pk do nothing`,
    [items, organisations],
  )
}

export type ItemRow = {
  id: string
  record: string
  question: string
  value: unknown
  salt: string
  commitment: string
  kind: ItemKind
  via: Via
  permission: string | null
  rules: string[] | null
  marking: string
  added_at: Date
  restricted_since: Date | null
  origins: string[]
  /** Of the report it came in; null for a finding, and for what came by permission. */
  stage: Stage | null
  made_at: Date | null
  corrects: string | null
  why: string | null
  /** Came in a report that was sealed on its reporter's own machine: the portal has not read it. */
  sealed: boolean
}

/** Each item of a case once, or of these among them, but for what only makes up a number: of several copies the one still in use that came last. */
export async function itemsOfCase(db: Db | Tx, id: string, only?: string[]): Promise<ItemRow[]> {
  const rows = await query<Omit<ItemRow, 'value' | 'rules'> & { value: string | null; rules: string | null }>(
    db,
    `select i.*, array(select o.organisation::text from casework.item_origins o where o.item = i.id order by 1) as origins,
       r.stage, r.made_at, c.corrects, c.why, coalesce(r.sealed, false) as sealed
     from (
       select distinct on (id) id, record, question, value, salt, commitment, kind, via, permission, rules, marking, added_at, restricted_since
       from casework.contents
       where case_id = $1 and question <> $2${only ? ' and id = any($3::uuid[])' : ''}
       order by id, restricted_since desc nulls first, added_at desc
     ) i
     left join casework.reports r on r.record = i.record
     left join casework.corrections c on c.item = i.id and c.record = i.record
     order by i.added_at, i.question, i.id`,
    only ? [id, PADDING, only] : [id, PADDING],
  )
  return rows.map((row) => ({
    ...row,
    value: row.value === null ? null : (JSON.parse(row.value) as unknown),
    rules: row.rules === null ? null : (JSON.parse(row.rules) as string[]),
  }))
}

export type Copy = { id: string; case_id: string; question: string; kind: ItemKind; commitment: string; via: Via }

/** Copies of these items wherever they are, to tell one that comes again from one that only bears its id. */
export function copiesOf(tx: Tx, items: string[]): Promise<Copy[]> {
  return query(tx, 'select id, case_id, question, kind, commitment, via from casework.contents where id = any($1::uuid[])', [items])
}

/** Which of its own enquiries this body has an answer to. */
export function answersToEnquiries(db: Db | Tx, caseId?: string): Promise<{ case_id: string; question: string }[]> {
  return query(
    db,
    `select distinct case_id, question
     from casework.items
     where question like 'asked-%' and via <> 'permission' and ($1::uuid is null or case_id = $1)`,
    [caseId ?? null],
  )
}

export type ReportRow = { record: string; stage: Stage; near_miss: boolean; made_at: Date; received_at: Date }

export function reportsOfCase(db: Db, id: string): Promise<ReportRow[]> {
  return query(db, 'select record, stage, near_miss, made_at, received_at from casework.reports where case_id = $1', [id])
}

export type CopyRow = Pick<
  ItemRow,
  'id' | 'record' | 'question' | 'via' | 'permission' | 'added_at' | 'restricted_since' | 'corrects' | 'why'
>

/** Every copy that ever arrived in a case, without what it says, and without what only makes up a number. */
export function arrivalsOfCase(db: Db, id: string): Promise<CopyRow[]> {
  return query(
    db,
    `select i.id, i.record, i.question, i.via, i.permission, i.added_at, i.restricted_since, c.corrects, c.why
     from casework.items as i
     left join casework.corrections as c on c.item = i.id and c.record = i.record
     where i.case_id = $1 and i.question <> $2
     order by i.added_at, i.question, i.id`,
    [id, PADDING],
  )
}

export type FindingRow = { id: string; question: string; found_by: string; found_at: Date }

export function findingsOfCase(db: Db, id: string): Promise<FindingRow[]> {
  return query(db, 'select id, question, found_by, found_at from casework.findings where case_id = $1', [id])
}

/** Every organisation that anything in the case came from, its own included. */
export async function originsOfCase(tx: Tx, id: string): Promise<string[]> {
  const rows = await query<{ organisation: string }>(
    tx,
    `select organisation from casework.cases where id = $1
     union
     select o.organisation from casework.item_origins o join casework.contents i on i.id = o.item where i.case_id = $1`,
    [id],
  )
  return rows.map((row) => row.organisation)
}

export type NoteRow = { id: string; author: string; author_role: string; text: string; written_at: Date }

export async function insertNote(tx: Tx, note: NoteRow & { case: string }, origins: string[]): Promise<void> {
  await query(
    tx,
    `insert into casework.notes (id, case_id, author, author_role, text, written_at)
     values ($1, $2, $3, $4, $5, $6)`,
    [note.id, note.case, note.author, note.author_role, note.text, note.written_at],
  )
  await query(tx, 'insert into casework.note_origins (note, organisation) select $1, o from unnest($2::uuid[]) as o', [note.id, origins])
}

export function notesOfCase(db: Db, id: string): Promise<NoteRow[]> {
  return query(db, 'select id, author, author_role, text, written_at from casework.notes where case_id = $1 order by written_at, id', [id])
}
