import type { Actor, Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { rolesInWords, type RoleId } from './roles.ts'
import { insertPerson, selectOrganisation, selectPeople } from './store.ts'

export type Person = { id: string; name: string; organisation?: { id: string; name: string }; roles: string[] }

export type NewPerson = { id?: string; name: string; organisation?: string; roles: readonly RoleId[] }

export async function addPerson(tx: Tx, person: NewPerson, ctx: Ctx): Promise<string> {
  const id = person.id ?? ctx.random.uuid()
  await insertPerson(
    tx,
    { id, name: person.name, organisation: person.organisation ?? null, roles: [...person.roles] },
    ctx.actor.id,
    ctx.now(),
  )
  return id
}

/** Everybody at this node who has not left, by organisation and name. */
export async function people(db: Db | Tx): Promise<Person[]> {
  const rows = await selectPeople(db)
  return rows.map(({ id, name, organisation, organisation_name, roles }) => ({
    id,
    name,
    ...(organisation !== null && { organisation: { id: organisation, name: organisation_name ?? '' } }),
    roles,
  }))
}

/** Who somebody is, in the words of a page; undefined where nobody has signed in. */
export async function describeActor(
  db: Db | Tx,
  actor: Actor,
): Promise<{ name: string; roles: string; organisation?: string } | undefined> {
  if (actor.roles.length === 0) return undefined
  const organisation = actor.organisation === undefined ? undefined : await selectOrganisation(db, actor.organisation)
  return { name: actor.name, roles: rolesInWords(actor.roles), ...(organisation && { organisation: organisation.name }) }
}
