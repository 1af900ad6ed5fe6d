import type { Bytes } from '#platform/bytes'
import { query, type Db, type Tx } from '#platform/db'

/** How many entries this ledger holds for an organisation, and the commitment of the last. */
export type ChainRow = { organisation: string; n: number; head: Bytes }

/** Those of these organisations that have a chain; nothing is added to any of them until the transaction ends. In the order `countChains` locks in. */
export function lockChains(tx: Tx, organisations: readonly string[]): Promise<ChainRow[]> {
  return query(
    tx,
    `select organisation, n, head
     from ledger.chains
     where organisation = any($1::text[])
     order by organisation collate "C"
     for update`,
    [organisations],
  )
}

/** The same, locking nothing. */
export function chainsOf(db: Db | Tx, organisations: readonly string[]): Promise<ChainRow[]> {
  return query(db, 'select organisation, n, head from ledger.chains where organisation = any($1::text[])', [organisations])
}

/** Organisations whose first entry was made before a time, after this one in order, with that entry's time. */
export function chainsBegun(tx: Tx, after: string, before: Date, limit: number): Promise<{ organisation: string; since: Date }[]> {
  return query(
    tx,
    `select organisation, appended_at as since
     from ledger.entries
     where n = 1 and organisation collate "C" > $1 and appended_at < $2
     order by organisation collate "C"
     limit $3`,
    [after, before, limit],
  )
}
