import type { Bytes } from '#platform/bytes'
import { query, queryOne, type Db, type Tx } from '#platform/db'

export type AccessEvent = 'person-added' | 'roles-given' | 'invited' | 'account-joined' | 'person-removed'
export type AccessEventRow = { id: string; at: Date; actor: string; event: AccessEvent; person: string | null; roles: string[] | null }
export type SignInRow = {
  state: Bytes
  browser: Bytes
  invitation: Bytes | null
  /** Hash of the session that this confirms; null where somebody signs in. */
  confirms: Bytes | null
  goes_to: string
  began: Date
  expires: Date
}
export type ListedRow = { id: string; name: string; roles: string[]; since: Date | null; joined: boolean }

/** Changes to one person's access queue here. Undefined where there is nobody, or nobody any more. */
export async function lockPerson(
  tx: Tx,
  id: string,
): Promise<{ id: string; name: string; organisation: string | null; roles: string[] } | undefined> {
  return queryOne(
    tx,
    `select p.id, p.name, p.organisation, p.roles
    from identity.people p
    where p.id = $1 and not exists (select 1 from identity.departures d where d.who = p.id)
    for update`,
    [id],
  )
}

/** People of no organisation: this node's own. */
export async function selectStaff(db: Db | Tx): Promise<ListedRow[]> {
  return query(
    db,
    `select p.id, p.name, p.roles, p.since,
      exists (select 1 from identity.accounts a where a.person = p.id and a.ended is null) as joined
    from identity.people p
    where p.organisation is null and not exists (select 1 from identity.departures d where d.who = p.id)
    order by p.name, p.id`,
  )
}

export async function setRoles(tx: Tx, person: string, roles: string[]): Promise<void> {
  await query(tx, 'update identity.people set roles = $2 where id = $1', [person, roles])
}

export async function insertAccessEvent(tx: Tx, row: AccessEventRow): Promise<void> {
  await query(tx, 'insert into identity.access_events (id, at, actor, event, person, roles) values ($1, $2, $3, $4, $5, $6)', [
    row.id,
    row.at,
    row.actor,
    row.event,
    row.person,
    row.roles,
  ])
}

/** Newest first. Names as they are now, of people who have left too. */
export async function selectAccessEvents(
  db: Db | Tx,
  most: number,
): Promise<(AccessEventRow & { person_name: string | null; actor_name: string | null })[]> {
  return query(
    db,
    `select e.id, e.at, e.actor, e.event, e.person, e.roles, p.name as person_name, a.name as actor_name
    from identity.access_events e
    left join identity.people p on p.id = e.person
    left join identity.people a on a.id::text = e.actor
    order by e.at desc, e.id
    limit $1`,
    [most],
  )
}

export async function insertInvitation(
  tx: Tx,
  row: { hash: Bytes; person: string; made_by: string; made_at: Date; expires: Date },
): Promise<void> {
  await query(tx, 'insert into identity.invitations (hash, person, made_by, made_at, expires) values ($1, $2, $3, $4, $5)', [
    row.hash,
    row.person,
    row.made_by,
    row.made_at,
    row.expires,
  ])
}

export async function endInvitations(tx: Tx, person: string, at: Date): Promise<void> {
  await query(tx, 'update identity.invitations set ended = $2 where person = $1 and ended is null', [person, at])
}

/** Whom a code is for; whoever has left is let in no more. */
export async function selectInvited(db: Db | Tx, hash: Bytes, at: Date): Promise<{ person: string } | undefined> {
  return queryOne(
    db,
    `select i.person
    from identity.invitations i
    where i.hash = $1 and i.ended is null and i.expires > $2
      and not exists (select 1 from identity.departures d where d.who = i.person)`,
    [hash, at],
  )
}

export async function selectAccountOf(db: Db | Tx, person: string): Promise<{ account: Bytes } | undefined> {
  return queryOne(db, 'select account from identity.accounts where person = $1 and ended is null', [person])
}

