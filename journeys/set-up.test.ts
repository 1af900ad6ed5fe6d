import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, chownSync, cpSync, globSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { homeAt, nodeNames } from '#platform/home'
import { endsWithin, startOf } from '#platform/processes'
import { treeOf } from './apart.ts'
import { asks, caseOf, discloses, eventually, freePorts, grants, personOf, reports, requestAt, settled, type Person } from './network.ts'

/** From a copy of the project in a folder that PostgreSQL's user cannot enter, as whoever runs the tests; and, for root, as nobody. */
const project = resolve(import.meta.dirname, '..')
const isRoot = process.getuid!() === 0
const hasNpm = spawnSync('npm', ['--version']).status === 0
const npm = { skip: !hasNpm && 'npm is not here' }

let closed: string
let copy: string
let port: number
const running = new Set<Started>()

before(async () => {
  closed = await mkdtemp(join(tmpdir(), 'concordat-closed-'))
  assert.equal(statSync(closed).mode & 0o777, 0o700)
  copy = copyOfProject(closed)
  port = await freePorts()
})
after(async () => {
  await Promise.all([...running].map((one) => one.end()))
  rmSync(closed, { recursive: true, force: true })
})

test('npm start brings up three nodes below a closed folder, and says where at localhost alone', npm, async () => {
  const first = await begin(['npm', 'start'], { cwd: copy }).ready()
  const addresses = first.said.match(/https?:\/\/[^\s"']+/g) ?? []
  const expected = nodeNames.map((_, index) => `http://localhost:${port + index}`)
  assert.deepEqual(addresses, expected)
  const world = worldIn(copy)
  assert.deepEqual(
    nodeNames.map((node) => world.nodes[node].url),
    expected,
  )
  for (const url of expected) assert.equal((await fetch(`${url}/health/ready`)).status, 200)
  assert.deepEqual(await permittedAndDisclosed(copy), { status: 201, state: 'accepted' })
  await stopsWhole(first, 'SIGTERM')
})

test('a second start finds what the first one kept, from whatever folder it is asked for, and refuses a third beside it', async () => {
  const second = await begin([join(copy, 'bin/concordat'), 'start'], { cwd: '/' }).ready()
  const handler = personOf(worldIn(copy), 'Callum Drey')
  assert.notDeepEqual((await handler.get('/cases')).body.cases, [])
  const beside = await begin([join(copy, 'bin/concordat'), 'start'], { cwd: copy }).ended()
  assert.deepEqual([beside.code, /already running in .*process \d+/.test(beside.said)], [1, true], beside.said)
  assert.equal((await handler.get('/cases')).status, 200, 'the one that runs goes on')
  await stopsWhole(second, 'SIGINT')
})

test('of two starts at once one runs and the other is told so', async () => {
  const home = join(closed, 'two')
  const both = [0, 1].map(() => begin([join(copy, 'bin/concordat'), 'start'], { env: { CONCORDAT_HOME: home } }))
  const loser = await Promise.race(both.map((one) => one.ended().then(() => one)))
  assert.deepEqual([loser.code, /already running/.test(loser.said)], [1, true], loser.said)
  const winner = await both.find((one) => one !== loser)!.ready()
  await stopsWhole(winner, 'SIGTERM')
})

test('after kill -9 of the supervisor nothing is left, and the next start has everything', async () => {
  const killed = await begin([join(copy, 'bin/concordat'), 'start'], { cwd: copy }).ready()
  const processes = killed.processes()
  process.kill(killed.pid, 'SIGKILL')
  await allEnd(processes)
  const next = await begin([join(copy, 'bin/concordat'), 'start'], { cwd: copy }).ready()
  assert.notDeepEqual((await personOf(worldIn(copy), 'Callum Drey').get('/cases')).body.cases, [])
  await stopsWhole(next, 'SIGTERM')
})

test('kill -9 of the supervisor while it starts leaves nothing either', async () => {
  for (const wait of [150, 600, 1200]) {
    const started = begin([join(copy, 'bin/concordat'), 'start'], { cwd: copy })
    await new Promise((done) => setTimeout(done, wait))
    const processes = started.processes()
    process.kill(started.pid, 'SIGKILL')
    await allEnd(processes)
  }
})

test('a port that is taken is named, and nothing is left', async () => {
  const other = createServer().listen(port + 1, '127.0.0.1')
  await once(other, 'listening')
  const started = begin([join(copy, 'bin/concordat'), 'start'], { cwd: copy })
  const { code, said } = await started.ended()
  other.close()
  assert.equal(code, 1)
  assert.match(said, new RegExp(`port ${port + 1} is taken.*CONCORDAT_PORT`))
  await allEnd(started.processes())
})

test('an edited policy is refused until it is signed, and then decides', async () => {
  const policy = globSync(join(copy, 'agreement/*/policy/door-3*.cedar'))[0]!
  appendFileSync(
    policy,
    '\n@clause("consent-before-disclosure")\n@code("permission-missing")\nforbid (principal, action == Concordat::Action::"disclose", resource);\n',
  )
  const refused = await begin([join(copy, 'bin/concordat'), 'start'], { cwd: copy }).ended()
  assert.equal(refused.code, 1)
  assert.match(refused.said, /not signed as it stands.*concordat sign-agreement/s)
  assert.equal(refused.said.match(/not signed/g)!.length, 1, 'it is said once')
  const signed = await begin([join(copy, 'bin/concordat'), 'sign-agreement'], { cwd: copy }).ended()
  assert.equal(signed.code, 0, signed.said)
  const started = await begin([join(copy, 'bin/concordat'), 'start'], { cwd: copy }).ready()
  assert.deepEqual(await permittedAndDisclosed(copy), { status: 403, code: 'permission-missing' })
  await stopsWhole(started, 'SIGTERM')
})

test('production refuses to start all three, and everything made while trying out: trust, keys, people', async () => {
  const env = { CONCORDAT_ENV: 'production', CONCORDAT_LEDGER_INTERVAL: '1000', CONCORDAT_FSYNC: 'on' }
  const home = homeAt(join(closed, 'earnest'))
  const found = await begin([join(copy, 'bin/concordat'), 'found'], { env: { CONCORDAT_HOME: home.folder } }).ended()
  assert.equal(found.code, 0, found.said)
  const run = async (...words: string[]) => {
    const { code, said } = await begin([join(copy, 'bin/concordat'), ...words], { env: { ...env, CONCORDAT_HOME: home.folder } }).ended()
    return { code, said }
  }
  const refused = async (words: string[], code: number, reason: RegExp) => {
    const outcome = await run(...words)
    assert.equal(outcome.code, code, outcome.said)
    assert.match(outcome.said, reason)
  }
  await refused(['start'], 2, /In production each runs its own/)
  await refused(['found'], 1, /In production each body makes its own keys/)
  await refused(['sign-agreement'], 1, /In production each body signs/)
  await refused(['node', 'ncsc'], 1, /trust file was made while trying out/)
  edit(home.trustFile, (trust) => ({ ...trust, environment: 'production' }))
  // Signatures that lie in the home are those of a deployment that signed for both: in earnest they lie beside the agreement.
  await refused(['node', 'ncsc'], 1, /not signed as it stands/)
  const agreement = globSync(join(copy, 'agreement/*'))[0]!
  cpSync(join(home.folder, 'signatures.json'), join(agreement, 'signatures.json'))
  await refused(['node', 'ncsc'], 1, /seed\.json was made while trying out/)
  rmSync(join(home.nodes.ncsc.folder, 'seed.json'))
  await refused(['node', 'ncsc'], 1, /\.json was made while trying out and is not used in production/)
  for (const key of globSync(join(home.nodes.ncsc.keys, 'gateway/*.json'))) edit(key, (file) => ({ ...file, tryingOut: false }))
  const earnest = await begin([join(copy, 'bin/concordat'), 'node', 'ncsc'], { env: { ...env, CONCORDAT_HOME: home.folder } }).ready(
    /ncsc is ready/,
  )
  const url = `http://localhost:${port + 1}`
  assert.equal((await fetch(`${url}/sign-in`)).status, 404, 'nobody chooses who they are')
  const status = await (await fetch(`${url}/status`)).text()
  assert.doesNotMatch(status, /trying out/i)
  await stopsWhole(earnest, 'SIGTERM')
})

const asNobody = { skip: !(isRoot && spawnSync('setpriv', ['--version']).status === 0) && 'only root can become somebody else' }

test('it runs as an ordinary user too, from a folder of that user\u2019s own, and again after kill -9', asNobody, async () => {
  const own = await mkdtemp(join(tmpdir(), 'concordat-own-'))
  try {
    const theirs = copyOfProject(own)
    for (const path of [own, ...globSync(`${theirs}/**`, { exclude: (name) => basename(name) === 'node_modules' })])
      chownSync(path, 65534, 65534)
    const words = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--', join(theirs, 'bin/concordat'), 'start']
    if (spawnSync(words[0]!, [...words.slice(1, 7), join(theirs, 'bin/node24'), '--version']).status !== 0) return
    const first = await begin(words, { cwd: theirs }).ready()
    assert.deepEqual(await permittedAndDisclosed(theirs), { status: 201, state: 'accepted' })
    assert.equal(statSync(join(theirs, '.concordat/ico/postgres/data')).uid, 65534)
    const processes = first.processes()
    process.kill(first.pid, 'SIGKILL')
    await allEnd(processes)
    const second = await begin(words, { cwd: theirs }).ready()
    assert.notDeepEqual((await personOf(worldIn(theirs), 'Callum Drey').get('/cases')).body.cases, [])
    await stopsWhole(second, 'SIGTERM')
  } finally {
    await Promise.all([...running].map((one) => one.end()))
    rmSync(own, { recursive: true, force: true })
  }
})

/** As a clone would lie there. What npm installed is linked, file by file where the disk allows it, because to install again takes long. */
function copyOfProject(folder: string): string {
  const to = join(folder, 'concordat')
  const left = new Set(['node_modules', '.git', '.concordat'].map((name) => join(project, name)))
  cpSync(project, to, { recursive: true, filter: (path) => !left.has(path) })
  const linked = spawnSync('cp', ['-al', join(project, 'node_modules'), join(to, 'node_modules')]).status === 0
  if (!linked) {
    rmSync(join(to, 'node_modules'), { recursive: true, force: true })
    symlinkSync(join(project, 'node_modules'), join(to, 'node_modules'))
  }
  return to
}

type Begun = { cwd?: string; env?: Record<string, string> }

class Started {
  said = ''
  code: number | null = null
  readonly child: ChildProcess
  readonly #exit: Promise<unknown>
  readonly #seen = new Map<number, number>()

  constructor(words: string[], { cwd = copy, env = {} }: Begun) {
    const own = Object.entries(process.env).filter(([name]) => !/^(CONCORDAT_|PG|npm_|NODE_)/.test(name))
    const settings = {
      CONCORDAT_PORT: String(port),
      CONCORDAT_SEED: 'people',
      CONCORDAT_LEDGER_INTERVAL: '50',
      CONCORDAT_LEDGER_SLOTS: '16',
      CONCORDAT_FSYNC: 'off',
      CONCORDAT_LOG_LEVEL: 'error',
    }
    this.child = spawn(words[0]!, words.slice(1), {
      cwd,
      env: { ...Object.fromEntries(own), ...settings, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.add(this)
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.on('data', (data) => {
        this.said += data
      })
    // `close` comes when nobody holds the pipes any more: not a node, not npm.
    this.#exit = once(this.child, 'close').then(() => {
      this.code = this.child.exitCode
      running.delete(this)
    })
  }

  /** The one that supervises: npm and the shell stand before it, or nobody does. */
  get pid(): number {
    return (
      this.processes()
        .map(([pid]) => pid)
        .find((pid) => commandOf(pid).includes('main.ts')) ?? this.child.pid!
    )
  }

  /** Every process that it was seen to have, with when it began. */
  processes(): [number, number][] {
    for (const pid of treeOf(this.child.pid!)) {
      const start = startOf(pid)
      if (start !== undefined) this.#seen.set(pid, start)
    }
    return [...this.#seen]
  }

  async ready(line = /^Ready\./m): Promise<this> {
    await eventually(async () => {
      if (this.child.exitCode !== null) throw new Error(`it does not start:\n${this.said}`)
      return line.test(this.said)
    }, 60)
    return this
  }

  async ended(): Promise<this> {
    while (this.child.exitCode === null && this.child.signalCode === null) {
      this.processes()
      await Promise.race([this.#exit, new Promise((done) => setTimeout(done, 100))])
    }
    await this.#exit
    return this
  }

  async end(): Promise<void> {
    const processes = this.processes()
    this.child.kill('SIGTERM')
    await Promise.race([this.#exit, new Promise((done) => setTimeout(done, 10_000).unref())])
    for (const [pid, start] of processes) if (startOf(pid) === start) process.kill(pid, 'SIGKILL')
  }
}

function begin(words: string[], begun: Begun): Started {
  return new Started(words, begun)
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

/** The signal goes to the process that was started, which for `npm start` is npm. */
async function stopsWhole(started: Started, signal: NodeJS.Signals): Promise<void> {
  const processes = started.processes()
  assert.ok(processes.length >= 3, 'nodes and databases were seen')
  started.child.kill(signal)
  await started.ended()
  await allEnd(processes)
}

async function allEnd(processes: [number, number][]): Promise<void> {
  const left = await Promise.all(
    processes.map(async ([pid, start]) => ((await endsWithin(pid, start, 20_000)) ? undefined : `${pid} ${commandOf(pid)}`)),
  )
  assert.deepEqual(
    left.filter((one) => one !== undefined),
    [],
  )
}

function worldIn(folder: string): any {
  return JSON.parse(readFileSync(join(folder, '.concordat/try.json'), 'utf8'))
}

function edit(path: string, change: (value: any) => unknown): void {
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')))))
}

/** The main story as far as door 3, over the API. */
async function permittedAndDisclosed(folder: string): Promise<{ status: number; state?: string; code?: string }> {
  const as = (name: string): Person => personOf(worldIn(folder), name)
  const [handler, officer, signatory] = [as('Callum Drey'), as('Sofia Kerr'), as('Gwen Marlow')]
  const { submissions } = await reports(as('Asha Bell'), [{ question: 'q19', value: 'We are locked out.', audience: ['ico', 'ncsc'] }])
  const { id } = await caseOf(handler, submissions['ncsc'].reference)
  const finding = (await handler.post(`/cases/${id}/findings`, { text: 'They came in through the VPN.' })).body.id
  await grants(signatory, await requestAt(signatory, await asks(handler, id, [finding])))
  const { status, body } = await discloses(officer, id, [finding])
  return status === 201 ? { status, state: (await settled(officer, body.id)).state } : { status, code: body.code }
}
