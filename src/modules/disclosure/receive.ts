import { z } from 'zod'
import { fromB64u, type Bytes } from '#platform/bytes'
import { parseCanonical } from '#platform/canonical'
import type { Ctx } from '#platform/context'
import { transact } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import { openJws, readJws } from '#platform/jws'
import {
  envelopeHash,
  insertStray,
  open,
  payloadHash,
  proveStatement,
  readHeader,
  readStatement,
  type Header,
  type NodeId,
  type ReadStatement,
} from '#exchange'
import type { CheckpointCache } from '#ledger'
import type { GatewayConfig } from './config.ts'
import { keeper, type Checked } from './keep.ts'

export type Reception = { acknowledgement: string } | { refused: RefusalCode }
export type Receive = (envelope: Bytes, mayRecord: () => boolean) => Promise<Reception>

type Carried = { statement: string; payload: Bytes }
type Opened = { header: Header; hash: Bytes; carried: Carried[]; alone: boolean }

/**
 * Takes one envelope: opens, checks, decides, keeps and commits before it answers. Whoever sends the same bytes again gets the
 * same answer. A crash before commit keeps nothing, and the sender tries again; after it, the sender's next try finds the answer.
 */
export function receiver(config: GatewayConfig): Receive {
  const heads: CheckpointCache = new Map()
  const keep = keeper(config)
  return async (envelope, mayRecord) => {
    try {
      const opened = await openUp(config, envelope)
      const all = opened.carried.map((one) => check(config, opened, one, heads))
      return { acknowledgement: await keep({ header: opened.header, hash: opened.hash, all }) }
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof SyntaxError)) throw error
      const code = error instanceof Refusal ? error.code : 'envelope-invalid'
      return stray(config, { sender: senderOf(envelope), code }, mayRecord, config.makeCtx())
    }
  }
}

function senderOf(envelope: Bytes): string | null {
  try {
    return readHeader(envelope).header.from
  } catch {
    return null
  }
}

type Stray = { sender: string | null; code: RefusalCode }

/** What is no message of a known node is told nothing; it is recorded as long as there are not too many, so that a flood fills no disk. */
async function stray(config: GatewayConfig, { sender, code }: Stray, mayRecord: () => boolean, ctx: Ctx): Promise<Reception> {
  if (mayRecord()) {
    ctx.log.warn({ event: 'stray-refused', code })
    await transact(config.db, (tx) => insertStray(tx, { id: ctx.random.uuid(), sender, code }, ctx.now()))
  }
  return { refused: code }
}

async function openUp(config: GatewayConfig, envelope: Bytes): Promise<Opened> {
  const { header, content } = await open(envelope, config.opening).catch(() => {
    throw new Refusal('envelope-invalid')
  })
  if (header.to !== config.node) throw new Refusal('envelope-invalid')
  // Only the portal is sent several statements at once: agreement.yaml, `carrier`.
  const alone = config.node !== 'portal' || readJws(content.manifest).typ !== 'concordat-manifest+jws'
  const carried = alone ? [{ statement: content.manifest, payload: content.payload }] : unload(config, header, content)
  return { header, hash: envelopeHash(envelope), carried, alone }
}

const manifest = z.strictObject({
  v: z.literal(1),
  kind: z.literal('statements'),
  id: z.string(),
  deployment: z.string(),
  from: z.string(),
  to: z.string(),
  at: z.string(),
})
const load = z
  .array(z.strictObject({ statement: z.string(), payload: z.string() }))
  .min(1)
  .max(2000)

function unload(config: GatewayConfig, header: Header, content: { manifest: string; payload: Bytes }): Carried[] {
  const claims = manifest.safeParse(openJws(content.manifest, 'concordat-manifest+jws', config.trust.statementKeys[header.from])).data
  const parsed = load.safeParse(parseCanonical(Buffer.from(content.payload).toString('utf8'))).data
  if (
    !claims ||
    !parsed ||
    claims.id !== header.id ||
    claims.from !== header.from ||
    claims.to !== header.to ||
    claims.deployment !== config.trust.deployment
  )
    throw new Refusal('envelope-invalid')
  return parsed.map(({ statement, payload }) => ({ statement, payload: fromB64u(payload) }))
}

/** Signature, form and recipient make it a message at all; what is wrong beyond that is refused, recorded and acknowledged as refused. */
function check(config: GatewayConfig, { header, alone }: Opened, carried: Carried, heads: CheckpointCache): Checked {
  const read = readStatement(carried.statement, config.trust)
  const { record } = read
  if (
    record.from !== header.from ||
    (alone && record.id !== header.id) ||
    record.to !== config.node ||
    record.payload !== payloadHash(carried.payload)
  )
    throw new Refusal('envelope-invalid')
  try {
    return { ...read, ...carried, logTime: timeOf(config, read, heads) }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { ...read, ...carried, refusal: error.code }
  }
}

/** What this house had acknowledged before it was restored: as `check`, but for how long ago it was said. */
export function checkAgain(config: GatewayConfig, from: NodeId, carried: Carried): Checked {
  const read = readStatement(carried.statement, config.trust)
  const { record } = read
  if (record.from !== from || record.to !== config.node || record.payload !== payloadHash(carried.payload))
    throw new SyntaxError('not what that peer said to us')
  try {
    return { ...read, ...carried, logTime: timeOf({ ...config, times: { ...config.times, transitMilliseconds: Infinity } }, read) }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { ...read, ...carried, refusal: error.code }
  }
}

/** A disclosure counts under the agreement in force here alone; everything else under any that the trust file names, so that a change of text loses nothing that was on its way. */
function isUnderstood(config: GatewayConfig, { kind, agreement }: ReadStatement['record']): boolean {
  const inForce = agreement.hash === config.agreement.hash && agreement.id === config.agreement.id
  const known = config.trust.agreements.some((one) => one.hash === agreement.hash && one.id === agreement.id)
  return inForce || (kind !== 'disclosure' && known)
}

/** When the record was logged. Throws Refusal where that is not proved, or the message is not one to take now and here. */
function timeOf(config: GatewayConfig, read: ReadStatement, heads?: CheckpointCache): Date {
  const { record } = read
  if (!isUnderstood(config, record)) throw new Refusal('agreement-differs')
  if (!config.inbound[record.kind]) throw new Refusal('flow-not-allowed')
  const { logTime } = proveStatement(read, config.trust, heads)
  const age = config.makeCtx().now().getTime() - logTime.getTime()
  // Only what rests on a permission grows stale on the way. A report, a withdrawal or a receipt that was held up for a week must not be lost.
  const stale = record.kind === 'disclosure' && age > config.times.transitMilliseconds
  if (stale || age < -config.times.skewMilliseconds) throw new Refusal('too-late')
  return logTime
}
