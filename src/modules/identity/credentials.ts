import { b64u, sha256, type Bytes } from '#platform/bytes'
import type { Actor, Ctx } from '#platform/context'
import { transact, type Db, type Tx } from '#platform/db'
import {
  endSession,
  holderOfSession,
  holderOfToken,
  insertSession,
  insertToken,
  revokeTokens as revokeRows,
  touchSession,
  type Holder,
  type HolderRow,
} from './store.ts'

const MINUTE = 60_000
const TOKEN_LASTS = 365 * 24 * 60 * MINUTE
const SESSION_LASTS = 12 * 60 * MINUTE
const SESSION_IDLE = 60 * MINUTE

/** A secret of 256 bits, shown once: 43 characters. `expires`: a year from now when left out; `token`: one made elsewhere, for a seeded person. */
export async function issueToken(tx: Tx, input: Holder & { expires?: Date; token?: string }, ctx: Ctx): Promise<string> {
  const token = input.token ?? b64u(ctx.random.bytes(32))
  const now = ctx.now()
  await insertToken(tx, hashed(token), input, now, input.expires ?? new Date(now.getTime() + TOKEN_LASTS))
  return token
}

/** Every token of this person, or of this folder, opens nothing from now on. */
export async function revokeTokens(tx: Tx, holder: Holder, ctx: Ctx): Promise<void> {
  await revokeRows(tx, holder, ctx.now())
}

/** The id for the cookie: a new one at every sign-in, so that one set beforehand by somebody else is worth nothing. */
export async function openSession(tx: Tx, holder: Holder, ctx: Ctx): Promise<string> {
  const session = b64u(ctx.random.bytes(32))
  const now = ctx.now()
  await insertSession(tx, hashed(session), holder, now, new Date(now.getTime() + SESSION_LASTS))
  return session
}

export async function closeSession(tx: Tx, session: string, ctx: Ctx): Promise<void> {
  await endSession(tx, hashed(session), ctx.now())
}

/**
 * Whoever the token, or else the session, shows. One look-up by hash whether it is unknown, expired, revoked or good, so that the
 * time says nothing; a token that does not hold is not made good by a session. Sessions end after 12 hours, or an hour unused.
 */
export async function authenticate(
  db: Db,
  given: { bearer?: string; session?: string },
  ctx: Pick<Ctx, 'now'>,
): Promise<Actor | undefined> {
  const now = ctx.now()
  if (given.bearer !== undefined) return actorOf(await holderOfToken(db, hashed(given.bearer), now))
  if (given.session === undefined) return undefined
  const hash = hashed(given.session)
  const row = await holderOfSession(db, hash, now, new Date(now.getTime() - SESSION_IDLE))
  // Written at most once a minute: most requests stay reads.
  if (row && now.getTime() - row.last_seen.getTime() > MINUTE) await transact(db, (tx) => touchSession(tx, hash, now))
  return actorOf(row)
}

function actorOf(row: HolderRow | undefined): Actor | undefined {
  if (row === undefined) return undefined
  if (row.folder !== null)
    return { id: `folder:${row.folder}`, name: 'Holder of the resume token', roles: ['reporter'], folder: row.folder }
  return { id: row.id!, name: row.name!, roles: row.roles!, ...(row.organisation !== null && { organisation: row.organisation }) }
}

function hashed(secret: string): Bytes {
  return sha256(secret)
}
