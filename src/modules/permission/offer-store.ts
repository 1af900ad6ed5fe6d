import { query, queryOne, type Db, type Tx } from '#platform/db'

/** At a sending body: what organisations started, and what was asked before. */

export type OfferRow = {
  id: string
  case_id: string
  organisation: string
  recipient: string
  purpose: string
  until: Date
  items: string[]
  /** The recipient's question (canonical JSON), where this body is to answer it. */
  question: string | null
  narrows: string | null
  received_at: Date
}

export async function insertOffer(tx: Tx, row: OfferRow): Promise<void> {
  await query(
    tx,
    `insert into permission.offers (id, case_id, organisation, recipient, purpose, until, items, question, narrows, received_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [row.id, row.case_id, row.organisation, row.recipient, row.purpose, row.until, row.items, row.question, row.narrows, row.received_at],
  )
}

export function offerById(db: Db | Tx, id: string): Promise<OfferRow | undefined> {
  return queryOne(db, 'select * from permission.offers where id = $1', [id])
}

export type OfferLine = OfferRow & { asked: string | null; declined_at: Date | null }

/** With the request that answered it, and when it was declined. */
export function offersInCase(db: Db, caseId: string): Promise<OfferLine[]> {
  return query(
    db,
    `select o.*, a.id as asked, d.declined_at
     from permission.offers as o
     left join permission.asked as a on a.offer = o.id
     left join permission.declined as d on d.offer = o.id
     where o.case_id = $1
     order by o.received_at, o.id`,
    [caseId],
  )
}

export type DeclinedRow = { id: string; offer: string; reason: string; declined_by: string; declined_at: Date }

/** False where it was declined before. */
export async function insertDeclined(tx: Tx, row: DeclinedRow): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into permission.declined (id, offer, reason, declined_by, declined_at)
     values ($1, $2, $3, $4, $5)
     on conflict on constraint declined_once do nothing
     returning id`,
    [row.id, row.offer, row.reason, row.declined_by, row.declined_at],
  )
  return rows.length === 1
}

export function declinedById(tx: Tx, id: string): Promise<DeclinedRow | undefined> {
  return queryOne(tx, 'select * from permission.declined where id = $1', [id])
}

export async function isDeclined(tx: Tx, offer: string): Promise<boolean> {
  return (await queryOne(tx, 'select id from permission.declined where offer = $1', [offer])) !== undefined
}

// Once an item and a purpose

export type AskedItem = { item: string; nth: number; request: string }

/** In answer to an offer, too. */
export function askedBefore(tx: Tx, of: { organisation: string; items: string[]; purpose: string }): Promise<AskedItem[]> {
  return query(
    tx,
    `select item, nth, request
     from permission.asked_items
     where organisation = $1 and item = any($2::uuid[]) and purpose = $3
     union all
     select item, 0, a.id
     from permission.asked as a
     cross join unnest(a.items) as item
     where a.organisation = $1 and item = any($2::uuid[]) and a.purpose = $3`,
    [of.organisation, of.items, of.purpose],
  )
}

export type NewAskedItems = { organisation: string; purpose: string; request: string; items: { item: string; nth: number }[] }

/** How many were new; waits for whoever is asking for one of them at this moment. */
export async function insertAskedItems(tx: Tx, { organisation, purpose, request, items }: NewAskedItems): Promise<number> {
  const rows = await query(
    tx,
    `insert into permission.asked_items (organisation, item, purpose, nth, request)
     select $1, x.item, $2, x.nth, $3
     from jsonb_to_recordset($4::jsonb) as x (item uuid, nth integer)
     on conflict on constraint asked_items_pk do nothing
     returning item`,
    [organisation, purpose, request, JSON.stringify(items)],
  )
  return rows.length
}
