import { z } from 'zod'
import { b64u, fromB64u, uint32, type Bytes } from '#platform/bytes'
import { canonical, parseCanonical } from '#platform/canonical'
import { isUuid } from '#platform/ids'
import { Refusal } from '#platform/errors'
import { ENC_LENGTH, TAG_LENGTH, type OpeningKey, type SealingKey } from '#platform/seal'
import type { ItemRef, OpenItem } from './message.ts'

/** The question of an item that only makes up the number: docs/formats/sealed-report.md. */
export const PADDING = 'padding'
const TOGETHER = 16
const MOST = 320
/** Sizes a plaintext is padded to. */
const sizes = [8_192, 32_768, 131_072, 327_680] as const

const hash = z.string().refine((text) => isBytes(text, 32))
const id = z.string().refine(isUuid)

/** What everybody on the way can read. Bound into the ciphertext, all of it. */
const head = {
  sealed: z.literal('v1'),
  deployment: id,
  to: z.enum(['ncsc', 'ico']),
  kid: hash,
  reference: z.string().min(1).max(40),
  organisation: z.strictObject({
    id,
    name: z.string().min(1).max(1_000),
    identifiers: z.array(z.strictObject({ scheme: z.string(), id: z.string() })),
    sector: z.string().optional(),
    verified: z.boolean(),
  }),
  stage: z.enum(['initial', 'update', 'final']),
  items: z.array(z.strictObject({ id, commitment: hash })).refine(isRound),
}
export const sealedReport = z.strictObject({ ...head, ciphertext: z.string().refine(isOfASize) })
export type SealedReport = z.infer<typeof sealedReport>
export type SealedHead = Omit<SealedReport, 'ciphertext'>

function isBytes(text: string, length: number): boolean {
  try {
    return fromB64u(text, length).length === length
  } catch {
    return false
  }
}

function isRound(items: { id: string }[]): boolean {
  const { length } = items
  return length > 0 && length <= MOST && length % TOGETHER === 0 && new Set(items.map((item) => item.id)).size === length
}

function isOfASize(text: string): boolean {
  return sizes.some((size) => isBytes(text, ENC_LENGTH + size + TAG_LENGTH))
}

/** How many items of question `padding` it takes. Throws where there are more items than may be. */
export function paddingFor(items: number): number {
  if (items > MOST) throw new Refusal('too-large')
  return Math.ceil(items / TOGETHER) * TOGETHER - items
}

/** Seals a report to a body's key. */
export async function sealReport(report: Bytes, given: Omit<SealedHead, 'sealed' | 'kid'>, key: SealingKey): Promise<SealedReport> {
  const shown: SealedHead = { sealed: 'v1', kid: key.kid, ...given }
  const size = sizes.find((limit) => limit >= 4 + report.length)
  if (size === undefined) throw new Refusal('too-large')
  const plaintext = Buffer.concat([uint32(report.length), report, Buffer.alloc(size - 4 - report.length)])
  const { enc, ciphertext } = await key.seal(plaintext, infoOf(shown))
  return sealedReport.parse({ ...shown, ciphertext: b64u(Buffer.concat([enc, ciphertext])) })
}

function infoOf(shown: SealedHead): Buffer {
  return Buffer.from(canonical(shown))
}

/** The bytes that travel beside the record. */
export function sealedBytes(sealed: SealedReport): Buffer {
  return Buffer.from(canonical(sealed))
}

/** Undefined for a payload that lies open. Throws SyntaxError or ZodError for one that says it is sealed and is not of the form. */
export function readSealed(payload: Bytes): SealedReport | undefined {
  const value = parseCanonical(Buffer.from(payload).toString('utf8'))
  const says = value !== null && typeof value === 'object' && 'sealed' in value
  return says ? sealedReport.parse(value) : undefined
}

/** The report inside, still to be checked. Throws for anything but bytes sealed so to this very key. */
export async function openSealed({ ciphertext, ...shown }: SealedReport, key: OpeningKey): Promise<Bytes> {
  if (shown.kid !== key.kid) throw new SyntaxError('sealed to another key')
  const bytes = Buffer.from(fromB64u(ciphertext))
  return unpadded(await key.open(bytes.subarray(0, ENC_LENGTH), bytes.subarray(ENC_LENGTH), infoOf(shown)))
}

function unpadded(plaintext: Bytes): Bytes {
  const bytes = Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength)
  const end = 4 + bytes.readUInt32BE(0)
  if (sizes.find((limit) => limit >= end) !== bytes.length) throw new SyntaxError('padded to another size')
  if (bytes.subarray(end).some((byte) => byte !== 0)) throw new SyntaxError('padding is not zero')
  return bytes.subarray(4, end)
}

/** An item as it is shown to whoever may not, or need not, read what it says. */
export type ShownItem = OpenItem | ItemRef

export function isOpen(item: ShownItem): item is OpenItem {
  return 'salt' in item
}
