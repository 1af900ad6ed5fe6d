import type { Mistake } from '#platform/errors'

/** `read`: see what the client's own people see in its folders. `file`: do in its name what an agent may, filing above all. */
export const scopes = ['read', 'file'] as const
export type Scope = (typeof scopes)[number]

export type Term = { from: Date; until: Date }
export const mandateStates = ['not-begun', 'in-force', 'ended', 'revoked'] as const
export type MandateState = (typeof mandateStates)[number]

const LONGEST = 366 * 86_400_000

/** A mandate that is forgotten ends by itself within a year. */
export function termMistakes({ from, until }: Term, now: Date): Mistake[] {
  if (until <= from) return [{ field: 'until', message: 'It must end after it begins, and in the future' }]
  if (until.getTime() > now.getTime() + LONGEST) return [{ field: 'until', message: 'It can last no longer than a year from now' }]
  return []
}

/** Half open: it holds at the moment it begins and no longer at the moment it ends. */
export function mandateState({ from, until, revoked }: Term & { revoked: boolean }, now: Date): MandateState {
  if (revoked) return 'revoked'
  if (now < from) return 'not-begun'
  return now < until ? 'in-force' : 'ended'
}
