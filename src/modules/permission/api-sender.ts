import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import type { AgreementFile } from '#agreement'
import { caseById, itemsForDisclosure } from '#casework'
import { transact, type Db } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { requestSend } from '#exchange'
import { askedInCase, insertAsked } from './store.ts'

export type SenderDeps = { db: Db; agreement: AgreementFile }

const asks = ['handler', 'duty-officer'] as const
const body = z.strictObject({
  items: z.array(z.uuid()).min(1).max(200),
  to: z.literal('ico'),
  purpose: z.string(),
  until: z.string(),
  reason: z.string().trim().min(1).max(5000),
})

export function senderApi(deps: SenderDeps): Endpoint[] {
  return [
    endpoint({
      method: 'POST',
      path: '/cases/:id/permission-requests',
      who: asks,
      status: 201,
      summary: 'Ask the organisation whether these items may be sent; it sees the exact words',
      body,
      reply: z.object({ id: z.string() }),
      handle: async ({ params, body: wish, ctx }) => {
        const until = new Date(wish.until)
        if (!deps.agreement.purposes.some((purpose) => purpose.id === wish.purpose))
          throw invalid({ field: 'purpose', message: 'Choose a purpose the agreement names' })
        if (Number.isNaN(until.getTime()) || until <= ctx.now())
          throw invalid({ field: 'until', message: 'Give a time in the future, such as 2027-03-31T17:00:00Z' })
        return transact(deps.db, async (tx) => {
          const found = await caseById(tx, params['id']!)
          if (!found) throw new Refusal('not-found')
          const items = await itemsForDisclosure(tx, found.id, wish.items)
          const organisation = onlyOrigin(items)
          const id = await requestSend(tx, { kind: 'permission-request', to: 'portal', body: { reference: found.reference } }, ctx)
          await insertAsked(tx, {
            id,
            case_id: found.id,
            organisation,
            recipient: wish.to,
            purpose: wish.purpose,
            until,
            items: wish.items,
            reason: wish.reason,
            asked_by: ctx.actor.id,
            asked_at: ctx.now(),
          })
          return { id }
        })
      },
    }),
    endpoint({
      method: 'GET',
      path: '/cases/:id/permission-requests',
      who: [...asks, 'releasing-officer'],
      summary: 'What was asked in this case and what came of it',
      reply: z.object({
        requests: z.array(
          z.object({
            id: z.string(),
            to: z.string(),
            purpose: z.string(),
            until: z.string(),
            items: z.array(z.string()),
            state: z.string(),
            askedAt: z.string(),
          }),
        ),
      }),
      handle: async ({ params }) => ({
        requests: (await askedInCase(deps.db, params['id']!)).map((row) => ({
          id: row.id,
          to: row.recipient,
          purpose: row.purpose,
          until: row.until.toISOString(),
          items: row.items,
          state: row.state,
          askedAt: row.asked_at.toISOString(),
        })),
      }),
    }),
  ]
}

/** One request goes to one organisation. Items that hold another's confidence too must be asked of each, apart. */
function onlyOrigin(items: { origins: string[] }[]): string {
  const origins = new Set(items.flatMap((item) => item.origins))
  const [first] = origins
  if (origins.size !== 1 || first === undefined) throw invalid({ field: 'items', message: 'Ask for items of one organisation at a time' })
  return first
}