export async function selectHolderOfAccount(db: Db | Tx, account: Bytes): Promise<{ person: string } | undefined> {
  return queryOne(
    db,
    `select a.person
    from identity.accounts a
    where a.account = $1 and a.ended is null and not exists (select 1 from identity.departures d where d.who = a.person)`,
    [account],
  )
}

/** Whoever left leaves their account free for who they are when they come back. */
export async function freeAccountOfLeaver(tx: Tx, account: Bytes, at: Date): Promise<void> {
  await query(
    tx,
    `update identity.accounts a
    set ended = $2
    where a.account = $1 and a.ended is null and exists (select 1 from identity.departures d where d.who = a.person)`,
    [account, at],
  )
}

/** False where the account is somebody's already. */
export async function insertAccount(tx: Tx, account: Bytes, person: string, at: Date): Promise<boolean> {
  const rows = await query(
    tx,
    `insert into identity.accounts (account, person, since)
    values ($1, $2, $3)
    on conflict do nothing
    returning account`,
    [account, person, at],
  )
  return rows.length === 1
}

export async function endAccounts(tx: Tx, person: string, at: Date): Promise<void> {
  await query(tx, 'update identity.accounts set ended = $2 where person = $1 and ended is null', [person, at])
}

export async function endSessionsOf(tx: Tx, person: string, at: Date): Promise<void> {
  await query(tx, 'update identity.sessions set ended = $2 where person = $1 and ended is null', [person, at])
}

export async function hasAdministrator(db: Db | Tx, at: Date): Promise<boolean> {
  const rows = await query(
    db,
    `select p.id
    from identity.people p
    where 'administrator' = any (p.roles)
      and not exists (select 1 from identity.departures d where d.who = p.id)
      and (exists (select 1 from identity.accounts a where a.person = p.id and a.ended is null)
        or exists (select 1 from identity.tokens t where t.person = p.id and t.revoked is null and t.expires > $1))
    limit 1`,
    [at],
  )
  return rows.length > 0
}

/** An administrator who was made at a start and has not signed in yet. */
export async function selectWaitingAdministrator(db: Db | Tx): Promise<{ id: string } | undefined> {
  return queryOne(
    db,
    `select p.id
    from identity.people p
    where p.roles = array['administrator'] and p.organisation is null
      and not exists (select 1 from identity.departures d where d.who = p.id)
    order by p.since, p.id
    limit 1`,
  )
}

export async function insertSignIn(tx: Tx, row: SignInRow): Promise<void> {
  await query(
    tx,
    `insert into identity.sign_ins (state, browser, invitation, confirms, goes_to, began, expires)
    values ($1, $2, $3, $4, $5, $6, $7)`,
    [row.state, row.browser, row.invitation, row.confirms, row.goes_to, row.began, row.expires],
  )
}

/** Ends it and answers with it: of several answers to one state, one is heard. */
export async function takeSignIn(tx: Tx, state: Bytes, browser: Bytes, at: Date): Promise<SignInRow | undefined> {
  return queryOne(
    tx,
    `update identity.sign_ins
    set ended = $3
    where state = $1 and browser = $2 and ended is null and expires > $3
    returning state, browser, invitation, confirms, goes_to, began, expires`,
    [state, browser, at],
  )
}

export async function sessionPerson(db: Db | Tx, hash: Bytes): Promise<{ person: string | null } | undefined> {
  return queryOne(db, 'select person from identity.sessions where hash = $1 and ended is null', [hash])
}

export async function setProved(tx: Tx, hash: Bytes, at: Date): Promise<void> {
  await query(tx, 'update identity.sessions set proved_at = $2 where hash = $1 and ended is null', [hash, at])
}

/** How many rows went: what ended a day before `until`, or before now, whichever is earlier. */
export async function sweepRows(tx: Tx, until: Date): Promise<number> {
  return (await queryOne<{ gone: number }>(tx, 'select identity.sweep($1) as gone', [until]))!.gone
}
