import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { b64u, fromB64u, uint64, sha256, type Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { signerOf, type PrivateJwk, type PublicJwk } from '#platform/jws'
import { ledgerVectors } from '../../../vectors/make-ledger.ts'
import { auditCheckpoint, auditMember, auditPath, consistency, treeHash } from './auditor.ts'
import { checkLog, LogProofInvalid } from './log-member.ts'
import { cosignatureLine, cosignedBy, keyIdOf, parseCheckpoint, signatureType, signCheckpoint, signedBy } from './note.ts'
import { climb, consistencyHolds, hashAt, hashCount, inclusionHolds, intervalTree, leafHash } from './tree.ts'

const file = readFileSync(new URL('../../../vectors/ledger.json', import.meta.url), 'utf8')
const vectors = JSON.parse(file)
const hex = (bytes: Bytes): string => Buffer.from(bytes).toString('hex')
const octets = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(fromB64u(text))
type Inclusion = { leaf: string; index: number; size: number; root: string; proof: string[] }
type Consistency = { old: number; oldRoot: string; size: number; root: string; proof: string[] }
const all = (texts: string[]): Bytes[] => texts.map((text) => fromB64u(text))

test('the file is what its script writes', () => {
  assert.equal(file, ledgerVectors())
})

test('roots of the known and the counted tree', async () => {
  const leaves: Uint8Array<ArrayBuffer>[] = vectors.tree.known.leaves.map(octets)
  for (const [size, root] of vectors.tree.known.roots.entries())
    assert.equal(hex(await treeHash(leaves.slice(0, size))), hex(fromB64u(root)))
  assert.equal(hex(fromB64u(vectors.tree.known.roots[8])), '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328')
  const counted = Array.from({ length: 300 }, (_, n) => new Uint8Array(sha256(uint64(n))))
  for (const { size, root } of vectors.tree.counted) assert.equal(hex(await treeHash(counted.slice(0, size))), hex(fromB64u(root)))
})

test('inclusion proofs', async () => {
  const holds = (v: Inclusion) => inclusionHolds(leafHash(fromB64u(v.leaf)), v.index, v.size, all(v.proof), fromB64u(v.root))
  for (const vector of vectors.tree.inclusion.valid) assert.ok(holds(vector))
  for (const vector of vectors.tree.inclusion.invalid) assert.equal(holds(vector), false, vector.why)
  const known: Uint8Array<ArrayBuffer>[] = vectors.tree.known.leaves.map(octets)
  for (const { size, index, proof } of vectors.tree.inclusion.valid.filter((v: Inclusion) => v.size <= 8))
    assert.deepEqual((await auditPath(index, known.slice(0, size))).map(b64u), proof)
})

test('consistency proofs', async () => {
  const holds = (v: Consistency) => consistencyHolds(v.old, fromB64u(v.oldRoot), v.size, fromB64u(v.root), all(v.proof))
  for (const vector of vectors.tree.consistency.valid) assert.ok(holds(vector))
  for (const vector of vectors.tree.consistency.invalid) assert.equal(holds(vector), false, vector.why)
  const known: Uint8Array<ArrayBuffer>[] = vectors.tree.known.leaves.map(octets)
  for (const { old, size, proof } of vectors.tree.consistency.valid.filter((v: Consistency) => v.size <= 8 && v.old > 0))
    assert.deepEqual((await consistency(old, known.slice(0, size))).map(b64u), proof)
})

test('an interval', async () => {
  const { slots, root, paths } = vectors.interval
  const tree = intervalTree(Buffer.concat(all(slots)))
  assert.equal(b64u(tree.root), root)
  assert.equal(b64u(await treeHash(slots.map(octets))), root)
  for (const [slot, path] of paths.entries()) {
    const row = tree.path(slot)
    assert.deepEqual(
      Array.from({ length: hashCount(row) }, (_, at) => b64u(hashAt(row, at))),
      path,
    )
    assert.equal(b64u(climb(fromB64u(slots[slot]), slot, all(path))), root)
  }
})

test('a checkpoint', () => {
  const { valid, invalid } = vectors.checkpoint
  const head = { origin: valid.origin, size: valid.size, root: fromB64u(valid.root) }
  assert.equal(signCheckpoint(head, signerOf(vectors.keys.ncsc as PrivateJwk)), valid.note)
  assert.equal(keyIdOf(valid.origin, signatureType.log, valid.key), valid.keyId)
  assert.equal(signedBy(parseCheckpoint(valid.note), valid.origin, valid.key), true)
  assert.equal(parseCheckpoint(valid.note).text, valid.text)
  for (const { why, note } of invalid)
    assert.equal(
      passes(() => signedBy(parseCheckpoint(note), valid.origin, valid.key)),
      false,
      why,
    )
})

test('a cosignature', async () => {
  const {
    valid: head,
    cosignature: { valid, invalid },
  } = vectors.checkpoint
  const [log, cosigner] = [
    { name: head.origin, publicKey: octets(head.key.x) },
    { name: valid.name, publicKey: octets(valid.key.x) },
  ]
  assert.equal(cosignatureLine(head.text, valid.name, signerOf(vectors.keys.witness), new Date(valid.time)), valid.line)
  assert.equal(keyIdOf(valid.name, signatureType.cosignature, valid.key), valid.keyId)
  assert.equal(cosignedBy(parseCheckpoint(head.note + valid.line), valid.name, valid.key)?.toISOString(), valid.time)
  const audited = await auditCheckpoint(head.note + valid.line, log, [cosigner])
  assert.deepEqual(audited.times, { [valid.name]: Date.parse(valid.time) / 1000 })
  for (const { why, line } of invalid)
    assert.equal(
      passes(() => cosignedBy(parseCheckpoint(head.note + line), valid.name, valid.key) !== undefined),
      false,
      why,
    )
})

test('a log member', async () => {
  const { origin, trust, record, valid, invalid } = vectors.member
  for (const { why, log, trust: stricter = trust, commitment, logTime, size, root, index, n } of valid) {
    const checked = checkLog(record, log, origin, stricter)
    const found = [b64u(checked.commitment), checked.logTime.toISOString(), checked.size, checked.root, checked.index, checked.n]
    assert.deepEqual(found, [commitment, logTime, size, root, index, n], why)
  }
  for (const vector of invalid)
    assert.equal(
      passes(() => checkLog(vector.record ?? record, vector.log, origin, vector.trust ?? trust) !== undefined),
      false,
      vector.why,
    )
  const others = Object.entries<PublicJwk>({ ...trust.witnesses, ...trust.origins }).map(([name, key]) => ({
    name,
    publicKey: octets(key.x),
  }))
  const audited = { size: 3, root: '', leaves: vectors.member.leaves.map(octets), times: {} }
  for (const { log } of valid)
    await auditMember(canonical(record), log, audited, { name: origin, publicKey: octets(trust.origins[origin].x) }, others)
})

/** False for what is refused in one of the two ways the ledger refuses; anything else thrown is a fault of ours. */
function passes(check: () => boolean): boolean {
  try {
    return check()
  } catch (error) {
    assert.ok(error instanceof SyntaxError || error instanceof LogProofInvalid, String(error))
    return false
  }
}
