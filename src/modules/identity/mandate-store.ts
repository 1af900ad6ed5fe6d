import { query, queryOne, type Db, type Tx } from '#platform/db'
import type { Scope } from './mandate.ts'

/** Who may be given a mandate: somebody who has an account here and has not left. */
export type AgentRow = { id: string; name: string; organisation: string | null }
export type NewMandateRow = {
  id: string
  organisation: string
  agent: string
  scope: Scope[]
  begins: Date
  ends: Date
  given_by: string
  given_at: Date
}
export type MandateRow = NewMandateRow & {
  organisation_name: string
  agent_name: string
  agent_organisation_name: string | null
  given_by_name: string
  revoked_at: Date | null
  revoked_by_name: string | null
}

export async function selectAgent(db: Db | Tx, id: string): Promise<AgentRow | undefined> {
  return queryOne(
    db,
    `select p.id, p.name, p.organisation
    from identity.people p
    where p.id = $1 and not exists (select 1 from identity.departures d where d.who = p.id)`,
    [id],
  )
}

export async function insertMandate(tx: Tx, row: NewMandateRow): Promise<void> {
  await query(
    tx,
    `insert into identity.mandates (id, organisation, agent, scope, begins, ends, given_by, given_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [row.id, row.organisation, row.agent, row.scope, row.begins, row.ends, row.given_by, row.given_at],
  )
}

/** False where it was revoked already. */
export async function insertRevocation(tx: Tx, mandate: string, by: string, at: Date): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into identity.mandate_revocations (mandate, revoked_by, revoked_at)
    values ($1, $2, $3)
    on conflict (mandate) do nothing
    returning mandate`,
    [mandate, by, at],
  )
  return rows.length === 1
}

const mandates = `
  select m.id, m.organisation, m.agent, m.scope, m.begins, m.ends, m.given_by, m.given_at,
    o.name as organisation_name, a.name as agent_name, f.name as agent_organisation_name, g.name as given_by_name,
    r.revoked_at, b.name as revoked_by_name
  from identity.mandates m
  join identity.organisations o on o.id = m.organisation
  join identity.people a on a.id = m.agent
  left join identity.organisations f on f.id = a.organisation
  join identity.people g on g.id = m.given_by
  left join identity.mandate_revocations r on r.mandate = m.id
  left join identity.people b on b.id = r.revoked_by`

export async function selectMandate(db: Db | Tx, id: string): Promise<MandateRow | undefined> {
  return queryOne(db, `${mandates} where m.id = $1`, [id])
}

export async function selectMandatesGiven(db: Db | Tx, organisation: string): Promise<MandateRow[]> {
  return query(db, `${mandates} where m.organisation = $1 order by m.given_at desc, m.id`, [organisation])
}

export async function selectMandatesHeld(db: Db | Tx, agent: string): Promise<MandateRow[]> {
  return query(db, `${mandates} where m.agent = $1 order by m.given_at desc, m.id`, [agent])
}

/** Of several, the one that lets most be done, longest. */
export async function selectMandateInForce(
  db: Db | Tx,
  agent: string,
  organisation: string,
  at: Date,
): Promise<{ id: string; scope: Scope[] } | undefined> {
  return queryOne(
    db,
    `select m.id, m.scope
    from identity.mandates m
    where m.agent = $1 and m.organisation = $2 and m.begins <= $3 and m.ends > $3
      and not exists (select 1 from identity.mandate_revocations r where r.mandate = m.id)
    order by 'file' = any (m.scope) desc, m.ends desc, m.id
    limit 1`,
    [agent, organisation, at],
  )
}
