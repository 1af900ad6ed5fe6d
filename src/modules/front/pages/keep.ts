import { join } from 'node:path'
import { transact } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { answer, redirect, view, type Outcome, type Page, type Visit } from '#platform/pages'
import { authenticate, closeSession, issueToken, openSession } from '#identity'
import { ownIncident } from '#reporting'
import type { FrontDeps } from '../context.ts'

const template = (name: string): string => join(import.meta.dirname, name)

/**
 * The code to come back with is made when it is asked for and shown once, in the answer to that very press: a page that is opened
 * again shows none, and the browser's history holds none.
 */
export function keepPage(deps: FrontDeps): Page {
  return { path: '/incidents/:id/keep', who: 'signed-in', show: (visit) => show(deps, visit), submit: (visit) => makeCode(deps, visit) }
}

async function show({ db, folders }: FrontDeps, { params, ctx }: Visit): Promise<Outcome> {
  const incident = await ownIncident(db, params['id']!, folders, ctx)
  return view(template('keep.njk'), {
    title: 'Your reference, and how to come back',
    button: 'Show me a code',
    reference: incident.reference,
    code: '',
    account: ctx.actor.folder === undefined,
    next: `/incidents/${incident.id}/questions/q01?in=first`,
    list: `/incidents/${incident.id}`,
  })
}

async function makeCode({ db, folders }: FrontDeps, { params, ctx }: Visit): Promise<Outcome> {
  const incident = await ownIncident(db, params['id']!, folders, ctx)
  if (ctx.actor.folder === undefined) return redirect(`/incidents/${incident.id}`)
  const code = await transact(db, (tx) => issueToken(tx, { folder: incident.id }, ctx))
  return view(template('keep.njk'), {
    title: 'Your code',
    button: 'Show me another code',
    reference: incident.reference,
    code,
    account: false,
    next: `/incidents/${incident.id}/questions/q01?in=first`,
    list: `/incidents/${incident.id}`,
  })
}

/** Whoever has the code opens that one folder; a code that is none is counted like a failed sign-in. */
export function resumePage(deps: FrontDeps): Page {
  return { path: '/report/resume', who: 'anyone', asOneself: true, show: showResume, submit: (visit) => resume(deps, visit) }
}

async function showResume({ form, mistakes }: Visit): Promise<Outcome> {
  const message = mistakes.find(({ field }) => field === 'code')
  return view(template('resume.njk'), {
    title: 'Go back to a report',
    button: 'Open the report',
    back: '/start',
    input: {
      id: 'code',
      name: 'code',
      label: { text: 'Code', classes: 'govuk-label--s' },
      hint: { text: 'The 43 letters, digits and signs that you kept. Capitals matter.' },
      autocomplete: 'off',
      spellcheck: false,
      value: answer(form, 'code'),
      ...(message && { errorMessage: { text: message.message } }),
    },
  })
}

async function resume({ db, folders }: FrontDeps, { form, ctx, session: before }: Visit) {
  const code = answer(form, 'code').replaceAll(/\s/g, '')
  if (code === '') return invalid({ field: 'code', message: 'Enter your code' })
  const actor = await authenticate(db, { bearer: code, asOneself: true }, ctx, folders)
  const folder = actor?.folder
  if (folder === undefined) throw new Refusal('not-signed-in')
  const session = await transact(db, async (tx) => {
    if (before !== undefined) await closeSession(tx, before, ctx)
    return openSession(tx, holderOf(folder, actor!.id), ctx)
  })
  return redirect(`/incidents/${folder}`, { session })
}

/** A colleague's code opens the folder in that colleague's own name. */
function holderOf(folder: string, actor: string): { folder: string; colleague?: string } {
  const colleague = actor.split(':')[2]
  return { folder, ...(colleague !== undefined && { colleague }) }
}
