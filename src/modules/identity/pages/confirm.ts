import { join } from 'node:path'
import { transact, type Db } from '#platform/db'
import { STEP_UP_MINUTES } from '#platform/http/callers'
import { away, localPath, redirect, view, type Page } from '#platform/pages'
import type { Provider } from '../provider.ts'
import { beginSignIn, confirmByChoice } from '../sign-ins.ts'

const template = join(import.meta.dirname, 'confirm.njk')
const confirmed = join(import.meta.dirname, 'confirmed.njk')
const DONE = '/confirm/done'

/** Before what binds: somebody who left their desk, or whose session was taken, is not who is there now. */
export function confirmPages(db: Db, provider: Provider | undefined): Page[] {
  return [confirmPage(db, provider), donePage]
}

function confirmPage(db: Db, provider: Provider | undefined): Page {
  return {
    path: '/confirm',
    who: 'signed-in',
    asOneself: true,
    show: async ({ ctx }) =>
      view(template, {
        title: 'Confirm that it is you',
        button: 'Confirm',
        name: ctx.actor.name,
        why: `What you are about to do binds, and it must be you who does it. You are asked again after ${STEP_UP_MINUTES} minutes.`,
        how: provider
          ? `You show once more who you are at ${new URL(provider.issuer).hostname}, and come back here.`
          : 'Nobody checks who you are while this is for trying out.',
      }),
    submit: async ({ query, browser, session, ctx }) => {
      const goesTo = localPath(query['to']) ?? DONE
      if (provider) return away(await beginSignIn(db, { browser: browser!, goesTo, confirms: session! }, provider, ctx))
      await transact(db, (tx) => confirmByChoice(tx, session!, ctx))
      return redirect(goesTo)
    },
  }
}

const donePage: Page = {
  path: DONE,
  who: 'signed-in',
  asOneself: true,
  show: async ({ ctx }) => view(confirmed, { title: 'You have confirmed that it is you', name: ctx.actor.name, minutes: STEP_UP_MINUTES }),
}
