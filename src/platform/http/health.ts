import type { FastifyInstance } from 'fastify'

export type Health = { ready: boolean; checks: Record<string, boolean> }

/** Live: the process answers. Ready: it can do its work now; what cannot be asked counts as not ready. */
export function mountHealth(app: FastifyInstance, health: () => Promise<Health>): void {
  app.get('/health/live', async (_request, reply) => reply.type('application/json').send('{"live":true}'))
  app.get('/health/ready', async (_request, reply) => {
    const { ready, checks } = await health().catch((): Health => ({ ready: false, checks: {} }))
    return reply
      .code(ready ? 200 : 503)
      .type('application/json')
      .send(JSON.stringify({ ready, checks }))
  })
}
