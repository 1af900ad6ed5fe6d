import { b64u, sha256 } from '#platform/bytes'
import type { Credential, Ctx, TokenScope } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { invalid, Refusal, type Mistake } from '#platform/errors'
import { isUuid } from '#platform/ids'
import { nameMistake } from './profile.ts'
import { insertToken } from './store.ts'
import { revokeWithOffspring, selectTokens } from './token-store.ts'

const LONGEST = 365 * 86_400_000

/** Where there is a key for what an organisation's people type: their names for tokens lie under it. */
export type OrganisationSeal = {
  seal(owner: { organisation: string }, id: string, bytes: Uint8Array): Promise<Uint8Array>
  open(owner: { organisation: string }, id: string, sealed: Uint8Array): Promise<Uint8Array>
}

export type NewToken = { name: string; scopes: readonly TokenScope[]; roles?: readonly string[]; expires: Date }
export type Token = {
  id: string
  /** Undefined of one that was handed out. */
  name?: string
  scopes: TokenScope[]
  roles?: string[]
  createdAt: Date
  expires: Date
  lastUsed?: string
}

/**
 * A token of one's own, shown this once. It is for no more than its maker is: no role that they lack; and made with a token, no scope
 * that this one lacks, not a day longer, and gone when this one is revoked.
 */
export async function makeToken(
  tx: Tx,
  input: NewToken,
  { credential, seal }: { credential: Credential; seal?: OrganisationSeal | undefined },
  ctx: Ctx,
): Promise<{ id: string; token: string; expires: Date }> {
  const person = ownPerson(ctx)
  const mistakes = mistakesIn(input, credential, ctx)
  if (mistakes.length > 0) throw invalid(...mistakes)
  const id = ctx.random.uuid()
  const token = b64u(ctx.random.bytes(32))
  const { scopes, roles, expires } = input
  await insertToken(tx, {
    id,
    hash: sha256(token),
    holder: { person },
    created: ctx.now(),
    expires,
    name: await sealed(seal, id, input.name.trim(), ctx),
    scopes: [...new Set(scopes)],
    roles: roles ? [...new Set(roles)] : narrowed(credential, ctx),
    maker: credential.kind === 'token' ? credential.id : null,
  })
  return { id, token, expires }
}

export async function listTokens(db: Db | Tx, seal: OrganisationSeal | undefined, ctx: Ctx): Promise<Token[]> {
  const rows = await selectTokens(db, ownPerson(ctx), ctx.now())
  return Promise.all(
    rows.map(async ({ id, name, scopes, roles, created, expires, last_used }) => ({
      id,
      ...(name !== null && { name: await opened(seal, id, name, ctx) }),
      scopes,
      ...(roles !== null && { roles }),
      createdAt: created,
      expires,
      ...(last_used !== null && { lastUsed: last_used }),
    })),
  )
}

/** From its commit on it opens nothing, nor does any that was made with it. Another's does not exist. */
export async function revokeToken(tx: Tx, id: string, ctx: Ctx): Promise<void> {
  const ended = isUuid(id) ? await revokeWithOffspring(tx, id, ownPerson(ctx), ctx.now()) : []
  if (ended.length === 0) throw new Refusal('not-found')
}

/** Whoever holds a folder's token, or acts under a mandate, has nothing of their own here to make one of. */
function ownPerson({ actor }: Ctx): string {
  if (actor.folder !== undefined || actor.mandate !== undefined) throw new Refusal('role-missing')
  return actor.id
}

function mistakesIn({ name, scopes, roles, expires }: NewToken, credential: Credential, ctx: Ctx): Mistake[] {
  const now = ctx.now()
  const named = nameMistake(name)
  const lacking = credential.kind === 'token' && !scopes.every((scope) => credential.scopes.includes(scope))
  const latest = credential.kind === 'token' ? credential.expires : new Date(now.getTime() + LONGEST)
  return [
    ...(named ? [{ field: 'name', message: named }] : []),
    ...(lacking ? [{ field: 'scopes', message: 'A token makes none that may do more than itself' }] : []),
    ...(roles?.every((role) => ctx.actor.roles.includes(role)) === false
      ? [{ field: 'roles', message: 'You do not hold every one of these roles' }]
      : []),
    ...(expires <= now ? [{ field: 'expires', message: 'It must end in the future' }] : []),
    ...(expires > latest || expires.getTime() > now.getTime() + LONGEST
      ? [{ field: 'expires', message: 'It can last no longer than a year, nor than the token it is made with' }]
      : []),
  ]
}

/** The roles of the token it is made with, so that a narrow one makes no wide one; by session, whatever its person has at the time. */
function narrowed(credential: Credential, { actor }: Ctx): string[] | null {
  return credential.kind === 'token' ? [...actor.roles] : null
}

async function sealed(seal: OrganisationSeal | undefined, id: string, name: string, { actor }: Ctx): Promise<Uint8Array> {
  const bytes = Buffer.from(name)
  return seal && actor.organisation !== undefined ? seal.seal({ organisation: actor.organisation }, id, bytes) : bytes
}

async function opened(seal: OrganisationSeal | undefined, id: string, name: Uint8Array, { actor }: Ctx): Promise<string> {
  const bytes = seal && actor.organisation !== undefined ? await seal.open({ organisation: actor.organisation }, id, name) : name
  return Buffer.from(bytes).toString('utf8')
}
