import { z } from 'zod'
import { canonical, parseCanonical } from '#platform/canonical'
import { fromInstant, instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { requestSend, type Inbound, type NodeId, type Outbound, type Prepared, type Queue } from '#exchange'
import { enrolmentOf, leaversKeys, suspendEnrolment } from '#identity'
import { haltSignedBy, withdrawalOfGrant, withdrawSignedBy, type Withdrawing } from '#permission'
import type { FolderKeys } from '#reporting'
import { insertSuspension, suspensionById, type SuspensionRow } from './suspension-store.ts'

const CLAUSE = 'consent-before-disclosure'

export type Suspension = { organisation: string; kid: string; since: Date; reason: string; by: SuspensionRow['by'] }

/** Which house this is, and where the reason is sealed. */
export type House = { node: NodeId; folders: FolderKeys }

/** What a desk was told: it counts here in this transaction, and the other house is told. Answers with the record's id. */
export async function suspend(tx: Tx, told: Suspension, house: House, ctx: Ctx): Promise<string> {
  await mustBeOf(tx, told)
  // Log time is whole seconds: what was signed within the very second that was named is stopped with the rest.
  const suspension = { ...told, since: new Date(Math.floor(told.since.getTime() / 1000) * 1000) }
  if (suspension.since > ctx.now()) throw invalid({ field: 'since', message: 'Give a time that has passed' })
  const other = house.node === 'portal' ? 'ncsc' : 'portal'
  const id = await requestSend(tx, { kind: 'suspension', to: other, body: {} }, ctx)
  await remember(tx, id, suspension, house, ctx)
  // At the sending body the gateway, which alone may stop a permission, does the rest when it prepares the record.
  if (house.node === 'portal')
    await apply(tx, suspension, house, (permission) => requestSend(tx, { kind: 'withdrawal', to: 'ncsc', body: { permission } }, ctx), ctx)
  return id
}

async function remember(tx: Tx, id: string, suspension: Suspension, { folders }: House, ctx: Ctx): Promise<void> {
  const { organisation, kid, since, by, reason } = suspension
  const sealed = await folders.seal({ organisation }, id, Buffer.from(reason))
  await insertSuspension(tx, { id, organisation, kid, since, by, reason: sealed, suspended_by: ctx.actor.id, suspended_at: ctx.now() })
}

/** The key itself, every key it let in since, and everything any of them signed since. */
async function apply(tx: Tx, { organisation, kid, since }: Suspension, { node }: House, withdraw: Withdrawing, ctx: Ctx): Promise<void> {
  const kids = await suspendEnrolment(tx, { kid, org: organisation, since }, ctx)
  if (node === 'portal') await withdrawSignedBy(tx, { organisation, kids, since }, withdraw)
  else await haltSignedBy(tx, { organisation, kids, since }, ctx)
}

/** A key that is known here must be this organisation's. One that is not known yet may be on its way. */
async function mustBeOf(tx: Tx, { kid, organisation }: Pick<Suspension, 'kid' | 'organisation'>): Promise<void> {
  const known = await enrolmentOf(tx, kid)
  if (known && known.org !== organisation) throw new Refusal('not-found')
}

export function prepareSuspension(house: House): Outbound {
  return async (tx, request, ctx) => {
    const row = await suspensionById(tx, request.id)
    if (!row) throw new Refusal('not-found')
    const { organisation, kid, since, by } = row
    const reason = Buffer.from(await house.folders.open({ organisation }, row.id, row.reason)).toString('utf8')
    const suspension = { organisation, kid, since, by, reason }
    if (house.node === 'ncsc') await apply(tx, suspension, house, unused, ctx)
    return recordOf(suspension)
  }
}

function recordOf({ organisation, kid, since, by, reason }: Suspension): Prepared {
  const members = { organisation, key: kid, since: instant(since), by }
  return { clause: CLAUSE, members, payload: Buffer.from(canonical({ reason })), chain: organisation }
}

const unused: Withdrawing = () => {
  throw new TypeError('only the portal withdraws')
}

const content = z.strictObject({ reason: z.string() })

/** The other house's word counts here as our own. */
export function keepSuspension(house: House): Inbound {
  return async (tx, { record, payload }, queue, ctx) => {
    const { reason } = content.parse(parseCanonical(Buffer.from(payload).toString('utf8')))
    const [kid, since] = [record['key'] as string, fromInstant(record['since'] as string)]
    const suspension: Suspension = { organisation: record.organisation!, kid, since, by: record['by'] as Suspension['by'], reason }
    await mustBeOf(tx, suspension)
    await remember(tx, record.id, suspension, house, ctx)
    await apply(tx, suspension, house, withdrawingBy(tx, queue, ctx), ctx)
  }
}

function withdrawingBy(tx: Tx, queue: Queue, ctx: Ctx): Withdrawing {
  return async (permission) => queue(tx, 'ncsc', 'withdrawal', await withdrawalOfGrant(tx, permission), ctx)
}

/** At the portal, by the clock: whoever was removed signs no more, from the moment they were. Answers with how many keys. */
export async function suspendLeavers(tx: Tx, house: House, queue: Queue, ctx: Ctx): Promise<number> {
  const keys = await leaversKeys(tx)
  for (const { kid, org, since } of keys) {
    const suspension: Suspension = { organisation: org, kid, since, by: 'departure', reason: 'The person whose key it is was removed.' }
    const id = await queue(tx, 'ncsc', 'suspension', recordOf(suspension), ctx)
    await remember(tx, id, suspension, house, ctx)
    await apply(tx, suspension, house, withdrawingBy(tx, queue, ctx), ctx)
  }
  return keys.length
}
