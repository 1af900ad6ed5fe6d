import { canonical } from '#platform/canonical'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { invalid, Refusal, type Mistake } from '#platform/errors'
import type { AuthorityId } from '#exchange'
import { ownerOf, rowForActor, type Incident } from './access.ts'
import {
  applied,
  empty,
  overtaken,
  removalsOf,
  slotsOf,
  type By,
  type Draft,
  type Filed,
  type Save,
  type Slot,
  type Tick,
} from './draft.ts'
import type { FolderKeys } from './folder.ts'
import { mistakesIn, readPayload, refuseMistakes, type Answer, type Stage } from './incident.ts'
import { questions } from './questions.ts'
import { requireRight } from './rights.ts'
import { insertSave, lockIncident, savesOf, submissionsOfIncident, type IncidentRow } from './store.ts'

/** After so many saves one holds the whole draft, so that reading never goes further back. */
const WHOLE_EVERY = 50

/** For whoever has shown that the folder is theirs. */
export async function draftOf(db: Db | Tx, incident: IncidentRow, folders: FolderKeys): Promise<Draft> {
  let draft = empty
  for (const row of await savesOf(db, incident.id)) {
    const content = await folders.open(ownerOf(incident), row.id, row.content)
    draft = applied(row.whole ? empty : draft, JSON.parse(Buffer.from(content).toString('utf8')), row.version)
  }
  return draft
}

export type DraftChange = {
  /** The version the writer had before them; what others changed since is not overwritten. Left out, the last save counts. */
  base?: number | undefined
  answers: readonly Answer[]
  remove?: readonly { question: string; audience: string[] }[] | undefined
}

/**
 * Saves answers as they are, mistakes in values included: nothing typed is lost. An answer to no question, or for a body that may not
 * be told it, has no place to be kept and is refused. Returns the draft as it now is.
 */
export async function saveDraft(tx: Tx, id: string, change: DraftChange, folders: FolderKeys, ctx: Ctx): Promise<Draft> {
  const incident = await lockedForFiling(tx, id, ctx)
  refuseMistakes(misplaced(change.answers, incident))
  const draft = await draftOf(tx, incident, folders)
  const version = draft.version + 1
  const save: Save = [...slotsOf(change.answers, version, by(ctx)), ...removalsOf(change.remove ?? [], version)]
  const lost = overtaken(draft, save, change.base ?? draft.version)
  if (lost.length > 0) throw new Refusal('draft-changed', { mistakes: lost.map((field) => ({ field, message: 'Changed meanwhile' })) })
  return keep(tx, { incident, draft, save }, folders, ctx)
}

/** Answers that another module knows from elsewhere (a moment that was recorded), so that nobody is asked twice. */
export async function saveAnswers(tx: Tx, incident: string, answers: readonly Answer[], folders: FolderKeys, ctx: Ctx): Promise<void> {
  await saveDraft(tx, incident, { answers }, folders, ctx)
}

/** What was just filed is what the next stage starts from. The caller has locked the incident. */
export async function saveFiled(tx: Tx, incident: IncidentRow, answers: readonly Answer[], folders: FolderKeys, ctx: Ctx): Promise<void> {
  const draft = await draftOf(tx, incident, folders)
  const now = by(ctx)
  const ticked: Tick = { decision: 'may-be-sent', ...now }
  const slots = slotsOf(answers, draft.version + 1, now).map((slot) => (slot.privileged ? { ...slot, tick: ticked } : slot))
  const save = slots.filter((slot) => !draft.slots.some((known) => sameAnswer(known, slot)))
  if (save.length > 0) await keep(tx, { incident, draft, save }, folders, ctx)
}

export type TickInput = { question: string; audience: readonly string[]; decision: Tick['decision']; reason?: string | undefined }

/** Counsel's word on an answer as it now stands. Changing the answer afterwards takes it away. */
export async function tickAnswer(tx: Tx, id: string, input: TickInput, folders: FolderKeys, ctx: Ctx): Promise<Draft> {
  const incident = await lockedForFiling(tx, id, ctx)
  requireRight('tick', ownerOf(incident), ctx.actor)
  const draft = await draftOf(tx, incident, folders)
  const version = draft.version + 1
  const tick: Tick = { decision: input.decision, ...by(ctx), ...(input.reason !== undefined && { reason: input.reason }) }
  const slots = draft.slots.filter(({ question, body }) => question === input.question && input.audience.includes(body))
  if (slots.length === 0) throw invalid({ field: 'question', message: 'There is no such answer in the draft' })
  const save = slots.map((slot): Slot => ({ ...slot, version, privileged: true, tick }))
  return keep(tx, { incident, draft, save }, folders, ctx)
}

