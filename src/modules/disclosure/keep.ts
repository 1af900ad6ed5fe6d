import { z } from 'zod'
import { b64u, equal, type Bytes } from '#platform/bytes'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import { savepoint, transact, type Tx } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import { inGroups } from '#platform/groups'
import {
  delivery,
  inboxRow,
  insertDeliveries,
  insertInbox,
  insertInboxRows,
  signDelivery,
  type DeliveryResult,
  type DeliveryRow,
  type Header,
  type InboxRow,
  type Queue,
  type ReadStatement,
} from '#exchange'
import type { GatewayConfig } from './config.ts'
import { posting } from './put.ts'

type Read = ReadStatement & { statement: string; payload: Bytes }
type Proved = Read & { logTime: Date }
export type Checked = Proved | (Read & { refusal: RefusalCode })
/** An envelope that was opened, and every statement in it. */
export type Arrival = { header: Header; hash: Bytes; all: Checked[] }

const TOGETHER = 32
/**
 * What ends a permission takes it from whoever decides: two in one transaction could wait for a decision that waits for the first.
 */
function goesAlone({ record }: Read): boolean {
  return record.kind === 'withdrawal' || record.kind === 'suspension' || record['narrows'] !== undefined
}

/**
 * Keeps what arrived, or records why not, and answers with the signed acknowledgement: committed before it answers. Envelopes that
 * come while others are being kept are kept together.
 */
export function keeper(config: GatewayConfig): (arrival: Arrival) => Promise<string> {
  const together = inGroups((group: Arrival[]) => keepTogether(config, group), TOGETHER)
  return (arrival) => (arrival.all.some(goesAlone) ? keepApart(config, arrival) : together(arrival))
}

/**
 * In one transaction, if all of it is new and accepted. If not, nothing of that is there and each envelope is taken for itself: one that
 * is refused, or came before, costs the others no more than time.
 */
async function keepTogether(config: GatewayConfig, group: Arrival[]): Promise<(string | Promise<string>)[]> {
  const accepted = await transact(config.db, (tx) => acceptAll(tx, config, group, config.makeCtx())).catch(() => undefined)
  if (accepted) return accepted
  const answers: Promise<string>[] = []
  for (const arrival of group) {
    const answer = keepApart(config, arrival)
    answers.push(answer)
    await answer.catch(() => {})
  }
  return answers
}

/** Throws, so that nothing of it stays, unless all is new and nothing refused. */
async function acceptAll(tx: Tx, config: GatewayConfig, group: Arrival[], ctx: Ctx): Promise<string[]> {
  const proved = group.flatMap((arrival) => arrival.all.map(mustBeProved))
  if ((await insertInboxRows(tx, proved.map(rowOf), ctx.now())) !== proved.length) throw new Refusal('already-done')
  const takeAll = async (queue: Queue) => {
    for (const one of proved) await take(tx, config, one, queue, ctx)
  }
  await posting(tx, config, (_put, queue) => takeAll(queue), ctx)
  const accepted = ({ all }: Arrival) => all.map(({ record }): DeliveryResult => ({ id: record.id, state: 'accepted' }))
  const rows = group.map((arrival) => deliveryOf(config, arrival, accepted(arrival), ctx))
  if ((await insertDeliveries(tx, rows, ctx.now())) !== rows.length) throw new Refusal('already-done')
  return rows.map(({ acknowledgement }) => acknowledgement)
}

function mustBeProved(one: Checked): Proved {
  if ('refusal' in one) throw new Refusal(one.refusal)
  return one
}

/** Keeps what had been kept before this house was restored. A code where it cannot be kept now: then nothing is recorded. */
export async function keepAgain(config: GatewayConfig, one: Proved): Promise<RefusalCode | undefined> {
  const code = await transact(config.db, (tx) => keepWhole(tx, config, one, config.makeCtx()))
  return code === 'seen' ? undefined : code
}

async function keepApart(config: GatewayConfig, arrival: Arrival): Promise<string> {
  const ctx = config.makeCtx()
  const before = await delivery(config.db, arrival.header.id)
  // Other bytes under the same id are the same record sealed anew, or another one: the inbox tells them apart.
  if (before && equal(before.hash, arrival.hash)) return before.acknowledgement
  return transact(config.db, async (tx) => {
    const results: DeliveryResult[] = []
    for (const one of arrival.all) results.push(await keepOne(tx, config, one, ctx))
    const row = deliveryOf(config, arrival, results, ctx)
    await insertDeliveries(tx, [row], ctx.now())
    return row.acknowledgement
  })
}

function deliveryOf(config: GatewayConfig, { header, hash }: Arrival, results: DeliveryResult[], ctx: Ctx): DeliveryRow {
  const { deployment } = config.trust
  const sides = { deployment, from: config.node, to: header.from }
  const told = { v: 1 as const, ...sides, envelope: header.id, hash: b64u(hash), at: instant(ctx.now()), results }
  return { envelope: header.id, sender: header.from, hash, acknowledgement: signDelivery(told, config.signer) }
}

async function keepOne(tx: Tx, config: GatewayConfig, one: Checked, ctx: Ctx): Promise<DeliveryResult> {
  const { id } = one.record
  const code = 'refusal' in one ? one.refusal : await keepWhole(tx, config, one, ctx)
  if (code === 'seen') return seenBefore(tx, one)
  if (code !== undefined) {
    ctx.log.warn({ event: 'message-refused', code })
    // What is refused is not kept: only that, when and why.
    const refused = { ...headOf(one), organisation: null, answers: null, statement: '', logTime: null, state: 'refused' as const, code }
    if (!(await insertInbox(tx, refused, ctx.now()))) return seenBefore(tx, one)
    return { id, state: 'refused', code }
  }
  return { id, state: 'accepted' }
}

/** Undefined when kept; a code when refused; 'seen' when this record was here before. Everything it wrote is undone unless kept. */
async function keepWhole(tx: Tx, config: GatewayConfig, one: Proved, ctx: Ctx): Promise<RefusalCode | 'seen' | undefined> {
  const work = async (queue: Queue) => {
    if (!(await insertInbox(tx, rowOf(one), ctx.now()))) return 'seen'
    await take(tx, config, one, queue, ctx)
    return undefined
  }
  try {
    return await savepoint(tx, () => posting(tx, config, (_put, queue) => work(queue), ctx))
  } catch (error) {
    const code = refusalIn(error)
    if (!code) throw error
    return code
  }
}

async function take(tx: Tx, config: GatewayConfig, { record, statement, payload, logTime }: Proved, queue: Queue, ctx: Ctx): Promise<void> {
  await config.inbound[record.kind]!(tx, { record, statement, payload, logTime }, queue, ctx)
}

const headOf = ({ record, recordHash }: Checked) => ({ id: record.id, sender: record.from, kind: record.kind, recordHash })

function rowOf(one: Proved): InboxRow {
  const { record, statement, logTime } = one
  const answers = (record['for'] as string | undefined) ?? null
  return { ...headOf(one), organisation: record.organisation ?? null, answers, statement, logTime, state: 'accepted', code: null }
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
