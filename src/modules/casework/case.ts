import { z } from 'zod'
import { b64u, fromB64u } from '#platform/bytes'
import { canonical, parseCanonical } from '#platform/canonical'
import type { Random } from '#platform/context'
import { invalid, Refusal } from '#platform/errors'
import type { OpeningKey } from '#platform/seal'
import {
  itemsMatch,
  openSealed,
  PADDING,
  type AuthorityId,
  type ItemRef,
  type MessageRecord,
  type OpenItem,
  type SealedReport,
} from '#exchange'

export type Via = 'in-confidence' | 'statutory' | 'permission'
export type ItemKind = 'answer' | 'finding'

/** By which door an organisation's own report comes, and what its items are then kept under. */
export const ownReport: Record<AuthorityId, { door: 1 | 2; via: Via }> = {
  ncsc: { door: 1, via: 'in-confidence' },
  ico: { door: 2, via: 'statutory' },
}

// OFFICIAL-SENSITIVE is the ceiling of this program; what an organisation tells in confidence starts there.
export const MARKING = 'OFFICIAL-SENSITIVE'

// All but tab and line ends: stores and screens take them for something else.
const CONTROLS = /[^\P{Cc}\t\n\r]/u

/** A short name of lower-case words, as questions have. */
export const questionId = z
  .string()
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/)
  .max(60)

const item = z.strictObject({ id: z.uuidv4(), question: questionId, value: z.json(), salt: z.string() })
const organisation = z.strictObject({
  id: z.uuidv4(),
  name: z
    .string()
    .min(1)
    .max(1_000)
    .refine((name) => !CONTROLS.test(name)),
  identifiers: z.array(z.strictObject({ scheme: z.string(), id: z.string() })),
  sector: z.string().optional(),
  verified: z.boolean(),
})
const words = z
  .string()
  .max(20_000)
  .refine((text) => text.trim() !== '' && !CONTROLS.test(text))
const correction = z.strictObject({ item: z.uuidv4(), corrects: z.uuidv4(), why: words })
const hash = z.string().refine(isHash)
const blob = z.strictObject({ item: z.uuidv4(), id: z.uuidv4(), key: hash, length: z.int().min(0), size: z.int().min(0), sha256: hash })

export const stages = ['initial', 'update', 'final'] as const
export type Stage = (typeof stages)[number]

/** docs/formats/statement.md. */
const reportPayload = z
  .strictObject({
    organisation,
    stage: z.enum(stages),
    items: z.array(item).min(1),
    nearMiss: z.literal(true).optional(),
    corrections: z.array(correction).min(1).optional(),
    blobs: z.array(blob).min(1).optional(),
  })
  .refine(speaksOfItsOwn)

export type ReportPayload = z.infer<typeof reportPayload>
export type Correction = z.infer<typeof correction>
/** Where the bytes are that an item speaks of. */
export type BlobOfItem = z.infer<typeof blob>

function isHash(text: string): boolean {
  try {
    return fromB64u(text, 32).length === 32
  } catch {
    return false
  }
}

type Parts = { items: { id: string }[]; corrections?: Correction[] | undefined; blobs?: BlobOfItem[] | undefined }

/** Corrections and blobs are each of one item of this payload; what is corrected is not: it was told before. */
function speaksOfItsOwn({ items, corrections = [], blobs = [] }: Parts): boolean {
  const own = new Set(items.map(({ id }) => id))
  const once = (ids: string[]): boolean => new Set(ids).size === ids.length
  return (
    [...corrections, ...blobs].every((one) => own.has(one.item)) &&
    corrections.every(({ corrects }) => !own.has(corrects)) &&
    [
      corrections.map((one) => one.item),
      corrections.map((one) => one.corrects),
      blobs.map((one) => one.item),
      blobs.map((one) => one.id),
    ].every(once)
  )
}

const ASKED = /^asked-(.+)$/

/** The question of an answer to this body's enquiry. */
export function askedQuestion(enquiry: string): string {
  return `asked-${enquiry}`
}

/** Which enquiry a question stands for; undefined for a question of the list. */
export function enquiryIn(question: string): string | undefined {
  return ASKED.exec(question)?.[1]
}

const references: Record<AuthorityId, RegExp> = { ico: /^ICO(-[2-9A-Z]{4}){2}$/, ncsc: /^NCSC(-[2-9A-Z]{4}){2}$/ }

/**
 * What a report that arrived says, if every item opens its commitment in the signed record and both speak of one organisation.
 * Anything else is refused: kept beside the sender's signature, it would look as if the sender had said it.
 */
