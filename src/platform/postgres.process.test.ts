import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import pg from 'pg'
import { AlreadyRunning } from './home.ts'
import { installedBinaries, makeLibraryLinks, sharedBinaries } from './postgres/binaries.ts'
import { type Place, placeOf } from './postgres/place.ts'
import { commandOf, environment } from './postgres/runner.ts'
import { startServer, stopServer } from './postgres/server.ts'
import { type Cluster, ClusterFault, type ClusterOptions, startCluster } from './postgres.ts'
import { endsWithin, startOf } from './processes.ts'

const isRoot = process.getuid?.() === 0
const rootOnly = { skip: !isRoot && 'needs root' }

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'concordat-pg-')))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

let used: Promise<string> | undefined
let shared: Promise<string> | undefined

/** One cluster for every test that leaves it as it finds it, stopped: to make one takes ten times as long as to start it. */
function usedFolder(): Promise<string> {
  used ??= makeUsedFolder()
  return used
}

async function makeUsedFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'concordat-pg-')))
  await (await startCluster({ folder: join(folder, 'postgres'), fsync: false })).stop()
  return join(folder, 'postgres')
}

/** Where nobody's copies lie, open to all; one for all tests. */
function sharedFolder(): Promise<string> {
  shared ??= makeSharedFolder()
  return shared
}

async function makeSharedFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'concordat-pg-')))
  await chmod(folder, 0o755)
  return join(folder, 'concordat')
}

after(async () => {
  for (const made of [used, shared]) if (made !== undefined) await rm(dirname(await made), { recursive: true, force: true })
})

async function started(t: TestContext, options: ClusterOptions): Promise<Cluster> {
  const cluster = await startCluster({ fsync: false, ...options })
  t.after(() => cluster.stop())
  return cluster
}

