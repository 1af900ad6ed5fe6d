import type { Ctx } from '#platform/context'
import { dutiesOf, sightOf, type Duty } from '#duties'
import { allAnswers } from '#reporting'
import type { FrontDeps, Place } from '../context.ts'
import { spanInWords, timeInWords } from '#platform/uk-time'

export type ClockLine = { heading: string; text: string; classes: string }

/** The clocks that may be running, the nearest end first; never more than fit beside a question. */
export async function clockPanel(deps: FrontDeps, place: Place, ctx: Ctx): Promise<ClockLine[]> {
  const duties = await dutiesFor(deps, place, ctx)
  return clockLines(duties, ctx.now()).slice(0, 3)
}

/** From answers that are open already: a folder is not opened twice for one page. */
export async function dutiesFor({ db, folders }: FrontDeps, place: Place, ctx: Ctx): Promise<Duty[]> {
  if (place.incident.kind === 'near-miss') return []
  return dutiesOf(await sightOf(db, place.incident, folders, ctx, allAnswers(place)))
}

export function clockLines(duties: readonly Duty[], now: Date): ClockLine[] {
  const running = duties
    .filter(({ alarmed, received }) => alarmed && received !== 'received')
    .flatMap((duty) => duty.clocks.flatMap(({ dueAt, stage }) => (dueAt ? [{ duty, dueAt, stage }] : [])))
  return running.toSorted((a, b) => a.dueAt.getTime() - b.dueAt.getTime()).map(({ duty, dueAt }) => lineOf(duty, dueAt, now))
}

const HOURS_12 = 12 * 3_600_000

function lineOf({ name, paragraph, received }: Duty, dueAt: Date, now: Date): ClockLine {
  const left = dueAt.getTime() - now.getTime()
  const span = spanInWords(left)
  const when = `${left >= 0 ? `${span} left, until` : `${span} late: it was due`} ${timeInWords(dueAt)}`
  const state = received === 'not-yet-received' ? ' Sent, and not yet received.' : ''
  return {
    heading: received === 'not-through-here' ? name : 'Clock that may be running',
    text: `${when}. This may apply: ${paragraph}.${state}`,
    classes: left < HOURS_12 ? 'concordat-urgent' : '',
  }
}
