import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Bytes } from '#platform/bytes'
import { runs, seed } from '../../../checks/runs.ts'
import { auditPath, consistency, treeHash } from './auditor.ts'
import {
  climb,
  consistencyHolds,
  consistencyProof,
  consistencyRanges,
  edgeRoot,
  edgeTiles,
  emptyRoot,
  extend,
  hashAt,
  inclusionHolds,
  inclusionProof,
  inclusionRanges,
  innerHash,
  intervalTree,
  leafHash,
  nodesOf,
  pyramid,
  readerOf,
  rootOf,
  tileName,
  tilesFor,
  type Edge,
  type HashReader,
  type Range,
} from './tree.ts'

const hex = (bytes: Bytes): string => Buffer.from(bytes).toString('hex')
const entry = (n: number): Buffer<ArrayBuffer> => Buffer.from(`entry ${n}`)
const entries = (size: number) => Array.from({ length: size }, (_, n) => entry(n))
const check = { numRuns: runs(60), seed }

/** Complete subtrees, from all the leaves. */
function readerOver(leaves: Bytes[]): HashReader {
  const rows = pyramid(Buffer.concat(leaves.map(leafHash)))
  return ({ level, index }) => hashAt(rows[level]!, index)
}

/** A log grown leaf by leaf, keeping only what the database keeps: leaf hashes and the roots of full tiles. */
function grown(size: number, keepRoot = (_size: number): boolean => true) {
  const levels: Bytes[][] = [[]]
  let edge: Edge = []
  const roots: (Bytes | undefined)[] = [edgeRoot(edge)]
  for (let at = 0; at < size; at += 1) {
    const leaf = leafHash(entry(at))
    const next = extend(at, edge, leaf)
    levels[0]!.push(leaf)
    for (const { level, n, root } of next.full) {
      levels[level + 1] ??= []
      assert.equal(levels[level + 1]!.length, n)
      levels[level + 1]!.push(root)
    }
    edge = next.edge
    roots.push(keepRoot(at + 1) ? edgeRoot(edge) : undefined)
  }
  const tile = (level: number, n: number): Bytes => Buffer.concat((levels[level] ?? []).slice(n * 256, n * 256 + 256))
  const reader = (ranges: Range[]): HashReader => readerOf(new Map(tilesFor(ranges).map((id) => [tileName(id), tile(id.level, id.n)])))
  return { roots, edge, reader, tile }
}

test('the roots are those of the certificate transparency test tree', () => {
  const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map((leaf) =>
    Buffer.from(leaf, 'hex'),
  )
  const roots = [
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ]
  for (const [size, root] of roots.entries()) assert.equal(hex(rootOf(size, readerOver(leaves.slice(0, size)))), root)
})

test('root, audit path and consistency proof are those of the recursive definition, for every tree up to 20 leaves', async () => {
  for (let size = 1; size <= 20; size += 1) {
    const leaves = entries(size)
    const read = readerOver(leaves)
    assert.equal(hex(rootOf(size, read)), hex(await treeHash(leaves)))
    for (let at = 0; at < size; at += 1) {
      assert.deepEqual(inclusionProof(at, size, read).map(hex), (await auditPath(at, leaves)).map(hex))
      if (at > 0) assert.deepEqual(consistencyProof(at, size, read).map(hex), (await consistency(at, leaves)).map(hex))
    }
  }
})

test('a tree grown leaf by leaf has the root of the whole, across full tiles', async () => {
  const { roots, edge, reader } = grown(700)
  for (const size of [0, 1, 2, 255, 256, 257, 511, 512, 513, 700]) {
    assert.equal(hex(roots[size]!), hex(await treeHash(entries(size))))
    assert.equal(hex(rootOf(size, reader([{ start: 0, end: size }]))), hex(roots[size]!))
  }
  assert.deepEqual(
    edge.map((row) => row.length / 32),
    edgeTiles(700).map(({ width }) => width),
  )
})

test('a tree of two full tile levels keeps its root, proofs and edge', () => {
  const size = 256 * 256 + 3
  const places = [0, 255, 256, 65_535, 65_536, size - 1]
  const { roots, reader } = grown(size, (at) => at === size || places.includes(at))
  const root = roots[size]!
  for (const at of places) {
    const proof = inclusionProof(at, size, reader(inclusionRanges(at, size)))
    assert.ok(inclusionHolds(leafHash(entry(at)), at, size, proof, root))
    const consistent = consistencyProof(at, size, reader(consistencyRanges(at, size)))
    assert.ok(consistencyHolds(at, roots[at]!, size, root, consistent))
  }
})

test('every leaf of every tree is proved by its audit path, read from tiles, and by no mutation of it', () => {
  const log = grown(600)
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 600 }), fc.nat(), fc.nat(), (size, pick, bit) => {
      const index = pick % size
      const proof = inclusionProof(index, size, log.reader(inclusionRanges(index, size)))
      const [leaf, root] = [leafHash(entry(index)), log.roots[size]!]
      assert.ok(inclusionHolds(leaf, index, size, proof, root))
      for (const wrong of mutations(proof, bit)) assert.equal(inclusionHolds(leaf, index, size, wrong, root), false)
      assert.equal(inclusionHolds(flip(leaf, bit), index, size, proof, root), false)
      assert.equal(inclusionHolds(leaf, index, size, proof, flip(root, bit)), false)
      if (size > 1) assert.equal(inclusionHolds(leaf, (index + 1) % size, size, proof, root), false)
      assert.equal(inclusionHolds(leaf, size, size, proof, root), false)
      // In a tree of more than twice the size every path is longer.
      assert.equal(inclusionHolds(leaf, index, size * 2 + 1, proof, root), false)
    }),
    check,
  )
})

