import { z } from 'zod'
import { b64u, fromB64u, sha256 } from '#platform/bytes'
import { parseForeign } from '#platform/canonical'
import { fromInstant } from '#platform/clock'
import { Refusal } from '#platform/errors'
import { jwsHolds, readJws, verifyKeyOf } from '#platform/jws'
import type { ItemRef, Trust } from '#exchange'
import { checkEnrolment, type EnrolmentRecord } from './enrolment.ts'

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

/** A permission and the record that says whose key signed it: they travel together, so that nobody looks anything up. */
export const signedPermission = z.strictObject({ permission: z.string(), enrolment: z.unknown() })
export type SignedPermission = z.infer<typeof signedPermission>
export type Permission = { claims: Claims; enrolment: EnrolmentRecord; items: ItemRef[]; purpose: string }

/**
 * Form, enrolment and signature, as sender, recipient and verifier all check them. What time it is and what was withdrawn
 * is for the agreement to weigh. Throws Refusal('permission-invalid').
 */
export function checkPermission(signed: SignedPermission, trust: Trust): Permission {
  const enrolled = checkEnrolment(signed.enrolment, trust)
  const read = readClaims(signed.permission)
  const holds = signedBy(signed.permission, enrolled)
  // RFC 7519 section 4.1.1, 4.1.3: issuer and audience are who they must be.
  const same = read.iss === enrolled.org && read.aud === enrolled.body && read.deployment === trust.deployment
  const inForce = fromInstant(enrolled.from).getTime() <= read.exp * 1000
  if (!holds || !same || !inForce || read.nbf >= read.exp) throw new Refusal('permission-invalid')
  const [detail] = read.authorization_details
  if (new Set(detail.items.map((one) => one.id)).size !== detail.items.length) throw new Refusal('permission-invalid')
  return { claims: read, enrolment: enrolled, items: detail.items, purpose: detail.purpose }
}

const SKEW = 5 * 60_000

/** A signature counts only if its key was in force when the record that relies on it was logged; clocks of two houses may differ. */
export function keyCountsAt({ enrolment }: Permission, logTime: Date): boolean {
  return fromInstant(enrolment.from).getTime() <= logTime.getTime() + SKEW
}

/** False too for a signature that is none: what cannot be read was signed by nobody. */
function signedBy(permission: string, enrolled: EnrolmentRecord): boolean {
  try {
    return jwsHolds(permission, PERMISSION, verifyKeyOf(enrolled.key))
  } catch {
    return false
  }
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
    const name = b64u(sha256(JSON.stringify([signed.permission, signed.enrolment])))
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
    const opened = readJws(permission)
    if (opened.typ !== PERMISSION) throw new SyntaxError('not a permission')
    fromB64u(opened.kid, 32)
    const [, payload] = permission.split('.', 2).map((part) => parseForeign(Buffer.from(fromB64u(part)).toString('utf8')))
    return claims.parse(payload)
  } catch {
    throw new Refusal('permission-invalid')
  }
}

/** Signed may differ from offered in two ways only: fewer items, an earlier end. */
export function isNarrowed(offered: Claims, signed: Claims): boolean {
  const known = new Map(offered.authorization_details[0].items.map((one) => [one.id, one.commitment]))
  const subset = signed.authorization_details[0].items.every((one) => known.get(one.id) === one.commitment)
  const rest = ({ exp: _, authorization_details: [{ items: __, ...detail }], ...others }: Claims) =>
    JSON.stringify([sorted(others), sorted(detail)])
  return subset && signed.exp <= offered.exp && rest(offered) === rest(signed)
}

function sorted(value: object): unknown {
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, member !== null && typeof member === 'object' && !Array.isArray(member) ? sorted(member) : member]),
  )
}

const withdrawalClaims = z.looseObject({ permission: z.uuid().optional(), jti: z.uuid().optional(), iss: z.uuid().optional() })

/** A signed withdrawal: by any enrolled key of the organisation, about this permission. Throws Refusal('permission-invalid'). */
export function checkWithdrawal(jws: string, about: { permission: string; organisation: string }, enrolled: EnrolmentRecord): void {
  try {
    const read = withdrawalClaims.parse(parseForeign(readJws(jws).text))
    const names = (read.permission ?? read.jti) === about.permission && (read.iss ?? about.organisation) === about.organisation
    if (!names || enrolled.org !== about.organisation || !jwsHolds(jws, WITHDRAWAL, verifyKeyOf(enrolled.key)))
      throw new SyntaxError('does not hold')
  } catch {
    throw new Refusal('permission-invalid')
  }
}
