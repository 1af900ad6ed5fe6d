import type { Bytes } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import {
  endAccounts,
  endInvitations,
  endSessionsOf,
  freeAccountOfLeaver,
  insertAccessEvent,
  insertAccount,
  insertInvitation,
  lockPerson,
  selectAccountOf,
  selectHolderOfAccount,
  selectInvited,
  type AccessEvent,
} from './account-store.ts'
import { accountHash, codeHash, newCode } from './invitation.ts'
import { tokenForJoining } from './token-store.ts'

const INVITATION_LASTS = 7 * 86_400_000

/** What an account at the sign-in provider proved. `at`: when its holder last did so there; nobody may have said. */
export type Proof = { issuer: string; subject: string; at?: Date }

/** A code, shown this once, that joins an account to this person within a week. Those made before end. */
export async function invite(tx: Tx, person: string, ctx: Ctx): Promise<{ invitation: string; expires: Date }> {
  const now = ctx.now()
  await endInvitations(tx, person, now)
  const invitation = newCode(ctx.random)
  const expires = new Date(now.getTime() + INVITATION_LASTS)
  await insertInvitation(tx, { hash: codeHash(invitation), person, made_by: ctx.actor.id, made_at: now, expires })
  await recordAccess(tx, { event: 'invited', person }, ctx)
  return { invitation, expires }
}

/** Whether a code, or a token of one's own in its place, could be taken now. */
export async function isInvited(db: Db | Tx, code: string, ctx: Pick<Ctx, 'now'>): Promise<boolean> {
  return (await invited(db, codeHash(code), ctx.now())) !== undefined
}

/** Who has proved that an account is theirs. Throws `account-unknown`. */
export async function holderOf(db: Db | Tx, { issuer, subject }: Proof): Promise<string> {
  const known = await selectHolderOfAccount(db, accountHash(issuer, subject))
  if (!known) throw new Refusal('account-unknown')
  return known.person
}

/**
 * Joins the account to the person whom the code is for. An account is one person for good: another's is refused. A person has one
 * account: an invitation puts a new one in the place of the old; a token does so for nobody, for whoever stole one would stay.
 */
export async function join(tx: Tx, { issuer, subject }: Proof, code: Bytes, ctx: Ctx): Promise<string> {
  const now = ctx.now()
  const found = await invited(tx, code, now)
  if (!found || !(await lockPerson(tx, found.person)) || !(await invited(tx, code, now))) throw new Refusal('account-unknown')
  const { person } = found
  const account = accountHash(issuer, subject)
  const before = await selectHolderOfAccount(tx, account)
  if (before?.person === person) return person
  if (before || (found.by === 'token' && (await selectAccountOf(tx, person)))) throw new Refusal('account-taken')
  await freeAccountOfLeaver(tx, account, now)
  await endAccounts(tx, person, now)
  await endSessionsOf(tx, person, now)
  await endInvitations(tx, person, now)
  if (!(await insertAccount(tx, account, person, now))) throw new Refusal('account-taken')
  await recordAccess(tx, { event: 'account-joined', person, by: person }, ctx)
  return person
}

async function invited(db: Db | Tx, code: Bytes, at: Date): Promise<{ person: string; by: 'invitation' | 'token' } | undefined> {
  const found = await selectInvited(db, code, at)
  if (found) return { ...found, by: 'invitation' }
  const token = await tokenForJoining(db, code, at)
  return token && { ...token, by: 'token' }
}

type Event = { event: AccessEvent; person: string; roles?: readonly string[]; by?: string }

export async function recordAccess(tx: Tx, { event, person, roles, by }: Event, ctx: Ctx): Promise<void> {
  const row = { id: ctx.random.uuid(), at: ctx.now(), actor: by ?? ctx.actor.id, event, person, roles: roles ? [...roles] : null }
  await insertAccessEvent(tx, row)
}
