import { z } from 'zod'
import { b64u, fromB64u, sha256 } from '#platform/bytes'
import { canonical, parseForeign } from '#platform/canonical'
import { fromInstant, SKEW } from '#platform/clock'
import { Refusal } from '#platform/errors'
import type { ItemRef, Trust } from '#exchange'
import { checkEnrolment, type EnrolmentRecord } from './enrolment.ts'
import { isSignedBy, readSigned } from './signed.ts'

export const PERMISSION = 'concordat-permission+jws'
export const WITHDRAWAL = 'concordat-withdrawal+jws'

const item = z.strictObject({ id: z.uuid(), commitment: z.string() })
const seconds = z.number().int().nonnegative()

/** What an organisation signs. The shape is RFC 9396's; the words are docs/formats/permission.md's. */
export const claims = z.strictObject({
  iss: z.uuid(),
  aud: z.literal('ncsc'),
  jti: z.uuid(),
  iat: seconds,
  nbf: seconds,
  exp: seconds,
  deployment: z.uuid(),
  agreement: z.strictObject({ id: z.string(), hash: z.string() }),
  request: z.uuid(),
  notice: z.string(),
  authorization_details: z.tuple([
    z.strictObject({
      type: z.literal('concordat-disclosure'),
      from: z.literal('ncsc'),
      to: z.literal('ico'),
      purpose: z.string(),
      items: z.array(item).min(1),
      conditions: z.array(z.string()),
    }),
  ]),
})
export type Claims = z.infer<typeof claims>

const signedOnce = { permission: z.string(), enrolment: z.unknown() }
/** A permission and the record that says whose key signed it: they travel together, so that nobody looks anything up. */
export const signedPermission = z.strictObject({ ...signedOnce, second: z.strictObject(signedOnce).optional() })
export type SignedPermission = z.infer<typeof signedPermission>
/** `second`: whose key signed the same claims besides, where two people did. */
export type Permission = { claims: Claims; enrolment: EnrolmentRecord; second?: EnrolmentRecord; items: ItemRef[]; purpose: string }

/**
 * Form, enrolment and signature, as sender, recipient and verifier all check them. What time it is and what was withdrawn
 * is for the agreement to weigh. Throws Refusal('permission-invalid').
 */
export function checkPermission(signed: SignedPermission, trust: Trust): Permission {
  const read = signedPermission.safeParse(signed).data
  if (!read) throw new Refusal('permission-invalid')
  const { second, ...first } = read
  const permission = checkOne(first, trust)
  return second ? { ...permission, second: checkSecond(second, permission, trust) } : permission
}

/** The very same claims, by the key of another person of the same organisation: whoever has two keys has one say. */
function checkSecond(signed: SignedPermission, { claims, enrolment }: Permission, trust: Trust): EnrolmentRecord {
  const other = checkOne(signed, trust)
  const alike = canonical(other.claims) === canonical(claims)
  if (!alike || other.enrolment.person === enrolment.person || other.enrolment.kid === enrolment.kid)
    throw new Refusal('permission-invalid')
  return other.enrolment
}

function checkOne(signed: SignedPermission, trust: Trust): Permission {
  const enrolled = checkEnrolment(signed.enrolment, trust)
  const read = readClaims(signed.permission)
  const holds = isSignedBy(signed.permission, PERMISSION, enrolled)
  // RFC 7519 section 4.1.1, 4.1.3: issuer and audience are who they must be.
  const same = read.iss === enrolled.org && read.aud === enrolled.body && read.deployment === trust.deployment
  const inForce = fromInstant(enrolled.from).getTime() <= read.exp * 1000
  if (!holds || !same || !inForce || read.nbf >= read.exp) throw new Refusal('permission-invalid')
  const [detail] = read.authorization_details
  if (new Set(detail.items.map((one) => one.id)).size !== detail.items.length) throw new Refusal('permission-invalid')
  return { claims: read, enrolment: enrolled, items: detail.items, purpose: detail.purpose }
}

/** A signature counts only if its key was in force when the record that relies on it was logged; clocks of two houses may differ. */
export function keyCountsAt(permission: Permission, logTime: Date): boolean {
  return signersOf(permission).every(({ from }) => fromInstant(from).getTime() <= logTime.getTime() + SKEW)
}

/** Whose keys signed it. */
export function signersOf({ enrolment, second }: Permission): EnrolmentRecord[] {
  return second ? [enrolment, second] : [enrolment]
}

// A permission over 200 items is some 60 KB when read: this many of them stay well below 100 MB.
const REMEMBERED = 1000

