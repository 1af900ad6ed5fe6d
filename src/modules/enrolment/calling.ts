import { z } from 'zod'
import { canonical } from '#platform/canonical'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { hasWorkedOn } from '#casework'
import type { FolderKeys } from '#reporting'
import { fingerprintWords } from './fingerprint.ts'
import { isCalled, readAsked, waits } from './request.ts'
import { insertCall, requestById, requestStates, type CallRow, type RequestRow, type RequestState } from './sender-store.ts'

/** A call to a number that stands in a public register, and not in what the organisation or its portal gave. */
export const call = z.strictObject({
  register: z.string().trim().min(1).max(200).meta({ description: 'Which public register the number is from.' }),
  number: z.string().regex(/^\+?[0-9 ()-]{6,30}$/),
  spokenTo: z.string().trim().min(1).max(200),
  at: z.iso.datetime({ offset: true }),
  readBack: z.boolean().meta({ description: 'Whether they read the words of the fingerprint out, and they were these.' }),
})
export type Call = z.infer<typeof call>

/**
 * The officer telephoned, and whoever answered for the organisation read the key's words out, or, where time must pass anyway, was told of
 * it. The gateway signs when it is due.
 */
export async function confirm(tx: Tx, id: string, told: Call, folders: FolderKeys, ctx: Ctx): Promise<void> {
  const request = await openTo(tx, id, ctx)
  if (!isCalled(request.ceremony)) throw new Refusal('already-done')
  if (request.ceremony !== 'notice' && !told.readBack)
    throw invalid({ field: 'readBack', message: 'Confirm only what was read back to you, word for word; else refuse it' })
  const at = new Date(told.at)
  if (at < request.logged_at || at > ctx.now())
    throw invalid({ field: 'at', message: 'Give the time of the call, after the key was asked for' })
  await record(tx, request, { decision: 'confirmed', detail: { ...told, at: instant(at) }, at }, folders, ctx)
}

/** The officer's no, with the reason the organisation will read. */
export async function refuse(tx: Tx, id: string, reason: string, folders: FolderKeys, ctx: Ctx): Promise<void> {
  const request = await openTo(tx, id, ctx)
  await record(tx, request, { decision: 'refused', detail: { reason }, at: ctx.now() }, folders, ctx)
}

/** Whoever worked on the organisation's case knows it, and may want something of it: somebody else vouches for its key. */
async function openTo(tx: Tx, id: string, ctx: Ctx): Promise<RequestRow> {
  const request = await requestById(tx, id)
  if (!request) throw new Refusal('not-found')
  await mustBeApart(tx, request.organisation, ctx)
  return request
}

export async function mustBeApart(tx: Tx, organisation: string, { actor }: Ctx): Promise<void> {
  if (await hasWorkedOn(tx, actor.id, organisation)) throw new Refusal('role-conflict')
}

type Decision = { decision: CallRow['decision']; detail: object; at: Date }

async function record(tx: Tx, request: RequestRow, { decision, detail, at }: Decision, folders: FolderKeys, ctx: Ctx): Promise<void> {
  const id = ctx.random.uuid()
  const sealed = await folders.seal({ organisation: request.organisation }, id, Buffer.from(canonical(detail)))
  const row = { id, request: request.id, decision, detail: sealed, officer: ctx.actor.id, called_at: at, recorded_at: ctx.now() }
  if (!(await insertCall(tx, row))) throw new Refusal('already-done')
}

export const requestStateNames = ['to-call', 'to-tell', 'waiting', 'signed', 'refused'] as const

export type ToCall = {
  id: string
  state: (typeof requestStateNames)[number]
  organisation: { id: string; name: string; identifiers: { scheme: string; id: string }[] }
  kid: string
  ceremony: RequestRow['ceremony']
  fingerprintWords: string[]
  askedAt: string
  dueAt: string
}

/** Every request, newest first. The number to call is not among what the portal sent: it comes from a public register. */
export async function listRequests(db: Db): Promise<ToCall[]> {
  return (await requestStates(db)).map((row) => ({
    id: row.id,
    state: stateOf(row),
    organisation: readAsked(row.payload).organisation,
    kid: row.kid,
    ceremony: row.ceremony,
    fingerprintWords: fingerprintWords(row.kid),
    askedAt: instant(row.logged_at),
    dueAt: instant(row.due_at),
  }))
}

function stateOf({ answer, decision, ceremony }: RequestState): ToCall['state'] {
  if (answer !== null) return answer
  if (decision !== null || !isCalled(ceremony)) return 'waiting'
  return waits(ceremony) && ceremony === 'notice' ? 'to-tell' : 'to-call'
}
