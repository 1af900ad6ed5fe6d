import type { ZodType } from 'zod'
import { fromB64u, type Bytes } from '#platform/bytes'
import { canonical, parseCanonical } from '#platform/canonical'
import { Refusal } from '#platform/errors'
import type { Line } from '#statements'
import type { ReadLine } from '#reads'
import { checkStatement, itemsMatch, payloadHash, readSealed, shownItemsMatch, type MessageRecord, type Trust } from '#exchange'
import type { Openings } from '#reporting'
import { checkEnrolment, checkPermission, checkWithdrawal, type Permission } from '#permission'
import type { Bundle, Link } from './bundle.ts'
import { choiceFaults, openPart } from './choice.ts'
import { openingFaults, openSealed, type SubmittedShown } from './sealed.ts'
import { readHashed, readTold } from './days.ts'
import { openReads, samePayload } from './payloads.ts'
import {
  asked,
  called,
  daily,
  enquiry,
  grant,
  inWords,
  notice,
  offer,
  reads,
  receipt,
  refusal,
  report,
  request,
  submitted,
  withdrawal,
  words,
  type Asked,
  type DailyRecord,
  type EnquiryRecord,
  type Entry,
  type Fault,
  type Grant,
  type Notice,
  type OfferRecord,
  type Page,
  type ReadsRecord,
  type Receipt,
  type RefusalRecord,
  type Report,
  type Request,
  type Shown,
  type Told,
  type Withdrawal,
  type Words,
} from './records.ts'

/** What is in a bundle once every statement in it, every payload and every signature holds. How they fit together is still to be seen. */
export type Evidence = {
  bundle: Bundle
  trust: Trust
  submissions: (Entry<Report> & { content: SubmittedShown })[]
  /** Without `notice` where not all of the words are shown. */
  requests: (Entry<Request> & { words: Shown<Words>; notice?: string })[]
  /** Without words: what takes one back, and what is not shown where only chosen items are. */
  enquiries: (Entry<EnquiryRecord> & { words?: Asked })[]
  /** What the organisation started: with the words and their hash, or with the question it lets be answered. */
  offers: (Entry<OfferRecord> & { words?: Shown<Words>; notice?: string; question?: Asked })[]
  /** Without lines where only chosen items are shown. */
  reads: (Entry<ReadsRecord> & { lines?: ReadLine[] })[]
  refusals: Entry<RefusalRecord>[]
  permissions: (Entry<Grant> & { permission: Permission })[]
  withdrawals: Entry<Withdrawal>[]
  /** Every notice as the bundle lists them; `notices` are those of a disclosure, `endings` those that one ended otherwise. */
  told: Entry<Notice>[]
  notices: Entry<Notice>[]
  endings: Entry<Notice>[]
  receipts: Entry<Receipt>[]
  /** The newest statement of each authority. */
  statements: (Entry<DailyRecord> & { lines: Line[] })[]
  /** Statements before it, and what the ICO took in other matters: opened links. */
  earlier: Page[]
  elsewhere: Told<Receipt>[]
  others: Link[]
  /** What a record may answer, by id. */
  by: Answerable
}

type Answerable = {
  submissions: Map<string, Evidence['submissions'][number]>
  requests: Map<string, Evidence['requests'][number]>
  enquiries: Map<string, Evidence['enquiries'][number]>
  offers: Map<string, Evidence['offers'][number]>
  refusals: Map<string, Evidence['refusals'][number]>
  permissions: Map<string, Evidence['permissions'][number]>
  withdrawals: Map<string, Evidence['withdrawals'][number]>
  /** By the permission's own id, not the record's. */
  granted: Map<string, Evidence['permissions'][number]>
}

export type { Fault } from './records.ts'
type Reader = {
  trust: Trust
  openings: Openings | undefined
  cache: Map<string, unknown>
  faults: { statements: Fault[]; payloads: Fault[]; permissions: Fault[] }
}

