import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { requestSend, type AuthorityId, type ItemRef, type Outbound } from '#exchange'
import { checkText } from './case.ts'
import { caseFor } from './desk.ts'
import {
  decisionById,
  eraseItem,
  insertDecision,
  insertRead,
  restrictedValue,
  restrictionsHere,
  restrictionsOfItem,
  restrictItems,
  type RestrictionRow,
  type ToRestrict,
} from './restriction-store.ts'

/**
 * A recall: from this moment these copies are shown to nobody here; deleting or keeping them is a records officer's decision, one for
 * each permission that was withdrawn. Again, it changes nothing. Returns what is restricted.
 */
export function restrict(tx: Tx, recalled: ToRestrict, ctx: Ctx): Promise<ItemRef[]> {
  return restrictItems(tx, recalled, ctx.now())
}

/** What may be decided, and in which time: from the agreement. */
export type DecisionRules = { grounds: readonly { id: string }[]; withinDays: number }
export type RestrictionState = 'open' | 'overdue' | 'kept' | 'deleted'
export type Restriction = RestrictionRow & { dueAt: Date; state: RestrictionState }

const DAY = 86_400_000

export async function restrictions(db: Db, rules: DecisionRules, ctx: Ctx, caseId?: string): Promise<Restriction[]> {
  return (await restrictionsHere(db, caseId)).map((row) => withState(row, rules, ctx.now()))
}

function withState(row: RestrictionRow, { withinDays }: DecisionRules, now: Date): Restriction {
  const dueAt = new Date(row.restricted_at.getTime() + withinDays * DAY)
  return { ...row, dueAt, state: row.decision ?? (dueAt <= now ? 'overdue' : 'open') }
}

export type ItemInCase = { case: string; item: string; node: AuthorityId }

/**
 * What the records officer who is about to decide may read, and nobody else. That they did is recorded in the same transaction: a read
 * that cannot be recorded is none.
 */
export async function readRestricted(tx: Tx, where: ItemInCase, ctx: Ctx): Promise<{ record: string; value: unknown }[]> {
  const copies = Map.groupBy(
    (await rowsOf(tx, where, ctx)).filter(({ decision, erased }) => decision === null && !erased),
    ({ record }) => record,
  )
  if (copies.size === 0) throw new Refusal('already-done')
  const read = [...copies.keys()].map(async (record) => {
    await insertRead(tx, { id: ctx.random.uuid(), item: where.item, record, read_by: ctx.actor.id, read_at: ctx.now() })
    return { record, value: JSON.parse((await restrictedValue(tx, where.item, record)) ?? 'null') as unknown }
  })
  return Promise.all(read)
}

async function rowsOf(tx: Tx, { case: id, item, node }: ItemInCase, ctx: Ctx): Promise<RestrictionRow[]> {
  const found = await caseFor(tx, { id, right: 'decide', node }, ctx)
  const rows = await restrictionsOfItem(tx, found.id, item)
  if (rows.length === 0) throw new Refusal('not-found')
  return rows
}

export type Decision = { decision: 'delete' | 'keep'; ground?: string | undefined; reason: string }

/**
 * Decides about the item under every permission by which it was called back and that is not decided yet; what was kept may be deleted
 * later. Each organisation is told by its own receipt, which its gateway gives. Returns how many were decided.
 */
export async function decide(tx: Tx, where: ItemInCase, typed: Decision, rules: DecisionRules, ctx: Ctx): Promise<number> {
  const { decision, ground, reason } = checked(typed, rules)
  const open = (await rowsOf(tx, where, ctx)).filter((row) => row.decision === null || (row.decision === 'kept' && decision === 'deleted'))
  if (open.length === 0) throw new Refusal('already-done')
  for (const { item, record, permission } of open) {
    const id = await requestSend(tx, { kind: 'receipt', to: 'portal', body: {} }, ctx)
    const row = { id, item, record, permission, decision, ground, reason, decided_by: ctx.actor.id, decided_at: ctx.now() }
    if (!(await insertDecision(tx, row))) throw new Refusal('already-done')
  }
  return open.length
}

type Checked = { decision: 'deleted' | 'kept'; ground: string | null; reason: string }

function checked({ decision, ground, reason }: Decision, { grounds }: DecisionRules): Checked {
  if (decision === 'keep' && !grounds.some(({ id }) => id === ground))
    throw invalid({ field: 'ground', message: 'Choose a ground from the agreement: a copy is kept on no other' })
  if (decision === 'delete' && ground !== undefined) throw invalid({ field: 'ground', message: 'What is deleted needs no ground' })
  return {
    decision: decision === 'keep' ? 'kept' : 'deleted',
    ground: decision === 'keep' ? ground! : null,
    reason: checkText(reason, 'reason'),
  }
}

const CLAUSE = 'retention'

/**
 * The receipt of a decision. What is deleted goes in the transaction that puts the receipt on the way: none says so of what is still
 * there. The reason stays here; the ground, which is one of a public list, is told.
 */
export const prepareDecision: Outbound = async (tx, request) => {
  if (request.to !== 'portal') throw new Refusal('flow-not-allowed')
  const decided = await decisionById(tx, request.id)
  if (!decided) throw new Refusal('not-found')
  const { item, record, permission, organisation, recall, commitment, decision, ground } = decided
  if (decision === 'deleted') await eraseItem(tx, item, record)
  const members = {
    ...{ organisation, for: recall, about: 'recall', state: 'accepted', items: [{ id: item, commitment }], via: 'permission', permission },
    ...{ decision, ...(ground !== null && { ground }) },
  }
  return { clause: CLAUSE, members, chain: organisation }
}
