import assert from 'node:assert/strict'
import { test } from 'node:test'
import { files, lineOf, textOf } from './source.ts'

/** `select … for update skip locked` belongs to a dispatcher that claims work; elsewhere it would hide rows. */
const dispatchers = ['exchange', 'platform', 'ledger']

/** The only text that may look into other modules' schemas, and why. */
const reachesAcross: Record<string, string> = {
  'src/modules/disclosure/guard/0001-guard.sql': 'the second lock of door 3 must not believe any module',
  'src/modules/disclosure/guard/0002-recall-items.sql': 'the same',
  'src/modules/disclosure/guard/0003-what-was-returned.sql': 'the same',
}

type Rule = { found: RegExp; why: string }

// What Citus, CockroachDB, YugabyteDB or a pooled connection do not have, or what would tell a reader of one row how many there are.
const portability: Rule[] = [
  { found: /\b(listen|notify|unlisten)\b\s+\w+|\bpg_notify\b/g, why: 'no listen or notify: poll a table' },
  { found: /\bpg_(try_)?advisory\w*/g, why: 'no advisory locks: lock a row' },
  { found: /\b(not\s+)?deferrable\b|\binitially\s+deferred\b/g, why: 'no deferrable constraint' },
  { found: /\bexclude\s+using\b/g, why: 'no exclusion constraint' },
  { found: /\b(small|big)?serial\b|\bserial[248]\b/g, why: 'no serial: ids are random, or counted by what they belong to' },
  {
    found: /\bcreate\s+(global\s+|local\s+)?temp(orary)?\b|\bunlogged\b/g,
    why: 'no temporary or unlogged table: a crash must not empty it',
  },
  { found: /\bcreate\s+extension\b/g, why: 'no extension' },
  { found: /\binherits\s*\(/g, why: 'no inheritance' },
  { found: /\btimestamp\b(?!tz)/g, why: 'timestamptz, never timestamp' },
  { found: /\b(varchar|char)\s*\(|\bmoney\b|\bjson\b(?!b)/g, why: 'text with a named check, numeric, jsonb' },
  {
    found: /\bgrant\s+all\b|\bto\s+public\b|\bsecurity\s+definer\b(?![\s\S]{0,80}\bset\s+search_path\b)/g,
    why: 'grant what is needed to whom it is needed by',
  },
]

const KEYWORDS =
  'select insert update delete create alter drop table schema view index from where into values set primary key unique check references foreign constraint not null default grant revoke on to returns trigger function begin end raise exception join and or order by group having returning using with exists'
    .toUpperCase()
    .split(' ')
const UPPER = new RegExp(`\\b(${KEYWORDS.join('|')})\\b`, 'g')

/** Comments and what stands in quotes blanked, lines kept. */
function bareSql(text: string): string {
  return text.replace(/--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'/g, (piece) => piece.replace(/[^\n]/g, ' '))
}

/** What is wrong with one migration, a line each. `module` owns exactly one schema, of its own name. */
export function sqlProblems(path: string, module: string, text: string): string[] {
  const sql = bareSql(text)
  const at = (index: number, why: string): string => `${path}:${lineOf(sql, index)} ${why}`
  const banned = portability.flatMap(({ found, why }) => [...sql.matchAll(found)].map((match) => at(match.index, why)))
  const upper = [...sql.matchAll(UPPER)].map((match) => at(match.index, `keywords are lower-case: ${match[0]}`))
  const skip = dispatchers.includes(module)
    ? []
    : [...sql.matchAll(/\bskip\s+locked\b/g)].map((match) => at(match.index, 'skip locked only where a dispatcher claims work'))
  return [...banned, ...upper, ...skip, ...unnamed(sql, at), ...(path in reachesAcross ? [] : foreignSchemas(sql, module, at))]
}

/** A constraint without a name cannot be told from another when it refuses. `not null` and `default` need none. */
function unnamed(sql: string, at: (index: number, why: string) => string): string[] {
  const rules = sql.matchAll(/\b(primary\s+key|unique(?=\s*(\(|,|\n|nulls))|check\s*\(|foreign\s+key|references\s+[\w.]+)/g)
  return [...rules].flatMap((match) => {
    const before = sql.slice(0, match.index).trimEnd()
    const named = /\bconstraint\s+\w+$/.test(before) || (match[0].startsWith('references') && /\bforeign\s+key\s*\([^)]*\)$/.test(before))
    const other = /\bcreate$/.test(before) || /\bgrant\b[^;]*$/.test(before)
    return named || other ? [] : [at(match.index, `a constraint without a name: ${match[0].replace(/\s+/g, ' ').trim()}`)]
  })
}

/** One schema a module: it makes its own, writes into its own, and points at no other. */
function foreignSchemas(sql: string, module: string, at: (index: number, why: string) => string): string[] {
  const made = [...sql.matchAll(/\bcreate\s+schema\s+(?:if\s+not\s+exists\s+)?(\w+)/g)].map((match) => ({
    index: match.index,
    schema: match[1]!,
    what: 'makes schema',
  }))
  const objects =
    /\b(?:create\s+(?:or\s+replace\s+)?(?:table|view|function|type|sequence)|alter\s+table|drop\s+table)\s+(?:if\s+(?:not\s+)?exists\s+)?([\w.]+)/g
  const owned = [...sql.matchAll(objects)].map((match) => ({ index: match.index, schema: schemaOf(match[1]!), what: 'touches' }))
  const used = [...sql.matchAll(/\b(?:references|from|join|into|update|on)\s+(\w+\.\w+)/g)].map((match) => ({
    index: match.index,
    schema: schemaOf(match[1]!),
    what: 'reaches into',
  }))
  const foreign = ({ schema }: { schema: string }): boolean => schema !== module && schema !== 'pg_catalog'
  return [...made, ...owned, ...used]
    .filter(foreign)
    .map(({ index, schema, what }) => at(index, `${what} ${schema || 'no schema at all'}; this module owns ${module}`))
}

const schemaOf = (name: string): string => (name.includes('.') ? name.split('.')[0]! : '')

const migrations = files('src/modules/*/{migrations,guard}/*').map((path) => ({
  path,
  module: path.split('/').at(-3)!,
  text: textOf(path),
}))

test('migrations use only what other PostgreSQL-speaking stores have too, in the house style', () => {
  assert.deepEqual(
    migrations.flatMap(({ path, module, text }) => sqlProblems(path, module, text)),
    [],
  )
})

test('migrations are numbered from 0001 without a gap', () => {
  const numbers = new Map<string, string[]>()
  for (const { path } of migrations) {
    const [, folder = '', name = ''] = path.match(/^(.*)\/([^/]+)$/) ?? []
    assert.match(name, /^\d{4}-[a-z0-9-]+\.sql$/, path)
    numbers.set(folder, [...(numbers.get(folder) ?? []), name.slice(0, 4)])
  }
  const counted = (found: string[]): string[] => found.map((_, index) => String(index + 1).padStart(4, '0'))
  for (const [folder, found] of numbers) assert.deepEqual(found, counted(found), folder)
})

const table = (rest: string): string => `create table permission.things (\n  id uuid not null,\n  ${rest}\n);`
const mustFail: [text: string, refusal: string][] = [
  ['listen changes;', 'listen'],
  ["select pg_notify('a', 'b');", 'listen'],
  ['select pg_advisory_xact_lock(1);', 'advisory'],
  [table('constraint things_pk primary key (id) deferrable initially deferred'), 'deferrable'],
  [table('constraint things_no exclude using gist (id with =)'), 'exclusion'],
  ['create table permission.things (n bigserial not null);', 'serial'],
  ['create table permission.things (at timestamp not null);', 'timestamptz'],
  ['create table permission.things (doc json not null);', 'jsonb'],
  ['create unlogged table permission.things (id uuid);', 'unlogged'],
  ['create extension pgcrypto;', 'extension'],
  ['grant all on permission.things to :desk;', 'grant what is needed'],
  ['grant select on permission.things to public;', 'grant what is needed'],
  ['CREATE table permission.things (id uuid);', 'lower-case'],
  [table('primary key (id)'), 'without a name'],
  ['create table permission.things (id uuid primary key);', 'without a name'],
  [table('unique (id)'), 'without a name'],
  [table("check (id <> 'x')"), 'without a name'],
  ['create table permission.things (id uuid not null references permission.others (id));', 'without a name'],
  [table('constraint things_case foreign key (id) references casework.cases (id)'), 'reaches into casework'],
  ['create view permission.v as select * from casework.cases;', 'reaches into casework'],
  ['create schema casework;', 'makes schema casework'],
  ['create table things (id uuid);', 'touches no schema'],
  ['create table casework.things (id uuid);', 'touches casework'],
  ['create view permission.v as select 1 from permission.a for update skip locked;', 'skip locked'],
]

test('SQL that would be refused is refused, and each for its own reason', () => {
  for (const [text, refusal] of mustFail) {
    const found = sqlProblems('x.sql', 'permission', text)
    assert.ok(
      found.some((line) => line.includes(refusal)),
      `${text}\n → ${found.join('; ') || 'nothing found'}`,
    )
  }
})

test('SQL in the house style is accepted', () => {
  const text = `create schema permission;
-- SELECT, listen x and serial in a comment
create table permission.things (
  id uuid not null,
  at timestamptz not null default now(),
  note text not null default 'CREATE it''s json',
  owner uuid not null,
  constraint things_pk primary key (id),
  constraint things_note check (note <> ''),
  constraint things_owner foreign key (owner) references permission.owners (id),
  constraint things_once unique (owner, at)
);
create unique index things_at on permission.things (at);
create trigger things_once before update on permission.things for each row execute function permission.refuse();
grant select, insert, references on permission.things to :desk;`
  assert.deepEqual(sqlProblems('x.sql', 'permission', text), [])
})
