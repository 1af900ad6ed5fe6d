import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * Browsers send a cookie to every port of a host, so each node's cookies bear its name. `__Host-` keeps other hosts from setting them.
 * They hold a random id and nothing else, and end with the browser.
 */
export type CookieNames = { session: string; form: string }

export function cookieNames(node: string): CookieNames {
  return { session: `__Host-concordat_${node}`, form: `__Host-concordat_${node}_form` }
}

const attributes = { path: '/', secure: true, httpOnly: true, sameSite: 'lax' } as const

export function readCookie(request: FastifyRequest, name: string): string | undefined {
  const value = request.cookies[name]
  return value !== undefined && /^[A-Za-z0-9_-]{43}$/.test(value) ? value : undefined
}

export function setCookie(reply: FastifyReply, name: string, value: string): void {
  reply.setCookie(name, value, attributes)
}

export function clearCookie(reply: FastifyReply, name: string): void {
  reply.clearCookie(name, attributes)
}
