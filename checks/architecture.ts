import { posix } from 'node:path'
import { linesWith, type Import, type Source } from './source.ts'

/** The tables live in `architecture.test.ts`; these are the rules that read them. Each rule answers with what is wrong, a line each. */
export type Tables = {
  /** Module → modules whose door it may use. */
  mayImport: Record<string, readonly string[]>
  /** Folder below src → folders it may reach by a relative import. Modules and platform are reached by #name alone. */
  floors: Record<string, readonly string[]>
  /** Module → its files, beside store, api, routes, index and pages, that do work: they may use the store, disk, network and timers. */
  working: Record<string, readonly string[]>
  /** Path → why it may read a clock, draw randomness, or hold SQL outside a store. */
  clocks: Record<string, string>
  randomness: Record<string, string>
  sql: Record<string, string>
}

export type Role = 'rules' | 'store' | 'working' | 'edge' | 'test'

/** `src/modules/<module>/<rest>` as its module; anything else as the folder below `src`, or the file there. */
export function placeOf(path: string): { room: string; module?: string } {
  const [, room = '', module] = path.match(/^src\/([^/]+)(?:\/([^/]+))?/) ?? []
  return room === 'modules' && module ? { room, module } : { room: room.replace(/\.ts$/, '') }
}

export function roleOf(path: string, tables: Tables): Role {
  if (path.endsWith('.test.ts')) return 'test'
  const { room, module } = placeOf(path)
  if (room !== 'modules' || !module) return 'edge'
  const inside = path.slice(`src/modules/${module}/`.length)
  if (/(^|[/-])store\.ts$/.test(inside)) return 'store'
  if (/^(index|(api|routes)(-[a-z]+)?)\.ts$/.test(inside) || inside.startsWith('pages/')) return 'edge'
  return tables.working[module]?.some((name) => inside === `${name}.ts`) ? 'working' : 'rules'
}

/** A table names a file, or a folder by its closing slash. */
const listed = (path: string, table: Record<string, string>): boolean =>
  path in table || Object.keys(table).some((name) => name.endsWith('/') && path.startsWith(name))
const said = (source: Source, line: number, what: string): string => `${source.path}:${line} ${what}`
const target = (source: Source, one: Import): string => posix.join(posix.dirname(source.path), one.from)

/** What nobody may import from where they stand: walls between modules, and between the floors. */
export function wallViolations(source: Source, tables: Tables): string[] {
  return source.imports.flatMap((one) => {
    const problem = one.from.startsWith('.')
      ? relativeProblem(source, one, tables)
      : one.from.startsWith('#')
        ? nameProblem(source, one, tables)
        : undefined
    return problem ? [said(source, one.line, problem)] : []
  })
}

// A test may also reach for the tools that tests share.
const forTests = /^(checks|vectors)\//
const nodeFile = /^src\/nodes\/(portal|ncsc|ico)\.ts$/

function relativeProblem(source: Source, one: Import, tables: Tables): string | undefined {
  const { room, module } = placeOf(source.path)
  const to = target(source, one)
  if (!/\.(ts|json)$/.test(one.from)) return `imports '${one.from}': imports end in .ts`
  if (nodeFile.test(source.path) && nodeFile.test(to)) return `imports '${one.from}': nodes never import each other`
  if (source.path.endsWith('.test.ts') && forTests.test(to)) return undefined
  if (to.startsWith(module ? `src/modules/${module}/` : `src/${room}/`)) return undefined
  if (tables.floors[room]?.includes(placeOf(to).room)) return undefined
  return `imports '${one.from}', which leaves its ${module ? 'module' : 'folder'}: use #name`
}

function nameProblem(source: Source, one: Import, tables: Tables): string | undefined {
  const { room, module } = placeOf(source.path)
  const name = one.from.slice(1)
  if (name.startsWith('platform/')) return room === 'platform' ? `imports '${one.from}': inside platform imports are relative` : undefined
  if (!(name in tables.mayImport)) return `imports '${one.from}': no such module in the table, or not by its door`
  if (room === 'platform') return `imports '${one.from}': platform imports no module`
  if (module === name) return `imports its own door '${one.from}': inside a module imports are relative`
  if (module && !tables.mayImport[module]?.includes(name)) return `imports '${one.from}': the table has no edge ${module} → ${name}`
  return undefined
}

