import { canonical } from '#platform/canonical'
import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { insertEnrolment, selectEnrolment, selectEnrolmentsOf, suspendKey, type EnrolmentRow } from './store.ts'

/** JWS General JSON Serialization, as two parties signed it. Whether it holds is checked where it is used: the permission module. */
export type SignedRecord = { payload: string; signatures: { protected: string; signature: string }[] }

export type Enrolment = { kid: string; org: string; record: SignedRecord; effectiveFrom: Date; suspendedSince?: Date }

/** Keeps a record that has been checked. The same one again changes nothing; another for the same key is refused as `already-done`. */
export async function enrol(tx: Tx, enrolment: Omit<Enrolment, 'suspendedSince'>, _ctx: Ctx): Promise<void> {
  const { kid, org, effectiveFrom } = enrolment
  const record = canonical(enrolment.record)
  if (await insertEnrolment(tx, { kid, organisation: org, record, effective_from: effectiveFrom })) return
  const known = await selectEnrolment(tx, kid)
  if (known?.record !== record || known.organisation !== org) throw new Refusal('already-done')
}

export async function enrolmentOf(db: Db | Tx, kid: string): Promise<Enrolment | undefined> {
  const row = await selectEnrolment(db, kid)
  return row && fromRow(row)
}

export async function enrolmentsOf(db: Db | Tx, organisation: string): Promise<Enrolment[]> {
  return (await selectEnrolmentsOf(db, organisation)).map(fromRow)
}

/** What the key signed from `since` on counts no more. The time can be moved back, never forward. */
export async function suspendEnrolment(tx: Tx, { kid, since }: { kid: string; since: Date }, _ctx: Ctx): Promise<void> {
  await suspendKey(tx, kid, since)
}

function fromRow({ kid, organisation, record, effective_from, suspended_since }: EnrolmentRow): Enrolment {
  const base = { kid, org: organisation, record: JSON.parse(record) as SignedRecord, effectiveFrom: effective_from }
  return suspended_since === null ? base : { ...base, suspendedSince: suspended_since }
}
