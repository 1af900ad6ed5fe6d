import { sha256 } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { Refusal, type Mistake } from '#platform/errors'
import type { AuthorityId } from '#exchange'
import { ownerOf } from './access.ts'
import { awaitingCounsel, toFile, type Slot } from './draft.ts'
import { draftOf, filedIn } from './drafts.ts'
import { fileAndKeep, mistakesOf } from './filing.ts'
import type { FolderKeys } from './folder.ts'
import { refuseMistakes, type Answer, type Stage } from './incident.ts'
import { authorities } from './questions.ts'
import { requireRight } from './rights.ts'
import { filingByKey, lockIncident } from './store.ts'

export type DraftSubmission = {
  incident: string
  stage: Stage
  to?: AuthorityId[] | undefined
  corrections?: readonly { question: string; audience: readonly AuthorityId[]; why: string }[] | undefined
  idempotencyKey?: string | undefined
}

/**
 * Files, to each body, what has changed in the draft since that body was last told. What waits for counsel stops all of it, so that a
 * report is never sent with a hole nobody meant. The same `idempotencyKey` again finds the filing it made.
 */
export async function fileDraft(tx: Tx, input: DraftSubmission, folders: FolderKeys, ctx: Ctx): Promise<string> {
  const incident = await lockIncident(tx, input.incident)
  if (!incident) throw new Refusal('not-found')
  requireRight('file', ownerOf(incident), ctx.actor)
  const key = input.idempotencyKey === undefined ? null : sha256(input.idempotencyKey)
  const earlier = key && (await filingByKey(tx, incident.id, key))
  if (earlier) return earlier.id
  const slots = toFile(await draftOf(tx, incident, folders), await filedIn(tx, incident, folders), input.to ?? authorities)
  if (slots.length === 0) throw new Refusal('nothing-to-file')
  const waiting = awaitingCounsel(slots).map(({ question, body }) => ({ field: `${question} ${body}`, message: 'Waits for counsel' }))
  if (waiting.length > 0) throw new Refusal('counsel-needed', { mistakes: waiting })
  const answers = slots.map((slot) => answerOf(slot, input.corrections ?? []))
  refuseMistakes((await mistakesOf(tx, incident, { answers })).map((mistake) => named(mistake, answers)))
  return fileAndKeep(tx, { stage: input.stage, incident, key, answers }, folders, ctx)
}

function answerOf({ question, body, value, privileged }: Slot, corrections: NonNullable<DraftSubmission['corrections']>): Answer {
  const correction = corrections.find((one) => one.question === question && one.audience.includes(body))
  return {
    question,
    value,
    audience: [body],
    ...(privileged && { privileged }),
    ...(correction && { correction: { why: correction.why } }),
  }
}

/** In a draft an answer is known by its question, not by a place in a list that only we saw. */
function named({ field, message }: Mistake, answers: readonly Answer[]): Mistake {
  const [, nth, ...rest] = field.split('.')
  const answer = answers[Number(nth)]
  return { field: answer ? [`${answer.question} ${answer.audience[0]}`, ...rest].join('.') : field, message }
}
