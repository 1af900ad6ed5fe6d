import { z } from 'zod'
import { canonical, parseCanonical, parseForeign } from '#platform/canonical'
import { instant } from '#platform/clock'
import { Refusal } from '#platform/errors'
import type { Bytes } from '#platform/bytes'
import { checkEnrolment, isSignedBy, keyId, readSigned, signedEnrolment, signingJwk, type EnrolmentRecord } from '#permission'
import type { Trust } from '#exchange'

export const COUNTERSIGNATURE = 'concordat-countersignature+jws'

/** How a key comes in: docs/formats/permission.md. */
export const ceremonies = ['call-back', 'countersigned', 'notice', 'recovery'] as const
export type Ceremony = (typeof ceremonies)[number]

/** Those in which time must pass, so that everybody who is told can stop it. */
export const waits = (ceremony: Ceremony): boolean => ceremony === 'notice' || ceremony === 'recovery'
/** Those in which somebody of the sending body telephones the organisation over a number that it did not give. */
export const isCalled = (ceremony: Ceremony): boolean => ceremony !== 'countersigned'

/** What the portal asks the sending body to sign, and will sign itself. */
export const asked = z.strictObject({
  organisation: z.strictObject({
    id: z.uuid(),
    name: z.string(),
    identifiers: z.array(z.strictObject({ scheme: z.string(), id: z.string() })),
  }),
  person: z.uuid(),
  kid: z.string(),
  key: signingJwk,
  passkey: z.strictObject({ credentialId: z.string() }).optional(),
  rpId: z.string(),
  origin: z.string(),
  countersignature: z.strictObject({ signed: z.string(), enrolment: signedEnrolment }).optional(),
})
export type Asked = z.infer<typeof asked>

/** Throws Refusal('enrolment-invalid'). */
export function readAsked(payload: Bytes | string): Asked {
  try {
    const text = typeof payload === 'string' ? payload : Buffer.from(payload).toString('utf8')
    const read = asked.parse(parseCanonical(text))
    if (read.kid !== keyId(read.key) || (read.key.kty === 'EC' && !read.passkey)) throw new SyntaxError('another key than its name')
    return read
  } catch {
    throw new Refusal('enrolment-invalid')
  }
}

/** The record both sign: of what was asked, with what the sending body says of the ceremony. */
export function recordOf(
  given: Asked,
  said: { deployment: string; ceremony: Ceremony; at: Date; from: Date; letInBy?: string | undefined },
): EnrolmentRecord {
  const { organisation, person, kid, key, passkey, rpId, origin } = given
  const at = instant(said.at)
  return {
    v: 1,
    deployment: said.deployment,
    org: organisation.id,
    organisation: { name: organisation.name, identifiers: organisation.identifiers },
    person,
    kid,
    key,
    ...(passkey && { passkey }),
    rpId,
    origin,
    role: 'signatory',
    ceremony: said.ceremony === 'countersigned' ? { kind: 'countersigned', at, by: said.letInBy! } : { kind: said.ceremony, at },
    from: instant(said.from),
    body: 'ncsc',
  }
}

/** Whether a record is of exactly what was asked. What the sending body adds are times. */
export function isRecordOf(given: Asked, record: EnrolmentRecord, said: { deployment: string; ceremony: Ceremony }): boolean {
  if (record.ceremony.kind !== said.ceremony) return false
  const letInBy = given.countersignature && readSigned(given.countersignature.signed).kid
  const [at, from] = [new Date(record.ceremony.at), new Date(record.from)]
  return canonical(recordOf(given, { ...said, at, from, letInBy })) === canonical(record)
}

const claims = z.strictObject({ iss: z.uuid(), deployment: z.uuid(), key: z.string(), iat: z.number().int().nonnegative() })
export type CountersignatureClaims = z.infer<typeof claims>

/** What a key says that lets another one in. Throws SyntaxError or ZodError. */
export function readCountersignature(signed: string): CountersignatureClaims {
  const opened = readSigned(signed)
  if (opened.typ !== COUNTERSIGNATURE) throw new SyntaxError('not a countersignature')
  return claims.parse(parseForeign(opened.text))
}

/** The enrolled key that lets this one in: of the same organisation, and not itself. Throws Refusal('enrolment-invalid'). */
export function checkCountersignature({ organisation, kid, countersignature }: Asked, trust: Trust): EnrolmentRecord {
  try {
    const { signed, enrolment } = countersignature!
    const enrolled = checkEnrolment(enrolment, trust)
    const said = readCountersignature(signed)
    const same = said.iss === organisation.id && enrolled.org === organisation.id && said.deployment === trust.deployment
    if (!same || said.key !== kid || enrolled.kid === kid || !isSignedBy(signed, COUNTERSIGNATURE, enrolled))
      throw new SyntaxError('does not hold')
    return enrolled
  } catch {
    throw new Refusal('enrolment-invalid')
  }
}
