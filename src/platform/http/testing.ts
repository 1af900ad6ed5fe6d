import type { FastifyInstance } from 'fastify'
import { systemRandom, tokenScopes, type Actor, type Ctx, type Recognised } from '../context.ts'
import { createWeb, type WebOptions } from '../http.ts'
import type { LogFields } from '../log.ts'

export const ORIGIN = 'http://localhost:3001'

/** Who there is at the node of these tests: the name is the token, and the session too (padded to a session's length). */
const everybody: Record<string, Actor> = {
  handler: { id: '00000000-0000-4000-8000-000000000001', name: 'Henry Handler', roles: ['handler'] },
  auditor: { id: '00000000-0000-4000-8000-000000000002', name: 'Ann Auditor', roles: ['auditor'] },
}

export const sessionOf = (name: string): string => `__Host-concordat_ncsc=${name.padEnd(43, '_')}`

const NOW = new Date('2026-11-25T09:30:00.000Z')

/** Tokens are good for everything; a session was proved just now. */
function recognised(name: string, byToken: boolean): Recognised | undefined {
  const actor = everybody[name]
  if (actor === undefined) return undefined
  const credential = byToken
    ? ({ kind: 'token', id: name, scopes: tokenScopes, expires: new Date('2027-01-01') } as const)
    : ({ kind: 'session', provedAt: NOW } as const)
  return { actor, credential }
}

type Asked = { headers?: Record<string, string>; json?: unknown; form?: Record<string, string>; payload?: string | Buffer }
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
type AnyJson = any
type Answer = { status: number; headers: Record<string, string>; text: string; json: AnyJson; cookies: { name: string; value: string }[] }

export type TryWeb = {
  web: FastifyInstance
  /** Every line that was logged. */
  lines: LogFields[]
  ask(method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS', url: string, asked?: Asked): Promise<Answer>
}

/** A node's web as tests ask it: through the front door, without a socket. */
export async function tryWeb(options: Partial<WebOptions> = {}): Promise<TryWeb> {
  const lines: LogFields[] = []
  const keep = (fields: LogFields): void => void lines.push(fields)
  const log = { info: keep, warn: keep, error: keep }
  const makeCtx = (actor: Actor): Ctx => ({ now: () => NOW, random: systemRandom, actor, log })
  const web = await createWeb({
    node: 'ncsc',
    title: 'NCSC desk',
    origin: ORIGIN,
    log,
    endpoints: [],
    pages: [],
    authenticate: async ({ bearer, session }) => recognised(bearer ?? session?.replace(/_+$/, '') ?? '', bearer !== undefined),
    makeCtx,
    health: async () => ({ ready: true, checks: { database: true } }),
    ...options,
  })
  return { web, lines, ask: (method, url, asked = {}) => ask(web, method, url, asked) }
}

async function ask(
  web: FastifyInstance,
  method: Parameters<TryWeb['ask']>[0],
  url: string,
  { headers, json, form, payload }: Asked,
): Promise<Answer> {
  const kind = json !== undefined ? 'application/json' : form ? 'application/x-www-form-urlencoded' : undefined
  const sent = json !== undefined ? JSON.stringify(json) : form ? new URLSearchParams(form).toString() : payload
  const response = await web.inject({
    method,
    url,
    headers: { host: 'localhost:3001', ...(kind && { 'content-type': kind }), ...headers },
    ...(sent !== undefined && { payload: sent }),
  })
  const text = response.body
  const isJson = String(response.headers['content-type']).includes('json') && text !== ''
  return {
    status: response.statusCode,
    headers: response.headers as Record<string, string>,
    text,
    json: isJson ? JSON.parse(text) : undefined,
    cookies: response.cookies,
  }
}

/** The hidden field of the page's form. */
export function tokenIn(page: string): string {
  return page.match(/name="form-token" value="([^"]+)"/)?.[1] ?? ''
}
