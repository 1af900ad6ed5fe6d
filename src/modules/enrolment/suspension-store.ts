import type { Bytes } from '#platform/bytes'
import { query, queryOne, type Db, type Tx } from '#platform/db'

export type SuspensionRow = {
  id: string
  organisation: string
  kid: string
  since: Date
  by: 'session' | 'telephone' | 'departure'
  reason: Bytes
  suspended_by: string
  suspended_at: Date
}

export async function insertSuspension(tx: Tx, row: SuspensionRow): Promise<void> {
  await query(
    tx,
    `insert into enrolment.suspensions (id, organisation, kid, since, by, reason, suspended_by, suspended_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [row.id, row.organisation, row.kid, row.since, row.by, row.reason, row.suspended_by, row.suspended_at],
  )
}

export function suspensionById(db: Db | Tx, id: string): Promise<SuspensionRow | undefined> {
  return queryOne(db, 'select * from enrolment.suspensions where id = $1', [id])
}

export function suspensionsOf(db: Db | Tx, organisation: string): Promise<SuspensionRow[]> {
  return query(db, 'select * from enrolment.suspensions where organisation = $1 order by suspended_at, id', [organisation])
}
