import { hash } from 'node:crypto'
import { equal, type Bytes } from '#platform/bytes'

/**
 * Hash trees of RFC 6962, section 2.1: the log's own, which grows by a leaf an interval, and the small full tree of one interval's slots.
 * Pure: whoever calls brings the hashes, from memory or from tiles. Hashes in a row lie one after another, 32 bytes each.
 */

export const HASH_BYTES = 32
/** C2SP tlog-tiles: a tile holds 256 hashes, eight levels of the tree. */
export const TILE_WIDTH = 256
const TILE_LEVELS = 8

const sha = (bytes: Bytes): Bytes => hash('sha256', bytes, 'buffer')

/** RFC 6962 section 2.1: "The hash of an empty list is the hash of an empty string". */
export const emptyRoot = (): Bytes => sha(Buffer.alloc(0))

/** RFC 6962 section 2.1: 0x00 sets leaves apart from inner nodes, so that none can be passed off as the other. */
export function leafHash(entry: Bytes): Bytes {
  return sha(Buffer.concat([Buffer.of(0x00), entry]))
}

/** RFC 6962 section 2.1: SHA-256(0x01 || left || right). */
export function innerHash(left: Bytes, right: Bytes): Bytes {
  return sha(Buffer.concat([Buffer.of(0x01), left, right]))
}

/** The leaf hashes of a row of 32-byte entries, as a row. */
export function leafHashes(entries: Bytes): Bytes {
  const row = Buffer.alloc(entries.length)
  const input = Buffer.alloc(1 + HASH_BYTES)
  for (let at = 0; at < entries.length; at += HASH_BYTES) {
    input.set(entries.subarray(at, at + HASH_BYTES), 1)
    row.set(sha(input), at)
  }
  return row
}

export function hashAt(row: Bytes, position: number): Bytes {
  const found = row.subarray(position * HASH_BYTES, (position + 1) * HASH_BYTES)
  if (found.length !== HASH_BYTES) throw new RangeError('no hash at this position')
  return found
}

export const hashCount = (row: Bytes): number => row.length / HASH_BYTES

/** Every complete subtree over a row of hashes: element `h` is the row of those of height `h`; what has no partner is left out. */
export function pyramid(row: Bytes): Bytes[] {
  const rows = [row]
  for (let below = row; hashCount(below) > 1; below = rows.at(-1)!) rows.push(pairUp(below))
  return rows
}

function pairUp(below: Bytes): Bytes {
  const pairs = Math.floor(hashCount(below) / 2)
  const above = Buffer.alloc(pairs * HASH_BYTES)
  const input = Buffer.alloc(1 + 2 * HASH_BYTES, 0x01)
  for (let pair = 0; pair < pairs; pair += 1) {
    input.set(below.subarray(pair * 2 * HASH_BYTES, (pair + 1) * 2 * HASH_BYTES), 1)
    above.set(sha(input), pair * HASH_BYTES)
  }
  return above
}

/** One interval's tree: its root is the leaf that the log gets; `path` gives the siblings of a slot, bottom first, as a row. */
export type IntervalTree = { root: Bytes; path(slot: number): Bytes }

/** The tree over a power-of-two number of 32-byte slots. Throws RangeError for any other number. */
export function intervalTree(slots: Bytes): IntervalTree {
  const count = hashCount(slots)
  if (!isPowerOfTwo(count)) throw new RangeError('slots must be a power of two')
  const rows = pyramid(leafHashes(slots))
  const siblings = rows.slice(0, -1)
  const path = (slot: number): Bytes => Buffer.concat(siblings.map((row, height) => hashAt(row, Math.floor(slot / 2 ** height) ^ 1)))
  return { root: rows.at(-1)!, path }
}

/** The interval root that a slot's content and its siblings lead to. Throws RangeError where no such slot can be. */
export function climb(content: Bytes, slot: number, path: readonly Bytes[]): Bytes {
  if (!Number.isInteger(slot) || slot < 0 || slot >= 2 ** path.length) throw new RangeError('no such slot')
  return path.reduce(
    (node, sibling, height) => (Math.floor(slot / 2 ** height) % 2 === 0 ? innerHash(node, sibling) : innerHash(sibling, node)),
    leafHash(content),
  )
}

/** Leaves `start` up to but without `end`. */
export type Range = { start: number; end: number }
/** A complete subtree: the 2^level leaves from index × 2^level. */
export type Node = { level: number; index: number }
/** Answers with the hash of a complete subtree. */
export type HashReader = (node: Node) => Bytes

/** The largest power of two up to `n`, by doubling: a logarithm rounds wrongly below 2^53. */
function powerUpTo(n: number): number {
  let power = 1
  while (power * 2 <= n) power *= 2
  return power
}

const isPowerOfTwo = (n: number): boolean => n >= 1 && powerUpTo(n) === n

