import { openAtRest } from '#platform/at-rest'
import { b64u, type Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import { transact, type Tx } from '#platform/db'
import { inGroups } from '#platform/groups'
import { signJws } from '#platform/jws'
import { describeFault } from '#platform/log'
import {
  cancelRows,
  checkDelivery,
  claimRows,
  dueRows,
  releaseRows,
  seal,
  settleRows,
  signStatement,
  type Delivery,
  type DueRow,
  type Kind,
  type NodeId,
  type OutboxRow,
  type Settlement,
} from '#exchange'
import { logOf, type LogMember } from '#ledger'
import { patience, type GatewayConfig, type RunningGateway } from './config.ts'
import { post } from './peer-client.ts'

const BATCH = 128
/** So many envelopes are on their way at once; the others are sealed as these are answered. */
const AT_ONCE = 32
/** Statements for one organisation's portal travel together up to this many bytes. */
const CARRIER_BYTES = 180_000
const carried: ReadonlySet<Kind> = new Set([
  'receipt',
  'notice',
  'permission-request',
  'enquiry',
  'statement',
  'reads',
  'withdrawal',
  'enrolment',
  'suspension',
])
/** A body's word to the organisation; the portal's own withdrawals go the other way. */
const isCarried = ({ node }: GatewayConfig, kind: Kind): boolean => node !== 'portal' && carried.has(kind)

type Ready = { row: OutboxRow; statement: string; payload: Bytes }
type Parcel = { id: string; peer: NodeId; manifest: string; payload: Bytes; ready: Ready[] }

/**
 * One round: claim, seal, send, settle. A crash after the claim leaves rows that are claimed until their deadline and then tried
 * again under the same record, which the recipient recognises. Returns how many rows were tried.
 */
export async function dispatch(config: RunningGateway): Promise<number> {
  const ctx = config.makeCtx()
  const claim = { process: ctx.random.uuid(), until: new Date(ctx.now().getTime() + config.times.claimMilliseconds) }
  const ready = await claimReady(config, claim, ctx)
  const settle = inGroups((answers: Settlement[][]) => settleAll(config, answers.flat()), BATCH)
  const waiting = parcels(config, ready, ctx).values()
  const sendOn = async () => {
    for (const parcel of waiting) await send(config, parcel, claim, settle, ctx)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, sendOn))
  return ready.length
}

type Claim = { process: string; until: Date }

/**
 * Permission is read again here, under a lock, in the transaction that claims: a withdrawal comes before the claim or waits for its
 * end. The permission is locked before the rows, as a withdrawal does, so that neither waits for the other.
 */
async function claimReady(config: GatewayConfig, claim: Claim, ctx: Ctx): Promise<Ready[]> {
  const { rows, logs } = await transact(config.db, async (tx) => {
    const due = await dueRows(tx, BATCH, ctx.now())
    const logs = await logsOf(tx, config, due)
    const covered = due.filter((row) => logs.has(row.entry))
    const barred = covered.length > 0 ? await config.mayNotLeave?.(tx, covered, ctx) : undefined
    if (barred && barred.size > 0) await cancelRows(tx, barred, ctx.now())
    const free = covered.map(({ id }) => id).filter((id) => !barred?.has(id))
    return { rows: free.length > 0 ? await claimRows(tx, free, ctx.now(), claim) : [], logs }
  })
  const ready = rows.map((row) => makeReady(config, row, logs.get(row.entry)!, ctx))
  const unreadable = rows.filter((_, nth) => !ready[nth])
  if (unreadable.length > 0) await giveUp(config, unreadable, claim, 'never-left', ctx)
  return ready.filter((one) => one !== undefined)
}

/** A row that cannot be read (its key is lost) is a fault to look at, and holds up no other. */
function makeReady(config: GatewayConfig, row: OutboxRow, log: LogMember, ctx: Ctx): Ready | undefined {
  try {
    return { row, statement: signStatement(row.record, log, config.signer), payload: openAtRest(config.restKey, row.id, row.payload) }
  } catch (error) {
    ctx.log.error({ event: 'outbox-row-unreadable', ...describeFault(error) })
    return undefined
  }
}

/** Only what goes to the organisation shows where the entry stands in its chain. */
async function logsOf(tx: Tx, config: GatewayConfig, rows: DueRow[]): Promise<Map<string, LogMember>> {
  const split = Map.groupBy(rows, (row) => isCarried(config, row.kind))
  const find = (some: DueRow[] | undefined, opening: boolean) =>
    some
      ? logOf(
          tx,
          some.map((row) => row.entry),
          { opening },
          config.trust.ledger,
        )
      : new Map<string, LogMember>()
  return new Map([...(await find(split.get(true), true)), ...(await find(split.get(false), false))])
}

