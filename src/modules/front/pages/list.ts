import { join } from 'node:path'
import { redirect, view, type Outcome, type Page, type Visit } from '#platform/pages'
import { enquiriesIn } from '#enquiries'
import { awaitingCounsel, ownIncidents, progressOf, submissionsOf, toFile } from '#reporting'
import { placeOf, type FrontDeps, type Place } from '../context.ts'
import { firstSteps, progressOf as progressOfStep, sectionsOf, type Progress, type Step } from '../steps.ts'
import { bodyTitles } from '../words.ts'
import { dayInWords, timeInWords } from '#platform/uk-time'
import { clockLines, dutiesFor } from './clock-panel.ts'

const template = (name: string): string => join(import.meta.dirname, name)

/** The reports of one's own organisation; the holder of a code has one. */
export function incidentsPage({ db, folders }: FrontDeps): Page {
  return {
    path: '/incidents',
    who: ['reporter', 'signatory', 'dpo', 'counsel', 'agent', 'client-contact'],
    show: async ({ ctx }) => {
      if (ctx.actor.folder !== undefined) return redirect(`/incidents/${ctx.actor.folder}`)
      const incidents = (await ownIncidents(db, folders, ctx)).toReversed()
      const rows = incidents.map(({ id, title, reference, createdAt, kind }) => ({
        href: `/incidents/${id}`,
        title,
        reference,
        kind: kind === 'near-miss' ? 'Near miss' : 'Incident',
        opened: dayInWords(createdAt),
      }))
      return view(template('incidents.njk'), { title: 'Your reports', wide: true, rows })
    },
  }
}

/** Everything about one report on one page: clocks, what is left to say, what was sent and how far it came. */
export function incidentPage(deps: FrontDeps): Page {
  return { path: '/incidents/:id', who: 'signed-in', show: (visit) => show(deps, visit) }
}

async function show(deps: FrontDeps, { params, ctx }: Visit): Promise<Outcome> {
  const place = await placeOf(deps, params['id']!, ctx)
  const { incident, bodies, draft, filed, steps } = place
  const duties = await dutiesFor(deps, place, ctx)
  const fresh = toFile(draft, filed, bodies)
  const here = `/incidents/${incident.id}`
  const first = firstSteps(steps).map(({ id }) => id)
  const asked = await enquiriesIn(deps.db, incident.id, deps.folders, ctx)
  return view(template('incident.njk'), {
    title: incident.title,
    wide: true,
    back: ctx.actor.folder === undefined ? '/incidents' : '',
    reference: incident.reference,
    nearMiss: incident.kind === 'near-miss',
    clocks: clockLines(duties, ctx.now()),
    fallback: notYetReceived(duties),
    dutiesLink: incident.kind === 'near-miss' ? '' : `${here}/duties`,
    sections: sectionsOf(steps).map(({ title, steps: own }) => ({ title, items: own.map((step) => taskOf(step, place, first)) })),
    sent: await sentIn(deps, place),
    questions: asked
      .filter(({ state }) => state === 'open')
      .map(({ id, from, words }) => ({ href: `${here}/asked/${id}`, from: bodyTitles[from], text: words.text })),
    unsent: fresh.length,
    waits: awaitingCounsel(fresh).length,
    checkLink: `${here}/check`,
    copyLink: filed.length > 0 ? `${here}/copy` : '',
    heldLink: filed.length > 0 ? `${here}/held` : '',
    keepLink: ctx.actor.folder === undefined ? '' : `${here}/keep`,
  })
}

const tags: Record<Progress, object> = {
  done: { text: 'Answered' },
  begun: { tag: { text: 'Begun', classes: 'govuk-tag--light-blue' } },
  empty: { tag: { text: 'Not yet answered', classes: 'govuk-tag--grey' } },
}

function taskOf(step: Step, { incident, draft, bodies }: Place, first: readonly string[]) {
  return {
    title: { text: step.title },
    href: `/incidents/${incident.id}/questions/${step.id}`,
    ...(first.includes(step.id) && { hint: { text: 'In the first report' } }),
    status: tags[progressOfStep(step, draft.slots, bodies)],
  }
}

const states = {
  'not-yet-received': { text: 'Sent, not yet received', classes: 'govuk-tag--yellow' },
  'received': { text: 'Received', classes: 'govuk-tag--green' },
  'refused': { text: 'Refused', classes: 'govuk-tag--red' },
} as const
const stages = { initial: 'First report', update: 'Update', final: 'Final report' } as const

export async function sentIn({ db }: FrontDeps, { incident }: Pick<Place, 'incident'>) {
  const submissions = await submissionsOf(db, incident)
  const progress = await progressOf(db, submissions)
  return submissions.map(({ to, reference, stage, submittedAt, envelope }) => {
    const { state } = progress.get(envelope)!
    return { to: bodyTitles[to], reference, stage: stages[stage], at: timeInWords(submittedAt), state, tag: states[state] }
  })
}

/** Until the ICO's own signed receipt is back, its own form and number stand here. */
function notYetReceived(duties: Awaited<ReturnType<typeof dutiesFor>>) {
  const waiting = duties.filter(({ received, alarmed, fallback }) => received === 'not-yet-received' && alarmed && fallback)
  return waiting.slice(0, 1).map(({ fallback }) => ({
    form: fallback!.form ?? '',
    note: fallback!.note,
    number: fallback!.helpline.number,
    hours: fallback!.helpline.hours,
  }))
}
