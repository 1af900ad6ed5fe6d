import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import { transact, type Db } from '#platform/db'
import { questions, submissionsFiled, type FolderKeys } from '#reporting'
import { enquiriesIn, reply, type Received, type Reply } from './answering.ts'
import { answerShown, answerValue, checkAnswer, declineOf, means, shown, states } from './enquiry.ts'

export type AnsweringDeps = { db: Db; folders: FolderKeys; poke?: () => void }

const authority = z.enum(['ncsc', 'ico'])
const line = z.object({
  id: z.uuid(),
  from: authority,
  text: z.string(),
  about: z.string().optional(),
  /** What that question of the list says. */
  aboutLabel: z.string().optional(),
  neededBy: z.string().optional(),
  urgent: z.literal(true).optional(),
  askedAt: z.iso.datetime(),
  state: z.enum(states),
  /** What it means to be asked by this body, and not to answer. */
  means: z.string(),
  answers: z.array(z.object({ item: z.uuid(), at: z.iso.datetime(), by: z.string(), ...answerShown })),
})
const filed = z.object({
  id: z.uuid(),
  state: z.enum(['answered', 'declined']),
  means: z.string(),
  submission: z.object({ to: authority, reference: z.string(), envelope: z.uuid() }),
})

/** The organisation sees what either body asks about its incident, and answers that body alone. */
export function answeringApi(deps: AnsweringDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/incidents/:id/questions',
      summary: 'What the ICO and the NCSC ask about an incident; neither is told what the other asks',
      who: 'signed-in',
      reply: z.object({ questions: z.array(line) }),
      handle: async ({ params, ctx }) => ({
        questions: (await enquiriesIn(deps.db, params['id']!, deps.folders, ctx)).map(questionShown),
      }),
    }),
    endpoint({
      method: 'POST',
      path: '/incidents/:id/questions/:questionId/answer',
      summary: 'Answers the body that asked, and nobody else',
      who: 'signed-in',
      status: 201,
      body: z.strictObject({ value: answerValue }),
      reply: filed,
      handle: ({ params, body, ctx }) =>
        file(deps, { incident: params['id']!, enquiry: params['questionId']!, value: checkAnswer(body.value) }, ctx),
    }),
    endpoint({
      method: 'POST',
      path: '/incidents/:id/questions/:questionId/decline',
      summary: 'Says to the body that asked that the organisation will not answer here',
      who: 'signed-in',
      status: 201,
      body: z.strictObject({ reason: z.string().optional() }),
      reply: filed,
      handle: ({ params, body, ctx }) =>
        file(deps, { incident: params['id']!, enquiry: params['questionId']!, value: declineOf(body.reason), declines: true }, ctx),
    }),
  ]
}

async function file({ db, folders, poke }: AnsweringDeps, input: Reply, ctx: Ctx): Promise<z.infer<typeof filed>> {
  const { filing, to } = await transact(db, (tx) => reply(tx, input, folders, ctx))
  poke?.()
  const [submission] = await submissionsFiled(db, filing)
  const { reference, envelope } = submission!
  return { id: filing, state: input.declines ? 'declined' : 'answered', means: means[to], submission: { to, reference, envelope } }
}

function questionShown({ id, from, words, askedAt, state, answers }: Received): z.infer<typeof line> {
  const label = questions.find((question) => question.id === words.about)?.label
  return {
    id,
    from,
    ...words,
    ...(label !== undefined && { aboutLabel: label }),
    askedAt: instant(askedAt),
    state,
    means: means[from],
    answers: answers.map(({ item, at, by, value }) => ({ item: item!, at: instant(at), by, ...shown(value) })),
  }
}
