import { z } from 'zod'
import { fromB64u, sha256 } from '#platform/bytes'
import { canonical, parseCanonical, parseForeign } from '#platform/canonical'
import { jwsHolds, readJws, verifyKeyOf } from '#platform/jws'
import type { EnrolmentRecord } from './enrolment.ts'
import { algorithmOf } from './signing-key.ts'
import { assertion, checkAssertion } from './webauthn.ts'

/**
 * What an organisation signs comes in two forms, and neither is ever made into the other: a compact JWS, or, from a passkey, the
 * canonical text of this.
 */
export const passkeyForm = z.strictObject({ protected: z.string(), payload: z.string(), webauthn: assertion })
export type PasskeyForm = z.infer<typeof passkeyForm>

/** As it is kept and travels: a string in either form. What a page hands over as an object becomes its canonical text. */
export function formOf(given: string | PasskeyForm): string {
  return typeof given === 'string' ? given : canonical(given)
}

export type Signed = { kid: string; typ: string; text: string }

/** Who says that they signed it, and what: not yet believed. Throws SyntaxError or ZodError. */
export function readSigned(signed: string): Signed {
  if (!isPasskeyForm(signed)) return readCompact(signed)
  const { kid, typ, payload } = readPasskey(signed)
  return { kid, typ, text: payload }
}

/** Its header is the organisation's own spelling of JSON, with nothing said twice. */
function readCompact(jws: string): Signed {
  const opened = readJws(jws)
  parseForeign(utf8(jws.split('.', 1)[0]!))
  return opened
}

/** Signed by exactly this key, as exactly this, in the one form that this key has. False too for what cannot be read. */
export function isSignedBy(signed: string, typ: string, enrolled: EnrolmentRecord): boolean {
  try {
    if (!isPasskeyForm(signed)) return enrolled.passkey === undefined && jwsHolds(signed, typ, edwardsKeyOf(enrolled))
    const { form, kid, typ: said, alg } = readPasskey(signed)
    if (!enrolled.passkey || said !== typ || kid !== enrolled.kid || alg !== algorithmOf(enrolled.key)) return false
    const { rpId, origin, key, passkey } = enrolled
    const challenge = sha256(`${form.protected}.${form.payload}`)
    checkAssertion(form.webauthn, { rpId, origin, key, challenge, credentialId: passkey.credentialId })
    return true
  } catch {
    return false
  }
}

/** How often the passkey says it has signed; undefined where it keeps no count, or is none. A count that falls speaks of a copy. */
export function signCountOf(signed: string): number | undefined {
  if (!isPasskeyForm(signed)) return undefined
  const data = Buffer.from(fromB64u(readPasskey(signed).form.webauthn.authenticatorData))
  return data.readUInt32BE(33) || undefined
}

function isPasskeyForm(signed: string): boolean {
  return signed.startsWith('{')
}

function edwardsKeyOf({ key }: EnrolmentRecord) {
  if (key.kty !== 'OKP') throw new SyntaxError('not a key for a JWS')
  return verifyKeyOf(key)
}

const header = z.strictObject({ alg: z.enum(['EdDSA', 'ES256']), kid: z.string(), typ: z.string() })

function readPasskey(signed: string): { form: PasskeyForm; alg: string; kid: string; typ: string; payload: string } {
  const form = passkeyForm.parse(parseCanonical(signed))
  const said = utf8(form.protected)
  const opened = header.parse(JSON.parse(said))
  // Three members of one line each: any other spelling, or one said twice, is somebody else's.
  if (canonical(opened) !== said) throw new SyntaxError('not the header such a form has')
  return { form, ...opened, payload: utf8(form.payload) }
}

function utf8(text: string): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(fromB64u(text))
}
