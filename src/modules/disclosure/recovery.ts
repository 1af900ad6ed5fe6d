import { fromInstant } from '#platform/clock'
import { transact, type Tx } from '#platform/db'
import { fetchWithin } from '#platform/fetching'
import { describeFault } from '#platform/log'
import {
  entriesKnown,
  inboxRow,
  insertReturned,
  kinds,
  nodeIds,
  NotYet,
  proveStatement,
  readStatement,
  settleReturned,
  type MessageRecord,
  type NodeId,
  type ReadStatement,
} from '#exchange'
import { passOver, takeBack, takeBackEntries } from '#ledger'
import { z } from 'zod'
import { askAgain, payloadOf, rounds, type AgainMessage } from './again.ts'
import { patience, type RunningGateway } from './config.ts'
import { markRecovered, type GapRow, type HoldRow } from './hold-store.ts'
import { keepAgain } from './keep.ts'
import { checkAgain } from './receive.ts'

/**
 * What a house with an old database gets back from the others, in this order: its log, leaf by leaf; its own words, with their places in
 * the log; then what was said to it. Every step can be done again. Nothing is sent, and nothing new enters the log.
 *
 * | a crash after | leaves |
 * |---|---|
 * | any part of the log was taken back | a longer log, still behind; the next start finds the hold and goes on |
 * | own words were taken back | history that is there; it is recognised |
 * | messages were taken again | they stand in the inbox; they are recognised |
 * | the hold was marked as recovered | two people may release it |
 */
export async function recover(config: RunningGateway, hold: HoldRow): Promise<GapRow[]> {
  const peers = peersOf(config)
  for (const peer of await byLength(config, peers)) await takeLogBack(config, peer)
  for (const peer of peers) await takeWordsBack(config, peer, hold.since)
  const gaps: GapRow[] = []
  for (const [nth, round] of rounds.entries()) {
    for (const peer of peers)
      for await (const page of askAgain(config, peer, { what: 'said', since: hold.since, kinds: round }))
        for (const message of page) gaps.push(...(await takeAgain(config, peer, message)))
    if (nth === 0) await transact(config.db, (tx) => restoreOwn(tx, config))
  }
  const ctx = config.makeCtx()
  await transact(config.db, (tx) => markRecovered(tx, hold.id, gaps, ctx.now()))
  ctx.log.warn({ event: 'hold-recovered', count: gaps.length })
  return gaps
}

const peersOf = ({ node, peers }: RunningGateway): NodeId[] => nodeIds.filter((one) => one !== node && peers[one])

const kept = z.object({ size: z.int().min(1), note: z.string(), heldFor: z.number().min(0) })
type KeptHead = z.infer<typeof kept>

// A note and a number; some thousand leaves.
const LONGEST_HEAD = 30_000
const LONGEST_LEAVES = 1_000_000

/** What that peer keeps of our log; undefined where it never had any of it. */
async function headAt(config: RunningGateway, peer: NodeId): Promise<KeptHead | undefined> {
  const { status, body } = await read(config, `${config.peers[peer]}/mirror/${encodeURIComponent(config.ledger.origin)}`, LONGEST_HEAD)
  if (status === 404) return undefined
  if (status !== 200) throw new Error('a peer does not say what it keeps of our log')
  return kept.parse(JSON.parse(body.toString('utf8')))
}

const read = (config: RunningGateway, url: string, most: number) =>
  fetchWithin(url, most, patience(config, config.times.timeoutMilliseconds))

/** Who keeps most comes first. Throws where one is away: it may keep what the others do not. */
async function byLength(config: RunningGateway, peers: NodeId[]): Promise<{ peer: NodeId; head: KeptHead }[]> {
  const heads = await Promise.all(peers.map(async (peer) => ({ peer, head: await headAt(config, peer) })))
  return heads.flatMap(({ peer, head }) => (head ? [{ peer, head }] : [])).sort((a, b) => b.head.size - a.head.size)
}

async function takeLogBack(config: RunningGateway, { peer, head }: { peer: NodeId; head: KeptHead }): Promise<void> {
  const url = `${config.peers[peer]}/mirror/${encodeURIComponent(config.ledger.origin)}`
  const leavesFrom = async (index: number) => (await read(config, `${url}/${index}`, LONGEST_LEAVES)).body
  await takeBack(config.db, config.ledger, { note: head.note, leavesFrom }, config.makeCtx())
}

/**
 * Grows the log by as many leaves as this house may have signed heads for before it was restored, that nobody outside was ever given: by
 * the clock of whoever holds the newest, one an interval. Their sizes are passed over, so that no second head of any of them is ever signed.
 */
