import type { Who } from '../api.ts'
import type { Actor } from '../context.ts'
import type { Mistake } from '../errors.ts'
import type { View } from '../pages.ts'
import type { Render } from '../views.ts'
import { fits, somebody } from './callers.ts'

export type Link = { text: string; href: string }
export type NavigationLink = Link & { who?: Who }

export type SiteOptions = {
  title: string
  tryingOut: boolean
  navigation: readonly NavigationLink[]
  footer: readonly Link[]
  /** Paths of the pages there are, so that no link leads nowhere. */
  paths: ReadonlySet<string>
}

export type About = { actor: Actor; path: string; mistakes: readonly Mistake[]; formToken?: string }
export type RenderView = (view: View, about: About) => string

/** What every page has around its own: who one is, where one can go, what is wrong. Members here win over the page's own. */
export function layoutFor(render: Render, site: SiteOptions): RenderView {
  return ({ template, model }, about) =>
    render(template, {
      back: '',
      wide: false,
      formToken: '',
      ...model,
      ...(about.formToken !== undefined && { formToken: about.formToken }),
      site: { title: site.title, tryingOut: site.tryingOut, footer: site.footer },
      navigation: navigationFor(site, about),
      signedInAs: signedInAs(about.actor),
      summary: about.mistakes.map(({ field, message }) => ({ text: message, ...(field !== '' && { href: `#${field}` }) })),
      errors: Object.fromEntries(about.mistakes.map(({ field, message }) => [field, { text: message }])),
    })
}

function signedInAs(actor: Actor): string {
  if (actor === somebody) return ''
  return actor.folder === undefined
    ? `You are signed in as ${actor.name}.`
    : 'You are here with the code of one report, without an account.'
}

function navigationFor(site: SiteOptions, { actor, path }: About): (Link & { current: boolean })[] {
  const own = site.navigation.filter(({ who }) => fits(who ?? 'anyone', actor))
  const account = actor === somebody ? { text: 'Sign in', href: '/sign-in' } : { text: 'Sign out', href: '/sign-out' }
  return [...own, account].filter(({ href }) => site.paths.has(href)).map(({ text, href }) => ({ text, href, current: href === path }))
}
