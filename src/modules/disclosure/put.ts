import { decideSend } from '#agreement'
import { closeAtRest } from '#platform/at-rest'
import { canonical } from '#platform/canonical'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { insertOutbox, payloadHash, type Kind, type NodeId, type Prepared, type Queue } from '#exchange'
import { append } from '#ledger'
import type { GatewayConfig } from './config.ts'

// What a statement adds to its record (log proof, signature, base64) stays well below the rest of the largest class.
const LONGEST = 500_000

/**
 * Puts one message on the way: record, ledger entry and outbox row, in the caller's transaction. Nothing has left when it
 * returns, and nothing will before a signed and cosigned head of our log covers the record.
 */
export async function put(
  tx: Tx,
  config: GatewayConfig,
  message: { id: string; to: NodeId; kind: Kind; prepared: Prepared },
  ctx: Ctx,
): Promise<void> {
  const { id, to, kind, prepared } = message
  // A disclosure was decided item by item, origin by origin, by whoever prepared it; everything else is decided here.
  if (kind !== 'disclosure') {
    const verdict = decideSend(config.agreement, { kind, id, from: config.node, to })
    if (!verdict.allowed) throw new Refusal(verdict.code, verdict.clause ? { clause: verdict.clause } : {})
  }
  const text = canonical({
    v: 1,
    kind,
    id,
    deployment: config.trust.deployment,
    from: config.node,
    to,
    at: instant(ctx.now()),
    agreement: { id: config.agreement.id, hash: config.agreement.hash },
    clause: prepared.clause,
    payload: payloadHash(prepared.payload),
    ...prepared.members,
  })
  if (text.length + (prepared.payload?.length ?? 0) > LONGEST) throw new Refusal('too-large')
  const entry = await append(tx, { record: text, ...(prepared.chain && { organisation: prepared.chain }) }, ctx)
  const payload = closeAtRest(config.restKey, id, prepared.payload ?? new Uint8Array())
  await insertOutbox(tx, { id, peer: to, kind, record: text, payload, entry, permissions: prepared.permissions ?? [] }, ctx.now())
  await prepared.follow?.(tx, { id, text }, queueOf(config), ctx)
}

export function queueOf(config: GatewayConfig): Queue {
  return async (tx, to, kind, prepared, ctx) => {
    const id = ctx.random.uuid()
    await put(tx, config, { id, to, kind, prepared }, ctx)
    return id
  }
}
