import type { NavigationLink } from '#platform/http/layout'
import type { Page } from '#platform/pages'
import { readers, type Keeping } from './keeping.ts'
import { registerPage } from './pages/register.ts'

export function registerPages(keeping: Keeping): Page[] {
  return [registerPage(keeping)]
}

export const registerLinks: NavigationLink[] = [{ text: 'Breach register', href: '/register', who: readers }]
