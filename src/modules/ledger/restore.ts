import { equal, fromB64u, type Bytes } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import { transact, type Db, type Tx } from '#platform/db'
import { LedgerBroken, readEdge, type LedgerIdentity } from './interval.ts'
import { commitmentOf, type LogMember } from './log-member.ts'
import { parseCheckpoint, signCheckpoint, signedBy } from './note.ts'
import { entriesOf } from './peaks.ts'
import { beginChains, insertLost, insertLostEntries, placeKnown, raiseChains, type LostEntry, type LostHead } from './restore-store.ts'
import * as store from './store.ts'
import { edgeRoot, extend, HASH_BYTES, leafHash } from './tree.ts'

/** How a log whose database is older than what others keep of it goes on: from their leaves, never by a second head of one size. */

const TOGETHER = 1000

/** What another house keeps of our log: a head under our own signature, and the leaves from an index on, some at a time. */
export type Kept = { note: string; leavesFrom(index: number): Promise<Bytes> }

/**
 * Takes the leaves that this database lacks from another house, up to the head it keeps. Everything is read and must hash to that head, under
 * our own signature, before anything is written; then heads are signed again, in the same bytes as before. Returns the size reached.
 * Throws LedgerBroken `branched` where that house keeps another tree than stands here: then people must look, and nothing is signed.
 * A crash leaves a shorter log, and the next call goes on from there.
 */
export async function takeBack(db: Db, ledger: LedgerIdentity, kept: Kept, ctx: Ctx): Promise<number> {
  const head = parseCheckpoint(kept.note)
  if (head.origin !== ledger.origin || !signedBy(head, ledger.origin, ledger.signer.jwk)) throw new SyntaxError('not a head of our own')
  const last = await store.lastHead(db)
  if (head.size <= last.size) {
    const ours = await store.headAt(db, head.size)
    if (!ours || !equal(ours.root, head.root)) throw new LedgerBroken('branched')
    return last.size
  }
  const lost = follow(last.size, await readEdge(db, last.size), await readAll(kept, last.size, head.size))
  if (!equal(lost.at(-1)!.root, head.root)) throw new LedgerBroken('branched')
  const signed = lost.map((one) => ({
    ...one,
    note: signCheckpoint({ origin: ledger.origin, size: one.size, root: one.root }, ledger.signer),
  }))
  await write(db, last, signed, ctx)
  return head.size
}

async function readAll({ leavesFrom }: Kept, from: number, to: number): Promise<Bytes[]> {
  const leaves: Bytes[] = []
  while (from + leaves.length < to) {
    const more = entriesOf(await leavesFrom(from + leaves.length)).slice(0, to - from - leaves.length)
    if (more.length === 0) throw new SyntaxError('leaves are missing')
    for (const leaf of more) leaves.push(leaf)
  }
  return leaves
}

type Followed = Omit<LostHead, 'note'>

function follow(size: number, edge: Bytes[], leaves: readonly Bytes[]): Followed[] {
  let before = edge
  return leaves.map((leaf, nth) => {
    const next = extend(size + nth, before, leafHash(leaf))
    before = next.edge
    return { size: size + nth + 1, root: edgeRoot(next.edge), leaf, full: next.full }
  })
}

/** Each part in a transaction that checks that nobody else wrote meanwhile. */
async function write(db: Db, last: store.Head, lost: readonly LostHead[], ctx: Ctx): Promise<void> {
  let before = last
  for (let at = 0; at < lost.length; at += TOGETHER) {
    const part = lost.slice(at, at + TOGETHER)
    await transact(db, async (tx) => {
      const now = await store.lastHead(tx)
      if (now.size !== before.size || !equal(now.root, before.root)) throw new LedgerBroken('branched')
      await insertLost(tx, part, ctx.now())
    })
    before = part.at(-1)!
  }
}

// More would not go to a peer in one body (mirror.ts). At ten seconds an interval it is more than a day.
const MOST_PASSED = 10_000

/**
 * Lets the log grow by so many leaves of random bytes whose heads are never signed: as many as the house may have signed before it was
 * restored without anybody keeping them. All in one transaction.
 */
export async function passOver(db: Db, intervals: number, ctx: Ctx): Promise<number> {
  const count = Math.min(Math.max(0, Math.ceil(intervals)), MOST_PASSED)
  if (count === 0) return 0
  await transact(db, async (tx) => {
    const last = await store.lastHead(tx)
    const leaves = Array.from({ length: count }, () => ctx.random.bytes(HASH_BYTES))
    const heads = follow(last.size, await readEdge(tx, last.size), leaves).map((one) => ({ ...one, note: null }))
    await insertLost(tx, heads, ctx.now())
  })
  return count
}

/**
 * An entry of ours as somebody who was sent it can show it: the record's hash, its `log` member, and, if it is in the database, its id.
 * `organisation`: in whose chain it stands.
 */
export type ShownEntry = { id?: string; recordHash: Bytes; log: LogMember; organisation?: string }

/**
 * Takes back entries that others show, each checked before against our log. One that stands here gets its place; one that does not is
 * written again, and its chain goes on after it. Again, it changes nothing. Returns each entry's id.
 */
export async function takeBackEntries(tx: Tx, shown: readonly ShownEntry[], ctx: Ctx): Promise<string[]> {
  const entries = shown.map((one) => ({ ...one, id: one.id ?? ctx.random.uuid(), isLost: one.id === undefined }))
  const lost = entries.filter(({ isLost }) => isLost).map(lostEntry)
  const written = lost.length > 0 ? await insertLostEntries(tx, lost, ctx.now()) : new Set<string>()
  const toPlace = entries.filter(({ id, isLost }) => !isLost || written.has(id))
  await placeKnown(
    tx,
    toPlace.map(({ id, log }) => ({
      id,
      index: log.index,
      slot: log.slot,
      path: Buffer.concat(log.path.map((hash) => fromB64u(hash, 32))),
    })),
  )
  await raiseChains(tx, lastOfEach(lost))
  const unnumbered = shown.flatMap(({ log, recordHash, organisation }) =>
    log.opening || !organisation ? [] : [{ organisation, head: lostEntry({ id: '', log, recordHash }).commitment }],
  )
  if (unnumbered.length > 0) await beginChains(tx, unnumbered)
  return entries.map(({ id }) => id)
}

function lostEntry({ id, recordHash, log, organisation }: ShownEntry & { id: string }): LostEntry {
  const [salt, chain] = [fromB64u(log.salt, 32), fromB64u(log.chain, 32)]
  const bare = { id, recordHash, salt, chain, commitment: commitmentOf({ recordHash, salt, chain }) }
  const { opening } = log
  if (!opening || organisation === undefined) return { ...bare, organisation: null, n: null, previous: null, salt2: null }
  return { ...bare, organisation, n: opening.n, previous: fromB64u(opening.previous, 32), salt2: fromB64u(opening.salt2, 32) }
}

function lastOfEach(entries: readonly LostEntry[]): { organisation: string; n: number; head: Bytes }[] {
  const chained = entries.filter((entry) => entry.organisation !== null).sort((a, b) => a.n! - b.n!)
  const last = new Map(chained.map((entry) => [entry.organisation!, entry]))
  return [...last].map(([organisation, { n, commitment }]) => ({ organisation, n: n!, head: commitment }))
}
