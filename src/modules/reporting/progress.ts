import type { Db } from '#platform/db'
import type { RefusalCode } from '#platform/errors'
import { outcomesOf, receiptsFor, waitFor } from '#exchange'
import type { Submission } from './access.ts'

export type SubmissionState = 'not-yet-received' | 'received' | 'refused'
export type Progress = { state: SubmissionState; receipt: string | null; code?: RefusalCode }

/**
 * When a report counts: it is received when the body's own signed answer is back, and not before
 * (the agreement does not say that acceptance by the portal is receipt).
 */
export async function progressOf(db: Db, submissions: Submission[]): Promise<Map<string, Progress>> {
  const records = submissions.map((submission) => submission.envelope)
  const [receipts, outcomes] = await Promise.all([receiptsFor(db, records), outcomesOf(db, records)])
  const one = (record: string): Progress => {
    const receipt = receipts.get(record)
    if (receipt) return { state: receipt.state === 'accepted' ? 'received' : 'refused', receipt: receipt.statement }
    const outcome = outcomes.get(record)
    if (outcome?.state === 'refused') return { state: 'refused', receipt: null, ...(outcome.code && { code: outcome.code }) }
    return { state: 'not-yet-received', receipt: null }
  }
  return new Map(records.map((record) => [record, one(record)]))
}

/** Waits once for all; what has not come back by then is `not-yet-received`. */
export async function progressWithin(db: Db, submissions: Submission[], milliseconds: number): Promise<Map<string, Progress>> {
  const settled = await waitFor(async () => {
    const progress = await progressOf(db, submissions)
    return progress.values().some(({ state }) => state === 'not-yet-received') ? undefined : progress
  }, milliseconds)
  return settled ?? progressOf(db, submissions)
}
