import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  arrowsBetweenFiles,
  cyclesIn,
  placeOf,
  rulesViolations,
  sizeViolations,
  sourceOfTruthViolations,
  sqlViolations,
  staleEntries,
  storeViolations,
  surroundingsViolations,
  wallViolations,
  type Tables,
} from './architecture.ts'
import { files, read, sources, textOf, type Source } from './source.ts'

/** Who may import whom. An edge more is one line here, which a reviewer must notice. Platform imports no module; nodes may use all. */
const mayImport = {
  ledger: [],
  agreement: [],
  identity: [],
  exchange: ['ledger'],
  reporting: ['exchange', 'identity', 'agreement'],
  duties: ['reporting', 'exchange'],
  factsheets: ['reporting', 'identity'],
  office: ['casework', 'enquiries', 'reporting'],
  front: ['reporting', 'duties', 'enquiries', 'evidence', 'exchange', 'identity', 'reads'],
  casework: ['exchange', 'identity', 'agreement'],
  enquiries: ['exchange', 'reporting', 'casework'],
  attachments: ['exchange', 'reporting', 'casework'],
  permission: ['exchange', 'ledger', 'identity', 'agreement', 'reporting', 'casework', 'enquiries'],
  enrolment: ['exchange', 'identity', 'agreement', 'permission', 'casework', 'reporting'],
  reconcile: ['ledger', 'exchange', 'casework', 'permission'],
  disclosure: ['agreement', 'permission', 'casework', 'reporting', 'exchange', 'ledger', 'identity'],
  statements: ['disclosure', 'casework', 'exchange', 'ledger'],
  reads: ['statements', 'disclosure', 'permission', 'reporting', 'casework', 'identity', 'exchange', 'ledger'],
  evidence: [
    'ledger',
    'exchange',
    'permission',
    'enquiries',
    'statements',
    'reads',
    'reporting',
    'disclosure',
    'casework',
    'agreement',
    'identity',
  ],
  register: ['reporting', 'duties', 'enquiries', 'evidence', 'permission', 'exchange', 'identity'],
}

/** Files that do work, beside each module's store, api, routes, index and pages. All others are rules: pure. */
const working = {
  agreement: ['agreement', 'folder'],
  attachments: ['accept', 'files', 'look', 'office', 'pdf', 'push', 'quarantine', 'sealing', 'submission', 'tidy', 'upload'],
  casework: ['acute', 'arrival', 'desk', 'opening', 'restricting'],
  disclosure: [
    'accept',
    'again',
    'dispatch',
    'door-3',
    'endings',
    'gateway',
    'holding',
    'interval',
    'keep',
    'peer-client',
    'peer-server',
    'put',
    'receive',
    'recovery',
    'requests',
    'standing',
  ],
  duties: ['alarms', 'recording', 'sight'],
  enquiries: ['answering', 'asking'],
  enrolment: ['calling', 'portal', 'sender', 'standing', 'suspending', 'telling'],
  exchange: ['requests'],
  factsheets: ['controller', 'processor'],
  front: ['context'],
  identity: [
    'accounts',
    'administration',
    'colleagues',
    'credentials',
    'enrolments',
    'mandates',
    'organisations',
    'people',
    'provider',
    'sign-ins',
    'team',
    'tokens',
    'upkeep',
  ],
  ledger: [
    'append',
    'cosigning',
    'heads-seen',
    'interval',
    'mirror',
    'proofs',
    'public-files',
    'restore',
    'rollback',
    'tile-client',
    'witness',
    'witness-server',
    'witness-state',
  ],
  permission: ['asking', 'ending', 'giving', 'portal', 'requests', 'restoring', 'sender', 'standing', 'starting', 'suspending'],
  reads: ['keeping', 'restoring', 'showing', 'telling'],
  register: ['export', 'keeping'],
  reconcile: ['house'],
  reporting: [
    'access',
    'draft-api',
    'draft-filing',
    'drafts',
    'filing',
    'folder',
    'opening',
    'own',
    'progress',
    'replies',
    'rights',
    'sealed-filing',
    'sending',
  ],
  statements: ['keeping', 'restoring', 'sending'],
}

/** Which folder below src may reach into which by a relative import. Modules and platform are reached by #name. */
const floors = { main: ['commands'], commands: ['nodes'] }