async function ask(cluster: Pick<Cluster, 'url' | 'superuser'>, ...statements: string[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(cluster.url(cluster.superuser.user, cluster.superuser.password))
  client.on('error', () => {})
  await client.connect()
  try {
    let rows: Record<string, unknown>[] = []
    for (const statement of statements) rows = (await client.query(statement)).rows
    return rows
  } finally {
    await client.end()
  }
}

type Child = { pid: number; server: number; data: string; url: string }

/** A process of its own that starts a cluster and says so, run by whoever `as` names. */
async function childWithCluster(t: TestContext, options: ClusterOptions, then = 'process.stdin.resume()', as: string[] = []) {
  const script = `
    import { startCluster } from ${JSON.stringify(new URL('./postgres.ts', import.meta.url).href)}
    import { readFileSync } from 'node:fs'
    try {
      const cluster = await startCluster(${JSON.stringify(options)})
      const server = Number(readFileSync(cluster.dataFolder + '/postmaster.pid', 'utf8').split('\\n')[0])
      const url = cluster.url(cluster.superuser.user, cluster.superuser.password)
      console.log(JSON.stringify({ pid: process.pid, server, data: cluster.dataFolder, url }))
      ${then}
    } catch (error) {
      console.log(JSON.stringify({ failed: error.code ?? error.message, message: error.message }))
    }`
  const [file, ...args] = [...as, process.execPath, '--input-type=module', '-e', script]
  const child = spawn(file!, args, { stdio: ['pipe', 'pipe', 'inherit'], cwd: '/' })
  t.after(() => child.kill('SIGKILL'))
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const [text] = await once(child.stdout, 'data')
  return { child, ended, ...(JSON.parse(String(text)) as Child & { failed?: string; message?: string }) }
}

async function assertEnds(pid: number, start: number | undefined): Promise<void> {
  assert.ok(start === undefined || (await endsWithin(pid, start, 5_000)), `process ${pid} goes on`)
}

test('a cluster starts, keeps what it was told, stops, and starts again', async (t) => {
  const folder = join(await temporaryFolder(t), 'ncsc', 'postgres')
  const cluster = await startCluster({ folder })
  await ask(cluster, 'drop table if exists kept', 'create table kept (n int)', 'insert into kept values (7)')
  assert.equal(cluster.dataFolder, join(folder, 'data'))
  await cluster.stop()
  await cluster.stop()
  const again = await started(t, { folder, fsync: true })
  assert.deepEqual(await ask(again, 'select n from kept'), [{ n: 7 }])
  assert.deepEqual((await readdir(folder)).sort(), ['data', 'log', 'secret'])
  assert.equal((await stat(join(folder, 'secret'))).mode & 0o777, 0o600)
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
})

test('it listens on 127.0.0.1 alone, wants a password, and sorts by the built-in locale', async (t) => {
  const cluster = await started(t, { folder: await usedFolder() })
  const [row] = await ask(
    cluster,
    `select current_setting('listen_addresses') as listens, current_setting('unix_socket_directories') as sockets,
            datlocprovider as provider, datlocale as locale, pg_encoding_to_char(encoding) as encoding
     from pg_database
     where datname = 'postgres'`,
  )
  assert.deepEqual(row, { listens: '127.0.0.1', sockets: '', provider: 'b', locale: 'C.UTF-8', encoding: 'UTF8' })
  await assert.rejects(ask({ ...cluster, superuser: { user: 'postgres', password: 'guess' } }, 'select 1'), { code: '28P01' })
})

test('neither statements, nor values, nor messages of errors reach the log', async (t) => {
  const folder = await usedFolder()
  const lines: string[] = []
  const cluster = await started(t, { folder, onLog: (line) => lines.push(line) })
  await ask(cluster, 'drop table if exists once', 'create table once (word text primary key)', "insert into once values ('CANARY')")
  for (const statement of [
    "insert into once values ('CANARY')",
    "select 'CANARY'::int",
    'select * from canary_table',
    "do $$ begin raise exception 'CANARY'; end $$",
    "do $$ begin raise warning 'CANARY'; end $$",
  ]) {
    await ask(cluster, statement).catch(() => {})
  }
  await cluster.stop()
  const log = await readFile(join(folder, 'log'), 'utf8')
  assert.match(log, /ready to accept connections/)
  for (const text of [log, lines.join('\n')]) {
    assert.doesNotMatch(text, /canary/i)
    assert.ok(!text.includes(cluster.superuser.password))
  }
})

test('of two starts at once on one folder one is refused, and the other is not disturbed', async (t) => {
  const folder = await usedFolder()
  const [first, second] = await Promise.allSettled([startCluster({ folder, fsync: false }), startCluster({ folder, fsync: false })])
  const [won, lost] = first.status === 'fulfilled' ? [first, second] : [second, first]
  assert.ok(won.status === 'fulfilled' && lost.status === 'rejected' && lost.reason instanceof AlreadyRunning)
  t.after(() => won.value.stop())
  assert.equal((await childWithCluster(t, { folder })).failed, 'already-running')
  assert.deepEqual(await ask(won.value, 'select 1 as one'), [{ one: 1 }])
})

test('kill -9 of the process that started it leaves no server, and the next start finds what was committed', async (t) => {
  const folder = await usedFolder()
  const one = await childWithCluster(t, { folder })
  const start = startOf(one.server)
  assert.ok(start !== undefined)
  await ask(
    { url: () => one.url, superuser: { user: '', password: '' } },
    'drop table if exists kept',
    'create table kept (n int)',
    'insert into kept values (7)',
  )
  one.child.kill('SIGKILL')
  await one.ended
  await assertEnds(one.server, start)
  assert.deepEqual(await ask(await started(t, { folder, fsync: true }), 'select n from kept'), [{ n: 7 }])
})

test('kill -9 of that process and of the server at once: the next start recovers', async (t) => {
  const folder = await usedFolder()
  const one = await childWithCluster(t, { folder })
  await ask(
    { url: () => one.url, superuser: { user: '', password: '' } },
    'drop table if exists kept',
    'create table kept (n int)',
    'insert into kept values (7)',
  )
  process.kill(one.server, 'SIGKILL')
  one.child.kill('SIGKILL')
  await one.ended
  const cluster = await started(t, { folder, fsync: true })
  assert.deepEqual(await ask(cluster, 'select n from kept'), [{ n: 7 }])
  assert.match(await readFile(join(folder, 'log'), 'utf8'), /not properly shut down/)
})

test('signals end the process as ever, and a process that forgets its cluster ends too; the server goes with it', async (t) => {
  const folder = await usedFolder()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const one = await childWithCluster(t, { folder, fsync: false })
    const start = startOf(one.server)
    one.child.kill(signal)
    assert.deepEqual(await one.ended, [null, signal])
    await assertEnds(one.server, start)
  }
  const forgetful = await childWithCluster(t, { folder, fsync: false }, '')
  assert.deepEqual(await forgetful.ended, [0, null])
  await assertEnds(forgetful.server, startOf(forgetful.server))
})

