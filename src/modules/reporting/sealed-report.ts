import { readSealed, type AuthorityId, type SealedReport } from '#exchange'
import { canonical } from '#platform/canonical'
import type { Mistake } from '#platform/errors'
import { stageTold, type IncidentKind, type Stage, type ToldOrganisation } from './incident.ts'

/** Stands where the question of an item would: nobody here knows it. */
export const SEALED = 'sealed'

/** What the portal knows of one body's view, against which a report that it cannot open is checked. */
export type KnownView = { reference: string; organisation: ToldOrganisation; told: boolean }

/** What a report that was sealed elsewhere says outside must be this portal's own word on incident, body and organisation. */
export function sealedMistakes(
  reports: readonly SealedReport[],
  known: ReadonlyMap<AuthorityId, KnownView>,
  { stage, kind }: { stage: Stage; kind: IncidentKind },
): Mistake[] {
  const bodies = reports.map(({ to }) => to)
  return reports.flatMap((report, i) => {
    const wrong = (member: string, message: string): Mistake[] => [{ field: `sealed.${i}.${member}`, message }]
    const view = known.get(report.to)
    if (bodies.indexOf(report.to) !== i) return wrong('to', 'Send each body one report at a time')
    if (kind === 'near-miss' && report.to === 'ico')
      return wrong('to', 'A near miss is told to the NCSC alone. If it was an incident after all, say so first')
    if (!view || report.reference !== view.reference)
      return wrong('reference', 'Ask for the reference first: this incident has another one at this body')
    if (canonical(report.organisation) !== canonical(view.organisation))
      return wrong('organisation', 'The organisation is told to this body in other words')
    const due = stageTold(stage, !view.told)
    return report.stage === due ? [] : wrong('stage', `To this body this is a report of stage ${due}`)
  })
}

/** Its items as far as they can be named here. */
export function sealedItems(bytes: Uint8Array): { id: string; question: string; value: unknown }[] {
  return (readSealed(bytes)?.items ?? []).map(({ id }) => ({ id, question: SEALED, value: null }))
}
