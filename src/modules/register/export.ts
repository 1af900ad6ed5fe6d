import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Db } from '#platform/db'
import { momentsOf, type Moment } from '#duties'
import { enquiriesIn, type Received } from '#enquiries'
import { bundleFor, holdingsFor, type EvidenceDeps } from '#evidence'
import { receiptsFor, type SealedReport } from '#exchange'
import { organisationById } from '#identity'
import { grantsOf, readClaims, requestsOf, type RequestRow } from '#permission'
import {
  openFor,
  ownDraft,
  ownIncident,
  progressOf,
  submissionPayload,
  submissionsOf,
  type FolderKeys,
  type Incident,
  type OwnIncident,
  type Payload,
} from '#reporting'
import {
  attachmentsIn,
  type Asked,
  type DraftAnswer,
  type Enquiry,
  type FolderDocument,
  type Permitted,
  type Submitted,
  type Words,
} from './document.ts'
import { keptFor, requireReader } from './keeping.ts'

/**
 * All that the portal keeps of one incident, opened in its owner's session, as docs/formats/folder.md has it. It says no more of the
 * bodies than they told the organisation. Throws `unavailable` where nobody seals the bundle in time.
 */
export async function folderDocument(deps: EvidenceDeps, id: string, ctx: Ctx): Promise<FolderDocument> {
  const { db, folders, trust } = deps
  const incident = await ownIncident(db, id, folders, ctx)
  requireReader(ctx)
  const organisation = incident.organisation === undefined ? undefined : await organisationById(db, incident.organisation)
  const submissions = await submittedIn(db, incident, folders, ctx)
  const held = await holdingsFor(deps, id, ctx)
  return {
    v: 1,
    kind: 'concordat-folder',
    deployment: trust.deployment,
    at: instant(ctx.now()),
    ...(organisation && { organisation: { id: organisation.id, name: organisation.name, verified: organisation.verified } }),
    incident: headOf(incident),
    draft: await draftIn(db, incident, folders, ctx),
    submissions,
    attachments: attachmentsIn(submissions),
    enquiries: (await enquiriesIn(db, id, folders, ctx)).map(enquiryOf),
    requests: await askedIn(db, incident, folders, ctx),
    permissions: await permittedIn(db, incident),
    holdings: held.holdings.map(({ receipt: _, ...holding }) => holding),
    notYetConfirmed: held.notYetConfirmed,
    moments: (await momentsOf(db, incident, folders, ctx)).map(momentOf),
    register: await keptFor(deps, id, ctx),
    bundle: await bundleFor(deps, id, ctx),
  }
}

function headOf({ id, reference, title, kind, createdAt }: OwnIncident): FolderDocument['incident'] {
  return { id, reference, title, kind, openedAt: instant(createdAt) }
}

async function draftIn(db: Db, { id }: Incident, folders: FolderKeys, ctx: Ctx): Promise<FolderDocument['draft']> {
  const { version, slots } = await ownDraft(db, id, folders, ctx)
  const answers = slots.map(({ question, body, value, name, at, privileged, tick }): DraftAnswer => {
    const counsel = tick && {
      decision: tick.decision,
      ...(tick.reason !== undefined && { reason: tick.reason }),
      by: tick.name,
      at: tick.at,
    }
    return { question, body, value, by: name, at, ...(privileged && { privileged }), ...(counsel && { counsel }) }
  })
  return { version, answers }
}

async function submittedIn(db: Db, incident: Incident, folders: FolderKeys, ctx: Ctx): Promise<Submitted[]> {
  const submissions = await submissionsOf(db, incident)
  const progress = await progressOf(db, submissions)
  return Promise.all(
    submissions.map(async (submission) => {
      const { id, to, reference, envelope, stage, submittedAt } = submission
      const payload = JSON.parse(Buffer.from(await submissionPayload(db, submission, folders, ctx)).toString('utf8')) as
        | Payload
        | SealedReport
      return { id, to, reference, envelope, stage, at: instant(submittedAt), ...progress.get(envelope)!, payload }
    }),
  )
}

function enquiryOf({ askedAt, answers, ...rest }: Received): Enquiry {
  return {
    ...rest,
    askedAt: instant(askedAt),
    answers: answers.map(({ item, value, at }) => ({ ...(item !== undefined && { item }), value, at: instant(at) })),
  }
}

async function askedIn(db: Db, incident: Incident, folders: FolderKeys, ctx: Ctx): Promise<Asked[]> {
  const granted = new Set((await grantsOf(db, incident.id)).map(({ request }) => request))
  const rows = (await requestsOf(db, incident.organisation ?? incident.id)).filter((row) => row.incident === incident.id)
  return Promise.all(rows.map((row) => asked(row, granted, incident, folders, ctx)))
}

async function asked(row: RequestRow, granted: ReadonlySet<string>, { owner }: Incident, folders: FolderKeys, ctx: Ctx): Promise<Asked> {
  const words = JSON.parse(Buffer.from(await openFor(owner, row.id, row.words, folders, ctx)).toString('utf8')) as Words
  return {
    id: row.id,
    from: row.sender,
    to: row.recipient,
    until: instant(row.until),
    receivedAt: instant(row.received_at),
    state: row.refused_at ? 'refused' : granted.has(row.id) ? 'granted' : 'open',
    ...(row.refused_at && { refusedAt: instant(row.refused_at) }),
    words,
  }
}

async function permittedIn(db: Db, incident: Incident): Promise<Permitted[]> {
  const rows = await grantsOf(db, incident.id)
  const receipts = await receiptsFor(
    db,
    rows.flatMap(({ record, withdrawal }) => [record, withdrawal ?? []].flat()),
  )
  const receiptOf = (record: string): string | null => receipts.get(record)?.statement ?? null
  return rows.map((row) => ({
    id: row.id,
    request: row.request,
    givenAt: instant(row.granted_at),
    until: instant(row.ends),
    items: readClaims(row.permission).authorization_details[0].items.map((item) => item.id),
    signed: row.permission,
    acknowledgement: receiptOf(row.record),
    withdrawal: row.withdrawal === null ? null : { signed: row.withdrawal_signed, receipt: receiptOf(row.withdrawal) },
  }))
}

function momentOf({ recordedAt, ...moment }: Moment): FolderDocument['moments'][number] {
  return { ...moment, recordedAt: instant(recordedAt) }
}