test('a start that was killed half-way is begun again', async (t) => {
  const folder = join(await temporaryFolder(t), 'postgres')
  await mkdir(join(folder, 'new-0123456789ab', 'data'), { recursive: true })
  await writeFile(join(folder, 'new-0123456789ab', 'password'), 'old')
  await started(t, { folder })
  assert.deepEqual((await readdir(folder)).sort(), ['data', 'log', 'secret'])
})

async function stoppedPlace(): Promise<Place> {
  const folder = await usedFolder()
  return placeOf({ folder, namespaces: true, shared: join(folder, 'shared'), say: () => {} })
}

/** A server nobody looks after, as one is left where setpriv(1) is missing. */
async function strayServer(t: TestContext, place: Place, program = place.binaries.postgres) {
  const prefix = place.runner.prefix.filter((word) => !['setpriv', '--pdeathsig', 'INT'].includes(word))
  const { file, args, ...user } = commandOf({ ...place.runner, prefix }, program, [
    '-D',
    place.data,
    '-c',
    'listen_addresses=',
    '-c',
    'unix_socket_directories=/tmp',
  ])
  const child = spawn(file, args, { ...user, env: environment(), cwd: '/', detached: true, stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  const ready = async (): Promise<boolean> => (await readFile(join(place.data, 'postmaster.pid'), 'utf8').catch(() => '')).includes('ready')
  for (let i = 0; i < 250 && !(await ready()); i++) await new Promise((resolve) => setTimeout(resolve, 20))
  return child
}

test('a server left over from an earlier start is stopped', async (t) => {
  const place = await stoppedPlace()
  const stray = await strayServer(t, place)
  const ended = once(stray, 'exit')
  const lines: string[] = []
  await started(t, { folder: place.folder, onLog: (line) => lines.push(line) })
  assert.deepEqual(await ended, [0, null])
  assert.match(lines.join('\n'), new RegExp(`left over .*${stray.pid}`))
})

test('a server of another program is not touched, and the start says which process it is', async (t) => {
  const place = await stoppedPlace()
  const foreign = await sharedBinaries(await installedBinaries(), await sharedFolder())
  const stray = await strayServer(t, place, foreign.postgres)
  await assert.rejects(
    startCluster({ folder: place.folder }),
    (error) => error instanceof ClusterFault && error.message.includes(`Process ${stray.pid} `),
  )
  assert.equal(stray.exitCode ?? stray.signalCode, null)
  const ended = once(stray, 'exit')
  stray.kill('SIGINT')
  await ended
  await started(t, { folder: place.folder })
})

test('a pid that another program has inherited does not stop the start, nor the program', async (t) => {
  const place = await stoppedPlace()
  const other = spawn('sleep', ['60'], { stdio: 'ignore' })
  t.after(() => other.kill('SIGKILL'))
  await writeFile(join(place.data, 'postmaster.pid'), `${other.pid}\n${place.data}\n1\n5432\n\n\n  1 1\nready\n`)
  await started(t, { folder: place.folder })
  assert.ok(startOf(other.pid!) !== undefined)
})

test('a port that was taken meanwhile is exchanged for another', async (t) => {
  const place = await stoppedPlace()
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  t.after(() => holder.close())
  const taken = (holder.address() as { port: number }).port
  const offered = [taken, taken]
  const picked = async (): Promise<number> => offered.pop() ?? (await freeOne())
  const trial = {
    connect: (port: number) => (port === taken ? Promise.reject(new Error('not ours')) : connects(port)),
    isFinal: () => false,
  }
  const server = await startServer(place, false, trial, picked)
  t.after(() => stopServer(server))
  assert.notEqual(server.port, taken)
})

async function freeOne(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Any answer will do, "wrong password" too. */
async function connects(port: number): Promise<void> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password: 'guess', database: 'postgres' })
  client.on('error', () => {})
  await client.connect().catch((error: { code?: string }) => {
    if (error.code !== '28P01') throw error
  })
}

