import { join } from 'node:path'
import { transact, type Db } from '#platform/db'
import { redirect, view, type Outcome, type Page, type Visit } from '#platform/pages'
import { closeSession } from '../credentials.ts'

const template = join(import.meta.dirname, 'sign-out.njk')

export function signOutPage(db: Db): Page {
  return { path: '/sign-out', who: 'signed-in', asOneself: true, show, submit: (visit) => submit(db, visit) }
}

async function show({ ctx }: Visit): Promise<Outcome> {
  return view(template, { title: 'Sign out', button: 'Sign out', name: ctx.actor.name })
}

/** The session ends here, not only in the browser. */
async function submit(db: Db, { ctx, session }: Visit): Promise<Outcome> {
  if (session !== undefined) await transact(db, (tx) => closeSession(tx, session, ctx))
  return redirect('/', { session: null })
}
