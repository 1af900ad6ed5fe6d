import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Who } from '../api.ts'
import type { Actor, Credential, Recognised, TokenScope } from '../context.ts'
import { Refusal } from '../errors.ts'
import { readCookie, type CookieNames } from './cookies.ts'
import { comesFrom } from './form-guard.ts'
import type { Limits } from './limits.ts'

export const somebody: Actor = { id: 'somebody', name: 'Somebody who has not signed in', roles: [] }

export type Caller = { actor: Actor; credential?: Credential; session?: string }
/** `asOneself`: whoever it is, and not the client that their session acts for. */
export type Given = { bearer?: string; session?: string; onBehalfOf?: string; asOneself?: true }
export type Authenticate = (given: Given) => Promise<Recognised | undefined>

/** Names the organisation whose mandate the caller acts under. */
export const ON_BEHALF_OF = 'on-behalf-of'

export function fits(who: Who, actor: Actor): boolean {
  if (who === 'anyone') return true
  return actor !== somebody && (who === 'signed-in' || who.some((role) => actor.roles.includes(role)))
}

/** Throws `not-signed-in` or `role-missing`. */
export function mayCall(who: Who, actor: Actor): void {
  if (!fits(who, actor)) throw new Refusal(actor === somebody ? 'not-signed-in' : 'role-missing')
}

/** A mandate to read changes nothing, whatever its holder's role would allow. Throws `mandate-missing`. */
export function mayChange({ scope }: Actor): void {
  if (scope !== undefined && !scope.includes('file')) throw new Refusal('mandate-missing')
}

/** How long somebody who proved who they are may sign, release or approve in a session. */
export const STEP_UP_MINUTES = 10

export type Deed = { method: string; who: Who; stepUp?: true }

/** What a token must be for. What anybody may read takes none. */
export function scopeFor({ method, who, stepUp }: Deed): TokenScope | undefined {
  if (stepUp) return 'act'
  if (method !== 'GET') return 'file'
  return who === 'anyone' ? undefined : 'read'
}

/** Whether this way of showing who one is goes far enough. Throws `scope-missing` or `step-up-needed`. */
export function goesFarEnough(deed: Deed, credential: Credential | undefined, now: Date): void {
  if (credential === undefined) return
  const scope = scopeFor(deed)
  if (credential.kind === 'token' && scope !== undefined && !credential.scopes.includes(scope)) throw new Refusal('scope-missing')
  if (credential.kind === 'session' && deed.stepUp && !provedLately(credential.provedAt, now)) throw new Refusal('step-up-needed')
}

function provedLately(at: Date | undefined, now: Date): boolean {
  return at !== undefined && now.getTime() - at.getTime() < STEP_UP_MINUTES * 60_000
}

/** Who visits a page: whoever the session cookie says; a session that has ended is nobody's. */
export async function pageCaller(
  request: FastifyRequest,
  names: CookieNames,
  authenticate: Authenticate,
  acting: Pick<Given, 'onBehalfOf' | 'asOneself'> = {},
): Promise<Caller> {
  const session = readCookie(request, names.session)
  const known = session === undefined ? undefined : await authenticate({ session, ...acting })
  return known === undefined ? { actor: somebody } : { ...known, session: session! }
}

export type ApiDoor = { origin: string; names: CookieNames; authenticate: Authenticate; limits: Limits }

/**
 * Who calls the API. A token that does not hold is refused even where none is needed: its sender should notice. The session cookie
 * counts only for scripts of our own pages: another page can make a browser send it, but not say that it comes from here. Nobody in
 * particular acts for nobody else.
 */
export async function apiCaller(request: FastifyRequest, reply: FastifyReply, door: ApiDoor): Promise<Caller> {
  const { authorization, [ON_BEHALF_OF]: client } = request.headers
  const acting = client === undefined ? {} : { onBehalfOf: String(client) }
  if (authorization === undefined) {
    const caller = await scriptCaller(request, door, acting)
    if (caller.actor === somebody && client !== undefined) throw new Refusal('not-signed-in')
    return caller
  }
  const bearer = /^Bearer +([A-Za-z0-9._~+/-]{1,512}=*)$/i.exec(authorization)?.[1]
  const known = bearer === undefined ? undefined : await door.authenticate({ bearer, ...acting })
  if (known === undefined) throw await door.limits.refusedSignIn(request, reply)
  return known
}

async function scriptCaller(request: FastifyRequest, door: ApiDoor, acting: Pick<Given, 'onBehalfOf'>): Promise<Caller> {
  if (comesFrom(request, door.origin) !== 'here') return { actor: somebody }
  return pageCaller(request, door.names, door.authenticate, acting)
}
