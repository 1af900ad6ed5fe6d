import type { Bytes } from '#platform/bytes'
import type { Db, Tx } from '#platform/db'
import { sizeFrom } from './note.ts'
import * as store from './store.ts'
import { HASH_BYTES, hashAt, hashCount, TILE_WIDTH, tileName } from './tree.ts'

export type LedgerFile = { type: string; body: Bytes; immutable: boolean }

type Wanted = { level: number | 'entries'; n: number; width: number }

/**
 * A file of the public log by its path below the log's prefix (C2SP tlog-tiles, "APIs"), or undefined where there is none. Shows nothing
 * beyond the newest head that another house has cosigned, and with it keeps every leaf: what anybody saw can be given back. Needs no more than the desk's rights.
 */
export async function readLedgerFile(db: Db | Tx, path: string): Promise<LedgerFile | undefined> {
  const signed = await store.lastShownHead(db)
  if (!signed) return undefined
  if (path === 'checkpoint') {
    const body = Buffer.from(signed.note + (await store.cosignatureLines(db, signed.size)))
    return { type: 'text/plain; charset=utf-8', body, immutable: false }
  }
  const wanted = readPath(path)
  if (!wanted || !covers(signed.size, wanted)) return undefined
  const body =
    wanted.level === 'entries' ? await entryBundle(db, wanted.n, wanted.width) : await tile(db, wanted.level, wanted.n, wanted.width)
  return { type: 'application/octet-stream', body, immutable: true }
}

/** C2SP tlog-tiles: `<N>` in groups of three digits, all but the last beginning with x, none needlessly; `.p/<W>` for a partial tile. */
const PATH = /^tile\/(entries|[0-9]|[1-5][0-9]|6[0-3])\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/

function readPath(path: string): Wanted | undefined {
  const [, level, groups, width] = PATH.exec(path) ?? []
  if (level === undefined || groups === undefined || groups.startsWith('x000/') || groups.length > 24) return undefined
  const n = Number(groups.replace(/[x/]/g, ''))
  const partial = width === undefined ? TILE_WIDTH : Number(width)
  if (width !== undefined && partial >= TILE_WIDTH) return undefined
  return { level: level === 'entries' ? 'entries' : sizeFrom(level), n, width: partial }
}

/** Every size up to the newest was a checkpoint, so every partial tile up to it is there, and stays. */
function covers(size: number, { level, n, width }: Wanted): boolean {
  const hashes = Math.floor(size / TILE_WIDTH ** (level === 'entries' ? 0 : level))
  return n * TILE_WIDTH + width <= hashes
}

async function tile(db: Db | Tx, level: number, n: number, width: number): Promise<Bytes> {
  const row = (await store.readTiles(db, [{ level, n }])).get(tileName({ level, n }))!
  return row.subarray(0, width * HASH_BYTES)
}

/** C2SP tlog-tiles, "Log entries": each entry after its length as a big-endian uint16. */
async function entryBundle(db: Db | Tx, n: number, width: number): Promise<Bytes> {
  const row = await store.readLeaves(db, n)
  const entries = Array.from({ length: Math.min(width, hashCount(row)) }, (_, position) => hashAt(row, position))
  return Buffer.concat(entries.flatMap((entry) => [Buffer.of(0, HASH_BYTES), entry]))
}
