import { sign, verify } from 'node:crypto'
import { z } from 'zod'
import { b64u, fromB64u } from '#platform/bytes'
import { canonical, parseCanonical } from '#platform/canonical'
import { fromInstant } from '#platform/clock'
import { Refusal } from '#platform/errors'
import type { Signer, VerifyKey } from '#platform/jws'
import type { NodeId, Trust } from '#exchange'
import { keyId, publicKeyOf, signingJwk } from './signing-key.ts'

const TYP = 'concordat-enrolment+jws'

const identifier = z.strictObject({ scheme: z.string(), id: z.string() })
export const enrolmentRecord = z.strictObject({
  v: z.literal(1),
  deployment: z.uuid(),
  org: z.uuid(),
  organisation: z.strictObject({ name: z.string(), identifiers: z.array(identifier) }),
  /** Whose key it is: an id and nothing more. Two signatures of one person are one. */
  person: z.uuid(),
  kid: z.string(),
  key: signingJwk,
  /** Set where the key lies in a passkey, which signs in a form of its own. */
  passkey: z.strictObject({ credentialId: z.string() }).optional(),
  rpId: z.string(),
  origin: z.string(),
  role: z.literal('signatory'),
  ceremony: z.union([
    z.strictObject({ kind: z.enum(['call-back', 'notice', 'recovery', 'trying-out']), at: z.string() }),
    z.strictObject({ kind: z.literal('countersigned'), at: z.string(), by: z.string() }),
  ]),
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
  const signatures = signers.map((signer) => signOver(payload, signer))
  return { payload, signatures }
}

/** One party's word for a record, as it travels to the other before both have signed. */
export const halfForm = z.strictObject({ payload: z.string(), signature })
export type Half = z.infer<typeof halfForm>

export function signHalf(record: EnrolmentRecord, signer: Signer): Half {
  const { payload, signatures } = signEnrolment(record, [signer, signer])
  return { payload, signature: signatures[1]! }
}

/** The record of a half that its party signed. Throws Refusal('enrolment-invalid'). */
export function checkHalf(value: unknown, key: VerifyKey): EnrolmentRecord {
  try {
    const { payload, signature } = halfForm.parse(value)
    if (!holds(payload, signature, key)) throw new SyntaxError('not signed by it')
    return readRecord(payload)
  } catch {
    throw new Refusal('enrolment-invalid')
  }
}

/** The portal adds its own signature to what the sending body signed. */
export function complete({ payload, signature }: Half, portal: Signer): Enrolment {
  return { payload, signatures: [signOver(payload, portal), signature] }
}

/**
 * Whose key it is, by the word of two parties: neither the portal alone nor the sending body alone can enrol one.
 * Throws Refusal('permission-invalid').
 */
export function checkEnrolment(value: unknown, trust: Trust): EnrolmentRecord {
  try {
    const general = enrolment.parse(value)
    const record = readRecord(general.payload)
    const needed: NodeId[] = ['portal', record.body]
    const signed = needed.every((node, index) => holds(general.payload, general.signatures[index]!, trust.statementKeys[node]))
    if (!signed || record.deployment !== trust.deployment) throw new SyntaxError('not enrolled')
    // A key made while trying out counts for nothing in earnest.
    if (trust.environment === 'production' && record.ceremony.kind === 'trying-out') throw new SyntaxError('enrolled while trying out')
    return record
  } catch {
    throw new Refusal('permission-invalid')
  }
}

function readRecord(payload: string): EnrolmentRecord {
  const record = enrolmentRecord.parse(parseCanonical(Buffer.from(fromB64u(payload)).toString('utf8')))
  if (record.kid !== keyId(record.key)) throw new SyntaxError('another key than its name')
  // A P-256 key signs in a passkey alone: nothing else here takes ES256.
  if (record.key.kty === 'EC' && !record.passkey) throw new SyntaxError('a key without its passkey')
  publicKeyOf(record.key)
  fromInstant(record.from)
  fromInstant(record.ceremony.at)
  return record
}

function holds(payload: string, one: z.infer<typeof signature>, key: VerifyKey): boolean {
  const header = Buffer.from(fromB64u(one.protected)).toString('utf8')
  if (header !== canonical({ alg: 'EdDSA', kid: key.kid, typ: TYP })) return false
  return verify(null, Buffer.from(`${one.protected}.${payload}`), key.key, fromB64u(one.signature, 64))
}

function signOver(payload: string, signer: Signer): z.infer<typeof signature> {
  const header = b64u(Buffer.from(canonical({ alg: 'EdDSA', kid: signer.kid, typ: TYP })))
  return { protected: header, signature: b64u(sign(null, Buffer.from(`${header}.${payload}`), signer.key)) }
}
