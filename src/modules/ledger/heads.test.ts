import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sha256, uint64, type Bytes } from '#platform/bytes'
import { signJws, signerOf } from '#platform/jws'
import { newSigningKey } from '#platform/keys'
import { runs } from '../../../checks/runs.ts'
import { headsFile, notesIn } from './heads-file.ts'
import { compareHeads, distinctHeads, readHead, sameSizeSplits, type ShownHead } from './heads.ts'
import type { LedgerTrust } from './log-member.ts'
import { cosignatureLine, parseCheckpoint, signCheckpoint } from './note.ts'
import { tilePath } from './tile-client.ts'
import { hashAt, leafHash, pyramid, rangeHash, rootOf, sharedRanges, type HashReader } from './tree.ts'

const [log, other] = [signerOf(newSigningKey()), signerOf(newSigningKey())]
const trust: LedgerTrust = { origins: { 'try/ncsc': log.jwk, 'try/ico': other.jwk }, witnesses: {} }

/** A log whose leaves from `fork` on are others. */
function treeOf(size: number, fork = size): { root: Bytes; read: HashReader } {
  const leaves = Array.from({ length: size }, (_, n) => leafHash(sha256(uint64(n), n < fork ? 'same' : 'other')))
  const rows = pyramid(Buffer.concat(leaves))
  const read: HashReader = ({ level, index }) => hashAt(rows[level]!, index)
  return { root: rootOf(size, read), read }
}

const path = (smaller: number, size: number, read: HashReader): Bytes[] =>
  sharedRanges(smaller, size).map((range) => rangeHash(range, read))
const head = (size: number, root: Bytes): { size: number; root: Bytes } => ({ size, root })
const note = (size: number, root: Bytes, origin = 'try/ncsc', signer = log): string => signCheckpoint({ origin, size, root }, signer)

test('two heads of one tree are consistent, two of a forked one are a split view, and wrong hashes prove neither', () => {
  const sizes = fc.tuple(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 70 })).filter(([a, b]) => a < b)
  fc.assert(
    fc.property(sizes, fc.nat(69), ([smaller, size], at) => {
      const tree = treeOf(size)
      const hashes = path(smaller, size, tree.read)
      const known = head(smaller, treeOf(smaller).root)
      assert.equal(compareHeads(known, head(size, tree.root), hashes), 'consistent')
      const forked = treeOf(smaller, at % smaller)
      assert.equal(compareHeads(head(smaller, forked.root), head(size, tree.root), hashes), 'split')
      const bad = hashes.map((hash, nth) => (nth === at % hashes.length ? sha256(hash) : hash))
      assert.equal(compareHeads(known, head(size, tree.root), bad), 'unproved')
      assert.equal(compareHeads(known, head(size, tree.root), hashes.slice(1)), 'unproved')
      assert.equal(compareHeads(head(size, tree.root), known, hashes), 'unproved', 'a larger one before a smaller')
    }),
    { numRuns: runs() },
  )
})

test('two heads of one size need no proof', () => {
  const [one, another] = [treeOf(5).root, treeOf(5, 2).root]
  assert.equal(compareHeads(head(5, one), head(5, one), []), 'consistent')
  assert.equal(compareHeads(head(5, one), head(5, another), []), 'split')
  assert.equal(compareHeads(head(0, sha256('')), head(5, another), []), 'consistent')
})

test('splits are found among many heads, whoever showed them, and only within one log', () => {
  const notes: [string, string][] = [
    [note(5, treeOf(5).root), 'bundle'],
    [note(6, treeOf(6).root), 'bundle'],
    [note(5, treeOf(5).root) + cosignatureLine('', 'w', other, new Date()), 'witness'],
    [note(5, treeOf(5, 2).root), 'witness'],
    [note(6, treeOf(6, 1).root, 'try/ico', other), 'witness'],
  ]
  const shown = notes.map(([text, source]) => readHead(text, source, trust))
  const distinct = distinctHeads(shown)
  assert.equal(distinct.length, 4)
  const splits = sameSizeSplits(distinct)
  assert.deepEqual(
    splits.map(({ origin, heads }) => [origin, heads.map(({ size, source }: ShownHead) => [size, source])]),
    [
      [
        'try/ncsc',
        [
          [5, 'bundle'],
          [5, 'witness'],
        ],
      ],
    ],
  )
})

test('a head counts only under its own log\u2019s signature', () => {
  const root = treeOf(3).root
  assert.equal(readHead(note(3, root), 'x', trust).size, 3)
  assert.throws(() => readHead(note(3, root, 'try/ncsc', other), 'x', trust), SyntaxError)
  assert.throws(() => readHead(note(3, root, 'try/portal'), 'x', trust), SyntaxError)
  assert.throws(() => readHead(note(3, root).replace('\n3\n', '\n4\n'), 'x', trust), SyntaxError)
})

test('heads are found in a note, a heads file, and the proofs of statements wherever they lie; a text without any is refused', () => {
  const [one, two] = [note(3, treeOf(3).root), note(4, treeOf(4).root)]
  assert.deepEqual(notesIn(one), [one])
  assert.deepEqual(notesIn(JSON.stringify(headsFile([one, two, one]))), [one, two])
  const statement = signJws('concordat-statement+jws', { v: 1, log: { checkpoint: two } }, log)
  assert.deepEqual(notesIn(JSON.stringify({ receipts: [statement], submissions: [{ statement, payload: 'a.b.c' }] })), [two])
  for (const text of ['', 'x', '{}', '[]', JSON.stringify({ heads: ['x\n\n— y'] }), JSON.stringify({ log: signJws('t', { log: 1 }, log) })])
    assert.throws(() => notesIn(text), SyntaxError, text)
  assert.equal(parseCheckpoint(one).size, 3)
})

test('a tile\u2019s path is what C2SP tlog-tiles says', () => {
  assert.equal(tilePath({ level: 0, n: 5 }, 256), 'tile/0/005')
  assert.equal(tilePath({ level: 1, n: 1_234_067 }, 256), 'tile/1/x001/x234/067')
  assert.equal(tilePath({ level: 0, n: 1000 }, 7), 'tile/0/x001/000.p/7')
})
