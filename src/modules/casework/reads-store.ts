import { query, queryOne, type Db, type Tx } from '#platform/db'

export type ReadRow = {
  id: string
  case_id: string
  person: string
  role: string
  purpose: string
  items: string[]
  export: string | null
  read_at: Date
  tell_from: Date
}

export async function insertRead(tx: Tx, row: ReadRow): Promise<void> {
  await query(
    tx,
    `insert into casework.reads (id, case_id, person, role, purpose, items, export, read_at, tell_from)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [row.id, row.case_id, row.person, row.role, row.purpose, row.items, row.export, row.read_at, row.tell_from],
  )
}

export function readsOfCase(db: Db, caseId: string): Promise<(ReadRow & { told_at: Date | null })[]> {
  return query(
    db,
    `select id, case_id, person, role, purpose, items, export, read_at, tell_from, told_at
     from casework.reads
     where case_id = $1
     order by read_at, id`,
    [caseId],
  )
}

export type OpenedRow = {
  read: string
  case_id: string
  organisation: string
  item: string
  role: string
  purpose: string
  export: string | null
  read_at: Date
}

/**
 * Of the oldest openings that may be told and were not, a line for each item and each organisation it came from. What this body found
 * itself is nobody else's item: it is left out. Two rounds at once take different ones.
 */
export async function takeUntold(tx: Tx, due: Date, limit: number): Promise<{ reads: string[]; opened: OpenedRow[] }> {
  const taken = await query<{ id: string }>(
    tx,
    `select id
     from casework.reads
     where told_at is null and tell_from < $1
     order by tell_from, id
     limit $2
     for update skip locked`,
    [due, limit],
  )
  const reads = taken.map(({ id }) => id)
  const opened = await query<OpenedRow>(
    tx,
    `select distinct r.id as read, r.case_id, o.organisation::text as organisation, i.id as item, r.role, r.purpose, r.export, r.read_at
     from casework.reads as r
     cross join lateral unnest(r.items) as one (id)
     join casework.items as i on i.id = one.id
     join casework.item_origins as o on o.item = i.id
     where r.id = any($1::uuid[])`,
    [reads],
  )
  return { reads, opened }
}

export async function markReadsTold(tx: Tx, reads: readonly string[], at: Date): Promise<void> {
  await query(tx, 'update casework.reads set told_at = $2 where id = any($1::uuid[])', [reads, at])
}

export type ExportRow = {
  id: string
  case_id: string
  purpose: string
  reason: string
  asked_by: string
  asked_role: string
  asked_at: Date
  approved_by: string | null
  approved_at: Date | null
}

export async function insertExport(tx: Tx, row: Omit<ExportRow, 'approved_by' | 'approved_at'>): Promise<void> {
  await query(
    tx,
    `insert into casework.exports (id, case_id, purpose, reason, asked_by, asked_role, asked_at)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [row.id, row.case_id, row.purpose, row.reason, row.asked_by, row.asked_role, row.asked_at],
  )
}

const exports = `
  select e.id, e.case_id, e.purpose, e.reason, e.asked_by, e.asked_role, e.asked_at, a.approved_by, a.approved_at
  from casework.exports as e
  left join casework.export_approvals as a on a.export = e.id`

export function exportById(db: Db | Tx, id: string): Promise<ExportRow | undefined> {
  return queryOne(db, `${exports} where e.id = $1`, [id])
}

export function exportsOfCase(db: Db, caseId: string): Promise<ExportRow[]> {
  return query(db, `${exports} where e.case_id = $1 order by e.asked_at, e.id`, [caseId])
}

/** False where somebody had agreed before. */
export async function insertApproval(tx: Tx, row: { id: string; askedBy: string }, by: string, at: Date): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into casework.export_approvals (export, asked_by, approved_by, approved_at)
     values ($1, $2, $3, $4)
     on conflict on constraint export_approvals_pk do nothing
     returning export`,
    [row.id, row.askedBy, by, at],
  )
  return rows.length === 1
}

/** False where it was taken before; waits for whoever is taking it. */
export async function insertTaken(tx: Tx, id: string, at: Date): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into casework.exports_taken (export, taken_at)
     values ($1, $2)
     on conflict on constraint exports_taken_pk do nothing
     returning export`,
    [id, at],
  )
  return rows.length === 1
}
