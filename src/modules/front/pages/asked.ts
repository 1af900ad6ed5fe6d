import { join } from 'node:path'
import { transact } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { answer, redirect, view, type Outcome, type Page, type Visit } from '#platform/pages'
import { checkAnswer, declineOf, enquiriesIn, means, reply, type Received } from '#enquiries'
import { ownIncident, valueInWords } from '#reporting'
import type { FrontDeps } from '../context.ts'
import { bodyTitles, labelOf } from '../words.ts'
import { timeInWords } from '#platform/uk-time'

const template = join(import.meta.dirname, 'asked.njk')

/** What a body asked, and the answer, which goes to that body alone by its own door. Refusing is said in the same place. */
export function askedPage(deps: FrontDeps): Page {
  return {
    path: '/incidents/:id/asked/:enquiryId',
    who: 'signed-in',
    show: (visit) => show(deps, visit),
    submit: (visit) => submit(deps, visit),
  }
}

async function find({ db, folders }: FrontDeps, { params, ctx }: Visit): Promise<Received> {
  const found = (await enquiriesIn(db, params['id']!, folders, ctx)).find(({ id }) => id === params['enquiryId'])
  if (!found) throw new Refusal('not-found')
  return found
}

async function show(deps: FrontDeps, visit: Visit): Promise<Outcome> {
  const { from, words, askedAt, state, answers } = await find(deps, visit)
  const incident = await ownIncident(deps.db, visit.params['id']!, deps.folders, visit.ctx)
  const message = (field: string) => visit.mistakes.find((one) => one.field === field)
  const wrong = message('text')
  return view(template, {
    title: `The ${bodyTitles[from]} asks`,
    back: `/incidents/${incident.id}`,
    button: 'Send this answer',
    words: words.text.split('\n'),
    about: words.about === undefined ? '' : labelOf(words.about),
    neededBy: words.neededBy ?? '',
    urgent: words.urgent === true,
    askedAt: timeInWords(askedAt),
    means: means[from],
    goes:
      from === 'ico' ? 'Your answer goes to the ICO alone, as part of your report.' : 'Your answer goes to the NCSC alone, in confidence.',
    open: state !== 'withdrawn',
    withdrawn: state === 'withdrawn',
    answers: answers.map(({ value, at }) => ({ at: timeInWords(at), lines: valueInWords(value) })),
    text: {
      id: 'text',
      name: 'text',
      label: { text: answers.length > 0 ? 'Another answer, in place of the one before' : 'Your answer', classes: 'govuk-label--s' },
      hint: { text: 'If you do not know yet, say so, and say when you expect to.' },
      value: answer(visit.form, 'text'),
      ...(wrong && { errorMessage: { text: wrong.message } }),
    },
    decline: {
      name: 'decline',
      idPrefix: 'decline',
      classes: 'govuk-checkboxes--small',
      items: [{ value: 'yes', text: 'We will not answer this here', checked: answer(visit.form, 'decline') !== '' }],
    },
  })
}

async function submit(deps: FrontDeps, visit: Visit) {
  const { id: enquiry } = await find(deps, visit)
  const text = answer(visit.form, 'text').replaceAll('\r\n', '\n').trim()
  const declines = answer(visit.form, 'decline') !== ''
  if (text === '' && !declines) return invalid({ field: 'text', message: 'Write an answer, or say that you will not answer here' })
  const incident = visit.params['id']!
  const value = declines ? declineOf(text === '' ? undefined : text) : checkAnswer(text)
  await transact(deps.db, (tx) => reply(tx, { incident, enquiry, value, declines }, deps.folders, visit.ctx))
  return redirect(`/incidents/${incident}/sent`)
}
