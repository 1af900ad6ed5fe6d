import { z } from 'zod'
import { endpoint, Reply, type Call, type Endpoint } from '#platform/api'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import { transact, type Tx } from '#platform/db'
import { invalid } from '#platform/errors'
import { sealedReport, type AuthorityId } from '#exchange'
import { organisationById } from '#identity'
import { incidentOf, ownerOf, rowForActor, submissionsOf } from './access.ts'
import { answer, draftEndpoints } from './draft-api.ts'
import { fileReport, previewReport } from './filing.ts'
import type { FolderKeys } from './folder.ts'
import { incidentKinds, stages, type Answer } from './incident.ts'
import { openIncident } from './opening.ts'
import { progressOf } from './progress.ts'
import { question, questions } from './questions.ts'
import { filed, filedReply, submissionLine, submissionShown, viewsShown, type ReportingDeps } from './replies.ts'
import { requireRight, requireRole } from './rights.ts'
import { fileSealed, sealingTerms, termsForSealing, type SealingTerms } from './sealed-filing.ts'
import { becomeIncident, incidentsInFolder, lockIncident, type IncidentRow } from './store.ts'

export type { ReportingDeps } from './replies.ts'

const newIncident = z.strictObject({ title: z.string(), kind: z.enum(incidentKinds).default('incident') })
/** Answers typed here, or whole reports that were sealed elsewhere: one or the other. */
const report = z.strictObject({
  stage: z.enum(stages),
  answers: z.array(answer).min(1).max(300).optional(),
  sealed: z.array(sealedReport).min(1).max(2).optional(),
  submit: z.boolean(),
  idempotencyKey: z.string().min(8).max(200).optional(),
})

const incidentLine = z.object({
  id: z.uuid(),
  reference: z.string(),
  title: z.string(),
  kind: z.enum(incidentKinds),
  createdAt: z.iso.datetime(),
})
const incidentPage = incidentLine.extend({
  organisation: z.object({ id: z.uuid(), name: z.string(), verified: z.boolean() }).optional(),
  submissions: z.array(submissionLine),
})
export function api(deps: ReportingDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/questions',
      summary: 'Every question, and which bodies may be told the answer',
      who: 'anyone',
      reply: z.object({ questions: z.array(question) }),
      handle: async () => ({ questions: [...questions] }),
    }),
    endpoint({
      method: 'POST',
      path: '/incidents',
      summary: 'Opens a folder; without a token, also gives the token that reopens it',
      who: 'anyone',
      status: 201,
      body: newIncident,
      reply: z.object({ id: z.uuid(), reference: z.string(), resume: z.string().optional() }),
      handle: ({ body, ctx }) => transact(deps.db, (tx) => openIncident(tx, body, deps.folders, ctx)),
    }),
    endpoint({
      method: 'GET',
      path: '/incidents',
      summary: 'The incidents of one\u2019s own organisation',
      who: 'signed-in',
      reply: z.object({ incidents: z.array(incidentLine) }),
      handle: async ({ ctx }) => ({ incidents: await ownIncidents(deps, ctx) }),
    }),
    endpoint({
      method: 'GET',
      path: '/incidents/:id',
      summary: 'An incident, and how far each submission came',
      who: 'signed-in',
      reply: incidentPage,
      handle: async ({ params, ctx }) => page(deps, await rowForActor(deps.db, params['id']!, ctx)),
    }),
    endpoint({
      method: 'POST',
      path: '/incidents/:id/reports',
      summary: 'Files a report, or with submit: false shows who would see what',
      who: 'signed-in',
      status: 201,
      body: report,
      reply: filed,
      handle: (call) => (call.body.submit ? submitReport(deps, call) : showViews(deps, call)),
    }),
    referencesEndpoint(deps),
    endpoint({
      method: 'POST',
      path: '/incidents/:id/kind',
      summary: 'Says that a near miss was an incident after all; from then on it may be told to the ICO, and clocks run',
      who: 'signed-in',
      body: z.strictObject({ kind: z.literal('incident') }),
      reply: incidentLine,
      handle: async ({ params, ctx }) => line(await transact(deps.db, (tx) => wasAnIncident(tx, params['id']!, ctx)), deps.folders),
    }),
    ...draftEndpoints(deps),
  ]
}

