import { query, type Db, type Tx } from '#platform/db'

/** Whether somebody wrote anything in a case of that organisation. */
export async function hasWorkedOn(db: Db | Tx, person: string, organisation: string): Promise<boolean> {
  const rows = await query(
    db,
    `select 1
     from casework.cases c
     where c.organisation = $2
       and (exists (select 1 from casework.notes n where n.case_id = c.id and n.author = $1)
         or exists (select 1 from casework.findings f where f.case_id = c.id and f.found_by = $1))
     limit 1`,
    [person, organisation],
  )
  return rows.length === 1
}

/** Which question each of these items answers, whichever case it is in. */
export function questionsOf(tx: Tx, items: string[]): Promise<{ id: string; question: string }[]> {
  return query(tx, 'select distinct id, question from casework.contents where id = any($1::uuid[])', [items])
}
