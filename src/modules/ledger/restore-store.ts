import type { Bytes } from '#platform/bytes'
import { query, type Tx } from '#platform/db'
import type { FullTile } from './tree.ts'

/** What an old database gets back after a restore. Nothing here decides. */

export type LostHead = { size: number; root: Bytes; leaf: Bytes; note: string | null; full: readonly FullTile[] }

/** Heads and leaves that follow the last one. Those without a note are passed over: never signed. Fails where one of them is there. */
export async function insertLost(tx: Tx, lost: readonly LostHead[], at: Date): Promise<void> {
  await query(
    tx,
    `insert into ledger.heads (size, root, created_at, passed)
     select size, root, $4, passed
     from unnest($1::bigint[], $2::bytea[], $3::boolean[]) as head (size, root, passed)
     order by size`,
    [lost.map(({ size }) => size), lost.map(({ root }) => root), lost.map(({ note }) => note === null), at],
  )
  await query(
    tx,
    `insert into ledger.leaves (index, root)
     select size - 1, leaf
     from unnest($1::bigint[], $2::bytea[]) as lost (size, leaf)`,
    [lost.map(({ size }) => size), lost.map(({ leaf }) => leaf)],
  )
  const full = lost.flatMap((one) => one.full)
  await query(
    tx,
    `insert into ledger.tiles (level, n, root)
     select level, n, root
     from unnest($1::integer[], $2::bigint[], $3::bytea[]) as tile (level, n, root)`,
    [full.map(({ level }) => level), full.map(({ n }) => n), full.map(({ root }) => root)],
  )
  const signed = lost.filter(({ note }) => note !== null)
  await query(
    tx,
    `update ledger.heads
     set note = signed.note
     from unnest($1::bigint[], $2::text[]) as signed (size, note)
     where heads.size = signed.size and heads.note is null`,
    [signed.map(({ size }) => size), signed.map(({ note }) => note)],
  )
}

export type LostEntry = {
  id: string
  recordHash: Bytes
  salt: Bytes
  chain: Bytes
  commitment: Bytes
  organisation: string | null
  n: number | null
  previous: Bytes | null
  salt2: Bytes | null
}

/** One whose number in its chain is there already is left as it is. Answers with the ids of those that were missing. */
export async function insertLostEntries(tx: Tx, entries: readonly LostEntry[], at: Date): Promise<Set<string>> {
  const column = <K extends keyof LostEntry>(name: K) => entries.map((entry) => entry[name])
  const rows = await query<{ id: string }>(
    tx,
    `insert into ledger.entries (id, record_hash, salt, chain, commitment, organisation, n, previous, salt2, appended_at)
     select added.*, $10
     from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::text[], $7::bigint[], $8::bytea[], $9::bytea[]) as added
     on conflict on constraint entries_chain_order do nothing
     returning id`,
    [
      column('id'),
      column('recordHash'),
      column('salt'),
      column('chain'),
      column('commitment'),
      column('organisation'),
      column('n'),
      column('previous'),
      column('salt2'),
      at,
    ],
  )
  return new Set(rows.map(({ id }) => id))
}

export type KnownPlace = { id: string; index: number; slot: number; path: Bytes }

/** Where each of these entries stands, if it has no place yet and nothing else stands there. */
export async function placeKnown(tx: Tx, places: readonly KnownPlace[]): Promise<void> {
  await query(
    tx,
    `update ledger.entries
     set leaf_index = place.index, slot = place.slot, path = place.path
     from unnest($1::uuid[], $2::bigint[], $3::integer[], $4::bytea[]) as place (id, index, slot, path)
     where entries.id = place.id and entries.leaf_index is null
       and not exists (select from ledger.entries as there where there.leaf_index = place.index and there.slot = place.slot)`,
    [places.map(({ id }) => id), places.map(({ index }) => index), places.map(({ slot }) => slot), places.map(({ path }) => path)],
  )
}

/** Organisations of which there were entries, and nobody can show their numbers: their chains begin anew. */
export async function beginChains(tx: Tx, chains: readonly { organisation: string; head: Bytes }[]): Promise<void> {
  await query(
    tx,
    `insert into ledger.chains (organisation, n, head)
     select distinct on (organisation) organisation, 1, head
     from unnest($1::text[], $2::bytea[]) as begun (organisation, head)
     order by organisation
     on conflict on constraint chains_pk do nothing`,
    [chains.map(({ organisation }) => organisation), chains.map(({ head }) => head)],
  )
}

/** A chain goes on after the last entry that anybody can show. */
export async function raiseChains(tx: Tx, chains: readonly { organisation: string; n: number; head: Bytes }[]): Promise<void> {
  await query(
    tx,
    `insert into ledger.chains (organisation, n, head)
     select organisation, n, head
     from unnest($1::text[], $2::bigint[], $3::bytea[]) as raised (organisation, n, head)
     order by organisation collate "C"
     on conflict on constraint chains_pk do update
     set n = excluded.n, head = excluded.head
     where excluded.n > chains.n`,
    [chains.map(({ organisation }) => organisation), chains.map(({ n }) => n), chains.map(({ head }) => head)],
  )
}
