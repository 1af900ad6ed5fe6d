import type { Bytes } from '#platform/bytes'
import { query, queryOne, type Db, type Tx } from '#platform/db'
import { HASH_BYTES, leafHashes, tileName, type FullTile, type TileId } from './tree.ts'

/** Every query of the ledger. Nothing here decides. */

export type Link = { organisation: string; n: number; head: Bytes }

/**
 * Counts each organisation's chain on and keeps its row locked until the transaction ends, so that its entries are numbered one by one.
 * Answers with the new count and the old head. Rows are locked in the order of the organisations: two callers cannot wait for each other.
 */
export function countChains(tx: Tx, counts: ReadonlyMap<string, number>, start: Bytes): Promise<Link[]> {
  return query<Link>(
    tx,
    `insert into ledger.chains (organisation, n, head)
     select organisation, n, $3
     from unnest($1::text[], $2::bigint[]) as added (organisation, n)
     order by organisation collate "C"
     on conflict (organisation) do update
     set n = chains.n + excluded.n
     returning organisation, n, head`,
    [[...counts.keys()], [...counts.values()], start],
  )
}

export type NewEntry = {
  id: string
  recordHash: Bytes
  salt: Bytes
  chain: Bytes
  commitment: Bytes
  organisation?: string
  n?: number
  previous?: Bytes
  salt2?: Bytes
}

/** Writes the entries and the new heads of their chains, in one statement. */
export async function insertEntries(tx: Tx, entries: readonly NewEntry[], heads: ReadonlyMap<string, Bytes>, at: Date): Promise<void> {
  const column = <K extends keyof NewEntry>(name: K) => entries.map((entry) => entry[name] ?? null)
  await query(
    tx,
    `with moved as (
       update ledger.chains
       set head = moving.head
       from unnest($11::text[], $12::bytea[]) as moving (organisation, head)
       where chains.organisation = moving.organisation
     )
     insert into ledger.entries (id, record_hash, salt, chain, commitment, organisation, n, previous, salt2, appended_at)
     select added.*, $10
     from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::text[], $7::bigint[], $8::bytea[], $9::bytea[]) as added`,
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
      [...heads.keys()],
      [...heads.values()],
    ],
  )
}

export type Head = { size: number; root: Bytes }
export type SignedHead = { size: number; note: string }

export async function lastHead(db: Db | Tx): Promise<Head> {
  const head = await queryOne<Head>(db, 'select size, root from ledger.heads order by size desc limit 1')
  if (!head) throw new Error('the ledger has lost its first head')
  return head
}

/** When the last head was made. */
export async function lastHeadAt(db: Db | Tx): Promise<Date> {
  const head = await queryOne<{ created_at: Date }>(db, 'select created_at from ledger.heads order by size desc limit 1')
  return head!.created_at
}

export function headAt(db: Db | Tx, size: number): Promise<(Head & { note: string | null }) | undefined> {
  return queryOne(db, 'select size, root, note from ledger.heads where size = $1', [size])
}

export function lastSignedHead(db: Db | Tx): Promise<SignedHead | undefined> {
  return queryOne(db, 'select size, note from ledger.heads where note is not null order by size desc limit 1')
}

/** Those passed over after a restore stay unsigned for good. */
export function unsignedHeads(db: Db | Tx): Promise<Head[]> {
  return query(db, 'select size, root from ledger.heads where note is null and size > 0 and not passed order by size')
}

/** The newest signed head that somebody else has cosigned: until then nobody outside is shown it. */
export function lastShownHead(db: Db | Tx): Promise<SignedHead | undefined> {
  return queryOne(
    db,
    `select size, note
     from ledger.heads
     where note is not null and exists (select from ledger.cosignatures as c where c.size = heads.size)
     order by size desc
     limit 1`,
  )
}

/** Only where no note stands yet; the database refuses a second. */
export async function storeNote(tx: Tx, size: number, note: string): Promise<void> {
  await query(tx, 'update ledger.heads set note = $2 where size = $1 and note is null', [size, note])
}