/**
 * `checkPermission` that remembers what held, by the exact bytes of permission and enrolment. Nothing but these and `trust` goes into
 * the check, so it would say the same again; what does not hold is never remembered. Whoever gets an answer must not change it.
 */
export function permissionChecker(trust: Trust): (signed: SignedPermission) => Permission {
  const known = new Map<string, Permission>()
  return (signed) => {
    const name = b64u(sha256(JSON.stringify([signed.permission, signed.enrolment, signed.second])))
    const before = known.get(name)
    if (before) return before
    const checked = checkPermission(signed, trust)
    if (known.size >= REMEMBERED) known.clear()
    known.set(name, checked)
    return checked
  }
}

/** The claims, unproved. Header and payload are the organisation's own spelling of JSON; nothing may be said twice in either. */
export function readClaims(permission: string): Claims {
  try {
    const opened = readSigned(permission)
    if (opened.typ !== PERMISSION) throw new SyntaxError('not a permission')
    fromB64u(opened.kid, 32)
    const payload = parseForeign(opened.text)
    return claims.parse(payload)
  } catch {
    throw new Refusal('permission-invalid')
  }
}

/** Signed may differ from offered in three ways only: fewer items, an earlier end, and more conditions, of those the agreement has. */
export function isNarrowed(offered: Claims, signed: Claims, conditions: readonly string[] = []): boolean {
  const rest = ({ exp: _, authorization_details: [{ items: __, conditions: ___, ...detail }], ...others }: Claims) =>
    JSON.stringify([sorted(others), sorted(detail)])
  const asked = offered.authorization_details[0].conditions
  const given = signed.authorization_details[0].conditions
  const stricter = bindsAsMuch(given, asked) && given.every((one) => asked.includes(one) || conditions.includes(one))
  return isPartOf(signed, offered) && stricter && rest(offered) === rest(signed)
}

/** No item more, each with the same words, and no later end. */
function isPartOf(part: Claims, whole: Claims): boolean {
  const known = new Map(whole.authorization_details[0].items.map((one) => [one.id, one.commitment]))
  return part.exp <= whole.exp && part.authorization_details[0].items.every((one) => known.get(one.id) === one.commitment)
}

/** Every condition of the others, and none said twice. */
function bindsAsMuch(conditions: readonly string[], others: readonly string[]): boolean {
  return new Set(conditions).size === conditions.length && others.every((one) => conditions.includes(one))
}

/** A permission that takes the place of an earlier one gives no more than that: not an item, a day or a purpose, nor a condition less. */
export function takesPlaceOf(narrower: Claims, earlier: Claims): boolean {
  const [detail] = narrower.authorization_details
  const [before] = earlier.authorization_details
  const same = narrower.iss === earlier.iss && detail.to === before.to && detail.purpose === before.purpose
  return same && narrower.jti !== earlier.jti && isPartOf(narrower, earlier) && bindsAsMuch(detail.conditions, before.conditions)
}

function sorted(value: object): unknown {
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, member !== null && typeof member === 'object' && !Array.isArray(member) ? sorted(member) : member]),
  )
}

const withdrawalClaims = z.strictObject({ iss: z.uuid(), jti: z.uuid(), permission: z.uuid(), iat: seconds })
/** `at`: when it counts, log time for whoever checks later. `suspendedSince`: of the key, where that is known. */
export type WithdrawalOf = { permission: string; organisation: string; at: Date; suspendedSince?: Date | undefined }

/**
 * A signed withdrawal: exactly its claims, by a key of the organisation that was in force when it signed and when it counts, about this
 * permission. Throws Refusal('permission-invalid').
 */
export function checkWithdrawal(jws: string, about: WithdrawalOf, enrolled: EnrolmentRecord): void {
  try {
    const read = withdrawalClaims.parse(parseForeign(readSigned(jws).text))
    const names = read.permission === about.permission && read.jti !== read.permission && read.iss === about.organisation
    const signed = enrolled.org === about.organisation && isSignedBy(jws, WITHDRAWAL, enrolled)
    if (!names || !signed || !isInForce(enrolled, read.iat * 1000, about)) throw new SyntaxError('does not hold')
  } catch {
    throw new Refusal('permission-invalid')
  }
}

/** Nothing is signed after it counts; a key signs nothing before it is enrolled, nor from when it was suspended on. */
function isInForce(enrolled: EnrolmentRecord, signedAt: number, { at, suspendedSince }: WithdrawalOf): boolean {
  const begins = fromInstant(enrolled.from).getTime() - SKEW
  const ends = suspendedSince?.getTime() ?? Infinity
  return signedAt <= at.getTime() + SKEW && [signedAt, at.getTime()].every((moment) => moment >= begins && moment < ends)
}
