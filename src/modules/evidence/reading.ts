import type { ZodType } from 'zod'
import { fromB64u, type Bytes } from '#platform/bytes'
import { canonical, parseCanonical } from '#platform/canonical'
import { Refusal } from '#platform/errors'
import { checkStatement, itemsMatch, payloadHash, type MessageRecord, type Trust } from '#exchange'
import { checkEnrolment, checkPermission, checkWithdrawal, type Permission } from '#permission'
import type { Bundle, Link } from './bundle.ts'
import {
  asked,
  enquiry,
  grant,
  notice,
  receipt,
  refusal,
  report,
  request,
  submitted,
  withdrawal,
  words,
  type Asked,
  type EnquiryRecord,
  type Entry,
  type Grant,
  type Notice,
  type Receipt,
  type RefusalRecord,
  type Report,
  type Request,
  type Submitted,
  type Withdrawal,
  type Words,
} from './records.ts'

/** What is in a bundle once every statement in it, every payload and every signature holds. How they fit together is still to be seen. */
export type Evidence = {
  bundle: Bundle
  trust: Trust
  submissions: (Entry<Report> & { content: Submitted })[]
  requests: (Entry<Request> & { words: Words; notice: string })[]
  /** Without words: what takes one back. */
  enquiries: (Entry<EnquiryRecord> & { words?: Asked })[]
  refusals: Entry<RefusalRecord>[]
  permissions: (Entry<Grant> & { permission: Permission })[]
  withdrawals: Entry<Withdrawal>[]
  notices: Entry<Notice>[]
  receipts: Entry<Receipt>[]
  others: Link[]
  /** What a record may answer, by id. */
  by: Answerable
}

type Answerable = {
  submissions: Map<string, Evidence['submissions'][number]>
  requests: Map<string, Evidence['requests'][number]>
  enquiries: Map<string, Evidence['enquiries'][number]>
  refusals: Map<string, Evidence['refusals'][number]>
  permissions: Map<string, Evidence['permissions'][number]>
  withdrawals: Map<string, Evidence['withdrawals'][number]>
  /** By the permission's own id, not the record's. */
  granted: Map<string, Evidence['permissions'][number]>
}

/** What is wrong, and with which record (its id, or where it stands in the bundle). */
export type Fault = { about?: string; detail: string }
type Reader = { trust: Trust; cache: Map<string, unknown>; faults: { statements: Fault[]; payloads: Fault[]; permissions: Fault[] } }

/** Reads a bundle against the keys given. What cannot be read is left out of `evidence` and named in `faults`. */
export function readEvidence(bundle: Bundle, trust: Trust): { evidence: Evidence; faults: Reader['faults'] } {
  const reader: Reader = { trust, cache: new Map(), faults: { statements: [], payloads: [], permissions: [] } }
  const bare = <R extends MessageRecord>(name: string, statements: string[], schema: ZodType<R>) =>
    eachOf(
      reader,
      name,
      statements.map((statement) => ({ statement })),
      schema,
      nothing,
    )
  const lists = {
    bundle,
    trust,
    submissions: eachOf(reader, 'submissions', bundle.submissions, report, (entry, { payload }) => ({
      content: openSubmission(entry, fromB64u(payload)),
    })),
    requests: eachOf(reader, 'requests', bundle.requests, request, (entry, one) => openRequest(entry, fromB64u(one.words))),
    enquiries: eachOf(reader, 'enquiries', bundle.enquiries, enquiry, (entry, { payload }) => openEnquiry(entry, fromB64u(payload))),
    refusals: bare('refusals', bundle.refusals, refusal),
    permissions: permissionsOf(reader, bundle),
    withdrawals: withdrawalsOf(reader, bundle),
    notices: bare('notices', bundle.notices, notice),
    receipts: bare('receipts', bundle.receipts, receipt),
    others: bundle.others,
  }
  return { evidence: { ...lists, by: answerable(lists) }, faults: reader.faults }
}

function answerable(lists: Omit<Evidence, 'by'>): Answerable {
  const byRecord = <T extends Entry<MessageRecord>>(list: T[]) => new Map(list.map((entry) => [entry.record.id, entry]))
  return {
    submissions: byRecord(lists.submissions),
    requests: byRecord(lists.requests),
    enquiries: byRecord(lists.enquiries),
    refusals: byRecord(lists.refusals),
    permissions: byRecord(lists.permissions),
    withdrawals: byRecord(lists.withdrawals),
    granted: new Map(lists.permissions.map((given) => [given.record.permission, given])),
  }
}

