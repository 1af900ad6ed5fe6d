import { addCosignature, closeInterval, cosignRequest, type Closed } from '#ledger'
import type { Ctx } from '#platform/context'
import { nodeIds } from '#exchange'
import type { GatewayConfig } from './config.ts'

/** What each cosigner last said it holds of our log; a wrong guess costs one more question. */
export type KnownSizes = Map<string, number>

/** One turn of the clock: a leaf, a signed head, and the others asked for their cosignatures. A peer that is down is asked again next time. */
export async function turn(config: GatewayConfig, known: KnownSizes): Promise<Closed> {
  const ctx = config.makeCtx()
  const closed = await closeInterval(config.db, config.ledger, ctx)
  const cosigners = nodeIds.filter((node) => node !== config.node && config.peers[node])
  await Promise.all(cosigners.map((node) => askCosigner(config, node, config.peers[node]!, known, ctx)))
  return closed
}

async function askCosigner(config: GatewayConfig, node: string, url: string, known: KnownSizes, ctx: Ctx): Promise<void> {
  try {
    const first = await ask(config, url, known.get(node) ?? 0)
    // 409 says what the cosigner holds: ask once more from there.
    const answer = first.conflict === undefined ? first : await ask(config, url, first.conflict)
    if (answer.size !== undefined && answer.lines) {
      known.set(node, answer.size)
      await addCosignature(config.db, answer.size, answer.lines, config.trust.ledger)
    } else if (answer.status) ctx.log.error({ event: 'cosignature-refused', status: answer.status })
  } catch (error) {
    // The peer is away, or answered nonsense; the log grows all the same.
    ctx.log.warn({ event: 'cosigner-away', error: (error as Error).name })
  }
}

type Answer = { status?: number; size?: number; lines?: string; conflict?: number }

async function ask(config: GatewayConfig, url: string, old: number): Promise<Answer> {
  const request = await cosignRequest(config.db, old)
  if (!request) return {}
  const response = await fetch(`${url}/add-checkpoint`, { method: 'POST', body: request.body, signal: AbortSignal.timeout(config.times.timeoutMilliseconds) })
  const text = await response.text()
  if (response.status === 409) return { status: 409, conflict: Number(text.trim()) }
  return response.status === 200 ? { size: request.size, lines: text } : { status: response.status }
}
