import { join } from 'node:path'
import { transact } from '#platform/db'
import { invalid } from '#platform/errors'
import { answer, redirect, view, type Outcome, type Page, type Visit } from '#platform/pages'
import { openSession } from '#identity'
import { openIncident } from '#reporting'
import type { FrontDeps } from '../context.ts'
import { setAim, type Aim } from '../store.ts'
import { dayInWords } from '#platform/uk-time'

const template = (name: string): string => join(import.meta.dirname, name)

export const startPage: Page = {
  path: '/start',
  who: 'anyone',
  show: async () => view(template('start.njk'), { title: 'Report a cyber incident once' }),
}

export const beforePage: Page = {
  path: '/report/before',
  who: 'anyone',
  show: async () => view(template('before.njk'), { title: 'What this does not protect you from', back: '/start' }),
}

const whom: Record<string, { text: string; hint: string; aim: Aim; kind: 'incident' | 'near-miss' }> = {
  'both': {
    text: 'The ICO and the NCSC',
    hint: 'One report. Each body sees its own part. What you tell the NCSC in confidence reaches the ICO only if you sign for it.',
    aim: { ico: true, ncsc: true },
    kind: 'incident',
  },
  'ico': {
    text: 'The ICO only',
    hint: 'Personal data is, or may be, affected. Nothing goes to the NCSC from here.',
    aim: { ico: true, ncsc: false },
    kind: 'incident',
  },
  'ncsc': {
    text: 'The NCSC only, in confidence',
    hint: 'To ask for help. This does not count as a report to the ICO: a clock may still be running.',
    aim: { ico: false, ncsc: true },
    kind: 'incident',
  },
  'near-miss': {
    text: 'A near miss, to the NCSC',
    hint: 'Something nearly happened. No clock runs, and nothing of it goes to the ICO.',
    aim: { ico: false, ncsc: true },
    kind: 'near-miss',
  },
}

/** The first thing asked. Nobody need sign in: the folder is the visitor's own, by a session, and by a code they can keep. */
export function whomPage(deps: FrontDeps): Page {
  return { path: '/report/whom', who: 'anyone', show: showWhom, submit: (visit) => begin(deps, visit) }
}

async function showWhom({ form, ctx, mistakes }: Visit): Promise<Outcome> {
  const chosen = answer(form, 'whom')
  const items = Object.entries(whom).map(([value, { text, hint }]) => ({ value, text, hint: { text: hint }, checked: value === chosen }))
  const message = mistakes.find(({ field }) => field === 'whom')
  return view(template('whom.njk'), {
    title: 'Whom do you want to tell?',
    button: 'Continue',
    back: '/report/before',
    radios: {
      name: 'whom',
      idPrefix: 'whom',
      items,
      fieldset: { legend: { text: 'Whom do you want to tell?', classes: 'govuk-visually-hidden' } },
      ...(message && { errorMessage: { text: message.message } }),
    },
    openReport: ctx.actor.folder === undefined ? '' : `/incidents/${ctx.actor.folder}/keep`,
  })
}

async function begin({ db, folders }: FrontDeps, { form, ctx }: Visit) {
  const chosen = whom[answer(form, 'whom')]
  if (!chosen) return invalid({ field: 'whom', message: 'Choose whom you want to tell' })
  const { kind, aim } = chosen
  const title = `${kind === 'near-miss' ? 'Near miss' : 'Incident'} of ${dayInWords(ctx.now())}`
  const opened = await transact(db, async (tx) => {
    const incident = await openIncident(tx, { title, kind }, folders, ctx)
    await setAim(tx, incident.id, aim, ctx.now())
    const session = incident.resume === undefined ? undefined : await openSession(tx, { folder: incident.id }, ctx)
    return { ...incident, session }
  })
  const to = `/incidents/${opened.id}/${opened.session === undefined ? 'questions/q01?in=first' : 'keep'}`
  return redirect(to, opened.session === undefined ? {} : { session: opened.session })
}
