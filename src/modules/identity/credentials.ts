import { b64u, sha256, type Bytes } from '#platform/bytes'
import { instant } from '#platform/clock'
import { tokenScopes, type Actor, type Credential, type Ctx, type Recognised } from '#platform/context'
import { transact, type Db, type Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { FIRST_HOLDER, openName, type FolderSeal } from './folder-names.ts'
import { underMandate } from './mandates.ts'
import {
  endSession,
  holderOfSession,
  holderOfToken,
  insertSession,
  insertToken,
  revokeTokens as revokeRows,
  setClient,
  touchSession,
  type Holder,
  type HolderRow,
} from './store.ts'
import { markUsed } from './token-store.ts'

const MINUTE = 60_000
const TOKEN_LASTS = 365 * 24 * 60 * MINUTE
const SESSION_LASTS = 12 * 60 * MINUTE
const SESSION_IDLE = 60 * MINUTE

/**
 * A secret of 256 bits, shown once: 43 characters. `expires`: a year from now when left out; `token`: one made elsewhere, for a seeded
 * person. It is its holder's whole access, so it is for everything; for a narrower one of their own they make theirs (`makeToken`).
 */
export async function issueToken(tx: Tx, input: Holder & { expires?: Date; token?: string }, ctx: Ctx): Promise<string> {
  const token = input.token ?? b64u(ctx.random.bytes(32))
  const created = ctx.now()
  const expires = input.expires ?? new Date(created.getTime() + TOKEN_LASTS)
  const whole = { name: null, scopes: [...tokenScopes], roles: null, maker: null }
  await insertToken(tx, { id: ctx.random.uuid(), hash: hashed(token), holder: input, created, expires, ...whole })
  return token
}

/** Every token of this person, or of this folder, opens nothing from now on. */
export async function revokeTokens(tx: Tx, holder: Holder, ctx: Ctx): Promise<void> {
  await revokeRows(tx, holder, ctx.now())
}

/**
 * The id for the cookie: a new one at every sign-in, so that one set beforehand by somebody else is worth nothing. `provedAt`: when its
 * holder proved who they are; nobody may have said (`null`), and left out it is now.
 */
export async function openSession(tx: Tx, holder: Holder & { provedAt?: Date | null }, ctx: Ctx): Promise<string> {
  const session = b64u(ctx.random.bytes(32))
  const created = ctx.now()
  const proved_at = holder.provedAt === undefined ? created : holder.provedAt
  await insertSession(tx, { hash: hashed(session), holder, created, expires: new Date(created.getTime() + SESSION_LASTS), proved_at })
  return session
}

export async function closeSession(tx: Tx, session: string, ctx: Ctx): Promise<void> {
  await endSession(tx, hashed(session), ctx.now())
}

/**
 * For whom a session acts from now on: an organisation that gave its person a mandate, or `null` for themselves. Chosen by the person
 * as themselves; the mandate is asked again at every request, so that its end is felt at once.
 */
export async function chooseClient(tx: Tx, input: { session: string; client: string | null }, ctx: Ctx): Promise<void> {
  if (input.client !== null) await underMandate(tx, ctx.actor, input.client, ctx.now())
  await setClient(tx, hashed(input.session), input.client)
}

/**
 * `onBehalfOf`: the organisation whose mandate is acted under; it comes before what a session chose. `asOneself`: where what the
 * session chose does not matter, as for signing out.
 */
export type Shown = { bearer?: string; session?: string; onBehalfOf?: string; asOneself?: true }

/**
 * Whoever the token, or else the session, shows. One look-up by hash whether it is unknown, expired, revoked, of somebody who left, or
 * good, so that the time says nothing; a token that does not hold is not made good by a session. Sessions end after 12 hours, or an
 * hour unused. Throws `mandate-missing` where somebody would act for another and may not: they are never taken for themselves instead.
 */
export async function recognise(db: Db, given: Shown, ctx: Pick<Ctx, 'now'>, folders?: FolderSeal): Promise<Recognised | undefined> {
  const now = ctx.now()
  const found = given.bearer !== undefined ? await tokenHolder(db, given.bearer, now) : await sessionHolder(db, given.session, now)
  if (found === undefined) return undefined
  const { row, credential, only } = found
  const actor = await actorOf(row, folders)
  const client = given.onBehalfOf ?? (given.asOneself ? null : row.client)
  if (client === null) return { actor, credential }
  // Whoever acts under a mandate is an agent: a token that is not for that role acts for nobody else.
  if (only?.includes('agent') === false) throw new Refusal('mandate-missing')
  return { actor: await underMandate(db, actor, client, now), credential }
}

/** As `recognise`, where it does not matter by what they were recognised. */
export async function authenticate(...given: Parameters<typeof recognise>): Promise<Actor | undefined> {
  return (await recognise(...given))?.actor
}

/** `only`: the roles that a token is for, where it is for fewer than its person has. */
type Found = { row: HolderRow; credential: Credential; only?: string[] }

/** A token made for fewer roles than its person has shows fewer. */
async function tokenHolder(db: Db, bearer: string, now: Date): Promise<Found | undefined> {
  const row = await holderOfToken(db, hashed(bearer), now)
  if (row === undefined) return undefined
  const { token: id, scopes, expires, token_roles: only } = row
  const today = instant(now).slice(0, 10)
  if (row.last_used !== today) await transact(db, (tx) => markUsed(tx, id, today))
  const roles = only === null ? row.roles : row.roles!.filter((role) => only.includes(role))
  return { row: { ...row, roles }, credential: { kind: 'token', id, scopes, expires }, ...(only && { only }) }
}

async function sessionHolder(db: Db, session: string | undefined, now: Date): Promise<Found | undefined> {
  if (session === undefined) return undefined
  const hash = hashed(session)
  const row = await holderOfSession(db, hash, now, new Date(now.getTime() - SESSION_IDLE))
  if (row === undefined) return undefined
  // Written at most once a minute: most requests stay reads.
  if (now.getTime() - row.last_seen.getTime() > MINUTE) await transact(db, (tx) => touchSession(tx, hash, now))
  return { row, credential: { kind: 'session', ...(row.proved_at && { provedAt: row.proved_at }) } }
}

async function actorOf(row: HolderRow, folders: FolderSeal | undefined): Promise<Actor> {
  const { folder, colleague } = row
  if (folder === null)
    return { id: row.id!, name: row.name!, roles: row.roles!, ...(row.organisation !== null && { organisation: row.organisation }) }
  if (colleague === null) return { id: `folder:${folder}`, name: FIRST_HOLDER, roles: ['reporter'], folder }
  if (!folders) throw new TypeError('a folder is opened where its keys are')
  const name = await openName(folders, { folder, id: colleague, name: row.colleague_name! })
  return { id: `folder:${folder}:${colleague}`, name, roles: [row.colleague_role!], folder }
}

function hashed(secret: string): Bytes {
  return sha256(secret)
}
