import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { b64u, fromB64u, type Bytes } from './bytes.ts'
import { readJson, writeFileAtomically } from './home.ts'
import { signerOf, type PrivateJwk, type Signer } from './jws.ts'
import { generateSealJwk, openingKey, type OpeningKey, type SealJwk } from './seal.ts'

/** A key file says where it was made: one made while trying out is refused in production. */
type KeyFile<K> = { tryingOut: boolean; key: K }

export class KeyRefused extends Error {
  readonly code = 'key-refused'
}

export type GatewayKeys = { statement: Signer; log: Signer; opening: OpeningKey; rest: Bytes }
export type NewKeys = { statement: PrivateJwk; log: PrivateJwk; seal: SealJwk; agreement?: PrivateJwk }

/** Makes a node's keys below `folder`: `gateway/` is for the gateway's eyes only, `agreement.json` for signing the agreement. Returns them once, for the trust file. */
export async function makeKeys(folder: string, options: { tryingOut: boolean; agreement: boolean }): Promise<NewKeys> {
  const keys: NewKeys = {
    statement: newSigningKey(),
    log: newSigningKey(),
    seal: await generateSealJwk(),
    ...(options.agreement && { agreement: newSigningKey() }),
  }
  const write = (name: string, key: unknown) =>
    writeFileAtomically(join(folder, name), `${JSON.stringify({ tryingOut: options.tryingOut, key })}\n`)
  await write('gateway/statement.json', keys.statement)
  await write('gateway/log.json', keys.log)
  await write('gateway/seal.json', keys.seal)
  await write('gateway/rest.json', b64u(randomBytes(32)))
  if (keys.agreement) await write('agreement.json', keys.agreement)
  return keys
}

export function newSigningKey(): PrivateJwk {
  const { kty, crv, x, d } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }) as PrivateJwk
  return { kty, crv, x, d }
}

/** The gateway's keys. Only the gateway's part of a node calls this. */
export async function readGatewayKeys(folder: string, production: boolean): Promise<GatewayKeys> {
  const read = <K>(name: string) => readKey<K>(join(folder, 'gateway', name), production)
  return {
    statement: signerOf(await read<PrivateJwk>('statement.json')),
    log: signerOf(await read<PrivateJwk>('log.json')),
    opening: await openingKey(await read<SealJwk>('seal.json')),
    rest: fromB64u(await read<string>('rest.json'), 32),
  }
}

export async function readAgreementKey(folder: string, production: boolean): Promise<Signer> {
  return signerOf(await readKey<PrivateJwk>(join(folder, 'agreement.json'), production))
}

async function readKey<K>(path: string, production: boolean): Promise<K> {
  const file = (await readJson(path)) as KeyFile<K> | undefined
  if (!file) throw new KeyRefused(`no key at ${path}`)
  if (production && file.tryingOut) throw new KeyRefused(`${path} was made while trying out and is not used in production`)
  return file.key
}
