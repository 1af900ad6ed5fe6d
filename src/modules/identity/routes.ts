import type { Db } from '#platform/db'
import type { Page } from '#platform/pages'
import { confirmPages } from './pages/confirm.ts'
import { providerSignInPages } from './pages/sign-in-provider.ts'
import { signInPage } from './pages/sign-in.ts'
import { signOutPage } from './pages/sign-out.ts'
import type { Provider } from './provider.ts'

/** `trying-out`: anybody may sign in as anybody, by choosing them. Production has no such provider. `none`: nobody signs in to pages. */
export type IdentityPageOptions = { db: Db; provider: 'trying-out' | 'none' | Provider; production: boolean }

export function identityPages({ db, provider, production }: IdentityPageOptions): Page[] {
  if (provider === 'trying-out' && production) throw new Error('production does not let people choose who they are')
  if (provider === 'none') return [signOutPage(db)]
  if (provider === 'trying-out') return [signInPage(db), signOutPage(db), ...confirmPages(db, undefined)]
  return [...providerSignInPages(db, provider), signOutPage(db), ...confirmPages(db, provider)]
}
