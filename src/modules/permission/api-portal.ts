import { z } from 'zod'
import { endpoint, Reply, type Endpoint } from '#platform/api'
import type { Ctx } from '#platform/context'
import { transact, type Db } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { readJws } from '#platform/jws'
import { outcomesOf, receiptsFor, requestSend, waitFor, type NodeId, type Trust } from '#exchange'
import { enrolmentOf } from '#identity'
import { incidentForActor, type FolderKeys } from '#reporting'
import { checkEnrolment } from './enrolment.ts'
import { checkPermission, checkWithdrawal, isNarrowed, readClaims, type Claims } from './permission.ts'
import { openWords } from './portal.ts'
import {
  grantById,
  grantsOf,
  insertGrant,
  lockRequest,
  markRefused,
  markWithdrawing,
  requestById,
  requestsOf,
  type GrantRow,
  type RequestRow,
} from './store.ts'

export type PortalDeps = { db: Db; trust: Trust; keys: FolderKeys; waitMilliseconds: number }

const members = ['reporter', 'signatory', 'dpo', 'counsel', 'agent', 'client-contact'] as const
const item = z.object({ id: z.string(), question: z.string(), value: z.unknown() })
const request = z.object({
  id: z.string(),
  incident: z.string(),
  from: z.string(),
  to: z.string(),
  purpose: z.string(),
  until: z.string(),
  reason: z.string(),
  state: z.enum(['open', 'granted', 'refused']),
  items: z.array(item),
  words: z.unknown(),
  claims: z.unknown(),
})
const states = z.enum(['delivering', 'in-force', 'withdrawing', 'withdrawn', 'expired', 'refused'])
const permission = z.object({ id: z.string(), state: states, acknowledgement: z.string().nullable(), receipt: z.string().nullable() })

export function portalApi(deps: PortalDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/permission-requests',
      who: members,
      summary: 'What authorities ask your organisation to permit, with the exact words and the claims to sign',
      reply: z.object({ requests: z.array(request) }),
      handle: async ({ ctx }) => ({ requests: await listRequests(deps, ctx) }),
    }),
    endpoint({
      method: 'POST',
      path: '/permissions',
      who: members,
      status: 201,
      summary: 'Give a permission that your organisation signed',
      body: z.strictObject({ permission: z.string().max(200_000) }),
      reply: permission,
      handle: ({ body, ctx }) => give(deps, body.permission, ctx),
    }),
    endpoint({
      method: 'GET',
      path: '/permissions/:id',
      who: members,
      summary: 'How a permission stands',
      reply: permission.extend({ signed: z.string(), request: z.string() }),
      handle: async ({ params, ctx }) => {
        const grant = await own(deps, params['id']!, ctx)
        return { ...(await standing(deps, grant, ctx)), signed: grant.permission, request: grant.request }
      },
    }),
    endpoint({
      method: 'POST',
      path: '/permissions/:id/withdrawal',
      who: members,
      summary: 'Withdraw a permission: by session, or with a signed withdrawal',
      body: z.object({ withdrawal: z.unknown().optional() }),
      reply: z.object({ state: states, acknowledgedAt: z.string().nullable(), receipt: z.string().nullable() }),
      handle: ({ params, body, ctx }) => withdraw(deps, params['id']!, body.withdrawal, ctx),
    }),
    endpoint({
      method: 'POST',
      path: '/permission-requests/:id/refusal',
      who: members,
      summary: 'Say no to a request; the request is closed and the ICO never hears of it',
      body: z.object({ reason: z.string().optional() }),
      reply: z.object({ id: z.string(), state: z.literal('refused') }),
      handle: ({ params, ctx }) => refuse(deps, params['id']!, ctx),
    }),
  ]
}

async function listRequests({ db, keys }: PortalDeps, ctx: Ctx): Promise<z.infer<typeof request>[]> {
  if (!ctx.actor.organisation) return []
  const rows = await requestsOf(db, ctx.actor.organisation)
  return Promise.all(rows.map((row) => describe(db, row, keys, ctx)))
}

async function describe(db: Db, row: RequestRow, keys: FolderKeys, ctx: Ctx): Promise<z.infer<typeof request>> {
  const incident = await incidentForActor(db, row.incident, ctx)
  const words = await openWords(row, incident.owner, keys, ctx)
  const granted = (await grantsOf(db, row.incident)).some((grant) => grant.request === row.id)
  return {
    id: row.id,
    incident: row.incident,
    from: row.sender,
    to: row.recipient,
    purpose: row.purpose,
    until: row.until.toISOString(),
    reason: words.reason,
    state: row.refused_at ? 'refused' : granted ? 'granted' : 'open',
    items: words.items.map(({ id, question, value }) => ({ id, question, value })),
    words: { purpose: words.purpose, conditions: words.conditions },
    claims: JSON.parse(row.claims),
  }
}

