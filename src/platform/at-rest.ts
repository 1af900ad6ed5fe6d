import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { Bytes } from './bytes.ts'

/**
 * What lies in a database under a key that does not: AES-256-GCM, 12 random bytes ahead, tag behind. `place` is bound in, so a
 * ciphertext moved to another row does not open. The nonce is drawn from the system's source: a repeat would undo the key.
 */
export function closeAtRest(key: Bytes, place: string, plaintext: Bytes): Buffer {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(Buffer.from(place))
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

/** Throws where key, place or a single bit differs. */
export function openAtRest(key: Bytes, place: string, stored: Bytes): Buffer {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
  decipher.setAAD(Buffer.from(place))
  decipher.setAuthTag(bytes.subarray(-16))
  return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()])
}
