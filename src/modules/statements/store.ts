import type { Bytes } from '#platform/bytes'
import { query, type Db, type Tx } from '#platform/db'

// At a body

/** When the last statement to each of these organisations fell due; none for those that never had one. */
export function lastDue(tx: Tx, organisations: readonly string[]): Promise<{ organisation: string; due: Date }[]> {
  return query(
    tx,
    `select organisation, max(due) as due
     from statements.made
     where organisation = any($1::uuid[])
     group by organisation`,
    [organisations],
  )
}

export type MadeRow = { organisation: string; entries: number; pages: number; held: number }

/** Fails where one of these organisations has its statement already. */
export async function insertMade(tx: Tx, due: Date, rows: readonly MadeRow[], at: Date): Promise<void> {
  await query(
    tx,
    `insert into statements.made (organisation, due, entries, pages, held, made_at)
     select organisation, $1, entries, pages, held, $2
     from json_to_recordset($3::json) as r (organisation uuid, entries bigint, pages integer, held integer)`,
    [due, at, JSON.stringify(rows)],
  )
}

// At the portal

export async function insertList(tx: Tx, organisation: string, hash: Bytes, list: Bytes): Promise<void> {
  await query(tx, 'insert into statements.lists (organisation, hash, list) values ($1, $2, $3) on conflict do nothing', [
    organisation,
    hash,
    list,
  ])
}

/** Every list that a statement of either body to the organisation ever named. */
export async function listsOf(db: Db | Tx, organisation: string): Promise<Bytes[]> {
  const rows = await query<{ list: Bytes }>(db, 'select list from statements.lists where organisation = $1 order by hash', [organisation])
  return rows.map(({ list }) => list)
}
