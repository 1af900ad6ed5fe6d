import type { Actor } from '#platform/context'
import { Refusal } from '#platform/errors'
import type { Owner } from './folder.ts'
import { isOwner } from './folder.ts'

/** Who, of the organisation itself, may do what in its folder. Whoever holds a folder's first token is its reporter. */
export const rights = {
  read: ['reporter', 'signatory', 'dpo', 'counsel', 'agent', 'client-contact'],
  tick: ['counsel'],
  file: ['reporter', 'signatory', 'dpo', 'counsel', 'agent'],
} as const satisfies Record<string, readonly string[]>

export type Right = keyof typeof rights

/** To anyone but the owner the folder does not exist; of its people, or of those who hold a token of it, the role decides. */
export function requireRight(right: Right, owner: Owner, actor: Actor): void {
  if (!isOwner(actor, owner)) throw new Refusal('not-found')
  requireRole(right, actor)
}

/** A right that the mandate does not name is not there, even if it is one of an agent's. */
export function requireRole(right: Right, actor: Actor): void {
  if (actor.scope !== undefined && !actor.scope.includes(right)) throw new Refusal('mandate-missing')
  if (!actor.roles.some((role) => (rights[right] as readonly string[]).includes(role))) throw new Refusal('role-missing')
}
