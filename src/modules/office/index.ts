import type { NavigationLink } from '#platform/http/layout'
import type { Page } from '#platform/pages'
import { rights } from '#casework'
import { casePage, timelinePage, writingPages } from './pages/case.ts'
import { casesPage } from './pages/cases.ts'
import type { OfficeDeps } from './words.ts'

export type { OfficeDeps } from './words.ts'

export function officePages(deps: OfficeDeps): Page[] {
  return [casesPage(deps), casePage(deps), timelinePage(deps), ...writingPages(deps)]
}

export function officeLinks({ node }: Pick<OfficeDeps, 'node'>): NavigationLink[] {
  return [{ text: 'Cases', href: '/cases', who: rights[node].read }]
}
