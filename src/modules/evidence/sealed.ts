import { canonical } from '#platform/canonical'
import { itemsMatch, type OpenItem, type SealedReport } from '#exchange'
import type { Openings } from '#reporting'
import type { Bundle } from './bundle.ts'
import type { Entry, Fault, Report, Shown, Submitted } from './records.ts'

/** `sealed`: on the reporter's own machine. Then items are there only as far as openings were given. */
export type SubmittedShown = Shown<Submitted> & { sealed?: true }

/** Whoever holds openings of one incident must not take them for proof of another. */
export function openingFaults({ deployment, organisation, incident }: Bundle, openings: Openings | undefined): Fault[] {
  const said = openings && [openings.deployment, openings.organisation, openings.incident.id]
  if (!said || canonical(said) === canonical([deployment, organisation.id, incident.id])) return []
  return [{ detail: 'the openings given are of another incident, organisation or deployment' }]
}

/** Of what was sealed elsewhere the portal has nothing that opens it: its words are shown by the reporter's own file, or not at all. */
export function openSealed({ record }: Entry<Report>, sealed: SealedReport, openings: Openings | undefined): SubmittedShown {
  const { to, deployment, reference, organisation, stage, items } = sealed
  const said = [record.to, record.deployment, record.reference, record.organisation, record.stage, record.items]
  if (canonical(said) !== canonical([to, deployment, reference, organisation.id, stage, items]))
    throw new SyntaxError('payload and record speak of different things')
  return { sealed: true, organisation, stage, items: openedBy(openings, record) }
}

function openedBy(openings: Openings | undefined, { to, items }: Report): OpenItem[] {
  const named = new Set(items.map(({ id }) => id))
  const own = openings?.reports.find((one) => one.to === to && one.items.some(({ id }) => named.has(id)))
  if (own && !itemsMatch(own.items, items)) throw new SyntaxError('the openings given do not open the commitments')
  return own?.items ?? []
}
