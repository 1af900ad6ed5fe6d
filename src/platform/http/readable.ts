import { Refusal, type Mistake } from '../errors.ts'
import { isUuid } from '../ids.ts'

/** Text that no store or format of ours can hold: NUL (PostgreSQL refuses it) and half a surrogate pair (not Unicode, RFC 8785 refuses it). */
export function isReadable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

const UNREADABLE = 'This holds characters that are not text'

const DEEPEST = 40

/** Every place in a JSON value that cannot be kept as it was sent. Throws `malformed` where it is nested beyond use. */
export function unreadable(value: unknown, at: readonly string[] = []): Mistake[] {
  if (at.length > DEEPEST) throw new Refusal('malformed')
  if (typeof value === 'string') return isReadable(value) ? [] : [{ field: at.join('.'), message: UNREADABLE }]
  if (typeof value === 'number' && (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))))
    return [{ field: at.join('.'), message: 'This number cannot be kept exactly: send it as text' }]
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return []
  return Object.entries(value).flatMap(([name, member]) =>
    isReadable(name) ? unreadable(member, [...at, name]) : [{ field: at.join('.'), message: UNREADABLE }],
  )
}

/** An id that cannot be one is answered as one that does not exist. */
export function checkParams(params: Record<string, string>): Record<string, string> {
  for (const [name, value] of Object.entries(params)) {
    if (!isReadable(value) || (/^id$|Id$/.test(name) && !isUuid(value))) throw new Refusal('not-found')
  }
  return params
}

export function checkQuery(query: Record<string, string>): Record<string, string> {
  const mistakes = unreadable(query)
  if (mistakes.length > 0) throw new Refusal('invalid', { mistakes })
  return query
}
