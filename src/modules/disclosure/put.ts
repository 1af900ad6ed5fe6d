import { decideSend } from '#agreement'
import { closeAtRest } from '#platform/at-rest'
import { canonical } from '#platform/canonical'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { insertOutbox, payloadHash, saidBefore, type Kind, type NodeId, type Prepared, type Queue } from '#exchange'
import { appendMany } from '#ledger'
import type { GatewayConfig } from './config.ts'

// What a statement adds to its record (log proof, signature, base64) stays well below the rest of the largest class.
const LONGEST = 500_000

type Message = { id: string; to: NodeId; kind: Kind; prepared: Prepared }
type Letter = Message & { text: string }

/** Puts a message on the way with what follows it, or throws and puts neither. */
export type Put = (message: Message, ctx: Ctx) => Promise<void>

/**
 * Does work that puts messages on the way. Their records, ledger entries and outbox rows are written in the same transaction once the
 * work is done, in three statements however many: all are there when this returns, and none if it throws. Nothing has left when it
 * returns, and nothing will before a signed and cosigned head of our log covers the record.
 */
export async function posting<T>(tx: Tx, config: GatewayConfig, work: (put: Put, queue: Queue) => Promise<T>, ctx: Ctx): Promise<T> {
  const letters: Letter[] = []
  const verdicts: Verdicts = new Map()
  const put: Put = async (message, ctx) => {
    const before = letters.length
    try {
      mustBeAllowed(config, message, verdicts)
      const text = recordOf(config, message, ctx)
      letters.push({ ...message, text })
      await message.prepared.follow?.(tx, { id: message.id, text }, queue, ctx)
    } catch (error) {
      letters.length = before
      throw error
    }
  }
  const queue: Queue = async (_tx, to, kind, prepared, ctx) => {
    const id = ctx.random.uuid()
    await put({ id, to, kind, prepared }, ctx)
    return id
  }
  const result = await work(put, queue)
  const fresh = await notSaidBefore(tx, letters)
  if (fresh.length > 0) await write(tx, config, fresh, ctx)
  return result
}

/** After a restore what is done again is not said again: answers that were given, and recalls that were made, as others handed them back. */
async function notSaidBefore(tx: Tx, letters: Letter[]): Promise<Letter[]> {
  const answering = letters.flatMap(({ kind, prepared }) => answeredBy(kind, prepared.members) ?? [])
  if (answering.length === 0) return letters
  const known = new Set((await saidBefore(tx, answering)).map((record) => samenessOf(JSON.parse(record) as Members)))
  if (known.size === 0) return letters
  return letters.filter(({ text }) => !known.has(samenessOf(JSON.parse(text) as Members)))
}

type Members = { [member: string]: unknown }

function answeredBy(kind: unknown, members: Members): string | undefined {
  if (kind === 'receipt') return members['for'] as string
  return kind === 'recall' ? (members['disclosure'] as string) : undefined
}

const samenessOf = (record: Members): string =>
  canonical([
    record['kind'],
    answeredBy(record['kind'], record) ?? '',
    record['about'] ?? '',
    record['organisation'] ?? '',
    record['permission'] ?? '',
    record['decision'] ?? '',
  ])

type Verdicts = Map<string, ReturnType<typeof decideSend>>

/**
 * A disclosure was decided item by item, origin by origin, by whoever prepared it; everything else is decided here. All that the policy
 * may know of such a message is its kind and its way, so those of one kind and way in one transaction are one question.
 */
function mustBeAllowed(config: GatewayConfig, { id, to, kind }: Message, verdicts: Verdicts): void {
  if (kind === 'disclosure') return
  const question = `${kind} ${to}`
  const verdict = verdicts.get(question) ?? decideSend(config.agreement, { kind, id, from: config.node, to })
  verdicts.set(question, verdict)
  if (!verdict.allowed) throw new Refusal(verdict.code, verdict.clause ? { clause: verdict.clause } : {})
}

/** The record's canonical text. */
function recordOf(config: GatewayConfig, { id, to, kind, prepared }: Message, ctx: Ctx): string {
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
  return text
}

async function write(tx: Tx, config: GatewayConfig, letters: Letter[], ctx: Ctx): Promise<void> {
  const entries = await appendMany(
    tx,
    letters.map(({ text, prepared }) => ({ record: text, ...(prepared.chain && { organisation: prepared.chain }) })),
    ctx,
  )
  const rows = letters.map(({ id, to, kind, text, prepared }, nth) => ({
    id,
    peer: to,
    kind,
    record: text,
    payload: closeAtRest(config.restKey, id, prepared.payload ?? new Uint8Array()),
    entry: entries[nth]!,
    permissions: prepared.permissions ?? [],
  }))
  await insertOutbox(tx, rows, ctx.now())
}
