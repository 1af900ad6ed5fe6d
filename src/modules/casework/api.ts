import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import { instant } from '#platform/clock'
import type { Credential, Ctx } from '#platform/context'
import { transact, type Db } from '#platform/db'
import { invalid } from '#platform/errors'
import type { AuthorityId } from '#exchange'
import { enquiryIn, questionId } from './case.ts'
import { caseFor, recordFinding, writeNote } from './desk.ts'
import { recordOpening } from './opening.ts'
import { wantedItems, type ReadingRules } from './reading.ts'
import { rights } from './rights.ts'
import { answerShape, caseShape, caseShown, happeningShape, happeningShown, itemShape, itemsShown, type CaseShown } from './shown.ts'
import {
  allCases,
  answersToEnquiries,
  arrivalsOfCase,
  caseLine,
  findingsOfCase,
  itemsOfCase,
  notesOfCase,
  reportsOfCase,
  type NoteRow,
} from './store.ts'
import { timelineOf, type AskedInCase } from './timeline.ts'

/** What this body asks organisations, told by the module that asks. */
export type Asking = {
  /** Enquiries that were not taken back, in one case or in all. */
  standing(db: Db, caseId?: string): Promise<{ id: string; case: string }[]>
  inCase(db: Db, caseId: string): Promise<AskedInCase[]>
}

export type Named = { id: string; label: string }

export type CaseworkDeps = {
  db: Db
  node: AuthorityId
  /** What may be stated as the purpose of opening something. */
  reading: ReadingRules
  asking?: Asking
  /** What the agreement calls the conditions of a permission. */
  conditions?: readonly Named[]
  /** The questions of the list. */
  questions?: readonly Named[]
}

const noteShape = z.object({ id: z.uuid(), text: z.string(), by: z.string(), role: z.string(), at: z.iso.datetime() })
export const wholeCase = caseShape.extend({ items: z.array(itemShape), answers: z.array(answerShape), notes: z.array(noteShape) })
const made = z.object({ id: z.uuid() })

const newNote = z.strictObject({ text: z.string() })
const newFinding = z.strictObject({
  question: questionId.default('finding'),
  value: z.json().optional(),
  text: z.string().optional(),
})

export function api(deps: CaseworkDeps): Endpoint[] {
  const { read } = rights[deps.node]
  return [
    endpoint({
      method: 'GET',
      path: '/cases',
      summary: 'Every case of this body; ?near-miss=true or false for those alone',
      who: read,
      reply: z.object({ cases: z.array(caseShape) }),
      handle: async ({ query, ctx }) => ({ cases: await casesShown(deps, query['near-miss'], ctx) }),
    }),
    endpoint({
      method: 'GET',
      path: '/cases/:id',
      summary:
        'A case with its items, the same folded into answers, and its notes; ?purpose= says what for, ?open=none or ids opens less than all',
      who: read,
      reply: wholeCase,
      handle: ({ params, query, credential, ctx }) => openCase(deps, { case: params['id']!, query, credential }, ctx),
    }),
    endpoint({
      method: 'GET',
      path: '/cases/:id/timeline',
      summary: 'What happened in a case, oldest first',
      who: read,
      reply: z.object({ timeline: z.array(happeningShape) }),
      handle: async ({ params, ctx }) => ({ timeline: await timeline(deps, params['id']!, ctx) }),
    }),
    ...writing(deps),
  ]
}

function writing({ db, node }: CaseworkDeps): Endpoint[] {
  const { note, find } = rights[node]
  const notes = endpoint({
    method: 'POST',
    path: '/cases/:id/notes',
    summary: 'Writes a note',
    who: note,
    status: 201,
    body: newNote,
    reply: made,
    handle: async ({ params, body, ctx }) => ({
      id: await transact(db, (tx) => writeNote(tx, { case: params['id']!, text: body.text, node }, ctx)),
    }),
  })
  const findings = endpoint({
    method: 'POST',
    path: '/cases/:id/findings',
    summary: 'Records what only this body can say',
    who: find,
    status: 201,
    body: newFinding,
    reply: made,
    handle: async ({ params, body, ctx }) => {
      const finding = { case: params['id']!, question: body.question, value: foundIn(body), node }
      return { id: await transact(db, (tx) => recordFinding(tx, finding, ctx)) }
    },
  })
  return find.length > 0 ? [notes, findings] : [notes]
}

