import { z } from 'zod'
import { Reply } from '#platform/api'
import { instant } from '#platform/clock'
import type { Db } from '#platform/db'
import type { Submission } from './access.ts'
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
})
const viewLine = z.object({ question: z.string(), label: z.string(), value: z.unknown() })
export const views = z.object({ ico: z.array(viewLine).optional(), ncsc: z.array(viewLine).optional() })
export const filed = z.union([z.object({ id: z.uuid(), submissions: z.array(submissionLine) }), z.object({ views })])

/** What was filed, and how far it came. 202 while a receipt is still on its way: filed and kept, but not yet received. */
export async function filedReply({ db, wait = WAIT }: ReportingDeps, id: string): Promise<Reply<z.infer<typeof filed>>> {
  const submissions = await submissionsFiled(db, id)
  const progress = await progressWithin(db, submissions, wait)
  const shown = submissions.map((submission) => submissionShown(submission, progress.get(submission.envelope)!))
  return new Reply(shown.some(({ receipt }) => receipt === null) ? 202 : 201, { id, submissions: shown })
}

export function submissionShown(submission: Submission, progress: Progress): z.infer<typeof submissionLine> {
  const { to, reference, envelope, stage, submittedAt } = submission
  return { to, reference, envelope, stage, submittedAt: instant(submittedAt), ...progress }
}

const labels = new Map(questions.map(({ id, label }) => [id, label]))

/** What each body would see, in the words of the form. */
export function viewsShown(all: Views): z.infer<typeof views> {
  const shown = Object.entries(all).map(([to, view]) => [to, view.map((answer) => ({ ...answer, label: labels.get(answer.question)! }))])
  return Object.fromEntries(shown)
}
