import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { insertInbox } from '#exchange'
import { addPerson, issueToken, recognise, upsertOrganisation, type RoleId } from '#identity'
import { b64u } from '#platform/bytes'
import { systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact, type Db } from '#platform/db'
import { createWeb } from '#platform/http'
import { silentLog } from '#platform/log'
import { api, FolderKeys } from '#reporting'
import { freshDatabase, type FreshDatabase } from '../../checks/database.ts'

const project = resolve(import.meta.dirname, '../..')
const example = join(project, 'examples/marlow-fresh-ransomware.yaml')
const makeCtx = (actor: Actor): Ctx => ({ now: () => new Date(), random: systemRandom, actor, log: silentLog })
const nobody = makeCtx({ id: 'somebody', name: 'Somebody', roles: [] })

let database: FreshDatabase
let desk: Db
let gateway: Db
let home: string
let portal: Awaited<ReturnType<typeof createWeb>>
let url: string
let token: string
let counsel: string

before(async () => {
  database = await freshDatabase(['identity', 'exchange', 'reporting'])
  desk = openDb(database.deskUrl)
  gateway = openDb(database.gatewayUrl)
  home = await mkdtemp(join(tmpdir(), 'report-'))
  token = await transact(desk, async (tx) => {
    const organisation = systemRandom.uuid()
    await upsertOrganisation(tx, { id: organisation, name: 'Marlow Fresh Ltd', identifiers: [], verified: true }, nobody)
    const tokenOf = async (name: string, role: RoleId) => {
      const person = systemRandom.uuid()
      await addPerson(tx, { id: person, name, roles: [role], organisation }, nobody)
      return issueToken(tx, { person }, nobody)
    }
    counsel = await tokenOf('Nadia Flint', 'counsel')
    return tokenOf('Asha Bell', 'reporter')
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
  const people = [
    { name: 'Asha Bell', roles: ['reporter'], organisation: 'Marlow Fresh Ltd', node: 'portal', token },
    { name: 'Nadia Flint', roles: ['counsel'], organisation: 'Marlow Fresh Ltd', node: 'portal', token: counsel },
  ]
  await writeFile(join(home, 'try.json'), JSON.stringify({ nodes: { portal: { url } }, people }))
})

after(async () => {
  await portal.close()
  await Promise.all([closeDb(desk), closeDb(gateway)])
  await database.drop()
  await rm(home, { recursive: true })
})

type Run = { code: number | null; out: string; err: string }

function report(...argv: string[]): Promise<Run> {
  const child = spawn(process.execPath, [join(project, 'src/main.ts'), 'report', ...argv], {
    env: { ...process.env, CONCORDAT_HOME: home },
  })
  const run: Run = { code: null, out: '', err: '' }
  child.stdout.on('data', (text) => {
    run.out += text
  })
  child.stderr.on('data', (text) => {
    run.err += text
  })
  return new Promise((done) => child.on('close', (code) => done({ ...run, code })))
}

/** Both bodies answer everything filed so far and from now on, as long as the work lasts. */
async function whileAnswered<T>(state: 'accepted' | 'refused', work: Promise<T>): Promise<T> {
  const statement = `head.${b64u(Buffer.from(JSON.stringify({ state })))}.signature`
  const answer = async (): Promise<void> => {
    const open = await query<{ record: string; recipient: 'ico' }>(
      gateway,
      `select s.record, v.recipient from reporting.submissions s join reporting.views v on v.id = s.view
       where s.record not in (select answers from exchange.inbox)`,
    )
    for (const { record, recipient } of open) {
      const row = {
        id: systemRandom.uuid(),
        sender: recipient,
        kind: 'receipt' as const,
        organisation: null,
        answers: record,
        statement,
        recordHash: Buffer.alloc(32),
        logTime: null,
        state: 'accepted' as const,
        code: null,
      }
      await transact(gateway, (tx) => insertInbox(tx, row, new Date()))
    }
  }
  const timer = setInterval(() => void answer(), 50)
  return work.finally(() => clearInterval(timer))
}

async function fileWith(change: (text: string) => string): Promise<string> {
  const folder = await mkdtemp(join(home, 'file-'))
  await mkdir(folder, { recursive: true })
  const path = join(folder, 'report.yaml')
  await writeFile(path, change(await readFile(example, 'utf8')))
  return path
}

test('the example files: two references, and each body\u2019s answer when it comes', async () => {
  const run = await whileAnswered('accepted', report(example))
  assert.equal(run.err, '')
  assert.equal(run.code, 0)
  assert.match(run.out, /ICO-[2-9A-Z]{4}-[2-9A-Z]{4} {2}\(19 answers; not yet received\)/)
  assert.match(run.out, /NCSC-[2-9A-Z]{4}-[2-9A-Z]{4}: received by the NCSC/)
})

test('while no answer has come it says "not yet received", and that is filed all the same', async () => {
  const run = await report(example, '--wait', '0', '--json')
  const filed = JSON.parse(run.out)
  assert.equal(run.code, 0)
  assert.deepEqual(
    filed.submissions.map((one: { to: string; state: string; receipt: null }) => [one.to, one.state, one.receipt]),
    [
      ['ico', 'not-yet-received', null],
      ['ncsc', 'not-yet-received', null],
    ],
  )
})

test('a body that refuses makes exit 1', async () => {
  const run = await whileAnswered('refused', report(example))
  assert.equal(run.code, 1)
  assert.match(run.out, /refused: the ICO does not have it/)
})

test('without an account the token that reopens the folder is given', async () => {
  const run = await report(example, '--anonymous', '--wait', '0', '--json')
  const { resume, incident } = JSON.parse(run.out)
  assert.equal(run.code, 0)
  const page = await fetch(`${url}/api/v1/incidents/${incident.id}`, { headers: { authorization: `Bearer ${resume}` } })
  assert.equal(((await page.json()) as { organisation: { verified: boolean } }).organisation.verified, false)
})

test('a fault points at the answer, by line and question, and nothing is filed', async () => {
  const path = await fileWith((text) => text.replace('value: 2140', 'value: about two thousand').replace('question: q26', 'question: q62'))
  const line = (await readFile(path, 'utf8')).split('\n').findIndex((one) => one.includes('about two thousand')) + 1
  const run = await report(path)
  assert.equal(run.code, 1)
  assert.ok(run.err.includes(`${path}:${line}: `) && run.err.includes('(q36-people)'), run.err)
  assert.match(run.err, /\(q62\): There is no such question/)
  const told = JSON.parse((await report(path, '--json')).out)
  assert.deepEqual([told.code, told.mistakes.length, told.mistakes[1].line], ['invalid', 2, line])
})

const short = (more: string, answer = '') => `organisation: Marlow Fresh Ltd
${more}
answers:
  - question: q19
    value: Somebody rang the depot and asked for a password.
    audience: [ncsc]
${answer}`

const written = (text: string) => fileWith(() => text)
const incidents = async (bearer: string) =>
  ((await (await fetch(`${url}/api/v1/incidents`, { headers: { authorization: `Bearer ${bearer}` } })).json()) as { incidents: any[] })
    .incidents

test('a near miss is filed as one, and told to the NCSC alone', async () => {
  const run = await report(await written(short('title: A call\nkind: near-miss')), '--wait', '0', '--json')
  const { incident, submissions } = JSON.parse(run.out)
  assert.deepEqual([run.code, submissions.map((one: any) => one.to)], [0, ['ncsc']])
  assert.equal((await incidents(token)).find(({ id }) => id === incident.id).kind, 'near-miss')
  const path = await written(short('title: A call\nkind: near-miss').replace('[ncsc]', '[ico]'))
  const refused = await report(path)
  assert.equal(refused.code, 1)
  assert.ok(refused.err.includes(`${path}:7: answers.0.audience (q19): A near miss is told to the NCSC alone`), refused.err)
})

const privileged = `  - question: q42
    value: Counsel has asked a responder for a report.
    audience: [ncsc]
    privileged: true
`

test('privileged answers: counsel files them; of anybody else it says which lines wait for counsel', async () => {
  const path = await written(short('title: A call', privileged))
  const refused = await report(path)
  assert.equal(refused.code, 1)
  assert.match(refused.err, /counsel-needed/)
  assert.ok(refused.err.includes(`${path}:10: answers.1.privileged (q42): `), refused.err)
  for (const who of ['counsel', 'Nadia Flint']) {
    const run = await report(path, '--as', who, '--wait', '0')
    assert.deepEqual([run.code, run.err], [0, ''])
  }
  const named = await report(await written(short('title: A call\nas: counsel', privileged)), '--wait', '0')
  assert.deepEqual([named.code, named.err], [0, ''])
})

test('a later stage goes to the incident it names, under the same references, and corrects what was told', async () => {
  const first = JSON.parse((await report(await written(short('title: A call')), '--wait', '0', '--json')).out)
  const correction = `    correction: { why: The caller was identified. }\n`
  const update = (more: string) => short(`stage: update${more}`).replace('audience: [ncsc]\n', `audience: [ncsc]\n${correction}`)
  const before = (await incidents(token)).length
  for (const [file, flags] of [
    [update(''), ['--incident', first.incident.reference]],
    [update(''), ['--incident', first.incident.id]],
    [update(`\nincident: ${first.incident.reference}`), []],
  ] as const) {
    const run = await report(await written(file), ...flags, '--wait', '0', '--json')
    assert.equal(run.err, '')
    const { incident, submissions } = JSON.parse(run.out)
    assert.deepEqual(incident, first.incident)
    assert.deepEqual(
      submissions.map((one: any) => one.reference),
      first.submissions.map((one: any) => one.reference),
    )
  }
  assert.equal((await incidents(token)).length, before)
})

test('an incident that is not there, or is another\u2019s, is not reported to', async () => {
  const anonymous = JSON.parse((await report(example, '--anonymous', '--wait', '0', '--json')).out)
  for (const incident of [anonymous.incident.reference, 'INC-2222-2222']) {
    const run = await report(await written(short('stage: update')), '--incident', incident)
    assert.deepEqual([run.code, run.out], [1, ''])
    assert.match(run.err, /You have no incident "INC-.*\(not-found\)/)
  }
})

test('a correction of what was never told is refused, at its line', async () => {
  const path = await written(
    short('title: A call').replace('audience: [ncsc]\n', 'audience: [ncsc]\n    correction: { why: It was wrong. }\n'),
  )
  const run = await report(path)
  assert.equal(run.code, 1)
  assert.ok(run.err.includes(`${path}:7: answers.0.correction (q19): The NCSC has not been told this before`), run.err)
})

test('a token that is nobody\u2019s is refused', async () => {
  const run = await report(example, '--portal', url, '--token', 'x'.repeat(43))
  assert.equal(run.code, 1)
  assert.match(run.err, /not-signed-in/)
})

test('a portal that does not answer makes exit 1, and nothing is claimed', async () => {
  const run = await report(example, '--anonymous', '--portal', 'http://127.0.0.1:1')
  assert.deepEqual([run.code, run.out], [1, ''])
  assert.match(run.err, /no answer/)
})

const misused: [string, string[], RegExp][] = [
  ['sealing without keys to seal to', [example, '--seal'], /no key to seal to: --trust FILE/],
  ['a trust file that is none', [example, '--seal', '--trust', example], /is not a trust file|no key to seal to/],
  ['keys, and nothing to seal', [example, '--trust', 'trust.json'], /go with --seal/],
  ['no file', [], /name one file/],
  ['a file that is not there', ['/nowhere.yaml'], /cannot be read/],
  ['an unknown option', [example, '--fast'], /fast/],
  ['both a token and none', [example, '--anonymous', '--token', 'x'], /exclude each other/],
  ['a waiting time that is none', [example, '--wait', 'long'], /--wait/],
  ['a token and a person', [example, '--token', 'x', '--as', 'counsel'], /exclude each other/],
  [
    'a person who is not there',
    [example, '--as', 'Gil Nobody'],
    /nobody of "Marlow Fresh Ltd" .* there are Asha Bell \(reporter\); Nadia Flint/,
  ],
]

for (const [what, argv, message] of misused)
  test(`wrong usage, exit 2: ${what}`, async () => {
    const run = await report(...argv)
    assert.equal(run.code, 2)
    assert.match(run.err, message)
  })

const misfiled: [what: string, text: string, line: number, message: RegExp][] = [
  ['a later stage of nothing', short('title: A call\nstage: final'), 3, /a later stage belongs to an incident/],
  ['a new incident without a title', short('stage: initial'), 1, /needs a title/],
  ['a kind said again', short('incident: INC-2222-2222\nkind: near-miss'), 3, /opened before/],
  ['a kind that is none', short('title: A call\nkind: accident'), 3, /kind: /],
  ['a member that is none', short('title: A call\npriority: high'), 3, /priority/],
]

for (const [what, text, line, message] of misfiled)
  test(`wrong usage, exit 2, with the line: ${what}`, async () => {
    const path = await written(text)
    const run = await report(path)
    assert.equal(run.code, 2)
    assert.ok(run.err.includes(`${path}:${line}: `) && message.test(run.err), run.err)
  })

test('wrong usage, exit 2: what is no YAML, not a report, or of an organisation nobody here reports for', async () => {
  for (const [change, message] of [
    [() => 'a: [', /this is not YAML/],
    [() => 'title: only', /answers/],
    [
      (text: string) => text.replace('Marlow Fresh Ltd', 'Somebody Else'),
      /no reporter of "Somebody Else" is known here; known: Marlow Fresh Ltd/,
    ],
  ] as const) {
    const run = await report(await fileWith(change))
    assert.equal(run.code, 2)
    assert.match(run.err, message)
  }
})
