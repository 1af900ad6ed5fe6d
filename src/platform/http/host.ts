import { isIP } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ProtocolRefusal } from './protocol.ts'

/** Addresses that scripts, peers and probes read, by whatever name of this machine; pages are at one origin. */
const READ_BY_MACHINES = /^\/(api|ledger|health)(\/|$)/

/**
 * A page lives at one origin: passkeys and cookies do not exist at an IP number, so a page asked for there moves (308). A foreign
 * name is refused: a page elsewhere whose name was pointed at this machine (DNS rebinding) would otherwise read what is here.
 */
export function guardHost(app: FastifyInstance, origin: string): void {
  const ours = new URL(origin)
  app.addHook('onRequest', async (request, reply) => {
    const host = hostOf(request, ours.protocol)
    if (host?.host === ours.host) return
    if (host === undefined || isIP(host.hostname.replace(/^\[|\]$/g, '')) === 0) throw new ProtocolRefusal('wrong-host')
    if (READ_BY_MACHINES.test(request.url.split('?')[0]!)) return
    if (!/^(GET|HEAD)$/.test(request.method) || !request.url.startsWith('/')) throw new ProtocolRefusal('wrong-host')
    return reply.redirect(`${ours.origin}${request.url}`, 308)
  })
}

function hostOf(request: FastifyRequest, protocol: string): URL | undefined {
  const { host } = request.headers
  return host === undefined || !/^[A-Za-z0-9.:[\]-]+$/.test(host) ? undefined : (URL.parse(`${protocol}//${host}`) ?? undefined)
}
