import { createHash, hash as digest } from 'node:crypto'

export type Bytes = Uint8Array

/** SHA-256 over the parts, one after another. */
export function sha256(...parts: (Bytes | string)[]): Bytes {
  if (parts.length === 1) return digest('sha256', parts[0]!, 'buffer')
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** Base64url without padding, RFC 4648 section 5. */
export function b64u(bytes: Bytes): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}

const ALPHABET = /^[A-Za-z0-9_-]*$/

/** Strict: refuses padding, white space, foreign characters and a last character with stray bits, so that a value has one spelling. */
export function fromB64u(text: string, length?: number): Bytes {
  if (typeof text !== 'string' || !ALPHABET.test(text) || text.length % 4 === 1) throw new SyntaxError('not base64url')
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.toString('base64url') !== text) throw new SyntaxError('not base64url')
  if (length !== undefined && bytes.length !== length) throw new SyntaxError(`expected ${length} bytes`)
  return bytes
}

/** Eight bytes, big-endian. */
export function uint64(n: number): Bytes {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(n))
  return bytes
}

/** Four bytes, big-endian. */
export function uint32(n: number): Bytes {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(n)
  return bytes
}

export function equal(a: Bytes, b: Bytes): boolean {
  return Buffer.compare(a, b) === 0
}