const clocks = {
  'src/main.ts': 'the edge where `ctx` is made',
  'src/nodes/': 'the edge where `ctx` is made',
  'src/platform/context.ts': 'the edge where `ctx` is made',
  'src/platform/postgres.ts': 'patience with another process',
  'src/platform/postgres/': 'patience with another process',
  'src/platform/home.ts': 'patience with another process',
  'src/platform/processes.ts': 'patience with another process',
  'src/modules/exchange/requests.ts': 'how long a caller waits for an answer',
  'src/modules/disclosure/gateway.ts': 'the pace of the interval: when to wake, never what is written',
  'src/commands/report.ts': 'how long a person waits for acknowledgements',
  'src/commands/witness.ts': 'the edge where `ctx` is made',
  'src/commands/reconcile.ts': 'the edge where `ctx` is made',
  'src/commands/import.ts': 'says how fast it went',
}

const randomness = {
  'src/platform/context.ts': 'the system source behind `ctx.random`',
  'src/platform/keys.ts': 'makes keys',
  'src/platform/at-rest.ts': 'nonces: two worlds must never share one',
  'src/platform/home.ts': 'names of files that live for a moment',
  'src/platform/postgres/': 'passwords, and names that live for a moment',
  'src/platform/provision.ts': 'passwords of the database roles',
  'src/nodes/founding.ts': 'makes keys and tokens, once',
  'src/commands/report.ts': 'a key for repeats, made where the person sits',
  'src/modules/attachments/sealing.ts': 'makes the key of a blob: two must never share one',
  'src/modules/reporting/folder.ts': 'makes the key of an organisation\u2019s folder',
}

const sql = {
  'src/platform/db.ts': 'begin, commit, rollback',
  'src/platform/migrations.ts': 'its own table',
  'src/platform/provision.ts': 'makes the database and its roles',
  'src/platform/postgres.ts': 'asks whether the server answers',
  'src/platform/postgres/': 'asks whether the server answers',
  'src/nodes/status.ts': 'asks whether the server answers',
  'src/nodes/books.ts': 'asks whether the server answers',
}

const tables: Tables = { mayImport, floors, working, clocks, randomness, sql }
const rooms = ['platform', 'modules', 'nodes', 'commands', 'main']

const all = sources('src/**/*.ts')
const nothing = (found: string[]): void => assert.deepEqual(found, [])
const everywhere = (rule: (source: Source, tables: Tables) => string[]): void => nothing(all.flatMap((source) => rule(source, tables)))

test('modules are entered by their door, along the edges of one table', () => everywhere(wallViolations))
test('rules are pure: no store, input, output, timer, clock or chance', () => everywhere(rulesViolations))
test('a store holds queries and nothing else', () => everywhere(storeViolations))
test('clocks and randomness come with the context', () => everywhere(sourceOfTruthViolations))
test('the environment is read in one place, only commands print, and autoescape stays on', () => everywhere(surroundingsViolations))
test('every query stands in a store or a migration', () => everywhere(sqlViolations))
test('no file outgrows what one can read', () => everywhere(sizeViolations))
test('the tables name nothing that is gone', () => nothing(staleEntries(tables, all)))

test('every folder below src is a room of the house', () => {
  nothing(all.map(({ path }) => path).filter((path) => !rooms.includes(placeOf(path).room)))
})

test('arrows point one way: between modules, and between files', () => {
  nothing(cyclesIn(mayImport))
  nothing(cyclesIn(arrowsBetweenFiles(all)))
})

test('package.json opens exactly the doors of the table', () => {
  const { imports } = JSON.parse(textOf('package.json')) as { imports: Record<string, string> }
  const doors = Object.keys(mayImport).map((name) => [`#${name}`, `./src/modules/${name}/index.ts`])
  assert.deepEqual(imports, Object.fromEntries([...doors, ['#platform/*', './src/platform/*.ts']]))
})

test('every module has a door and a README of at most 30 lines', () => {
  for (const module of new Set(all.flatMap(({ path }) => placeOf(path).module ?? []))) {
    assert.equal(files(`src/modules/${module}/index.ts`).length, 1, `${module} has no index.ts`)
    assert.equal(files(`src/modules/${module}/README.md`).length, 1, `${module} has no README.md`)
    const lines = textOf(`src/modules/${module}/README.md`).trimEnd().split('\n').length
    assert.ok(lines <= 30, `src/modules/${module}/README.md has ${lines} lines, more than 30`)
  }
})

// The rules above are of use only if they can fail. Each case: a path, a text, and a word of the refusal it must meet.
type Case = [path: string, text: string, refusal: string]
const refused = (name: string, rule: (source: Source, tables: Tables) => string[], cases: Case[]): void => {
  test(`${name} would be refused`, () => {
    for (const [path, text, refusal] of cases) {
      const found = rule(read(path, text), tables)
      assert.ok(found.length === 1 && found[0]!.includes(refusal), `${path}: ${text}\n → ${found.join('; ') || 'nothing found'}`)
    }
  })
}
const accepted = (name: string, rule: (source: Source, tables: Tables) => string[], cases: [path: string, text: string][]): void => {
  test(`${name} is accepted`, () => nothing(cases.flatMap(([path, text]) => rule(read(path, text), tables))))
}

