import { query, type Db } from '#platform/db'
import type { Network } from './network.ts'

/**
 * Every way these words may stand written down: as UTF-8, UTF-16LE or, for an id, its sixteen bytes; each of them plain, as hexadecimal
 * digits, and in both alphabets of base64 at each of the three places where a word can begin in it. Bytes are sought as such.
 */
export function spellings(words: (string | Buffer)[]): string[] {
  const all = words.flatMap((word) => {
    if (typeof word !== 'string') return encoded(word)
    const id = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(word) ? [Buffer.from(word.replaceAll('-', ''), 'hex')] : []
    return [word, ...[Buffer.from(word), Buffer.from(word, 'utf16le'), ...id].flatMap(encoded)]
  })
  return [...new Set(all)]
}

function encoded(bytes: Buffer): string[] {
  const shifted = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64url')
    // The first and last characters also depend on what stands beside the word.
    return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))
  })
  return [bytes.toString('hex'), ...shifted, ...shifted.map((text) => text.replaceAll('-', '+').replaceAll('_', '/'))]
}

/** Tables of this database with a row that holds one of the words, and how many such rows; its owner looks, so nothing is hidden. */
export async function tracesInTables(db: Db, words: (string | Buffer)[]): Promise<Record<string, number>> {
  const tables = await query<{ name: string }>(
    db,
    `select format('%I.%I', schemaname, tablename) as name
     from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema')
     order by 1`,
  )
  const found: Record<string, number> = {}
  const sought = spellings(words)
  for (const { name } of tables) {
    const [row] = await query<{ n: number }>(
      db,
      `with rows as materialized (select held::text as whole from ${name} as held)
       select count(*)::integer as n
       from rows
       where exists (select from unnest($1::text[]) as word where position(word in whole) > 0)`,
      [sought],
    )
    if (row!.n > 0) found[name] = row!.n
  }
  return found
}

/** Places at the ICO where one of the words can be found: any table, whatever its officers are shown, whatever anybody can fetch. */
export async function tracesAtIco(network: Network, words: string[]): Promise<string[]> {
  const shown = { ...(await seenByOfficers(network)), ...(await seenByAnybody(network.world.nodes.ico.url)) }
  const sought = spellings(words)
  const places = Object.entries(shown).filter(([, text]) => sought.some((word) => text.includes(word)))
  return [...Object.keys(await tracesInTables(network.owner.ico, words)), ...places.map(([place]) => place)]
}

async function seenByOfficers(network: Network): Promise<Record<string, string>> {
  const officer = network.as('Imran Vale')
  const { body } = await officer.get('/cases')
  const cases = await Promise.all(body.cases.map(async ({ id }: { id: string }) => (await officer.get(`/cases/${id}`)).body))
  return { 'GET /cases': JSON.stringify(body), 'GET /cases/{id}': JSON.stringify(cases) }
}

/** What is public at a node: its description, its health, and its ledger with every tile of entries. */
export async function seenByAnybody(url: string): Promise<Record<string, string>> {
  const read = async (path: string) => Buffer.from(await (await fetch(url + path)).arrayBuffer()).toString('latin1')
  const checkpoint = await read('/ledger/checkpoint')
  const size = Number(checkpoint.split('\n')[1])
  const tiles = Array.from(
    { length: Math.ceil(size / 256) },
    (_, n) => `/ledger/tile/entries/${tilePath(n)}${n === Math.floor(size / 256) ? `.p/${size % 256}` : ''}`,
  )
  const paths = ['/api/openapi.json', '/health/live', '/health/ready', ...tiles]
  return { '/ledger/checkpoint': checkpoint, ...Object.fromEntries(await Promise.all(paths.map(async (path) => [path, await read(path)]))) }
}

/** C2SP tlog-tiles: `1234067` is written `x001/x234/067`. */
function tilePath(n: number): string {
  const groups = String(n)
    .padStart(Math.ceil(String(n).length / 3) * 3, '0')
    .match(/\d{3}/g)!
  return groups.map((group, nth) => (nth < groups.length - 1 ? `x${group}` : group)).join('/')
}
