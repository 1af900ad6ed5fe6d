import { canonical } from '#platform/canonical'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import {
  cancelUnder,
  markMayHaveLeft,
  outcomesOf,
  sendsUnder,
  type Inbound,
  type ItemRef,
  type Outbound,
  type Queue,
  type SendUnder,
} from '#exchange'
import {
  heldById,
  insertWithdrawal,
  lineageOf,
  openWithdrawals,
  rememberWithdrawal,
  settleWithdrawal,
  telephonedById,
  withdrawHeld,
  type WithdrawalRow,
} from './ending-store.ts'
import { standingOf } from './store.ts'

const CLAUSE = 'consent-before-disclosure'

/**
 * Withdraws at once: what nobody has claimed is cancelled in this transaction, and nothing is claimed after it. The receipt
 * waits (settleWithdrawals) for what was claimed. A permission that has not arrived yet is withdrawn when it does. A crash before commit leaves the withdrawal to be delivered again.
 */
export const keepWithdrawal: Inbound = async (tx, { record }, _queue, ctx) => {
  const permission = record['permission'] as string
  const organisation = record.organisation!
  await rememberWithdrawal(tx, permission, organisation, ctx.now())
  const held = await withdrawHeld(tx, permission, organisation, ctx.now())
  if (!held && (await standingOf(tx, [permission])).length > 0) throw new Refusal('not-found')
  await end(tx, { record: record.id, permission, organisation, by: null }, ctx)
}

/**
 * A withdrawal that a duty officer took by telephone: it takes effect as any other, in the transaction that puts the organisation's
 * copy of what was said on the way. Its receipt follows as any other's.
 */
export const prepareTelephoned: Outbound = async (tx, request, ctx) => {
  if (request.to !== 'portal') throw new Refusal('flow-not-allowed', { clause: CLAUSE })
  const told = await telephonedById(tx, request.id)
  if (!told) throw new Refusal('not-found')
  const { permission, organisation, caller, number, number_from: numberFrom, words, taken_at } = told
  if (!(await withdrawHeld(tx, permission, organisation, ctx.now()))) throw new Refusal('not-found')
  await end(tx, { record: told.id, permission, organisation, by: null }, ctx)
  const payload = Buffer.from(canonical({ caller, number, numberFrom, at: instant(taken_at), words }))
  return { clause: CLAUSE, members: { organisation, permission, by: 'telephone' }, payload, chain: organisation }
}

export type Ending = { record: string; permission: string; organisation: string; by: string | null }

/** Another permission takes its place: what was asked to be sent under it is cancelled, and may be asked for again under the other. */
export async function narrow(tx: Tx, ending: Ending, ctx: Ctx): Promise<void> {
  if (!(await withdrawHeld(tx, ending.permission, ending.organisation, ctx.now()))) throw new Refusal('not-found')
  await end(tx, ending, ctx)
}

async function end(tx: Tx, { record, permission, organisation, by }: Ending, ctx: Ctx): Promise<void> {
  const stopped = await cancelUnder(tx, permission, ctx.now())
  await insertWithdrawal(tx, { id: record, permission, organisation, received_at: ctx.now(), stopped, narrowed_by: by })
}

/**
 * Gives the receipt of every permission that ended once all its claimed sends have. What was claimed and did not end by its deadline
 * (with grace for the network) is named as what may have left, and never tried again. Whatever left and is permitted no more is called back.
 */
export async function settleWithdrawals(tx: Tx, queue: Queue, graceMilliseconds: number, ctx: Ctx): Promise<number> {
  const open = await openWithdrawals(tx)
  let settled = 0
  for (const withdrawal of open) settled += await settleOne(tx, withdrawal, queue, graceMilliseconds, ctx)
  return settled
}

type Sends = { stopped: string[]; left: string[]; mayHaveLeft: string[] }

