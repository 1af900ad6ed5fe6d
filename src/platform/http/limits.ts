import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../errors.ts'

export type Limit = { max: number; seconds: number }

/**
 * Counted per address (an IPv6 /64 counts as one). `failures`: tokens and sign-ins that did not hold; one that holds is never
 * refused, for others may share the address. `overall`: everything else. `exempt`: what a first report needs, as `POST /api/v1/incidents`
 * or `GET /report/:id`: it is never refused, because nobody can tell a genuine one from the hundredth.
 */
export type LimitOptions = { failures?: Limit; overall?: Limit; exempt?: readonly string[] }

export type Limits = { refusedSignIn(request: FastifyRequest, reply: FastifyReply): Promise<Refusal> }

const FAILURES: Limit = { max: 60, seconds: 60 }
const OVERALL: Limit = { max: 30_000, seconds: 60 }

export async function limitRequests(app: FastifyInstance, options: LimitOptions): Promise<Limits> {
  await app.register(rateLimit, { global: false })
  const failures = counter(app, options.failures ?? FAILURES)
  const overall = counter(app, options.overall ?? OVERALL)
  const exempt = new Set(options.exempt)
  app.addHook('onRequest', async (request, reply) => {
    const route = request.routeOptions.url ?? ''
    if (/^\/(assets|health)\//.test(route) || exempt.has(`${request.method} ${route}`)) return
    if (await overall(request, reply)) throw new Refusal('too-many')
  })
  return { refusedSignIn: async (request, reply) => new Refusal((await failures(request, reply)) ? 'too-many' : 'not-signed-in') }
}

/** Counts one more and says whether that is too many. */
function counter(app: FastifyInstance, limit: Limit): (request: FastifyRequest, reply: FastifyReply) => Promise<boolean> {
  const count = app.createRateLimit({ max: limit.max, timeWindow: limit.seconds * 1000 })
  return async (request, reply) => {
    const result = await count(request)
    if (result.isAllowed || !result.isExceeded) return false
    reply.header('retry-after', result.ttlInSeconds)
    return true
  }
}
