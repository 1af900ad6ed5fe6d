import { join } from 'node:path'
import { transact } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { answer, redirect, view, type Outcome, type Page, type Visit } from '#platform/pages'
import { saveDraft, type Answer, type Authority, type Question, type Slot } from '#reporting'
import { placeOf, type FrontDeps, type Place } from '../context.ts'
import { askedIn, fieldOf, mistakesTyped, privilegedIn, typed, type Asked, type Field } from '../fields.ts'
import { firstSteps, stepById, type Step } from '../steps.ts'
import { toldInWords } from '../words.ts'
import { clockPanel } from './clock-panel.ts'

const template = join(import.meta.dirname, 'question-page.njk')

/** One question a page, with beside it who will see the answer and why it is asked. Saving goes on to the next that is asked. */
export function questionPage(deps: FrontDeps): Page {
  return {
    path: '/incidents/:id/questions/:question',
    who: 'signed-in',
    show: (visit) => show(deps, visit),
    submit: (visit) => submit(deps, visit),
  }
}

type Asking = { place: Place; step: Step; line: Step[]; asked: Asked[]; apart: boolean; first: boolean }

async function askingOf(deps: FrontDeps, { params, query, form, ctx }: Visit): Promise<Asking> {
  const place = await placeOf(deps, params['id']!, ctx)
  const first = query['in'] === 'first'
  const line = first ? firstSteps(place.steps) : place.steps
  // A question that does not arise (any more) can still be looked at and answered: nobody is shut out of what they typed.
  const step = line.find(({ id }) => id === params['question']) ?? stepById(params['question']!)
  if (!step) throw new Refusal('not-found')
  const apart = place.bodies.length > 1 && (query['apart'] === 'yes' || answer(form, 'apart') === 'yes' || differ(step, place.draft.slots))
  return { place, step, line, asked: askedIn(step.parts, place.bodies, apart), apart, first }
}

/** The bodies were told different words before. */
function differ({ parts }: Step, slots: readonly Slot[]): boolean {
  return parts.some(({ id }) => {
    const values = slots.filter(({ question }) => question === id).map(({ value }) => JSON.stringify(value))
    return new Set(values).size > 1
  })
}

async function show(deps: FrontDeps, visit: Visit): Promise<Outcome> {
  const asking = await askingOf(deps, visit)
  const { place, step, line, asked, apart, first } = asking
  const nth = line.findIndex(({ id }) => id === step.id)
  const here = `/incidents/${place.incident.id}`
  const both = step.parts.some(({ authorities }) => authorities.filter((body) => place.bodies.includes(body)).length > 1)
  return view(template, {
    title: step.title,
    wide: true,
    button: 'Save and continue',
    back: nth > 0 ? `${here}/questions/${line[nth - 1]!.id}${first ? '?in=first' : ''}` : here,
    caption: first && nth >= 0 ? `Question ${nth + 1} of ${line.length}` : place.incident.title,
    fields: fieldsOf(asked, place.draft.slots, visit, step.title),
    apart: apart ? 'yes' : '',
    apartLink: both && !apart ? `${here}/questions/${step.id}?apart=yes${first ? '&in=first' : ''}` : '',
    seen: seenBy(step.parts, place.bodies),
    counsel: step.parts.some(({ sensitivity }) => sensitivity.includes('privilege')),
    list: here,
    reference: place.incident.reference,
    clocks: await clockPanel(deps, place, visit.ctx),
  })
}

function fieldsOf(asked: readonly Asked[], slots: readonly Slot[], { mistakes, form }: Visit, title: string): Field[] {
  return asked.map((one) => {
    const known = slots.find(({ question, body }) => question === one.part.id && one.to.includes(body))
    return fieldOf(one, known && { value: known.value, privileged: known.privileged === true }, mistakes, form, title)
  })
}

/** Who will be told each part of the answer, in a line. */
function seenBy(parts: readonly Question[], bodies: readonly Authority[]): string[] {
  const lines = new Set(parts.map(({ authorities }) => toldInWords(authorities.filter((body) => bodies.includes(body)))))
  return [...lines].filter((line) => line !== '')
}

async function submit(deps: FrontDeps, visit: Visit) {
  const { place, step, asked, first } = await askingOf(deps, visit)
  const { ctx, form } = visit
  const answers = asked.flatMap((one) => answerOf(one, visit))
  const mistakes = mistakesTyped(asked, answers)
  if (mistakes.length > 0) return invalid(...mistakes)
  const emptied = asked.filter((one) => typed(form, one) === undefined).map(({ part, to }) => ({ question: part.id, audience: to }))
  const remove = emptied.filter(({ question, audience }) => isUnsent(place, question, audience))
  if (answers.length + remove.length > 0)
    await transact(deps.db, (tx) => saveDraft(tx, place.incident.id, { answers, remove }, deps.folders, ctx))
  return redirect(await next(deps, visit, step, first))
}

function answerOf(asked: Asked, { form }: Visit): Answer[] {
  const value = typed(form, asked)
  if (value === undefined) return []
  return [{ question: asked.part.id, value, audience: asked.to, ...(privilegedIn(form, asked) && { privileged: true as const }) }]
}

/** Emptied before anybody was told, it is gone; what a body was told is corrected, not taken away. */
function isUnsent({ draft, filed }: Place, question: string, audience: readonly string[]): boolean {
  const mine = ({ question: id, body }: { question: string; body: string }): boolean => id === question && audience.includes(body)
  return draft.slots.some(mine) && !filed.some(mine)
}

/** The next question that is asked now, for an answer may have opened or closed some. */
async function next(deps: FrontDeps, visit: Visit, step: Step, first: boolean): Promise<string> {
  const { incident, steps } = await placeOf(deps, visit.params['id']!, visit.ctx)
  const here = `/incidents/${incident.id}`
  const line = first ? firstSteps(steps) : steps.filter(({ group }) => group === step.group)
  const after = line.find(({ id }) => id > step.id)
  if (after) return `${here}/questions/${after.id}${first ? '?in=first' : ''}`
  return first ? `${here}/check` : here
}
