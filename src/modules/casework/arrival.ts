import { fromInstant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { newReference } from '#platform/ids'
import type { OpeningKey } from '#platform/seal'
import {
  NotYet,
  openItemRef,
  PADDING,
  readSealed,
  type Arrived,
  type AuthorityId,
  type Inbound,
  type OpenItem,
  type SealedReport,
} from '#exchange'
import {
  caseToFileUnder,
  enquiryIn,
  MARKING,
  openReport,
  openSealedReport,
  ownReport,
  questionId,
  type BlobOfItem,
  type Correction,
  type ItemKind,
  type ReportPayload,
} from './case.ts'
import {
  caseByReference,
  casesOfOrganisation,
  copiesOf,
  insertCase,
  insertCorrections,
  insertItems,
  insertReport,
  type CaseRow,
  type Copy,
  type NewItem,
} from './store.ts'

/** What other modules do with parts of a report, in its transaction; each throws to have the whole report refused or put off. */
export type ReportHooks = {
  /** This body's key, for reports that were sealed to it on the reporter's own machine. Without it those are refused. */
  opening?: OpeningKey
  /** The bytes that items speak of. */
  blobs?: (tx: Tx, report: { case: string; record: string; blobs: BlobOfItem[] }, ctx: Ctx) => Promise<void>
  /** Answers to enquiries, named by their ids: each must be this body's own, in this case. */
  answered?: (tx: Tx, report: { case: string; enquiries: string[] }) => Promise<void>
}

/**
 * Keeps a report that arrived and answers it with a receipt, in one transaction: a crash leaves neither, and the sender sends again.
 * A record that arrives twice never reaches this (the inbox knows it).
 */
export function keepReport(node: AuthorityId, hooks: ReportHooks = {}): Inbound {
  return async (tx, arrived, queue, ctx) => {
    const { record, payload } = arrived
    if (record.from !== 'portal' || record.to !== node) throw new Refusal('flow-not-allowed')
    const { sealed, ...report } = await reportIn({ record, payload }, node, hooks)
    const opened = await caseForReport(tx, report, node, ctx)
    const madeAt = fromInstant(record.at)
    const { stage, nearMiss = false } = report
    const kept = { record: record.id, case: opened.id, stage, organisation: report.organisation, nearMiss, madeAt, sealed }
    await insertReport(tx, kept, ctx.now())
    await keepAnswers(tx, { record: record.id, case: opened.id, report, node }, ctx)
    await keepCorrections(tx, { arrived, case: opened.id, report, node }, ctx)
    await callHooks(tx, { record: record.id, case: opened.id, report, hooks }, ctx)
    const organisation = report.organisation.id
    const answer = {
      organisation,
      for: record.id,
      about: 'report',
      state: 'accepted',
      reference: report.reference,
      items: record.items,
      via: ownReport[node].via,
    }
    await queue(tx, 'portal', 'receipt', { clause: record.clause, members: answer, chain: organisation }, ctx)
  }
}

type Opened = ReturnType<typeof openReport> & { sealed: boolean }

async function reportIn({ record, payload }: Pick<Arrived, 'record' | 'payload'>, node: AuthorityId, hooks: ReportHooks): Promise<Opened> {
  const sealed = sealedIn(payload)
  if (!sealed) return { ...openReport(record, payload, node), sealed: false }
  if (!hooks.opening) throw new Refusal('flow-not-allowed')
  return { ...(await openSealedReport({ record, sealed, node }, hooks.opening)), sealed: true }
}

/** What is not even canonical JSON is no sealed report; whoever reads it open refuses it. */
function sealedIn(payload: Uint8Array): SealedReport | undefined {
  try {
    return readSealed(payload)
  } catch {
    throw new Refusal('envelope-invalid')
  }
}

async function caseForReport(
  tx: Tx,
  { reference, organisation }: ReportPayload & { reference: string },
  node: AuthorityId,
  ctx: Ctx,
): Promise<CaseRow> {
  const fresh = newCase(reference, organisation, ownReport[node].door, ctx)
  if (await insertCase(tx, fresh)) return fresh
  const known = await caseByReference(tx, reference)
  // A reference is one organisation's; whoever else names it, by mistake or by guessing, gets nothing into its case.
  if (known?.organisation !== organisation.id) throw new Refusal('envelope-invalid')
  return known
}

type CaseOrganisation = { id: string; name: string; verified: boolean }

function newCase(reference: string, organisation: CaseOrganisation, door: 1 | 2 | 3, ctx: Ctx): CaseRow {
  const { id, name, verified } = organisation
  return {
    id: ctx.random.uuid(),
    reference,
    organisation: id,
    organisation_name: name,
    organisation_verified: verified,
    opened_at: ctx.now(),
    opened_by_door: door,
  }
}

type Answers = { record: string; case: string; report: ReportPayload; node: AuthorityId }

async function keepAnswers(tx: Tx, { record, case: id, report, node }: Answers, ctx: Ctx): Promise<void> {
  const { via } = ownReport[node]
  const origins = [report.organisation.id]
  const items = report.items.map(
    (item): NewItem => ({ ...item, ...openItemRef(item), record, case: id, kind: 'answer', via, marking: MARKING, origins }),
  )
  await keepNew(tx, items, ctx)
}

// What was told before may be on its way still, and be overtaken; a peer may have been away for days.
const MAY_BE_OVERTAKEN = 7 * 86_400_000

type Corrected = { arrived: Arrived; case: string; report: ReportPayload; node: AuthorityId }

/** What is corrected was told to this body by the same door, in this case, in answer to the same question. */
async function keepCorrections(tx: Tx, { arrived, case: id, report, node }: Corrected, ctx: Ctx): Promise<void> {
  const { items, corrections = [] } = report
  if (corrections.length === 0) return
  const told = await copiesOf(
    tx,
    corrections.map(({ corrects }) => corrects),
  )
  const questions = new Map(items.map((item) => [item.id, item.question]))
  const isOwn = (copy: Copy): boolean => copy.case_id === id && copy.kind === 'answer' && copy.via === ownReport[node].via
  const isMet = ({ item, corrects }: Correction): boolean =>
    told.some((copy) => copy.id === corrects && isOwn(copy) && copy.question === questions.get(item))
  const unmet = corrections.filter((correction) => !isMet(correction))
  const strange = unmet.filter(({ corrects }) => told.some((copy) => copy.id === corrects))
  const age = ctx.now().getTime() - arrived.logTime.getTime()
  if (strange.length > 0 || (unmet.length > 0 && age > MAY_BE_OVERTAKEN)) throw new Refusal('envelope-invalid')
  if (unmet.length > 0) throw new NotYet()
  await insertCorrections(
    tx,
    corrections.map((correction) => ({ ...correction, record: arrived.record.id })),
  )
}

type Hooked = { record: string; case: string; report: ReportPayload; hooks: ReportHooks }

/** A part that nobody here takes is refused with all the rest, never dropped. */
async function callHooks(tx: Tx, { record, case: id, report, hooks }: Hooked, ctx: Ctx): Promise<void> {
  const { items, blobs = [] } = report
  const enquiries = items.flatMap(({ question }) => enquiryIn(question) ?? [])
  if ((blobs.length > 0 && !hooks.blobs) || (enquiries.length > 0 && !hooks.answered)) throw new Refusal('flow-not-allowed')
  if (enquiries.length > 0) await hooks.answered!(tx, { case: id, enquiries })
  if (blobs.length > 0) await hooks.blobs!(tx, { case: id, record, blobs }, ctx)
}

/** An item whose id is already here would be hidden behind the one that came first, so the whole message is refused. */
async function keepNew(tx: Tx, items: NewItem[], ctx: Ctx): Promise<void> {
  const known = await copiesOf(
    tx,
    items.map((item) => item.id),
  )
  if (known.some((copy) => items.some((item) => item.id === copy.id && isAnother(item, copy)))) throw new Refusal('replayed-differently')
  if ((await insertItems(tx, items, ctx.now())) !== items.length) throw new Refusal('replayed-differently')
}

/** Only what came by permission may come again, by permission, and then with the same content. */
function isAnother(item: NewItem, copy: { commitment: string; via: string }): boolean {
  return item.via !== 'permission' || copy.via !== 'permission' || item.commitment !== copy.commitment
}

/** One item of a disclosure: which permission carries it, and every organisation it came from. */
export type DisclosedItem = OpenItem & { permission: string; origins: string[]; kind: ItemKind }

export type Disclosed = {
  /** Id of the disclosure's record. */
  record: string
  organisation: CaseOrganisation
  /** Already checked: opened against their commitments, permitted, decided again. */
  items: DisclosedItem[]
  /** Handling conditions that bind these copies. */
  rules: string[]
}

/** Files what was disclosed by door 3 under the organisation's case, or opens one. In the inbox's transaction. Returns the case's id. */
export async function keepDisclosed(tx: Tx, { record, organisation, items, rules }: Disclosed, ctx: Ctx): Promise<string> {
  // What makes up a number is shown to nobody, so nothing may come under that name.
  if (!items.every(({ question }) => questionId.safeParse(question).success && question !== PADDING)) throw new Refusal('envelope-invalid')
  const known = caseToFileUnder(await casesOfOrganisation(tx, organisation.id))
  const { id } = known ?? (await openByDisclosure(tx, organisation, ctx))
  const rows = items.map(({ id: item, question, value, salt, permission, kind, origins }): NewItem => {
    const { commitment } = openItemRef({ id: item, question, value, salt })
    const opened = { id: item, question, value, salt, commitment, kind, origins }
    return { ...opened, record, case: id, via: 'permission', permission, rules, marking: MARKING }
  })
  await keepNew(tx, rows, ctx)
  return id
}

async function openByDisclosure(tx: Tx, organisation: CaseOrganisation, ctx: Ctx): Promise<CaseRow> {
  for (;;) {
    const fresh = newCase(newReference('ICO', ctx.random), organisation, 3, ctx)
    if (await insertCase(tx, fresh)) return fresh
  }
}
