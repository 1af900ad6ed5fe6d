import { b64u, type Bytes } from '#platform/bytes'
import type { SigningJwk } from './signing-key.ts'

/**
 * A COSE_Key (RFC 9052 section 7) as an authenticator gives it, in the two kinds that are taken: ES256 (EC2, P-256) and EdDSA (OKP,
 * Ed25519). Exactly their own members, in the shortest spelling (CTAP2 canonical CBOR); anything else is refused. Throws SyntaxError.
 */
export function keyOfCose(bytes: Bytes): SigningJwk {
  const map = readMap(bytes)
  const [kty, alg, crv, x, y] = [1, 3, -1, -2, -3].map((label) => map.get(label))
  if (kty === 2 && alg === -7 && crv === 1 && map.size === 5 && isKeyPart(x) && isKeyPart(y))
    return { kty: 'EC', crv: 'P-256', x: b64u(x), y: b64u(y) }
  if (kty === 1 && alg === -8 && crv === 6 && map.size === 4 && isKeyPart(x)) return { kty: 'OKP', crv: 'Ed25519', x: b64u(x) }
  throw new SyntaxError('not a key of a kind that is taken')
}

function isKeyPart(value: unknown): value is Bytes {
  return value instanceof Uint8Array && value.length === 32
}

/** A CBOR map (RFC 8949) of small integers to small integers or byte strings: all that these keys need. */
function readMap(bytes: Bytes): Map<number, number | Bytes> {
  const map = new Map<number, number | Bytes>()
  let at = 0
  const next = (): number => {
    if (at >= bytes.length) throw new SyntaxError('the key ends too early')
    return bytes[at++]!
  }
  const head = (): { major: number; value: number } => {
    const first = next()
    const info = first & 0x1f
    if (info > 24) throw new SyntaxError('longer than such a key can be')
    const value = info === 24 ? next() : info
    if (info === 24 && value < 24) throw new SyntaxError('not the shortest spelling')
    return { major: first >> 5, value }
  }
  const read = (): number | Bytes => {
    const { major, value } = head()
    if (major === 0) return value
    if (major === 1) return -1 - value
    if (major !== 2 || at + value > bytes.length) throw new SyntaxError('not a member of such a key')
    at += value
    return bytes.slice(at - value, at)
  }
  const start = head()
  if (start.major !== 5) throw new SyntaxError('not a map')
  for (let members = start.value; members > 0; members--) {
    const [label, value] = [read(), read()]
    if (typeof label !== 'number' || map.has(label)) throw new SyntaxError('a label twice, or none')
    map.set(label, value)
  }
  if (at !== bytes.length) throw new SyntaxError('more than a key')
  return map
}