async function settleOne(tx: Tx, withdrawal: WithdrawalRow, queue: Queue, grace: number, ctx: Ctx): Promise<number> {
  const lineage = await lineageOf(tx, withdrawal.permission)
  const under = new Map<string, SendUnder[]>()
  for (const permission of lineage) under.set(permission, await sendsUnder(tx, permission))
  if ([...under.values()].flat().some((send) => isRunning(send, ctx.now().getTime() - grace))) return 0
  const own = under.get(withdrawal.permission)!
  const named = namesOf(own)
  const uncertain = own.filter((send) => named.mayHaveLeft.includes(send.id) && send.state !== 'may-have-left').map(({ id }) => id)
  await markMayHaveLeft(tx, uncertain, ctx.now())
  const gone = await goneItems(tx, withdrawal)
  const before = [...under].filter(([permission]) => permission !== withdrawal.permission)
  for (const disclosure of [...named.left, ...named.mayHaveLeft])
    await callBack(tx, { disclosure, permission: withdrawal.permission, gone }, queue, ctx)
  for (const [permission, sends] of before)
    for (const { id } of sends.filter(mayBeThere)) await callBack(tx, { disclosure: id, permission, gone }, queue, ctx)
  await acknowledge(tx, withdrawal, named, queue, ctx)
  await settleWithdrawal(tx, withdrawal.id, ctx.now())
  return 1
}

function isRunning(send: SendUnder, deadline: number): boolean {
  return send.state === 'claimed' && send.claim_until!.getTime() > deadline
}

/** Under a permission whose place another took, and whose own end is settled. */
function mayBeThere({ state }: SendUnder): boolean {
  return state === 'accepted' || state === 'refused' || state === 'may-have-left'
}

/** Each send stands in one list. */
function namesOf(sends: SendUnder[]): Sends {
  // A send that was tried and failed may have arrived all the same: its answer was lost.
  const isUncertain = ({ state, attempts }: SendUnder) =>
    state === 'claimed' || state === 'may-have-left' || ((state === 'cancelled' || state === 'waiting') && attempts > 0)
  // What the recipient refused did leave: the acknowledgement names every send there was.
  const hasLeft = ({ state }: SendUnder) => state === 'accepted' || state === 'refused'
  const ids = (some: SendUnder[]) => some.map(({ id }) => id)
  return {
    stopped: ids(sends.filter((send) => !isUncertain(send) && !hasLeft(send))),
    left: ids(sends.filter(hasLeft)),
    mayHaveLeft: ids(sends.filter(isUncertain)),
  }
}

/** What is permitted no more: undefined for everything, else what the permission in its place leaves out. */
async function goneItems(tx: Tx, { permission, narrowed_by }: WithdrawalRow): Promise<ItemRef[] | undefined> {
  if (narrowed_by === null) return undefined
  const [earlier, narrower] = [await heldById(tx, permission), await heldById(tx, narrowed_by)]
  // The narrower one may have been withdrawn before it came.
  if (!earlier || !narrower || narrower.withdrawn_at) return undefined
  const still = new Set(narrower.items.map(({ id }) => id))
  return earlier.items.filter(({ id }) => !still.has(id))
}

type ToCallBack = { disclosure: string; permission: string; gone: ItemRef[] | undefined }

/** Of a narrower permission the recipient hears only which of the items it was sent are called back; where there are none, nothing. */
async function callBack(tx: Tx, { disclosure, permission, gone }: ToCallBack, queue: Queue, ctx: Ctx): Promise<void> {
  const items = gone === undefined ? [] : await sentAmong(tx, disclosure, gone)
  if (gone !== undefined && items.length === 0) return
  await queue(tx, 'ico', 'recall', { clause: CLAUSE, members: { disclosure, permission, items } }, ctx)
}

async function sentAmong(tx: Tx, disclosure: string, items: ItemRef[]): Promise<ItemRef[]> {
  const record = (await outcomesOf(tx, [disclosure])).get(disclosure)?.record
  const sent = new Set(((JSON.parse(record ?? '{}') as { items?: ItemRef[] }).items ?? []).map(({ id }) => id))
  return items.filter(({ id }) => sent.has(id))
}

/** The receipt of a withdrawal; where the permission was narrowed, a second one of the permission that took its place. */
async function acknowledge(tx: Tx, withdrawal: WithdrawalRow, named: Sends, queue: Queue, ctx: Ctx): Promise<void> {
  const { id, organisation, permission, narrowed_by } = withdrawal
  const about = narrowed_by === null ? 'withdrawal' : 'permission'
  const members = { organisation, for: id, about, state: 'accepted', items: [], permission, ...named }
  await queue(tx, 'portal', 'receipt', { clause: CLAUSE, members, chain: organisation }, ctx)
}
