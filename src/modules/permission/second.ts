import { needsTwoSignatures, type AgreementFile } from '#agreement'
import { Refusal } from '#platform/errors'
import type { Permission, SignedPermission } from './permission.ts'

/**
 * Which of these items, by the question each answers, need a second signature that the permission has not. What identifies an organisation
 * or its people is not for one person alone to give away, nor for whoever stole one key.
 */
export function lackSecond(
  file: AgreementFile,
  { second, items: permitted }: Pick<Permission, 'second' | 'items'>,
  items: readonly { id: string; question: string }[],
): string[] {
  if (second) return []
  const own = new Set(permitted.map(({ id }) => id))
  return items.filter(({ id, question }) => own.has(id) && needsTwoSignatures(file, question)).map(({ id }) => id)
}

/** As it was signed, from a row that holds it. */
export function signedIn(held: { permission: string; enrolment: unknown; second?: SignedPermission['second'] | null }): SignedPermission {
  const { permission, enrolment, second } = held
  return { permission, enrolment, ...(second && { second }) }
}

/** Throws Refusal('second-signature-missing'), naming the items. */
export function mustBeSignedByTwo(...given: Parameters<typeof lackSecond>): void {
  const items = lackSecond(...given)
  if (items.length > 0) throw new Refusal('second-signature-missing', { items })
}