export function pendingEntries(tx: Tx, limit: number): Promise<{ id: string; commitment: Bytes }[]> {
  return query(
    tx,
    `select id, commitment
     from ledger.entries
     where leaf_index is null
     order by appended_at, id
     limit $1`,
    [limit],
  )
}

export type NextHead = Head & { previousRoot: Bytes; leaf: Bytes; full: readonly FullTile[]; at: Date }

/**
 * Compare and swap: the head, its leaf and the tiles it fills are written only if the head before is still the last and has that root.
 * False if another closer was first; then nothing was written.
 */
export async function insertHead(tx: Tx, next: NextHead): Promise<boolean> {
  const { size, root, previousRoot, leaf, full, at } = next
  const rows = await query(
    tx,
    `with head as (
       insert into ledger.heads (size, root, created_at)
       select before.size + 1, $2, $4
       from ledger.heads as before
       where before.size = $1::bigint - 1 and before.root = $3
       on conflict (size) do nothing
       returning size
     ), leaf as (
       insert into ledger.leaves (index, root)
       select size - 1, $5
       from head
     ), filled as (
       insert into ledger.tiles (level, n, root)
       select tile.level, tile.n, tile.root
       from head, unnest($6::integer[], $7::bigint[], $8::bytea[]) as tile (level, n, root)
     )
     select size
     from head`,
    [size, root, previousRoot, at, leaf, full.map((tile) => tile.level), full.map((tile) => tile.n), full.map((tile) => tile.root)],
  )
  return rows.length === 1
}

export type Place = { id: string; slot: number }

/** Writes where each entry stands. `paths` holds their paths one after another, each `pathBytes` long, in the order of the places. */
export async function placeEntries(tx: Tx, leafIndex: number, places: readonly Place[], paths: Bytes, pathBytes: number): Promise<number> {
  const rows = await query<{ placed: number }>(
    tx,
    `with placed as (
       update ledger.entries
       set leaf_index = $1, slot = place.slot, path = substring($4::bytea from ((place.nth - 1) * $5 + 1)::integer for $5::integer)
       from unnest($2::uuid[], $3::integer[]) with ordinality as place (id, slot, nth)
       where entries.id = place.id and entries.leaf_index is null
       returning 1
     )
     select count(*) as placed
     from placed`,
    [leafIndex, places.map((place) => place.id), places.map((place) => place.slot), paths, pathBytes],
  )
  return rows[0]!.placed
}

/** These tiles as far as they are filled, by name, as rows of hashes. Level 0 is hashed from the leaves, the rest are roots of the tiles below. */
export async function readTiles(db: Db | Tx, tiles: readonly TileId[]): Promise<Map<string, Bytes>> {
  const rows = await query<TileId & { row: Bytes | null }>(
    db,
    `select tile.level, tile.n, case when tile.level = 0 then leaf.row else below.row end as row
     from unnest($1::integer[], $2::bigint[]) as tile (level, n)
     left join lateral (
       select string_agg(root, ''::bytea order by index) as row
       from ledger.leaves
       where tile.level = 0 and index >= tile.n * 256 and index < (tile.n + 1) * 256
     ) as leaf on true
     left join lateral (
       select string_agg(tiles.root, ''::bytea order by tiles.n) as row
       from ledger.tiles
       where tiles.level = tile.level - 1 and tiles.n >= tile.n * 256 and tiles.n < (tile.n + 1) * 256
     ) as below on true`,
    [tiles.map((tile) => tile.level), tiles.map((tile) => tile.n)],
  )
  return new Map(rows.map(({ level, n, row }) => [tileName({ level, n }), rowOf(level, row)]))
}

function rowOf(level: number, row: Bytes | null): Bytes {
  if (row === null) return Buffer.alloc(0)
  return level === 0 ? leafHashes(row) : row
}

