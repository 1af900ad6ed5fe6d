import { query, type Db, type Tx } from '#platform/db'
import type { Enrolment } from './enrolment.ts'

export type HeldPageRow = {
  id: string
  organisation: string
  permission: string
  enrolment: Enrolment
  record: string
  received_at: Date
  withdrawn_at: Date | null
}

/** Every permission this body holds, page by page, for whoever checks the books. Reads alone. */
export function heldPage(db: Db | Tx, after: string, limit: number): Promise<HeldPageRow[]> {
  return query(
    db,
    `select id, organisation, permission, enrolment, record, received_at, withdrawn_at
     from permission.held
     where id > $1
     order by id
     limit $2`,
    [after, limit],
  )
}