/** RFC 6962 section 2.1: k, the largest power of two smaller than n. */
const split = (n: number): number => powerUpTo(n - 1)

/** RFC 6962 section 2.1.1, PATH(m, D[n]): the subtrees whose hashes are the audit path of leaf `index`, bottom first. */
export function inclusionRanges(index: number, size: number): Range[] {
  if (!isCount(index) || !isCount(size) || index >= size) throw new RangeError('no such leaf')
  const path = (start: number, end: number): Range[] => {
    if (end - start === 1) return []
    const middle = start + split(end - start)
    if (index < middle) return [...path(start, middle), { start: middle, end }]
    return [...path(middle, end), { start, end: middle }]
  }
  return path(0, size)
}

/** RFC 6962 section 2.1.2, PROOF(m, D[n]); empty where nothing needs proof: from size 0, and from a size to itself. */
export function consistencyRanges(old: number, size: number): Range[] {
  if (!isCount(old) || !isCount(size) || old > size) throw new RangeError('a tree does not shrink')
  if (old === 0) return []
  const subproof = (start: number, end: number, known: boolean): Range[] => {
    if (old === end) return known ? [] : [{ start, end }]
    const middle = start + split(end - start)
    if (old <= middle) return [...subproof(start, middle, known), { start: middle, end }]
    return [...subproof(middle, end, false), { start, end: middle }]
  }
  return subproof(0, size, true)
}

/** The complete subtrees that make up a range of a proof, from the left; each is smaller than the one before. */
export function nodesOf({ start, end }: Range): Node[] {
  const nodes: Node[] = []
  for (let at = start; at < end; ) {
    const leaves = powerUpTo(end - at)
    nodes.push({ level: Math.log2(leaves), index: at / leaves })
    at += leaves
  }
  return nodes
}

/** RFC 6962 section 2.1, MTH of a range that starts where a proof's range may start. */
export function rangeHash(range: Range, read: HashReader): Bytes {
  if (range.start === range.end) return emptyRoot()
  return nodesOf(range)
    .map(read)
    .reduceRight((right, left) => innerHash(left, right))
}

export const rootOf = (size: number, read: HashReader): Bytes => rangeHash({ start: 0, end: size }, read)

export function inclusionProof(index: number, size: number, read: HashReader): Bytes[] {
  return inclusionRanges(index, size).map((range) => rangeHash(range, read))
}

export function consistencyProof(old: number, size: number, read: HashReader): Bytes[] {
  return consistencyRanges(old, size).map((range) => rangeHash(range, read))
}

/**
 * RFC 9162 sections 2.1.3.2 and 2.1.4.2: on which side of the path each hash of a proof stands, from the node `start` of a row whose last
 * is `end`; undefined if there are too few or too many hashes for this tree.
 */
function sidesOf(start: number, end: number, count: number): ('left' | 'right')[] | undefined {
  const sides: ('left' | 'right')[] = []
  let [at, last] = [start, end]
  while (sides.length < count) {
    if (last === 0) return undefined
    const side = at % 2 === 1 || at === last ? 'left' : 'right'
    sides.push(side)
    if (side === 'left') while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)]
    ;[at, last] = [half(at), half(last)]
  }
  return last === 0 ? sides : undefined
}

const joined = (node: Bytes, sibling: Bytes, side: 'left' | 'right'): Bytes =>
  side === 'left' ? innerHash(sibling, node) : innerHash(node, sibling)

/** RFC 9162 section 2.1.3.2 (the trees of RFC 6962, with the check written out). False for any proof but the right one. */
export function inclusionHolds(leaf: Bytes, index: number, size: number, proof: readonly Bytes[], root: Bytes): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false
  const sides = sidesOf(index, size - 1, proof.length)
  return (
    sides !== undefined &&
    equal(
      proof.reduce((node, sibling, nth) => joined(node, sibling, sides[nth]!), leaf),
      root,
    )
  )
}

/**
 * RFC 9162 section 2.1.4.2. True if the tree of `size` leaves with root `root` begins with the one of `old` leaves with root `oldRoot`.
 * C2SP tlog-witness: from size 0 the proof must be empty, because the empty tree begins every tree; so it must from a size to itself.
 */
export function consistencyHolds(old: number, oldRoot: Bytes, size: number, root: Bytes, proof: readonly Bytes[]): boolean {
  if (!isCount(old) || !isCount(size) || old > size) return false
  if (old === 0) return proof.length === 0 && equal(oldRoot, emptyRoot())
  if (old === size) return proof.length === 0 && equal(oldRoot, root)
  // Where the old tree is complete, its root is the first hash of the path and is left out of the proof.
  const roots = sharedRoots(old, size, isPowerOfTwo(old) ? [oldRoot, ...proof] : proof)
  return roots !== undefined && equal(roots.older, oldRoot) && equal(roots.newer, root)
}

