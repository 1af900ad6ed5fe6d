import type { FastifyInstance, HTTPMethods } from 'fastify'
import { ProtocolRefusal } from './protocol.ts'

const methods: HTTPMethods[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** A path that exists answers a method it does not take with 405 and what it takes. Called when every route is there. */
export function refuseOtherMethods(app: FastifyInstance, routes: ReadonlyMap<string, ReadonlySet<string>>): void {
  for (const [url, taken] of routes) {
    const allow = [...taken].sort().join(', ')
    const onRequest = async (): Promise<void> => {
      throw new ProtocolRefusal('method-not-allowed', { allow })
    }
    const others = methods.filter((method) => !taken.has(method))
    app.route({ method: others, url, onRequest, handler: onRequest, exposeHeadRoute: false })
  }
}

/** Fills as routes are added. */
export function watchRoutes(app: FastifyInstance): Map<string, Set<string>> {
  const routes = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method }) => {
    const taken = routes.get(url) ?? new Set()
    for (const one of [method].flat()) taken.add(one)
    routes.set(url, taken)
  })
  return routes
}
