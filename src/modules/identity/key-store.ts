import { query, queryOne, type Db, type Tx } from '#platform/db'
import type { EnrolmentRow } from './store.ts'

const columns = 'e.kid, e.organisation, e.record, e.effective_from, e.person, e.let_in_by, s.suspended_since'
const standing = 'left join identity.key_standing s on s.kid = e.kid and s.organisation = e.organisation'

/** False where the key is enrolled already. */
export async function insertEnrolment(tx: Tx, row: Omit<EnrolmentRow, 'suspended_since'>): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into identity.enrolments (kid, organisation, record, effective_from, person, let_in_by)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (kid) do nothing
    returning kid`,
    [row.kid, row.organisation, row.record, row.effective_from, row.person, row.let_in_by],
  )
  return rows.length === 1
}

export async function selectEnrolment(db: Db | Tx, kid: string): Promise<EnrolmentRow | undefined> {
  return queryOne(db, `select ${columns} from identity.enrolments e ${standing} where e.kid = $1`, [kid])
}

export async function selectEnrolmentsOf(db: Db | Tx, organisation: string): Promise<EnrolmentRow[]> {
  return query(
    db,
    `select ${columns}
    from identity.enrolments e
    ${standing}
    where e.organisation = $1
    order by e.effective_from, e.kid`,
    [organisation],
  )
}

/** The earliest time said wins. */
export async function suspendKey(tx: Tx, { kid, org, since }: { kid: string; org: string; since: Date }): Promise<void> {
  await query(
    tx,
    `insert into identity.key_standing (organisation, kid, suspended_since)
    values ($1, $2, $3)
    on conflict on constraint key_standing_pk do update set suspended_since = least(key_standing.suspended_since, $3)`,
    [org, kid, since],
  )
}

/** Takes the key's row until the transaction ends. */
export async function lockStanding(tx: Tx, kid: string, org: string): Promise<Date | null> {
  await query(
    tx,
    `insert into identity.key_standing (organisation, kid)
    values ($1, $2)
    on conflict on constraint key_standing_pk do nothing`,
    [org, kid],
  )
  const row = await queryOne<{ suspended_since: Date | null }>(
    tx,
    'select suspended_since from identity.key_standing where organisation = $1 and kid = $2 for update',
    [org, kid],
  )
  return row!.suspended_since
}

export async function readStanding(db: Db | Tx, kid: string, org: string): Promise<Date | null> {
  const row = await queryOne<{ suspended_since: Date | null }>(
    db,
    'select suspended_since from identity.key_standing where organisation = $1 and kid = $2',
    [org, kid],
  )
  return row?.suspended_since ?? null
}

/** Every key that this one let in since then, and that those let in. */
export async function selectLetInBy(db: Db | Tx, kid: string, org: string, since: Date): Promise<string[]> {
  const rows = await query<{ kid: string }>(
    db,
    `with recursive let_in as (
      select e.kid
      from identity.enrolments e
      where e.organisation = $2 and e.let_in_by = $1 and e.effective_from >= $3
      union
      select e.kid
      from identity.enrolments e
      join let_in l on e.let_in_by = l.kid
      where e.organisation = $2
    )
    select kid from let_in order by kid`,
    [kid, org, since],
  )
  return rows.map((row) => row.kid)
}

export function selectLeaversKeys(tx: Tx): Promise<{ kid: string; organisation: string; at: Date }[]> {
  return query(
    tx,
    `select e.kid, e.organisation, d.at
    from identity.departures d
    join identity.enrolments e on e.person = d.who
    ${standing}
    where s.suspended_since is null
    order by d.at, e.kid`,
  )
}
