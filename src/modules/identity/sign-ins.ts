import { b64u, sha256 } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import { transact, type Db, type Tx } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { insertSignIn, sessionPerson, setProved, takeSignIn, type SignInRow } from './account-store.ts'
import { holderOf, isInvited, join, type Proof } from './accounts.ts'
import { closeSession, openSession } from './credentials.ts'
import { codeHash } from './invitation.ts'
import type { Provider, Ties } from './provider.ts'

const MINUTE = 60_000
const LASTS = 10 * MINUTE
/** How far the provider's clock may be from ours. */
const SKEW = MINUTE / 2

/** `confirms`: the session of somebody who proves once more who they are; else somebody signs in, the first time with a code. */
export type Wish = { browser: string; goesTo: string; invitation?: string; confirms?: string }

/**
 * Where to send somebody to show who they are. Everything that ties the answer to this browser follows from a secret that it alone holds,
 * so an answer that was got elsewhere (RFC 9700 section 4.7) is worth nothing here, nor what is kept here without it.
 */
export async function beginSignIn(db: Db, wish: Wish, provider: Provider, ctx: Ctx): Promise<string> {
  const { browser, goesTo, invitation, confirms } = wish
  if (invitation !== undefined && !(await isInvited(db, invitation, ctx)))
    throw invalid({ field: 'invitation', message: 'This code is not known, was used before, or is more than a week old' })
  const state = b64u(ctx.random.bytes(32))
  const to = await provider.begin(tiesOf(browser, state), { afresh: confirms !== undefined })
  const began = ctx.now()
  await transact(db, (tx) =>
    insertSignIn(tx, {
      state: sha256(state),
      browser: sha256(browser),
      invitation: invitation === undefined ? null : codeHash(invitation),
      confirms: confirms === undefined ? null : sha256(confirms),
      goes_to: goesTo,
      began,
      expires: new Date(began.getTime() + LASTS),
    }),
  )
  return to
}

/** The provider's answer, heard once. `session`: of somebody who signed in just now. Throws, and nothing has changed but that it was heard. */
export async function finishSignIn(
  db: Db,
  answer: { browser: string | undefined; session: string | undefined; query: Record<string, string> },
  provider: Provider,
  ctx: Ctx,
): Promise<{ session?: string; goesTo: string }> {
  const { browser, session: before, query } = answer
  const state = query['state'] ?? ''
  const begun = browser === undefined ? undefined : await transact(db, (tx) => takeSignIn(tx, sha256(state), sha256(browser), ctx.now()))
  if (begun === undefined) throw new Refusal('sign-in-failed')
  const text = new URLSearchParams(query).toString()
  const proof = await provider.finish(text, tiesOf(browser!, state), { afresh: begun.confirms !== null }, ctx)
  return transact(db, async (tx) => {
    if (begun.confirms === null) return { session: await signIn(tx, proof, begun, before, ctx), goesTo: begun.goes_to }
    await confirm(tx, proof, begun, ctx)
    return { goesTo: begun.goes_to }
  })
}

async function signIn(tx: Tx, proof: Proof, { invitation }: SignInRow, before: string | undefined, ctx: Ctx): Promise<string> {
  const person = invitation === null ? await holderOf(tx, proof) : await join(tx, proof, Buffer.from(invitation), ctx)
  if (before !== undefined) await closeSession(tx, before, ctx)
  return openSession(tx, { person, provedAt: provedAt(proof, ctx) }, ctx)
}

/** The same person, and since they were asked: that they are signed in at the provider is not enough. */
async function confirm(tx: Tx, proof: Proof, { confirms, began }: SignInRow, ctx: Ctx): Promise<void> {
  const session = Buffer.from(confirms!)
  const at = provedAt(proof, ctx)
  const whose = await sessionPerson(tx, session)
  const same = whose !== undefined && whose.person === (await holderOf(tx, proof))
  if (!same || at === null || at.getTime() < began.getTime() - SKEW) throw new Refusal('sign-in-failed')
  await setProved(tx, session, at)
}

/** A provider whose clock is ahead makes nobody fresh for longer. */
function provedAt({ at }: Proof, ctx: Ctx): Date | null {
  if (at === undefined) return null
  return at > ctx.now() ? ctx.now() : at
}

function tiesOf(browser: string, state: string): Ties {
  const tie = (what: string): string => b64u(sha256(`concordat sign-in ${what}\n`, browser, state))
  return { state, nonce: tie('nonce'), verifier: tie('verifier') }
}

/** Trying out, where choosing is all the proof there is: the same, by a press of a button. */
export async function confirmByChoice(tx: Tx, session: string, ctx: Ctx): Promise<void> {
  await setProved(tx, sha256(session), ctx.now())
}
