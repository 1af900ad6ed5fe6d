import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { addPerson, issueToken, recognise, upsertOrganisation, type RoleId } from '#identity'
import { systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact, type Db } from '#platform/db'
import { createWeb } from '#platform/http'
import { silentLog } from '#platform/log'
import { api, FolderKeys } from '#reporting'
import { freshDatabase, type FreshDatabase } from '../../checks/database.ts'

const project = resolve(import.meta.dirname, '../..')
const makeCtx = (actor: Actor): Ctx => ({ now: () => new Date(), random: systemRandom, actor, log: silentLog })
const nobody = makeCtx({ id: 'somebody', name: 'Somebody', roles: [] })

let database: FreshDatabase
let desk: Db
let home: string
let portal: Awaited<ReturnType<typeof createWeb>>
let url: string
const tokens: Record<string, string> = {}

before(async () => {
  database = await freshDatabase(['identity', 'exchange', 'reporting'])
  desk = openDb(database.deskUrl)
  home = await mkdtemp(join(tmpdir(), 'import-'))
  await transact(desk, async (tx) => {
    const organisation = systemRandom.uuid()
    await upsertOrganisation(tx, { id: organisation, name: 'Marlow Fresh Ltd', identifiers: [], verified: true }, nobody)
    for (const [name, role] of [
      ['Asha Bell', 'reporter'],
      ['Orla Dane', 'client-contact'],
    ] as [string, RoleId][]) {
      const person = systemRandom.uuid()
      await addPerson(tx, { id: person, name, roles: [role], organisation }, nobody)
      tokens[name] = await issueToken(tx, { person }, nobody)
    }
  })
  portal = await createWeb({
    node: 'portal',
    title: 'Portal',
    origin: 'http://localhost:3000',
    log: silentLog,
    endpoints: api({ db: desk, folders: new FolderKeys(join(home, 'folders')), wait: 20 }),
    pages: [],
    authenticate: (given) => recognise(desk, given, nobody),
    makeCtx,
    health: async () => ({ ready: true, checks: {} }),
  })
  await portal.listen({ host: '127.0.0.1', port: 0 })
  url = `http://127.0.0.1:${(portal.server.address() as AddressInfo).port}`
  const people = Object.entries(tokens).map(([name, token]) => ({
    name,
    roles: [],
    organisation: 'Marlow Fresh Ltd',
    node: 'portal',
    token,
  }))
  await writeFile(join(home, 'try.json'), JSON.stringify({ nodes: { portal: { url } }, people }))
})

after(async () => {
  await portal.close()
  await closeDb(desk)
  await database.drop()
  await rm(home, { recursive: true })
})

type Run = { code: number | null; out: string; err: string; lines: any[] }

async function importing(...argv: string[]): Promise<Run> {
  const child = spawn(process.execPath, [join(project, 'src/main.ts'), 'import', ...argv], {
    env: { ...process.env, CONCORDAT_HOME: home },
  })
  const run: Run = { code: null, out: '', err: '', lines: [] }
  child.stdout.on('data', (text) => {
    run.out += text
  })
  child.stderr.on('data', (text) => {
    run.err += text
  })
  run.code = await new Promise((done) => child.on('close', done))
  if (argv.includes('--json'))
    run.lines = run.out
      .trimEnd()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  return run
}

let files = 0
async function fileOf(...lines: unknown[]): Promise<string> {
  files += 1
  const path = join(home, `incidents-${files}.ndjson`)
  await writeFile(path, `${lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')}\n`)
  return path
}

const breach = (id: string) => ({
  incident_id: id,
  summary: `A stolen password opened the orders of ${id}.`,
  timeline: { incident: { year: 2031, month: 5 } },
  action: { hacking: { variety: ['Use of stolen creds'], vector: ['Unknown'] } },
  attribute: { confidentiality: { data_disclosure: 'Yes', data_total: 77 } },
})

const ask = async (path: string) =>
  (await (await fetch(`${url}/api/v1${path}`, { headers: { authorization: `Bearer ${tokens['Asha Bell']}` } })).json()) as any
const titles = async (): Promise<string[]> => (await ask('/incidents')).incidents.map(({ title }: { title: string }) => title)
const asAsha = () => ['--portal', url, '--token', tokens['Asha Bell']!]

