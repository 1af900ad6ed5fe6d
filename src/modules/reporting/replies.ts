import { z } from 'zod'
import { Reply } from '#platform/api'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Db } from '#platform/db'
import type { Submission } from './access.ts'
import { outstanding } from './asked.ts'
import { answersOf } from './drafts.ts'
import { submissionsFiled } from './filing.ts'
import type { FolderKeys } from './folder.ts'
import { stages, type Views } from './incident.ts'
import { progressWithin, type Progress } from './progress.ts'
import { questions } from './questions.ts'

/** `wait`: how long a submission waits for the receipts, in milliseconds. */
export type ReportingDeps = { db: Db; folders: FolderKeys; wait?: number }

const WAIT = 5_000

export const submissionLine = z.object({
  to: z.enum(['ico', 'ncsc']),
  reference: z.string(),
  envelope: z.uuid(),
  receipt: z.string().nullable(),
  state: z.enum(['not-yet-received', 'received', 'refused']),
  code: z.string().optional(),
  stage: z.enum(stages),
  submittedAt: z.iso.datetime(),
  /** On the reporter’s own machine: the portal cannot open it. */
  sealed: z.literal(true).optional(),
})
export const outstandingLine = z.object({
  question: z.string(),
  label: z.string(),
  state: z.enum(['unanswered', 'not-yet-known']),
  regimes: z.array(z.string()),
})
const viewLine = z.object({ question: z.string(), label: z.string(), value: z.unknown() })
export const views = z.object({ ico: z.array(viewLine).optional(), ncsc: z.array(viewLine).optional() })
/** What a whole report to each body told would still lack: a first report is a first phase. */
const left = z.object({ ico: z.array(outstandingLine).optional(), ncsc: z.array(outstandingLine).optional() })
export const filed = z.union([z.object({ id: z.uuid(), submissions: z.array(submissionLine), outstanding: left }), z.object({ views })])

export type Filed = { filing: string; incident: string }

/** What was filed, and how far it came. 202 while a receipt is still on its way: filed and kept, but not yet received. */
export async function filedReply(
  { db, folders, wait = WAIT }: ReportingDeps,
  { filing, incident }: Filed,
  ctx: Ctx,
): Promise<Reply<z.infer<typeof filed>>> {
  const submissions = await submissionsFiled(db, filing)
  const progress = await progressWithin(db, submissions, wait)
  const shown = submissions.map((submission) => submissionShown(submission, progress.get(submission.envelope)!))
  return new Reply(shown.some(({ receipt }) => receipt === null) ? 202 : 201, {
    id: filing,
    submissions: shown,
    outstanding: await leftOpen(db, incident, submissions, folders, ctx),
  })
}

async function leftOpen(db: Db, id: string, submissions: Submission[], folders: FolderKeys, ctx: Ctx): Promise<z.infer<typeof left>> {
  const known = (await answersOf(db, { id }, folders, ctx)).filter(({ from }) => from === 'filed')
  // Of what was sealed elsewhere nobody here knows what it answers.
  const open = submissions.filter(({ sealed }) => !sealed)
  const lacking = open.map(({ to }) => [to, outstanding(known, to, ctx.now()).complete])
  return Object.fromEntries(lacking)
}

export function submissionShown(submission: Submission, progress: Progress): z.infer<typeof submissionLine> {
  const { to, reference, envelope, stage, submittedAt, sealed } = submission
  return { to, reference, envelope, stage, submittedAt: instant(submittedAt), ...(sealed && { sealed }), ...progress }
}

const labels = new Map(questions.map(({ id, label }) => [id, label]))

/** What each body would see, in the words of the form. */
export function viewsShown(all: Views): z.infer<typeof views> {
  const shown = Object.entries(all).map(([to, view]) => [to, view.map((answer) => ({ ...answer, label: labels.get(answer.question)! }))])
  return Object.fromEntries(shown)
}
