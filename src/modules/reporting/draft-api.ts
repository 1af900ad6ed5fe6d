import { z } from 'zod'
import { endpoint, type Call, type Endpoint } from '#platform/api'
import { transact, type Tx } from '#platform/db'
import { rowForActor } from './access.ts'
import { adviseOn } from './advice.ts'
import { outstanding } from './asked.ts'
import { answersIn, awaitingCounsel, stateOf, toFile, viewsIn, type Draft, type Slot } from './draft.ts'
import { draftOf, filedIn, saveDraft, tickAnswer, type FiledAnswer } from './drafts.ts'
import { fileDraft } from './draft-filing.ts'
import { isAuthority, mistakesIn, stages } from './incident.ts'
import { authorities, questions } from './questions.ts'
import { filed, filedReply, outstandingLine, views, viewsShown, type ReportingDeps } from './replies.ts'
import type { IncidentRow } from './store.ts'

const mistake = z.object({ field: z.string(), message: z.string() })
const body = z.enum(authorities)
const audience = z.array(z.string()).max(8)

/** As it is written, in a report or in a draft. */
export const answer = z.strictObject({
  question: z.string(),
  value: z.unknown(),
  audience,
  /** Privilege is claimed: it leaves only once counsel has agreed. */
  privileged: z.literal(true).optional(),
  /** What this body was told before was wrong, and why. */
  correction: z.strictObject({ why: z.string() }).optional(),
})
const change = z.strictObject({
  base: z.int().min(0).optional(),
  answers: z.array(answer.omit({ correction: true })).max(300),
  remove: z
    .array(z.strictObject({ question: z.string(), audience }))
    .max(300)
    .optional(),
})
const tick = z.strictObject({
  question: z.string(),
  audience: z.array(body).min(1),
  decision: z.enum(['may-be-sent', 'withhold']),
  reason: z.string().max(1_000).optional(),
})
const submission = z.strictObject({
  stage: z.enum(stages),
  to: z.array(body).min(1).optional(),
  corrections: z
    .array(z.strictObject({ question: z.string(), audience: z.array(body).min(1), why: z.string() }))
    .max(300)
    .optional(),
  idempotencyKey: z.string().min(8).max(200).optional(),
})
const draftLine = z.object({
  question: z.string(),
  value: z.unknown(),
  audience: z.array(body),
  state: z.enum(['new', 'changed', 'filed']),
  privileged: z.literal(true).optional(),
  counsel: z.object({ decision: tick.shape.decision, reason: z.string().optional(), name: z.string(), at: z.iso.datetime() }).optional(),
  by: z.string(),
  at: z.iso.datetime(),
})
const place = z.object({ from: z.int(), to: z.int() })
const draft = z.object({
  version: z.int(),
  answers: z.array(draftLine),
  /** What would be refused if it were filed now; `field` points into `answers`. */
  mistakes: z.array(mistake),
  /** What each body would newly see. */
  views,
  /** Things to think over before sending; nothing is held up by them, and they go nowhere else. */
  advice: z.array(
    z.object({ field: z.string(), question: z.string(), code: z.string(), message: z.string(), places: z.array(place).optional() }),
  ),
  /** What each body's first report, and a whole one, would still lack. */
  outstanding: z.record(body, z.object({ first: z.array(outstandingLine), complete: z.array(outstandingLine) })),
  /** Answers for which privilege is claimed and which counsel has not let go. */
  waitsForCounsel: z.array(z.object({ question: z.string(), to: body })),
})

export function draftEndpoints(deps: ReportingDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/incidents/:id/draft',
      summary: 'What is written so far, who wrote it, and what each body has been told of it. It belongs to the organisation alone',
      who: 'signed-in',
      reply: draft,
      handle: async ({ params, ctx }) => {
        const incident = await rowForActor(deps.db, params['id']!, ctx)
        return shown(deps, incident, await draftOf(deps.db, incident, deps.folders), ctx.now())
      },
    }),
    endpoint({
      method: 'PUT',
      path: '/incidents/:id/draft',
      summary: 'Saves answers, one or many; with `base`, nothing that somebody else changed since is overwritten',
      who: 'signed-in',
      body: change,
      reply: draft,
      handle: (call) => changing(deps, call, (tx, id) => saveDraft(tx, id, call.body, deps.folders, call.ctx)),
    }),
    endpoint({
      method: 'POST',
      path: '/incidents/:id/draft/privilege',
      summary: 'Counsel\u2019s word on an answer for which privilege is claimed',
      who: 'signed-in',
      body: tick,
      reply: draft,
      handle: (call) => changing(deps, call, (tx, id) => tickAnswer(tx, id, call.body, deps.folders, call.ctx)),
    }),
    endpoint({
      method: 'POST',
      path: '/incidents/:id/draft/submission',
      summary: 'Files what has changed since each body was last told',
      who: 'signed-in',
      status: 201,
      body: submission,
      reply: filed,
      handle: async ({ params, body, ctx }) => {
        const { id: incident } = await rowForActor(deps.db, params['id']!, ctx)
        const filing = await transact(deps.db, (tx) => fileDraft(tx, { ...body, incident }, deps.folders, ctx))
        return filedReply(deps, { filing, incident }, ctx)
      },
    }),
  ]
}

type Changing = (tx: Tx, id: string) => Promise<Draft>

async function changing(
  { db, folders, ...rest }: ReportingDeps,
  { params, ctx }: Call<unknown>,
  change: Changing,
): Promise<z.infer<typeof draft>> {
  const incident = await rowForActor(db, params['id']!, ctx)
  const after = await transact(db, (tx) => change(tx, incident.id))
  return shown({ db, folders, ...rest }, incident, after, ctx.now())
}

async function shown(
  { db, folders }: ReportingDeps,
  incident: IncidentRow,
  { version, slots }: Draft,
  now: Date,
): Promise<z.infer<typeof draft>> {
  const told = await filedIn(db, incident, folders)
  const answers = answersIn(slots)
  const fresh = toFile({ version, slots }, told, authorities)
  const earlier = told.map(({ question, value, body: to }) => ({ question, value, audience: [to] }))
  return {
    version,
    answers: answers.map(({ slots: group, audience: to }) => ({ ...lineOf(group, told), audience: to.filter(isAuthority) })),
    mistakes: mistakesIn(answers, questions, incident.kind),
    advice: adviseOn(answers, now, earlier),
    outstanding: { ico: outstanding(answers, 'ico', now), ncsc: outstanding(answers, 'ncsc', now) },
    views: viewsShown(viewsIn(fresh)),
    waitsForCounsel: awaitingCounsel(fresh).map(({ question, body: to }) => ({ question, to })),
  }
}

/** Of the slots of one answer, the last to be written says by whom; it is filed only where every body was told it. */
function lineOf(slots: Slot[], filedAnswers: FiledAnswer[]): Omit<z.infer<typeof draftLine>, 'audience'> {
  const last = slots.toSorted((a, b) => a.version - b.version).at(-1)!
  const states = slots.map((slot) => stateOf(slot, filedAnswers))
  const state = (['changed', 'new', 'filed'] as const).find((one) => states.includes(one))!
  const { question, value, privileged, tick: counsel, name: by, at } = last
  return { question, value, state, ...(privileged && { privileged }), ...(counsel && { counsel }), by, at }
}
