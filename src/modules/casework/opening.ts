import type { Credential, Ctx } from '#platform/context'
import { transact, type Db, type Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { isUuid } from '#platform/ids'
import type { AuthorityId } from '#exchange'
import { checkText } from './case.ts'
import { caseFor, roleFor } from './desk.ts'
import { EXPORT_OPEN, statedPurpose, tellFrom, type ReadingPurpose, type ReadingRules } from './reading.ts'
import { exportById, insertApproval, insertExport, insertRead, insertTaken, type ExportRow } from './reads-store.ts'

export type Opening = {
  case: string
  items: readonly string[]
  node: AuthorityId
  rules: ReadingRules
  /** As the reader named it. */
  purpose: string | undefined
  credential: Credential | undefined
}

/**
 * Records that somebody is about to be shown what these items say. Committed before it returns, so that nobody is shown anything of which
 * there is no record. Throws where no purpose is stated that holds; then nobody may be shown anything.
 */
export async function recordOpening(db: Db, opening: Opening, ctx: Ctx): Promise<void> {
  const { rules, purpose, credential, items } = opening
  const stated = statedPurpose(rules, purpose, { roles: ctx.actor.roles, credential })
  if (items.length > 0) await transact(db, (tx) => record(tx, { ...opening, stated }, ctx))
}

type ToRecord = Pick<Opening, 'case' | 'items' | 'node' | 'rules'> & { stated: ReadingPurpose; export?: string }

async function record(tx: Tx, { case: id, items, node, rules, stated, ...taken }: ToRecord, ctx: Ctx): Promise<void> {
  const at = ctx.now()
  const row = {
    id: ctx.random.uuid(),
    case_id: id,
    person: ctx.actor.id,
    role: roleFor('read', node, ctx)!,
    purpose: stated.id,
    items: [...items],
    export: taken.export ?? null,
    read_at: at,
    tell_from: tellFrom(rules, stated, at),
  }
  await insertRead(tx, row)
}

export type ExportAsked = { case: string; purpose: string; reason: string; node: AuthorityId; rules: ReadingRules }

/** Asks to take a whole case out of the desk. Returns the id that somebody else agrees to. */
export async function askToExport(tx: Tx, asked: ExportAsked, credential: Credential | undefined, ctx: Ctx): Promise<string> {
  const found = await caseFor(tx, { id: asked.case, right: 'read', node: asked.node }, ctx)
  const stated = statedPurpose(asked.rules, asked.purpose, { roles: ctx.actor.roles, credential })
  const row = {
    id: ctx.random.uuid(),
    case_id: found.id,
    purpose: stated.id,
    reason: checkText(asked.reason, 'reason'),
    asked_by: ctx.actor.id,
    asked_role: roleFor('read', asked.node, ctx)!,
    asked_at: ctx.now(),
  }
  await insertExport(tx, row)
  return row.id
}

export type OneExport = { case: string; export: string; node: AuthorityId }

/** The second person: a records officer, and never whoever asked, in whatever other role. */
export async function agreeToExport(tx: Tx, one: OneExport, ctx: Ctx): Promise<void> {
  const row = await exportIn(tx, one, 'approve', ctx)
  if (row.asked_by === ctx.actor.id) throw new Refusal('second-person-missing')
  if (!(await insertApproval(tx, { id: row.id, askedBy: row.asked_by }, ctx.actor.id, ctx.now()))) throw new Refusal('already-done')
}

/** Takes out what was agreed to: whoever asked, once, within a day. In the transaction that records the opening of every item. */
export async function takeExport(tx: Tx, one: OneExport & { items: readonly string[]; rules: ReadingRules }, ctx: Ctx): Promise<ExportRow> {
  const row = await exportIn(tx, one, 'read', ctx)
  if (row.asked_by !== ctx.actor.id) throw new Refusal('not-found')
  if (row.approved_at === null) throw new Refusal('second-person-missing')
  const age = ctx.now().getTime() - row.approved_at.getTime()
  if (age > EXPORT_OPEN || !(await insertTaken(tx, row.id, ctx.now()))) throw new Refusal('already-done')
  const stated = one.rules.purposes.find(({ id }) => id === row.purpose)
  if (!stated) throw new Refusal('agreement-differs')
  if (one.items.length > 0) await record(tx, { ...one, stated, export: row.id }, ctx)
  return row
}

async function exportIn(tx: Tx, one: OneExport, right: 'read' | 'approve', ctx: Ctx): Promise<ExportRow> {
  const found = await caseFor(tx, { id: one.case, right, node: one.node }, ctx)
  const row = isUuid(one.export) ? await exportById(tx, one.export) : undefined
  if (row?.case_id !== found.id) throw new Refusal('not-found')
  return row
}
