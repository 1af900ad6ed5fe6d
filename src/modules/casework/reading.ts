import type { Credential } from '#platform/context'
import { invalid, Refusal } from '#platform/errors'

/** agreement.yaml, `reading`. */
export type ReadingPurpose = { id: string; label: string; told: 'next-day' | 'deferred'; by?: readonly string[] | undefined }
export type ReadingRules = { deferredDays: number; purposes: readonly ReadingPurpose[] }

/** What a program opens something for that says nothing of it; the organisation is told just that. */
export const UNSTATED = 'unstated'

const DAY = 86_400_000

export type Reader = { roles: readonly string[]; credential?: Credential | undefined }

/** What somebody opens items for. Whoever sits at a page always says it. Throws the mistake, or `role-missing` where it is not theirs to say. */
export function statedPurpose({ purposes }: ReadingRules, given: string | undefined, { roles, credential }: Reader): ReadingPurpose {
  const isPerson = credential?.kind === 'session'
  const found = purposes.find(({ id }) => id === (given ?? UNSTATED))
  if (!found || (isPerson && found.id === UNSTATED))
    throw invalid({ field: 'purpose', message: `Say what you open this for: ${namesOf(purposes)}` })
  if (found.by && !found.by.some((role) => roles.includes(role))) throw new Refusal('role-missing')
  return found
}

function namesOf(purposes: readonly ReadingPurpose[]): string {
  return purposes
    .map(({ id }) => id)
    .filter((id) => id !== UNSTATED)
    .join(', ')
}

/** From when on the organisation may be told. */
export function tellFrom({ deferredDays }: ReadingRules, { told }: ReadingPurpose, at: Date): Date {
  return told === 'deferred' ? new Date(at.getTime() + deferredDays * DAY) : at
}

/** Which items are to be opened: all where nothing is said, these, or none. */
export function wantedItems(open: string | undefined): (id: string) => boolean {
  if (open === undefined) return () => true
  const wanted = new Set(open === 'none' ? [] : open.split(','))
  return (id) => wanted.has(id)
}

/** For how long an export may be taken once somebody else agreed. */
export const EXPORT_OPEN = DAY
