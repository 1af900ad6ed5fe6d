import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import { instant } from '#platform/clock'
import { transact, type Db } from '#platform/db'
import { invalid } from '#platform/errors'
import type { AuthorityId } from '#exchange'
import { questionId } from './case.ts'
import { caseFor, recordFinding, writeNote } from './desk.ts'
import { rights } from './rights.ts'
import { allCases, itemsOfCase, notesOfCase, type CaseRow, type ItemRow, type NoteRow } from './store.ts'

export type CaseworkDeps = { db: Db; node: AuthorityId }

const caseLine = z.object({
  id: z.uuid(),
  reference: z.string(),
  organisation: z.string(),
  organisationId: z.uuid(),
  verified: z.boolean(),
  openedAt: z.iso.datetime(),
})
const itemLine = z.object({
  id: z.uuid(),
  question: z.string(),
  /** Left out where the item is restricted. */
  value: z.unknown().optional(),
  kind: z.enum(['answer', 'finding']),
  via: z.enum(['in-confidence', 'statutory', 'permission']),
  origins: z.array(z.uuid()),
  marking: z.string(),
  addedAt: z.iso.datetime(),
  commitment: z.string(),
  record: z.uuid(),
  permission: z.string().optional(),
  rules: z.array(z.string()).optional(),
  restricted: z.iso.datetime().optional(),
})
const noteLine = z.object({ id: z.uuid(), text: z.string(), by: z.string(), role: z.string(), at: z.iso.datetime() })
const made = z.object({ id: z.uuid() })

const newNote = z.strictObject({ text: z.string() })
const newFinding = z.strictObject({
  question: questionId.default('finding'),
  value: z.json().optional(),
  text: z.string().optional(),
})

export function api({ db, node }: CaseworkDeps): Endpoint[] {
  const { read, note, find } = rights[node]
  const endpoints = [
    endpoint({
      method: 'GET',
      path: '/cases',
      summary: 'Every case of this body',
      who: read,
      reply: z.object({ cases: z.array(caseLine) }),
      handle: async () => ({ cases: (await allCases(db)).map(caseShown) }),
    }),
    endpoint({
      method: 'GET',
      path: '/cases/:id',
      summary: 'A case with its items and notes',
      who: read,
      reply: caseLine.extend({ items: z.array(itemLine), notes: z.array(noteLine) }),
      handle: async ({ params, ctx }) => {
        const found = await caseFor(db, { id: params['id']!, right: 'read', node }, ctx)
        const [items, notes] = await Promise.all([itemsOfCase(db, found.id), notesOfCase(db, found.id)])
        return { ...caseShown(found), items: items.map(itemShown), notes: notes.map(noteShown) }
      },
    }),
    endpoint({
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
    }),
  ]
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
  return find.length > 0 ? [...endpoints, findings] : endpoints
}

function foundIn({ value, text }: z.infer<typeof newFinding>): unknown {
  if ((value === undefined) === (text === undefined)) throw invalid({ field: 'value', message: 'Give either value or text' })
  return value === undefined ? text : value
}

function caseShown(row: CaseRow): z.infer<typeof caseLine> {
  return {
    id: row.id,
    reference: row.reference,
    organisation: row.organisation_name,
    organisationId: row.organisation,
    verified: row.organisation_verified,
    openedAt: instant(row.opened_at),
  }
}

/** What was recalled is still listed, so that nobody wonders where it went; what it said is not shown. */
function itemShown(row: ItemRow): z.infer<typeof itemLine> {
  const { id, question, kind, via, origins, marking, commitment, record } = row
  return {
    id,
    question,
    kind,
    via,
    origins,
    marking,
    commitment,
    record,
    ...(row.restricted_since === null ? { value: row.value } : { restricted: instant(row.restricted_since) }),
    addedAt: instant(row.added_at),
    ...(row.permission !== null && { permission: row.permission }),
    ...(row.rules !== null && { rules: row.rules }),
  } as z.infer<typeof itemLine>
}

function noteShown(row: NoteRow): z.infer<typeof noteLine> {
  return { id: row.id, text: row.text, by: row.author, role: row.author_role, at: instant(row.written_at) }
}
