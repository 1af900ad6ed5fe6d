import { z } from 'zod'
import { isOpen, type OpenItem } from '#exchange'
import type { CheckedLog } from '#ledger'
import { readsMembers } from '#reads'
import { dailyMembers, type Line } from '#statements'
import { authority, hash, moment, uuid } from './bundle.ts'

/** The records a bundle holds, with the shapes of their members (docs/formats/statement.md). Strict: what is not known is refused. */
const head = {
  v: z.literal(1),
  id: uuid,
  deployment: z.uuid(),
  at: moment,
  agreement: z.strictObject({ id: z.string(), hash }),
  clause: z.string(),
  payload: hash,
  organisation: uuid,
}
const items = z.array(z.strictObject({ id: uuid, commitment: hash }))
const stage = z.enum(['initial', 'update', 'final'])
const toNcsc = { from: z.literal('portal'), to: z.literal('ncsc') }
const fromNcsc = { from: z.literal('ncsc'), to: z.literal('portal') }

export const report = z.strictObject({
  ...head,
  kind: z.literal('report'),
  from: z.literal('portal'),
  to: authority,
  reference: z.string(),
  stage,
  items: items.min(1),
})
export const request = z.strictObject({
  ...head,
  ...fromNcsc,
  kind: z.literal('permission-request'),
  reference: z.string(),
  recipient: z.literal('ico'),
  purpose: z.string(),
  until: moment,
  items: items.min(1),
  offer: uuid.optional(),
})
export const offer = z.strictObject({
  ...head,
  ...toNcsc,
  kind: z.literal('offer'),
  reference: z.string(),
  recipient: z.literal('ico'),
  purpose: z.string(),
  until: moment,
  items,
  enquiry: uuid.optional(),
  narrows: uuid.optional(),
})
export const grant = z.strictObject({ ...head, ...toNcsc, kind: z.literal('permission'), permission: uuid, narrows: uuid.optional() })
export const refusal = z.strictObject({ ...head, ...toNcsc, kind: z.literal('refusal'), request: uuid })
/** By telephone the NCSC's own record to the organisation, else the organisation's to the NCSC. */
export const withdrawal = z.strictObject({
  ...head,
  from: z.enum(['portal', 'ncsc']),
  to: z.enum(['ncsc', 'portal']),
  kind: z.literal('withdrawal'),
  permission: uuid,
  by: z.enum(['session', 'signature', 'telephone']),
})
export const notice = z.strictObject({
  ...head,
  ...fromNcsc,
  kind: z.literal('notice'),
  disclosure: uuid,
  record: hash,
  recipient: z.string(),
  purpose: z.string(),
  items: items.min(1),
  permission: uuid,
  ended: z.enum(['not-sent', 'refused']).optional(),
})
export const enquiry = z.strictObject({
  ...head,
  kind: z.literal('enquiry'),
  from: authority,
  to: z.literal('portal'),
  reference: z.string(),
  withdraws: uuid.optional(),
})
export const receipt = z.strictObject({
  ...head,
  kind: z.literal('receipt'),
  from: authority,
  to: z.literal('portal'),
  for: uuid,
  about: z.enum(['report', 'permission', 'offer', 'refusal', 'withdrawal', 'disclosure', 'recall']),
  state: z.enum(['accepted', 'refused']),
  code: z.string().optional(),
  reference: z.string().optional(),
  items,
  via: z.string().optional(),
  permission: uuid.optional(),
  stopped: z.array(uuid).optional(),
  left: z.array(uuid).optional(),
  mayHaveLeft: z.array(uuid).optional(),
  decision: z.enum(['deleted', 'kept']).optional(),
  ground: z.string().min(1).optional(),
})

export const daily = z.strictObject({
  ...head,
  ...dailyMembers,
  kind: z.literal('statement'),
  from: authority,
  to: z.literal('portal'),
})

export const reads = z.strictObject({ ...head, ...readsMembers, kind: z.literal('reads'), from: authority, to: z.literal('portal') })

export type Report = z.infer<typeof report>
export type Request = z.infer<typeof request>
export type OfferRecord = z.infer<typeof offer>
export type Grant = z.infer<typeof grant>
export type RefusalRecord = z.infer<typeof refusal>
export type Withdrawal = z.infer<typeof withdrawal>
export type Notice = z.infer<typeof notice>
export type EnquiryRecord = z.infer<typeof enquiry>
export type Receipt = z.infer<typeof receipt>
export type ReadsRecord = z.infer<typeof reads>
export type DailyRecord = z.infer<typeof daily>

const identifier = z.strictObject({ scheme: z.string(), id: z.string() })
const openItem = z.strictObject({ id: uuid, question: z.string(), value: z.unknown(), salt: z.string() })

const correction = z.strictObject({ item: uuid, corrects: uuid, why: z.string().min(1) })
const count = z.int().min(0)
const blob = z.strictObject({ item: uuid, id: uuid, key: hash, length: count, size: count, sha256: hash })

/** The payload of a report. */
export const submitted = z.strictObject({
  organisation: z.strictObject({
    id: uuid,
    name: z.string(),
    identifiers: z.array(identifier),
    sector: z.string().optional(),
    verified: z.boolean(),
  }),
  stage,
  items: z.array(openItem).min(1),
  nearMiss: z.literal(true).optional(),
  corrections: z.array(correction).min(1).optional(),
  blobs: z.array(blob).min(1).optional(),
})

/** The payload of an enquiry that takes none back. */
export const asked = z.strictObject({
  text: z.string().min(1),
  about: z.string().optional(),
  neededBy: z.iso.date().optional(),
  urgent: z.literal(true).optional(),
})
export type Asked = z.infer<typeof asked>

/** What a duty officer wrote down of a withdrawal told by telephone. */
export const called = z.strictObject({ caller: z.string(), number: z.string(), numberFrom: z.string(), at: moment, words: z.string() })
export type Submitted = z.infer<typeof submitted>

/** The words shown before signing; a permission's `notice` is their hash, and `{reason, items}` of them is the request's payload. */
export const words = z.strictObject({
  reason: z.string(),
  /** Closed: sealed past the portal (docs/formats/sealed-report.md). */
  items: z.array(z.union([openItem, z.strictObject({ id: uuid, commitment: hash })])).min(1),
  purpose: z.strictObject({ id: z.string(), label: z.string(), means: z.string(), may: z.array(z.string()), mayNot: z.array(z.string()) }),
  conditions: z.array(z.string()),
})
type WordsSent = z.infer<typeof words>
/** With the items that have words. */
export type Words = Omit<WordsSent, 'items'> & { items: OpenItem[] }
export const inWords = (sent: WordsSent): Words => ({ ...sent, items: sent.items.filter(isOpen) })

/** A record with the statement it came in and its log time. */
export type Stated<R> = { record: R; statement: string; logTime: Date }
/** The same, its signature and its place in the ledger checked. */
export type Entry<R> = Stated<R> & { checked: CheckedLog }

/** What is shown of a record's payload: all of it, or the chosen items alone. */
export type Shown<P extends { items: OpenItem[] }> = Pick<P, 'items'> & Partial<P>
/** A record shown by an opened link: what it says is bound by the entry after it. */
export type Told<R> = { record: R; n: number }
/** One page of a daily statement with what it lists. */
export type Page = Told<DailyRecord> & { lines: Line[] }
/** What is wrong, and with which record (its id, or where it stands in the bundle). */
export type Fault = { about?: string; detail: string }
