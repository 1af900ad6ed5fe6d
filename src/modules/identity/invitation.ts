import type { Bytes } from '#platform/bytes'
import { sha256 } from '#platform/bytes'
import type { Random } from '#platform/context'

// No 0 O 1 I L U: a code is read out or typed from a letter.
const ALPHABET = '23456789ABCDEFGHJKMNPQRSTVWXYZ'

/** `XXXX-XXXX-XXXX-XXXX-XXXX`: 98 random bits. */
export function newCode(random: Random): string {
  const four = (): string => Array.from({ length: 4 }, () => ALPHABET[random.below(ALPHABET.length)]).join('')
  return Array.from({ length: 5 }, four).join('-')
}

/**
 * What is kept of a code, however it was typed: in small letters, with spaces. A token of one's own is taken in its place, so what could
 * be one is left as it is.
 */
export function codeHash(typed: string): Bytes {
  const trimmed = typed.trim()
  if (trimmed.length === 43) return sha256(trimmed)
  const letters = trimmed.toUpperCase().replace(/[^0-9A-Z]/g, '')
  return sha256((letters.match(/.{1,4}/g) ?? []).join('-'))
}

/** What is kept of an account: nobody who reads it learns an address or a number of the provider's. */
export function accountHash(issuer: string, subject: string): Bytes {
  return sha256('concordat account\n', JSON.stringify([issuer, subject]))
}
