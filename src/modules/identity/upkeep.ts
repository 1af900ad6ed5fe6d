import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { hasAdministrator, selectWaitingAdministrator, sweepRows } from './account-store.ts'
import { invite, recordAccess } from './accounts.ts'
import { addPerson } from './people.ts'

/** Takes away what ended a day ago or more: sessions, tokens, codes, sign-ins that nobody came back from. How many. */
export async function sweep(tx: Tx, ctx: Ctx): Promise<number> {
  return sweepRows(tx, ctx.now())
}

/**
 * Where nobody who can sign in administers this node: a code for one who will, shown this once. Undefined where somebody does. Whoever
 * reads it is whoever starts the node, and could put themselves into its database anyway.
 */
export async function firstAdministrator(tx: Tx, ctx: Ctx): Promise<{ invitation: string; expires: Date } | undefined> {
  if (await hasAdministrator(tx, ctx.now())) return undefined
  return invite(tx, (await selectWaitingAdministrator(tx))?.id ?? (await added(tx, ctx)), ctx)
}

async function added(tx: Tx, ctx: Ctx): Promise<string> {
  const id = await addPerson(tx, { name: 'First administrator', roles: ['administrator'] }, ctx)
  await recordAccess(tx, { event: 'person-added', person: id, roles: ['administrator'] }, ctx)
  return id
}
