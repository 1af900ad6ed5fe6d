import { b64u, type Bytes } from '#platform/bytes'
import { hashOf, parseCanonical } from '#platform/canonical'
import { instant } from '#platform/clock'
import { readJws } from '#platform/jws'
import type { AuthorityId, MessageRecord } from '#exchange'
import type { LogMember } from '#ledger'
import { largest } from './books.ts'
import type { Bundle, Link, Unsealed } from './bundle.ts'

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
  refusals: string[]
  permissions: { permission: string; enrolment: Enrolment; statement: string }[]
  withdrawals: ({ statement: string } | { statement: string; withdrawal: string; enrolment: Enrolment })[]
  received: string[]
}

/** Reads what was checked when it arrived or was made here. */
export function recordIn(statement: string): { record: MessageRecord; log: LogMember } {
  const { log, ...record } = parseCanonical(readJws(statement).text) as unknown as MessageRecord & { log: LogMember }
  return { record: record as MessageRecord, log }
}

/**
 * The bundle of one incident, not yet sealed. Entries about other matters, and answers to what nobody has acknowledged yet, become
 * links: enough to see that no entry is missing, nothing of what they say.
 */
export function composeBundle(gathered: Gathered, at: Date): Unsealed {
  const { deployment, organisation, incident } = gathered
  const received = gathered.received.map((statement) => ({ statement, ...recordIn(statement) }))
  const ours = belongsTo(gathered)
  const asked = new Set([...gathered.requests, ...gathered.enquiries].map(({ statement }) => statement))
  const { shown = [], hidden = [] } = Object.groupBy(received, ({ statement, record }) =>
    asked.has(statement) || ours(record) ? 'shown' : 'hidden',
  )
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
    refusals: statementsOf(gathered.refusals.map((statement) => ({ statement }))),
    permissions: ordered(gathered.permissions),
    withdrawals: ordered(gathered.withdrawals),
    notices: statementsOf(shown.filter(({ record }) => record.kind === 'notice')),
    receipts: statementsOf(shown.filter(({ record }) => record.kind === 'receipt')),
    others: linksTo(hidden, shown),
  }
}

type Received = { statement: string; record: MessageRecord; log: LogMember }

/** Receipts of what stands in the bundle, and what was done under its permissions. */
export function belongsTo(gathered: Gathered): (record: { kind: string; [member: string]: unknown }) => boolean {
  const ours = [...gathered.submissions, ...gathered.permissions, ...gathered.withdrawals]
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

function linkTo(record: MessageRecord, { salt }: LogMember, { n, salt2 }: NonNullable<LogMember['opening']>): Link {
  return { from: record.from as AuthorityId, n, record: b64u(hashOf(record)), salt, salt2 }
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
