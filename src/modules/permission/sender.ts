import { canonical, parseCanonical } from '#platform/canonical'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { cancelUnder, markMayHaveLeft, sendsUnder, type Inbound, type Outbound, type Queue, type SendUnder, type Trust } from '#exchange'
import { itemsForDisclosure } from '#casework'
import { checkPermission, keyCountsAt, signedPermission } from './permission.ts'
import {
  askedById,
  closeAsked,
  insertHeld,
  insertWithdrawal,
  openWithdrawals,
  rememberWithdrawal,
  settleWithdrawal,
  standingOf,
  withdrawHeld,
  withdrawnBefore,
  type WithdrawalRow,
} from './store.ts'

const CLAUSE = 'consent-before-disclosure'
const SKEW = 5 * 60_000

/** The request an officer made, with the exact words that would be sent, for the organisation to read before it signs. */
export const prepareRequest: Outbound = async (tx, request) => {
  const asked = await askedById(tx, request.id)
  if (!asked) throw new Refusal('not-found')
  const items = await itemsForDisclosure(tx, asked.case_id, asked.items)
  const words = items.map(({ id, question, value, salt }) => ({ id, question, value, salt }))
  const { reference } = request.body as { reference: string }
  return {
    clause: CLAUSE,
    members: {
      organisation: asked.organisation,
      reference,
      recipient: asked.recipient,
      purpose: asked.purpose,
      until: asked.until.toISOString(),
      items: items.map(({ id, commitment }) => ({ id, commitment })),
    },
    payload: Buffer.from(canonical({ reason: asked.reason, items: words })),
    chain: asked.organisation,
  }
}

/** Keeps a permission that holds and answers with a receipt; anything else is refused and not kept. */
export function keepPermission(trust: Trust): Inbound {
  return async (tx, { record, payload, logTime }, queue, ctx) => {
    const signed = signedPermission.safeParse(parseCanonical(Buffer.from(payload).toString('utf8'))).data
    if (!signed) throw new Refusal('permission-invalid')
    const permission = checkPermission(signed, trust)
    const { claims } = permission
    if (claims.iss !== record.organisation || claims.jti !== record['permission'] || claims.agreement.hash !== record.agreement.hash)
      throw new Refusal('permission-invalid')
    if (logTime.getTime() >= claims.exp * 1000) throw new Refusal('permission-expired')
    if (logTime.getTime() < claims.nbf * 1000 - SKEW || !keyCountsAt(permission, logTime)) throw new Refusal('permission-invalid')
    const asked = await askedById(tx, claims.request)
    // Only what was asked of this organisation can be granted; a permission for somebody else's request is nobody's.
    if (!asked || asked.organisation !== claims.iss || permission.items.some((item) => !asked.items.includes(item.id)))
      throw new Refusal('permission-invalid')
    const row = {
      id: claims.jti,
      organisation: claims.iss,
      recipient: claims.authorization_details[0].to,
      purpose: permission.purpose,
      begins: new Date(claims.nbf * 1000),
      ends: new Date(claims.exp * 1000),
      permission: signed.permission,
      enrolment: signed.enrolment,
      // Its withdrawal may have overtaken it on the way.
      withdrawn_at: await withdrawnBefore(tx, claims.jti, claims.iss),
    }
    if (!(await insertHeld(tx, { ...row, record: record.id, received_at: ctx.now() }, permission.items))) throw new Refusal('already-done')
    await closeAsked(tx, claims.request, 'granted')
    await queue(
      tx,
      'portal',
      'receipt',
      {
        clause: CLAUSE,
        members: {
          organisation: claims.iss,
          for: record.id,
          about: 'permission',
          state: 'accepted',
          items: permission.items,
          permission: claims.jti,
        },
        chain: claims.iss,
      },
      ctx,
    )
  }
}

/** The organisation said no. The request is closed; nobody else learns of it. */
export const keepRefusal: Inbound = async (tx, { record }, queue, ctx) => {
  const asked = await askedById(tx, record['request'] as string)
  if (!asked || asked.organisation !== record.organisation) throw new Refusal('not-found')
  await closeAsked(tx, asked.id, 'refused')
  await queue(
    tx,
    'portal',
    'receipt',
    {
      clause: CLAUSE,
      members: { organisation: asked.organisation, for: record.id, about: 'refusal', state: 'accepted', items: [] },
      chain: asked.organisation,
    },
    ctx,
  )
}

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
  const stopped = await cancelUnder(tx, permission, ctx.now())
  await insertWithdrawal(tx, { id: record.id, permission, organisation, received_at: ctx.now(), stopped })
}

/**
 * Gives the receipt of every withdrawal whose claimed sends have all ended. What was claimed and did not end by its deadline
 * (with grace for the network) is named as what may have left, and never tried again. Whatever left is called back.
 */
export async function settleWithdrawals(tx: Tx, queue: Queue, graceMilliseconds: number, ctx: Ctx): Promise<number> {
  const open = await openWithdrawals(tx)
  let settled = 0
  for (const withdrawal of open) settled += await settleOne(tx, withdrawal, queue, graceMilliseconds, ctx)
  return settled
}

async function settleOne(tx: Tx, withdrawal: WithdrawalRow, queue: Queue, grace: number, ctx: Ctx): Promise<number> {
  const sends = await sendsUnder(tx, withdrawal.permission)
  const now = ctx.now().getTime()
  const running = (send: SendUnder) => send.state === 'claimed' && send.claim_until!.getTime() + grace > now
  // A send that was tried and failed may have arrived all the same: its answer was lost.
  const uncertain = (send: SendUnder) =>
    send.state === 'claimed' ||
    send.state === 'may-have-left' ||
    (send.state === 'cancelled' && send.attempts > 0) ||
    (send.state === 'waiting' && send.attempts > 0)
  if (sends.some(running)) return 0
  const mayHaveLeft = sends.filter(uncertain).map((send) => send.id)
  // What the recipient refused did leave: the acknowledgement names every send there was.
  const left = sends.filter((send) => send.state === 'accepted' || send.state === 'refused').map((send) => send.id)
  const stopped = sends
    .filter((send) => (send.state === 'cancelled' || send.state === 'waiting') && send.attempts === 0)
    .map((send) => send.id)
  await markMayHaveLeft(
    tx,
    sends.filter((send) => uncertain(send) && send.state !== 'may-have-left').map((send) => send.id),
    ctx.now(),
  )
  for (const disclosure of [...left, ...mayHaveLeft])
    await queue(tx, 'ico', 'recall', { clause: CLAUSE, members: { disclosure, permission: withdrawal.permission, items: [] } }, ctx)
  await queue(
    tx,
    'portal',
    'receipt',
    {
      clause: CLAUSE,
      members: {
        organisation: withdrawal.organisation,
        for: withdrawal.id,
        about: 'withdrawal',
        state: 'accepted',
        items: [],
        permission: withdrawal.permission,
        stopped,
        left,
        mayHaveLeft,
      },
      chain: withdrawal.organisation,
    },
    ctx,
  )
  await settleWithdrawal(tx, withdrawal.id, ctx.now())
  return 1
}
