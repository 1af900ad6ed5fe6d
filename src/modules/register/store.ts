import type { Bytes } from '#platform/bytes'
import { query, type Db, type Tx } from '#platform/db'

export type AdditionRow = { id: string; content: Bytes; written_at: Date }

export async function insertAddition(tx: Tx, row: AdditionRow & { incident: string; written_by: string }): Promise<void> {
  await query(tx, 'insert into register.additions (id, incident, content, written_by, written_at) values ($1, $2, $3, $4, $5)', [
    row.id,
    row.incident,
    row.content,
    row.written_by,
    row.written_at,
  ])
}

/** Oldest first. */
export function additionsOf(db: Db | Tx, incident: string): Promise<AdditionRow[]> {
  return query(db, 'select id, content, written_at from register.additions where incident = $1 order by written_at, id', [incident])
}