/** Reads a bundle against the keys given. What cannot be read is left out of `evidence` and named in `faults`. */
export function readEvidence(bundle: Bundle, trust: Trust, openings?: Openings): { evidence: Evidence; faults: Reader['faults'] } {
  const reader: Reader = { trust, openings, cache: new Map(), faults: { statements: [], payloads: [], permissions: [] } }
  const bare = <R extends MessageRecord>(name: string, statements: string[], schema: ZodType<R>) =>
    eachOf(
      reader,
      name,
      statements.map((statement) => ({ statement })),
      schema,
      nothing,
    )
  const told = bare('notices', bundle.notices, notice)
  const lists = {
    bundle,
    trust,
    submissions: eachOf(reader, 'submissions', bundle.submissions, report, (entry, one) => ({
      content: 'payload' in one ? openSubmission(entry, fromB64u(one.payload), openings) : openPart(entry, one),
    })),
    requests: eachOf(reader, 'requests', bundle.requests, request, (entry, one) =>
      'words' in one ? openRequest(entry, fromB64u(one.words)) : { words: openPart(entry, one) },
    ),
    enquiries: eachOf(reader, 'enquiries', bundle.enquiries, enquiry, (entry, one) =>
      'payload' in one ? openEnquiry(entry, fromB64u(one.payload)) : withheld(entry),
    ),
    offers: eachOf(reader, 'offers', bundle.offers, offer, openOffer),
    reads: eachOf(reader, 'reads', bundle.reads ?? [], reads, (entry, one) =>
      'payload' in one ? openReads(entry, fromB64u(one.payload)) : {},
    ),
    refusals: bare('refusals', bundle.refusals, refusal),
    permissions: permissionsOf(reader, bundle),
    withdrawals: withdrawalsOf(reader, bundle),
    told,
    notices: told.filter(({ record }) => record.ended === undefined),
    endings: told.filter(({ record }) => record.ended !== undefined),
    receipts: bare('receipts', bundle.receipts, receipt),
    others: bundle.others,
    ...statementsOf(reader, bundle),
  }
  reader.faults.payloads.push(...choiceFaults(lists), ...openingFaults(bundle, openings))
  return { evidence: { ...lists, by: answerable(lists) }, faults: reader.faults }
}

