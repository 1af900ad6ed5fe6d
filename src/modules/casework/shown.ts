import { z } from 'zod'
import { instant } from '#platform/clock'
import { enquiryIn, stages, type ItemKind, type Stage, type Via } from './case.ts'
import { doorOf, fold, handlingOf, type Fold } from './fold.ts'
import { happenings, type Happening } from './timeline.ts'

/** Cases and what is in them, as a desk's people are shown them: the shapes, and how rows become them. */

const via = z.enum(['in-confidence', 'statutory', 'permission'])
const stage = z.enum(stages)
const moment = z.iso.datetime()

export const caseShape = z.object({
  id: z.uuid(),
  reference: z.string(),
  organisation: z.string(),
  organisationId: z.uuid(),
  verified: z.boolean(),
  openedAt: moment,
  /** The furthest that was reported; left out where the organisation reported nothing here. */
  stage: stage.optional(),
  nearMiss: z.boolean(),
  lastReceivedAt: moment.optional(),
  /** Questions to the organisation that it has not answered yet. */
  openEnquiries: z.int(),
  /** Whole days since the case was opened. */
  age: z.int(),
})
export type CaseShown = z.infer<typeof caseShape>

export const itemShape = z.object({
  id: z.uuid(),
  question: z.string(),
  /** Left out where the item is restricted. */
  value: z.unknown().optional(),
  kind: z.enum(['answer', 'finding']),
  via,
  origins: z.array(z.uuid()),
  marking: z.string(),
  addedAt: moment,
  receivedAt: moment,
  commitment: z.string(),
  record: z.uuid(),
  permission: z.string().optional(),
  rules: z.array(z.string()).optional(),
  restricted: moment.optional(),
  state: z.enum(['current', 'superseded', 'corrected']),
  stage: stage.optional(),
  corrects: z.uuid().optional(),
  why: z.string().optional(),
  door: z.object({ number: z.literal([1, 2, 3]), clause: z.string() }),
  handling: z.array(z.string()),
})
export type ItemShown = z.infer<typeof itemShape>

/** One answer as it now stands, the newest item and all that came before it. */
export const answerShape = z.object({
  question: z.string(),
  label: z.string().optional(),
  via,
  current: z.uuid(),
  history: z.array(z.uuid()),
})

export const happeningShape = z.object({
  at: moment,
  kind: z.enum(happenings),
  id: z.uuid(),
  by: z.string().optional(),
  role: z.string().optional(),
  text: z.string().optional(),
  stage: stage.optional(),
  nearMiss: z.literal(true).optional(),
  items: z.array(z.object({ id: z.uuid(), question: z.string() })).optional(),
  permissions: z.array(z.string()).optional(),
  corrects: z.uuid().optional(),
  why: z.string().optional(),
})

export type CaseToShow = {
  id: string
  reference: string
  organisation: string
  organisation_name: string
  organisation_verified: boolean
  opened_at: Date
  stage: Stage | null
  near_miss: boolean
  last_received_at: Date | null
}

const DAY = 86_400_000

export function caseShown(row: CaseToShow, openEnquiries: number, now: Date): CaseShown {
  return {
    id: row.id,
    reference: row.reference,
    organisation: row.organisation_name,
    organisationId: row.organisation,
    verified: row.organisation_verified,
    openedAt: instant(row.opened_at),
    ...(row.stage !== null && { stage: row.stage }),
    nearMiss: row.near_miss,
    ...(row.last_received_at !== null && { lastReceivedAt: instant(row.last_received_at) }),
    openEnquiries,
    age: Math.max(0, Math.floor((now.getTime() - row.opened_at.getTime()) / DAY)),
  }
}

export type ItemToShow = {
  id: string
  record: string
  question: string
  value: unknown
  commitment: string
  kind: ItemKind
  via: Via
  permission: string | null
  rules: string[] | null
  marking: string
  added_at: Date
  restricted_since: Date | null
  origins: string[]
  stage: Stage | null
  made_at: Date | null
  corrects: string | null
  why: string | null
}

/** `conditions`: what those of the agreement mean; `labels`: the questions of the list, and those this body asked, in words. */
export type Words = { conditions: ReadonlyMap<string, string>; labels: ReadonlyMap<string, string> }

export function foldRows(rows: readonly ItemToShow[]): Fold {
  return fold(
    rows.map(({ id, record, question, kind, via, stage, made_at, corrects }) => ({
      ...{ id, record, question, kind, via },
      ...(stage !== null && { stage }),
      ...(made_at !== null && { madeAt: made_at }),
      ...(corrects !== null && { corrects }),
    })),
  )
}

/** Every item, and the same folded: nothing that arrived is shown in one of them alone. */
export function itemsShown(rows: readonly ItemToShow[], words: Words): { items: ItemShown[]; answers: z.infer<typeof answerShape>[] } {
  const { answers, states } = foldRows(rows)
  return {
    items: rows.map((row) => ({ ...itemShown(row), state: states.get(row.id)!, ...boundBy(row, words) })),
    answers: answers.map((answer) => ({ ...answer, ...labelled(answer.question, words) })),
  }
}

function labelled(question: string, { labels }: Words): { label?: string } {
  const label = labels.get(enquiryIn(question) ?? question)
  return label === undefined ? {} : { label }
}

function boundBy(row: ItemToShow, { conditions }: Words): Pick<ItemShown, 'door' | 'handling'> {
  return { door: doorOf(row.via), handling: handlingOf({ ...row, restricted: row.restricted_since !== null }, conditions) }
}

/** What was recalled is still listed, so that nobody wonders where it went; what it said is not shown. */
function itemShown(row: ItemToShow): Omit<ItemShown, 'state' | 'door' | 'handling'> {
  const { id, question, kind, via, origins, marking, commitment, record } = row
  return {
    ...{ id, question, kind, via, origins, marking, commitment, record },
    ...(row.restricted_since === null ? { value: row.value } : { restricted: instant(row.restricted_since) }),
    addedAt: instant(row.added_at),
    receivedAt: instant(row.added_at),
    ...(row.permission !== null && { permission: row.permission }),
    ...(row.rules !== null && { rules: row.rules }),
    ...(row.stage !== null && { stage: row.stage }),
    ...(row.corrects !== null && { corrects: row.corrects }),
    ...(row.why !== null && { why: row.why }),
  }
}

export function happeningShown({ at, ...what }: Happening): z.infer<typeof happeningShape> {
  return { at: instant(at), ...what }
}
