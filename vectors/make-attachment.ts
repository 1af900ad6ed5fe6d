// Writes vectors/attachment.json: `bin/node24 vectors/make-attachment.ts`. Sealed by WebCrypto, not by the code that the nodes use, with
// fixed keys and ids, so the same file comes out every time.
import { writeFileSync } from 'node:fs'
import { webcrypto } from 'node:crypto'
import { b64u, sha256, type Bytes } from '#platform/bytes'

const CHUNK = 65_536
const HEADER = Buffer.from([0x43, 0x4f, 0x4e, 0x43, 0x42, 0x4c, 0x42, 0x01])
const keyFor = (word: string): Bytes => sha256(`concordat attachment vectors: ${word}`)
const ids = ['5b8a1f8e-6f0a-4c39-9a52-8d6f5f0c1a2b', '0f4de3a1-2d53-4a51-8a0e-3b6c7d8e9f10'] as const

/** The file of a vector: byte `n` is 31·n mod 251. */
export function fileOf(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, n) => (31 * n) % 251))
}

function padded(length: number): number {
  if (length <= CHUNK) return CHUNK
  const e = Math.floor(Math.log2(length))
  const step = 2 ** (e - (Math.floor(Math.log2(e)) + 1))
  return Math.ceil(length / step) * step
}

/** How a blob was sealed wrongly: bytes of padding, padded length, no final flag, the number of the first chunk, one number for all, version. */
export type Wrong = { pad?: number; padded?: number; last?: false; from?: number; number?: number; version?: number }

export async function seal(id: string, key: Bytes, file: Bytes, wrong: Wrong = {}): Promise<Buffer> {
  const plain = Buffer.alloc(wrong.padded ?? padded(file.length), wrong.pad ?? 0)
  plain.set(file)
  const length = Buffer.alloc(8)
  length.writeBigUInt64BE(BigInt(file.length))
  const head = Buffer.concat([HEADER.subarray(0, 7), Buffer.of(wrong.version ?? 1)])
  const additionalData = Buffer.concat([head, Buffer.from(id.replaceAll('-', ''), 'hex'), length])
  const secret = await webcrypto.subtle.importKey('raw', new Uint8Array(key), 'AES-GCM', false, ['encrypt'])
  const chunks: Buffer[] = []
  const count = Math.ceil(plain.length / CHUNK)
  for (let n = 0; n < count; n += 1) {
    const iv = Buffer.alloc(12)
    iv.writeUInt32BE(wrong.number ?? n + (wrong.from ?? 0), 7)
    iv[11] = n === count - 1 && wrong.last !== false ? 1 : 0
    const chunk = plain.subarray(n * CHUNK, (n + 1) * CHUNK)
    chunks.push(Buffer.from(await webcrypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, secret, chunk)))
  }
  return Buffer.concat([head, ...chunks])
}

const lengths = [1, 100, 65_535, 65_536, 65_537, 131_072, 135_168, 135_169, 1_000_000]

async function valid() {
  return Promise.all(
    lengths.map(async (length) => {
      const key = keyFor(String(length))
      const blob = await seal(ids[0], key, fileOf(length))
      const hashes = { file: b64u(sha256(fileOf(length))), sha256: b64u(sha256(blob)) }
      const ends = { begins: b64u(blob.subarray(0, 48)), ends: b64u(blob.subarray(-48)) }
      return { length, id: ids[0], key: b64u(key), size: blob.length, ...hashes, ...ends }
    }),
  )
}

const LENGTH = 200_000
const SEALED = CHUNK + 16

/**
 * Made from the blob of `length` bytes: `xor` the byte at `at` (from the end where negative), `keep` so many
 * bytes, `append` zeros, `swap`, `drop` or `repeat` chunks; or opened with another id, key or length. */
const changed = [
  { why: 'a byte of the header', at: 0, xor: 1 },
  { why: 'another version', at: 7, xor: 3 },
  { why: 'the first byte of the first chunk', at: 8, xor: 1 },
  { why: 'a byte of its tag', at: 8 + CHUNK, xor: 128 },
  { why: 'a byte in the middle', at: 100_000, xor: 1 },
  { why: 'a byte of the padding', at: -17, xor: 1 },
  { why: 'the last byte of the last tag', at: -1, xor: 1 },
  { why: 'a byte less', keep: -1 },
  { why: 'cut at the end of a chunk', keep: 8 + 3 * SEALED },
  { why: 'cut to its header', keep: 8 },
  { why: 'nothing', keep: 0 },
  { why: 'a byte more', append: 1 },
  { why: 'a chunk more', append: SEALED },
  { why: 'two chunks in each other\u2019s place', swap: [1, 2] },
  { why: 'a chunk left out', drop: 1 },
  { why: 'a chunk twice', repeat: 1 },
  { why: 'another id', id: ids[1] },
  { why: 'another key', key: b64u(keyFor('another')) },
  { why: 'another length of the same size', length: LENGTH - 1 },
  { why: 'another length', length: 100 },
]

/** Sealed under the right key, and wrong all the same. */
const wrongly: (Wrong & { why: string })[] = [
  { why: 'padding that is not zero', pad: 1 },
  { why: 'no padding', padded: 70_000 },
  { why: 'more padding than needed', padded: padded(70_000) + 2048 },
  { why: 'no chunk is the last', last: false },
  { why: 'chunks counted from one', from: 1 },
  { why: 'all chunks the same number', number: 0 },
  { why: 'another version, bound in', version: 2 },
]

async function invalid() {
  const key = keyFor('invalid')
  return Promise.all(
    wrongly.map(async (wrong) => {
      const blob = await seal(ids[0], key, fileOf(70_000), wrong)
      return { ...wrong, length: 70_000, id: ids[0], key: b64u(key), size: blob.length, sha256: b64u(sha256(blob)) }
    }),
  )
}

export async function attachmentVectors(): Promise<string> {
  const about = 'Blobs (docs/formats/attachment.md). Byte n of a file is 31·n mod 251. Bytes are base64url.'
  const key = b64u(keyFor(String(LENGTH)))
  const blob = await seal(ids[0], keyFor(String(LENGTH)), fileOf(LENGTH))
  const base = { length: LENGTH, id: ids[0], key, size: blob.length, sha256: b64u(sha256(blob)) }
  const vectors = { v: 1, about, valid: await valid(), changed: { of: base, each: changed }, invalid: await invalid() }
  return `${JSON.stringify(vectors, null, 2)}\n`
}

if (import.meta.main) writeFileSync(new URL('attachment.json', import.meta.url), await attachmentVectors())
