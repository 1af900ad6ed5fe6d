import { timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { b64u, sha256 } from '../bytes.ts'

/**
 * The token that goes with the secret in a cookie that scripts cannot read. It follows from the secret alone: a form that was open
 * while the server was restarted still works.
 */
export function formToken(secret: string): string {
  return b64u(sha256('concordat form token\n', secret))
}

export function tokenHolds(secret: string | undefined, token: string): boolean {
  if (secret === undefined) return false
  return timingSafeEqual(sha256(formToken(secret)), sha256(token))
}

/** Where a request comes from, by what browsers say and scripts on other pages cannot change. Old browsers say nothing. */
export function comesFrom(request: FastifyRequest, ours: string): 'here' | 'elsewhere' | 'unsaid' {
  const { origin, 'sec-fetch-site': site } = request.headers
  if (origin === undefined && site === undefined) return 'unsaid'
  const originFits = origin === undefined || origin === ours
  const siteFits = site === undefined || site === 'same-origin'
  return originFits && siteFits ? 'here' : 'elsewhere'
}
