import { equal } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { isUuid } from '#platform/ids'
import {
  answersToEnquiries,
  askedQuestion,
  caseFor,
  rights,
  type Asking,
  type AskedInCase,
  type CaseRow,
  type ReportHooks,
} from '#casework'
import { requestSend, type AuthorityId, type Outbound, type Prepared } from '#exchange'
import { checkEnquiry, clauseFor, MOST_OPEN, samenessOf, type EnquiryWords, type NewEnquiry } from './enquiry.ts'
import { askedById, askedInCase, insertAsked, insertTakenBack, standing, takenBackBy, type AskedRow } from './store.ts'

export type Ask = { case: string; node: AuthorityId; typed: NewEnquiry; known: ReadonlySet<string> }

/** Asks the organisation, and its gateway to send it, in one transaction. Returns the enquiry's id. */
export async function ask(tx: Tx, input: Ask, ctx: Ctx): Promise<string> {
  const found = await caseFor(tx, { id: input.case, right: 'ask', node: input.node }, ctx)
  const words = checkEnquiry(input.typed, instant(ctx.now()).slice(0, 10), input.known)
  // A case that a disclosure opened has a reference that no organisation was ever given.
  if (found.opened_by_door === 3) throw new Refusal('not-reported')
  const id = await requestSend(tx, { kind: 'enquiry', to: 'portal', body: {} }, ctx)
  const role = ctx.actor.roles.find((one) => (rights[input.node].ask as readonly string[]).includes(one))!
  await keepAsked(tx, { id, found, words, role }, ctx)
  return id
}

type ToKeep = { id: string; found: CaseRow; words: EnquiryWords; role: string }

async function keepAsked(tx: Tx, { id, found, words, role }: ToKeep, ctx: Ctx): Promise<void> {
  const sameness = samenessOf(words)
  for (;;) {
    const before = await askedInCase(tx, found.id)
    if (before.some((row) => equal(row.sameness, sameness))) throw new Refusal('already-asked')
    if ((await openAmong(tx, before)).length >= MOST_OPEN) throw new Refusal('too-many-open')
    const row = {
      id,
      case_id: found.id,
      nth: before.length + 1,
      organisation: found.organisation,
      reference: found.reference,
      words: canonical(words),
      sameness,
      asked_by: ctx.actor.id,
      asked_role: role,
      asked_at: ctx.now(),
    }
    if (await insertAsked(tx, row)) return
  }
}

async function openAmong(tx: Tx, asked: readonly AskedRow[]): Promise<AskedRow[]> {
  const [first] = asked
  if (!first) return []
  const answered = new Set((await answersToEnquiries(tx, first.case_id)).map(({ question }) => question))
  return asked.filter((row) => row.taken_back_at === null && !answered.has(askedQuestion(row.id)))
}

/** Takes an enquiry back that nobody has answered yet, and has the organisation told. */
export async function takeBack(tx: Tx, input: { case: string; enquiry: string; node: AuthorityId }, ctx: Ctx): Promise<void> {
  const found = await caseFor(tx, { id: input.case, right: 'ask', node: input.node }, ctx)
  const row = isUuid(input.enquiry) ? await askedById(tx, input.enquiry) : undefined
  if (row?.case_id !== found.id) throw new Refusal('not-found')
  if ((await openAmong(tx, [row])).length === 0) throw new Refusal('already-done')
  const id = await requestSend(tx, { kind: 'enquiry', to: 'portal', body: {} }, ctx)
  if (!(await insertTakenBack(tx, { id, enquiry: row.id }, ctx.actor.id, ctx.now()))) throw new Refusal('already-done')
}

/** The gateway's side: what it sends is what was kept for this very request, whatever the request says. */
export function prepareEnquiry(node: AuthorityId): Outbound {
  return async (tx, request) => {
    if (request.to !== 'portal') throw new Refusal('flow-not-allowed')
    const asked = await askedById(tx, request.id)
    if (asked) return prepared(node, asked, { payload: Buffer.from(asked.words) })
    const takenBack = await takenBackBy(tx, request.id)
    if (!takenBack) throw new Refusal('not-found')
    return prepared(node, takenBack, { withdraws: takenBack.id })
  }
}

function prepared(node: AuthorityId, { organisation, reference }: AskedRow, more: { payload: Buffer } | { withdraws: string }): Prepared {
  const told = { clause: clauseFor(node), chain: organisation }
  if ('payload' in more) return { ...told, members: { organisation, reference }, payload: more.payload }
  return { ...told, members: { organisation, reference, ...more } }
}

/** An answer counts only for what this body asked in this very case: another's question shows itself in nothing here. */
export const answered: NonNullable<ReportHooks['answered']> = async (tx, report) => {
  const asked = new Set((await askedInCase(tx, report.case)).map(({ id }) => id))
  if (!report.enquiries.every((id) => asked.has(id))) throw new Refusal('envelope-invalid')
}

/** What casework shows of enquiries in its cases. */
export const asking: Asking = {
  standing,
  inCase: async (db: Db, caseId: string) => (await askedInCase(db, caseId)).map(toldInCase),
}

function toldInCase({ id, words, asked_by, asked_role, asked_at, taken_back_by, taken_back_at }: AskedRow): AskedInCase {
  const { text } = JSON.parse(words) as EnquiryWords
  const withdrawn = taken_back_by !== null && taken_back_at !== null && { by: taken_back_by, at: taken_back_at }
  return { id, text, by: asked_by, role: asked_role, at: asked_at, ...(withdrawn && { withdrawn }) }
}
