import { savepoint, transact, type Tx } from '#platform/db'
import { Refusal, type RefusalDetail, type RefusalCode } from '#platform/errors'
import type { Ctx } from '#platform/context'
import { describeFault } from '#platform/log'
import { isKind, putOffRequest, settleRequest, takeRequests, type QueuedRequest } from '#exchange'
import type { GatewayConfig } from './config.ts'
import { put } from './put.ts'

const BATCH = 32
const AFTER_FAULT = 1000

/**
 * Decides what the desk asked for. Each request is decided in its own savepoint of one transaction, so that a refusal leaves
 * nothing behind but its record. A crash before commit leaves every request pending. Returns how many were decided.
 */
export async function decideRequests(config: GatewayConfig): Promise<number> {
  const ctx = config.makeCtx()
  return transact(config.db, async (tx) => {
    const requests = await takeRequests(tx, ctx.now(), BATCH)
    for (const request of requests) await decideOne(tx, config, request, ctx)
    return requests.length
  })
}

type Decided = { code?: RefusalCode; clause?: string; items?: string[]; result?: string }

async function decideOne(tx: Tx, config: GatewayConfig, request: QueuedRequest, ctx: Ctx): Promise<void> {
  try {
    const decided = await savepoint(tx, () => prepareAndPut(tx, config, request))
    await settleRequest(tx, request.id, decided, ctx.now())
  } catch (error) {
    const refused = refusalIn(error)
    if (refused) return settleRequest(tx, request.id, refused, ctx.now())
    ctx.log.error({ event: 'request-fault', ...describeFault(error) })
    await putOffRequest(tx, request.id, new Date(ctx.now().getTime() + AFTER_FAULT))
  }
}

async function prepareAndPut(tx: Tx, config: GatewayConfig, request: QueuedRequest): Promise<Decided> {
  const ctx = config.makeCtx()
  const signOnly = config.signOnly?.[request.kind]
  if (signOnly) return { result: await signOnly(tx, request.body, config.signer, ctx) }
  const { kind } = request
  const prepare = isKind(kind) ? config.outbound[kind] : undefined
  if (!isKind(kind) || !prepare) throw new Refusal('flow-not-allowed')
  const prepared = await prepare(tx, request, ctx)
  await put(tx, config, { id: request.id, to: request.to, kind, prepared }, ctx)
  return {}
}

/** A refusal is an answer. The database's guard refusing a row is one too; any other fault is none, and the request is tried again later. */
function refusalIn(error: unknown): Decided | undefined {
  if (error instanceof Refusal) return { code: error.code, ...(error.detail as RefusalDetail) }
  if ((error as { constraint?: unknown }).constraint === 'guard_door_3')
    return { code: 'permission-missing', clause: 'consent-before-disclosure' }
  return undefined
}