// What a rules file may use of Node: hashing and signatures compute; nothing here reads or writes the world.
const pureNode = ['node:crypto', 'node:buffer', 'node:util', 'node:path', 'node:module']
const worldly = ['pg', 'fastify', 'pino', 'undici', 'nunjucks']
const worldlyPlatform = /^#platform\/(db|home|http|postgres|migrations|config|jobs|keys|mail|metrics|views|processes)(\/|$)/

/** Rules are pure: no store, no input or output, no clock, no timer, no chance. */
export function rulesViolations(source: Source, tables: Tables): string[] {
  if (roleOf(source.path, tables) !== 'rules') return []
  const imports = source.imports.flatMap((one) => {
    const problem = impureImport(source, one, tables)
    return problem ? [said(source, one.line, `${problem} (rules are pure; a file that does work is named in the table "working")`)] : []
  })
  const own = linesWith(source, /\bfetch\s*[:=]/).length > 0
  const waits = own ? /\b(setTimeout|setInterval|setImmediate)\s*\(/ : /\b(setTimeout|setInterval|setImmediate|fetch)\s*\(/
  const timers = linesWith(source, waits).map((line) => said(source, line, 'waits or fetches in a rules file'))
  return [...imports, ...timers]
}

function impureImport(source: Source, one: Import, tables: Tables): string | undefined {
  if (one.from.startsWith('.')) {
    const role = roleOf(target(source, one), tables)
    if (role === 'store') return `imports the store '${one.from}'`
    return role === 'rules' || one.kind === 'type' ? undefined : `imports '${one.from}', which does work`
  }
  if (one.kind === 'type') return undefined
  if (one.from.startsWith('node:') && !pureNode.includes(one.from)) return `imports '${one.from}'`
  return worldly.includes(one.from) || worldlyPlatform.test(one.from) ? `imports '${one.from}'` : undefined
}

/** A store is reached by its module's own files, and holds nothing but queries: it imports no other store and no peer. */
export function storeViolations(source: Source, tables: Tables): string[] {
  if (roleOf(source.path, tables) !== 'store') return []
  return source.imports.flatMap((one) => {
    const outside = one.kind === 'value' && one.from.startsWith('node:') && !pureNode.includes(one.from)
    return outside ? [said(source, one.line, `a store imports '${one.from}': it holds queries and nothing else`)] : []
  })
}

const CLOCK = /\bnew Date\(\s*\)|\bDate\.now\s*\(|\bperformance\.now\s*\(|\bprocess\.hrtime\b|\bTemporal\.Now\b/
const CHANCE =
  /\b(randomBytes|randomUUID|randomInt|randomFill|randomFillSync|getRandomValues|generateKey|generateKeySync|generateKeyPair|generateKeyPairSync)\b/

/** Clock and chance come with `ctx`, so that time can be driven and two worlds run alike. `Math.random` has no place at all. */
export function sourceOfTruthViolations(source: Source, tables: Tables): string[] {
  if (source.path.endsWith('.test.ts')) return []
  const clock = listed(source.path, tables.clocks)
    ? []
    : linesWith(source, CLOCK).map((line) => said(source, line, 'reads a clock: take ctx.now()'))
  const chance = listed(source.path, tables.randomness)
    ? []
    : linesWith(source, CHANCE).map((line) => said(source, line, 'draws randomness: take ctx.random'))
  const dice = linesWith(source, /\bMath\.random\b/).map((line) => said(source, line, 'Math.random is never good enough'))
  return [...clock, ...chance, ...dice]
}

/** The environment is read in one place and typed there; only commands talk to the terminal. */
export function surroundingsViolations(source: Source): string[] {
  if (source.path.endsWith('.test.ts')) return []
  const mayRead = source.path === 'src/platform/config.ts' || source.path === 'src/main.ts'
  const mayPrint = source.path === 'src/main.ts' || source.path.startsWith('src/commands/')
  const env = mayRead
    ? []
    : linesWith(source, /\bprocess\.env\b/).map((line) => said(source, line, 'reads process.env: platform/config does'))
  const print = mayPrint
    ? []
    : linesWith(source, /\bconsole\s*\.|\bprocess\.(stdout|stderr)\b/).map((line) =>
        said(source, line, 'prints: only commands do; use ctx.log'),
      )
  const shape = linesWith(source, /\bautoescape\s*:\s*false\b/).map((line) => said(source, line, 'turns autoescape off'))
  return [...env, ...print, ...shape]
}

// How statements begin. Prose begins so too ("Select what you want to share"), hence a second word of SQL in each.
const SQL = [
  /^\s*select\s[^']*\sfrom\s/i,
  /^\s*select\s+(1|count|now|pg_)/i,
  /^\s*insert\s+into\s/i,
  /^\s*update\s+[\w."]+(\s+\w+)?\s+set\s/i,
  /^\s*delete\s+from\s/i,
  /^\s*with\s+(recursive\s+)?\w+(\s*\([^)]*\))?\s+as\s/i,
  /^\s*(create|alter|drop)\s+(table|schema|role|database|function|trigger|index|view|type|user)\s/i,
  /^\s*(truncate|lock\s+table)\s/i,
  /^\s*(grant|revoke)\s[\w\s,*]+\son\s/i,
  /^(begin|commit|rollback|savepoint \w+)$/i,
]

/** Every query of a module stands in its store, where it can be read as SQL and counted. */
export function sqlViolations(source: Source, tables: Tables): string[] {
  if (source.path.endsWith('.test.ts') || listed(source.path, tables.sql) || roleOf(source.path, tables) === 'store') return []
  const texts = source.literals
    .filter(({ text }) => SQL.some((start) => start.test(text)))
    .map(({ line }) => said(source, line, 'holds SQL outside a store'))
  const named = /import\s*(?!type)\{[^}]*\b(query|queryOne)\b[^}]*\}\s*from\s*'#platform\/db'/g
  const calls = [...source.bare.matchAll(named)].map((match) =>
    said(source, source.bare.slice(0, match.index).split('\n').length, 'queries outside a store'),
  )
  return [...texts, ...calls]
}

const LONGEST = { source: 350, test: 800 }

export function sizeViolations(source: Source): string[] {
  const longest = source.path.endsWith('.test.ts') ? LONGEST.test : LONGEST.source
  const lines = source.text.trimEnd().split('\n').length
  return lines > longest ? [`${source.path} has ${lines} lines, more than ${longest}`] : []
}

/** A name from the table that no file bears any more, or an edge nobody uses, is an invitation. */
export function staleEntries(tables: Tables, all: readonly Source[]): string[] {
  const exists = (name: string): boolean => all.some(({ path }) => path === name || (name.endsWith('/') && path.startsWith(name)))
  const paths = Object.entries(tables.working).flatMap(([module, names]) => names.map((name) => `src/modules/${module}/${name}.ts`))
  const working = paths.filter((path) => !exists(path)).map((path) => `working: ${path} does not exist`)
  const others = (['clocks', 'randomness', 'sql'] as const).flatMap((table) =>
    Object.keys(tables[table])
      .filter((name) => !exists(name))
      .map((name) => `${table}: ${name} does not exist`),
  )
  return [...working, ...others]
}

/** Every circle among these arrows, as the names along it. */
export function cyclesIn(arrows: Record<string, readonly string[]>): string[] {
  const done = new Set<string>()
  const found: string[] = []
  const walk = (name: string, way: string[]): void => {
    if (way.includes(name)) found.push([...way.slice(way.indexOf(name)), name].join(' → '))
    if (way.includes(name) || done.has(name)) return
    for (const next of arrows[name] ?? []) walk(next, [...way, name])
    done.add(name)
  }
  for (const name of Object.keys(arrows)) walk(name, [])
  return found
}

/** Which file runs which when types are stripped. */
export function arrowsBetweenFiles(all: readonly Source[]): Record<string, string[]> {
  const relative = (source: Source): string[] =>
    source.imports.filter((one) => one.kind === 'value' && one.from.startsWith('.')).map((one) => target(source, one))
  return Object.fromEntries(all.map((source) => [source.path, relative(source)]))
}
