import { b64u, sha256, type Bytes } from '#platform/bytes'
import { hashOf, parseCanonical } from '#platform/canonical'
import { instant } from '#platform/clock'
import { readJws } from '#platform/jws'
import type { AuthorityId, MessageRecord } from '#exchange'
import type { LogMember } from '#ledger'
import { largest } from './books.ts'
import type { Bundle, Link, Unsealed } from './bundle.ts'
import { isTaken } from './days.ts'
import type { DailyRecord, Receipt } from './records.ts'

type Enrolment = Bundle['permissions'][number]['enrolment']

/** The pieces of one incident, as the portal has them, and every statement either authority ever made to the organisation. */
export type Gathered = {
  deployment: string
  organisation: string
  incident: { id: string; reference: string }
  submissions: { statement: string; payload: Bytes }[]
  requests: { statement: string; words: Bytes }[]
  /** What either authority asked about it, and what it took back: of that the payload is empty. */
  enquiries: { statement: string; payload: Bytes }[]
  /** What either authority told of openings of its items. */
  reads?: { statement: string; payload: Bytes }[]
  /** What the organisation started: the words, or the question it lets be answered. */
  offers?: { statement: string; words: Bytes }[]
  refusals: string[]
  permissions: Bundle['permissions']
  withdrawals: (
    | { statement: string }
    | { statement: string; withdrawal: string; enrolment: Enrolment }
    | { statement: string; call: Bytes }
  )[]
  received: string[]
  /** What daily statements list, each list once. */
  lists: Bytes[]
}

/** Reads what was checked when it arrived or was made here. */
export function recordIn(statement: string): { record: MessageRecord; log: LogMember } {
  const { log, ...record } = parseCanonical(readJws(statement).text) as unknown as MessageRecord & { log: LogMember }
  return { record: record as MessageRecord, log }
}

/**
 * The bundle of one incident, not yet sealed. Entries about other matters, and answers to what nobody has acknowledged yet, become
 * links: enough to see that no entry is missing, nothing of what they say; but for statements before the newest, and what those speak of.
 */
export function composeBundle(gathered: Gathered, at: Date): Unsealed {
  const { deployment, organisation, incident, reads = [] } = gathered
  const received = gathered.received.map((statement) => ({ statement, ...recordIn(statement) }))
  const ours = belongsTo(gathered)
  const asked = new Set([...gathered.requests, ...gathered.enquiries, ...gathered.withdrawals, ...reads].map(({ statement }) => statement))
  const newest = newestStatements(received)
  const { shown = [], hidden = [] } = Object.groupBy(received, ({ statement, record }) =>
    asked.has(statement) || newest.has(statement) || ours(record) ? 'shown' : 'hidden',
  )
  const others = linksTo(hidden, shown)
  return {
    v: 1,
    kind: 'concordat-bundle',
    deployment,
    organisation: { id: organisation, name: nameIn(gathered) },
    incident: { id: incident.id, reference: incident.reference },
    at: instant(at),
    submissions: ordered(gathered.submissions).map(({ statement, payload }) => ({ statement, payload: b64u(payload) })),
    requests: ordered(gathered.requests).map(({ statement, words }) => ({ statement, words: b64u(words) })),
    enquiries: ordered(gathered.enquiries).map(({ statement, payload }) => ({ statement, payload: b64u(payload) })),
    offers: ordered(gathered.offers ?? []).map(({ statement, words }) => ({ statement, words: b64u(words) })),
    refusals: statementsOf(gathered.refusals.map((statement) => ({ statement }))),
    permissions: ordered(gathered.permissions),
    withdrawals: ordered(gathered.withdrawals).map((one) => ('call' in one ? { ...one, call: b64u(one.call) } : one)),
    notices: statementsOf(shown.filter(({ record }) => record.kind === 'notice')),
    receipts: statementsOf(shown.filter(({ record }) => record.kind === 'receipt')),
    ...(reads.length > 0 && {
      reads: ordered(reads).map(({ statement, payload }) => ({ statement, payload: b64u(payload) })),
    }),
    statements: statementsOf(shown.filter(({ record }) => record.kind === 'statement')),
    holdings: listsNamed(gathered.lists, [...shown.map(({ record }) => record), ...others.map(({ record }) => record)]),
    others,
  }
}

type Received = { statement: string; record: MessageRecord; log: LogMember }

