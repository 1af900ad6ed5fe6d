import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { AlreadyRunning, homeFolder, lockHome, openHome, readJson, writeFileAtomically } from './home.ts'
import { startOf } from './processes.ts'

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'concordat-home-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A process that asks for the lock, prints one line about how that went, and if it won stays until its input closes. */
function asker(t: TestContext, folder: string) {
  const script = `
    import { lockHome } from ${JSON.stringify(new URL('./home.ts', import.meta.url).href)}
    try {
      await lockHome(${JSON.stringify(folder)})
      console.log(JSON.stringify({ won: process.pid }))
      process.stdin.resume()
    } catch (error) {
      console.log(JSON.stringify({ lost: error.code, to: error.pid }))
    }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const said = once(child.stdout, 'data').then(([text]) => JSON.parse(String(text)) as { won?: number; lost?: string; to?: number })
  return { child, said, ended: once(child, 'exit') }
}

test('the home is .concordat in the project whatever the working folder, unless CONCORDAT_HOME says otherwise', () => {
  const project = resolve(import.meta.dirname, '../..')
  assert.equal(homeFolder({}), join(project, '.concordat'))
  assert.equal(homeFolder({ CONCORDAT_HOME: '' }), join(project, '.concordat'))
  assert.equal(homeFolder({ CONCORDAT_HOME: '/srv/there' }), '/srv/there')
})

test('every folder of a home is closed to others, and opening it again changes nothing', async (t) => {
  const home = await openHome(join(await temporaryFolder(t), 'state'))
  await openHome(home.folder)
  for (const path of [home.folder, home.nodes.ico.folder, home.nodes.ncsc.keys, home.nodes.portal.blobs]) {
    assert.equal((await stat(path)).mode & 0o777, 0o700, path)
  }
  assert.deepEqual((await readdir(home.folder)).sort(), ['ico', 'ncsc', 'portal'])
})

test('a file is replaced whole, with its mode, and nothing is left beside it', async (t) => {
  const folder = await temporaryFolder(t)
  const path = join(folder, 'try.json')
  await writeFileAtomically(path, '{"round":1}')
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  await writeFileAtomically(path, '{"round":2}', 0o644)
  assert.equal((await stat(path)).mode & 0o777, 0o644)
  assert.deepEqual(await readJson(path), { round: 2 })
  assert.deepEqual(await readdir(folder), ['try.json'])
})

test('a file that cannot be put in place leaves nothing beside it', async (t) => {
  const folder = await temporaryFolder(t)
  await assert.rejects(writeFileAtomically(folder, 'x'))
  await assert.rejects(writeFileAtomically(join(folder, 'missing', 'file'), 'x'))
  assert.deepEqual(await readdir(folder), [])
})

test('what is not JSON is named by its path and never quoted', async (t) => {
  const path = join(await temporaryFolder(t), 'trust.json')
  assert.equal(await readJson(path), undefined)
  await writeFile(path, 'SECRET')
  await assert.rejects(readJson(path), (error: Error) => error.message.includes(path) && !error.message.includes('SECRET'))
})

test('of four processes that ask for a home at once exactly one gets it, and the others are told which', async (t) => {
  const folder = await temporaryFolder(t)
  for (let round = 0; round < 3; round++) {
    const askers = [1, 2, 3, 4].map(() => asker(t, folder))
    const said = await Promise.all(askers.map((one) => one.said))
    const winners = said.filter((one) => one.won !== undefined)
    assert.equal(winners.length, 1)
    for (const loser of said.filter((one) => one.won === undefined))
      assert.deepEqual(loser, { lost: 'already-running', to: winners[0]!.won })
    for (const one of askers) one.child.stdin.end()
    await Promise.all(askers.map((one) => one.ended))
  }
})

test('a lock whose process was killed is free at once', async (t) => {
  const folder = await temporaryFolder(t)
  const first = asker(t, folder)
  await first.said
  first.child.kill('SIGKILL')
  await first.ended
  const lock = await lockHome(folder)
  assert.equal(JSON.parse(await readFile(join(folder, 'lock.json'), 'utf8')).pid, process.pid)
  lock.release()
})

test('one process cannot lock a home twice, and can once it has released it', async (t) => {
  const folder = await temporaryFolder(t)
  const lock = await lockHome(folder)
  await assert.rejects(
    lockHome(folder),
    (error) => error instanceof AlreadyRunning && error.pid === process.pid && error.message.includes(String(process.pid)),
  )
  assert.deepEqual(await asker(t, folder).said, { lost: 'already-running', to: process.pid })
  lock.release()
  lock.release()
  const again = await lockHome(folder)
  again.release()
  assert.equal((await stat(join(folder, 'lock'))).mode & 0o777, 0o600)
})

test('a note left by a process that is gone is not believed', async (t) => {
  const folder = await temporaryFolder(t)
  const lock = await lockHome(folder)
  await writeFile(join(folder, 'lock.json'), JSON.stringify({ pid: process.pid, start: 1 }))
  await assert.rejects(lockHome(folder), (error) => error instanceof AlreadyRunning && error.pid === undefined)
  lock.release()
})

test('a lock that nobody keeps a hold of is kept all the same', async (t) => {
  const folder = await temporaryFolder(t)
  const script = `
    import { lockHome } from ${JSON.stringify(new URL('./home.ts', import.meta.url).href)}
    await lockHome(${JSON.stringify(folder)})
    for (let i = 0; i < 5; i++) { gc(); await new Promise((resolve) => setImmediate(resolve)) }
    console.log('held')
    process.stdin.resume()`
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  await assert.rejects(lockHome(folder), AlreadyRunning)
})

test('a lock that cannot be made says which', { skip: process.getuid?.() === 0 && 'root may write anywhere' }, async (t) => {
  const folder = await temporaryFolder(t)
  await chmod(folder, 0o500)
  await assert.rejects(lockHome(folder), /lock .* cannot be taken/)
})

test('a process is told from another that had its pid, and from a dead one nobody reaped', async (t) => {
  assert.ok(startOf(process.pid)! > 0)
  assert.equal(startOf(2 ** 22 + 1), undefined)
  const parent = spawn('sh', ['-c', 'sh -c "exit 0" & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => parent.kill('SIGKILL'))
  const [text] = await once(parent.stdout, 'data')
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.equal(startOf(Number(String(text))), undefined)
})
