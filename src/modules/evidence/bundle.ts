import { z } from 'zod'
import { b64u, fromB64u } from '#platform/bytes'
import { canonical, hashOf, parseCanonical } from '#platform/canonical'
import { fromInstant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { isUuid } from '#platform/ids'
import { openJws, signJws, type Signer, type VerifyKey } from '#platform/jws'

const BUNDLE = 'concordat-bundle+jws'

const reads = (read: (text: string) => unknown) => (text: string) => {
  try {
    read(text)
    return true
  } catch {
    return false
  }
}
export const uuid = z.string().refine(isUuid, 'not an id')
export const hash = z.string().refine(
  reads((text) => fromB64u(text, 32)),
  'not a hash',
)
export const moment = z.string().refine(reads(fromInstant), 'not an instant')
const bytes = z.string().refine(reads(fromB64u), 'not base64url')
const jws = z.string().regex(/^[\w-]+\.[\w-]+\.[\w-]+$/, 'not a compact JWS')

export const authority = z.enum(['ncsc', 'ico'])
const signature = z.strictObject({ protected: bytes, signature: bytes })
const enrolment = z.strictObject({ payload: bytes, signatures: z.array(signature).length(2) })

/** An entry of an authority's chain for the organisation that the bundle does not show: what links it to the next, and nothing of what it says. */
const link = z.strictObject({ from: authority, n: z.int().min(1), record: hash, salt: hash, salt2: hash })
export type Link = z.infer<typeof link>

/** docs/formats/bundle.md. */
const members = {
  v: z.literal(1),
  kind: z.literal('concordat-bundle'),
  deployment: z.uuid(),
  organisation: z.strictObject({ id: uuid, name: z.string().min(1) }),
  incident: z.strictObject({ id: uuid, reference: z.string().min(1) }),
  at: moment,
  submissions: z.array(z.strictObject({ statement: jws, payload: bytes })),
  requests: z.array(z.strictObject({ statement: jws, words: bytes })),
  enquiries: z.array(z.strictObject({ statement: jws, payload: bytes })),
  refusals: z.array(jws),
  permissions: z.array(z.strictObject({ permission: jws, enrolment, statement: jws })),
  withdrawals: z.array(z.union([z.strictObject({ statement: jws }), z.strictObject({ statement: jws, withdrawal: jws, enrolment })])),
  notices: z.array(jws),
  receipts: z.array(jws),
  others: z.array(link),
}
const unsealed = z.strictObject(members)
export const bundle = z.strictObject({ ...members, seal: jws })
export type Unsealed = z.infer<typeof unsealed>
export type Bundle = z.infer<typeof bundle>

/** Canonical JSON with exactly the members it has. Throws SyntaxError or ZodError. */
export function readBundle(text: string): Bundle {
  return bundle.parse(parseCanonical(text))
}

/** Base64url of the hash over everything but the seal. */
export function sealHash(value: Unsealed | Bundle): string {
  const { seal: _, ...rest } = value as Bundle
  return b64u(hashOf(rest))
}

/** The bundle's bytes, as they are handed out. */
export function sealed(value: Unsealed, seal: string): string {
  return canonical({ ...value, seal })
}

export function signSeal(hashOfBundle: string, signer: Signer): string {
  return signJws(BUNDLE, { v: 1, hash: hashOfBundle }, signer)
}

/** The seal says who put the bundle together, and that nobody touched it since. It does not make what is inside true. */
export function sealHolds(value: Bundle, key: VerifyKey): boolean {
  try {
    return canonical(openJws(value.seal, BUNDLE, key)) === canonical({ v: 1, hash: sealHash(value) })
  } catch {
    return false
  }
}

/**
 * The portal's gateway signs what its desk put together. A desk that is not to be trusted can have any bundle sealed: that is why
 * nothing inside a bundle rests on the seal.
 */
export async function sealBundle(_tx: Tx, body: { [member: string]: unknown }, signer: Signer, _ctx: Ctx): Promise<string> {
  const asked = z.strictObject({ hash }).safeParse(body)
  if (!asked.success) throw new Refusal('invalid')
  return signSeal(asked.data.hash, signer)
}