test('a server that cannot start is reported with the end of its log, and the folder is free again', async (t) => {
  const place = await stoppedPlace()
  const version = join(place.data, 'PG_VERSION')
  await writeFile(version, '9\n')
  await assert.rejects(
    startCluster({ folder: place.folder }),
    (error) => error instanceof ClusterFault && /incompatible/.test(error.message),
  )
  await writeFile(version, '18\n')
  await (await startCluster({ folder: place.folder, fsync: false })).stop()
  const secret = join(place.folder, 'secret')
  const password = await readFile(secret)
  t.after(() => writeFile(secret, password))
  await rm(secret)
  await assert.rejects(startCluster({ folder: place.folder }), /password of the database is missing/)
  await writeFile(secret, 'another\n')
  await assert.rejects(startCluster({ folder: place.folder }), /is not that of the database/)
})

test('an awkward folder, below one that nobody else may enter, is no matter', async (t) => {
  const closed = await temporaryFolder(t)
  await chmod(closed, 0o700)
  const cluster = await started(t, { folder: join(closed, `it's "here" $HOME`, 'postgres') })
  assert.deepEqual(await ask(cluster, 'select 1 as one'), [{ one: 1 }])
  assert.equal((await stat(cluster.dataFolder)).uid, process.getuid!())
})

/** The project must lie where the other user can read it. */
function canRead(as: string[]): boolean {
  try {
    execFileSync(as[0]!, [...as.slice(1), process.execPath, '--check', join(import.meta.dirname, 'home.ts')], { stdio: 'ignore', cwd: '/' })
    return true
  } catch {
    return false
  }
}

for (const [who, uid] of [
  ['an ordinary user', 65534],
  ['a user whom the passwd file does not know', 54321],
] as const) {
  test(`${who} starts one too`, rootOnly, async (t) => {
    const as = ['setpriv', '--reuid', String(uid), '--regid', String(uid), '--clear-groups']
    if (!canRead(as)) return t.skip('the project lies where another user cannot read it')
    const folder = await temporaryFolder(t)
    await chown(folder, uid, uid)
    const one = await childWithCluster(t, { folder: join(folder, 'postgres'), fsync: false }, undefined, as)
    if (uid === 54321 && one.failed === 'cluster-fault' && /namespaces/.test(one.message!))
      return t.skip('namespaces are forbidden to users here')
    assert.equal(one.failed, undefined, one.message)
    assert.equal((await stat(one.data)).uid, uid)
    const start = startOf(one.server)
    one.child.kill('SIGKILL')
    await one.ended
    await assertEnds(one.server, start)
  })
}

test('what belongs to another user is refused in words', rootOnly, async (t) => {
  const as = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
  if (!canRead(as)) return t.skip('the project lies where another user cannot read it')
  const folder = await temporaryFolder(t)
  await mkdir(join(folder, 'postgres', 'data'), { recursive: true })
  await chown(folder, 65534, 65534)
  const one = await childWithCluster(t, { folder: join(folder, 'postgres') }, '', as)
  assert.equal(one.failed, 'cluster-fault')
  assert.match(one.message!, /belongs to another user/)
})

test('where namespaces are forbidden root runs it as nobody, from a copy, behind a link', rootOnly, async (t) => {
  const folder = join(await temporaryFolder(t), 'postgres')
  const options = { folder, namespaces: false, shared: await sharedFolder() }
  const one = await childWithCluster(t, options)
  assert.equal(one.failed, undefined, one.message)
  assert.equal((await stat(one.data)).uid, 65534)
  assert.equal(join(await readlink(folder), 'data'), one.data)
  assert.match(await readFile(`/proc/${one.server}/status`, 'utf8'), /^Uid:\t65534\t65534/m)
  await ask(
    { url: () => one.url, superuser: { user: '', password: '' } },
    'drop table if exists kept',
    'create table kept (n int)',
    'insert into kept values (7)',
  )
  const start = startOf(one.server)
  one.child.kill('SIGKILL')
  await one.ended
  await assertEnds(one.server, start)
  // Namespaces allowed again: whose the data is stays as it was.
  const cluster = await startCluster({ ...options, namespaces: true })
  assert.deepEqual(await ask(cluster, 'select n from kept'), [{ n: 7 }])
  await cluster.stop()
})

