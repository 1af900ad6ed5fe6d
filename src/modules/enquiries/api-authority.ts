import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import { instant } from '#platform/clock'
import type { Credential, Ctx } from '#platform/context'
import { transact, type Db } from '#platform/db'
import { askedQuestion, caseFor, itemsOfCase, recordOpening, rights, type ItemRow, type ReadingRules } from '#casework'
import { outcomesOf, type AuthorityId, type Outcome } from '#exchange'
import { ask, takeBack } from './asking.ts'
import { answerShown, shown, states, stateOf, type EnquiryWords } from './enquiry.ts'
import { askedInCase, type AskedRow } from './store.ts'

/** `questions`: those of the list; `reading`: what an answer may be opened for. `poke` wakes this node's gateway where it runs in the same process. */
export type AskingDeps = { db: Db; node: AuthorityId; reading: ReadingRules; questions: readonly { id: string }[]; poke?: () => void }

const newEnquiry = z.strictObject({
  text: z.string(),
  about: z.string().optional(),
  neededBy: z.iso.date().optional(),
  urgent: z.boolean().optional(),
})
const deliveries = z.enum(['on-its-way', 'delivered', 'refused'])
const line = z.object({
  id: z.uuid(),
  text: z.string(),
  about: z.string().optional(),
  neededBy: z.string().optional(),
  urgent: z.literal(true).optional(),
  by: z.string(),
  role: z.string(),
  askedAt: z.iso.datetime(),
  state: z.enum(states),
  delivery: deliveries,
  answers: z.array(z.object({ item: z.uuid(), at: z.iso.datetime(), ...answerShown })),
})
const made = z.object({ id: z.uuid(), state: z.enum(states) })

/** A body asks the organisation about its incident, and sees what comes back. */
export function askingApi({ db, node, reading, questions, poke }: AskingDeps): Endpoint[] {
  const known = new Set(questions.map(({ id }) => id))
  return [
    endpoint({
      method: 'POST',
      path: '/cases/:id/questions',
      summary: 'Asks the organisation a question about its incident; it need not answer here',
      who: rights[node].ask,
      status: 201,
      body: newEnquiry,
      reply: made,
      handle: async ({ params, body, ctx }) => {
        const id = await transact(db, (tx) => ask(tx, { case: params['id']!, node, typed: body, known }, ctx))
        poke?.()
        return { id, state: 'open' as const }
      },
    }),
    endpoint({
      method: 'GET',
      path: '/cases/:id/questions',
      summary: 'What this body asked in a case, and what the organisation answered; ?purpose= says what the answers are opened for',
      who: rights[node].read,
      reply: z.object({ questions: z.array(line) }),
      handle: async ({ params, query, credential, ctx }) => ({
        questions: await questionsIn({ db, node, reading }, { case: params['id']!, purpose: query['purpose'], credential }, ctx),
      }),
    }),
    endpoint({
      method: 'DELETE',
      path: '/cases/:id/questions/:questionId',
      summary: 'Takes a question back that was not answered; the organisation is told',
      who: rights[node].ask,
      reply: made,
      handle: async ({ params, ctx }) => {
        const id = params['questionId']!
        await transact(db, (tx) => takeBack(tx, { case: params['id']!, enquiry: id, node }, ctx))
        poke?.()
        return { id, state: 'withdrawn' as const }
      },
    }),
  ]
}

type Opened = { case: string; purpose: string | undefined; credential: Credential | undefined }

async function questionsIn(
  { db, node, reading: rules }: Pick<AskingDeps, 'db' | 'node' | 'reading'>,
  { case: id, purpose, credential }: Opened,
  ctx: Ctx,
): Promise<z.infer<typeof line>[]> {
  await caseFor(db, { id, right: 'read', node }, ctx)
  const [asked, items] = await Promise.all([askedInCase(db, id), itemsOfCase(db, id)])
  const outcomes = await outcomesOf(
    db,
    asked.map((row) => row.id),
  )
  const own = Map.groupBy(
    items.filter(({ via }) => via !== 'permission'),
    ({ question }) => question,
  )
  const answers = (row: AskedRow): ItemRow[] => own.get(askedQuestion(row.id)) ?? []
  const opened = asked.flatMap(answers).map((item) => item.id)
  await recordOpening(db, { case: id, items: opened, node, rules, purpose, credential }, ctx)
  return asked.map((row) => questionShown(row, answers(row), outcomes.get(row.id)))
}

function questionShown(row: AskedRow, items: ItemRow[], outcome: Outcome | undefined): z.infer<typeof line> {
  const answers = items.toSorted((a, b) => a.made_at!.getTime() - b.made_at!.getTime())
  return {
    id: row.id,
    ...(JSON.parse(row.words) as EnquiryWords),
    by: row.asked_by,
    role: row.asked_role,
    askedAt: instant(row.asked_at),
    state: stateOf(answers, row.taken_back_at !== null),
    delivery: deliveryOf(outcome),
    answers: answers.map(({ id, added_at, value }) => ({ item: id, at: instant(added_at), ...shown(value) })),
  }
}

function deliveryOf(outcome: Outcome | undefined): z.infer<typeof deliveries> {
  if (outcome?.state === 'accepted') return 'delivered'
  return outcome?.state === 'refused' ? 'refused' : 'on-its-way'
}