function foundIn({ value, text }: z.infer<typeof newFinding>): unknown {
  if ((value === undefined) === (text === undefined)) throw invalid({ field: 'value', message: 'Give either value or text' })
  return value === undefined ? text : value
}

export async function casesShown(deps: CaseworkDeps, nearMiss: string | undefined, ctx: Ctx): Promise<CaseShown[]> {
  if (nearMiss !== undefined && nearMiss !== 'true' && nearMiss !== 'false')
    throw invalid({ field: 'near-miss', message: 'Write true or false' })
  const [rows, open] = await Promise.all([allCases(deps.db), openEnquiries(deps)])
  const wanted = nearMiss === undefined ? rows : rows.filter((row) => row.near_miss === (nearMiss === 'true'))
  return wanted.map((row) => caseShown(row, open.get(row.id) ?? 0, ctx.now()))
}

/** How many are open in each case: not taken back, and without any answer yet. */
async function openEnquiries({ db, asking }: CaseworkDeps, caseId?: string): Promise<Map<string, number>> {
  if (!asking) return new Map()
  const [standing, answers] = await Promise.all([asking.standing(db, caseId), answersToEnquiries(db, caseId)])
  const answered = new Set(answers.map((row) => `${row.case_id} ${enquiryIn(row.question)}`))
  const open = standing.filter((one) => !answered.has(`${one.case} ${one.id}`))
  return new Map([...Map.groupBy(open, (one) => one.case)].map(([id, some]) => [id, some.length]))
}

type Asked = { case: string; query: Record<string, string>; credential: Credential | undefined }

/** What is opened is recorded before it is shown, and told to whomever it came from. The rest is listed without what it says. */
export async function openCase(deps: CaseworkDeps, asked: Asked, ctx: Ctx): Promise<z.infer<typeof wholeCase>> {
  const { db, node, reading: rules } = deps
  const found = await caseWithItems(deps, asked.case, ctx)
  const isWanted = wantedItems(asked.query['open'])
  const opened = new Set(found.items.filter(({ id, value }) => value !== undefined && isWanted(id)).map(({ id }) => id))
  const { purpose } = asked.query
  if (asked.query['open'] !== 'none')
    await recordOpening(db, { case: asked.case, items: [...opened], node, rules, purpose, credential: asked.credential }, ctx)
  return { ...found, items: found.items.map(({ value, ...item }) => (opened.has(item.id) ? { ...item, value } : item)) }
}

export async function caseWithItems(deps: CaseworkDeps, id: string, ctx: Ctx): Promise<z.infer<typeof wholeCase>> {
  const { db, node, asking, conditions = [], questions = [] } = deps
  await caseFor(db, { id, right: 'read', node }, ctx)
  const [line, open, asked = [], items, notes] = await Promise.all([
    caseLine(db, id),
    openEnquiries(deps, id),
    asking?.inCase(db, id),
    itemsOfCase(db, id),
    notesOfCase(db, id),
  ])
  const words = {
    conditions: namesOf(conditions),
    labels: namesOf([...questions, ...asked.map((one) => ({ id: one.id, label: one.text }))]),
  }
  return { ...caseShown(line!, open.get(id) ?? 0, ctx.now()), ...itemsShown(items, words), notes: notes.map(noteShown) }
}

export async function timeline({ db, node, asking }: CaseworkDeps, id: string, ctx: Ctx): Promise<z.infer<typeof happeningShape>[]> {
  await caseFor(db, { id, right: 'read', node }, ctx)
  const [reports, copies, notes, findings, asked = []] = await Promise.all([
    reportsOfCase(db, id),
    arrivalsOfCase(db, id),
    notesOfCase(db, id),
    findingsOfCase(db, id),
    asking?.inCase(db, id),
  ])
  return timelineOf({ reports, copies, notes, findings, asked }).map(happeningShown)
}

function namesOf(all: readonly Named[]): Map<string, string> {
  return new Map(all.map(({ id, label }) => [id, label]))
}

function noteShown(row: NoteRow): z.infer<typeof noteShape> {
  return { id: row.id, text: row.text, by: row.author, role: row.author_role, at: instant(row.written_at) }
}
