import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { b64u, fromB64u, sha256 } from '#platform/bytes'
import { canonical } from '#platform/canonical'

/** A public key of an organisation: Ed25519 (RFC 8037), or, in a passkey alone, P-256 (RFC 7518 section 6.2). */
export const signingJwk = z.union([
  z.strictObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() }),
  z.strictObject({ kty: z.literal('EC'), crv: z.literal('P-256'), x: z.string(), y: z.string() }),
])
export type SigningJwk = z.infer<typeof signingJwk>

/** RFC 7638 thumbprint. The members of these kinds are the required ones and no others. */
export function keyId(key: SigningJwk): string {
  return b64u(sha256(canonical(key)))
}

/** Throws where it is no point of its curve, or not strictly spelled. */
export function publicKeyOf(key: SigningJwk): KeyObject {
  fromB64u(key.x, 32)
  if (key.kty === 'EC') fromB64u(key.y, 32)
  return createPublicKey({ key: key as JsonWebKey, format: 'jwk' })
}

/** The `alg` of a signature by it. */
export function algorithmOf(key: SigningJwk): 'EdDSA' | 'ES256' {
  return key.kty === 'EC' ? 'ES256' : 'EdDSA'
}
