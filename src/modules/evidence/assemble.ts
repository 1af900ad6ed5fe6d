import type { Bytes } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import type { Db } from '#platform/db'
import { readSealed, receivedFor, sentStatements, type ReceivedRow, type Trust } from '#exchange'
import { enquiriesForBundle } from '#enquiries'
import { enrolmentOf } from '#identity'
import { asGiven, callsInIncident, grantsOf, readSigned, requestsOf, startsInIncident, type GrantRow } from '#permission'
import { readsIn } from '#reads'
import { openFor, submissionPayload, submissionsOf, type FolderKeys, type Incident } from '#reporting'
import { listsOf } from '#statements'
import { belongsTo, recordIn, type Gathered } from './compose.ts'
import { holdingsOf, type Held, type NotYetReceived } from './holdings.ts'
import { inWords, submitted, words, type Notice, type Receipt, type Report, type Request, type Stated } from './records.ts'

/** What the portal has of an incident, and when each answer to it was logged. */
export type Folder = { gathered: Gathered; logTimes: Map<string, Date>; onTheWay: NotYetReceived[] }
type Sources = { db: Db; trust: Trust; folders: FolderKeys }

/**
 * Everything signed about an incident, opened in the owner's own session. Of ours only what its recipient took: what is still on its
 * way proves nothing yet. A folder that has told nobody anything has no organisation; it goes by its own id.
 */
export async function gather(sources: Sources, incident: Incident, ctx: Ctx): Promise<Folder> {
  const { db, trust } = sources
  const organisation = incident.organisation ?? incident.id
  const received = await receivedFor(db, organisation, [
    'receipt',
    'notice',
    'permission-request',
    'enquiry',
    'withdrawal',
    'statement',
    'reads',
    'enrolment',
    'suspension',
  ])
  const { submissions, onTheWay } = await submissionsIn(sources, incident, ctx)
  const asked = await requestsIn(sources, incident, received, ctx)
  const gathered: Gathered = {
    deployment: trust.deployment,
    organisation,
    incident: { id: incident.id, reference: incident.reference },
    submissions,
    ...asked,
    enquiries: await enquiriesAmong(sources, incident, received, ctx),
    reads: await readsAmong(sources, incident, received, ctx),
    offers: await offersIn(sources, incident, ctx),
    ...(await grantsIn(sources, incident, received, ctx)),
    received: received.map(({ statement }) => statement),
    lists: await listsOf(db, organisation),
  }
  return { gathered, onTheWay, logTimes: new Map(received.map(({ statement, log_time }) => [statement, log_time])) }
}

type Submissions = { submissions: Gathered['submissions']; onTheWay: NotYetReceived[] }

async function submissionsIn({ db, folders }: Sources, incident: Incident, ctx: Ctx): Promise<Submissions> {
  const all = await submissionsOf(db, incident)
  const sent = await sentBy(
    db,
    all.map(({ envelope }) => envelope),
  )
  const left = all.filter(({ envelope }) => sent.has(envelope))
  const submissions = left.map(async (one) => ({
    statement: sent.get(one.envelope)!,
    payload: await submissionPayload(db, one, folders, ctx),
  }))
  const waiting = all.filter(({ envelope }) => !sent.has(envelope))
  return {
    submissions: await Promise.all(submissions),
    onTheWay: waiting.map(({ to, reference, envelope }) => ({ to, reference, envelope })),
  }
}

async function sentBy(db: Db, records: string[]): Promise<Map<string, string>> {
  return new Map((await sentStatements(db, records)).map(({ id, statement }) => [id, statement]))
}

async function requestsIn(
  { db, folders }: Sources,
  incident: Incident,
  received: ReceivedRow[],
  ctx: Ctx,
): Promise<Pick<Gathered, 'requests' | 'refusals'>> {
  const statements = new Map(received.map(({ id, statement }) => [id, statement]))
  const rows = (await requestsOf(db, incident.organisation ?? incident.id)).filter(
    (row) => row.incident === incident.id && statements.has(row.id),
  )
  const opened = rows.map(async (row) => ({
    statement: statements.get(row.id)!,
    words: await openFor(incident.owner, row.id, row.words, folders, ctx),
  }))
  const refused = await sentBy(
    db,
    rows.flatMap(({ refusal }) => refusal ?? []),
  )
  return { requests: await Promise.all(opened), refusals: [...refused.values()] }
}

/** What was kept of an enquiry stands in the inbox with its statement. */
async function enquiriesAmong(
  { db, folders }: Sources,
  incident: Incident,
  received: ReceivedRow[],
  ctx: Ctx,
): Promise<Gathered['enquiries']> {
  const statements = new Map(received.map(({ id, statement }) => [id, statement]))
  const kept = await enquiriesForBundle(db, incident, folders, ctx)
  return kept.flatMap(({ record, payload }) => (statements.has(record) ? [{ statement: statements.get(record)!, payload }] : []))
}

