import type { Bytes } from '#platform/bytes'
import { fetchWithin } from '#platform/fetching'
import { HASH_BYTES, rangeHash, readerOf, sharedRanges, tileName, TILE_WIDTH, tilesFor, type TileId } from './tree.ts'

/** Reading somebody else's log from its public files (C2SP tlog-tiles). What is read is believed by nobody: it has to hash to a signed root. */

// A note is at most 16 KiB, a tile 8 KiB.
const MOST = 20_000
const PATIENCE = 5_000

/** A log cannot be read now; says nothing about the log. */
export class LogAway extends Error {
  readonly code = 'log-away'
}

async function read(url: string): Promise<Bytes> {
  const answer = await fetchWithin(url, MOST, AbortSignal.timeout(PATIENCE)).catch(() => undefined)
  if (answer?.status !== 200) throw new LogAway(`no answer from ${url}`)
  return answer.body
}

/** The newest checkpoint that the log at this address shows, cosignatures included. Throws LogAway. */
export async function fetchCheckpoint(base: string): Promise<string> {
  return Buffer.from(await read(`${base}/ledger/checkpoint`)).toString('utf8')
}

/** C2SP tlog-tiles: `<N>` in groups of three digits, all but the last beginning with x; `.p/<W>` for what is not yet full. */
export function tilePath({ level, n }: TileId, width: number): string {
  const digits = String(n)
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.{3}/g)!
  const path = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/')
  return `tile/${level}/${path}${width < TILE_WIDTH ? `.p/${width}` : ''}`
}

const widthOf = ({ level, n }: TileId, size: number): number =>
  Math.min(TILE_WIDTH, Math.floor(size / TILE_WIDTH ** level) - n * TILE_WIDTH)

/** Hashes that tie a smaller tree to this one of `size`, from the log's tiles; each tile is fetched once. Throws LogAway. */
export function pathsFrom(base: string, size: number): (smaller: number) => Promise<Bytes[]> {
  const tiles = new Map<string, Bytes>()
  const fetchTile = async (tile: TileId): Promise<void> => {
    if (tiles.has(tileName(tile))) return
    const width = widthOf(tile, size)
    const row = await read(`${base}/ledger/${tilePath(tile, width)}`)
    if (row.length !== width * HASH_BYTES) throw new LogAway('a tile of another length')
    tiles.set(tileName(tile), row)
  }
  return async (smaller) => {
    if (smaller === 0 || smaller >= size) return []
    const ranges = sharedRanges(smaller, size)
    for (const tile of tilesFor(ranges)) await fetchTile(tile)
    const reader = readerOf(tiles)
    return ranges.map((range) => rangeHash(range, reader))
  }
}
