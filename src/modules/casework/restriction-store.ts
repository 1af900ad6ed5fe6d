import { query, queryOne, type Db, type Tx } from '#platform/db'
import type { ItemRef } from '#exchange'

// The acute phase

export type AcuteRow = {
  id: string
  case_id: string
  until: Date
  why: string
  marked_by: string
  marked_role: string
  marked_at: Date
}

export async function insertAcute(tx: Tx, row: AcuteRow): Promise<void> {
  await query(
    tx,
    `insert into casework.acute (id, case_id, until, why, marked_by, marked_role, marked_at)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [row.id, row.case_id, row.until, row.why, row.marked_by, row.marked_role, row.marked_at],
  )
}

export function latestAcute(db: Db | Tx, caseId: string): Promise<AcuteRow | undefined> {
  return queryOne(db, 'select * from casework.acute where case_id = $1 order by marked_at desc, until, id limit 1', [caseId])
}

// Whose items

export type NamedItem = { id: string; commitment: string; origins: string[] }

/** These items wherever they are, with everyone they came from, the organisation of their case among them. */
export function itemsNamed(tx: Tx, ids: string[]): Promise<NamedItem[]> {
  return query(
    tx,
    `select distinct i.id, i.commitment,
       array(
         select o.organisation::text from casework.item_origins as o where o.item = i.id
         union
         select c.organisation::text
       ) as origins
     from casework.contents as i
     join casework.cases as c on c.id = i.case_id
     where i.id = any($1::uuid[])`,
    [ids],
  )
}

/** What these organisations are called here. */
export async function namesOfOrganisations(tx: Tx, ids: string[]): Promise<string[]> {
  const rows = await query<{ name: string }>(
    tx,
    'select distinct organisation_name as name from casework.cases where organisation = any($1::uuid[])',
    [ids],
  )
  return rows.map(({ name }) => name)
}

// Copies that came by permission

export type ToRestrict = { disclosure: string; permission: string; organisation: string; items: string[]; recall: string }

/** Of these items what that disclosure brought, all of it; what is not yet restricted is from now. */
export function restrictItems(tx: Tx, { disclosure, permission, organisation, items, recall }: ToRestrict, at: Date): Promise<ItemRef[]> {
  return query(
    tx,
    `with restricted as (
       update casework.items
       set restricted_since = coalesce(restricted_since, $3)
       where record = $1 and via = 'permission' and id = any($2::uuid[])
       returning id, commitment
     ), noted as (
       insert into casework.restrictions (item, record, permission, organisation, recall, restricted_at)
       select id, $1, $4, $5, $6, $3
       from restricted
       on conflict on constraint restrictions_pk do nothing
     )
     select id, commitment
     from restricted
     order by id`,
    [disclosure, items, at, permission, organisation, recall],
  )
}

/** One restriction, and what was last decided about it. */
export type RestrictionRow = {
  item: string
  record: string
  permission: string
  organisation: string
  recall: string
  restricted_at: Date
  case_id: string
  reference: string
  question: string
  commitment: string
  added_at: Date
  erased: boolean
  decision: 'deleted' | 'kept' | null
  ground: string | null
  decided_at: Date | null
}

const restriction = `
  select r.item, r.record, r.permission, r.organisation, r.recall, r.restricted_at,
    i.case_id, c.reference, i.question, i.commitment, i.added_at, i.value is null as erased,
    d.decision, d.ground, d.decided_at
  from casework.restrictions as r
  join casework.items as i on i.id = r.item and i.record = r.record
  join casework.cases as c on c.id = i.case_id
  left join lateral (
    select decision, ground, decided_at
    from casework.decisions as d
    where d.item = r.item and d.record = r.record and d.permission = r.permission
    order by d.decision = 'deleted' desc
    limit 1
  ) as d on true`

export function restrictionsHere(db: Db, caseId?: string): Promise<RestrictionRow[]> {
  return query(db, `${restriction} where $1::uuid is null or i.case_id = $1 order by r.restricted_at, r.item, r.record, r.permission`, [
    caseId ?? null,
  ])
}

export function restrictionsOfItem(tx: Tx, caseId: string, item: string): Promise<RestrictionRow[]> {
  return query(tx, `${restriction} where i.case_id = $1 and r.item = $2 order by r.restricted_at, r.record, r.permission`, [caseId, item])
}

export type DecisionRow = {
  /** Of the receipt that tells it. */
  id: string
  item: string
  record: string
  permission: string
  decision: 'deleted' | 'kept'
  ground: string | null
  reason: string
  decided_by: string
  decided_at: Date
}

/** False where that was decided before; waits for whoever is deciding it at this moment. */
export async function insertDecision(tx: Tx, row: DecisionRow): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into casework.decisions (id, item, record, permission, decision, ground, reason, decided_by, decided_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict on constraint decisions_once do nothing
     returning id`,
    [row.id, row.item, row.record, row.permission, row.decision, row.ground, row.reason, row.decided_by, row.decided_at],
  )
  return rows.length === 1
}

export type DecidedRow = DecisionRow & Pick<RestrictionRow, 'organisation' | 'recall' | 'commitment'>

export function decisionById(tx: Tx, id: string): Promise<DecidedRow | undefined> {
  return queryOne(
    tx,
    `select d.*, r.organisation, r.recall, i.commitment
     from casework.decisions as d
     join casework.restrictions as r on r.item = d.item and r.record = d.record and r.permission = d.permission
     join casework.items as i on i.id = d.item and i.record = d.record
     where d.id = $1`,
    [id],
  )
}

/** Value and salt go; that there was a copy, under which permission and when, stays. */
export async function eraseItem(tx: Tx, item: string, record: string): Promise<void> {
  await query(tx, 'update casework.items set value = null, salt = null where id = $1 and record = $2 and value is not null', [item, record])
}

export async function insertRead(tx: Tx, row: { id: string; item: string; record: string; read_by: string; read_at: Date }): Promise<void> {
  await query(
    tx,
    `insert into casework.restricted_reads (id, item, record, read_by, read_at)
     values ($1, $2, $3, $4, $5)`,
    [row.id, row.item, row.record, row.read_by, row.read_at],
  )
}

/** Canonical JSON; null once erased. */
export async function restrictedValue(tx: Tx, item: string, record: string): Promise<string | null> {
  const row = await queryOne<{ value: string | null }>(tx, 'select value from casework.items where id = $1 and record = $2', [item, record])
  return row?.value ?? null
}
