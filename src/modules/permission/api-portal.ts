import { z } from 'zod'
import { endpoint, Reply, type Endpoint } from '#platform/api'
import type { Bytes } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import { transact, type Db } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { readJws } from '#platform/jws'
import type { Agreement } from '#agreement'
import { isOpen, requestSend, waitFor, type NodeId, type Trust } from '#exchange'
import { enrolmentOf } from '#identity'
import { incidentForActor, type FolderKeys } from '#reporting'
import { checkEnrolment } from './enrolment.ts'
import { withKeys, type Given } from './giving.ts'
import { checkPermission, checkWithdrawal, isNarrowed, readClaims, type Claims, type SignedPermission } from './permission.ts'
import { openWords } from './portal.ts'
import { listRequests, requestShape } from './requests.ts'
import { mustBeSignedByTwo } from './second.ts'
import { formOf, passkeyForm, readSigned } from './signed.ts'
import { permittedBy, standingOfGrant, states } from './standing.ts'
import { startById } from './start-store.ts'
import { startPermission } from './starting.ts'
import {
  grantById,
  grantsOf,
  insertGrant,
  lockRequest,
  markNarrowed,
  markRefused,
  markWithdrawing,
  requestById,
  type GrantRow,
} from './store.ts'
import { insertSecond } from './suspension-store.ts'
import { conditionsInWords } from './words.ts'

/** A withdrawal that somebody signed, in either form; anything else is one by session. */
function textOf(given: unknown): unknown {
  const passkey = passkeyForm.safeParse(given)
  return passkey.success ? formOf(passkey.data) : given
}

/** A compact JWS, or what a passkey signed. */
const signedForm = z.union([z.string().max(200_000), passkeyForm])

export type PortalDeps = { db: Db; agreement: Agreement; trust: Trust; keys: FolderKeys; waitMilliseconds: number }

const members = ['reporter', 'signatory', 'dpo', 'counsel', 'agent', 'client-contact'] as const
const permission = z.object({ id: z.string(), state: states, acknowledgement: z.string().nullable(), receipt: z.string().nullable() })
const permitted = permission.extend({
  signed: z.string(),
  request: z.string(),
  to: z.string(),
  purpose: z.string(),
  items: z.array(z.string()),
  conditions: z.array(z.string()),
  from: z.string(),
  until: z.string(),
  /** The permission whose place this one took, and the one that took the place of this. */
  narrows: z.string().optional(),
  narrowedBy: z.string().optional(),
})
const start = z.strictObject({
  items: z.array(z.uuid()).min(1).max(200).optional(),
  enquiry: z.uuid().optional(),
  purpose: z.string(),
  until: z.string().optional(),
  conditions: z.array(z.string()).max(20).optional(),
  narrows: z.uuid().optional(),
})

export function portalApi(deps: PortalDeps): Endpoint[] {
  return [...startingAndGiving(deps), ...ending(deps)]
}

function startingAndGiving(deps: PortalDeps): Endpoint[] {
  return [
    endpoint({
      method: 'POST',
      path: '/incidents/:id/permission-requests',
      who: members,
      status: 201,
      summary:
        'Start yourself: name items of yours at the NCSC, or let the NCSC answer what the ICO asked; nothing is permitted until you sign',
      body: start,
      reply: z.object({
        id: z.string(),
        state: z.enum(['open', 'waiting']),
        words: z.unknown().optional(),
        claims: z.unknown().optional(),
      }),
      handle: async ({ params, body, ctx }) => {
        mustAct(ctx)
        const { id, words, claims } = await startPermission(deps, { incident: params['id']!, ...body }, ctx)
        if (!words) return { id, state: 'waiting' as const }
        const { purpose, conditions } = words
        return { id, state: 'open' as const, claims, words: { purpose, conditions: conditionsInWords(conditions, deps.agreement.file) } }
      },
    }),
    endpoint({
      method: 'GET',
      path: '/permission-requests',
      who: members,
      summary: 'What authorities ask your organisation to permit, and what it started itself, with the exact words and the claims to sign',
      reply: z.object({ requests: z.array(requestShape) }),
      handle: async ({ ctx }) => ({ requests: await listRequests({ ...deps, agreement: deps.agreement.file }, ctx) }),
    }),
    endpoint({
      method: 'POST',
      path: '/permissions',
      who: members,
      stepUp: true,
      status: 201,
      summary: 'Give a permission that your organisation signed',
      body: z.strictObject({ permission: signedForm, second: signedForm.optional() }),
      reply: permission,
      handle: ({ body, ctx }) => give(deps, { permission: formOf(body.permission), second: body.second && formOf(body.second) }, ctx),
    }),
    endpoint({
      method: 'GET',
      path: '/permissions/:id',
      who: members,
      summary: 'How a permission stands',
      reply: permitted,
      handle: async ({ params, ctx }) => described(deps, await own(deps, params['id']!, ctx), ctx),
    }),
    endpoint({
      method: 'GET',
      path: '/incidents/:id/permissions',
      who: members,
      summary: 'Every permission your organisation gave about an incident, and how it stands',
      reply: z.object({ permissions: z.array(permitted) }),
      handle: async ({ params, ctx }) => {
        const { id } = await incidentForActor(deps.db, params['id']!, ctx)
        const grants = await grantsOf(deps.db, id)
        return { permissions: await Promise.all(grants.map((grant) => described(deps, grant, ctx))) }
      },
    }),
  ]
}

