import { Refusal, refusals, type Mistake, type RefusalCode } from '../errors.ts'

export type ProblemCode = RefusalCode

/** RFC 9457. `instance` is the route as documented, never the address asked for: ids in it could be secrets, and bodies would differ. */
export type Problem = {
  type: string
  title: string
  status: number
  code: ProblemCode
  clause?: string
  items?: string[]
  offset?: number
  mistakes?: Mistake[]
  instance: string
}

/** What the framework throws, in our codes. */
const framework: Record<string, ProblemCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media-type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed',
  FST_ERR_BAD_URL: 'not-found',
  FST_ERR_ROUTE_MISSING_PARAM: 'not-found',
}

// Node's and PostgreSQL's codes for a server that is not there, is starting or stopping, or has no room: trying again helps.
const outages = ['ECONNREFUSED', 'ECONNRESET', '57P01', '57P02', '57P03', '08000', '08001', '08003', '08006', '53300']

/** A refusal's or the framework's code, or an outage's; whatever else was thrown is a fault. */
export function codeOf(error: unknown): ProblemCode {
  if (error instanceof Refusal) return error.code
  const code = String((error as { code?: unknown } | undefined)?.code)
  return framework[code] ?? (outages.includes(code) ? 'unavailable' : 'fault')
}

export function problemOf(error: unknown, instance: string): Problem {
  const code = codeOf(error)
  const { status, title } = rowOf(code)
  const problem: Problem = { type: `urn:concordat:problem:${code}`, title, status, code, instance }
  // Nothing may tell one thing that is not there from another, so `not-found` carries no detail.
  if (!(error instanceof Refusal) || code === 'not-found') return problem
  const { clause, items, offset, mistakes } = error.detail
  const told = { ...(clause !== undefined && { clause }), ...(items && { items }), ...(offset !== undefined && { offset }) }
  return { ...problem, ...told, ...(mistakes && { mistakes }) }
}

export function rowOf(code: ProblemCode): { status: number; title: string } {
  return refusals[code]
}

export const problemCodes = Object.keys(refusals) as ProblemCode[]
