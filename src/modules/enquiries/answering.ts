import { canonical } from '#platform/canonical'
import type { Bytes } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { isUuid } from '#platform/ids'
import { askedQuestion } from '#casework'
import { payloadHash, type AuthorityId, type Inbound } from '#exchange'
import {
  answersOf,
  fileAnswers,
  incidentForActor,
  incidentOfReference,
  openFor,
  sealFor,
  type FolderAnswer,
  type FolderKeys,
  type Incident,
} from '#reporting'
import { clauseFor, readWords, stateOf, type EnquiryState, type EnquiryWords } from './enquiry.ts'
import { insertReceived, insertWithdrawn, receivedById, receivedInIncident, withdrawalsInIncident, type ReceivedRow } from './store.ts'

const NO_PAYLOAD = payloadHash(undefined)

/** Keeps an enquiry in the organisation's folder, or that it was taken back. The body knows the incident by its own reference alone. */
export function keepEnquiry(folders: FolderKeys): Inbound {
  return async (tx, { record, payload }, _queue, ctx) => {
    const { id, organisation } = record
    const sender = record.from as AuthorityId
    if (record.clause !== clauseFor(sender)) throw new Refusal('flow-not-allowed')
    const incident = await incidentOfReference(tx, sender, record['reference'] as string)
    if (!incident || incident.organisation !== organisation) throw new Refusal('not-found')
    const withdraws = record['withdraws'] as string | undefined
    if (withdraws !== undefined) {
      if (record.payload !== NO_PAYLOAD) throw new Refusal('envelope-invalid')
      return insertWithdrawn(tx, { id, incident: incident.id, sender, enquiry: withdraws }, ctx.now())
    }
    readWords(payload)
    const words = await sealFor(incident.owner, id, payload, folders)
    await insertReceived(tx, { id, incident: incident.id, sender, words, received_at: ctx.now() })
  }
}

/** An enquiry as the organisation has it, opened in its own session. */
export type Received = { id: string; from: AuthorityId; words: EnquiryWords; askedAt: Date; state: EnquiryState; answers: FolderAnswer[] }

export async function enquiriesIn(db: Db, incidentId: string, folders: FolderKeys, ctx: Ctx): Promise<Received[]> {
  const incident = await incidentForActor(db, incidentId, ctx)
  const rows = await receivedInIncident(db, incident.id)
  const all = rows.length > 0 ? await answersOf(db, incident, folders, ctx) : []
  return Promise.all(rows.map((row) => opened(row, incident, all, folders, ctx)))
}

async function opened(row: ReceivedRow, incident: Incident, all: FolderAnswer[], folders: FolderKeys, ctx: Ctx): Promise<Received> {
  const words = readWords(await openFor(incident.owner, row.id, row.words, folders, ctx))
  const answers = answersTo(row.id, all)
  return { id: row.id, from: row.sender, words, askedAt: row.received_at, state: stateOf(answers, row.withdrawn_at !== null), answers }
}

function answersTo(id: string, all: readonly FolderAnswer[]): FolderAnswer[] {
  return all.filter(({ question, from }) => from === 'filed' && question === askedQuestion(id))
}

export type Reply = { incident: string; enquiry: string; value: unknown; declines?: boolean }

/**
 * Files the answer, or the no, as a report to the body that asked and to nobody else. Not for what was taken back; the same answer
 * again is refused, another takes its place. Returns the filing's id.
 */
export async function reply(tx: Tx, input: Reply, folders: FolderKeys, ctx: Ctx): Promise<{ filing: string; to: AuthorityId }> {
  const incident = await incidentForActor(tx, input.incident, ctx)
  const row = isUuid(input.enquiry) ? await receivedById(tx, incident.id, input.enquiry) : undefined
  if (!row) throw new Refusal('not-found')
  const answers = answersTo(row.id, await answersOf(tx, incident, folders, ctx))
  const state = stateOf(answers, row.withdrawn_at !== null)
  const isRepeat = answers.length > 0 && canonical(answers.at(-1)!.value) === canonical(input.value)
  if (state === 'withdrawn' || isRepeat || (input.declines && state === 'answered')) throw new Refusal('already-done')
  const answer = { question: askedQuestion(row.id), value: input.value }
  const filing = await fileAnswers(tx, { incident: incident.id, to: row.sender, answers: [answer] }, folders, ctx)
  return { filing, to: row.sender }
}

/** For the owner's bundle: every enquiry with the words as they travelled, and the records that took one back. */
export async function enquiriesForBundle(
  db: Db,
  incident: Incident,
  folders: FolderKeys,
  ctx: Ctx,
): Promise<{ record: string; payload: Bytes }[]> {
  const rows = await receivedInIncident(db, incident.id)
  const asked = rows.map(async ({ id, words }) => ({ record: id, payload: await openFor(incident.owner, id, words, folders, ctx) }))
  const takenBack = await withdrawalsInIncident(db, incident.id)
  return [...(await Promise.all(asked)), ...takenBack.map((record) => ({ record, payload: Buffer.alloc(0) }))]
}
