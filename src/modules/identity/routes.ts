import type { Db } from '#platform/db'
import type { Page } from '#platform/pages'
import { signInPage } from './pages/sign-in.ts'
import { signOutPage } from './pages/sign-out.ts'

/** `trying-out`: anybody may sign in as anybody, by choosing them. Production has no such provider. */
export type IdentityPageOptions = { db: Db; provider: 'trying-out' | 'none'; production: boolean }

export function identityPages({ db, provider, production }: IdentityPageOptions): Page[] {
  if (provider === 'trying-out' && production) throw new Error('production does not let people choose who they are')
  return [...(provider === 'trying-out' ? [signInPage(db)] : []), signOutPage(db)]
}
