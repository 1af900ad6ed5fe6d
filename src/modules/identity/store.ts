import type { Bytes } from '#platform/bytes'
import type { TokenScope } from '#platform/context'
import { query, queryOne, type Db, type Tx } from '#platform/db'

export type OrganisationRow = {
  id: string
  name: string
  identifiers: { scheme: string; id: string }[]
  sector: string | null
  size_band: string | null
  verified: boolean
}
export type PersonRow = { id: string; name: string; organisation: string | null; organisation_name: string | null; roles: string[] }
/** Whom a token or a session shows: a person, or the holder of one folder's first token, or of a further one with name and role. */
export type HolderRow = {
  id: string | null
  name: string | null
  organisation: string | null
  roles: string[] | null
  folder: string | null
  colleague: string | null
  colleague_name: Bytes | null
  colleague_role: string | null
  /** Whom a session acts for; a token acts for nobody else unless each call says so. */
  client: string | null
}
export type EnrolmentRow = {
  kid: string
  organisation: string
  record: string
  effective_from: Date
  person: string | null
  let_in_by: string | null
  suspended_since: Date | null
}
export type Holder = { person: string } | { folder: string; colleague?: string }

const organisationColumns = 'id, name, identifiers, sector, size_band, verified'

/** What was verified is never overwritten by what was not. */
export async function putOrganisation(tx: Tx, row: OrganisationRow): Promise<void> {
  await query(
    tx,
    `insert into identity.organisations as old (${organisationColumns})
    values ($1, $2, $3::jsonb, $4, $5, $6)
    on conflict (id) do update
    set name = excluded.name,
      identifiers = excluded.identifiers,
      sector = coalesce(excluded.sector, old.sector),
      size_band = coalesce(excluded.size_band, old.size_band),
      verified = excluded.verified
    where excluded.verified or not old.verified`,
    [row.id, row.name, JSON.stringify(row.identifiers), row.sector, row.size_band, row.verified],
  )
}

export async function selectOrganisation(db: Db | Tx, id: string): Promise<OrganisationRow | undefined> {
  return queryOne(db, `select ${organisationColumns} from identity.organisations where id = $1`, [id])
}

export async function setProfile(tx: Tx, row: Pick<OrganisationRow, 'id' | 'sector' | 'size_band' | 'identifiers'>): Promise<void> {
  await query(tx, 'update identity.organisations set sector = $2, size_band = $3, identifiers = $4::jsonb where id = $1', [
    row.id,
    row.sector,
    row.size_band,
    JSON.stringify(row.identifiers),
  ])
}

export async function selectOrganisationByIdentifier(db: Db | Tx, scheme: string, id: string): Promise<OrganisationRow | undefined> {
  return queryOne(
    db,
    `select ${organisationColumns}
    from identity.organisations
    where verified and identifiers @> $1::jsonb
    order by id
    limit 1`,
    [JSON.stringify([{ scheme, id }])],
  )
}

export async function insertPerson(tx: Tx, row: Omit<PersonRow, 'organisation_name'>, by: string, at: Date): Promise<void> {
  await query(tx, 'insert into identity.people (id, name, organisation, roles, added_by, since) values ($1, $2, $3, $4, $5, $6)', [
    row.id,
    row.name,
    row.organisation,
    row.roles,
    by,
    at,
  ])
}

export async function selectPeople(db: Db | Tx): Promise<PersonRow[]> {
  return query(
    db,
    `select p.id, p.name, p.organisation, o.name as organisation_name, p.roles
    from identity.people p
    left join identity.organisations o on o.id = p.organisation
    where not exists (select 1 from identity.departures d where d.who = p.id)
    order by o.name nulls last, p.name, p.id`,
  )
}

export type NewTokenRow = {
  id: string
  hash: Bytes
  holder: Holder
  created: Date
  expires: Date
  name: Bytes | null
  scopes: TokenScope[]
  /** Null: all that its person has at the time. */
  roles: string[] | null
  /** The token it was made with. */
  maker: string | null
}

