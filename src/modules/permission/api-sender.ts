import { z } from 'zod'
import { endpoint, Reply, type Endpoint } from '#platform/api'
import { instant } from '#platform/clock'
import { transact, type Db } from '#platform/db'
import { Refusal } from '#platform/errors'
import type { AgreementFile } from '#agreement'
import { caseFor, checkText } from '#casework'
import { decisionOn, requestSend } from '#exchange'
import { askPermission, offerInCase } from './asking.ts'
import { heldById, heldOfOrganisation, insertTelephoned, type HeldPermission } from './ending-store.ts'
import { insertDeclined, offersInCase, type OfferLine } from './offer-store.ts'
import { readClaims } from './permission.ts'
import { askedInCase, type AskedRow } from './store.ts'

export type SenderDeps = { db: Db; agreement: AgreementFile; poke: () => void; waitMilliseconds: number }

const asks = ['handler', 'duty-officer'] as const
const reads = [...asks, 'releasing-officer'] as const
const body = z.strictObject({
  items: z.array(z.uuid()).min(1).max(200),
  to: z.literal('ico'),
  purpose: z.string(),
  until: z.string(),
  reason: z.string().trim().min(1).max(5000),
  origin: z.uuid().optional(),
  under: z.uuid().optional(),
  offer: z.uuid().optional(),
})
const line = z.object({
  id: z.string(),
  organisation: z.string(),
  to: z.string(),
  purpose: z.string(),
  until: z.string(),
  items: z.array(z.string()),
  state: z.string(),
  askedAt: z.string(),
  offer: z.string().optional(),
})
const offer = z.object({
  id: z.string(),
  to: z.string(),
  purpose: z.string(),
  until: z.string(),
  items: z.array(z.string()),
  /** What the recipient asked the organisation, where this body may answer it. */
  question: z.unknown().optional(),
  narrows: z.string().optional(),
  state: z.enum(['waiting', 'asked', 'permitted', 'declined']),
  offeredAt: z.string(),
})
const held = z.object({
  id: z.string(),
  organisation: z.string(),
  to: z.string(),
  purpose: z.string(),
  from: z.string(),
  until: z.string(),
  items: z.array(z.string()),
  conditions: z.array(z.string()),
  state: z.enum(['in-force', 'expired', 'withdrawn']),
  narrows: z.string().optional(),
})
const call = z.strictObject({ caller: z.string(), number: z.string(), numberFrom: z.string(), words: z.string() })

export function senderApi(deps: SenderDeps): Endpoint[] {
  return [...asking(deps), ...offers(deps), ...permissions(deps)]
}

function asking({ db, agreement }: SenderDeps): Endpoint[] {
  return [
    endpoint({
      method: 'POST',
      path: '/cases/:id/permission-requests',
      who: asks,
      status: 201,
      summary: 'Ask one organisation whether these items may be sent, once for each item and purpose; it sees the exact words',
      body,
      reply: z.object({ id: z.string() }),
      handle: async ({ params, body: wish, ctx }) => ({
        id: await transact(db, (tx) => askPermission(tx, { case: params['id']!, ...wish }, agreement, ctx)),
      }),
    }),
    endpoint({
      method: 'GET',
      path: '/cases/:id/permission-requests',
      who: reads,
      summary: 'What was asked in this case and what came of it',
      reply: z.object({ requests: z.array(line) }),
      handle: async ({ params }) => ({ requests: (await askedInCase(db, params['id']!)).map(askedShown) }),
    }),
  ]
}

function askedShown({
  id,
  organisation,
  recipient,
  purpose,
  until,
  items,
  state,
  asked_at,
  offer: answers,
}: AskedRow): z.infer<typeof line> {
  const told = { id, organisation, to: recipient, purpose, until: instant(until), items, state, askedAt: instant(asked_at) }
  return { ...told, ...(answers !== null && { offer: answers }) }
}