function ending(deps: PortalDeps): Endpoint[] {
  return [
    endpoint({
      method: 'POST',
      path: '/permissions/:id/withdrawal',
      who: members,
      summary: 'Withdraw a permission: by session, or with a signed withdrawal',
      body: z.object({ withdrawal: z.unknown().optional() }),
      reply: z.object({ state: states, acknowledgedAt: z.string().nullable(), receipt: z.string().nullable() }),
      handle: ({ params, body, ctx }) => withdraw(deps, params['id']!, textOf(body.withdrawal), ctx),
    }),
    endpoint({
      method: 'POST',
      path: '/permission-requests/:id/refusal',
      who: members,
      summary: 'Say no to a request; it is closed for good, and the ICO never hears of it',
      body: z.object({ reason: z.string().optional() }),
      reply: z.object({ id: z.string(), state: z.literal('refused') }),
      handle: ({ params, ctx }) => refuse(deps, params['id']!, ctx),
    }),
  ]
}

/** Whoever acts under a mandate acts only where it says so. */
function mustAct({ actor }: Ctx): void {
  if (actor.scope !== undefined && !actor.scope.includes('file')) throw new Refusal('mandate-missing')
}

async function described({ db }: PortalDeps, grant: GrantRow, ctx: Ctx): Promise<z.infer<typeof permitted>> {
  return { ...(await standingOfGrant(db, grant, ctx)), ...permittedBy(grant) }
}

/** What the claims answer: a request, or the organisation's own start. */
type Offered = {
  id: string
  incident: string
  organisation: string
  claims: string
  words: Bytes
  sender: NodeId
  isRequest: boolean
  narrows: string | null
}

async function offeredBy({ db }: PortalDeps, id: string): Promise<Offered | undefined> {
  const asked = await requestById(db, id)
  if (asked?.refused_at) throw new Refusal('already-done')
  if (asked) return { ...asked, sender: asked.sender as NodeId, isRequest: true, narrows: null }
  const started = await startById(db, id)
  return started && started.claims !== null ? { ...started, claims: started.claims, sender: 'ncsc', isRequest: false } : undefined
}

/** Checks exactly as the NCSC and the ICO will, so that a mistake is told now and not by a refusal later. */
async function give(deps: PortalDeps, given: Given, ctx: Ctx): Promise<Reply<z.infer<typeof permission>>> {
  const claims = readClaims(given.permission)
  const asked = await requestById(deps.db, claims.request)
  const offered = asked && asked.organisation !== ctx.actor.organisation ? undefined : await offeredBy(deps, claims.request)
  if (!offered || offered.organisation !== ctx.actor.organisation) throw new Refusal('permission-invalid')
  const signed = await withKeys(deps.db, given, offered.organisation)
  const checked = checkPermission(signed, deps.trust)
  const conditions = deps.agreement.file.conditions.map(({ id }) => id)
  if (!isNarrowed(JSON.parse(offered.claims) as Claims, claims, conditions)) throw new Refusal('permission-invalid')
  if (claims.exp * 1000 <= ctx.now().getTime()) throw new Refusal('permission-expired')
  const { owner } = await incidentForActor(deps.db, offered.incident, ctx)
  // What identifies somebody and was sealed past this portal the NCSC sees, and refuses.
  mustBeSignedByTwo(deps.agreement.file, checked, (await openWords(offered, owner, deps.keys, ctx)).items.filter(isOpen))
  await keepGrant(deps, { signed, claims, offered }, ctx)
  const grant = await own(deps, claims.jti, ctx)
  const answered = await waitFor(async () => {
    const now = await standingOfGrant(deps.db, grant, ctx)
    return now.state === 'delivering' ? undefined : now
  }, deps.waitMilliseconds)
  const now = answered ?? (await standingOfGrant(deps.db, grant, ctx))
  return new Reply(now.state === 'delivering' ? 202 : 201, now)
}

