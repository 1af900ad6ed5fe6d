import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import type { AuthorityId } from '#exchange'
import { checkText } from './case.ts'
import { caseFor } from './desk.ts'
import { rights } from './rights.ts'
import { insertAcute, latestAcute, type AcuteRow } from './restriction-store.ts'

export type AcuteMark = { case: string; until: string; why: string; node: AuthorityId }
export type Acute = { until: string; why: string; by: string; role: string; at: string }

/**
 * Says that the case is in its acute phase until then: nobody here asks the organisation for a permission meanwhile. How long that is, is
 * a person's judgement; no clock stops for it. The newest mark counts.
 */
export async function markAcute(tx: Tx, { case: id, until, why, node }: AcuteMark, ctx: Ctx): Promise<Acute> {
  const found = await caseFor(tx, { id, right: 'acute', node }, ctx)
  const end = new Date(until)
  if (Number.isNaN(end.getTime()) || end <= ctx.now())
    throw invalid({ field: 'until', message: 'Give a time in the future, such as 2027-03-31T17:00:00Z' })
  return keep(tx, { case: found.id, until: end, why: checkText(why, 'why'), node }, ctx)
}

/** Says that it is over before its time. */
export async function endAcute(tx: Tx, { case: id, why, node }: Omit<AcuteMark, 'until'>, ctx: Ctx): Promise<void> {
  const found = await caseFor(tx, { id, right: 'acute', node }, ctx)
  if (!(await acuteUntil(tx, found.id, ctx))) throw new Refusal('already-done')
  await keep(tx, { case: found.id, until: ctx.now(), why: checkText(why, 'why'), node }, ctx)
}

async function keep(tx: Tx, mark: { case: string; until: Date; why: string; node: AuthorityId }, ctx: Ctx): Promise<Acute> {
  const role = ctx.actor.roles.find((one) => (rights[mark.node].acute as readonly string[]).includes(one))!
  const row = { id: ctx.random.uuid(), case_id: mark.case, until: mark.until, why: mark.why }
  const kept = { ...row, marked_by: ctx.actor.id, marked_role: role, marked_at: ctx.now() }
  await insertAcute(tx, kept)
  return acuteShown(kept)
}

/** Until when the case is in its acute phase; undefined where it is not. */
export async function acuteUntil(db: Db | Tx, caseId: string, ctx: Ctx): Promise<Date | undefined> {
  const mark = await latestAcute(db, caseId)
  return mark && mark.until > ctx.now() ? mark.until : undefined
}

export async function acuteOf(db: Db, input: { case: string; node: AuthorityId }, ctx: Ctx): Promise<Acute | undefined> {
  const found = await caseFor(db, { id: input.case, right: 'read', node: input.node }, ctx)
  const mark = await latestAcute(db, found.id)
  return mark && mark.until > ctx.now() ? acuteShown(mark) : undefined
}

function acuteShown({ until, why, marked_by, marked_role, marked_at }: AcuteRow): Acute {
  return { until: instant(until), why, by: marked_by, role: marked_role, at: instant(marked_at) }
}
