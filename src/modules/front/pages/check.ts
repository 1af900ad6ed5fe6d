import { join } from 'node:path'
import { transact } from '#platform/db'
import { invalid, Refusal, type Mistake } from '#platform/errors'
import { answer, redirect, view, type Outcome, type Page, type Visit } from '#platform/pages'
import {
  adviseOn,
  answersIn,
  awaitingCounsel,
  fileDraft,
  mistakesIn,
  outstanding,
  questionById,
  questions,
  stateOf,
  toFile,
  type Authority,
  type Slot,
  valueInWords,
} from '#reporting'
import { placeOf, type FrontDeps, type Place } from '../context.ts'
import { labelOf } from '../words.ts'
import { sentIn } from './list.ts'

const template = (name: string): string => join(import.meta.dirname, name)

/** Who would see what, side by side; what is wrong, what to think over; and the one press that sends. */
export function checkPage(deps: FrontDeps): Page {
  return { path: '/incidents/:id/check', who: 'signed-in', show: (visit) => show(deps, visit), submit: (visit) => send(deps, visit) }
}

const columns: Record<Authority, string> = { ico: 'The ICO will see', ncsc: 'The NCSC will see, in confidence' }

async function show(deps: FrontDeps, visit: Visit): Promise<Outcome> {
  const place = await placeOf(deps, visit.params['id']!, visit.ctx)
  const { incident, bodies, draft, filed } = place
  const fresh = toFile(draft, filed, bodies)
  const here = `/incidents/${incident.id}`
  return view(template('check.njk'), {
    title: 'Check your answers, then send them',
    wide: true,
    back: here,
    button: 'Send',
    columns: bodies.map((body) => columnOf(body, place, fresh)),
    narrow: bodies.length > 1 ? 'govuk-grid-column-one-half' : 'govuk-grid-column-two-thirds',
    nothing: fresh.length === 0,
    advice: adviceOn(place, visit.ctx.now()),
    waits: awaitingCounsel(fresh).map(({ question }) => ({ href: `${here}/questions/${question.slice(0, 3)}`, text: labelOf(question) })),
    stage: filed.length > 0 ? stageRadios(visit) : '',
    corrections: correctionsOf(fresh, place, visit),
    base: draft.version,
  })
}

/** Whatever is new to a body, in the order of the form; what it was told before is not sent again. */
function columnOf(body: Authority, { incident, filed }: Place, fresh: readonly Slot[]) {
  const own = fresh.filter((slot) => slot.body === body).toSorted((a, b) => (a.question < b.question ? -1 : 1))
  return {
    title: columns[body],
    empty: own.length === 0 ? (filed.some((one) => one.body === body) ? 'Nothing new.' : 'Nothing.') : '',
    rows: own.map(({ question, value }) => ({
      label: labelOf(question),
      lines: valueInWords(value, questionById.get(question)),
      change: `/incidents/${incident.id}/questions/${question.slice(0, 3)}`,
    })),
  }
}

function adviceOn({ incident, draft, filed }: Place, now: Date) {
  const earlier = filed.map(({ question, value, body }) => ({ question, value, audience: [body] }))
  return adviseOn(answersIn(draft.slots), now, earlier).map(({ question, message }) => ({
    href: `/incidents/${incident.id}/questions/${question.slice(0, 3)}`,
    label: labelOf(question),
    message,
  }))
}

function stageRadios({ form }: Visit) {
  const chosen = answer(form, 'stage') || 'update'
  const items = [
    { value: 'update', text: 'An update: more will follow' },
    { value: 'final', text: 'The final report' },
  ].map((item) => ({ ...item, checked: item.value === chosen }))
  return { name: 'stage', idPrefix: 'stage', fieldset: { legend: { text: 'What is this?', classes: 'govuk-fieldset__legend--s' } }, items }
}

/** What a body was told otherwise before: it may have changed, or it may have been wrong, which is then said with the reason. */
function correctionsOf(fresh: readonly Slot[], { filed }: Place, { form }: Visit) {
  return fresh
    .filter((slot) => stateOf(slot, filed) === 'changed')
    .map((slot) => ({
      id: whyField(slot),
      name: whyField(slot),
      label: { text: `${labelOf(slot.question)} (to the ${slot.body === 'ico' ? 'ICO' : 'NCSC'})`, classes: 'govuk-label--s' },
      hint: { text: 'You told them otherwise before. If that was wrong, say why. If it has only changed since, leave this empty.' },
      rows: 2,
      value: answer(form, whyField(slot)),
    }))
}

const whyField = ({ question, body }: Slot): string => `why-${question}-${body}`