/** Receipts of what stands in the bundle, and what was done under its permissions. */
export function belongsTo(gathered: Gathered): (record: { kind: string; [member: string]: unknown }) => boolean {
  const ours = [...gathered.submissions, ...(gathered.offers ?? []), ...gathered.permissions, ...gathered.withdrawals]
    .map(({ statement }) => statement)
    .concat(gathered.refusals)
  const records = ours.map((statement) => recordIn(statement).record)
  const ids = new Set(records.map(({ id }) => id))
  const permissions = new Set(records.filter(({ kind }) => kind === 'permission').map((record) => record['permission']))
  return (record) => {
    if (record.kind === 'notice') return permissions.has(record['permission'])
    if (record.kind !== 'receipt') return false
    return record['about'] === 'disclosure' || record['about'] === 'recall'
      ? permissions.has(record['permission'])
      : ids.has(record['for'] as string)
  }
}

/** docs/formats/bundle.md: by instant, then id; nothing twice. */
function ordered<T extends { statement: string }>(list: T[]): T[] {
  const placed = new Map(list.map((one) => [placeOf(one.statement), one]))
  return [...placed].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
}

function statementsOf(list: { statement: string }[]): string[] {
  return ordered(list).map(({ statement }) => statement)
}

function placeOf(statement: string): string {
  const { at, id } = recordIn(statement).record
  return `${at} ${id}`
}

/** Up to the last entry that is shown: a link after it would be bound by nothing. */
function linksTo(hidden: Received[], shown: Received[]): Link[] {
  const last = (authority: string) => largest(shown.filter(({ record }) => record.from === authority).map(({ log }) => log.opening?.n ?? 0))
  const limits = new Map(['ncsc', 'ico'].map((authority) => [authority, last(authority)]))
  return hidden
    .flatMap(({ record, log }) => (log.opening && log.opening.n <= limits.get(record.from)! ? [linkTo(record, log, log.opening)] : []))
    .sort((a, b) => (a.from === b.from ? a.n - b.n : a.from < b.from ? -1 : 1))
}

/** Earlier statements are opened, and what the ICO took in other matters: the newest statement speaks of all of it. */
function linkTo(record: MessageRecord, { salt }: LogMember, { n, salt2 }: NonNullable<LogMember['opening']>): Link {
  const isOpen = record.kind === 'statement' || (record.kind === 'receipt' && isTaken(record as unknown as Receipt))
  return { from: record.from as AuthorityId, n, record: isOpen ? (record as Link['record']) : b64u(hashOf(record)), salt, salt2 }
}

/** All pages of the newest statement of each authority of which every page is here. */
function newestStatements(received: Received[]): Set<string> {
  const all = received.filter(({ record }) => record.kind === 'statement')
  const whole = [...Map.groupBy(all, ({ record }) => `${record.from} ${record['due']}`)].filter(
    ([, pages]) => pages.length === pages[0]!.record['pages'],
  )
  // By authority, then instant: the last of each stays.
  const newest = new Map(whole.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pages]) => [pages[0]!.record.from, pages]))
  return new Set([...newest.values()].flat().map(({ statement }) => statement))
}

/** The lists that statements among these records name, by their hash. */
function listsNamed(lists: Bytes[], records: (MessageRecord | Link['record'])[]): string[] {
  const named = new Set(records.flatMap((record) => (isStatement(record) ? [record.payload] : [])))
  const found = lists.map((list) => ({ list, hash: sha256(list) })).filter(({ hash }) => named.has(b64u(hash)))
  return found.sort((a, b) => Buffer.compare(a.hash, b.hash)).map(({ list }) => b64u(list))
}

function isStatement(record: MessageRecord | Link['record']): record is MessageRecord {
  return typeof record !== 'string' && record['kind'] === 'statement'
}

/** As the newest enrolment calls it, else the newest report: the bundle gives it no name that nothing in it gives. */
function nameIn({ permissions, submissions }: Gathered): string {
  const enrolled = ordered(permissions).at(-1)
  if (enrolled) return readName(Buffer.from(enrolled.enrolment.payload, 'base64url'))
  const reported = ordered(submissions).at(-1)
  return reported ? readName(reported.payload) : 'Not yet known'
}

function readName(bytes: Bytes): string {
  return (JSON.parse(Buffer.from(bytes).toString('utf8')) as { organisation: { name: string } }).organisation.name
}

/** The newest statement of each authority, page by page, as the folder's owner reads it. */
export function newestIn({ received }: Pick<Gathered, 'received'>) {
  const all = received.map((statement) => ({ statement, ...recordIn(statement) }))
  const newest = newestStatements(all)
  const shown = all
    .filter(({ statement }) => newest.has(statement))
    .map(({ statement, record }) => lineOf(statement, record as unknown as DailyRecord))
  return shown.sort((a, b) => (a.authority === b.authority ? a.page - b.page : a.authority < b.authority ? -1 : 1))
}

function lineOf(statement: string, { from: authority, due, entries, page, pages, held, missed, ending }: DailyRecord) {
  const more = { ...(missed !== undefined && { missed }), ...(ending !== undefined && { ending }) }
  return { authority, due, entries, page, pages, held, ...more, statement }
}
