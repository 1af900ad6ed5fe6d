import { query, type Db, type Tx } from '#platform/db'

/** Permissions an organisation gave that nobody withdrew, at the portal: each in the forms it was signed in. */
export function grantsStanding(
  tx: Tx,
  organisation: string,
): Promise<{ id: string; record: string; permission: string; second: string | null }[]> {
  return query(
    tx,
    `select g.id, g.record, g.permission, s.permission as second
     from permission.grants g
     left join permission.seconds s on s.given = g.id
     where g.organisation = $1 and g.withdrawal is null and g.narrowed_by is null
     order by g.id`,
    [organisation],
  )
}

/** The same, at a sending body. */
export function heldStanding(
  tx: Tx,
  organisation: string,
): Promise<{ id: string; record: string; permission: string; second: string | null }[]> {
  return query(
    tx,
    `select h.id, h.record, h.permission, s.permission as second
     from permission.held h
     left join permission.seconds s on s.given = h.id
     where h.organisation = $1 and h.withdrawn_at is null
     order by h.id`,
    [organisation],
  )
}

/** Takes the rows for itself: nobody decides under any of them until this transaction ends. */
export async function haltHeld(tx: Tx, ids: string[], at: Date): Promise<void> {
  await query(tx, 'update permission.held set withdrawn_at = coalesce(withdrawn_at, $2) where id = any($1::uuid[])', [ids, at])
}

export async function insertSecond(tx: Tx, given: string, second: { permission: string; enrolment: unknown }): Promise<void> {
  await query(tx, 'insert into permission.seconds (given, permission, enrolment) values ($1, $2, $3)', [
    given,
    second.permission,
    JSON.stringify(second.enrolment),
  ])
}

export function secondsOf(db: Db | Tx, given: string[]): Promise<{ given: string; permission: string; enrolment: unknown }[]> {
  return query(db, 'select given, permission, enrolment from permission.seconds where given = any($1::uuid[])', [given])
}
