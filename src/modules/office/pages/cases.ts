import { join } from 'node:path'
import { view, type Outcome, type Page, type Visit } from '#platform/pages'
import { timeInWords } from '#platform/uk-time'
import { casesShown, rights, type CaseShown } from '#casework'
import type { OfficeDeps } from '../words.ts'

const template = join(import.meta.dirname, 'cases.njk')

const filters: Record<string, { text: string; keeps(one: CaseShown): boolean }> = {
  'all': { text: 'All', keeps: () => true },
  'first': { text: 'First reports', keeps: ({ stage }) => stage === 'initial' },
  'asked': { text: 'With an open question', keeps: ({ openEnquiries }) => openEnquiries > 0 },
  'near-miss': { text: 'Near misses', keeps: ({ nearMiss }) => nearMiss },
}

/** The queue: whatever arrived last stands first. Nothing of what anybody reported is opened by looking at it. */
export function casesPage(deps: OfficeDeps): Page {
  return { path: '/cases', who: rights[deps.node].read, show: (visit) => show(deps, visit) }
}

async function show(deps: OfficeDeps, { query, ctx }: Visit): Promise<Outcome> {
  const chosen = Object.hasOwn(filters, query['show'] ?? '') ? query['show']! : 'all'
  const all = await casesShown(deps, undefined, ctx)
  const cases = all
    .filter(filters[chosen]!.keeps)
    .toSorted((a, b) => ((a.lastReceivedAt ?? a.openedAt) < (b.lastReceivedAt ?? b.openedAt) ? 1 : -1))
  return view(template, {
    title: 'Cases',
    wide: true,
    filters: Object.entries(filters).map(([id, { text, keeps }]) => ({
      text: `${text} (${all.filter(keeps).length})`,
      href: `/cases?show=${id}`,
      current: id === chosen,
    })),
    rows: cases.map(lineOf),
    empty: all.length === 0 ? 'Nothing has been reported to this body yet.' : 'No case is of this kind.',
  })
}

const stages = { initial: 'First report', update: 'Update', final: 'Final report' } as const

function lineOf({ id, organisation, verified, reference, stage, nearMiss, lastReceivedAt, openedAt, age, openEnquiries }: CaseShown) {
  return {
    href: `/cases/${id}`,
    organisation,
    verified: verified ? '' : 'Not verified',
    reference,
    stage: nearMiss ? 'Near miss' : stage ? stages[stage] : 'Opened by a disclosure',
    last: timeInWords(new Date(lastReceivedAt ?? openedAt)),
    age: age === 0 ? 'Today' : `${age} day${age === 1 ? '' : 's'}`,
    asked: openEnquiries === 0 ? 'None' : `${openEnquiries}`,
  }
}
