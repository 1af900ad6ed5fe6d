import type { ZodType } from 'zod'
import { Refusal, type Mistake } from '../errors.ts'
import { octets, octetStream } from '../octets.ts'
import { unreadable } from './readable.ts'

const MOST_MISTAKES = 50
const UNKNOWN = 'There is no such member here'

/**
 * The body as the schema reads it. Throws `invalid` with a pointer to each fault, `answers.0.value`. A member that the schema does
 * not know is refused: what was meant by it would otherwise be lost without a word. (So a schema must not rename members.)
 */
export function readBody(schema: ZodType | undefined, sent: unknown): unknown {
  if (schema === octets || schema === octetStream) return bytesIn(schema, sent)
  const mistakes = unreadable(sent)
  if (mistakes.length > 0) throw refused(mistakes)
  if (schema === undefined) return nothingIn(sent)
  const result = schema.safeParse(sent)
  if (!result.success) throw refused(mistakesOf(result.error.issues, sent))
  const unknown = unknownMembers(sent, result.data)
  if (unknown.length > 0) throw refused(unknown)
  return result.data
}

function bytesIn(schema: ZodType, sent: unknown): unknown {
  if (!schema.safeParse(sent).success) throw refused([{ field: '', message: 'This is missing' }])
  return sent
}

/** A reply that differs from what is documented: a fault of ours, looked for everywhere but in production. */
export class ReplyMismatch extends Error {
  readonly code: string
  constructor(field: string) {
    super(`the reply is not as documented at ${field}`)
    this.name = 'ReplyMismatch'
    this.code = field
  }
}

export function checkReply(schema: ZodType, text: string | undefined): void {
  const sent: unknown = text === undefined ? undefined : JSON.parse(text)
  const result = schema.safeParse(sent)
  const mistakes = result.success ? unknownMembers(sent, result.data) : mistakesOf(result.error.issues, sent)
  if (mistakes[0]) throw new ReplyMismatch(mistakes[0].field.replace(/\d+/g, 'n') || 'root')
}

function nothingIn(sent: unknown): undefined {
  const unknown = unknownMembers(sent, {})
  if (unknown.length > 0) throw refused(unknown)
  return undefined
}

function refused(mistakes: Mistake[]): Refusal {
  return new Refusal('invalid', { mistakes: mistakes.slice(0, MOST_MISTAKES) })
}

type Issue = { code: string; path: PropertyKey[]; message: string; keys?: string[] }

function mistakesOf(issues: readonly unknown[], sent: unknown): Mistake[] {
  return (issues as Issue[]).flatMap((issue) => {
    if (issue.code === 'unrecognized_keys')
      return (issue.keys ?? []).map((key) => ({ field: fieldOf([...issue.path, key]), message: UNKNOWN }))
    const missing = valueAt(sent, issue.path) === undefined
    return [{ field: fieldOf(issue.path), message: missing ? 'This is missing' : issue.message }]
  })
}

/** Members that reading with the schema left out, at any depth. */
function unknownMembers(sent: unknown, read: unknown, at: PropertyKey[] = []): Mistake[] {
  if (Array.isArray(sent) && Array.isArray(read))
    return sent.flatMap((member, index) => unknownMembers(member, read[index], [...at, index]))
  if (!isRecord(sent) || !isRecord(read)) return []
  return Object.keys(sent).flatMap((name) =>
    Object.hasOwn(read, name)
      ? unknownMembers(sent[name], read[name], [...at, name])
      : [{ field: fieldOf([...at, name]), message: UNKNOWN }],
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, name) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[name] : undefined),
    value,
  )
}

function fieldOf(path: readonly PropertyKey[]): string {
  return path.map(String).join('.').slice(0, 200)
}
