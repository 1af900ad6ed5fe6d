import type { Bytes } from '#platform/bytes'
import { query, type Db, type Tx } from '#platform/db'

export type ColleagueRow = { id: string; name: string; roles: string[]; since: Date | null }
export type FolderColleagueRow = { id: string; folder: string; name: Bytes; role: string; since: Date }

/** Changes to who belongs to an organisation queue here. */
export async function lockOrganisation(tx: Tx, id: string): Promise<void> {
  await query(tx, 'select id from identity.organisations where id = $1 for update', [id])
}

/** Changes to who opens a folder queue here: on the tokens of its first holder, which are never taken away. */
export async function lockFolder(tx: Tx, folder: string): Promise<void> {
  await query(tx, 'select hash from identity.tokens where folder = $1 and colleague is null order by hash for update', [folder])
}

export async function hasDeparted(tx: Tx, who: string): Promise<boolean> {
  return (await query(tx, 'select who from identity.departures where who = $1', [who])).length > 0
}

export async function insertDeparture(tx: Tx, who: string, by: string, at: Date): Promise<void> {
  await query(tx, 'insert into identity.departures (who, removed_by, at) values ($1, $2, $3)', [who, by, at])
}

export async function selectColleagues(db: Db | Tx, organisation: string): Promise<ColleagueRow[]> {
  return query(
    db,
    `select p.id, p.name, p.roles, p.since
    from identity.people p
    where p.organisation = $1 and not exists (select 1 from identity.departures d where d.who = p.id)
    order by p.name, p.id`,
    [organisation],
  )
}

export async function insertFolderColleague(tx: Tx, row: FolderColleagueRow, by: string): Promise<void> {
  await query(tx, 'insert into identity.folder_colleagues (id, folder, name, role, since, added_by) values ($1, $2, $3, $4, $5, $6)', [
    row.id,
    row.folder,
    row.name,
    row.role,
    row.since,
    by,
  ])
}

export async function selectFolderColleagues(db: Db | Tx, folder: string): Promise<FolderColleagueRow[]> {
  return query(
    db,
    `select c.id, c.folder, c.name, c.role, c.since
    from identity.folder_colleagues c
    where c.folder = $1 and not exists (select 1 from identity.departures d where d.who = c.id)
    order by c.since, c.id`,
    [folder],
  )
}

/** When the folder's first token was given, while its holder has not been removed. */
export async function selectFirstHolder(db: Db | Tx, folder: string): Promise<{ since: Date }[]> {
  return query(
    db,
    `select min(t.created) as since
    from identity.tokens t
    where t.folder = $1 and t.colleague is null and not exists (select 1 from identity.departures d where d.who = $1)
    having count(*) > 0`,
    [folder],
  )
}