function answerable(lists: Omit<Evidence, 'by'>): Answerable {
  const byRecord = <T extends Entry<MessageRecord>>(list: T[]) => new Map(list.map((entry) => [entry.record.id, entry]))
  return {
    submissions: byRecord(lists.submissions),
    requests: byRecord(lists.requests),
    enquiries: byRecord(lists.enquiries),
    offers: byRecord(lists.offers),
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

/** Receipts, notices and refusals carry nothing beside themselves. */
function nothing(entry: Entry<MessageRecord>): object {
  samePayload(entry)
  return {}
}

function openSubmission(entry: Entry<Report>, payload: Bytes, openings: Openings | undefined): SubmittedShown {
  samePayload(entry, payload)
  const sealed = readSealed(payload)
  if (sealed) return openSealed(entry, sealed, openings)
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
  const { reason, items } = words.parse(parseCanonical(utf8(shown)))
  samePayload(entry, Buffer.from(canonical({ reason, items })))
  return openWords(entry, shown)
}

function openWords({ record }: Entry<Request | OfferRecord>, shown: Bytes): { words: Words; notice: string } {
  const read = words.parse(parseCanonical(utf8(shown)))
  if (!shownItemsMatch(read.items, record.items)) throw new SyntaxError('the items do not open the commitments')
  if (read.purpose.id !== record.purpose) throw new SyntaxError('the words shown are for another purpose')
  return { words: inWords(read), notice: payloadHash(shown) }
}

type Opened = Pick<Evidence['offers'][number], 'words' | 'notice' | 'question'>

/** Of named items nothing travels but their ids; of a question that is to be answered, its words. */
function openOffer(entry: Entry<OfferRecord>, one: Bundle['offers'][number]): Opened {
  const { enquiry: answered, items } = entry.record
  if ((answered === undefined) !== items.length > 0) throw new SyntaxError('an offer names items, or a question, and not both')
  if (answered === undefined) samePayload(entry)
  if ('items' in one) return { words: openPart(entry, one) }
  if (!('words' in one)) {
    if (answered === undefined) throw new SyntaxError('of an offer of items the chosen ones are shown')
    return {}
  }
  const shown = fromB64u(one.words)
  if (answered === undefined) return openWords(entry, shown)
  samePayload(entry, shown)
  return { question: asked.parse(parseCanonical(utf8(shown))) }
}

/** The newest statements, signed; the earlier ones and what stands elsewhere, by opened links; every list by its hash. */
function statementsOf(reader: Reader, bundle: Bundle): Pick<Evidence, 'statements' | 'earlier' | 'elsewhere'> {
  const { faults, trust } = reader
  const lists = new Map(
    bundle.holdings.flatMap((list, at) => attempt(faults.payloads, `holdings[${at}]`, () => [readHashed(fromB64u(list))]) ?? []),
  )
  const named = new Set<string>()
  const linesOf = (record: DailyRecord): Line[] => {
    const lines = lists.get(record.payload)
    if (!lines) throw new SyntaxError('the bundle does not have the list that this statement names')
    named.add(record.payload)
    return lines
  }
  const sources = bundle.statements.map((statement) => ({ statement }))
  const statements = eachOf(reader, 'statements', sources, daily, ({ record }) => ({ lines: linesOf(record) }))
  const earlier: Page[] = []
  const elsewhere: Told<Receipt>[] = []
  for (const link of bundle.others) {
    if (typeof link.record === 'string') continue
    const about = `${link.from} entry ${link.n}`
    const told = attempt(faults.statements, about, () => readTold(link, trust))
    if (!told) continue
    const { record, n } = told
    if (record.kind === 'receipt') elsewhere.push({ record, n })
    else attempt(faults.payloads, about, () => earlier.push({ record, n, lines: linesOf(record) }))
  }
  if (named.size !== bundle.holdings.length) faults.payloads.push({ detail: 'there are lists that no statement in the bundle names' })
  return { statements, earlier, elsewhere }
}

/** Of one that takes another back there is nothing that could be withheld. */
function withheld({ record }: Entry<EnquiryRecord>): object {
  if (record.withdraws !== undefined) throw new SyntaxError('what takes an enquiry back has no words to withhold')
  return {}
}

function permissionsOf(reader: Reader, { permissions }: Bundle): Evidence['permissions'] {
  const entries = eachOf(reader, 'permissions', permissions, grant, (entry, { permission, enrolment, second }) => {
    const signed = { permission, enrolment, ...(second && { second }) }
    samePayload(entry, Buffer.from(canonical(signed)))
    return { signed }
  })
  return entries.flatMap(({ signed, ...entry }) => {
    const permission = attempt(reader.faults.permissions, entry.record.permission, () => checkPermission(signed, reader.trust))
    return permission ? [{ ...entry, permission }] : []
  })
}

function withdrawalsOf(reader: Reader, { withdrawals }: Bundle): Evidence['withdrawals'] {
  return eachOf(reader, 'withdrawals', withdrawals, withdrawal, (entry, source) => {
    const { by, permission, organisation } = entry.record
    if ((by === 'signature') !== 'withdrawal' in source || (by === 'telephone') !== 'call' in source)
      throw new SyntaxError('a signed withdrawal comes with its signature, one by telephone with what was said, another without')
    if ('call' in source) return openCall(entry, fromB64u(source.call))
    if (!('withdrawal' in source)) return nothing(entry)
    samePayload(entry, Buffer.from(canonical({ withdrawal: source.withdrawal })))
    checkWithdrawal(source.withdrawal, { permission, organisation, at: entry.logTime }, checkEnrolment(source.enrolment, reader.trust))
    return {}
  })
}

function openCall(entry: Entry<Withdrawal>, payload: Bytes): object {
  samePayload(entry, payload)
  called.parse(parseCanonical(utf8(payload)))
  return {}
}

function utf8(bytes: Bytes): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
}
