import { openAtRest } from '#platform/at-rest'
import { b64u, type Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import { transact, type Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { signJws } from '#platform/jws'
import { describeFault } from '#platform/log'
import {
  cancelRow,
  checkDelivery,
  claimRows,
  dueRows,
  releaseRows,
  seal,
  settleRows,
  signStatement,
  type Delivery,
  type Kind,
  type NodeId,
  type OutboxRow,
  type Settlement,
} from '#exchange'
import { logOf, type LogMember } from '#ledger'
import { patience, type GatewayConfig } from './config.ts'

const BATCH = 128
/** Statements for one organisation's portal travel together up to this many bytes. */
const CARRIER_BYTES = 180_000
const carried: ReadonlySet<Kind> = new Set(['receipt', 'notice', 'permission-request'])

type Ready = { row: OutboxRow; statement: string; payload: Bytes }
type Parcel = { id: string; peer: NodeId; manifest: string; payload: Bytes; ready: Ready[] }

/**
 * One round: claim, seal, send, settle. A crash after the claim leaves rows that are claimed until their deadline and then tried
 * again under the same record, which the recipient recognises. Returns how many rows were tried.
 */
export async function dispatch(config: GatewayConfig): Promise<number> {
  const ctx = config.makeCtx()
  const process = ctx.random.uuid()
  const until = new Date(ctx.now().getTime() + config.times.claimMilliseconds)
  const ready = await transact(config.db, (tx) => claim(tx, config, process, until, ctx))
  await Promise.all(parcels(config, ready, ctx).map((parcel) => send(config, parcel, process, until, ctx)))
  return ready.length
}

/** Permission is read again here, under a lock, in the transaction that claims: a withdrawal comes before the claim or waits for its end. */
async function claim(tx: Tx, config: GatewayConfig, process: string, until: Date, ctx: Ctx): Promise<Ready[]> {
  const rows = await dueRows(tx, ctx.now(), BATCH)
  const logs = await logsOf(tx, config, rows)
  const ready: Ready[] = []
  for (const row of rows) {
    const log = logs.get(row.entry)
    if (log && (await stillMayLeave(tx, config, row, ctx))) ready.push(...makeReady(config, row, log, ctx))
  }
  await claimRows(
    tx,
    ready.map(({ row }) => row.id),
    process,
    until,
  )
  return ready
}

/** A row that cannot be read (its key is lost) is a fault to look at, and holds up no other. */
function makeReady(config: GatewayConfig, row: OutboxRow, log: LogMember, ctx: Ctx): Ready[] {
  try {
    return [{ row, statement: signStatement(row.record, log, config.signer), payload: openAtRest(config.restKey, row.id, row.payload) }]
  } catch (error) {
    ctx.log.error({ event: 'outbox-row-unreadable', ...describeFault(error) })
    return []
  }
}

/** Only what goes to the organisation shows where the entry stands in its chain. */
async function logsOf(tx: Tx, config: GatewayConfig, rows: OutboxRow[]): Promise<Map<string, LogMember>> {
  const split = Map.groupBy(rows, (row) => carried.has(row.kind))
  const find = (some: OutboxRow[] | undefined, opening: boolean) =>
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

async function stillMayLeave(tx: Tx, config: GatewayConfig, row: OutboxRow, ctx: Ctx): Promise<boolean> {
  try {
    await config.mayLeave?.(tx, row, ctx)
    return true
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    await cancelRow(tx, row.id, error.code, ctx.now())
    return false
  }
}

function parcels(config: GatewayConfig, ready: Ready[], ctx: Ctx): Parcel[] {
  const alone = ready.filter(({ row }) => !carried.has(row.kind))
  const together = Map.groupBy(
    ready.filter(({ row }) => carried.has(row.kind)),
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

async function send(config: GatewayConfig, parcel: Parcel, process: string, until: Date, ctx: Ctx): Promise<void> {
  const rows = parcel.ready.map(({ row }) => row)
  const outcome = await tryToSend(config, parcel, until, ctx)
  if (typeof outcome !== 'string') return transact(config.db, (tx) => settleRows(tx, settlementsOf(parcel, outcome), ctx.now()))
  const attempts = Math.min(...rows.map((row) => row.attempts))
  const wait = Math.min(config.times.retryCapMilliseconds, 250 * 2 ** Math.min(attempts, 16))
  const next = new Date(ctx.now().getTime() + wait)
  ctx.log.warn({ event: 'delivery-failed', code: outcome, count: rows.length })
  await transact(config.db, (tx) =>
    releaseRows(
      tx,
      rows.map((row) => row.id),
      process,
      next,
      outcome === 'never-left',
    ),
  )
}

type Failure = 'never-left' | 'no-answer'

/** The recipient's signed answer, or why there is none. `never-left`: no byte of it can have reached anybody. */
async function tryToSend(config: GatewayConfig, parcel: Parcel, until: Date, ctx: Ctx): Promise<(Delivery & { jws: string }) | Failure> {
  const peer = config.peers[parcel.peer]
  if (!peer) return 'never-left'
  const envelope = await seal({ from: config.node, to: parcel.peer, id: parcel.id }, parcel, config.sealing[parcel.peer])
  // A process that slept past its claim must not send: by now a withdrawal may have counted the claim as ended.
  if (ctx.now() >= until) return 'never-left'
  try {
    const response = await fetch(`${peer}/envelopes`, {
      method: 'POST',
      body: envelope as BodyInit,
      headers: { 'content-type': 'application/octet-stream' },
      signal: patience(config, config.times.timeoutMilliseconds),
    })
    const jws = await response.text()
    if (response.status !== 200) return 'no-answer'
    const sent = { envelope, id: parcel.id, from: config.node, to: parcel.peer, deployment: config.trust.deployment }
    return { ...checkDelivery(jws, sent, config.trust.statementKeys[parcel.peer]), jws }
  } catch (error) {
    const code = ((error as Error).cause as { code?: string } | undefined)?.code
    return code === 'ECONNREFUSED' ? 'never-left' : 'no-answer'
  }
}

function settlementsOf(parcel: Parcel, answer: Delivery & { jws: string }): Settlement[] {
  const results = new Map(answer.results.map((result) => [result.id, result]))
  return parcel.ready.flatMap(({ row, statement }) => {
    const result = results.get(row.id)
    return result ? [{ id: row.id, state: result.state, code: result.code ?? null, acknowledgement: answer.jws, statement }] : []
  })
}
