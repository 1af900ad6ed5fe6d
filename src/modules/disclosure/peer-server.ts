import { fastify, type FastifyInstance } from 'fastify'
import { ZodError } from 'zod'
import { cosign, cosignExtended, leavesOf, mirroredHead, witnessedCheckpoint, type Cosigner } from '#ledger'
import { describeFault } from '#platform/log'
import { Refusal, refusals } from '#platform/errors'
import { LONGEST_ENVELOPE, NotYet } from '#exchange'
import { giveAgain } from './again.ts'
import type { GatewayConfig } from './config.ts'
import { receiver } from './receive.ts'

const STRAYS_A_MINUTE = 60

/** True so many times a minute. */
function atMost(limit: number, now: () => Date): () => boolean {
  let minute = 0
  let count = 0
  return () => {
    const current = Math.floor(now().getTime() / 60_000)
    if (current !== minute) [minute, count] = [current, 0]
    return ++count <= limit
  }
}

/** What this gateway does at present for others: keep what they send, and cosign. */
export type Stance = { takesIn: boolean; cosigns: boolean }

/**
 * The gateway's only listener: envelopes and checkpoints from other gateways, nothing for people. It tells a stranger nothing but
 * that the message could not be taken.
 */
export function createPeerServer(config: GatewayConfig, { afterwards, stance }: { afterwards(): void; stance(): Stance }): FastifyInstance {
  const mayRecord = atMost(STRAYS_A_MINUTE, () => config.makeCtx().now())
  const receive = receiver(config)
  const app = fastify({ bodyLimit: LONGEST_ENVELOPE, logger: false, forceCloseConnections: true })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.post('/envelopes', async (request, reply) => {
    if (!stance().takesIn) return problem(reply, 'unavailable')
    const result = await receive(request.body as Buffer, mayRecord)
    afterwards()
    if ('acknowledgement' in result) return reply.type('application/jose').send(result.acknowledgement)
    return problem(reply, result.refused)
  })
  cosigning(app, config, stance)
  app.post('/restore', async (request, reply) => {
    const answer = await giveAgain(config, (request.body as Buffer).toString('utf8'), config.makeCtx()).catch(refusedOnly)
    return answer ? reply.type('application/octet-stream').send(answer) : problem(reply, 'unknown-peer')
  })
  app.get('/witnessed/:origin', async (request, reply) => {
    const note = await witnessedCheckpoint(config.db, (request.params as { origin: string }).origin)
    return note === undefined ? problem(reply, 'not-found') : reply.type('text/plain; charset=utf-8').send(note)
  })
  config.peerRoutes?.(app, config)
  app.setNotFoundHandler((_request, reply) => problem(reply, 'not-found'))
  app.setErrorHandler((error, _request, reply) => {
    if ((error as { code?: string }).code === 'FST_ERR_CTP_BODY_TOO_LARGE') return problem(reply, 'too-large')
    if (error instanceof NotYet) return problem(reply, 'unavailable')
    config.makeCtx().log.error({ event: 'gateway-fault', ...describeFault(error) })
    return problem(reply, 'fault')
  })
  return app
}

/** What is no request of a known node gets no answer; a fault of ours stays one. */
function refusedOnly(error: unknown): undefined {
  if (error instanceof Refusal || error instanceof SyntaxError || error instanceof ZodError) return undefined
  throw error
}

function cosigning(app: FastifyInstance, config: GatewayConfig, stance: () => Stance): void {
  const cosigner: Cosigner = { name: config.ledger.origin, signer: config.ledger.signer, trust: config.trust.ledger }
  for (const [path, work] of [
    ['/add-checkpoint', cosign],
    ['/extend', cosignExtended],
  ] as const)
    app.post(path, async (request, reply) => {
      if (!stance().cosigns) return problem(reply, 'unavailable')
      const answer = await work(config.db, (request.body as Buffer).toString('utf8'), cosigner, config.makeCtx())
      return reply
        .code(answer.status)
        .type(answer.status === 409 ? 'text/x.tlog.size' : 'text/plain')
        .send(answer.body)
    })
  app.get('/mirror/:origin', async (request, reply) => {
    const head = await mirroredHead(config.db, (request.params as { origin: string }).origin, config.makeCtx())
    return head ? reply.type('application/json').send(JSON.stringify(head)) : problem(reply, 'not-found')
  })
  app.get('/mirror/:origin/:from', async (request, reply) => {
    const { origin, from } = request.params as { origin: string; from: string }
    if (!/^[0-9]{1,15}$/.test(from)) return problem(reply, 'not-found')
    return reply.type('application/octet-stream').send(await leavesOf(config.db, origin, Number(from)))
  })
}

function problem(reply: { code(status: number): { type(type: string): { send(body: unknown): unknown } } }, code: keyof typeof refusals) {
  const { status, title } = refusals[code]
  return reply
    .code(status)
    .type('application/problem+json')
    .send(JSON.stringify({ type: 'about:blank', title, status, code }))
}
