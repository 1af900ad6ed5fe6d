import { savepoint, transact, type Tx } from '#platform/db'
import { Refusal, type RefusalDetail } from '#platform/errors'
import type { Ctx } from '#platform/context'
import { describeFault } from '#platform/log'
import { isKind, NotYet, putOffRequest, settleRequests, takeRequests, type QueuedRequest, type RequestOutcome } from '#exchange'
import type { GatewayConfig } from './config.ts'
import { posting, type Put } from './put.ts'

const TOGETHER = 128
const APART = 32
/** How long a request waits after a fault, or while what it speaks of is still on its way. */
const PUT_OFF = 1000

/**
 * Decides what the desk asked for. A refusal leaves nothing behind but its record. A crash before commit leaves every request pending.
 * Returns how many were decided.
 */
export async function decideRequests(config: GatewayConfig): Promise<number> {
  return (await decideTogether(config)) ?? decideApart(config)
}

/**
 * What was decided is written for all at once. Undefined, with nothing done, where the database took exception to any of it: then each
 * is decided for itself.
 */
async function decideTogether(config: GatewayConfig): Promise<number | undefined> {
  const ctx = config.makeCtx()
  const decide = async (tx: Tx): Promise<number> => {
    const requests = await takeRequests(tx, ctx.now(), TOGETHER)
    if (requests.length === 0) return 0
    const outcomes: (RequestOutcome | PutOff)[] = []
    await posting(
      tx,
      config,
      async (put) => {
        for (const request of requests) outcomes.push(await prepareAndPut(tx, config, request, put).catch(refusedOrPutOff(request)))
      },
      ctx,
    )
    const [later, decided] = [outcomes.filter(isPutOff), outcomes.filter((one) => !isPutOff(one))]
    await settleRequests(tx, decided, ctx.now())
    for (const { id } of later) await putOff(tx, id, ctx)
    return requests.length
  }
  return transact(config.db, decide).catch(() => undefined)
}

type PutOff = { id: string; notYet: true }

function isPutOff(outcome: RequestOutcome | PutOff): outcome is PutOff {
  return 'notYet' in outcome
}

function putOff(tx: Tx, id: string, ctx: Ctx): Promise<void> {
  return putOffRequest(tx, id, new Date(ctx.now().getTime() + PUT_OFF))
}

const refusedOrPutOff =
  ({ id }: QueuedRequest) =>
  (error: unknown): RequestOutcome | PutOff => {
    if (error instanceof NotYet) return { id, notYet: true }
    if (error instanceof Refusal) return { id, code: error.code, ...(error.detail as RefusalDetail) }
    throw error
  }

/** Each in its own savepoint of one transaction. */
async function decideApart(config: GatewayConfig): Promise<number> {
  const ctx = config.makeCtx()
  return transact(config.db, async (tx) => {
    const requests = await takeRequests(tx, ctx.now(), APART)
    for (const request of requests) await decideOne(tx, config, request, ctx)
    return requests.length
  })
}

async function decideOne(tx: Tx, config: GatewayConfig, request: QueuedRequest, ctx: Ctx): Promise<void> {
  try {
    const alone = () => posting(tx, config, (put) => prepareAndPut(tx, config, request, put), ctx)
    await settleRequests(tx, [await savepoint(tx, alone)], ctx.now())
  } catch (error) {
    if (error instanceof NotYet) return putOff(tx, request.id, ctx)
    const refused = refusalIn(error)
    if (refused) return settleRequests(tx, [{ id: request.id, ...refused }], ctx.now())
    ctx.log.error({ event: 'request-fault', ...describeFault(error) })
    await putOff(tx, request.id, ctx)
  }
}

async function prepareAndPut(tx: Tx, config: GatewayConfig, request: QueuedRequest, put: Put): Promise<RequestOutcome> {
  const ctx = config.makeCtx()
  const { id, kind, to } = request
  const signOnly = config.signOnly?.[kind]
  if (signOnly) return { id, result: await signOnly(tx, request.body, config.signer, ctx) }
  const prepare = isKind(kind) ? config.outbound[kind] : undefined
  if (!isKind(kind) || !prepare) throw new Refusal('flow-not-allowed')
  await put({ id, to, kind, prepared: await prepare(tx, request, ctx) }, ctx)
  return { id }
}

/** A refusal is an answer. The database's guard refusing a row is one too; any other fault is none, and the request is tried again later. */
function refusalIn(error: unknown): Omit<RequestOutcome, 'id'> | undefined {
  if (error instanceof Refusal) return { code: error.code, ...(error.detail as RefusalDetail) }
  if ((error as { constraint?: unknown }).constraint === 'guard_door_3')
    return { code: 'permission-missing', clause: 'consent-before-disclosure' }
  return undefined
}