/** Checks exactly as the NCSC and the ICO will, so that a mistake is told now and not by a refusal later. */
async function give(deps: PortalDeps, signed: string, ctx: Ctx): Promise<Reply<z.infer<typeof permission>>> {
  const claims = readClaims(signed)
  const asked = await requestById(deps.db, claims.request)
  if (!asked || asked.organisation !== ctx.actor.organisation) throw new Refusal('permission-invalid')
  if (asked.refused_at) throw new Refusal('already-done')
  const enrolled = await enrolmentOf(deps.db, readJws(signed).kid)
  if (!enrolled || enrolled.org !== asked.organisation) throw new Refusal('permission-invalid')
  checkPermission({ permission: signed, enrolment: enrolled.record }, deps.trust)
  if (!isNarrowed(JSON.parse(asked.claims) as Claims, claims)) throw new Refusal('permission-invalid')
  if (claims.exp * 1000 <= ctx.now().getTime()) throw new Refusal('permission-expired')
  await transact(deps.db, async (tx) => {
    if (await lockRequest(tx, asked.id)) throw new Refusal('already-done')
    const record = await requestSend(tx, { kind: 'permission', to: asked.sender as NodeId, body: { permission: claims.jti } }, ctx)
    const row = {
      id: claims.jti,
      request: asked.id,
      incident: asked.incident,
      organisation: asked.organisation,
      permission: signed,
      enrolment: enrolled.record,
      ends: new Date(claims.exp * 1000),
      record,
      granted_at: ctx.now(),
    }
    if (!(await insertGrant(tx, row))) throw new Refusal('already-done')
  })
  const grant = await own(deps, claims.jti, ctx)
  const answered = await waitFor(async () => {
    const now = await standing(deps, grant, ctx)
    return now.state === 'delivering' ? undefined : now
  }, deps.waitMilliseconds)
  const now = answered ?? (await standing(deps, grant, ctx))
  return new Reply(now.state === 'delivering' ? 202 : 201, now)
}

/** A permission of the caller's own organisation; any other does not exist. */
async function own({ db }: PortalDeps, id: string, ctx: Ctx): Promise<GrantRow> {
  const grant = await grantById(db, id)
  if (!grant || grant.organisation !== ctx.actor.organisation) throw new Refusal('not-found')
  return grant
}

async function standing({ db }: PortalDeps, grant: GrantRow, ctx: Ctx): Promise<z.infer<typeof permission>> {
  const receipts = await receiptsFor(db, [grant.record, ...(grant.withdrawal ? [grant.withdrawal] : [])])
  const given = receipts.get(grant.record)
  // What is refused gets no receipt: the signed answer to its delivery says so.
  const refused = !given && (await outcomesOf(db, [grant.record])).get(grant.record)?.state === 'refused'
  const withdrawn = grant.withdrawal ? receipts.get(grant.withdrawal) : undefined
  return {
    id: grant.id,
    state: stateOf(grant, refused ? 'refused' : given?.state, withdrawn !== undefined, ctx.now()),
    acknowledgement: given?.statement ?? null,
    receipt: withdrawn?.statement ?? null,
  }
}

function stateOf(grant: GrantRow, given: 'accepted' | 'refused' | undefined, withdrawn: boolean, now: Date): z.infer<typeof states> {
  if (withdrawn) return 'withdrawn'
  if (grant.withdrawal) return 'withdrawing'
  if (given === 'refused') return 'refused'
  if (grant.ends <= now) return 'expired'
  return given === 'accepted' ? 'in-force' : 'delivering'
}

async function withdraw(
  deps: PortalDeps,
  id: string,
  signed: unknown,
  ctx: Ctx,
): Promise<Reply<{ state: z.infer<typeof states>; acknowledgedAt: string | null; receipt: string | null }>> {
  const grant = await own(deps, id, ctx)
  if (typeof signed === 'string') await checkSigned(deps, signed, grant)
  await transact(deps.db, async (tx) => {
    const record = await requestSend(tx, { kind: 'withdrawal', to: 'ncsc', body: { permission: id } }, ctx)
    // A second withdrawal changes nothing: it waits for the first one's receipt (and this request is rolled back).
    if (!(await markWithdrawing(tx, id, record, typeof signed === 'string' ? signed : null))) throw new Refusal('already-done')
  }).catch((error) => {
    if (!(error instanceof Refusal && error.code === 'already-done')) throw error
  })
  const current = await own(deps, id, ctx)
  const receipt = await waitFor(
    async () => (await receiptsFor(deps.db, [current.withdrawal!])).get(current.withdrawal!),
    deps.waitMilliseconds,
  )
  const body = {
    state: (await standing(deps, current, ctx)).state,
    acknowledgedAt: receipt ? (JSON.parse(readJws(receipt.statement).text).at as string) : null,
    receipt: receipt?.statement ?? null,
  }
  return new Reply(receipt ? 200 : 202, body)
}

async function checkSigned({ db, trust }: PortalDeps, signed: string, grant: GrantRow): Promise<void> {
  const enrolled = await enrolmentOf(db, kidOf(signed))
  if (!enrolled) throw new Refusal('permission-invalid')
  checkWithdrawal(signed, { permission: grant.id, organisation: grant.organisation }, checkEnrolment(enrolled.record, trust))
}

function kidOf(jws: string): string {
  try {
    return readJws(jws).kid
  } catch {
    throw invalid({ field: 'withdrawal', message: 'This is not a signed withdrawal' })
  }
}

async function refuse({ db }: PortalDeps, id: string, ctx: Ctx): Promise<{ id: string; state: 'refused' }> {
  const asked = await requestById(db, id)
  if (!asked || asked.organisation !== ctx.actor.organisation) throw new Refusal('not-found')
  await transact(db, async (tx) => {
    await lockRequest(tx, id)
    if ((await grantsOf(tx, asked.incident)).some((grant) => grant.request === id)) throw new Refusal('already-done')
    const record = await requestSend(tx, { kind: 'refusal', to: asked.sender as NodeId, body: { request: id } }, ctx)
    if (!(await markRefused(tx, id, record, ctx.now()))) throw new Refusal('already-done')
  })
  return { id, state: 'refused' }
}
