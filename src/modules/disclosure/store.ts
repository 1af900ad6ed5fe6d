import type { Bytes } from '#platform/bytes'
import { query, queryOne, type Db, type Tx } from '#platform/db'

export type ProposalRow = {
  id: string
  case_id: string
  recipient: string
  purpose: string
  necessity: string
  items: string[]
  officer: string
  roles: string[]
  proposed_at: Date
  retry_key: Bytes | null
}

/** False where the case has a proposal under that key; waits for one that is just being made. */
export async function insertProposal(tx: Tx, row: ProposalRow): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into disclosure.proposals (id, case_id, recipient, purpose, necessity, items, officer, roles, proposed_at, retry_key)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict on constraint proposals_once do nothing
     returning id`,
    [row.id, row.case_id, row.recipient, row.purpose, row.necessity, row.items, row.officer, row.roles, row.proposed_at, row.retry_key],
  )
  return rows.length === 1
}

export function proposalByKey(db: Db | Tx, caseId: string, key: Bytes): Promise<ProposalRow | undefined> {
  return queryOne(db, 'select * from disclosure.proposals where case_id = $1 and retry_key = $2', [caseId, key])
}

export function proposalById(db: Db | Tx, id: string): Promise<ProposalRow | undefined> {
  return queryOne(db, 'select * from disclosure.proposals where id = $1', [id])
}

export function proposalsInCase(db: Db, caseId: string): Promise<ProposalRow[]> {
  return query(
    db,
    `select *
     from disclosure.proposals
     where case_id = $1
     order by proposed_at, id`,
    [caseId],
  )
}

/** Takes the disclosure's row: a recall at the same moment waits for this transaction, or is seen by it. */
export async function isRecalled(tx: Tx, disclosure: string): Promise<boolean> {
  const row = await queryOne<{ recalled_at: Date | null }>(
    tx,
    `insert into disclosure.standing (disclosure)
     values ($1)
     on conflict on constraint standing_pk do update set recalled_at = standing.recalled_at
     returning recalled_at`,
    [disclosure],
  )
  return row!.recalled_at !== null
}

export async function rememberRecall(tx: Tx, disclosure: string, permission: string, at: Date): Promise<void> {
  await query(
    tx,
    `insert into disclosure.standing (disclosure, permission, recalled_at)
     values ($1, $2, $3)
     on conflict on constraint standing_pk do update set permission = $2, recalled_at = coalesce(standing.recalled_at, $3)`,
    [disclosure, permission, at],
  )
}

// Called off

export type CalledOffRow = { disclosure: string; reason: string; officer: string; called_off_at: Date }

/** False where it was called off before. */
export async function insertCalledOff(tx: Tx, row: CalledOffRow): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into disclosure.called_off (disclosure, reason, officer, called_off_at)
     values ($1, $2, $3, $4)
     on conflict on constraint called_off_pk do nothing
     returning disclosure`,
    [row.disclosure, row.reason, row.officer, row.called_off_at],
  )
  return rows.length === 1
}

/** Those of these disclosures that an officer called off. */
export async function calledOff(tx: Tx, ids: string[]): Promise<Set<string>> {
  const rows = await query<{ disclosure: string }>(tx, 'select disclosure from disclosure.called_off where disclosure = any($1::uuid[])', [
    ids,
  ])
  return new Set(rows.map(({ disclosure }) => disclosure))
}
