import { setTimeout as pause } from 'node:timers/promises'
import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import type { NodeId, SendRequest } from './message.ts'
import { receivedAbout } from './inbox-store.ts'
import { insertRequest, progressRows, requestRows, type ProgressRow, type RequestRow } from './store.ts'

/**
 * Asks this node's gateway to send. Commits with the caller's own change; a crash before commit leaves neither, after it both.
 * Returns the id that the record and the envelope will bear.
 */
export async function requestSend(tx: Tx, request: SendRequest, ctx: Ctx): Promise<string> {
  const id = ctx.random.uuid()
  const { name: _, folder: __, ...actor } = ctx.actor
  await insertRequest(tx, { ...request, id, actor: { ...actor, roles: [...actor.roles] } }, ctx.now())
  return id
}

export type Outcome = {
  state: 'pending' | 'refused' | 'queued' | 'sent' | 'accepted' | 'withdrawn'
  code?: RefusalCode
  clause?: string
  items?: string[]
  acknowledgement?: string
  record?: string
  result?: string
}

export async function outcomesOf(db: Db | Tx, ids: string[]): Promise<Map<string, Outcome>> {
  const requests = await requestRows(db, ids)
  const progress = new Map((await progressRows(db, ids)).map((row) => [row.id, row]))
  return new Map(requests.map((request) => [request.id, outcomeOf(request, progress.get(request.id))]))
}

function outcomeOf(request: RequestRow, progress: ProgressRow | undefined): Outcome {
  if (request.state === 'refused')
    return { state: 'refused', code: request.code!, ...(request.clause && { clause: request.clause }), items: request.items }
  if (request.state === 'pending') return { state: 'pending' }
  if (!progress) return { state: 'queued', ...(request.result !== null && { result: request.result }) }
  const known = {
    record: progress.record,
    ...(progress.acknowledgement && { acknowledgement: progress.acknowledgement }),
    ...(progress.code && { code: progress.code }),
  }
  const states = {
    'waiting': 'queued',
    'claimed': 'queued',
    'accepted': 'accepted',
    'refused': 'refused',
    'cancelled': 'withdrawn',
    'may-have-left': 'sent',
  } as const
  return { state: states[progress.state], ...known }
}

/** Waits for the gateway's decision, throwing its refusal; undefined where it has not decided in time (it is then still pending). */
export async function decisionOn(db: Db, id: string, milliseconds: number): Promise<Outcome | undefined> {
  const outcome = await waitFor(async () => {
    const found = (await outcomesOf(db, [id])).get(id)
    return found && found.state !== 'pending' ? found : undefined
  }, milliseconds)
  if (outcome?.state === 'refused' && outcome.code)
    throw new Refusal(outcome.code, { ...(outcome.clause && { clause: outcome.clause }), ...(outcome.items && { items: outcome.items }) })
  return outcome
}

export type Receipt = { from: NodeId; id: string; statement: string; state: 'accepted' | 'refused' }

/** Receipts that came back about records of ours. */
export async function receiptsFor(db: Db | Tx, records: string[]): Promise<Map<string, Receipt>> {
  const rows = (await receivedAbout(db, records)).filter((row) => row.kind === 'receipt')
  return new Map(
    rows.map((row) => [row.answers!, { from: row.sender, id: row.id, statement: row.statement, state: stateIn(row.statement) }]),
  )
}

function stateIn(statement: string): 'accepted' | 'refused' {
  return JSON.parse(Buffer.from(statement.split('.')[1]!, 'base64url').toString('utf8')).state
}

/** Asks again, gently, until there is an answer or the time is up. */
export async function waitFor<T>(check: () => Promise<T | undefined>, milliseconds: number): Promise<T | undefined> {
  const end = performance.now() + milliseconds
  for (let wait = 5; ; wait = Math.min(wait * 1.5, 100)) {
    const found = await check()
    if (found !== undefined || performance.now() >= end) return found
    await pause(wait)
  }
}
