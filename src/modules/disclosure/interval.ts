import { addCosignature, closeInterval, extendRequest, isRolledBack, takeCosigned } from '#ledger'
import type { Ctx } from '#platform/context'
import { fetchWithin } from '#platform/fetching'
import { nodeIds, type NodeId } from '#exchange'
import { patience, type GatewayConfig } from './config.ts'

/**
 * How much of our log each cosigner last said it keeps (a wrong guess costs one more question), and whether it answers at all; by node, and
 * for witnesses by address.
 */
export type Cosigners = Map<string, { size: number; answers: boolean }>

/** Raised where another node holds a head under our own signature that our database does not know: nothing more is signed or sent. */
export class Held extends Error {
  readonly code = 'held'
  /** That head, as evidence. */
  readonly note: string
  constructor(message: string, note: string) {
    super(message)
    this.note = note
  }
}

/** One turn of the clock: a leaf, a signed head, and the others asked for their cosignatures. A peer that is down is asked again next time. */
export async function turn(config: GatewayConfig, known: Cosigners): Promise<void> {
  await closeInterval(config.db, config.ledger, config.makeCtx())
  await askCosigners(config, known)
}

/**
 * Asked before the first turn, too, until somebody answers: a node that wakes up with an old database must learn of it before it signs
 * anything. Returns how many other nodes said what they know of our log. Throws Held on evidence; a peer that is away, or talks nonsense,
 * is none.
 */
export async function askCosigners(config: GatewayConfig, known: Cosigners): Promise<number> {
  const cosigners = nodeIds.filter((node) => node !== config.node && config.peers[node])
  const [heard] = await Promise.all([
    Promise.all(cosigners.map((node) => askCosigner(config, node, known, config.makeCtx()))),
    ...(config.witnesses ?? []).map((url) => askWitness(config, url, known, config.makeCtx())),
  ])
  return heard.filter(Boolean).length
}

const LONGEST_NOTE = 20_000

/** A witness looks at our public files by itself; what it cosigned is fetched from where it shows it. Throws Held as a peer's word does. */
async function askWitness(config: GatewayConfig, url: string, known: Cosigners, ctx: Ctx): Promise<void> {
  const before = known.get(url) ?? { size: 0, answers: false }
  try {
    const { status, body } = await fetchWithin(`${url}/witness/${config.ledger.origin}`, LONGEST_NOTE, timeout(config))
    if (status !== 200) return
    const note = body.toString('utf8')
    if (await isRolledBack(config.db, config.ledger, note)) throw new Held('a witness holds a later head of this log', note)
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

/** Whether it said what it knows of our log. */
async function askCosigner(config: GatewayConfig, node: NodeId, known: Cosigners, ctx: Ctx): Promise<boolean> {
  const url = config.peers[node]!
  let heard = false
  try {
    heard = await mustNotBeBehind(config, url)
    await giveLeaves(config, node, known, ctx)
  } catch (error) {
    if (error instanceof Held) throw error
    const before = known.get(node)
    // Told once, when it goes; at start nobody is there yet.
    if (before?.answers) ctx.log.warn({ event: 'cosigner-away', error: (error as Error).name })
    known.set(node, { size: before?.size ?? 0, answers: false })
  }
  return heard
}

async function mustNotBeBehind(config: GatewayConfig, url: string): Promise<boolean> {
  const response = await fetch(`${url}/witnessed/${encodeURIComponent(config.ledger.origin)}`, { signal: timeout(config) })
  const note = await response.text()
  if (response.status === 200 && (await isRolledBack(config.db, config.ledger, note)))
    throw new Held('another node holds a later head of this log', note)
  return response.status === 200 || response.status === 404
}

/** So many bodies at one turn: whoever was away for weeks catches up at the next. */
const BODIES = 40

/** Gives a node every leaf it does not keep yet, and takes its cosignature on the head over them. */
async function giveLeaves(config: GatewayConfig, node: NodeId, known: Cosigners, ctx: Ctx): Promise<void> {
  let from = known.get(node)?.size ?? 0
  for (let body = 0; body < BODIES; body += 1) {
    const request = await extendRequest(config.db, from)
    if (!request) return
    const response = await fetch(`${config.peers[node]}/extend`, { method: 'POST', body: request.body, signal: timeout(config) })
    const answer = await response.text()
    if (response.status === 409) {
      // It says how far it keeps our log: once more from there.
      from = Number(answer.trim())
      continue
    }
    if (response.status === 503) throw new Error('it cosigns nothing now')
    if (response.status !== 200) return ctx.log.error({ event: 'cosignature-refused', status: response.status })
    from = request.size
    known.set(node, { size: from, answers: true })
    await addCosignature(config.db, from, answer, config.trust.ledger)
    if (request.newest) return
  }
}

/** Short: the clock does not wait for a peer that sleeps. */
const timeout = (config: GatewayConfig) => patience(config, Math.min(2000, config.times.timeoutMilliseconds))
