import { z } from 'zod'
import type { Ctx } from '#platform/context'
import type { Db } from '#platform/db'
import type { AgreementFile } from '#agreement'
import { isOpen, type ShownItem } from '#exchange'
import { incidentForActor, SEALED, type FolderKeys } from '#reporting'
import { openWords } from './portal.ts'
import { startsOf, type StartRow } from './start-store.ts'
import { grantsOf, requestsOf, type RequestRow } from './store.ts'
import { conditionsInWords } from './words.ts'

/** What an organisation may sign: what bodies ask of it, and what it started itself. */
export const requestShape = z.object({
  id: z.string(),
  incident: z.string(),
  from: z.string(),
  to: z.string(),
  purpose: z.string(),
  until: z.string(),
  reason: z.string(),
  startedBy: z.enum(['ncsc', 'organisation']),
  /** The start that this answers: the organisation let the NCSC answer an enquiry. */
  answers: z.string().optional(),
  narrows: z.string().optional(),
  state: z.enum(['open', 'granted', 'refused']),
  /** `sealed`: past the portal, which has no words for it; the reporter's openings have. */
  items: z.array(z.object({ id: z.string(), question: z.string(), value: z.unknown(), sealed: z.literal(true).optional() })),
  words: z.unknown(),
  /** What always binds each copy, in words, and what may be added before signing. */
  conditions: z.array(z.object({ id: z.string(), label: z.string() })),
  furtherConditions: z.array(z.object({ id: z.string(), label: z.string() })),
  claims: z.unknown(),
})
export type RequestShown = z.infer<typeof requestShape>

export type ListDeps = { db: Db; keys: FolderKeys; agreement: AgreementFile }
type Row = Pick<RequestRow, 'id' | 'incident' | 'recipient' | 'purpose' | 'until' | 'words'> & { claims: string; at: Date }
type Source = Pick<RequestShown, 'from' | 'startedBy' | 'answers' | 'narrows'> & { refused: boolean }

export async function listRequests(deps: ListDeps, ctx: Ctx): Promise<RequestShown[]> {
  const { organisation } = ctx.actor
  if (!organisation) return []
  const asked = (await requestsOf(deps.db, organisation)).map((row) => ({ row: { ...row, at: row.received_at }, source: askedBy(row) }))
  const started = (await startsOf(deps.db, organisation)).flatMap((row) =>
    row.claims === null ? [] : [{ row: { ...row, claims: row.claims, at: row.started_at }, source: startedBy(row) }],
  )
  const all = [...asked, ...started].sort((a, b) => a.row.at.getTime() - b.row.at.getTime())
  return Promise.all(all.map(({ row, source }) => shown(deps, row, source, ctx)))
}

function askedBy({ sender, start, refused_at }: RequestRow): Source {
  return { from: sender, startedBy: 'ncsc', ...(start !== null && { answers: start }), refused: refused_at !== null }
}

function startedBy({ narrows }: StartRow): Source {
  return { from: 'ncsc', startedBy: 'organisation', ...(narrows !== null && { narrows }), refused: false }
}

async function shown({ db, keys, agreement }: ListDeps, row: Row, { refused, ...source }: Source, ctx: Ctx): Promise<RequestShown> {
  const incident = await incidentForActor(db, row.incident, ctx)
  const words = await openWords(row, incident.owner, keys, ctx)
  const granted = (await grantsOf(db, row.incident)).some((grant) => grant.request === row.id)
  const further = agreement.conditions.map(({ id }) => id).filter((id) => !words.conditions.includes(id))
  return {
    ...{ id: row.id, incident: row.incident, to: row.recipient, purpose: row.purpose, until: row.until.toISOString(), ...source },
    reason: words.reason,
    state: refused ? 'refused' : granted ? 'granted' : 'open',
    items: words.items.map(itemShown),
    words: { purpose: words.purpose, conditions: words.conditions },
    conditions: conditionsInWords(words.conditions, agreement),
    furtherConditions: conditionsInWords(further, agreement),
    claims: JSON.parse(row.claims),
  }
}

function itemShown(item: ShownItem): RequestShown['items'][number] {
  if (!isOpen(item)) return { id: item.id, question: SEALED, value: null, sealed: true }
  const { id, question, value } = item
  return { id, question, value }
}
