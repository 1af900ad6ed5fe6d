import type { Bytes } from '#platform/bytes'
import type { TokenScope } from '#platform/context'
import { query, queryOne, type Db, type Tx } from '#platform/db'

export type TokenRow = {
  id: string
  name: Bytes | null
  scopes: TokenScope[]
  roles: string[] | null
  created: Date
  expires: Date
  /** As 2026-11-25. */
  last_used: string | null
}

/** That hold now, newest first. */
export async function selectTokens(db: Db | Tx, person: string, at: Date): Promise<TokenRow[]> {
  return query(
    db,
    `select t.id, t.name, t.scopes, t.roles, t.created, t.expires, to_char(t.last_used, 'YYYY-MM-DD') as last_used
    from identity.tokens t
    where t.person = $1 and t.revoked is null and t.expires > $2
    order by t.created desc, t.id`,
    [person, at],
  )
}

/** One token and whatever was made with it, and with that. Empty where it is nobody's, another's, or revoked. */
export async function revokeWithOffspring(tx: Tx, id: string, person: string, at: Date): Promise<string[]> {
  const rows = await query<{ id: string }>(
    tx,
    `with recursive ended as (
      select t.id from identity.tokens t where t.id = $1 and t.person = $2 and t.revoked is null
      union
      select t.id from identity.tokens t join ended on t.maker = ended.id
    )
    update identity.tokens t
    set revoked = $3
    from ended
    where t.id = ended.id and t.revoked is null
    returning t.id`,
    [id, person, at],
  )
  return rows.map((row) => row.id)
}

/** `day` as 2026-11-25: written once a day, so that most requests stay reads. */
export async function markUsed(tx: Tx, id: string, day: string): Promise<void> {
  await query(tx, 'update identity.tokens set last_used = $2 where id = $1 and last_used is distinct from $2', [id, day])
}

/** Whose token this is, where it is one that may bind its person. */
export async function tokenForJoining(db: Db | Tx, hash: Bytes, at: Date): Promise<{ person: string } | undefined> {
  return queryOne(
    db,
    `select t.person
    from identity.tokens t
    where t.hash = $1 and t.person is not null and t.revoked is null and t.expires > $2 and 'act' = any (t.scopes)
      and not exists (select 1 from identity.departures d where d.who = t.person)`,
    [hash, at],
  )
}
