import type { FastifyInstance } from 'fastify'
import type { Log } from '../log.ts'
import type { WebMetrics } from './web-metrics.ts'
import { routeOf } from './errors-answered.ts'

/** One line a request: route, status, time. Nothing that was sent, asked for or answered. Probes and assets say nothing. */
export function logRequests(app: FastifyInstance, log: Log, metrics: WebMetrics): void {
  app.addHook('onResponse', async (request, reply) => {
    metrics.answered(reply.elapsedTime / 1000)
    if (/^\/(assets|health)\//.test(request.routeOptions.url ?? '')) return
    log.info({ event: 'request', route: routeOf(request), status: reply.statusCode, milliseconds: Math.round(reply.elapsedTime) })
  })
}
