import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { issueToken } from './credentials.ts'
import { FIRST_HOLDER, openName, sealName, type FolderSeal } from './folder-names.ts'
import { addPerson } from './people.ts'
import { nameMistake } from './profile.ts'
import { folderRoles, type ColleagueRole } from './roles.ts'
import { joinQueue, memberId, teamOf, type Team } from './team.ts'
import { insertDeparture, insertFolderColleague, selectColleagues, selectFirstHolder, selectFolderColleagues } from './team-store.ts'

export type Colleague = { id: string; name: string; roles: string[]; since?: Date; you?: true }

/**
 * Somebody more in the actor's own team, with a token that is shown this once. Never a signatory: a key is enrolled by ceremony.
 * Says nothing of whether they are known elsewhere: nothing is looked up.
 */
export async function addColleague(
  tx: Tx,
  input: { name: string; role: ColleagueRole },
  folders: FolderSeal,
  ctx: Ctx,
): Promise<{ id: string; token: string }> {
  const mistake = nameMistake(input.name)
  if (mistake) throw invalid({ field: 'name', message: mistake })
  const team = await joinQueue(tx, ctx)
  const name = input.name.trim()
  if ('organisation' in team) return addToOrganisation(tx, { ...team, name, role: input.role }, ctx)
  return addToFolder(tx, { ...team, name, role: input.role }, folders, ctx)
}

async function addToOrganisation(
  tx: Tx,
  { organisation, name, role }: { organisation: string; name: string; role: ColleagueRole },
  ctx: Ctx,
): Promise<{ id: string; token: string }> {
  const id = await addPerson(tx, { name, organisation, roles: [role] }, ctx)
  return { id, token: await issueToken(tx, { person: id }, ctx) }
}

async function addToFolder(
  tx: Tx,
  { folder, name, role }: { folder: string; name: string; role: ColleagueRole },
  folders: FolderSeal,
  ctx: Ctx,
): Promise<{ id: string; token: string }> {
  if (!(folderRoles as readonly string[]).includes(role))
    throw invalid({ field: 'role', message: `Choose one of: ${folderRoles.join(' / ')}` })
  const id = ctx.random.uuid()
  const sealed = await sealName(folders, folder, id, name)
  await insertFolderColleague(tx, { id, folder, name: sealed, role, since: ctx.now() }, ctx.actor.id)
  return { id, token: await issueToken(tx, { folder, colleague: id }, ctx) }
}

export async function listColleagues(db: Db | Tx, folders: FolderSeal, ctx: Ctx): Promise<Colleague[]> {
  const all = await membersOf(db, teamOf(ctx.actor), folders)
  return all.map((one) => (one.id === memberId(ctx.actor) ? { ...one, you: true } : one))
}

/**
 * From its commit on, every token and session of theirs shows nobody. Nobody removes themselves, so a team never locks itself out;
 * the first token of a folder goes like any other, by somebody who holds another; a signatory is removed by a signatory alone.
 */
export async function removeColleague(tx: Tx, id: string, folders: FolderSeal, ctx: Ctx): Promise<void> {
  const team = await joinQueue(tx, ctx)
  const leaver = (await membersOf(tx, team, folders)).find((one) => one.id === id)
  if (!leaver) throw new Refusal('not-found')
  if (id === memberId(ctx.actor)) throw new Refusal('own-access')
  if (leaver.roles.includes('signatory') && !ctx.actor.roles.includes('signatory')) throw new Refusal('role-missing')
  await insertDeparture(tx, id, ctx.actor.id, ctx.now())
}

async function membersOf(db: Db | Tx, team: Team, folders: FolderSeal): Promise<Colleague[]> {
  if ('organisation' in team) {
    const rows = await selectColleagues(db, team.organisation)
    return rows.map(({ since, ...row }) => ({ ...row, ...(since && { since }) }))
  }
  const { folder } = team
  const first = (await selectFirstHolder(db, folder)).map(({ since }) => ({ id: folder, name: FIRST_HOLDER, roles: ['reporter'], since }))
  const others = (await selectFolderColleagues(db, folder)).map(async ({ id, name, role, since }) => ({
    id,
    name: await openName(folders, { folder, id, name }),
    roles: [role],
    since,
  }))
  return [...first, ...(await Promise.all(others))]
}
