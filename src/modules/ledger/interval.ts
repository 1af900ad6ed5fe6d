import { equal, type Bytes } from '#platform/bytes'
import type { Ctx, Random } from '#platform/context'
import { transact, type Db, type Tx } from '#platform/db'
import type { Signer } from '#platform/jws'
import { signCheckpoint } from './note.ts'
import * as store from './store.ts'
import { edgeRoot, edgeTiles, extend, HASH_BYTES, hashAt, intervalTree, leafHash, tileName, type Edge } from './tree.ts'

/** Whose log this is: `<deployment>/<node>`, the slots of an interval (a power of two from the agreement's configuration), its log key. */
export type LedgerIdentity = { origin: string; slots: number; signer: Signer }

/** What stands in the database and what it says of itself differ: nothing is signed until people have looked. */
export class LedgerBroken extends Error {
  readonly code: 'root-differs' | 'peer-is-ahead' | 'entries-moved' | 'branched'
  constructor(code: LedgerBroken['code']) {
    super(code)
    this.name = 'LedgerBroken'
    this.code = code
  }
}

export type Closed = { size: number; note: string; entries: number }

/**
 * Closes the interval: the log grows by exactly one leaf, busy or not, and its head is signed. The clock calls this, once an interval.
 *
 * | a crash after | leaves |
 * |---|---|
 * | nothing, or any statement before the commit | the head before; the entries wait for the next interval |
 * | the commit | a head without a signature; `resume`, or the next close, signs that same head |
 * | the note was stored | all done |
 *
 * Of two closers at once one writes; the other writes nothing, signs what stands if it must, and answers with that head and no entries.
 */
export async function closeInterval(db: Db, ledger: LedgerIdentity, ctx: Ctx): Promise<Closed> {
  const { size, entries } = await transact(db, (tx) => grow(tx, ledger.slots, ctx))
  await resume(db, ledger)
  const head = await store.headAt(db, size)
  if (!head?.note) throw new LedgerBroken('root-differs')
  return { size, note: head.note, entries }
}

/** One leaf more, or, where another closer was first, none. */
async function grow(tx: Tx, slots: number, ctx: Ctx): Promise<{ size: number; entries: number }> {
  const before = await store.lastHead(tx)
  const pending = await store.pendingEntries(tx, slots)
  const { content, chosen } = fillSlots(
    pending.map((entry) => entry.commitment),
    slots,
    ctx.random,
  )
  const tree = intervalTree(content)
  const known = await readEdge(tx, before.size)
  // Or the new head would be of another tree than the last one signed: a fork by our own hand.
  if (!equal(edgeRoot(known), before.root)) throw new LedgerBroken('root-differs')
  const { edge, full } = extend(before.size, known, leafHash(tree.root))
  const size = before.size + 1
  const next = { size, root: edgeRoot(edge), previousRoot: before.root, leaf: tree.root, full, at: ctx.now() }
  if (!(await store.insertHead(tx, next))) return { size, entries: 0 }
  const places = pending.map(({ id }, nth) => ({ id, slot: chosen[nth]! }))
  const paths = Buffer.concat(chosen.map((slot) => tree.path(slot)))
  const placed = places.length === 0 ? 0 : await store.placeEntries(tx, before.size, places, paths, store.pathBytesOf(Math.log2(slots)))
  if (placed !== places.length) throw new LedgerBroken('entries-moved')
  return { size, entries: placed }
}

/**
 * docs/formats/ledger.md: each commitment in a random slot, 32 random bytes in every other. What is drawn from `random` is the same
 * for any number of commitments. Random bytes that no slot shows are forgotten.
 */
export function fillSlots(commitments: readonly Bytes[], slots: number, random: Random): { content: Bytes; chosen: number[] } {
  const content = Buffer.from(random.bytes(slots * HASH_BYTES))
  const draws = Buffer.from(random.bytes(slots * 6))
  const free = Array.from({ length: slots }, (_, slot) => slot)
  // Fisher–Yates, as far as needed. 48 bits for at most 2^20 slots: the remainder favours none by more than one part in 2^28.
  const chosen = commitments.map((_, nth) => {
    const other = nth + (draws.readUIntBE(nth * 6, 6) % (slots - nth))
    ;[free[nth], free[other]] = [free[other]!, free[nth]!]
    return free[nth]!
  })
  for (const [nth, commitment] of commitments.entries()) content.set(commitment, chosen[nth]! * HASH_BYTES)
  return { content, chosen }
}

/**
 * Signs every head that was committed and not yet signed; for the start of a node, and after each close. Safe at any time, by any number
 * at once: the signature of a head is always the same bytes, and each head is read back and worked out again from the leaves before it
 * is signed. A crash in between leaves the rest for the next call.
 */
export async function resume(db: Db, ledger: LedgerIdentity): Promise<void> {
  for (const { size, root } of await store.unsignedHeads(db)) {
    if (!equal(edgeRoot(await readEdge(db, size)), root)) throw new LedgerBroken('root-differs')
    const note = signCheckpoint({ origin: ledger.origin, size, root }, ledger.signer)
    await transact(db, (tx) => store.storeNote(tx, size, note))
  }
}

/** The newest signed head. */
export function latest(db: Db | Tx): Promise<store.SignedHead | undefined> {
  return store.lastSignedHead(db)
}

/** The right edge of the tree as it was at this size, from the stored leaves and tiles alone. */
export async function readEdge(db: Db | Tx, size: number): Promise<Edge> {
  const edge = edgeTiles(size)
  const tiles = await store.readTiles(
    db,
    edge.map(({ tile }) => tile),
  )
  return edge.map(({ tile, width }) => {
    const row = tiles.get(tileName(tile)) ?? Buffer.alloc(0)
    if (width > 0) hashAt(row, width - 1)
    return row.subarray(0, width * HASH_BYTES)
  })
}
