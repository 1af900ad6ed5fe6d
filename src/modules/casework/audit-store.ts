import { query, type Db, type Tx } from '#platform/db'
import type { Via } from './case.ts'

/** Everything that claims to have arrived, page by page, for whoever checks the books. Reads alone. */

export type ItemPageRow = {
  id: string
  record: string
  organisation: string
  question: string
  /** Canonical JSON; with the salt null once erased. */
  value: string | null
  salt: string | null
  commitment: string
  via: Via
  permission: string | null
  added_at: Date
  restricted_since: Date | null
  /** Whether somebody decided that it be deleted. */
  deleted: boolean
}

export type ItemPlace = { id: string; record: string }

export function itemsPage(db: Db | Tx, after: ItemPlace, limit: number): Promise<ItemPageRow[]> {
  return query(
    db,
    `select i.id, i.record, c.organisation, i.question, i.value, i.salt, i.commitment, i.via, i.permission, i.added_at, i.restricted_since,
       exists (select from casework.decisions as d where d.item = i.id and d.record = i.record and d.decision = 'deleted') as deleted
     from casework.items as i
     join casework.cases as c on c.id = i.case_id
     where (i.id, i.record) > ($1, $2)
     order by i.id, i.record
     limit $3`,
    [after.id, after.record, limit],
  )
}

export type ReportPageRow = { record: string; organisation: string; made_at: Date; received_at: Date }

export function reportsPage(db: Db | Tx, after: string, limit: number): Promise<ReportPageRow[]> {
  return query(
    db,
    `select r.record, c.organisation, r.made_at, r.received_at
     from casework.reports as r
     join casework.cases as c on c.id = r.case_id
     where r.record > $1
     order by r.record
     limit $2`,
    [after, limit],
  )
}

/** Cases in which nothing arrived. */
export function emptyCases(db: Db | Tx): Promise<{ id: string }[]> {
  return query(
    db,
    `select c.id
     from casework.cases as c
     where not exists (select from casework.reports as r where r.case_id = c.id)
       and not exists (select from casework.items as i where i.case_id = c.id)
     order by c.id`,
  )
}

/** Every organisation that each of these items came from. */
export function originsOf(db: Db | Tx, items: readonly string[]): Promise<{ item: string; organisation: string }[]> {
  return query(db, 'select item, organisation from casework.item_origins where item = any($1::uuid[])', [items])
}
