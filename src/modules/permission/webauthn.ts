import { verify } from 'node:crypto'
import { z } from 'zod'
import { b64u, equal, fromB64u, sha256, type Bytes } from '#platform/bytes'
import { publicKeyOf, type SigningJwk } from './signing-key.ts'

export const assertion = z.strictObject({
  credentialId: z.string(),
  authenticatorData: z.string(),
  clientDataJSON: z.string(),
  signature: z.string(),
})
/** What an authenticator answers, each member base64url (Web Authentication level 3, AuthenticatorAssertionResponse). */
export type Assertion = z.infer<typeof assertion>

/** What must be so: the credential, whose page it was asked on, and what for. */
export type Expected = { credentialId: string; rpId: string; origin: string; challenge: Bytes; key: SigningJwk }

const client = z.looseObject({
  type: z.string(),
  challenge: z.string(),
  origin: z.string(),
  crossOrigin: z.boolean().optional(),
  topOrigin: z.string().optional(),
})

// Web Authentication level 3 section 6.1: where each part of the authenticator data stands, and the flags.
const [RP_ID_HASH, FLAGS, COUNT, LENGTH] = [0, 32, 33, 37]
const FLAG = { present: 0x01, verified: 0x04, mayBackUp: 0x08, backedUp: 0x10, attested: 0x40, extensions: 0x80 }

/**
 * Web Authentication level 3 section 7.2, step by step, for a user who must be present and verified. No extension is asked for, so
 * none is taken. Answers with the counter the authenticator shows: zero where it keeps none. Throws SyntaxError, saying which step.
 */
export function checkAssertion(given: Assertion, expected: Expected): { signCount: number } {
  // Step 5: the credential that was enrolled.
  must(given.credentialId === expected.credentialId, 'another credential')
  const clientData = fromB64u(given.clientDataJSON)
  // Steps 9 to 14: what the browser says.
  checkClient(client.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(clientData))), expected)
  const data = fromB64u(given.authenticatorData)
  // Steps 15 to 20: what the authenticator says.
  checkAuthenticator(data, expected)
  // Steps 21 and 23: the signature over both.
  const signed = Buffer.concat([data, sha256(clientData)])
  must(holds(signed, fromB64u(given.signature), expected.key), 'the signature does not hold')
  return { signCount: Buffer.from(data).readUInt32BE(COUNT) }
}

function checkClient(said: z.infer<typeof client>, { challenge, origin }: Expected): void {
  must(said.type === 'webauthn.get', 'not an assertion')
  must(said.challenge === b64u(challenge), 'signed for something else')
  must(said.origin === origin, 'signed on another page')
  // A page inside another one shows what the outer one lets it.
  must(said.crossOrigin !== true && said.topOrigin === undefined, 'signed inside another page')
}

function checkAuthenticator(data: Bytes, { rpId }: Expected): void {
  must(data.length === LENGTH, 'not exactly as long as it must be')
  const flags = data[FLAGS]!
  const has = (flag: number): boolean => (flags & flag) !== 0
  must(equal(data.slice(RP_ID_HASH, FLAGS), sha256(rpId)), 'for another relying party')
  must(has(FLAG.present), 'nobody was present')
  must(has(FLAG.verified), 'the person was not verified')
  must(has(FLAG.mayBackUp) || !has(FLAG.backedUp), 'backed up, and cannot be')
  must(!has(FLAG.attested) && !has(FLAG.extensions), 'more than was asked for')
}

function holds(signed: Bytes, signature: Bytes, key: SigningJwk): boolean {
  const publicKey = publicKeyOf(key)
  if (key.kty === 'OKP') return signature.length === 64 && verify(null, signed, publicKey, signature)
  // Section 6.5.5: ES256 signatures are ASN.1 DER here, unlike in JOSE.
  return verify('sha256', signed, { key: publicKey, dsaEncoding: 'der' }, signature)
}

function must(so: boolean, otherwise: string): void {
  if (!so) throw new SyntaxError(otherwise)
}
