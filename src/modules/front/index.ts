import type { NavigationLink } from '#platform/http/layout'
import type { Page } from '#platform/pages'
import type { FrontDeps } from './context.ts'
import { askedPage } from './pages/asked.ts'
import { checkPage, copyPage, sentPage } from './pages/check.ts'
import { dutiesPage } from './pages/duties.ts'
import { heldPage } from './pages/held.ts'
import { keepPage, resumePage } from './pages/keep.ts'
import { incidentPage, incidentsPage } from './pages/list.ts'
import { questionPage } from './pages/question.ts'
import { beforePage, startPage, whomPage } from './pages/start.ts'

export type { FrontDeps } from './context.ts'

export function frontPages(deps: FrontDeps): Page[] {
  const open = [startPage, beforePage, whomPage(deps), resumePage(deps)]
  const own = [incidentsPage, incidentPage, keepPage, questionPage, checkPage, sentPage, copyPage, dutiesPage, askedPage, heldPage]
  return [...open, ...own.map((page) => page(deps))]
}

export const frontLinks: NavigationLink[] = [
  { text: 'Report', href: '/start' },
  { text: 'Your reports', href: '/incidents', who: ['reporter', 'signatory', 'dpo', 'counsel', 'agent', 'client-contact'] },
]
