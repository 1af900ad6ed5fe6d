import { join } from 'node:path'
import type { Db } from '#platform/db'
import { answer, away, localPath, redirect, view, type Page } from '#platform/pages'
import type { Provider } from '../provider.ts'
import { beginSignIn, finishSignIn } from '../sign-ins.ts'

const template = join(import.meta.dirname, 'sign-in-provider.njk')

/** In earnest: the node's own sign-in provider says who somebody is. */
export function providerSignInPages(db: Db, provider: Provider): Page[] {
  return [signInPage(db, provider), returnPage(db, provider)]
}

function signInPage(db: Db, provider: Provider): Page {
  return {
    path: '/sign-in',
    who: 'anyone',
    asOneself: true,
    show: async ({ form }) =>
      view(template, {
        title: 'Sign in',
        button: 'Continue',
        provider: new URL(provider.issuer).hostname,
        invitation: answer(form, 'invitation'),
      }),
    submit: async ({ form, query, browser, ctx }) => {
      const invitation = answer(form, 'invitation').trim()
      const wish = { browser: browser!, goesTo: localPath(query['to']) ?? '/status', ...(invitation !== '' && { invitation }) }
      return away(await beginSignIn(db, wish, provider, ctx))
    },
  }
}

/**
 * Where the provider sends people back. The one page that writes when it is shown, because it is the provider that leads here; each
 * answer is heard once, and from the browser alone that the question went out from.
 */
function returnPage(db: Db, provider: Provider): Page {
  return {
    path: '/sign-in/return',
    who: 'anyone',
    asOneself: true,
    show: async ({ query, browser, session: before, ctx }) => {
      const { session, goesTo } = await finishSignIn(db, { browser, session: before, query }, provider, ctx)
      return redirect(goesTo, session === undefined ? {} : { session })
    },
  }
}
