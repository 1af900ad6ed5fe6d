import { sign, verify } from 'node:crypto'
import { z } from 'zod'
import { b64u, fromB64u } from '#platform/bytes'
import { canonical, parseCanonical } from '#platform/canonical'
import { fromInstant } from '#platform/clock'
import { Refusal } from '#platform/errors'
import { thumbprint, type Signer, type VerifyKey } from '#platform/jws'
import type { NodeId, Trust } from '#exchange'

const TYP = 'concordat-enrolment+jws'

const identifier = z.strictObject({ scheme: z.string(), id: z.string() })
export const enrolmentRecord = z.strictObject({
  v: z.literal(1),
  deployment: z.uuid(),
  org: z.uuid(),
  organisation: z.strictObject({ name: z.string(), identifiers: z.array(identifier) }),
  kid: z.string(),
  key: z.strictObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() }),
  rpId: z.string(),
  origin: z.string(),
  role: z.literal('signatory'),
  ceremony: z.strictObject({ kind: z.enum(['call-back', 'trying-out']), at: z.string() }),
  from: z.string(),
  body: z.enum(['ncsc', 'ico']),
})
export type EnrolmentRecord = z.infer<typeof enrolmentRecord>

const signature = z.strictObject({ protected: z.string(), signature: z.string() })
export const enrolment = z.strictObject({ payload: z.string(), signatures: z.array(signature).length(2) })
/** JWS General JSON Serialization (RFC 7515 section 7.2.1): one payload, signed by the portal and by the sending body. */
export type Enrolment = z.infer<typeof enrolment>

export function signEnrolment(record: EnrolmentRecord, signers: [portal: Signer, body: Signer]): Enrolment {
  const payload = b64u(Buffer.from(canonical(record)))
  const signatures = signers.map((signer) => {
    const header = b64u(Buffer.from(canonical({ alg: 'EdDSA', kid: signer.kid, typ: TYP })))
    return { protected: header, signature: b64u(sign(null, Buffer.from(`${header}.${payload}`), signer.key)) }
  })
  return { payload, signatures }
}

/**
 * Whose key it is, by the word of two parties: neither the portal alone nor the sending body alone can enrol one.
 * Throws Refusal('permission-invalid').
 */
export function checkEnrolment(value: unknown, trust: Trust): EnrolmentRecord {
  try {
    const general = enrolment.parse(value)
    const record = enrolmentRecord.parse(parseCanonical(Buffer.from(fromB64u(general.payload)).toString('utf8')))
    const needed: NodeId[] = ['portal', record.body]
    const signed = needed.every((node, index) => holds(general, index, trust.statementKeys[node]))
    if (!signed || record.deployment !== trust.deployment || record.kid !== thumbprint(record.key)) throw new SyntaxError('not enrolled')
    // A key made while trying out counts for nothing in earnest.
    if (trust.environment === 'production' && record.ceremony.kind === 'trying-out') throw new SyntaxError('enrolled while trying out')
    fromInstant(record.from)
    return record
  } catch {
    throw new Refusal('permission-invalid')
  }
}

function holds(general: Enrolment, index: number, key: VerifyKey): boolean {
  const one = general.signatures[index]!
  const header = Buffer.from(fromB64u(one.protected)).toString('utf8')
  if (header !== canonical({ alg: 'EdDSA', kid: key.kid, typ: TYP })) return false
  return verify(null, Buffer.from(`${one.protected}.${general.payload}`), key.key, fromB64u(one.signature, 64))
}
