import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { invalid, Refusal, type Mistake } from '#platform/errors'
import type { NodeName } from '#platform/home'
import { isUuid } from '#platform/ids'
import { endInvitations, lockPerson, setRoles } from './account-store.ts'
import { invite, recordAccess } from './accounts.ts'
import { addPerson } from './people.ts'
import { nameMistake } from './profile.ts'
import { rolesMistake } from './rights.ts'
import type { RoleId } from './roles.ts'
import { insertDeparture } from './team-store.ts'

type Invited = { id: string; invitation: string; expires: Date }

/** Somebody new at this node, with roles and a code for their first sign-in. Nobody who signs in brings a role with them. */
export async function addStaff(tx: Tx, input: { name: string; roles: string[] }, node: NodeName, ctx: Ctx): Promise<Invited> {
  const named = nameMistake(input.name)
  const mistakes = [...(named ? [{ field: 'name', message: named }] : []), ...rolesMistakes(input.roles, node)]
  if (mistakes.length > 0) throw invalid(...mistakes)
  const roles = [...new Set(input.roles)] as RoleId[]
  const id = await addPerson(tx, { name: input.name.trim(), roles }, ctx)
  await recordAccess(tx, { event: 'person-added', person: id, roles }, ctx)
  return { id, ...(await invite(tx, id, ctx)) }
}

/** In place of those they have, at once, for every token and session of theirs. Nobody gives themselves any. */
export async function giveRoles(tx: Tx, input: { person: string; roles: string[] }, node: NodeName, ctx: Ctx): Promise<void> {
  const { person } = await staffMember(tx, input.person, ctx)
  const mistakes = rolesMistakes(input.roles, node)
  if (mistakes.length > 0) throw invalid(...mistakes)
  const roles = [...new Set(input.roles)]
  await setRoles(tx, person, roles)
  await recordAccess(tx, { event: 'roles-given', person, roles }, ctx)
}

/** For a first sign-in that was missed, or another account: the one before works until the code is used. */
export async function inviteAgain(tx: Tx, id: string, ctx: Ctx): Promise<Omit<Invited, 'id'>> {
  const { person } = await staffMember(tx, id, ctx)
  return invite(tx, person, ctx)
}

/** From its commit on, their account, tokens, sessions and codes show nobody. */
export async function removeStaff(tx: Tx, id: string, ctx: Ctx): Promise<void> {
  const { person } = await staffMember(tx, id, ctx)
  await insertDeparture(tx, person, ctx.actor.id, ctx.now())
  await endInvitations(tx, person, ctx.now())
  await recordAccess(tx, { event: 'person-removed', person }, ctx)
}

/** One of this node's own people, and not oneself. People of an organisation are not the administrator's to keep, or to know of. */
async function staffMember(tx: Tx, id: string, ctx: Ctx): Promise<{ person: string }> {
  const found = isUuid(id) ? await lockPerson(tx, id) : undefined
  if (!found || found.organisation !== null) throw new Refusal('not-found')
  if (id === ctx.actor.id) throw new Refusal('own-access')
  return { person: id }
}

function rolesMistakes(roles: readonly string[], node: NodeName): Mistake[] {
  const message = rolesMistake(roles, node)
  return message === undefined ? [] : [{ field: 'roles', message }]
}