/** Each element of a list: its statement checked, its record's shape read, its payload compared and opened. */
function eachOf<S extends { statement: string }, R extends MessageRecord, M>(
  reader: Reader,
  name: string,
  list: S[],
  schema: ZodType<R>,
  open: (entry: Entry<R>, source: S) => M,
): (Entry<R> & M)[] {
  return list.flatMap((source, at) => {
    const about = `${name}[${at}]`
    const entry = attempt(reader.faults.statements, about, () => entryOf(reader, source.statement, schema))
    if (!entry) return []
    const more = attempt(reader.faults.payloads, entry.record.id, () => open(entry, source))
    return more ? [{ ...entry, ...more }] : []
  })
}

function entryOf<R extends MessageRecord>({ trust, cache }: Reader, statement: string, schema: ZodType<R>): Entry<R> {
  const { record, checked } = checkStatement(statement, trust, cache)
  return { record: schema.parse(record), statement, logTime: checked.logTime, checked }
}

function attempt<T>(faults: Fault[], about: string, work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    faults.push({ about, detail: reasonOf(error) })
    return undefined
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Refusal && error.code === 'log-proof-invalid')
    return 'it is not proved to stand in its signer\u2019s ledger under a head that somebody else cosigned'
  if (error instanceof Refusal) return `it does not hold (${error.code})`
  return error instanceof SyntaxError ? error.message : 'it is not of the form the format says'
}

function samePayload({ record }: Entry<MessageRecord>, payload?: Bytes): void {
  if (record.payload !== payloadHash(payload)) throw new SyntaxError('the payload is not the one the record names')
}

/** Receipts, notices and refusals carry nothing beside themselves. */
function nothing(entry: Entry<MessageRecord>): object {
  samePayload(entry)
  return {}
}

function openSubmission(entry: Entry<Report>, payload: Bytes): Submitted {
  samePayload(entry, payload)
  const content = submitted.parse(parseCanonical(utf8(payload)))
  const { organisation, stage, items } = entry.record
  if (content.organisation.id !== organisation || content.stage !== stage)
    throw new SyntaxError('payload and record speak of different things')
  if (!itemsMatch(content.items, items)) throw new SyntaxError('the items do not open the commitments')
  const own = new Set(content.items.map((item) => item.id))
  if (![...(content.corrections ?? []), ...(content.blobs ?? [])].every((one) => own.has(one.item)))
    throw new SyntaxError('a correction or an attachment is of an item that is not there')
  return content
}

function openEnquiry(entry: Entry<EnquiryRecord>, payload: Bytes): { words?: Asked } {
  samePayload(entry, payload)
  if (entry.record.withdraws === undefined) return { words: asked.parse(parseCanonical(utf8(payload))) }
  if (payload.length > 0) throw new SyntaxError('what takes an enquiry back says nothing else')
  return {}
}

function openRequest(entry: Entry<Request>, shown: Bytes): { words: Words; notice: string } {
  const read = words.parse(parseCanonical(utf8(shown)))
  samePayload(entry, Buffer.from(canonical({ reason: read.reason, items: read.items })))
  if (!itemsMatch(read.items, entry.record.items)) throw new SyntaxError('the items do not open the commitments')
  if (read.purpose.id !== entry.record.purpose) throw new SyntaxError('the words shown are for another purpose')
  return { words: read, notice: payloadHash(shown) }
}

function permissionsOf(reader: Reader, { permissions }: Bundle): Evidence['permissions'] {
  const entries = eachOf(reader, 'permissions', permissions, grant, (entry, { permission, enrolment }) => {
    samePayload(entry, Buffer.from(canonical({ permission, enrolment })))
    return { signed: { permission, enrolment } }
  })
  return entries.flatMap(({ signed, ...entry }) => {
    const permission = attempt(reader.faults.permissions, entry.record.permission, () => checkPermission(signed, reader.trust))
    return permission ? [{ ...entry, permission }] : []
  })
}

function withdrawalsOf(reader: Reader, { withdrawals }: Bundle): Evidence['withdrawals'] {
  return eachOf(reader, 'withdrawals', withdrawals, withdrawal, (entry, source) => {
    const { by, permission, organisation } = entry.record
    if ((by === 'signature') !== 'withdrawal' in source)
      throw new SyntaxError('a signed withdrawal comes with its signature, another without')
    if (!('withdrawal' in source)) return nothing(entry)
    samePayload(entry, Buffer.from(canonical({ withdrawal: source.withdrawal })))
    checkWithdrawal(source.withdrawal, { permission, organisation }, checkEnrolment(source.enrolment, reader.trust))
    return {}
  })
}

function utf8(bytes: Bytes): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
}