refused('a way through a wall', wallViolations, [
  ['src/modules/ledger/tree.ts', "import { a } from '../exchange/store.ts'", 'leaves its module'],
  ['src/modules/ledger/pages/x.ts', "export * from '../../exchange/index.ts'", 'leaves its module'],
  ['src/modules/ledger/tree.ts', "const a = await import('../../nodes/ico.ts')", 'leaves its module'],
  ['src/modules/ledger/tree.ts', "import { a } from './note'", 'end in .ts'],
  ['src/modules/ledger/tree.ts', "import { a } from '#exchange'", 'no edge ledger → exchange'],
  ['src/modules/ledger/tree.ts', "import type { A } from '#exchange'", 'no edge ledger → exchange'],
  ['src/modules/exchange/envelope.ts', "import { a } from '#ledger/tree'", 'not by its door'],
  ['src/modules/exchange/envelope.ts', "import { a } from '#statistics'", 'no such module'],
  ['src/modules/exchange/envelope.ts', "import { a } from '#exchange'", 'its own door'],
  ['src/modules/exchange/envelope.test.ts', "import { a } from '../ledger/tree.ts'", 'leaves its module'],
  ['src/platform/jobs.ts', "import { a } from '#ledger'", 'platform imports no module'],
  ['src/platform/jobs.ts', "import { a } from '#platform/db'", 'relative'],
  ['src/platform/jobs.ts', "import { a } from '../modules/ledger/index.ts'", 'leaves its folder'],
  ['src/nodes/ico.ts', "import { a } from './ncsc.ts'", 'nodes never import each other'],
  ['src/nodes/ico.ts', "import { a } from '../modules/ledger/index.ts'", 'leaves its folder'],
  ['src/nodes/ico.ts', "import { a } from '../commands/start.ts'", 'leaves its folder'],
  ['src/commands/start.ts', "import { a } from '../modules/ledger/index.ts'", 'leaves its folder'],
  ['src/main.ts', "import { a } from './modules/ledger/store.ts'", 'use #name'],
])
accepted('what the table allows', wallViolations, [
  [
    'src/modules/exchange/envelope.ts',
    "import { a } from '#ledger'\nimport { b } from './item.ts'\nimport { c } from '#platform/bytes'\n// import { d } from '#casework'",
  ],
  ['src/modules/exchange/envelope.store.test.ts', "import { freshDatabase } from '../../../checks/database.ts'"],
  ['src/modules/exchange/envelope.ts', 'const example = "import { a } from \'#casework\'"'],
  ['src/nodes/together.ts', "import { a } from './ncsc.ts'\nimport { b } from '#evidence'"],
  ['src/main.ts', "import { a } from './commands/start.ts'"],
  ['src/commands/start.ts', "import { a } from '../nodes/together.ts'"],
  ['src/modules/ledger/vectors.test.ts', "import { a } from '../../../vectors/make-ledger.ts'"],
])

refused('a rule that is not pure', rulesViolations, [
  ['src/modules/permission/permission.ts', "import { a } from './store.ts'", 'imports the store'],
  ['src/modules/permission/permission.ts', "import type { Row } from './store.ts'", 'imports the store'],
  ['src/modules/permission/permission.ts', "import { a } from './sender.ts'", 'does work'],
  ['src/modules/permission/permission.ts', "import { a } from './api.ts'", 'does work'],
  ['src/modules/permission/permission.ts', "import { readFile } from 'node:fs/promises'", "imports 'node:fs/promises'"],
  ['src/modules/permission/permission.ts', "import { transact } from '#platform/db'", "imports '#platform/db'"],
  ['src/modules/permission/permission.ts', "import pg from 'pg'", "imports 'pg'"],
  ['src/modules/permission/permission.ts', 'setTimeout(() => {}, 5)', 'waits or fetches'],
  ['src/modules/permission/permission.ts', "await fetch('http://localhost')", 'waits or fetches'],
])
accepted('a pure rule, and a named file that works', rulesViolations, [
  [
    'src/modules/permission/permission.ts',
    "import { createHash } from 'node:crypto'\nimport type { Tx } from '#platform/db'\nimport { a } from './enrolment.ts'",
  ],
  ['src/modules/permission/sender.ts', "import { a } from './store.ts'\nimport { transact } from '#platform/db'"],
])

refused('a store with the world in it', storeViolations, [
  ['src/modules/ledger/store.ts', "import { readFile } from 'node:fs/promises'", 'queries and nothing else'],
])