/** The interval roots `n * 256` and on, as far as there are any up to 256, as a row. */
export async function readLeaves(db: Db | Tx, n: number): Promise<Bytes> {
  const found = await queryOne<{ row: Bytes | null }>(
    db,
    `select string_agg(root, ''::bytea order by index) as row
     from ledger.leaves
     where index >= $1::bigint * 256 and index < ($1::bigint + 1) * 256`,
    [n],
  )
  return found?.row ?? Buffer.alloc(0)
}

export type PlacedEntry = {
  id: string
  salt: Bytes
  chain: Bytes
  n: number | null
  previous: Bytes | null
  salt2: Bytes | null
  index: number
  slot: number
  path: Bytes
}

export function placedEntries(db: Db | Tx, ids: readonly string[]): Promise<PlacedEntry[]> {
  return query(
    db,
    `select id, salt, chain, n, previous, salt2, leaf_index as index, slot, path
     from ledger.entries
     where id = any($1::uuid[]) and leaf_index is not null`,
    [ids],
  )
}

export type CosignedHead = { index: number; size: number; note: string; lines: string }

/** For each leaf, the smallest signed head that covers it and that a cosigner who counts cosigned, with the lines of all these names on it. */
export function cosignedHeads(
  db: Db | Tx,
  indexes: readonly number[],
  { counting, names }: { counting: readonly string[]; names: readonly string[] },
): Promise<CosignedHead[]> {
  return query(
    db,
    `select leaf.index, head.size, head.note, head.lines
     from unnest($1::bigint[]) as leaf (index)
     cross join lateral (
       select heads.size, heads.note, string_agg(cosignatures.line, '' order by cosignatures.cosigner collate "C") as lines
       from (
         select min(size) as size
         from ledger.cosignatures
         where size > leaf.index and cosigner = any($2::text[])
       ) as first
       join ledger.heads on heads.size = first.size and heads.note is not null
       join ledger.cosignatures on cosignatures.size = first.size and cosignatures.cosigner = any($3::text[])
       group by heads.size, heads.note
     ) as head`,
    [indexes, counting, names],
  )
}

export async function cosignatureLines(db: Db | Tx, size: number): Promise<string> {
  const found = await queryOne<{ lines: string | null }>(
    db,
    `select string_agg(line, '' order by cosigner collate "C") as lines
     from ledger.cosignatures
     where size = $1`,
    [size],
  )
  return found?.lines ?? ''
}

/** A cosigner's first word on a head stays; later ones of the same head are let go. */
export async function insertCosignatures(tx: Tx, size: number, lines: ReadonlyMap<string, string>): Promise<void> {
  await query(
    tx,
    `insert into ledger.cosignatures (size, cosigner, line)
     select $1, cosigner, line
     from unnest($2::text[], $3::text[]) as added (cosigner, line)
     on conflict (size, cosigner) do nothing`,
    [size, [...lines.keys()], [...lines.values()]],
  )
}

/** The last head of another log that we cosigned, '' for no note; its row is made if need be and stays locked until the transaction ends. */
export async function lockWitnessed(tx: Tx, origin: string, empty: Head): Promise<Head & { note: string }> {
  const rows = await query<Head & { note: string }>(
    tx,
    `insert into ledger.witnessed (origin, size, root, note)
     values ($1, $2, $3, '')
     on conflict (origin) do update
     set size = witnessed.size
     returning size, root, note`,
    [origin, empty.size, empty.root],
  )
  return rows[0]!
}

export async function storeWitnessed(tx: Tx, origin: string, head: Head & { note: string }): Promise<void> {
  await query(tx, 'update ledger.witnessed set size = $2, root = $3, note = $4 where origin = $1', [
    origin,
    head.size,
    head.root,
    head.note,
  ])
}

export async function witnessedNote(db: Db | Tx, origin: string): Promise<string | undefined> {
  const row = await queryOne<{ note: string }>(db, 'select note from ledger.witnessed where origin = $1 and size > 0', [origin])
  return row?.note
}

/** The length of a path of this many hashes, as it is stored. */
export const pathBytesOf = (hashes: number): number => hashes * HASH_BYTES