test('every tree is proved to begin every later one, read from tiles, and by no mutation of the proof', () => {
  const log = grown(600)
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 600 }), fc.nat(), fc.nat(), (size, pick, bit) => {
      const old = pick % (size + 1)
      const proof = consistencyProof(old, size, log.reader(consistencyRanges(old, size)))
      const [before, after] = [log.roots[old]!, log.roots[size]!]
      assert.ok(consistencyHolds(old, before, size, after, proof))
      for (const wrong of mutations(proof, bit)) assert.equal(consistencyHolds(old, before, size, after, wrong), false)
      assert.equal(consistencyHolds(old, flip(before, bit), size, after, proof), false)
      // From the empty tree anything follows: there is nothing a proof could show.
      if (old > 0) assert.equal(consistencyHolds(old, before, size, flip(after, bit), proof), false)
      assert.equal(consistencyHolds(size + 1, before, size, after, proof), false)
      if (old > 0) assert.equal(consistencyHolds(old, before, size * 2 + 1, after, proof), false)
    }),
    check,
  )
})

test('a tree of another size, or with one leaf changed, is not consistent with any proof made for it', () => {
  const [honest, other] = [grown(40), readerOver(entries(40).map((leaf, n) => (n === 3 ? Buffer.from('changed') : leaf)))]
  const proof = consistencyProof(20, 40, other)
  assert.equal(consistencyHolds(20, honest.roots[20]!, 40, rootOf(40, other), proof), false)
})

test('every slot of an interval climbs to its root, and nothing else does', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 6 }), fc.nat(), fc.nat(), (height, pick, bit) => {
      const slots = 2 ** height
      const content = randomBytes(slots * 32)
      const tree = intervalTree(content)
      const slot = pick % slots
      const row = tree.path(slot)
      const path = Array.from({ length: height }, (_, at) => hashAt(row, at))
      assert.equal(hex(climb(hashAt(content, slot), slot, path)), hex(tree.root))
      assert.notEqual(hex(climb(flip(hashAt(content, slot), bit), slot, path)), hex(tree.root))
      for (const wrong of mutations(path, bit).filter((mutated) => slot < 2 ** mutated.length))
        assert.notEqual(hex(climb(hashAt(content, slot), slot, wrong)), hex(tree.root))
      if (slots > 1) assert.notEqual(hex(climb(hashAt(content, slot), slot ^ 1, path)), hex(tree.root))
    }),
    check,
  )
})

test('an interval of no power of two, and a slot beyond its path, are refused', () => {
  for (const slots of [0, 3, 12]) assert.throws(() => intervalTree(Buffer.alloc(slots * 32)), RangeError)
  for (const slot of [-1, 2, 1.5]) assert.throws(() => climb(Buffer.alloc(32), slot, [Buffer.alloc(32)]), RangeError)
})

test('a leaf cannot pass for an inner node', () => {
  const [left, right] = [leafHash(entry(0)), leafHash(entry(1))]
  assert.notEqual(hex(leafHash(Buffer.concat([left, right]))), hex(innerHash(left, right)))
  assert.equal(hex(emptyRoot()), hex(rootOf(0, readerOver([]))))
})

test('sizes near the end of exact numbers are split without rounding', () => {
  for (const size of [2 ** 49 - 1, 2 ** 52 + 1, Number.MAX_SAFE_INTEGER]) {
    const leaves = nodesOf({ start: 0, end: size }).map(({ level }) => 2 ** level)
    assert.equal(
      leaves.reduce((sum, count) => sum + BigInt(count), 0n),
      BigInt(size),
    )
    assert.ok(inclusionRanges(size - 1, size).length <= 53)
    assert.ok(tilesFor(consistencyRanges(size - 2, size)).every(({ level, n }) => level < 7 && Number.isSafeInteger(n)))
  }
  assert.throws(() => inclusionRanges(5, 5), RangeError)
  assert.throws(() => consistencyRanges(6, 5), RangeError)
})

function flip(bytes: Bytes, bit: number): Bytes {
  const changed = Buffer.from(bytes)
  const at = bit % (changed.length * 8)
  changed[Math.floor(at / 8)]! ^= 1 << (at % 8)
  return changed
}

/** One bit changed, one hash dropped, doubled, added at either end, two swapped. */
function mutations(proof: Bytes[], bit: number): Bytes[][] {
  const at = bit % Math.max(1, proof.length)
  const added = [
    [...proof, Buffer.alloc(32)],
    [Buffer.alloc(32), ...proof],
  ]
  if (proof.length === 0) return added
  const changed = proof.map((hash, n) => (n === at ? flip(hash, bit) : hash))
  const swapped = proof.toSpliced(0, 2, ...proof.slice(0, 2).reverse())
  return [...added, changed, proof.toSpliced(at, 1), proof.toSpliced(at, 0, proof[at]!), ...(proof.length > 1 ? [swapped] : [])]
}
