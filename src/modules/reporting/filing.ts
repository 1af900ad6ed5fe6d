import { equal, sha256, type Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { Refusal, type Mistake } from '#platform/errors'
import { newReference } from '#platform/ids'
import { openItemRef, requestSend, type AuthorityId } from '#exchange'
import { organisationById, upsertOrganisation } from '#identity'
import { ownerOf, submissionOf, type Submission } from './access.ts'
import type { FolderKeys } from './folder.ts'
import { saveFiled } from './drafts.ts'
import {
  correctionMistakes,
  correctionsOf,
  isAuthority,
  itemsOf,
  mistakesIn,
  missingFrom,
  payloadOf,
  readPayload,
  refuseMistakes,
  stageTold,
  toldBy,
  viewsOf,
  type Answer,
  type BlobRef,
  type Payload,
  type Stage,
  type ToldOrganisation,
  type ViewAnswer,
  type Views,
} from './incident.ts'
import { questions } from './questions.ts'
import { requireRight } from './rights.ts'
import {
  filingByKey,
  insertFiling,
  insertItems,
  insertSubmission,
  insertView,
  latestItems,
  latestSubmission,
  lockIncident,
  setOrganisation,
  submissionsOfFiling,
  viewOf,
  type FilingRow,
  type IncidentRow,
  type ViewRow,
} from './store.ts'

export type Report = { stage: Stage; answers: Answer[]; idempotencyKey?: string | undefined }

/**
 * Files a report: for each body that answers are for, one view of its own, sealed, and one request to the gateway to send it. All of
 * it commits with the caller's transaction or none of it; once committed it is sent at least once, whatever crashes. The same
 * `idempotencyKey` again finds the filing it made. Returns the filing's id.
 */
export async function fileReport(tx: Tx, input: Report & { incident: string }, folders: FolderKeys, ctx: Ctx): Promise<string> {
  const incident = await lockIncident(tx, input.incident)
  if (!incident) throw new Refusal('not-found')
  requireRight('file', ownerOf(incident), ctx.actor)
  const key = input.idempotencyKey === undefined ? null : sha256(input.idempotencyKey)
  const earlier = key && (await filingByKey(tx, incident.id, key))
  if (earlier) return sameFiling(earlier, incident, hashOfReport(input), folders)
  refuseMistakes(await mistakesOf(tx, incident, input))
  requireCounsel(input.answers, ctx)
  return fileAndKeep(tx, { ...input, incident, key }, folders, ctx)
}

/** Files, and keeps what was filed as what the next stage starts from. */
export async function fileAndKeep(tx: Tx, input: NewFiling, folders: FolderKeys, ctx: Ctx): Promise<string> {
  const id = await newFiling(tx, input, folders, ctx)
  await saveFiled(tx, input.incident, input.answers, folders, ctx)
  return id
}

/** Privilege that is claimed is counsel's to give up: nobody else files such an answer (a draft is where counsel is asked). */
function requireCounsel(answers: readonly Answer[], { actor }: Ctx): void {
  if (!answers.some(({ privileged }) => privileged) || actor.roles.includes('counsel')) return
  throw new Refusal('counsel-needed')
}

export type CheckedAnswer = { question: string; value: unknown; blob?: BlobRef }

/**
 * Files answers that another module has checked (to a body's enquiry; an attachment) to that one body, as a report of its own. In a
 * near miss nothing goes to the ICO this way either. Returns the filing's id.
 */
export async function fileAnswers(
  tx: Tx,
  input: { incident: string; to: AuthorityId; answers: CheckedAnswer[] },
  folders: FolderKeys,
  ctx: Ctx,
): Promise<string> {
  const incident = await lockIncident(tx, input.incident)
  if (!incident) throw new Refusal('not-found')
  requireRight('file', ownerOf(incident), ctx.actor)
  if (incident.kind === 'near-miss' && input.to === 'ico') throw new Refusal('flow-not-allowed')
  const answers = input.answers.map(({ blob: _, ...answer }) => ({ ...answer, audience: [input.to] }))
  const blobs = input.answers.map(({ blob }) => blob)
  return newFiling(tx, { incident, key: null, stage: 'update', answers, blobs }, folders, ctx)
}

/** What one filing sent, a submission a body. */
export async function submissionsFiled(db: Db | Tx, filing: string): Promise<Submission[]> {
  return (await submissionsOfFiling(db, filing)).map(submissionOf)
}

/** The filing that bears this key already, if it is of the same report. */
export async function sameFiling(filing: FilingRow, incident: IncidentRow, hash: Bytes, folders: FolderKeys): Promise<string> {
  const answers = await folders.open(ownerOf(incident), filing.id, filing.answers)
  if (!equal(answers, hash)) throw new Refusal('replayed-differently')
  return filing.id
}

function hashOfReport({ stage, answers }: Pick<Report, 'stage' | 'answers'>): Bytes {
  return sha256(canonical({ stage, answers }))
}

/** Who would see what if this were filed; nothing is kept. */
export async function previewReport(db: Db, incident: IncidentRow, input: Report): Promise<Views> {
  refuseMistakes(await mistakesOf(db, incident, input))
  return viewsOf(input.answers)
}

export async function mistakesOf(db: Db | Tx, incident: IncidentRow, { answers }: Pick<Report, 'answers'>): Promise<Mistake[]> {
  const mistakes = mistakesIn(answers, questions, incident.kind)
  if (answers.some(({ correction }) => correction)) mistakes.push(...correctionMistakes(answers, await toldBefore(db, incident, answers)))
  if ('organisation' in ownerOf(incident)) return mistakes
  for (const [body, view] of eachView(viewsOf(answers)))
    if (!(await viewOf(db, incident.id, body))) mistakes.push(...missingFrom(view, body))
  return mistakes
}

async function toldBefore(db: Db | Tx, incident: IncidentRow, answers: readonly Answer[]): Promise<Map<AuthorityId, Map<string, string>>> {
  const told = new Map<AuthorityId, Map<string, string>>()
  for (const body of new Set(answers.flatMap(({ audience }) => audience.filter(isAuthority)))) {
    const view = await viewOf(db, incident.id, body)
    if (view) told.set(body, await itemsTold(db, view.id))
  }
  return told
}

export async function itemsTold(db: Db | Tx, view: string): Promise<Map<string, string>> {
  return new Map((await latestItems(db, view)).map(({ question, id }) => [question, id]))
}

function eachView(views: Views): [AuthorityId, ViewAnswer[]][] {
  return Object.entries(views) as [AuthorityId, ViewAnswer[]][]
}

/** `blobs`, if any, stand beside the answers one by one. */
type NewFiling = Pick<Report, 'stage' | 'answers'> & { incident: IncidentRow; key: Bytes | null; blobs?: (BlobRef | undefined)[] }

async function newFiling(tx: Tx, input: NewFiling, folders: FolderKeys, ctx: Ctx): Promise<string> {
  const { stage, key, answers } = input
  const incident = await withOrganisation(tx, input.incident, answers, ctx)
  const id = ctx.random.uuid()
  const sealed = await folders.seal(ownerOf(incident), id, hashOfReport(input))
  await insertFiling(tx, { id, incident: incident.id, stage, key, answers: sealed }, ctx.actor, ctx.now())
  for (const [recipient, view] of eachView(viewsOf(answers)))
    await submit(tx, { filing: id, incident, recipient, stage, answers: view, blobs: input.blobs ?? [] }, folders, ctx)
  return id
}

/**
 * Where nobody has signed in, the answers say which organisation it is. It is kept unverified under an id of this folder's own, so
 * that it never merges with one that proved who it is, whatever name and number were typed.
 */
export async function withOrganisation(
  tx: Tx,
  incident: IncidentRow,
  answers: Answer[],
  ctx: Ctx,
): Promise<IncidentRow & { organisation: string }> {
  if ('organisation' in ownerOf(incident)) return { ...incident, organisation: incident.folder }
  const id = incident.organisation ?? ctx.random.uuid()
  const before = incident.organisation ? await organisationById(tx, id) : undefined
  const { name, identifiers } = toldBy(answers, id, before && { ...before, verified: false })
  await upsertOrganisation(tx, { id, name, identifiers, verified: false }, ctx)
  if (!incident.organisation) await setOrganisation(tx, incident.id, id)
  return { ...incident, organisation: id }
}

type NewSubmission = {
  filing: string
  incident: IncidentRow & { organisation: string }
  recipient: AuthorityId
  stage: Stage
  answers: ViewAnswer[]
  blobs: (BlobRef | undefined)[]
}

async function submit(tx: Tx, input: NewSubmission, folders: FolderKeys, ctx: Ctx): Promise<void> {
  const { filing, incident, recipient, answers } = input
  const view = await viewFor(tx, incident, recipient, ctx)
  const before = await itemsTold(tx, view.id)
  const organisation = await organisationTold(tx, { incident, view, answers }, folders)
  const items = itemsOf(answers, ctx.random)
  const told: Payload = {
    organisation,
    stage: stageTold(input.stage, before.size === 0),
    items,
    ...(incident.kind === 'near-miss' && { nearMiss: true }),
    corrections: correctionsOf(answers, items, before),
    blobs: input.blobs.flatMap((blob, nth) => (blob ? [{ item: items[nth]!.id, ...blob }] : [])),
  }
  const id = ctx.random.uuid()
  const payload = await folders.seal(ownerOf(incident), id, payloadOf(told))
  const record = await requestSend(tx, { kind: 'report', to: recipient, body: { submission: id } }, ctx)
  await insertSubmission(tx, { id, filing, view: view.id, record, stage: told.stage, payload, sealed: false })
  await insertItems(
    tx,
    id,
    items.map((item) => ({ ...openItemRef(item), question: item.question })),
  )
}

/** The body's reference is drawn at the first submission to it and stays for the stages that follow. */
export async function viewFor(tx: Tx, incident: IncidentRow, recipient: AuthorityId, ctx: Ctx): Promise<ViewRow> {
  const known = await viewOf(tx, incident.id, recipient)
  if (known) return known
  const reference = newReference(recipient.toUpperCase(), ctx.random)
  const view = { id: ctx.random.uuid(), recipient, reference }
  await insertView(tx, incident.id, view)
  return view
}

export type Telling = { incident: IncidentRow & { organisation: string }; view: ViewRow; answers: ViewAnswer[] }

export async function organisationTold(tx: Tx, { incident, view, answers }: Telling, folders: FolderKeys): Promise<ToldOrganisation> {
  if ('organisation' in ownerOf(incident)) return verifiedOrganisation(tx, incident.organisation)
  const latest = await latestSubmission(tx, view.id)
  const before = latest && readPayload(await folders.open(ownerOf(latest), latest.id, latest.payload)).organisation
  return toldBy(answers, incident.organisation, before)
}

async function verifiedOrganisation(tx: Tx, id: string): Promise<ToldOrganisation> {
  const organisation = await organisationById(tx, id)
  if (!organisation) throw new Refusal('not-found')
  const { name, identifiers, sector, verified } = organisation
  return { id, name, identifiers, ...(sector && { sector }), verified }
}