function referencesEndpoint(deps: ReportingDeps): Endpoint {
  return endpoint({
    method: 'POST',
    path: '/incidents/:id/references',
    summary:
      'For a report that is to be sealed on one’s own machine: the reference each body will know the incident by, and what it is told of who reports',
    who: 'signed-in',
    body: z.strictObject({
      to: z
        .array(z.enum(['ncsc', 'ico']))
        .min(1)
        .max(2),
    }),
    reply: z.object({ terms: z.array(sealingTerms) }),
    handle: async ({ params, body, ctx }) => ({ terms: await termsAt(deps, params['id']!, body.to, ctx) }),
  })
}

async function ownIncidents(deps: ReportingDeps, ctx: Ctx): Promise<z.infer<typeof incidentLine>[]> {
  const { organisation, folder } = ctx.actor
  if (folder === undefined) requireRole('read', ctx.actor)
  const rows = await incidentsInFolder(deps.db, folder ?? organisation!)
  return Promise.all(rows.map((row) => line(row, deps.folders)))
}

/** The caller has shown that the folder is the actor's own. */
async function line(row: IncidentRow, folders: FolderKeys): Promise<z.infer<typeof incidentLine>> {
  const title = Buffer.from(await folders.open(ownerOf(row), row.id, row.title)).toString('utf8')
  return { id: row.id, reference: row.reference, title, kind: row.kind, createdAt: instant(row.created_at) }
}

async function page(deps: ReportingDeps, row: IncidentRow): Promise<z.infer<typeof incidentPage>> {
  const submissions = await submissionsOf(deps.db, incidentOf(row))
  const progress = await progressOf(deps.db, submissions)
  const organisation = row.organisation ? await organisationById(deps.db, row.organisation) : undefined
  return {
    ...(await line(row, deps.folders)),
    ...(organisation && { organisation: { id: organisation.id, name: organisation.name, verified: organisation.verified } }),
    submissions: submissions.map((submission) => submissionShown(submission, progress.get(submission.envelope)!)),
  }
}

type ReportCall = Call<z.infer<typeof report>>

async function submitReport(deps: ReportingDeps, { params, body, ctx }: ReportCall): Promise<Reply<z.infer<typeof filed>>> {
  const { id } = await rowForActor(deps.db, params['id']!, ctx)
  const { answers, sealed, ...more } = body
  const filing = await transact(deps.db, (tx) =>
    sealed && !answers
      ? fileSealed(tx, { ...more, sealed, incident: id }, deps.folders, ctx)
      : fileReport(tx, { ...more, answers: typedIn(body), incident: id }, deps.folders, ctx),
  )
  return filedReply(deps, { filing, incident: id }, ctx)
}

function typedIn({ answers, sealed }: z.infer<typeof report>): Answer[] {
  if (answers && !sealed) return answers
  throw invalid({ field: 'answers', message: 'Send either answers, or reports that were sealed elsewhere' })
}

/** The caller's own incident alone: to anybody else there is none. */
async function termsAt(deps: ReportingDeps, id: string, to: AuthorityId[], ctx: Ctx): Promise<SealingTerms[]> {
  const incident = await rowForActor(deps.db, id, ctx)
  return transact(deps.db, (tx) => termsForSealing(tx, { incident: incident.id, to }, deps.folders, ctx))
}

async function showViews({ db }: ReportingDeps, { params, body, ctx }: ReportCall): Promise<Reply<z.infer<typeof filed>>> {
  const incident = await rowForActor(db, params['id']!, ctx)
  requireRight('file', ownerOf(incident), ctx.actor)
  const { stage } = body
  return new Reply(200, { views: viewsShown(await previewReport(db, incident, { stage, answers: typedIn(body) })) })
}

async function wasAnIncident(tx: Tx, id: string, ctx: Ctx): Promise<IncidentRow> {
  await rowForActor(tx, id, ctx)
  const incident = (await lockIncident(tx, id))!
  requireRight('file', ownerOf(incident), ctx.actor)
  if (incident.kind === 'near-miss') await becomeIncident(tx, id)
  return { ...incident, kind: 'incident' }
}