export async function passOverUnseen(config: RunningGateway, intervalMilliseconds: number): Promise<void> {
  const heads = await byLength(config, peersOf(config))
  const newest = heads.filter(({ head }) => head.size === heads[0]?.head.size)
  const longest = Math.max(0, ...newest.map(({ head }) => head.heldFor))
  await passOver(config.db, longest / intervalMilliseconds + 2, config.makeCtx())
}

async function takeWordsBack(config: RunningGateway, peer: NodeId, since: Date): Promise<void> {
  for await (const page of askAgain(config, peer, { what: 'heard', since, kinds })) {
    const own = page.flatMap((message) => ownWord(config, peer, message) ?? [])
    if (own.length > 0) await transact(config.db, (tx) => keepOwn(tx, config, peer, own))
  }
}

type Own = ReadStatement & { statement: string; acknowledgement: string | undefined }

/** Ours, and proved to stand in our log as it now stands. Anything else a peer says it heard of us is its own invention. */
function ownWord(config: RunningGateway, peer: NodeId, { statement, acknowledgement }: AgainMessage): Own | undefined {
  if (statement === undefined) return undefined
  try {
    const known = readStatement(statement, config.trust)
    proveStatement(known, config.trust)
    return known.record.from === config.node && known.record.to === peer ? { ...known, statement, acknowledgement } : undefined
  } catch (error) {
    config.makeCtx().log.error({ event: 'returned-statement-refused', ...describeFault(error) })
    return undefined
  }
}

async function keepOwn(tx: Tx, config: RunningGateway, peer: NodeId, own: readonly Own[]): Promise<void> {
  const ctx = config.makeCtx()
  const ids = own.map(({ record }) => record.id)
  const known = await entriesKnown(tx, ids)
  const shown = own.map(({ record, recordHash, log }) => {
    const entry = known.get(record.id)
    return { recordHash, log, ...(entry !== undefined && { id: entry }), ...(isChained(record) && { organisation: record.organisation! }) }
  })
  const entries = await takeBackEntries(tx, shown, ctx)
  const rows = own.map(({ record, recordText, statement, acknowledgement }, nth) => ({
    ...{ id: record.id, peer, kind: record.kind, record: recordText, statement, entry: entries[nth]! },
    answers: (record['for'] as string | undefined) ?? (record['disclosure'] as string | undefined) ?? null,
    permissions: permissionsIn(record),
    acknowledgement: acknowledgement ?? null,
    saidAt: fromInstant(record.at),
  }))
  await insertReturned(tx, rows, ctx.now())
  await settleReturned(tx, ids, ctx.now())
}

/** A body's chain for an organisation holds what it told the organisation; the portal's, what it sent for it. */
function isChained({ organisation, from, to }: MessageRecord): boolean {
  return organisation !== undefined && (from === 'portal' || to === 'portal')
}

/** Ids of the permissions that a disclosure rests on, as each was signed. */
function permissionsIn(record: MessageRecord): string[] {
  const carried = (record['permissions'] ?? []) as { permission: string }[]
  return carried.map(
    ({ permission }) => (JSON.parse(Buffer.from(permission.split('.')[1]!, 'base64url').toString('utf8')) as { jti: string }).jti,
  )
}

/** What modules keep beside a record of their own, made again from the record. */
async function restoreOwn(tx: Tx, config: RunningGateway): Promise<void> {
  await config.restoreOwn?.(tx, config.makeCtx())
}

const isHere = (config: RunningGateway, id: string) => transact(config.db, async (tx) => (await inboxRow(tx, id)) !== undefined)

/** Takes again what this house had acknowledged; what it cannot take now is a gap, and nothing is recorded as refused. */
async function takeAgain(config: RunningGateway, peer: NodeId, message: AgainMessage): Promise<GapRow[]> {
  const gap = (code: string): GapRow[] => [{ record: message.id, peer, kind: message.kind, code }]
  if (message.statement === undefined) return (await isHere(config, message.id)) ? [] : gap('not-there')
  try {
    const checked = checkAgain(config, peer, { statement: message.statement, payload: payloadOf(message) })
    if (checked.record.id !== message.id) return gap('envelope-invalid')
    const code = 'refusal' in checked ? checked.refusal : await keepAgain(config, checked)
    return code === undefined ? [] : gap(code)
  } catch (error) {
    if (error instanceof NotYet) return gap('not-yet')
    if (error instanceof SyntaxError) return gap('envelope-invalid')
    throw error
  }
}