type ToGrant = { signed: SignedPermission; claims: Claims; offered: Offered }

async function keepGrant({ db }: PortalDeps, { signed, claims, offered }: ToGrant, ctx: Ctx): Promise<void> {
  const { id: request, incident, organisation, narrows } = offered
  await transact(db, async (tx) => {
    if (offered.isRequest && (await lockRequest(tx, request))) throw new Refusal('already-done')
    const record = await requestSend(tx, { kind: 'permission', to: offered.sender, body: { permission: claims.jti } }, ctx)
    const signing = { permission: signed.permission, enrolment: signed.enrolment, ends: new Date(claims.exp * 1000) }
    const row = { id: claims.jti, request, incident, organisation, ...signing, record, granted_at: ctx.now(), narrows }
    if (!(await insertGrant(tx, row))) throw new Refusal('already-done')
    if (signed.second) await insertSecond(tx, claims.jti, signed.second)
    if (narrows !== null && !(await markNarrowed(tx, narrows, claims.jti))) throw new Refusal('permission-withdrawn')
  })
}

/** A permission of the caller's own organisation; any other does not exist. */
async function own({ db }: PortalDeps, id: string, ctx: Ctx): Promise<GrantRow> {
  const grant = await grantById(db, id)
  if (!grant || grant.organisation !== ctx.actor.organisation) throw new Refusal('not-found')
  return grant
}

async function withdraw(
  deps: PortalDeps,
  id: string,
  signed: unknown,
  ctx: Ctx,
): Promise<Reply<{ state: z.infer<typeof states>; acknowledgedAt: string | null; receipt: string | null }>> {
  mustAct(ctx)
  const grant = await own(deps, id, ctx)
  if (typeof signed === 'string') await checkSigned(deps, signed, grant, ctx)
  await transact(deps.db, async (tx) => {
    const record = await requestSend(tx, { kind: 'withdrawal', to: 'ncsc', body: { permission: id } }, ctx)
    // A second withdrawal changes nothing: it waits for the first one's receipt (and this request is rolled back).
    if (!(await markWithdrawing(tx, id, record, typeof signed === 'string' ? signed : null))) throw new Refusal('already-done')
  }).catch((error) => {
    if (!(error instanceof Refusal && error.code === 'already-done')) throw error
  })
  const current = await own(deps, id, ctx)
  const ended = await waitFor(async () => {
    const now = await standingOfGrant(deps.db, current, ctx)
    return now.receipt === null ? undefined : now
  }, deps.waitMilliseconds)
  const now = ended ?? (await standingOfGrant(deps.db, current, ctx))
  const acknowledgedAt = now.receipt === null ? null : (JSON.parse(readJws(now.receipt).text).at as string)
  return new Reply(ended ? 200 : 202, { state: now.state, acknowledgedAt, receipt: now.receipt })
}

async function checkSigned({ db, trust }: PortalDeps, signed: string, grant: GrantRow, ctx: Ctx): Promise<void> {
  const enrolled = await enrolmentOf(db, kidOf(signed))
  if (!enrolled) throw new Refusal('permission-invalid')
  const about = { permission: grant.id, organisation: grant.organisation, at: ctx.now(), suspendedSince: enrolled.suspendedSince }
  checkWithdrawal(signed, about, checkEnrolment(enrolled.record, trust))
}

function kidOf(jws: string): string {
  try {
    return readSigned(jws).kid
  } catch {
    throw invalid({ field: 'withdrawal', message: 'This is not a signed withdrawal' })
  }
}

async function refuse({ db }: PortalDeps, id: string, ctx: Ctx): Promise<{ id: string; state: 'refused' }> {
  mustAct(ctx)
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