/** What either body told of openings of this incident's items. */
async function readsAmong(
  { db, folders }: Sources,
  incident: Incident,
  received: ReceivedRow[],
  ctx: Ctx,
): Promise<NonNullable<Gathered['reads']>> {
  const statements = new Map(received.map(({ id, statement }) => [id, statement]))
  const told = await readsIn(db, incident, folders, ctx)
  return told.flatMap(({ record, list }) => (statements.has(record) ? [{ statement: statements.get(record)!, payload: list }] : []))
}

/** Of what the organisation started what the NCSC took. */
async function offersIn({ db, folders }: Sources, incident: Incident, ctx: Ctx): Promise<NonNullable<Gathered['offers']>> {
  const rows = await startsInIncident(db, incident.id)
  const sent = await sentBy(
    db,
    rows.map(({ id }) => id),
  )
  const opened = rows
    .filter(({ id }) => sent.has(id))
    .map(async ({ id, words: sealed }) => ({
      statement: sent.get(id)!,
      words: await openFor(incident.owner, id, sealed, folders, ctx),
    }))
  return Promise.all(opened)
}

type Permissions = Pick<Gathered, 'permissions' | 'withdrawals'>
type Enrolment = Gathered['permissions'][number]['enrolment']

async function grantsIn(sources: Sources, incident: Incident, received: ReceivedRow[], ctx: Ctx): Promise<Permissions> {
  const { db } = sources
  const rows = await grantsOf(db, incident.id)
  const sent = await sentBy(
    db,
    rows.flatMap(({ record, withdrawal }) => [record, withdrawal ?? []].flat()),
  )
  const given = rows.filter(({ record }) => sent.has(record))
  const permissions = await Promise.all(
    given.map(async (row) => ({ ...(await asGiven(db, row)), statement: sent.get(row.record)! }) as Gathered['permissions'][number]),
  )
  const withdrawn = given.filter(({ withdrawal }) => withdrawal !== null && sent.has(withdrawal))
  const withdrawals = await Promise.all(withdrawn.map((row) => withdrawalOf(db, row, sent.get(row.withdrawal!)!)))
  return { permissions, withdrawals: [...withdrawals, ...(await callsIn(sources, incident, received, ctx))] }
}

/** Withdrawals told to the NCSC by telephone, with what was written down. */
async function callsIn({ db, folders }: Sources, incident: Incident, received: ReceivedRow[], ctx: Ctx): Promise<Gathered['withdrawals']> {
  const statements = new Map(received.map(({ id, statement }) => [id, statement]))
  const calls = (await callsInIncident(db, incident.id)).filter(({ id }) => statements.has(id))
  return Promise.all(
    calls.map(async ({ id, payload }) => ({
      statement: statements.get(id)!,
      call: await openFor(incident.owner, id, payload, folders, ctx),
    })),
  )
}

/** A withdrawal by signature goes with the enrolment of its key, which need not be the key of the permission. */
async function withdrawalOf(
  db: Db,
  { withdrawal_signed: withdrawal }: GrantRow,
  statement: string,
): Promise<Gathered['withdrawals'][number]> {
  if (withdrawal === null) return { statement }
  const enrolled = await enrolmentOf(db, readSigned(withdrawal).kid)
  return enrolled ? { statement, withdrawal, enrolment: enrolled.record as Enrolment } : { statement }
}

/** Who holds what, by the signed words of those who hold it. */
export function heldIn({ gathered, logTimes, onTheWay }: Folder): Held {
  const stated = <R>(statement: string): Stated<R> => ({
    record: recordIn(statement).record as unknown as R,
    statement,
    logTime: logTimes.get(statement)!,
  })
  const json = (bytes: Bytes): unknown => JSON.parse(Buffer.from(bytes).toString('utf8'))
  const ours = belongsTo(gathered)
  const received = gathered.received.map((statement) => stated<Receipt | Notice>(statement)).filter(({ record }) => ours(record))
  const told = received.filter((one): one is Stated<Notice> => one.record.kind === 'notice')
  const held = holdingsOf({
    submissions: gathered.submissions.map(({ statement, payload }) => ({
      record: stated<Report>(statement).record,
      content: readSealed(payload) ? { sealed: true as const, items: [] } : submitted.parse(json(payload)),
    })),
    requests: gathered.requests.map((asked) => ({ ...stated<Request>(asked.statement), words: inWords(words.parse(json(asked.words))) })),
    notices: told.filter(({ record }) => record.ended === undefined),
    endings: told.filter(({ record }) => record.ended !== undefined),
    receipts: received.filter((one): one is Stated<Receipt> => one.record.kind === 'receipt'),
  })
  return { ...held, notYetReceived: [...held.notYetReceived, ...onTheWay] }
}
