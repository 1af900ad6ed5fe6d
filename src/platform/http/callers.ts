import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Who } from '../api.ts'
import type { Actor } from '../context.ts'
import { Refusal } from '../errors.ts'
import { readCookie, type CookieNames } from './cookies.ts'
import { comesFrom } from './form-guard.ts'
import type { Limits } from './limits.ts'

export const somebody: Actor = { id: 'somebody', name: 'Somebody who has not signed in', roles: [] }

export type Caller = { actor: Actor; session?: string }
/** `asOneself`: whoever it is, and not the client that their session acts for. */
export type Given = { bearer?: string; session?: string; onBehalfOf?: string; asOneself?: true }
export type Authenticate = (given: Given) => Promise<Actor | undefined>

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

/** Who visits a page: whoever the session cookie says; a session that has ended is nobody's. */
export async function pageCaller(
  request: FastifyRequest,
  names: CookieNames,
  authenticate: Authenticate,
  acting: Pick<Given, 'onBehalfOf' | 'asOneself'> = {},
): Promise<Caller> {
  const session = readCookie(request, names.session)
  const actor = session === undefined ? undefined : await authenticate({ session, ...acting })
  return actor === undefined ? { actor: somebody } : { actor, session: session! }
}

export type ApiDoor = { origin: string; names: CookieNames; authenticate: Authenticate; limits: Limits }

/**
 * Who calls the API. A token that does not hold is refused even where none is needed: its sender should notice. The session cookie
 * counts only for scripts of our own pages: another page can make a browser send it, but not say that it comes from here. Nobody in
 * particular acts for nobody else.
 */
export async function apiCaller(request: FastifyRequest, reply: FastifyReply, door: ApiDoor): Promise<Actor> {
  const { authorization, [ON_BEHALF_OF]: client } = request.headers
  const acting = client === undefined ? {} : { onBehalfOf: String(client) }
  if (authorization === undefined) {
    const actor = await scriptCaller(request, door, acting)
    if (actor === somebody && client !== undefined) throw new Refusal('not-signed-in')
    return actor
  }
  const bearer = /^Bearer +([A-Za-z0-9._~+/-]{1,512}=*)$/i.exec(authorization)?.[1]
  const actor = bearer === undefined ? undefined : await door.authenticate({ bearer, ...acting })
  if (actor === undefined) throw await door.limits.refusedSignIn(request, reply)
  return actor
}

async function scriptCaller(request: FastifyRequest, door: ApiDoor, acting: Pick<Given, 'onBehalfOf'>): Promise<Actor> {
  if (comesFrom(request, door.origin) !== 'here') return somebody
  return (await pageCaller(request, door.names, door.authenticate, acting)).actor
}