/**
 * The roots of both trees that a path with all its hashes (`sharedRanges`) leads to; undefined for too few or too many. Where `newer` is
 * the newer tree's root, `older` is what its first `old` leaves hash to, whoever brought the hashes.
 */
export function sharedRoots(old: number, size: number, path: readonly Bytes[]): { older: Bytes; newer: Bytes } | undefined {
  const [first, ...rest] = path
  let [at, last] = [old - 1, size - 1]
  while (at % 2 === 1) [at, last] = [half(at), half(last)]
  const sides = sidesOf(at, last, rest.length)
  if (first === undefined || !sides) return undefined
  // What stands to the left is in both trees; what stands to the right is in the newer alone.
  const older = rest.filter((_, nth) => sides[nth] === 'left').reduce((node, sibling) => innerHash(sibling, node), first)
  const newer = rest.reduce((node, sibling, nth) => joined(node, sibling, sides[nth]!), first)
  return { older, newer }
}

/** As `consistencyRanges`, with the first hash of the path even where a proof leaves it out. For `old` from 1, and smaller than `size`. */
export function sharedRanges(old: number, size: number): Range[] {
  const ranges = consistencyRanges(old, size)
  return isPowerOfTwo(old) ? [{ start: 0, end: old }, ...ranges] : ranges
}

const half = (n: number): number => Math.floor(n / 2)
const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0

/** C2SP tlog-tiles: tile `n` of level `level` holds MTH(D[(n*256+i) * 256^level : (n*256+i+1) * 256^level]), i from 0 to 255. */
export type TileId = { level: number; n: number }

export const tileName = ({ level, n }: TileId): string => `${level}/${n}`

/** The tile in which a complete subtree lies, how high in it, and at which position of that height. */
function placeOf({ level, index }: Node): { tile: TileId; height: number; position: number } {
  const height = level % TILE_LEVELS
  const across = TILE_WIDTH / 2 ** height
  return { tile: { level: (level - height) / TILE_LEVELS, n: Math.floor(index / across) }, height, position: index % across }
}

/** The tiles that hold every hash of these ranges, each once. */
export function tilesFor(ranges: readonly Range[]): TileId[] {
  const tiles = ranges.flatMap(nodesOf).map((node) => placeOf(node).tile)
  return [...new Map(tiles.map((tile) => [tileName(tile), tile])).values()]
}

/** Reads complete subtrees from tiles (full or partial) already in memory; each tile is hashed up once, however many ask. */
export function readerOf(tiles: ReadonlyMap<string, Bytes>): HashReader {
  const hashed = new Map<string, Bytes[]>()
  return (node) => {
    const { tile, height, position } = placeOf(node)
    const name = tileName(tile)
    const rows = hashed.get(name) ?? pyramid(tiles.get(name) ?? Buffer.alloc(0))
    hashed.set(name, rows)
    return hashAt(rows[height] ?? Buffer.alloc(0), position)
  }
}

/** The partial tiles down the right side of a tree: element `level` is that level's, an empty row where it is full or not begun. */
export type Edge = Bytes[]

/** C2SP tlog-tiles: "The partial tile at level l for a tree of size s has floor(s / 256**l) mod 256 entries". */
export function edgeTiles(size: number): { tile: TileId; width: number }[] {
  const tiles: { tile: TileId; width: number }[] = []
  for (let level = 0, hashes = size; hashes > 0; level += 1, hashes = Math.floor(hashes / TILE_WIDTH))
    tiles.push({ tile: { level, n: Math.floor(hashes / TILE_WIDTH) }, width: hashes % TILE_WIDTH })
  return tiles
}

/** A tile that has become full, with the hash it is in the level above. */
export type FullTile = TileId & { root: Bytes }

/** The edge after one more leaf, and the tiles that this leaf fills. */
export function extend(size: number, edge: Edge, leaf: Bytes): { edge: Edge; full: FullTile[] } {
  const next = [...edge]
  const full: FullTile[] = []
  for (let level = 0, carried = leaf, hashes = size; ; level += 1, hashes = Math.floor(hashes / TILE_WIDTH)) {
    const row = Buffer.concat([next[level] ?? Buffer.alloc(0), carried])
    next[level] = row
    if (hashCount(row) < TILE_WIDTH) return { edge: next, full }
    carried = pyramid(row)[TILE_LEVELS]!
    full.push({ level, n: Math.floor(hashes / TILE_WIDTH), root: carried })
    next[level] = Buffer.alloc(0)
  }
}

/** The root of the tree with this edge: its complete subtrees, folded from the right (RFC 6962 section 2.1). */
export function edgeRoot(edge: Edge): Bytes {
  const nodes = edge.toReversed().flatMap((row) => {
    const rows = pyramid(row)
    return nodesOf({ start: 0, end: hashCount(row) }).map(({ level, index }) => hashAt(rows[level]!, index))
  })
  if (nodes.length === 0) return emptyRoot()
  return nodes.reduceRight((right, left) => innerHash(left, right))
}