test('behind a link, a deleted home starts afresh, and data that is gone is not silently replaced', rootOnly, async (t) => {
  const folder = join(await temporaryFolder(t), 'postgres')
  const options = { folder, namespaces: false, shared: await sharedFolder(), fsync: false }
  const first = await startCluster(options)
  await first.stop()
  const place = await placeOf({ ...options, say: () => {} })
  const stray = await strayServer(t, place)
  const strayEnded = once(stray, 'exit')
  await rm(folder)
  const second = await startCluster(options)
  await strayEnded
  await second.stop()
  assert.notEqual(first.superuser.password, second.superuser.password)
  const to = await readlink(folder)
  assert.ok((await stat(`${to}.old`)).isDirectory())
  await rm(to, { recursive: true })
  await assert.rejects(startCluster(options), /which is gone/)
})

test('root keeps to the way its data was made', rootOnly, async () => {
  const folder = await usedFolder()
  await assert.rejects(startCluster({ folder, namespaces: false, shared: join(folder, 'shared') }), /user namespaces are allowed/)
})

/** A package as npm unpacks it: the libraries, and the list of links nobody made. */
async function bareLibraries(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t)
  await mkdir(join(folder, 'native', 'lib'), { recursive: true })
  await writeFile(join(folder, 'native', 'lib', 'libx.so.1.2'), 'x')
  const links = ['libx.so', 'libx.so.1'].map((name) => ({ source: 'native/lib/libx.so.1.2', target: `native/lib/${name}` }))
  await writeFile(join(folder, 'native', 'pg-symlinks.json'), JSON.stringify(links))
  return folder
}

test('library links are made by any number of starts at once, and mended', async (t) => {
  const folder = await bareLibraries(t)
  await symlink('libx.so.0', join(folder, 'native', 'lib', 'libx.so'))
  await Promise.all(Array.from({ length: 8 }, () => makeLibraryLinks(folder)))
  assert.deepEqual((await readdir(join(folder, 'native', 'lib'))).sort(), ['libx.so', 'libx.so.1', 'libx.so.1.2'])
  assert.equal(await readFile(join(folder, 'native', 'lib', 'libx.so'), 'utf8'), 'x')
})

test('where they cannot be made, the start says where and what to do', rootOnly, async (t) => {
  const as = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
  if (!canRead(as)) return t.skip('the project lies where another user cannot read it')
  const folder = await bareLibraries(t)
  await chmod(folder, 0o755)
  const script = `
    import { makeLibraryLinks } from ${JSON.stringify(new URL('./postgres/binaries.ts', import.meta.url).href)}
    await makeLibraryLinks(${JSON.stringify(folder)}).catch((error) => console.log(error.code, error.message))`
  const said = execFileSync(as[0]!, [...as.slice(1), process.execPath, '--input-type=module', '-e', script], { encoding: 'utf8', cwd: '/' })
  assert.match(said, /^cluster-fault .*native\/lib \(EACCES\).*npm rebuild/)
})

test('a package without its links is made ready and runs', async (t) => {
  const installed = await installedBinaries()
  const folder = await temporaryFolder(t)
  await cp(installed.folder, join(folder, 'native'), {
    recursive: true,
    verbatimSymlinks: true,
    filter: async (path) => !(await isLink(path)),
  })
  const version = (): string =>
    execFileSync(join(folder, 'native', 'bin', 'postgres'), ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  assert.throws(version)
  await makeLibraryLinks(folder)
  assert.match(version(), /PostgreSQL/)
})

async function isLink(path: string): Promise<boolean> {
  return (await readlink(path).catch(() => undefined)) !== undefined
}