export async function insertToken(tx: Tx, row: NewTokenRow): Promise<void> {
  const { id, hash, holder, created, expires, name, scopes, roles, maker } = row
  await query(
    tx,
    `insert into identity.tokens (id, hash, person, folder, colleague, created, expires, name, scopes, roles, maker)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [id, hash, ...columnsOf(holder), created, expires, name, scopes, roles, maker],
  )
}

export async function revokeTokens(tx: Tx, holder: Holder, at: Date): Promise<void> {
  const [person, folder] = columnsOf(holder)
  await query(
    tx,
    `update identity.tokens
    set revoked = $3
    where revoked is null and (person = $1 or folder = $2)`,
    [person, folder, at],
  )
}

const holderColumns = 'p.id, p.name, p.organisation, p.roles, c.id as colleague, c.name as colleague_name, c.role as colleague_role'

export type TokenHolderRow = HolderRow & {
  token: string
  scopes: TokenScope[]
  token_roles: string[] | null
  expires: Date
  last_used: string | null
}

export async function holderOfToken(db: Db | Tx, hash: Bytes, at: Date): Promise<TokenHolderRow | undefined> {
  return queryOne(
    db,
    `select ${holderColumns}, t.folder, null as client,
      t.id as token, t.scopes, t.roles as token_roles, t.expires, to_char(t.last_used, 'YYYY-MM-DD') as last_used
    from identity.tokens t
    left join identity.people p on p.id = t.person
    left join identity.folder_colleagues c on c.id = t.colleague
    where t.hash = $1 and t.revoked is null and t.expires > $2
      and not exists (select 1 from identity.departures d where d.who = coalesce(t.colleague, t.person, t.folder))`,
    [hash, at],
  )
}

export type NewSessionRow = { hash: Bytes; holder: Holder; created: Date; expires: Date; proved_at: Date | null }

export async function insertSession(tx: Tx, row: NewSessionRow): Promise<void> {
  const { hash, holder, created, expires, proved_at } = row
  await query(
    tx,
    `insert into identity.sessions (hash, person, folder, colleague, created, last_seen, expires, proved_at)
    values ($1, $2, $3, $4, $5, $5, $6, $7)`,
    [hash, ...columnsOf(holder), created, expires, proved_at],
  )
}

export async function endSession(tx: Tx, hash: Bytes, at: Date): Promise<void> {
  await query(tx, 'update identity.sessions set ended = $2 where hash = $1 and ended is null', [hash, at])
}

/** `client`: null for oneself. */
export async function setClient(tx: Tx, hash: Bytes, client: string | null): Promise<void> {
  await query(tx, 'update identity.sessions set client = $2 where hash = $1 and ended is null', [hash, client])
}

export async function touchSession(tx: Tx, hash: Bytes, at: Date): Promise<void> {
  await query(tx, 'update identity.sessions set last_seen = $2 where hash = $1 and last_seen < $2', [hash, at])
}

/** `quietSince`: a session last used at that time or before holds no more. */
export async function holderOfSession(
  db: Db | Tx,
  hash: Bytes,
  at: Date,
  quietSince: Date,
): Promise<(HolderRow & { last_seen: Date; proved_at: Date | null }) | undefined> {
  return queryOne(
    db,
    `select ${holderColumns}, s.folder, s.last_seen, s.proved_at, s.client
    from identity.sessions s
    left join identity.people p on p.id = s.person
    left join identity.folder_colleagues c on c.id = s.colleague
    where s.hash = $1 and s.ended is null and s.expires > $2 and s.last_seen > $3
      and not exists (select 1 from identity.departures d where d.who = coalesce(s.colleague, s.person, s.folder))`,
    [hash, at, quietSince],
  )
}

function columnsOf(holder: Holder): [person: string | null, folder: string | null, colleague: string | null] {
  return 'person' in holder ? [holder.person, null, null] : [null, holder.folder, holder.colleague ?? null]
}
