import { canonical } from '#platform/canonical'
import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import {
  insertEnrolment,
  lockStanding,
  readStanding,
  selectEnrolment,
  selectEnrolmentsOf,
  selectLeaversKeys,
  selectLetInBy,
  suspendKey,
} from './key-store.ts'
import type { EnrolmentRow } from './store.ts'

/** JWS General JSON Serialization, as two parties signed it. Whether it holds is checked where it is used: the permission module. */
export type SignedRecord = { payload: string; signatures: { protected: string; signature: string }[] }

export type Enrolment = {
  kid: string
  org: string
  record: SignedRecord
  effectiveFrom: Date
  /** Whose it is. */
  person?: string
  /** The key that countersigned it. */
  letInBy?: string
  suspendedSince?: Date
}
export type Key = { kid: string; org: string }

/** Keeps a record that has been checked. The same one again changes nothing; another for the same key is refused as `already-done`. */
export async function enrol(tx: Tx, enrolment: Omit<Enrolment, 'suspendedSince'>, _ctx: Ctx): Promise<void> {
  const { kid, org, effectiveFrom, person = null, letInBy = null } = enrolment
  const record = canonical(enrolment.record)
  const isNew = await insertEnrolment(tx, { kid, organisation: org, record, effective_from: effectiveFrom, person, let_in_by: letInBy })
  if (isNew) return letInBy === null ? undefined : sharesSuspension(tx, { kid, org, effectiveFrom, letInBy })
  const known = await selectEnrolment(tx, kid)
  if (known?.record !== record || known.organisation !== org) throw new Refusal('already-done')
}

/** The suspension of the key that let it in may have come first: a message overtakes another. */
async function sharesSuspension(
  tx: Tx,
  { kid, org, effectiveFrom, letInBy }: Key & { effectiveFrom: Date; letInBy: string },
): Promise<void> {
  const since = await lockStanding(tx, letInBy, org)
  if (since !== null && effectiveFrom >= since) await suspendKey(tx, { kid, org, since })
}

export async function enrolmentOf(db: Db | Tx, kid: string): Promise<Enrolment | undefined> {
  const row = await selectEnrolment(db, kid)
  return row && fromRow(row)
}

export async function enrolmentsOf(db: Db | Tx, organisation: string): Promise<Enrolment[]> {
  return (await selectEnrolmentsOf(db, organisation)).map(fromRow)
}

/**
 * What the key signed from `since` on counts no more, and no more does any key that it let in since: a thief who let in a second key has
 * two that are worth nothing. The time can be moved back, never forward. Answers with every key it reached.
 */
export async function suspendEnrolment(tx: Tx, { kid, org, since }: Key & { since: Date }, _ctx: Ctx): Promise<string[]> {
  const reached = [kid, ...(await selectLetInBy(tx, kid, org, since))]
  for (const one of reached) await suspendKey(tx, { kid: one, org, since })
  return reached
}

/** Since when it is suspended. Nobody suspends it, and nobody keeps what it signed, until this transaction ends. */
export async function lockKey(tx: Tx, { kid, org }: Key): Promise<Date | undefined> {
  return (await lockStanding(tx, kid, org)) ?? undefined
}

export async function suspendedSince(db: Db | Tx, { kid, org }: Key): Promise<Date | undefined> {
  return (await readStanding(db, kid, org)) ?? undefined
}

/** Keys of people who were removed, with when, that nobody has suspended yet. */
export async function leaversKeys(tx: Tx): Promise<(Key & { since: Date })[]> {
  return (await selectLeaversKeys(tx)).map(({ kid, organisation, at }) => ({ kid, org: organisation, since: at }))
}

function fromRow({ kid, organisation, record, effective_from, person, let_in_by, suspended_since }: EnrolmentRow): Enrolment {
  return {
    kid,
    org: organisation,
    record: JSON.parse(record) as SignedRecord,
    effectiveFrom: effective_from,
    ...(person !== null && { person }),
    ...(let_in_by !== null && { letInBy: let_in_by }),
    ...(suspended_since !== null && { suspendedSince: suspended_since }),
  }
}