async function lockedForFiling(tx: Tx, id: string, ctx: Ctx): Promise<IncidentRow> {
  const incident = await lockIncident(tx, id)
  if (!incident) throw new Refusal('not-found')
  requireRight('file', ownerOf(incident), ctx.actor)
  return incident
}

function by({ actor, now }: Ctx): By {
  return { name: actor.name, at: instant(now()) }
}

function sameAnswer(one: Slot, other: Slot): boolean {
  const said = ({ question, body, value, privileged }: Slot): string => canonical({ question, body, value, privileged })
  return said(one) === said(other)
}

/** Of an answer's faults, those that leave no place to keep it. */
function misplaced(answers: readonly Answer[], incident: IncidentRow): Mistake[] {
  const kept = answers.map((answer, i) => ({ field: `answers.${i}.value`, bad: !isKeepable(answer.value) }))
  const unreadable = kept.filter(({ bad }) => bad).map(({ field }) => ({ field, message: 'There are characters here that are not text' }))
  const faults = mistakesIn(answers, questions, incident.kind).filter(({ field }) => !field.endsWith('.value'))
  return [...faults, ...unreadable]
}

function isKeepable(value: unknown): boolean {
  try {
    return canonical(value) !== undefined
  } catch {
    return false
  }
}

type Kept = { incident: IncidentRow; draft: Draft; save: Save }

async function keep(tx: Tx, { incident, draft, save }: Kept, folders: FolderKeys, ctx: Ctx): Promise<Draft> {
  const version = draft.version + 1
  const after = applied(draft, save, version)
  const whole = version % WHOLE_EVERY === 0
  const id = ctx.random.uuid()
  const content = await folders.seal(ownerOf(incident), id, Buffer.from(canonical(whole ? after.slots : save)))
  await insertSave(tx, { id, incident: incident.id, version, whole, content }, ctx.actor.id, ctx.now())
  return after
}

export type FiledAnswer = Filed & { stage: Stage; at: Date; by: string; corrects?: string; why?: string }

/** Everything that went to any body and can be read here, oldest first. For whoever has shown that the folder is theirs. */
export async function filedIn(db: Db | Tx, incident: IncidentRow, folders: FolderKeys): Promise<FiledAnswer[]> {
  const rows = (await submissionsOfIncident(db, incident.id)).filter(({ sealed }) => !sealed)
  const opened = await Promise.all(
    rows.map(async (row) => {
      const { items, stage, corrections = [] } = readPayload(await folders.open(ownerOf(row), row.id, row.payload))
      return items.map(({ id: item, question, value }): FiledAnswer => {
        const correction = corrections.find((one) => one.item === item)
        const corrected = correction && { corrects: correction.corrects, why: correction.why }
        return { question, body: row.recipient, value, item, stage, at: row.filed_at, by: row.filed_by, ...corrected }
      })
    }),
  )
  return opened.flat()
}

/** What is written and what was sent, side by side; only the owner's session asks. */
export async function writingOf(
  db: Db | Tx,
  { id }: Pick<Incident, 'id'>,
  folders: FolderKeys,
  ctx: Ctx,
): Promise<{ draft: Draft; filed: FiledAnswer[] }> {
  const incident = await rowForActor(db, id, ctx)
  const [draft, filed] = await Promise.all([draftOf(db, incident, folders), filedIn(db, incident, folders)])
  return { draft, filed }
}

/** Whatever the folder says in answer to a question, written or sent. */
export type FolderAnswer = {
  question: string
  value: unknown
  audience: AuthorityId[]
  from: 'draft' | 'filed'
  at: Date
  by: string
  stage?: Stage
  item?: string
}

/** Oldest first; only the owner's session asks. */
export async function answersOf(db: Db | Tx, { id }: Pick<Incident, 'id'>, folders: FolderKeys, ctx: Ctx): Promise<FolderAnswer[]> {
  return allAnswers(await writingOf(db, { id }, folders, ctx))
}

/** What is written and what was sent, as one list, oldest first. */
export function allAnswers({ draft, filed }: { draft: Draft; filed: readonly FiledAnswer[] }): FolderAnswer[] {
  const written = draft.slots.map(
    ({ question, value, body, at, name }): FolderAnswer => ({
      question,
      value,
      audience: [body],
      from: 'draft',
      at: new Date(at),
      by: name,
    }),
  )
  const sent = filed.map(
    ({ question, value, body, at, by, stage, item }): FolderAnswer => ({
      question,
      value,
      audience: [body],
      from: 'filed',
      at,
      by,
      stage,
      item,
    }),
  )
  return [...written, ...sent].sort((a, b) => a.at.getTime() - b.at.getTime())
}