refused('a clock or dice of one\u2019s own', sourceOfTruthViolations, [
  ['src/modules/ledger/store.ts', 'const at = new Date()', 'reads a clock'],
  ['src/modules/ledger/tree.ts', 'const at = Date.now()', 'reads a clock'],
  ['src/platform/http/limits.ts', 'const at = performance.now()', 'reads a clock'],
  ['src/modules/ledger/tree.ts', "import { randomBytes } from 'node:crypto'", 'draws randomness'],
  ['src/modules/identity/store.ts', 'const id = crypto.randomUUID()', 'draws randomness'],
  ['src/platform/context.ts', 'const n = Math.random()', 'Math.random'],
])
accepted('time and chance from the context', sourceOfTruthViolations, [
  [
    'src/modules/ledger/tree.ts',
    "const at = ctx.now(); const then = new Date(text); const id = ctx.random.uuid() // never Date.now()\nconst s = 'randomBytes'",
  ],
])

refused('the surroundings, touched', surroundingsViolations, [
  ['src/modules/ledger/tree.ts', "const home = process.env['HOME']", 'process.env'],
  ['src/modules/ledger/tree.ts', "console.log('x')", 'prints'],
  ['src/platform/log.ts', "process.stdout.write('x')", 'prints'],
  ['src/platform/views.ts', 'new Environment(loader, { autoescape: false })', 'autoescape'],
])
accepted('the surroundings from where they may be touched', surroundingsViolations, [
  ['src/main.ts', "console.log(process.env['HOME'])"],
  ['src/commands/verify.ts', "console.log('proved')"],
])

refused('a query outside a store', sqlViolations, [
  ['src/modules/ledger/tree.ts', "const q = 'select * from ledger.heads where size = $1'", 'SQL outside a store'],
  ['src/modules/ledger/api.ts', 'const q = `\n  insert into ledger.heads (size) values (1)`', 'SQL outside a store'],
  ['src/modules/ledger/api.ts', "const q = 'update ledger.heads set note = $1'", 'SQL outside a store'],
  ['src/modules/ledger/api.ts', "const q = 'delete from ledger.heads'", 'SQL outside a store'],
  ['src/modules/ledger/api.ts', "const q = 'with a as (select 1) select * from a'", 'SQL outside a store'],
  ['src/nodes/ico.ts', "await client.query('create role x')", 'SQL outside a store'],
  ['src/modules/ledger/api.ts', "import { queryOne, type Db } from '#platform/db'", 'queries outside a store'],
])
accepted('a query in a store, and prose that begins like one', sqlViolations, [
  ['src/modules/ledger/store.ts', "await query(db, 'select * from ledger.heads')"],
  [
    'src/modules/ledger/api.ts',
    "const say = 'Select what you want to share'; const other = 'Update your answer'; import { transact } from '#platform/db'",
  ],
])

refused('a file too long to read', sizeViolations, [
  ['src/modules/ledger/tree.ts', 'a\n'.repeat(351), 'more than 350'],
  ['src/modules/ledger/tree.test.ts', 'a\n'.repeat(801), 'more than 800'],
])

test('a circle and a stale entry would be found', () => {
  assert.deepEqual(cyclesIn({ a: ['b'], b: ['c'], c: ['a'], d: ['a'] }), ['a → b → c → a'])
  assert.deepEqual(cyclesIn({ a: ['b', 'c'], b: ['c'], c: [] }), [])
  const two = [read('src/a.ts', "import { b } from './b.ts'"), read('src/b.ts', "import { a } from './a.ts'")]
  assert.equal(cyclesIn(arrowsBetweenFiles(two)).length, 1)
  const types = [
    read('src/a.ts', "import { b } from './b.ts'"),
    read('src/b.ts', "import type { A } from './a.ts'\nimport { type B, type C } from './a.ts'"),
  ]
  assert.deepEqual(cyclesIn(arrowsBetweenFiles(types)), [])
  assert.deepEqual(staleEntries({ ...tables, working: { gone: ['gone'] }, clocks: {}, randomness: {}, sql: {} }, []), [
    'working: src/modules/gone/gone.ts does not exist',
  ])
})

test('comments, strings, templates and regular expressions are not taken for code', () => {
  const source = read(
    'a.ts',
    "const a = /[/'\"]/g // it's\nconst b = `x ${`y ${'z'}`} Date.now()` /* Date.now() */\nconst c = 4 / 2 / 1; const d = 'it\\'s'\nDate.now()",
  )
  assert.equal(source.code.length, source.text.length)
  assert.deepEqual([...source.code.matchAll(/Date\.now/g)].length, 1)
  assert.deepEqual(
    source.literals.map(({ text }) => text),
    ["x ${`y ${'z'}`} Date.now()", "it\\'s"],
  )
})
