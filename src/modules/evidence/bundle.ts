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

/** What an organisation signed: a compact JWS, or the text of what a passkey signed. What is in it is read where it is checked. */
const signed = z.string().regex(/^([\w-]+\.[\w-]+\.[\w-]+|\{.+\})$/, 'not signed in a form there is')
const second = z.strictObject({ permission: signed, enrolment }).optional()

/**
 * An entry of an authority's chain for the organisation without its statement: what links it to the next. Closed, it shows nothing of what
 * it says; opened, `record` is the whole record, bound by what comes after it.
 */
const link = z.strictObject({
  from: authority,
  n: z.int().min(1),
  record: z.union([hash, z.record(z.string(), z.json())]),
  salt: hash,
  salt2: hash,
})
export type Link = z.infer<typeof link>

const openItem = z.strictObject({ id: uuid, question: z.string(), value: z.json(), salt: z.string() })
/** A record of which only chosen items are shown: its payload stays away. */
const part = z.strictObject({ statement: jws, items: z.array(openItem) })

/** docs/formats/bundle.md. */
const members = {
  v: z.literal(1),
  kind: z.literal('concordat-bundle'),
  deployment: z.uuid(),
  organisation: z.strictObject({ id: uuid, name: z.string().min(1) }),
  incident: z.strictObject({ id: uuid, reference: z.string().min(1) }),
  at: moment,
  /** Ids of the items shown, where not all are. */
  chosen: z.array(uuid).min(1).optional(),
  submissions: z.array(z.union([z.strictObject({ statement: jws, payload: bytes }), part])),
  requests: z.array(z.union([z.strictObject({ statement: jws, words: bytes }), part])),
  enquiries: z.array(z.union([z.strictObject({ statement: jws, payload: bytes }), z.strictObject({ statement: jws })])),
  offers: z.array(z.union([z.strictObject({ statement: jws, words: bytes }), part, z.strictObject({ statement: jws })])),
  refusals: z.array(jws),
  permissions: z.array(z.strictObject({ permission: signed, enrolment, second, statement: jws })),
  withdrawals: z.array(
    z.union([
      z.strictObject({ statement: jws }),
      z.strictObject({ statement: jws, withdrawal: signed, enrolment }),
      z.strictObject({ statement: jws, call: bytes }),
    ]),
  ),
  notices: z.array(jws),
  receipts: z.array(jws),
  /** Left out where nothing was told. */
  reads: z
    .array(z.union([z.strictObject({ statement: jws, payload: bytes }), z.strictObject({ statement: jws })]))
    .min(1)
    .optional(),
  statements: z.array(jws),
  holdings: z.array(bytes),
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