export function openReport(record: MessageRecord, payload: Uint8Array, node: AuthorityId): ReportPayload & { reference: string } {
  const report = openAsSaid(record, payload, node)
  // Such an item is shown to nobody: it has no place where nothing has to be made up.
  if (report.items.some(({ question }) => question === PADDING)) throw new Refusal('envelope-invalid')
  return report
}

function openAsSaid(record: MessageRecord, payload: Uint8Array, node: AuthorityId): ReportPayload & { reference: string } {
  const report = readReport(payload)
  const { reference } = record
  const agrees = report.organisation.id === record.organisation && report.stage === record['stage']
  if (!agrees || typeof reference !== 'string' || !references[node].test(reference)) throw new Refusal('envelope-invalid')
  if (!matches(report.items, record.items)) throw new Refusal('envelope-invalid')
  // A near miss is told to the NCSC alone.
  if (report.nearMiss && node === 'ico') throw new Refusal('flow-not-allowed')
  return { ...report, reference }
}

/**
 * What a report says that was sealed on its reporter's machine. All that stands outside the seal is bound into it, so the record that
 * the portal signed must name this very body, reference, organisation, stage and items: under another incident it does not open.
 */
export async function openSealedReport(
  { record, sealed, node }: { record: MessageRecord; sealed: SealedReport; node: AuthorityId },
  key: OpeningKey,
): Promise<ReportPayload & { reference: string }> {
  const { to, deployment, reference, items, organisation: outside } = sealed
  const said = [record.to, record.deployment, record['reference'], record.items, record.organisation, record['stage']]
  if (to !== node || canonical(said) !== canonical([to, deployment, reference, items, outside.id, sealed.stage]))
    throw new Refusal('envelope-invalid')
  const report = openAsSaid(record, await openedBy(sealed, key), node)
  const hidden = report.items.some(({ question, value }) => question === PADDING && value !== null)
  if (hidden || report.blobs || !isToldAlike(report.organisation, outside)) throw new Refusal('envelope-invalid')
  return report
}

async function openedBy(sealed: SealedReport, key: OpeningKey): Promise<Uint8Array> {
  try {
    return await openSealed(sealed, key)
  } catch {
    throw new Refusal('envelope-invalid')
  }
}

/** Who it is, and whether they proved it, is the portal's word. An organisation that proved nothing calls itself what it likes. */
function isToldAlike(inside: ReportPayload['organisation'], outside: SealedReport['organisation']): boolean {
  return outside.verified ? canonical(inside) === canonical(outside) : inside.id === outside.id && !inside.verified
}

function readReport(payload: Uint8Array): ReportPayload {
  try {
    return reportPayload.parse(parseCanonical(new TextDecoder('utf-8', { fatal: true }).decode(payload)))
  } catch {
    throw new Refusal('envelope-invalid')
  }
}

function matches(items: OpenItem[], refs: ItemRef[] | undefined): boolean {
  try {
    return refs !== undefined && itemsMatch(items, refs)
  } catch {
    // A salt of another length or spelling opens nothing.
    return false
  }
}

export function newFinding(question: string, value: unknown, random: Random): OpenItem {
  return { id: random.uuid(), question, value, salt: b64u(random.bytes(32)) }
}

const LONGEST_TEXT = 20_000

/** Words an officer wrote, as they may be kept. Throws the mistake at `field`. */
export function checkText(text: unknown, field: string): string {
  if (typeof text !== 'string' || text.trim() === '') throw invalid({ field, message: 'Write something' })
  if (text.length > LONGEST_TEXT) throw invalid({ field, message: `Use no more than ${LONGEST_TEXT.toLocaleString('en-GB')} characters` })
  if (!text.isWellFormed() || CONTROLS.test(text)) throw invalid({ field, message: 'There are characters here that are not text' })
  return text
}

/** What a finding says: words, or anything else JSON has but nothing. */
export function checkValue(value: unknown, field: string): unknown {
  if (typeof value === 'string') return checkText(value, field)
  if (value === null || value === undefined) throw invalid({ field, message: 'Write something' })
  if (canonical(value).length > LONGEST_TEXT)
    throw invalid({ field, message: `Use no more than ${LONGEST_TEXT.toLocaleString('en-GB')} characters` })
  return value
}

/** A case already open for the organisation that something disclosed belongs to: its only one, else the one that disclosures opened. */
export function caseToFileUnder<C extends { opened_by_door: number }>(open: C[]): C | undefined {
  return open.length === 1 ? open[0] : open.find((one) => one.opened_by_door === 3)
}
