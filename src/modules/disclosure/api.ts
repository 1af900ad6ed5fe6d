import { z } from 'zod'
import { endpoint, Reply, type Endpoint } from '#platform/api'
import { sha256, type Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { caseById, checkText, itemsForDisclosure } from '#casework'
import type { Ctx } from '#platform/context'
import { transact, type Db, type Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { decisionOn, outcomesOf, requestSend, sentStatements } from '#exchange'
import { insertCalledOff, insertProposal, proposalById, proposalByKey, proposalsInCase } from './store.ts'

export type DisclosureDeps = { db: Db; poke: () => void; waitMilliseconds: number }

const states = z.enum(['queued', 'sent', 'accepted', 'refused', 'withdrawn'])
const body = z.strictObject({
  items: z.array(z.uuid()).min(1).max(200),
  to: z.literal('ico'),
  purpose: z.string(),
  necessity: z.string().max(5000).optional(),
  idempotencyKey: z.string().min(8).max(200).optional(),
})
type Wish = z.infer<typeof body>
const read = z.object({
  id: z.string(),
  state: states,
  envelope: z.string(),
  to: z.string(),
  purpose: z.string(),
  necessity: z.string(),
  items: z.array(z.string()),
  code: z.string().optional(),
  acknowledgement: z.string().optional() /** The statement as it left, with its proof from the ledger. */,
  proof: z.string().optional(),
})

/** Door 3 as a releasing officer uses it. The desk only asks: its gateway decides, and the database must agree. */
export function api(deps: DisclosureDeps): Endpoint[] {
  return [
    endpoint({
      method: 'POST',
      path: '/cases/:id/disclosures',
      who: ['releasing-officer'],
      stepUp: true,
      status: 201,
      summary: 'Disclose items to the ICO: needs a permission in force for every item and origin, and your reason why sending is necessary',
      body,
      reply: z.object({ id: z.string(), state: states, envelope: z.string() }),
      handle: ({ params, body: wish, ctx }) => disclose(deps, params['id']!, wish, ctx),
    }),
    endpoint({
      method: 'POST',
      path: '/disclosures/:id/calling-off',
      who: ['releasing-officer'],
      summary: 'Call a disclosure off that has not left yet; the organisations that had notice of it are told that it was not sent',
      body: z.strictObject({ reason: z.string() }),
      reply: z.object({ id: z.string(), state: states }),
      handle: ({ params, body: said, ctx }) => callOff(deps, params['id']!, said.reason, ctx),
    }),
    endpoint({
      method: 'GET',
      path: '/disclosures/:id',
      who: ['releasing-officer', 'handler', 'duty-officer', 'auditor'],
      summary: 'How far a disclosure came',
      reply: read,
      handle: async ({ params }) => describe(deps.db, params['id']!),
    }),
    endpoint({
      method: 'GET',
      path: '/cases/:id/disclosures',
      who: ['releasing-officer', 'handler', 'duty-officer', 'auditor'],
      summary: 'What was proposed in this case and what came of it, refusals included',
      reply: z.object({ disclosures: z.array(read) }),
      handle: async ({ params }) => ({
        disclosures: await Promise.all((await proposalsInCase(deps.db, params['id']!)).map((row) => describe(deps.db, row.id))),
      }),
    }),
  ]
}

async function disclose(
  deps: DisclosureDeps,
  caseId: string,
  wish: Wish,
  ctx: Ctx,
): Promise<Reply<{ id: string; state: z.infer<typeof states>; envelope: string }>> {
  const id =
    (await transact(deps.db, (tx) => propose(tx, caseId, wish, ctx)).catch(unlessThere)) ?? (await proposedBefore(deps.db, caseId, wish))
  deps.poke()
  const decided = await decisionOn(deps.db, id, deps.waitMilliseconds)
  return new Reply(decided ? 201 : 202, { id, state: stateOf(decided?.state ?? 'pending'), envelope: id })
}

/** Returns the request's id, which the envelope will bear. Throws `already-done` where the same key was used before. */
async function propose(tx: Tx, caseId: string, wish: Wish, ctx: Ctx): Promise<string> {
  const found = await caseById(tx, caseId)
  if (!found) throw new Refusal('not-found')
  await itemsForDisclosure(tx, caseId, wish.items)
  const id = await requestSend(tx, { kind: 'disclosure', to: wish.to, body: {} }, ctx)
  const { to: recipient, purpose, necessity = '', items } = wish
  const officer = { officer: ctx.actor.id, roles: [...ctx.actor.roles], proposed_at: ctx.now() }
  const row = { id, case_id: caseId, recipient, purpose, necessity, items, ...officer, retry_key: keyOf(wish) }
  if (!(await insertProposal(tx, row))) throw new Refusal('already-done')
  return id
}

function keyOf({ idempotencyKey }: Wish): Bytes | null {
  return idempotencyKey === undefined ? null : sha256(idempotencyKey)
}

function unlessThere(error: unknown): undefined {
  if (!(error instanceof Refusal && error.code === 'already-done')) throw error
}

/** A repeat after a lost answer finds what it asked for the first time; the same key for something else is told so. */
async function proposedBefore(db: Db, caseId: string, wish: Wish): Promise<string> {
  const { id, recipient, purpose, necessity, items } = (await proposalByKey(db, caseId, keyOf(wish)!))!
  const said = [wish.to, wish.purpose, wish.necessity ?? '', wish.items]
  if (canonical([recipient, purpose, necessity, items]) !== canonical(said)) throw new Refusal('replayed-differently')
  return id
}

/** It never leaves if nobody had claimed it for sending by now; whether somebody had, the state says. */
async function callOff(
  { db, poke }: DisclosureDeps,
  id: string,
  said: string,
  ctx: Ctx,
): Promise<{ id: string; state: z.infer<typeof states> }> {
  const reason = checkText(said, 'reason')
  const proposal = await proposalById(db, id)
  const before = (await outcomesOf(db, [id])).get(id)
  if (!proposal || !before) throw new Refusal('not-found')
  if (stateOf(before.state) !== 'queued') throw new Refusal('already-done')
  const row = { disclosure: id, reason, officer: ctx.actor.id, called_off_at: ctx.now() }
  await transact(db, async (tx) => {
    if (!(await insertCalledOff(tx, row))) throw new Refusal('already-done')
  })
  poke()
  return { id, state: stateOf((await outcomesOf(db, [id])).get(id)!.state) }
}

async function describe(db: Db, id: string): Promise<z.infer<typeof read>> {
  const proposal = await proposalById(db, id)
  const outcome = (await outcomesOf(db, [id])).get(id)
  if (!proposal || !outcome) throw new Refusal('not-found')
  const [sent] = await sentStatements(db, [id])
  const { recipient, purpose, necessity, items } = proposal
  return {
    id,
    envelope: id,
    to: recipient,
    purpose,
    necessity,
    items,
    state: stateOf(outcome.state),
    ...(outcome.code && { code: outcome.code }),
    ...(outcome.acknowledgement && { acknowledgement: outcome.acknowledgement }),
    ...(sent && { proof: sent.statement }),
  }
}

function stateOf(state: string): z.infer<typeof states> {
  return state === 'pending' ? 'queued' : (state as z.infer<typeof states>)
}
