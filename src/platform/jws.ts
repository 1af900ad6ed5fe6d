import { createPrivateKey, createPublicKey, sign, verify, type JsonWebKey, type KeyObject } from 'node:crypto'
import { b64u, fromB64u, sha256 } from './bytes.ts'
import { canonical, parseCanonical, type Json } from './canonical.ts'

/** An Ed25519 public key as RFC 8037 writes it. */
export type PublicJwk = { kty: 'OKP'; crv: 'Ed25519'; x: string }
export type PrivateJwk = PublicJwk & { d: string; kid?: string }
export type Signer = { kid: string; key: KeyObject; jwk: PublicJwk }
export type VerifyKey = { kid: string; key: KeyObject }

/** RFC 7638 thumbprint: the key id says which key it is, so a key and its name cannot be parted. */
export function thumbprint(jwk: PublicJwk): string {
  return b64u(sha256(canonical({ crv: jwk.crv, kty: jwk.kty, x: jwk.x })))
}

export function publicPart(jwk: PrivateJwk | PublicJwk): PublicJwk {
  return { kty: 'OKP', crv: 'Ed25519', x: jwk.x }
}

export function signerOf(jwk: PrivateJwk): Signer {
  const publicJwk = publicPart(jwk)
  return { kid: thumbprint(publicJwk), key: createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' }), jwk: publicJwk }
}

export function verifyKeyOf(jwk: PublicJwk): VerifyKey {
  fromB64u(jwk.x, 32)
  return { kid: thumbprint(publicPart(jwk)), key: createPublicKey({ key: publicPart(jwk) as JsonWebKey, format: 'jwk' }) }
}

/** A compact JWS (RFC 7515) with EdDSA (RFC 8037) over canonical JSON. */
export function signJws(typ: string, payload: unknown, signer: Signer): string {
  const header = b64u(Buffer.from(canonical({ alg: 'EdDSA', kid: signer.kid, typ })))
  const input = `${header}.${b64u(Buffer.from(canonical(payload)))}`
  return `${input}.${b64u(sign(null, Buffer.from(input), signer.key))}`
}

export type OpenedJws = { kid: string; typ: string; text: string }

/** Splits without trusting: header members are exactly alg, kid and typ (no `crit`, no embedded key). */
export function readJws(jws: string): OpenedJws {
  if (typeof jws !== 'string') throw new SyntaxError('not a compact JWS')
  const parts = jws.split('.')
  if (parts.length !== 3) throw new SyntaxError('not a compact JWS')
  const header = JSON.parse(Buffer.from(fromB64u(parts[0]!)).toString('utf8'))
  const names = Object.keys(header ?? {})
    .sort()
    .join()
  if (names !== 'alg,kid,typ' || header.alg !== 'EdDSA' || typeof header.kid !== 'string' || typeof header.typ !== 'string')
    throw new SyntaxError('JWS header must be alg EdDSA, kid and typ, and nothing else')
  return { kid: header.kid, typ: header.typ, text: utf8(fromB64u(parts[1]!)) }
}

/** True only for a signature by exactly this key, of exactly this type. */
export function jwsHolds(jws: string, typ: string, key: VerifyKey): boolean {
  const opened = readJws(jws)
  if (opened.typ !== typ || opened.kid !== key.kid) return false
  const at = jws.lastIndexOf('.')
  return verify(null, Buffer.from(jws.slice(0, at)), key.key, fromB64u(jws.slice(at + 1), 64))
}

/** The payload of a JWS of ours: signature, type and canonical form checked. Throws SyntaxError. */
export function openJws(jws: string, typ: string, key: VerifyKey): Json {
  if (!jwsHolds(jws, typ, key)) throw new SyntaxError('signature does not hold')
  return parseCanonical(readJws(jws).text)
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new SyntaxError('not UTF-8')
  }
}
