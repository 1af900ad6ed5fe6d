import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { b64u, sha256 } from '#platform/bytes'
import { hashOf } from '#platform/canonical'
import { openJws, signJws, type PublicJwk, type Signer, verifyKeyOf } from '#platform/jws'
import type { RefusalCode } from '#platform/errors'

export const SIGNATURES = 'signatures.json'
const TYP = 'concordat-agreement+jws'

const purpose = z.looseObject({
  id: z.string(),
  label: z.string(),
  means: z.string(),
  may: z.array(z.string()),
  mayNot: z.array(z.string()),
})
const file = z.looseObject({
  id: z.string(),
  version: z.string(),
  title: z.string(),
  purposes: z.array(purpose),
  conditions: z.array(z.looseObject({ id: z.string(), label: z.string(), clause: z.string(), always: z.boolean() })),
  permission: z.looseObject({ maxDays: z.number().int().positive(), twoSignatures: z.array(z.string()) }),
  enrolment: z.looseObject({ waitHours: z.number().positive() }),
  restriction: z.looseObject({
    grounds: z.array(z.looseObject({ id: z.string(), label: z.string(), means: z.string(), source: z.string(), mark: z.string() })),
  }),
  ledger: z.looseObject({ slots: z.number().int(), intervalSeconds: z.strictObject({ inEarnest: z.number(), tryingOut: z.number() }) }),
  statements: z.looseObject({ everySeconds: z.strictObject({ inEarnest: z.int().positive(), tryingOut: z.int().positive() }) }),
  reading: z.looseObject({
    deferredDays: z.int().positive(),
    purposes: z.array(
      z.looseObject({ id: z.string(), label: z.string(), told: z.enum(['next-day', 'deferred']), by: z.array(z.string()).optional() }),
    ),
  }),
  exchange: z.looseObject({
    transitHours: z.number(),
    skewMinutes: z.number(),
    redeliveryDays: z.int().positive(),
    withdrawnDecisionDays: z.number(),
  }),
  refusalOrder: z.array(z.string()),
})
export type AgreementFile = z.infer<typeof file>

export type AgreementFolder = { path: string; hash: string; file: AgreementFile; policies: string; schema: string; clauses: string[] }

/** The folder as signed: every file but the signatures, each hashed, the hashes hashed (docs/formats/ledger.md). */
export async function readAgreement(path: string): Promise<AgreementFolder> {
  const names = await filesBelow(path)
  const texts = new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(path, name))] as const)))
  const hashes = Object.fromEntries(names.map((name) => [name, b64u(sha256(texts.get(name)!))]))
  const cedar = names.filter((name) => name.startsWith('policy/') && name.endsWith('.cedar'))
  const clauses = names.filter((name) => /^clauses\/[a-z0-9-]+\.md$/.test(name)).map((name) => name.slice('clauses/'.length, -'.md'.length))
  return {
    path,
    hash: b64u(hashOf(hashes)),
    file: file.parse(parse(texts.get('agreement.yaml')!.toString('utf8'))),
    policies: cedar.map((name) => texts.get(name)!.toString('utf8')).join('\n'),
    schema: texts.get('policy/schema.cedarschema')!.toString('utf8'),
    clauses,
  }
}

async function filesBelow(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(path, join(entry.parentPath, entry.name)).split(sep).join('/'))
  return names.filter((name) => name !== SIGNATURES).sort()
}

/** One body's word for the folder as it stands. */
export function signAgreement(folder: Pick<AgreementFolder, 'hash' | 'file'>, signer: Signer): string {
  return signJws(TYP, { v: 1, agreement: folder.file.id, hash: folder.hash }, signer)
}

export type SignatureState = { signed: boolean; missing: string[] }

/** Signed means by every body's key over this very hash; a signature of an earlier text counts for nothing. */
export function signatureState(
  folder: Pick<AgreementFolder, 'hash' | 'file'>,
  signatures: string[],
  keys: Record<string, PublicJwk>,
): SignatureState {
  const missing = Object.entries(keys).filter(([, jwk]) => !signatures.some((jws) => signsIt(jws, folder, jwk)))
  return { signed: missing.length === 0 && Object.keys(keys).length > 0, missing: missing.map(([body]) => body) }
}

function signsIt(jws: string, folder: Pick<AgreementFolder, 'hash' | 'file'>, jwk: PublicJwk): boolean {
  try {
    const claims = openJws(jws, TYP, verifyKeyOf(jwk)) as { v?: unknown; agreement?: unknown; hash?: unknown }
    return claims.v === 1 && claims.agreement === folder.file.id && claims.hash === folder.hash
  } catch {
    return false
  }
}

export function refusalOrder(folder: AgreementFolder): RefusalCode[] {
  return folder.file.refusalOrder as RefusalCode[]
}
