import { addCosignature, closeInterval, cosignRequest, isRolledBack, takeCosigned } from '#ledger'
import type { Ctx } from '#platform/context'
import { fetchWithin } from '#platform/fetching'
import { nodeIds, type NodeId } from '#exchange'
import { patience, type GatewayConfig } from './config.ts'

/**
 * What each cosigner last said it holds of our log (a wrong guess costs one more question), and whether it answers at all; by node, and
 * for witnesses by address.
 */
export type Cosigners = Map<string, { size: number; answers: boolean }>

/** Raised where another node holds a head under our own signature that our database does not know: nothing more is signed or sent. */
export class Held extends Error {
  readonly code = 'held'
}

/** One turn of the clock: a leaf, a signed head, and the others asked for their cosignatures. A peer that is down is asked again next time. */
export async function turn(config: GatewayConfig, known: Cosigners): Promise<void> {
  await closeInterval(config.db, config.ledger, config.makeCtx())
  await askCosigners(config, known)
}

/**
 * Asked once before the first turn, too: a node that wakes up with an old database must learn of it before it signs anything.
 * Throws Held on evidence; a peer that is away, or talks nonsense, is none.
 */
export async function askCosigners(config: GatewayConfig, known: Cosigners): Promise<void> {
  const cosigners = nodeIds.filter((node) => node !== config.node && config.peers[node])
  await Promise.all([
    ...cosigners.map((node) => askCosigner(config, node, known, config.makeCtx())),
    ...(config.witnesses ?? []).map((url) => askWitness(config, url, known, config.makeCtx())),
  ])
}

const LONGEST_NOTE = 20_000

/** A witness looks at our public files by itself; what it cosigned is fetched from where it shows it. Throws Held as a peer's word does. */
async function askWitness(config: GatewayConfig, url: string, known: Cosigners, ctx: Ctx): Promise<void> {
  const before = known.get(url) ?? { size: 0, answers: false }
  try {
    const { status, body } = await fetchWithin(`${url}/witness/${config.ledger.origin}`, LONGEST_NOTE, timeout(config))
    if (status !== 200) return
    const note = body.toString('utf8')
    if (await isRolledBack(config.db, config.ledger, note)) throw new Held('a witness holds a later head of this log')
    // The second line of a checkpoint is its size.
    if (note.split('\n')[1] === String(before.size)) return
    const size = await takeCosigned(config.db, config.ledger.origin, note, config.trust.ledger)
    known.set(url, { size: size ?? before.size, answers: true })
  } catch (error) {
    if (error instanceof Held) throw error
    if (before.answers) ctx.log.warn({ event: 'witness-away', error: (error as Error).name })
    known.set(url, { ...before, answers: false })
  }
}

async function askCosigner(config: GatewayConfig, node: NodeId, known: Cosigners, ctx: Ctx): Promise<void> {
  const url = config.peers[node]!
  try {
    await mustNotBeBehind(config, url)
    const first = await ask(config, url, known.get(node)?.size ?? 0)
    // 409 says what the cosigner holds: ask once more from there.
    const answer = first.conflict === undefined ? first : await ask(config, url, first.conflict)
    if (answer.size !== undefined && answer.lines) {
      known.set(node, { size: answer.size, answers: true })
      await addCosignature(config.db, answer.size, answer.lines, config.trust.ledger)
    } else if (answer.status) ctx.log.error({ event: 'cosignature-refused', status: answer.status })
  } catch (error) {
    if (error instanceof Held) throw error
    const before = known.get(node)
    // Told once, when it goes; at start nobody is there yet.
    if (before?.answers) ctx.log.warn({ event: 'cosigner-away', error: (error as Error).name })
    known.set(node, { size: before?.size ?? 0, answers: false })
  }
}

async function mustNotBeBehind(config: GatewayConfig, url: string): Promise<void> {
  const response = await fetch(`${url}/witnessed/${encodeURIComponent(config.ledger.origin)}`, { signal: timeout(config) })
  const note = await response.text()
  if (response.status === 200 && (await isRolledBack(config.db, config.ledger, note)))
    throw new Held('another node holds a later head of this log')
}

type Answer = { status?: number; size?: number; lines?: string; conflict?: number }

async function ask(config: GatewayConfig, url: string, old: number): Promise<Answer> {
  const request = await cosignRequest(config.db, old)
  if (!request) return {}
  const response = await fetch(`${url}/add-checkpoint`, { method: 'POST', body: request.body, signal: timeout(config) })
  const text = await response.text()
  if (response.status === 409) return { status: 409, conflict: Number(text.trim()) }
  return response.status === 200 ? { size: request.size, lines: text } : { status: response.status }
}

/** Short: the clock does not wait for a peer that sleeps. */
const timeout = (config: GatewayConfig) => patience(config, Math.min(2000, config.times.timeoutMilliseconds))