test('each line becomes an incident with a draft, and nothing is filed', async () => {
  const path = await fileOf(breach('EX-11'), { ...breach('EX-12'), security_incident: 'Near miss' })
  const run = await importing('veris', path, ...asAsha(), '--json')
  assert.deepEqual([run.code, run.err], [0, ''])
  const [first, second, sum] = run.lines
  assert.deepEqual([first.line, first.incident, first.outcome], [1, 'EX-11', 'imported'])
  assert.ok(
    first.left.some((one: any) => one.path === 'attribute.confidentiality.data_total' && /no question of the NCSC/.test(one.reason)),
  )
  assert.deepEqual([sum.sum.lines, sum.sum.imported, sum.sum.refused], [2, 2, 0])
  const page = await ask(`/incidents/${first.id}`)
  assert.deepEqual([page.title, page.reference, page.kind, page.submissions], ['VERIS EX-11 (2031-05)', first.reference, 'incident', []])
  const draft = await ask(`/incidents/${first.id}/draft`)
  assert.equal(draft.answers.length, first.answers)
  assert.deepEqual(draft.mistakes, [])
  assert.ok(draft.answers.every((one: any) => one.state === 'new' && one.audience.join() === 'ncsc'))
  assert.equal(draft.answers.find((one: any) => one.question === 'q19').value, 'A stolen password opened the orders of EX-11.')
  assert.deepEqual(draft.answers.find((one: any) => one.question === 'q24-route').value, { notYetKnown: true })
  assert.equal((await ask(`/incidents/${second.id}`)).kind, 'near-miss')
  assert.equal((await query(desk, 'select 1 from reporting.filings')).length, 0)
})

test('with --to both, a question of one body is answered to that one alone', async () => {
  const run = await importing('veris', await fileOf(breach('EX-13')), ...asAsha(), '--to', 'both', '--json')
  const draft = await ask(`/incidents/${run.lines[0].id}/draft`)
  const audience = (question: string) => draft.answers.find((one: any) => one.question === question).audience
  assert.deepEqual([audience('q19'), audience('q36-records')], [['ico', 'ncsc'], ['ico']])
})

test('a line that is wrong is refused with a pointer, and stops none of the others', async () => {
  const wrong = [
    '{"incident_id": ',
    { ...breach('EX-14'), timeline: { incident: { year: 'then' } } },
    '',
    { security_incident: 'Confirmed' },
  ]
  const run = await importing('veris', await fileOf(breach('EX-15'), ...wrong, breach('EX-16')), ...asAsha(), '--json')
  assert.equal(run.code, 1)
  assert.deepEqual(
    run.lines.slice(0, -1).map(({ line, outcome, pointer }) => [line, outcome, pointer]),
    [
      [1, 'imported', undefined],
      [2, 'refused', undefined],
      [3, 'refused', 'timeline.incident.year'],
      [5, 'refused', 'incident_id'],
      [6, 'imported', undefined],
    ],
  )
  assert.match(run.lines[1].reason, /not JSON/)
  assert.deepEqual([run.lines.at(-1).sum.imported, run.lines.at(-1).sum.refused], [2, 3])
  const known = await titles()
  assert.ok(known.includes('VERIS EX-16 (2031-05)') && !known.some((title) => title.includes('EX-14')))
})

test('in words: an outcome a line, then the rate and what was left', async () => {
  const run = await importing('veris', await fileOf(breach('EX-17'), 'no'), '--as', 'Asha Bell')
  assert.match(run.out, /^ {5}1 {2}imported {9}EX-17 {2}INC-[2-9A-Z]{4}-[2-9A-Z]{4} {2}[0-9a-f-]{36} {2}\d+ answers, \d+ left$/m)
  assert.match(run.out, /^ {5}2 {2}refused .*This is not JSON/m)
  assert.match(run.out, /^2 incidents: 1 imported, 1 refused; \d+ answers; [\d.]+ s, \d+ incidents a second$/m)
  assert.match(run.out, /Left most often/)
})

test('what a record says cannot steer the terminal', async () => {
  const run = await importing('veris', await fileOf({ ...breach('EX-18\u202e'), '\u001b[2J': 1 }), '--check')
  assert.equal(run.code, 0)
  assert.ok(!run.out.includes('\u001b') && !run.out.includes('\u202e') && run.out.includes('\ufffd'))
})

test('--check says the same without a portal, and changes nothing', async () => {
  const path = join(home, 'check.ndjson.gz')
  await writeFile(path, gzipSync(`${JSON.stringify(breach('EX-19'))}\nno\n`))
  const before = await titles()
  const run = await importing('veris', path, '--check', '--to', 'both', '--json')
  assert.equal(run.code, 1)
  assert.deepEqual(
    run.lines.slice(0, -1).map(({ outcome }) => outcome),
    ['can-be-imported', 'refused'],
  )
  assert.deepEqual(await titles(), before)
})

