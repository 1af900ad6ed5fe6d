import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { cancelUnder, logTimesOf, receiptsFor, type Outbound } from '#exchange'
import { lockKey } from '#identity'
import { signersOf, type Permission } from './permission.ts'
import { readSigned } from './signed.ts'
import { grantById, markWithdrawing } from './store.ts'
import { grantsStanding, haltHeld, heldStanding } from './suspension-store.ts'

const CLAUSE = 'consent-before-disclosure'

/** Keys of one organisation that count no more since a time. */
export type Suspended = { organisation: string; kids: readonly string[]; since: Date }
type Given = { id: string; record: string; permission: string; second: string | null }

/**
 * At a sending body: what these keys signed since then permits nothing from this transaction on, as if it were withdrawn: a decision under
 * way comes before or sees it, what nobody has claimed is cancelled. What had left is called back by the withdrawals that the portal sends.
 */
export async function haltSignedBy(tx: Tx, suspended: Suspended, ctx: Ctx): Promise<void> {
  const signed = (await heldStanding(tx, suspended.organisation)).filter((given) => isBy(given, suspended))
  const logged = new Map(
    (
      await logTimesOf(
        tx,
        signed.map(({ record }) => record),
      )
    ).map((row) => [row.id, row.log_time]),
  )
  const halted = signed.filter(({ record }) => (logged.get(record) ?? suspended.since) >= suspended.since).map(({ id }) => id)
  await haltHeld(tx, halted, ctx.now())
  for (const permission of halted) await cancelUnder(tx, permission, ctx.now())
}

/** Sends a withdrawal on its way and answers with its record's id. */
export type Withdrawing = (permission: string) => Promise<string>

/**
 * At the portal: withdraws each permission that these keys signed and that the sending body acknowledged since then, or has not yet. An
 * acknowledgement is never logged before what it answers, so none is missed; one given a moment before may be withdrawn too.
 */
export async function withdrawSignedBy(tx: Tx, suspended: Suspended, withdraw: Withdrawing): Promise<void> {
  const signed = (await grantsStanding(tx, suspended.organisation)).filter((given) => isBy(given, suspended))
  const receipts = await receiptsFor(
    tx,
    signed.map(({ record }) => record),
  )
  const logged = new Map(
    (
      await logTimesOf(
        tx,
        [...receipts.values()].map(({ id }) => id),
      )
    ).map((row) => [row.id, row.log_time]),
  )
  for (const { id, record } of signed) {
    const acknowledged = logged.get(receipts.get(record)?.id ?? '')
    if (acknowledged && acknowledged < suspended.since) continue
    await markWithdrawing(tx, id, await withdraw(id), null)
  }
}

function isBy({ permission, second }: Given, { kids }: Suspended): boolean {
  return [permission, ...(second === null ? [] : [second])].some((signed) => kids.includes(readSigned(signed).kid))
}

/**
 * Throws `key-suspended` where a key that signed had been suspended when that was logged. Takes the keys' rows, so that a suspension at
 * the same moment waits for this transaction, or is seen by it.
 */
export async function mustNotBeSuspended(tx: Tx, permission: Permission, logTime: Date): Promise<void> {
  const kids = signersOf(permission).map(({ kid }) => kid)
  for (const kid of kids.sort()) {
    const since = await lockKey(tx, { kid, org: permission.claims.iss })
    if (since && since <= logTime) throw new Refusal('key-suspended')
  }
}

/** What withdraws a permission where no desk asked for it. */
export async function withdrawalOfGrant(tx: Tx, permission: string): Promise<Awaited<ReturnType<Outbound>>> {
  const grant = await grantById(tx, permission)
  if (!grant) throw new Refusal('not-found')
  return { clause: CLAUSE, members: { organisation: grant.organisation, permission, by: 'session' }, chain: grant.organisation }
}
