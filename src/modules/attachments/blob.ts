import { createCipheriv, createDecipheriv } from 'node:crypto'
import { equal, uint64, type Bytes } from '#platform/bytes'

// docs/formats/attachment.md.

export const CHUNK = 65_536
const TAG = 16
const HEADER = Buffer.from('CONCBLB\u0001', 'latin1')
/** So many chunks are read from the disk at once. */
const TOGETHER = 16

/** What opens one blob, with what follows from the length: `chunks` of them, `padded` bytes in them, `size` bytes in all. */
export type Blob = { key: Bytes; aad: Bytes; length: number; padded: number; chunks: number; size: number }

/** Bytes of a blob as it is stored; fewer than asked for only at its end. */
export type ReadAt = (position: number, length: number) => Promise<Bytes>

export function blobOf({ id, key, length }: { id: string; key: Bytes; length: number }): Blob {
  const padded = paddedLength(length)
  const aad = Buffer.concat([HEADER, Buffer.from(id.replaceAll('-', ''), 'hex'), uint64(length)])
  return { key, aad, length, padded, chunks: Math.ceil(padded / CHUNK), size: sizeOf(length) }
}

/** Padm\u00e9, never below one chunk: the higher digits of a length stay, the lower ones are rounded up, so that sizes are few. */
export function paddedLength(length: number): number {
  if (length <= CHUNK) return CHUNK
  const exponent = length.toString(2).length - 1
  const kept = exponent.toString(2).length
  const step = 2 ** (exponent - kept)
  return Math.ceil(length / step) * step
}

/** How long the blob of a file is. */
export function sizeOf(length: number): number {
  const padded = paddedLength(length)
  return HEADER.length + padded + TAG * Math.ceil(padded / CHUNK)
}

/** Where the sealed bytes of a chunk lie. The header belongs to the first. */
export function placeOf(blob: Blob, index: number): { at: number; length: number } {
  const head = index === 0 ? HEADER.length : 0
  return { at: index === 0 ? 0 : HEADER.length + index * (CHUNK + TAG), length: head + plainLength(blob, index) + TAG }
}

/** Of the padded file. */
export function plainLength({ padded }: Blob, index: number): number {
  return Math.min(CHUNK, padded - index * CHUNK)
}

function nonceOf({ chunks }: Blob, index: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(index, 7)
  nonce[11] = index === chunks - 1 ? 1 : 0
  return nonce
}

/** The chunk's bytes as they lie in the blob, filled up with zeros. The same bytes give the same chunk. */
export function sealChunk(blob: Blob, index: number, plaintext: Bytes): Buffer {
  const cipher = createCipheriv('aes-256-gcm', blob.key, nonceOf(blob, index), { authTagLength: TAG })
  cipher.setAAD(blob.aad)
  const missing = plainLength(blob, index) - plaintext.length
  const parts = [index === 0 ? HEADER : Buffer.alloc(0), cipher.update(plaintext)]
  if (missing > 0) parts.push(cipher.update(Buffer.alloc(missing)))
  cipher.final()
  return Buffer.concat([...parts, cipher.getAuthTag()])
}

/** The file's own bytes in this chunk; none where it is all padding. Throws SyntaxError where a single bit differs. */
export function openChunk(blob: Blob, index: number, sealed: Bytes): Buffer {
  const { length } = placeOf(blob, index)
  const head = length - TAG - plainLength(blob, index)
  if (sealed.length !== length || !equal(sealed.subarray(0, head), HEADER.subarray(0, head))) throw new SyntaxError('not this blob')
  const plaintext = decrypted(blob, index, sealed.subarray(head))
  const own = Math.max(0, Math.min(CHUNK, blob.length - index * CHUNK))
  if (plaintext.subarray(own).some((byte) => byte !== 0)) throw new SyntaxError('padding is not zero')
  return plaintext.subarray(0, own)
}

function decrypted(blob: Blob, index: number, sealed: Bytes): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', blob.key, nonceOf(blob, index), { authTagLength: TAG })
  decipher.setAAD(blob.aad)
  decipher.setAuthTag(sealed.subarray(-TAG))
  const plaintext = decipher.update(sealed.subarray(0, -TAG))
  try {
    decipher.final()
  } catch {
    throw new SyntaxError('not this blob')
  }
  return plaintext
}

/**
 * The file, piece by piece, each checked before it is given out; throws SyntaxError at the first that is not as it was sealed, and where
 * the blob is shorter or longer than it says. `stored` sees the blob's own bytes as they pass.
 */
export async function* openBlob(blob: Blob, read: ReadAt, stored: (bytes: Bytes) => void = () => {}): AsyncGenerator<Buffer> {
  for (let first = 0; first < blob.chunks; first += TOGETHER) {
    const last = Math.min(first + TOGETHER, blob.chunks) - 1
    const { at } = placeOf(blob, first)
    const end = placeOf(blob, last)
    const bytes = await read(at, end.at + end.length - at)
    stored(bytes)
    for (let index = first; index <= last; index += 1) {
      const place = placeOf(blob, index)
      const piece = openChunk(blob, index, bytes.subarray(place.at - at, place.at - at + place.length))
      if (piece.length > 0) yield piece
    }
  }
  if ((await read(blob.size, 1)).length > 0) throw new SyntaxError('more than this blob')
}

/** Any part of the file, opened chunk by chunk; the last chunk that was opened is kept, for whoever reads on. */
export function readPlain(blob: Blob, read: ReadAt): ReadAt {
  let known: { index: number; bytes: Buffer } | undefined
  const chunk = async (index: number): Promise<Buffer> => {
    if (known?.index === index) return known.bytes
    const { at, length } = placeOf(blob, index)
    known = { index, bytes: openChunk(blob, index, await read(at, length)) }
    return known.bytes
  }
  return async (position, length) => {
    const end = Math.min(position + length, blob.length)
    const parts: Buffer[] = []
    for (let at = position; at < end; ) {
      const index = Math.floor(at / CHUNK)
      const part = (await chunk(index)).subarray(at - index * CHUNK, end - index * CHUNK)
      parts.push(part)
      at += part.length
    }
    return Buffer.concat(parts)
  }
}
