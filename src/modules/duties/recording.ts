import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { invalid } from '#platform/errors'
import { incidentForActor, requireRight, saveAnswers, type FolderKeys, type Incident } from '#reporting'
import { keepAlarms } from './alarms.ts'
import { offsetFits } from './clock.ts'
import { currentOf } from './duties.ts'
import { mistakesIn, offsetWarning, warningsOn, type Moment, type MomentInput, type Warning } from './moments.ts'
import { contentOf, momentsOf, sightOf } from './sight.ts'
import { insertMoment, lockWatched } from './store.ts'

/**
 * Records a moment beside those before it. What is said of awareness goes into the draft as well, for the ICO alone, so that nobody is
 * asked twice. All of it commits with the caller's transaction or none.
 */
export async function recordMoment(
  tx: Tx,
  input: MomentInput & { incident: string },
  folders: FolderKeys,
  ctx: Ctx,
): Promise<{ id: string; warnings: Warning[] }> {
  const incident = await incidentForActor(tx, input.incident, ctx)
  requireRight('file', incident.owner, ctx.actor)
  if (incident.kind === 'near-miss') throw invalid({ field: 'event', message: 'A near miss has no duties, so no clock starts' })
  await lockWatched(tx, incident.id)
  const earlier = await momentsOf(tx, incident, folders, ctx)
  const mistakes = mistakesIn(input, earlier, ctx.now())
  if (mistakes.length > 0) throw invalid(...mistakes)
  const id = ctx.random.uuid()
  const moment = momentOf(input, ctx)
  const content = await folders.seal(incident.owner, id, contentOf(moment))
  const row = { id, incident: incident.id, number: earlier.length + 1, content, by: ctx.actor.id, recorded_at: moment.recordedAt }
  await insertMoment(tx, row)
  if (moment.event === 'aware') await saveAnswers(tx, incident.id, answersIn(moment), folders, ctx)
  const warnings = await warningsFor(tx, incident, moment, folders, ctx)
  return { id, warnings }
}

function momentOf({ event, at, zone, decidedBy, why = '', regime }: MomentInput, { actor, now }: Ctx): Moment {
  return { event, at, zone, decidedBy: decidedBy.trim(), why: why.trim(), ...(regime && { regime }), by: actor.name, recordedAt: now() }
}

function answersIn({ at, decidedBy, why }: Moment) {
  const audience = ['ico']
  return [
    { question: 'q16-time', value: at ?? { notYetKnown: true }, audience },
    { question: 'q16-decided-by', value: decidedBy, audience },
    ...(why === '' ? [] : [{ question: 'q16-why', value: why, audience }]),
  ]
}

async function warningsFor(tx: Tx, incident: Incident, moment: Moment, folders: FolderKeys, ctx: Ctx): Promise<Warning[]> {
  const seen = await sightOf(tx, incident, folders, ctx)
  await keepAlarms(tx, incident, seen)
  if (moment.event === 'aware') return warningsOn(moment, timesIn(seen.answers))
  return moment.at !== null && !offsetFits(moment.at, moment.zone) ? [offsetWarning(moment.zone)] : []
}

export function timesIn(answers: Parameters<typeof currentOf>[0]): { discovered: unknown; happened: unknown } {
  const current = currentOf(answers)
  return { discovered: current.get('q15'), happened: current.get('q14-from') }
}
