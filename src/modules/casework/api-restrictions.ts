import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import { instant } from '#platform/clock'
import { transact, type Db } from '#platform/db'
import type { AuthorityId } from '#exchange'
import { decide, readRestricted, restrictions, type DecisionRules, type Restriction } from './restricting.ts'
import { rights } from './rights.ts'

export type RestrictionDeps = {
  db: Db
  node: AuthorityId
  grounds: readonly { id: string; label: string; means: string; source: string; mark: string }[]
  withinDays: number
  poke: () => void
}

const moment = z.iso.datetime()
const line = z.object({
  item: z.uuid(),
  question: z.string(),
  case: z.uuid(),
  reference: z.string(),
  /** The disclosure that brought it, and the permission that was withdrawn. */
  disclosure: z.uuid(),
  permission: z.uuid(),
  organisation: z.uuid(),
  receivedAt: moment,
  restrictedAt: moment,
  dueAt: moment,
  state: z.enum(['open', 'overdue', 'kept', 'deleted']),
  /** Nothing is there any more, whoever asked for it. */
  erased: z.boolean(),
  ground: z.string().optional(),
  decidedAt: moment.optional(),
})
const ground = z.object({ id: z.string(), label: z.string(), means: z.string(), source: z.string(), mark: z.string() })

/** [retention] What was called back, and what a records officer decides about it. */
export function restrictionsApi({ db, node, grounds, withinDays, poke }: RestrictionDeps): Endpoint[] {
  const who = rights[node].decide
  const rules: DecisionRules = { grounds, withinDays }
  const all = z.object({ restrictions: z.array(line), grounds: z.array(ground) })
  const named = grounds.map(({ id, label, means, source, mark }) => ({ id, label, means, source, mark }))
  return [
    endpoint({
      method: 'GET',
      path: '/restrictions',
      summary: 'Every copy that was called back, until when it must be decided, and what was decided',
      who,
      reply: all,
      handle: async ({ ctx }) => ({ restrictions: (await restrictions(db, rules, ctx)).map(shown), grounds: named }),
    }),
    endpoint({
      method: 'GET',
      path: '/cases/:id/restrictions',
      summary: 'The same, of one case',
      who,
      reply: all,
      handle: async ({ params, ctx }) => ({ restrictions: (await restrictions(db, rules, ctx, params['id']!)).map(shown), grounds: named }),
    }),
    endpoint({
      method: 'POST',
      path: '/cases/:id/restrictions/:itemId/reading',
      summary: 'Reads a restricted value in order to decide about it; that you did is recorded',
      who,
      body: z.strictObject({}),
      reply: z.object({ copies: z.array(z.object({ disclosure: z.uuid(), value: z.unknown() })) }),
      handle: async ({ params, ctx }) => {
        const copies = await transact(db, (tx) => readRestricted(tx, { case: params['id']!, item: params['itemId']!, node }, ctx))
        return { copies: copies.map(({ record, value }) => ({ disclosure: record, value })) }
      },
    }),
    endpoint({
      method: 'POST',
      path: '/cases/:id/restrictions/:itemId',
      summary: 'Deletes a restricted copy, or keeps it on a lawful ground; the organisation gets a signed receipt that says which',
      who,
      stepUp: true,
      body: z.strictObject({ decision: z.enum(['delete', 'keep']), ground: z.string().optional(), reason: z.string() }),
      reply: z.object({ decision: z.enum(['delete', 'keep']), decided: z.int() }),
      handle: async ({ params, body, ctx }) => {
        const where = { case: params['id']!, item: params['itemId']!, node }
        const decided = await transact(db, (tx) => decide(tx, where, body, rules, ctx))
        poke()
        return { decision: body.decision, decided }
      },
    }),
  ]
}

function shown(row: Restriction): z.infer<typeof line> {
  return {
    ...{ item: row.item, question: row.question, case: row.case_id, reference: row.reference, disclosure: row.record },
    ...{ permission: row.permission, organisation: row.organisation, receivedAt: instant(row.added_at) },
    ...{ restrictedAt: instant(row.restricted_at), dueAt: instant(row.dueAt), state: row.state, erased: row.erased },
    ...(row.ground !== null && { ground: row.ground }),
    ...(row.decided_at !== null && { decidedAt: instant(row.decided_at) }),
  }
}