async function send(deps: FrontDeps, visit: Visit) {
  const { form, ctx } = visit
  const place = await placeOf(deps, visit.params['id']!, ctx)
  const { incident, bodies, draft, filed } = place
  const here = `/incidents/${incident.id}`
  if (answer(form, 'base') !== `${draft.version}`) return invalid({ field: '', message: CHANGED })
  const fresh = toFile(draft, filed, bodies)
  const wrong = mistakesOf(fresh, place)
  if (wrong.length > 0) return invalid(...wrong)
  const corrections = fresh.flatMap((slot) => {
    const why = answer(form, whyField(slot)).trim()
    return why === '' ? [] : [{ question: slot.question, audience: [slot.body], why }]
  })
  const stage = answer(form, 'stage') === 'final' ? 'final' : 'update'
  const idempotencyKey = `check ${incident.id} ${draft.version}`
  try {
    await transact(deps.db, (tx) =>
      fileDraft(tx, { incident: incident.id, stage, to: bodies, corrections, idempotencyKey }, deps.folders, ctx),
    )
  } catch (error) {
    const message = error instanceof Refusal ? said[error.code] : undefined
    if (message === undefined) throw error
    return invalid({ field: '', message }, ...((error as Refusal).detail.mistakes ?? []).map(unpointed))
  }
  return redirect(`${here}/sent`)
}

const CHANGED = 'The answers have changed since this page was opened. Check them again, then send them'
const said: Partial<Record<string, string>> = {
  'counsel-needed': 'Counsel has not yet agreed to some answers. Ask counsel, or take the claim of privilege away',
  'nothing-to-file': 'There is nothing new to send',
  'invalid': 'Something is missing or wrong',
}
const unpointed = ({ message }: Mistake): Mistake => ({ field: '', message })

function mistakesOf(fresh: readonly Slot[], { incident }: Place): Mistake[] {
  const answers = answersIn(fresh)
  return mistakesIn(answers, questions, incident.kind).map(({ field, message }) => {
    const question = answers[Number(field.split('.')[1])]?.question
    return { field: '', message: question === undefined ? message : `${labelOf(question)} ${message}` }
  })
}

/** After sending: what went to whom, under which reference, whether it has arrived, and what a whole report would still lack. */
export function sentPage(deps: FrontDeps): Page {
  return {
    path: '/incidents/:id/sent',
    who: 'signed-in',
    show: async ({ params, ctx }) => {
      const place = await placeOf(deps, params['id']!, ctx)
      const { incident, filed, bodies } = place
      const sent = await sentIn(deps, place)
      const waiting = sent.some(({ state }) => state === 'not-yet-received')
      const told = filed.map(({ question, value, body }) => ({ question, value, audience: [body] }))
      const here = `/incidents/${incident.id}`
      return view(template('sent.njk'), {
        title: waiting ? 'Sent, not yet received' : 'Report received',
        panel: waiting ? 'This counts as a report to the ICO only once its receipt is here.' : `Your reference: ${incident.reference}`,
        sent,
        left: bodies.flatMap((body) => {
          const open = outstanding(told, body, ctx.now()).complete
          return open.length > 0 && filed.some((one) => one.body === body)
            ? [{ title: body === 'ico' ? 'Still to tell the ICO' : 'Still to tell the NCSC', labels: open.map(({ label }) => label) }]
            : []
        }),
        waiting,
        again: `${here}/sent`,
        list: here,
        copy: `${here}/copy`,
        keep: ctx.actor.folder === undefined ? '' : `${here}/keep`,
      })
    },
  }
}

/** Everything that was sent, in the words used, for paper or a file. */
export function copyPage(deps: FrontDeps): Page {
  return {
    path: '/incidents/:id/copy',
    who: 'signed-in',
    show: async ({ params, ctx }) => {
      const place = await placeOf(deps, params['id']!, ctx)
      const { incident, filed, bodies } = place
      return view(template('copy.njk'), {
        title: `Copy of your report ${incident.reference}`,
        wide: true,
        back: `/incidents/${incident.id}`,
        sent: await sentIn(deps, place),
        columns: bodies.map((body) => ({
          title: body === 'ico' ? 'What the ICO was told' : 'What the NCSC was told, in confidence',
          rows: filed
            .filter((one) => one.body === body)
            .map(({ question, value, why }) => ({
              label: labelOf(question),
              lines: [...valueInWords(value, questionById.get(question)), ...(why === undefined ? [] : [`Correction: ${why}`])],
              change: '',
            })),
        })),
      })
    },
  }
}
