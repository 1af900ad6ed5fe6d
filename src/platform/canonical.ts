import { sha256, type Bytes } from './bytes.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/**
 * RFC 8785 (JCS). ECMAScript already serialises numbers and strings as the RFC asks; what is left is the order
 * of members (UTF-16 code units, section 3.2.3) and the refusal of what is not JSON. Members that are `undefined` are left out.
 * Throws TypeError for a lone surrogate, a number that is not finite, or a value JSON does not have.
 */
export function canonical(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError('number is not finite')
  if (typeof value === 'string' && !value.isWellFormed()) throw new TypeError('string has a lone surrogate')
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value instanceof Date || ArrayBuffer.isView(value)) throw new TypeError('not a JSON value')
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  members.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${canonical(name)}:${canonical(member)}`).join(',')}}`
}

/** A value that has no canonical text at all (a lone surrogate) was not written by us either. */
function isCanonical(value: unknown, text: string): boolean {
  try {
    return canonical(value) === text
  } catch {
    return false
  }
}

export function hashOf(value: unknown): Bytes {
  return sha256(canonical(value))
}

/** Parses text that must be canonical JSON: any other spelling of the same value is refused, so hash and value are one. */
export function parseCanonical(text: string): Json {
  const value = JSON.parse(text)
  if (!isCanonical(value, text)) throw new SyntaxError('not canonical JSON')
  return value
}

/**
 * Parses JSON that somebody else wrote. White space is theirs; a repeated member is refused, because two readers
 * could each take another one. (JSON.parse keeps one of the two, so the compact text no longer matches.)
 */
export function parseForeign(text: string): Json {
  const value = JSON.parse(text)
  const compact = text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1')
  const asciiOnly = JSON.stringify(value).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  if (compact !== JSON.stringify(value) && compact !== asciiOnly) throw new SyntaxError('ambiguous JSON')
  return value
}
