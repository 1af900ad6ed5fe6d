import * as HPKE from 'hpke'
import { b64u, fromB64u, sha256, type Bytes } from './bytes.ts'

// Version 1 has one suite and no fallback (docs/formats/envelope.md). Keys are made and used with the system's own source of randomness.
const suite = (): HPKE.CipherSuite => new HPKE.CipherSuite(HPKE.KEM_MLKEM768_X25519, HPKE.KDF_HKDF_SHA256, HPKE.AEAD_AES_256_GCM)

/** ML-KEM-768 ciphertext (1,088 bytes) and X25519 share (32 bytes). */
export const ENC_LENGTH = 1120
/** The AEAD's tag. */
export const TAG_LENGTH = 16

export type SealJwk = { kid: string; publicKey: string; privateKey: string }
export type SealingKey = { kid: string; seal(plaintext: Bytes, info: Bytes): Promise<{ enc: Bytes; ciphertext: Bytes }> }
export type OpeningKey = { kid: string; open(enc: Bytes, ciphertext: Bytes, info: Bytes): Promise<Bytes> }

export function sealKid(publicKey: Bytes): string {
  return b64u(sha256(publicKey))
}

export async function generateSealJwk(): Promise<SealJwk> {
  const hpke = suite()
  const pair = await hpke.GenerateKeyPair(true)
  const publicKey = await hpke.SerializePublicKey(pair.publicKey)
  const privateKey = await hpke.SerializePrivateKey(pair.privateKey)
  return { kid: sealKid(publicKey), publicKey: b64u(publicKey), privateKey: b64u(privateKey) }
}

/** Throws SyntaxError where `kid` is not the key's own. */
export async function sealingKey(kid: string, publicKey: string): Promise<SealingKey> {
  const bytes = fromB64u(publicKey, 1216)
  if (sealKid(bytes) !== kid) throw new SyntaxError('kid is not of this key')
  const hpke = suite()
  const key = await hpke.DeserializePublicKey(bytes)
  return {
    kid,
    seal: async (plaintext, info) => {
      const { encapsulatedSecret, ciphertext } = await hpke.Seal(key, plaintext, { info })
      return { enc: encapsulatedSecret, ciphertext }
    },
  }
}

export async function openingKey(jwk: SealJwk): Promise<OpeningKey> {
  const hpke = suite()
  const key = await hpke.DeserializePrivateKey(fromB64u(jwk.privateKey), true)
  return { kid: jwk.kid, open: (enc, ciphertext, info) => hpke.Open(key, enc, ciphertext, { info }) }
}
