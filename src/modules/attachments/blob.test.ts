import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { b64u, fromB64u, sha256, type Bytes } from '#platform/bytes'
import { runs, seed } from '../../../checks/runs.ts'
import { attachmentVectors, fileOf, seal, type Wrong } from '../../../vectors/make-attachment.ts'
import { blobOf, CHUNK, openBlob, paddedLength, placeOf, readPlain, sealChunk, sizeOf, type Blob, type ReadAt } from './blob.ts'

const file = readFileSync(new URL('../../../vectors/attachment.json', import.meta.url), 'utf8')
const vectors = JSON.parse(file)

const readerOf =
  (bytes: Bytes): ReadAt =>
  async (position, length) =>
    bytes.subarray(position, position + length)

function sealed(blob: Blob, plaintext: Bytes): Buffer {
  const chunks = Array.from({ length: blob.chunks }, (_, n) => sealChunk(blob, n, plaintext.subarray(n * CHUNK, (n + 1) * CHUNK)))
  return Buffer.concat(chunks)
}

async function opened(blob: Blob, bytes: Bytes): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of openBlob(blob, readerOf(bytes))) parts.push(part)
  return Buffer.concat(parts)
}

type Named = { id: string; key: string; length: number }
const blobNamed = ({ id, key, length }: Named): Blob => blobOf({ id, key: fromB64u(key, 32), length })
const refused = (blob: Blob, bytes: Bytes, why: string) => assert.rejects(opened(blob, bytes), SyntaxError, why)

test('the vectors are what their maker makes', async () => assert.equal(await attachmentVectors(), file))

test('every blob of the vectors is sealed to the same bytes, and opens', async () => {
  for (const one of vectors.valid) {
    const blob = blobNamed(one)
    const bytes = sealed(blob, fileOf(one.length))
    const told = [bytes.length, b64u(sha256(bytes)), b64u(bytes.subarray(0, 48)), b64u(bytes.subarray(-48))]
    assert.deepEqual(told, [one.size, one.sha256, one.begins, one.ends], `${one.length}`)
    assert.equal(sizeOf(one.length), one.size)
    assert.equal(b64u(sha256(await opened(blob, bytes))), one.file)
  }
})

type Change = Partial<Named> & {
  why: string
  at?: number
  xor?: number
  keep?: number
  append?: number
  swap?: [number, number]
  drop?: number
  repeat?: number
}

function changedBy(bytes: Buffer, blob: Blob, change: Change): Buffer {
  const { at, xor, keep, append, swap, drop, repeat } = change
  const chunk = (n: number) => bytes.subarray(placeOf(blob, n).at, placeOf(blob, n).at + placeOf(blob, n).length)
  const order = [...Array(blob.chunks).keys()]
  if (swap) [order[swap[0]], order[swap[1]]] = [swap[1], swap[0]]
  if (drop !== undefined) order.splice(drop, 1)
  if (repeat !== undefined) order.splice(repeat, 0, repeat)
  const changed = Buffer.concat([...order.map(chunk), Buffer.alloc(append ?? 0)])
  if (at !== undefined) changed.writeUInt8(changed.at(at)! ^ xor!, at < 0 ? changed.length + at : at)
  return keep === undefined ? changed : changed.subarray(0, keep < 0 ? changed.length + keep : keep)
}

test('whatever is changed, cut, moved, left out or added is refused', async () => {
  const { of, each } = vectors.changed as { of: Named; each: Change[] }
  const blob = blobNamed(of)
  const bytes = sealed(blob, fileOf(of.length))
  assert.deepEqual(await opened(blob, bytes), fileOf(of.length))
  for (const change of each) await refused(blobNamed({ ...of, ...change }), changedBy(bytes, blob, change), change.why)
})

test('what was sealed wrongly under the right key is refused', async () => {
  for (const one of vectors.invalid as (Named & Wrong & { why: string; sha256: string })[]) {
    const bytes = await seal(one.id, fromB64u(one.key, 32), fileOf(one.length), one)
    assert.equal(b64u(sha256(bytes)), one.sha256)
    await refused(blobNamed(one), bytes, one.why)
  }
})

const lengths = fc.oneof(fc.integer({ min: 1, max: 300_000 }), fc.constantFrom(1, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073))
const key = sha256('a key of these tests')
const id = '5b8a1f8e-6f0a-4c39-9a52-8d6f5f0c1a2b'

test('what is sealed opens, whole and in any part', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, fc.nat(300_000), fc.nat(200_000), async (length, from, some) => {
      const blob = blobOf({ id, key, length })
      const bytes = sealed(blob, fileOf(length))
      assert.equal(bytes.length, blob.size)
      assert.deepEqual(await opened(blob, bytes), fileOf(length))
      assert.deepEqual(await readPlain(blob, readerOf(bytes))(from, some), fileOf(length).subarray(from, from + some))
    }),
    { numRuns: runs(20), seed },
  )
})

test('a flipped bit anywhere, and a cut anywhere, is refused; what came before it was given out as it was sent', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(7), async (length, share, bit) => {
      const blob = blobOf({ id, key, length })
      const bytes = sealed(blob, fileOf(length))
      const at = Math.min(bytes.length - 1, Math.floor(share * bytes.length))
      await refused(blob, bytes.subarray(0, at), `cut at ${at} of ${bytes.length}`)
      const flipped = Buffer.from(bytes)
      flipped[at]! ^= 1 << bit
      let read = 0
      const reading = async () => {
        for await (const part of openBlob(blob, readerOf(flipped))) {
          assert.deepEqual(part, fileOf(length).subarray(read, read + part.length))
          read += part.length
        }
      }
      await assert.rejects(reading(), SyntaxError, `bit ${bit} of byte ${at} of ${bytes.length}`)
    }),
    { numRuns: runs(20), seed },
  )
})

test('a size tells a class: the padding is little, the classes are few, and every length up to one chunk looks alike', () => {
  const most = 4 * 2 ** 30
  fc.assert(
    fc.property(fc.integer({ min: CHUNK + 1, max: most }), (length) => {
      const padded = paddedLength(length)
      assert.ok(padded >= length && padded - length <= length / 32, `${length} → ${padded}`)
      assert.equal(paddedLength(padded), padded)
    }),
    { numRuns: runs(500), seed },
  )
  const classes: number[] = []
  for (let length = 1; length <= most; length = classes.at(-1)! + 1) classes.push(paddedLength(length))
  assert.ok(classes.length < 520, `${classes.length} classes`)
  assert.equal(sizeOf(1), sizeOf(CHUNK))
  assert.notEqual(sizeOf(CHUNK), sizeOf(CHUNK + 1))
})
