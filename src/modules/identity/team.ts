import type { Actor, Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { hasDeparted, lockFolder, lockOrganisation } from './team-store.ts'

/** Those who work together: the people of one organisation, or whoever holds a token of one folder. */
export type Team = { organisation: string } | { folder: string }

/** The team that somebody belongs to themselves: whoever acts under a mandate is a guest, and has no say in who else comes. */
export function teamOf({ folder, organisation, mandate }: Actor): Team {
  if (folder !== undefined) return { folder }
  if (organisation === undefined || mandate !== undefined) throw new Refusal('role-missing')
  return { organisation }
}

/** Which of the team an actor is: the person's id, the folder colleague's, or for a folder's first token the folder's (the last part of each). */
export function memberId({ id }: Actor): string {
  return id.split(':').at(-1)!
}

/**
 * Makes changes to one team wait for each other, and refuses whoever was removed while waiting: two who remove each other
 * cannot both succeed, and nobody invites themselves back.
 */
export async function joinQueue(tx: Tx, ctx: Ctx): Promise<Team> {
  const team = teamOf(ctx.actor)
  if ('folder' in team) await lockFolder(tx, team.folder)
  else await lockOrganisation(tx, team.organisation)
  if (await hasDeparted(tx, memberId(ctx.actor))) throw new Refusal('not-signed-in')
  return team
}