function offers({ db, poke }: SenderDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/cases/:id/offers',
      who: reads,
      summary:
        'What the organisation started itself: items it says may go, or a question of the ICO you may answer. Nothing is permitted by it',
      reply: z.object({ offers: z.array(offer) }),
      handle: async ({ params, ctx }) => {
        const found = await caseFor(db, { id: params['id']!, right: 'read', node: 'ncsc' }, ctx)
        const [lines, permitted] = await Promise.all([offersInCase(db, found.id), heldOfOrganisation(db, found.organisation)])
        const answered = new Set(permitted.map(({ permission }) => readClaims(permission).request))
        return { offers: lines.map((row) => offerShown(row, answered)) }
      },
    }),
    endpoint({
      method: 'POST',
      path: '/cases/:id/offers/:offerId/decline',
      who: reads,
      summary: 'Record that it will not be sent: nobody must send because it was offered. The organisation is told, and not why',
      body: z.strictObject({ reason: z.string() }),
      reply: z.object({ id: z.string(), state: z.literal('declined') }),
      handle: async ({ params, body: said, ctx }) => {
        const reason = checkText(said.reason, 'reason')
        const id = params['offerId']!
        await transact(db, async (tx) => {
          const found = await offerInCase(tx, params['id']!, id, ctx)
          const receipt = await requestSend(tx, { kind: 'receipt', to: 'portal', body: {} }, ctx)
          const row = { id: receipt, offer: found.id, reason, declined_by: ctx.actor.id, declined_at: ctx.now() }
          if (!(await insertDeclined(tx, row))) throw new Refusal('already-done')
        })
        poke()
        return { id, state: 'declined' as const }
      },
    }),
  ]
}

function offerShown(row: OfferLine, answered: ReadonlySet<string>): z.infer<typeof offer> {
  const permitted = answered.has(row.id) || (row.asked !== null && answered.has(row.asked))
  const state = row.declined_at !== null ? 'declined' : permitted ? 'permitted' : row.asked !== null ? 'asked' : 'waiting'
  return {
    ...{ id: row.id, to: row.recipient, purpose: row.purpose, until: instant(row.until), items: row.items, state },
    ...(row.question !== null && { question: JSON.parse(row.question) as unknown }),
    ...(row.narrows !== null && { narrows: row.narrows }),
    offeredAt: instant(row.received_at),
  }
}

function permissions({ db, poke, waitMilliseconds }: SenderDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/cases/:id/permissions',
      who: reads,
      summary: 'Permissions that the organisation of this case gave, and how each stands',
      reply: z.object({ permissions: z.array(held) }),
      handle: async ({ params, ctx }) => {
        const found = await caseFor(db, { id: params['id']!, right: 'read', node: 'ncsc' }, ctx)
        return { permissions: (await heldOfOrganisation(db, found.organisation)).map((row) => heldShown(row, ctx.now())) }
      },
    }),
    endpoint({
      method: 'POST',
      path: '/permissions/:id/withdrawal',
      who: ['duty-officer'],
      status: 201,
      summary:
        'Take a withdrawal by telephone, after calling back: it takes effect at once, and the organisation gets what was written down',
      body: call,
      reply: z.object({ id: z.string(), state: z.enum(['withdrawn', 'withdrawing']) }),
      handle: async ({ params, body: told, ctx }) => {
        const { caller, number, numberFrom, words } = told
        const said = {
          caller: checkText(caller, 'caller'),
          number: checkText(number, 'number'),
          number_from: checkText(numberFrom, 'numberFrom'),
          words: checkText(words, 'words'),
        }
        const id = await transact(db, async (tx) => {
          const found = await heldById(tx, params['id']!)
          if (!found) throw new Refusal('not-found')
          const record = await requestSend(tx, { kind: 'withdrawal', to: 'portal', body: {} }, ctx)
          const { id: permission, organisation } = found
          await insertTelephoned(tx, { id: record, permission, organisation, ...said, taken_by: ctx.actor.id, taken_at: ctx.now() })
          return record
        })
        poke()
        const decided = await decisionOn(db, id, waitMilliseconds)
        return new Reply(decided ? 201 : 202, { id, state: decided ? ('withdrawn' as const) : ('withdrawing' as const) })
      },
    }),
  ]
}

function heldShown(row: HeldPermission, now: Date): z.infer<typeof held> {
  const state = row.withdrawn_at !== null ? 'withdrawn' : row.ends <= now ? 'expired' : 'in-force'
  return {
    ...{ id: row.id, organisation: row.organisation, to: row.recipient, purpose: row.purpose },
    ...{ from: instant(row.begins), until: instant(row.ends), items: row.items.map(({ id }) => id), state },
    conditions: readClaims(row.permission).authorization_details[0].conditions,
    ...(row.narrows !== null && { narrows: row.narrows }),
  }
}