function parcels(config: GatewayConfig, ready: Ready[], ctx: Ctx): Parcel[] {
  const alone = ready.filter(({ row }) => !isCarried(config, row.kind))
  const together = Map.groupBy(
    ready.filter(({ row }) => isCarried(config, row.kind)),
    ({ row }) => row.peer,
  )
  return [
    ...alone.map((one) => ({ id: one.row.id, peer: one.row.peer, manifest: one.statement, payload: one.payload, ready: [one] })),
    ...[...together].flatMap(([peer, all]) => loads(all).map((load) => carrier(config, peer, load, ctx))),
  ]
}

function loads(all: Ready[]): Ready[][] {
  const result: Ready[][] = []
  let room = 0
  for (const one of all) {
    const bytes = one.statement.length + one.payload.length * 1.4 + 64
    if (bytes > room) {
      result.push([])
      room = CARRIER_BYTES
    }
    result.at(-1)!.push(one)
    room -= bytes
  }
  return result
}

/** Several statements to one node in one envelope; each proves itself, so the carrier's manifest has no log of its own. */
function carrier(config: GatewayConfig, peer: NodeId, ready: Ready[], ctx: Ctx): Parcel {
  const id = ctx.random.uuid()
  const payload = Buffer.from(canonical(ready.map(({ statement, payload }) => ({ statement, payload: b64u(payload) }))))
  const manifest = signJws(
    'concordat-manifest+jws',
    { v: 1, kind: 'statements', id, deployment: config.trust.deployment, from: config.node, to: peer, at: instant(ctx.now()) },
    config.signer,
  )
  return { id, peer, manifest, payload, ready }
}

type Settle = (answer: Settlement[]) => Promise<undefined>

async function send(config: RunningGateway, parcel: Parcel, claim: Claim, settle: Settle, ctx: Ctx): Promise<void> {
  const outcome = await tryToSend(config, parcel, claim.until, ctx)
  if (typeof outcome !== 'string') return settle(settlementsOf(parcel, outcome))
  const rows = parcel.ready.map(({ row }) => row)
  ctx.log.warn({ event: 'delivery-failed', code: outcome, count: rows.length })
  await giveUp(config, rows, claim, outcome, ctx)
}

/** Answers that come in while others are being written are written together. */
async function settleAll(config: GatewayConfig, settlements: Settlement[]): Promise<undefined[]> {
  await transact(config.db, (tx) => settleRows(tx, settlements, config.makeCtx().now()))
  return []
}

async function giveUp(config: GatewayConfig, rows: OutboxRow[], claim: Claim, failure: Failure, ctx: Ctx): Promise<void> {
  const attempts = Math.min(...rows.map((row) => row.attempts))
  const wait = Math.min(config.times.retryCapMilliseconds, 250 * 2 ** Math.min(attempts, 16))
  const next = new Date(ctx.now().getTime() + wait)
  const ids = rows.map((row) => row.id)
  await transact(config.db, (tx) => releaseRows(tx, ids, claim.process, next, failure === 'never-left'))
}

type Failure = 'never-left' | 'no-answer'

/** The recipient's signed answer, or why there is none. `never-left`: no byte of it can have reached anybody. */
async function tryToSend(config: RunningGateway, parcel: Parcel, until: Date, ctx: Ctx): Promise<(Delivery & { jws: string }) | Failure> {
  const peer = config.peers[parcel.peer]
  if (!peer) return 'never-left'
  const envelope = await seal({ from: config.node, to: parcel.peer, id: parcel.id }, parcel, config.sealing[parcel.peer])
  // A process that slept past its claim must not send: by now a withdrawal may have counted the claim as ended.
  if (ctx.now() >= until) return 'never-left'
  try {
    const { status, text: jws } = await post(
      config.agent,
      `${peer}/envelopes`,
      envelope,
      patience(config, config.times.timeoutMilliseconds),
    )
    if (status !== 200) return 'no-answer'
    const sent = { envelope, id: parcel.id, from: config.node, to: parcel.peer, deployment: config.trust.deployment }
    return { ...checkDelivery(jws, sent, config.trust.statementKeys[parcel.peer]), jws }
  } catch (error) {
    return (error as { code?: string }).code === 'ECONNREFUSED' ? 'never-left' : 'no-answer'
  }
}

function settlementsOf(parcel: Parcel, answer: Delivery & { jws: string }): Settlement[] {
  const results = new Map(answer.results.map((result) => [result.id, result]))
  return parcel.ready.flatMap(({ row, statement }) => {
    const result = results.get(row.id)
    return result ? [{ id: row.id, state: result.state, code: result.code ?? null, acknowledgement: answer.jws, statement }] : []
  })
}