test('with --done a second run goes on where the first ended, and makes nothing twice', async () => {
  const done = join(home, 'done.ndjson')
  await importing('veris', await fileOf(breach('EX-21')), ...asAsha(), '--done', done)
  // As a break leaves it: a folder that was opened and has no draft yet, and a line cut off in the middle.
  const opened = await fetch(`${url}/api/v1/incidents`, {
    method: 'POST',
    headers: { 'authorization': `Bearer ${tokens['Asha Bell']}`, 'content-type': 'application/json' },
    body: JSON.stringify({ title: 'VERIS EX-22 (2031-05)' }),
  })
  const { id, reference } = (await opened.json()) as { id: string; reference: string }
  await appendFile(done, `${JSON.stringify({ incident: 'EX-22', id, reference, state: 'opened' })}\n{"incident":"EX-23","id":"0000`)
  const run = await importing(
    'veris',
    await fileOf(breach('EX-21'), breach('EX-22'), breach('EX-23')),
    ...asAsha(),
    '--done',
    done,
    '--json',
  )
  assert.deepEqual(
    run.lines.slice(0, -1).map(({ outcome }) => outcome),
    ['done-before', 'imported', 'imported'],
  )
  assert.equal(run.lines[1].id, id)
  assert.ok((await ask(`/incidents/${id}/draft`)).answers.length > 0)
  for (const name of ['EX-21', 'EX-22', 'EX-23']) assert.equal((await titles()).filter((title) => title.includes(name)).length, 1, name)
})

test('a draft that somebody changed meanwhile is not overwritten', async () => {
  const done = join(home, 'changed.ndjson')
  const first = await importing('veris', await fileOf(breach('EX-31')), ...asAsha(), '--json')
  const { id, reference } = first.lines[0]
  await writeFile(done, `${JSON.stringify({ incident: 'EX-31', id, reference, state: 'opened' })}\n`)
  const changed = { ...breach('EX-31'), summary: 'Something else.' }
  const run = await importing('veris', await fileOf(changed), ...asAsha(), '--done', done, '--json')
  assert.deepEqual([run.code, run.lines[0].outcome, run.lines[0].pointer], [1, 'refused', 'q19'])
  const draft = await ask(`/incidents/${id}/draft`)
  assert.match(draft.answers.find((one: any) => one.question === 'q19').value, /EX-31/)
})

test('whoever may not file imports nothing, and is told once', async () => {
  const path = await fileOf(breach('EX-41'), breach('EX-42'), breach('EX-43'), breach('EX-44'), breach('EX-45'), breach('EX-46'))
  for (const [token, code] of [
    [tokens['Orla Dane']!, /role-missing/],
    ['x'.repeat(43), /not-signed-in/],
  ] as const) {
    const run = await importing('veris', path, '--portal', url, '--token', token, '--json')
    assert.deepEqual([run.code, run.lines.length], [1, 1])
    assert.match(run.lines[0].stopped, code)
    assert.match(run.err, code)
  }
  assert.ok(!(await titles()).some((title) => /EX-4/.test(title)))
})

test('a portal that does not answer ends it with exit 1', async () => {
  const run = await importing('veris', await fileOf(breach('EX-51')), '--portal', 'http://127.0.0.1:1', '--token', 'x')
  assert.equal(run.code, 1)
  assert.match(run.err, /no answer/)
})

test('a file damaged in its gzip gives what came before, and exit 1', async () => {
  const path = join(home, 'cut.ndjson.gz')
  // Ids that do not compress, so that half of the file is half of the lines.
  const lines = Array.from({ length: 400 }, () => JSON.stringify({ incident_id: systemRandom.uuid(), summary: systemRandom.uuid() }))
  const whole = gzipSync(lines.join('\n'))
  await writeFile(path, whole.subarray(0, whole.length / 2))
  const run = await importing('veris', path, '--check', '--json')
  assert.equal(run.code, 1)
  assert.ok(run.lines.at(-1).sum.imported > 0 && run.lines.at(-1).sum.imported < 400, JSON.stringify(run.lines.at(-1).sum))
  assert.match(run.err, /is damaged/)
})

const misused: [string, string[], RegExp][] = [
  ['no form', [], /name the form/],
  ['another form', ['stix', 'x', '--check'], /name the form/],
  ['no file', ['veris', '--check'], /name the form/],
  ['a file that is not there', ['veris', '/nowhere.ndjson', '--check'], /cannot be read/],
  ['nobody who imports', ['veris', 'x'], /say who imports/],
  ['two who import', ['veris', 'x', '--token', 'x', '--as', 'Asha Bell'], /say who imports/],
  ['somebody who is not there', ['veris', 'x', '--as', 'Gil Nobody'], /nobody here is called "Gil Nobody"/],
  ['a check with a portal', ['veris', 'x', '--check', '--portal', 'http://localhost'], /--check asks no portal/],
  ['another body', ['veris', 'x', '--check', '--to', 'sra'], /--to takes/],
  ['an unknown option', ['veris', 'x', '--fast'], /fast/],
]

for (const [what, argv, message] of misused)
  test(`wrong usage, exit 2: ${what}`, async () => {
    const run = await importing(...argv)
    assert.deepEqual([run.code, run.out], [2, ''])
    assert.match(run.err, message)
  })

test('a list of what is done that is none is left as it is', async () => {
  const path = await fileOf(breach('EX-61'))
  const text = await readFile(path, 'utf8')
  const run = await importing('veris', path, ...asAsha(), '--done', path)
  assert.equal(run.code, 2)
  assert.match(run.err, /no list of what was imported/)
  assert.equal(await readFile(path, 'utf8'), text)
})
