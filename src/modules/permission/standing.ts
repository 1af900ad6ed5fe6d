import { z } from 'zod'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Db } from '#platform/db'
import { readJws } from '#platform/jws'
import { outcomesOf, receivedAbout } from '#exchange'
import { readClaims } from './permission.ts'
import { callsAbout } from './start-store.ts'
import { grantById, type GrantRow } from './store.ts'

/** How a permission stands, by the sender's signed words. */
export const states = z.enum(['delivering', 'in-force', 'withdrawing', 'withdrawn', 'expired', 'refused'])
export type State = z.infer<typeof states>
export type Standing = { id: string; state: State; acknowledgement: string | null; receipt: string | null }

type Told = { statement: string; permission?: string; state: 'accepted' | 'refused' }

export async function standingOfGrant(db: Db, grant: GrantRow, ctx: Ctx): Promise<Standing> {
  const given = (await toldAbout(db, grant.record)).find((one) => one.permission === grant.id)
  // What is refused gets no receipt: the signed answer to its delivery says so.
  const refused = !given && (await isRefused(db, grant.record))
  const ended = await endingOf(db, grant)
  return {
    id: grant.id,
    state: stateOf(grant, refused ? 'refused' : given?.state, ended, ctx.now()),
    acknowledgement: given?.statement ?? null,
    receipt: ended && ended !== 'begun' ? ended.statement : null,
  }
}

async function toldAbout(db: Db, record: string): Promise<Told[]> {
  const rows = (await receivedAbout(db, [record])).filter((row) => row.kind === 'receipt')
  return rows.map(({ statement }) => ({ ...(JSON.parse(readJws(statement).text) as Told), statement }))
}

async function isRefused(db: Db, record: string): Promise<boolean> {
  return (await outcomesOf(db, [record])).get(record)?.state === 'refused'
}

/** What ended it, or that something is about to: a withdrawal, one told by telephone, or another permission in its place. */
async function endingOf(db: Db, grant: GrantRow): Promise<Told | 'begun' | undefined> {
  const calls = await callsAbout(db, grant.id)
  const narrower = grant.narrowed_by === null ? undefined : await grantById(db, grant.narrowed_by)
  const refused = narrower !== undefined && (await isRefused(db, narrower.record))
  const records = [grant.withdrawal ?? [], calls.map(({ id }) => id), narrower && !refused ? narrower.record : []].flat()
  for (const record of records) {
    const told = (await toldAbout(db, record)).find((one) => one.permission === grant.id)
    if (told) return told
  }
  return records.length > 0 ? 'begun' : undefined
}

function stateOf(grant: GrantRow, given: 'accepted' | 'refused' | undefined, ended: Told | 'begun' | undefined, now: Date): State {
  if (ended) return ended === 'begun' ? 'withdrawing' : 'withdrawn'
  if (given === 'refused') return 'refused'
  if (grant.ends <= now) return 'expired'
  return given === 'accepted' ? 'in-force' : 'delivering'
}

/** What was permitted, in the words of the claims. */
export function permittedBy({ permission, request, narrows, narrowed_by }: GrantRow) {
  const { nbf, exp, authorization_details } = readClaims(permission)
  const [{ to, purpose, items, conditions }] = authorization_details
  return {
    ...{ request, to, purpose, items: items.map(({ id }) => id), conditions, signed: permission },
    ...{ from: instant(new Date(nbf * 1000)), until: instant(new Date(exp * 1000)) },
    ...(narrows !== null && { narrows }),
    ...(narrowed_by !== null && { narrowedBy: narrowed_by }),
  }
}
