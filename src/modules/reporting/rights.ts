import type { Actor } from '#platform/context'
import { Refusal } from '#platform/errors'
import type { Owner } from './folder.ts'
import { isOwner } from './folder.ts'

/** Who, of the organisation itself, may do what in its folder. Whoever holds the folder's own token is its reporter. */
export const rights = {
  read: ['reporter', 'signatory', 'dpo', 'counsel', 'agent', 'client-contact'],
  tick: ['counsel'],
  file: ['reporter', 'signatory', 'dpo', 'counsel', 'agent'],
} as const satisfies Record<string, readonly string[]>

export type Right = keyof typeof rights

/** To anyone but the owner the folder does not exist; of the owner's people the role decides. */
export function requireRight(right: Right, owner: Owner, actor: Actor): void {
  if (!isOwner(actor, owner)) throw new Refusal('not-found')
  if (!('folder' in owner)) requireRole(right, actor)
}

export function requireRole(right: Right, actor: Actor): void {
  if (!actor.roles.some((role) => (rights[right] as readonly string[]).includes(role))) throw new Refusal('role-missing')
}
