import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import { transact, type Db, type Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { checkText } from '#casework'
import { lastHeadAt } from '#ledger'
import type { GatewayConfig, RunningGateway } from './config.ts'
import { gapsOf, insertHold, insertRelease, markResumed, openHold, releasesOf, type HoldRow } from './hold-store.ts'
import { passOverUnseen, recover } from './recovery.ts'

/** Each of these roles releases once, by different people: neither who looks after the machines nor who looks after the records does it alone. */
export const releasers = ['records-officer', 'administrator'] as const

/** Twice what two clocks may differ by, before the last that this database is known to have had. */
const MARGIN = 2

/** From now on this house holds, whatever becomes of the process; `note` is what showed that its database is old. */
export async function beginHold(config: GatewayConfig, note: string): Promise<void> {
  const ctx = config.makeCtx()
  await transact(config.db, async (tx) => {
    const last = await lastHeadAt(tx)
    const since = new Date(Math.max(0, last.getTime() - MARGIN * config.times.skewMilliseconds))
    await insertHold(tx, { id: ctx.random.uuid(), found_at: ctx.now(), note, since })
  })
}

export type HoldState = 'open' | 'recovering' | 'recovered'

export async function holdState(db: Db): Promise<HoldState> {
  const hold = await openHold(db)
  if (!hold) return 'open'
  return hold.recovered_at === null ? 'recovering' : 'recovered'
}

/**
 * One round of a house that holds: takes back what is missing or, where that is done and two people have released it, goes on. True once
 * it has. What stops it (a peer away) is tried again at the next round.
 */
export async function holdOn(config: RunningGateway, intervalMilliseconds: number): Promise<boolean> {
  const hold = await openHold(config.db)
  if (!hold) return true
  if (hold.recovered_at === null) {
    await recover(config, hold)
    return false
  }
  if ((await releasesOf(config.db, hold.id)).length < releasers.length) return false
  await passOverUnseen(config, intervalMilliseconds)
  const ctx = config.makeCtx()
  await transact(config.db, (tx) => markResumed(tx, hold.id, ctx.now()))
  ctx.log.warn({ event: 'hold-released' })
  return true
}

/** One person's word that this house may go on, with the reason. The second, in the other role, ends the hold. */
export async function release(tx: Tx, { reason }: { reason: string }, ctx: Ctx): Promise<void> {
  const why = checkText(reason, 'reason')
  const hold = await openHold(tx)
  if (!hold) throw new Refusal('already-done')
  if (hold.recovered_at === null) throw new Refusal('recovery-unfinished')
  const given = (await releasesOf(tx, hold.id)).map(({ role }) => role)
  const own = releasers.filter((role) => ctx.actor.roles.includes(role))
  if (own.length === 0) throw new Refusal('role-missing')
  const role = own.find((one) => !given.includes(one))
  if (!role) throw new Refusal('second-person-missing')
  const row = { person: ctx.actor.id, role, reason: why, released_at: ctx.now() }
  if (!(await insertRelease(tx, hold.id, row))) throw new Refusal('second-person-missing')
}

export async function holdShown(db: Db) {
  const hold = await openHold(db)
  if (!hold) return { state: 'open' as const, gaps: [], releases: [] }
  const [gaps, releases] = await Promise.all([gapsOf(db, hold.id), releasesOf(db, hold.id)])
  return {
    state: hold.recovered_at === null ? ('recovering' as const) : ('recovered' as const),
    ...timesOf(hold),
    gaps,
    releases: releases.map(({ person, role, reason, released_at }) => ({ by: person, role, reason, at: instant(released_at) })),
  }
}

function timesOf({ found_at, since, recovered_at }: HoldRow) {
  return { foundAt: instant(found_at), since: instant(since), ...(recovered_at && { recoveredAt: instant(recovered_at) }) }
}
