import { query, type Tx } from '#platform/db'

/** Organisations that a case or an item here belonged to before a time, after this one in order, and since when. */
export function organisationsKnown(tx: Tx, after: string, before: Date, limit: number): Promise<{ organisation: string; since: Date }[]> {
  return query(
    tx,
    `select organisation::text as organisation, min(since) as since
     from (
       select organisation, opened_at as since
       from casework.cases
       where organisation > $1::uuid and opened_at < $2
       union all
       select o.organisation, i.added_at
       from casework.item_origins as o
       join casework.items as i on i.id = o.item
       where o.organisation > $1::uuid and i.added_at < $2
     ) as known
     group by organisation
     order by organisation
     limit $3`,
    [after === '' ? '00000000-0000-0000-0000-000000000000' : after, before, limit],
  )
}

export type HeldRow = {
  organisation: string
  item: string
  commitment: string
  record: string
  via: string
  since: Date
  restricted: Date | null
  deleted: Date | null
}

/**
 * Every copy here of these organisations' items that none of their own reports brought: what came from the other body, and whatever
 * else lies here. An organisation is told of its own withdrawal and what became of it, never of another's.
 */
export function heldOtherwise(tx: Tx, organisations: readonly string[], own: string): Promise<HeldRow[]> {
  return query(
    tx,
    `select whose.organisation::text as organisation, i.id as item, i.commitment, i.record, i.via, i.added_at as since,
       (select min(r.restricted_at)
        from casework.restrictions as r
        where r.item = i.id and r.record = i.record and r.organisation = whose.organisation) as restricted,
       (select min(d.decided_at)
        from casework.restrictions as r
        join casework.decisions as d on d.item = r.item and d.record = r.record and d.permission = r.permission
        where r.item = i.id and r.record = i.record and r.organisation = whose.organisation and d.decision = 'deleted') as deleted
     from (
       select organisation, item
       from casework.item_origins
       where organisation = any($1::uuid[])
       union
       select c.organisation, of_case.id
       from casework.cases as c
       join casework.items as of_case on of_case.case_id = c.id
       where c.organisation = any($1::uuid[])
     ) as whose
     join casework.items as i on i.id = whose.item
     where i.via <> $2 or not exists (select 1 from casework.reports as told where told.record = i.record)
     order by i.added_at, i.id, i.record`,
    [organisations, own],
  )
}
