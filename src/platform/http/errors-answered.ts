import { join } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Actor, Random } from '../context.ts'
import { Refusal } from '../errors.ts'
import { newReference } from '../ids.ts'
import { describeFault, type Log } from '../log.ts'
import { localPath, view } from '../pages.ts'
import { advice } from './advice.ts'
import { somebody } from './callers.ts'
import type { RenderView } from './layout.ts'
import { problemOf, type Problem } from './problems.ts'
import { ProtocolRefusal } from './protocol.ts'

export type ErrorOptions = { log: Log; random: Random; render: RenderView; signIn: string; onFault(): void }

const template = join(import.meta.dirname, '../views/error.njk')

/** Whatever was thrown becomes a page or a problem document; a fault also one line in the log, without its message. */
export function answerErrors(app: FastifyInstance, options: ErrorOptions): void {
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, options))
  app.setNotFoundHandler((request, reply) => answerError(new Refusal('not-found'), request, reply, options))
}

export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, options: ErrorOptions): FastifyReply {
  const problem = problemOf(error, request.routeOptions.url ?? '/')
  if (error instanceof ProtocolRefusal) reply.headers(error.headers)
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer')
  if (problem.status === 503) reply.header('retry-after', 5)
  const reference = problem.status >= 500 && !(error instanceof Refusal) ? recordFault(error, request, options) : ''
  reply.code(problem.status).header('cache-control', 'no-store')
  if (wantsPage(request)) return sendPage(problem, reference, request, reply, options)
  const instance = reference === '' ? problem.instance : `urn:concordat:reference:${reference}`
  return reply.type('application/problem+json; charset=utf-8').send(JSON.stringify({ ...problem, instance }))
}

function recordFault(error: unknown, request: FastifyRequest, { log, random, onFault }: ErrorOptions): string {
  const reference = newReference('FAULT', random)
  onFault()
  log.error({ event: 'fault', reference, route: routeOf(request), ...describeFault(error) })
  return reference
}

/** The route as written in the code: the address itself may hold what somebody typed. */
export function routeOf(request: FastifyRequest): string {
  return `${request.method} ${request.routeOptions.url ?? '(none)'}`
}

function wantsPage(request: FastifyRequest): boolean {
  if (/^\/(api|ledger|health)(\/|$)/.test(request.url.split('?')[0]!)) return false
  return /text\/html|\*\/\*/.test(request.headers.accept ?? '*/*')
}

/** Whoever followed a link is brought there once they have signed in. */
function signInFor({ method, url }: FastifyRequest, { signIn }: ErrorOptions): string {
  const to = method === 'GET' ? localPath(url) : undefined
  return signIn === '' || to === undefined ? signIn : `${signIn}?to=${encodeURIComponent(to)}`
}

function sendPage(problem: Problem, reference: string, request: FastifyRequest, reply: FastifyReply, options: ErrorOptions): FastifyReply {
  // Unset where the request came by no hook.
  const actor = (request as { actor?: Actor | null }).actor ?? somebody
  const mistakes = (problem.mistakes ?? []).map(({ message }) => message)
  const signIn = problem.code === 'not-signed-in' ? signInFor(request, options) : ''
  const model = { title: problem.title, advice: advice[problem.code], mistakes, reference, signIn }
  return reply.type('text/html; charset=utf-8').send(options.render(view(template, model), { actor, path: '', mistakes: [] }))
}
