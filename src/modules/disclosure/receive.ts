import { z } from 'zod'
import { b64u, equal, fromB64u, type Bytes } from '#platform/bytes'
import { parseCanonical } from '#platform/canonical'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import { savepoint, transact, type Tx } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import { openJws, readJws } from '#platform/jws'
import {
  delivery,
  envelopeHash,
  inboxRow,
  insertDelivery,
  insertInbox,
  insertStray,
  open,
  payloadHash,
  proveStatement,
  readHeader,
  readStatement,
  signDelivery,
  type DeliveryResult,
  type Header,
  type ReadStatement,
} from '#exchange'
import type { GatewayConfig } from './config.ts'
import { queueOf } from './put.ts'

export type Reception = { acknowledgement: string } | { refused: RefusalCode }

type Carried = { statement: string; payload: Bytes }
type Opened = { header: Header; hash: Bytes; carried: Carried[]; alone: boolean }

/**
 * Takes one envelope: opens, checks, decides, keeps and commits before it answers. Whoever sends the same bytes again gets the
 * same answer. A crash before commit keeps nothing, and the sender tries again; after it, the sender's next try finds the answer.
 */
export async function receive(config: GatewayConfig, envelope: Bytes, mayRecord: () => boolean): Promise<Reception> {
  const ctx = config.makeCtx()
  try {
    const opened = await openUp(config, envelope)
    const before = await delivery(config.db, opened.header.id)
    // Other bytes under the same id are the same record sealed anew, or another one: the inbox tells them apart.
    if (before && equal(before.hash, opened.hash)) return { acknowledgement: before.acknowledgement }
    const checked = opened.carried.map((one) => check(config, opened.header, one, opened.alone))
    return { acknowledgement: await keep(config, opened, checked, ctx) }
  } catch (error) {
    if (error instanceof Refusal || error instanceof SyntaxError)
      return stray(config, { sender: senderOf(envelope), code: error instanceof Refusal ? error.code : 'envelope-invalid' }, mayRecord, ctx)
    throw error
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

type Proved = ReadStatement & Carried & { logTime: Date }
type Checked = Proved | (ReadStatement & Carried & { refusal: RefusalCode })

/** Signature, form and recipient make it a message at all; what is wrong beyond that is refused, recorded and acknowledged as refused. */
function check(config: GatewayConfig, header: Header, carried: Carried, alone: boolean): Checked {
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
    return { ...read, ...carried, logTime: timeOf(config, read) }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { ...read, ...carried, refusal: error.code }
  }
}

/** When the record was logged. Throws Refusal where that is not proved, or the message is not one to take now and here. */
function timeOf(config: GatewayConfig, read: ReadStatement): Date {
  const { record } = read
  if (record.agreement.hash !== config.agreement.hash || record.agreement.id !== config.agreement.id) throw new Refusal('agreement-differs')
  if (!config.inbound[record.kind]) throw new Refusal('flow-not-allowed')
  const { logTime } = proveStatement(read, config.trust)
  const age = config.makeCtx().now().getTime() - logTime.getTime()
  if (age > config.times.transitMilliseconds || age < -config.times.skewMilliseconds) throw new Refusal('too-late')
  return logTime
}

async function keep(config: GatewayConfig, { header, hash }: Opened, all: Checked[], ctx: Ctx): Promise<string> {
  return transact(config.db, async (tx) => {
    const results: DeliveryResult[] = []
    for (const one of all) results.push(await keepOne(tx, config, one, ctx))
    const signed = signDelivery(
      {
        v: 1,
        deployment: config.trust.deployment,
        from: config.node,
        to: header.from,
        envelope: header.id,
        hash: b64u(hash),
        at: instant(ctx.now()),
        results,
      },
      config.signer,
    )
    await insertDelivery(tx, { envelope: header.id, sender: header.from, hash, acknowledgement: signed }, ctx.now())
    return signed
  })
}

async function keepOne(tx: Tx, config: GatewayConfig, one: Checked, ctx: Ctx): Promise<DeliveryResult> {
  const { id } = one.record
  const code = 'refusal' in one ? one.refusal : await handle(tx, config, one, ctx)
  if (code === 'seen') return seenBefore(tx, one)
  if (code !== undefined) {
    ctx.log.warn({ event: 'message-refused', code })
    // What is refused is not kept: only that, when and why.
    const refused = {
      id,
      sender: one.record.from,
      kind: one.record.kind,
      organisation: null,
      answers: null,
      statement: '',
      recordHash: one.recordHash,
      logTime: null,
    }
    if (!(await insertInbox(tx, { ...refused, state: 'refused', code }, ctx.now()))) return seenBefore(tx, one)
    return { id, state: 'refused', code }
  }
  return { id, state: 'accepted' }
}

/** Undefined when kept; a code when refused; 'seen' when this record was here before. Everything it wrote is undone unless kept. */
async function handle(tx: Tx, config: GatewayConfig, one: Proved, ctx: Ctx): Promise<RefusalCode | 'seen' | undefined> {
  try {
    return await savepoint(tx, async () => ((await keepWhole(tx, config, one, ctx)) ? undefined : 'seen'))
  } catch (error) {
    const code = refusalIn(error)
    if (!code) throw error
    return code
  }
}

/** False where a record of that id is here already. */
async function keepWhole(tx: Tx, config: GatewayConfig, { record, logTime, ...one }: Proved, ctx: Ctx): Promise<boolean> {
  const answers = (record['for'] as string | undefined) ?? null
  const row = {
    id: record.id,
    sender: record.from,
    kind: record.kind,
    organisation: record.organisation ?? null,
    answers,
    statement: one.statement,
  }
  if (!(await insertInbox(tx, { ...row, recordHash: one.recordHash, logTime, state: 'accepted', code: null }, ctx.now()))) return false
  await config.inbound[record.kind]!(tx, { record, statement: one.statement, payload: one.payload, logTime }, queueOf(config), ctx)
  return true
}

/** What the message itself is to blame for. A value the database cannot hold is the sender's too: trying again would change nothing. */
function refusalIn(error: unknown): RefusalCode | undefined {
  if (error instanceof Refusal) return error.code
  const unfit = /^2[23]/.test(String((error as { code?: unknown } | undefined)?.code))
  return error instanceof SyntaxError || error instanceof z.ZodError || unfit ? 'envelope-invalid' : undefined
}

async function seenBefore(tx: Tx, one: ReadStatement): Promise<DeliveryResult> {
  const { id } = one.record
  const before = await inboxRow(tx, id)
  if (!before || !equal(before.record_hash, one.recordHash)) return { id, state: 'refused', code: 'replayed-differently' }
  return { id, state: before.state, ...(before.code && { code: before.code }) }
}
