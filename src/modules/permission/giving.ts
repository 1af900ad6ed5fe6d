import type { Db, Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { enrolmentOf } from '#identity'
import type { SignedPermission } from './permission.ts'
import { readSigned } from './signed.ts'
import { secondsOf } from './suspension-store.ts'

/** What somebody hands in: signed once, or by two. */
export type Given = { permission: string; second?: string | undefined }

/** With the record of whose key each signature is by: one of the organisation's own that nobody suspended. */
export async function withKeys(db: Db, { permission, second }: Given, organisation: string): Promise<SignedPermission> {
  const first = await withKey(db, permission, organisation)
  return second === undefined ? first : { ...first, second: await withKey(db, second, organisation) }
}

async function withKey(db: Db, permission: string, organisation: string): Promise<{ permission: string; enrolment: unknown }> {
  const enrolled = await enrolmentOf(db, kidOf(permission))
  if (enrolled?.org !== organisation) throw new Refusal('permission-invalid')
  if (enrolled.suspendedSince) throw new Refusal('key-suspended')
  return { permission, enrolment: enrolled.record }
}

function kidOf(signed: string): string {
  try {
    return readSigned(signed).kid
  } catch {
    throw new Refusal('permission-invalid')
  }
}

/** A permission as it was given, from the row that keeps it. */
export async function asGiven(db: Db | Tx, row: { id: string; permission: string; enrolment: unknown }): Promise<SignedPermission> {
  const [second] = await secondsOf(db, [row.id])
  const { permission, enrolment } = row
  return { permission, enrolment, ...(second && { second: { permission: second.permission, enrolment: second.enrolment } }) }
}
