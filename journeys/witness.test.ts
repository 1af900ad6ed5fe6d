import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { verifyBundle } from '#evidence'
import { checkTrustFile, type TrustFile } from '#exchange'
import { cosignRequest, latest } from '#ledger'
import { peerOf } from '#platform/config'
import { closeDb, openDb, query, type Db } from '#platform/db'
import { nodeNames, readJson, writeFileAtomically, type NodeName } from '#platform/home'
import { freshDatabase } from '../checks/database.ts'
import { definitions } from '../src/nodes/run.ts'
import { eventually, reports, startNetwork, type Network } from './network.ts'

let network: Network
let folder: string
let state: string
let port: number
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'concordat-witness-'))
  state = join(folder, 'state')
  port = await freePort()
  network = await startNetwork({ env: { CONCORDAT_WITNESSES: `http://127.0.0.1:${port}`, CONCORDAT_LEDGER_INTERVAL: '100' } })
})
after(async () => {
  await network.stop()
  await rm(folder, { recursive: true, force: true })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port: free } = server.address() as { port: number }
  await new Promise((done) => server.close(done))
  return free
}

type Ended = { code: number; out: string; err: string }

function begin(...argv: string[]): ChildProcess {
  const env = { CONCORDAT_HOME: network.config.home.folder, CONCORDAT_PORT: String(network.config.ports.portal.web) }
  return spawn(resolve(import.meta.dirname, '../bin/concordat'), argv, { env: { ...env, PATH: process.env['PATH'] }, stdio: 'pipe' })
}

async function concordat(...argv: string[]): Promise<Ended> {
  const child = begin(...argv)
  const said = { out: '', err: '' }
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (said.out += text))
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (said.err += text))
  const [code] = (await once(child, 'close')) as [number]
  return { code, ...said }
}

const look = (...more: string[]): Promise<Ended> => concordat('witness', '--state', state, '--once', '--json', ...more)
const outcomes = ({ out }: Ended): Record<string, string> =>
  Object.fromEntries(JSON.parse(out).logs.map((one: { node: string; outcome: string }) => [one.node, one.outcome]))
const trustFile = async (): Promise<TrustFile> => checkTrustFile(await readJson(network.config.home.trustFile))

/** The trust file of the deployment with this witness in it, read by every node at its next start. */
async function trustWitness(witness: { name: string; key: unknown; required?: boolean }): Promise<void> {
  await writeFileAtomically(network.config.home.trustFile, JSON.stringify({ ...(await trustFile()), witnesses: [witness] }))
  for (const node of nodeNames) await network.restart(node)
}

async function withWitness<T>(work: () => Promise<T>): Promise<T> {
  const child = begin('witness', '--state', state, '--every', '1', '--listen', String(port))
  let said = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (said += text))
  await eventually(async () => said.includes('witness is ready'))
  try {
    return await work()
  } finally {
    child.kill('SIGTERM')
    await once(child, 'close')
  }
}

test('a witness makes its own key, looks at all three ledgers, and cosigns what continues what it cosigned', async () => {
  const first = await look('--name', 'witness.example/w1')
  assert.equal(first.code, 0, first.err)
  assert.deepEqual(outcomes(first), { portal: 'cosigned', ncsc: 'cosigned', ico: 'cosigned' })
  assert.equal((await stat(join(state, 'key.json'))).mode & 0o777, 0o600)
  const sizes = async (): Promise<number[]> =>
    Promise.all(
      (await readdir(join(state, 'heads')))
        .sort()
        .map(async (name) => Number((await readFile(join(state, 'heads', name), 'utf8')).split('\n')[1])),
    )
  const before = await sizes()
  const second = await look()
  assert.equal(second.code, 0)
  assert.ok(
    (await sizes()).every((size, nth) => size > before[nth]!),
    'by proof from tiles',
  )
  assert.ok(!first.out.includes('"d"'), 'the private key is not shown')
})

test('one is enough: two witnesses do not share a state, and a node that is away costs the others nothing', async () => {
  await withWitness(async () => {
    const other = await look()
    assert.equal(other.code, 1)
    assert.match(other.err, /already running/)
  })
  await network.running.ncsc.stop()
  try {
    const looked = await look()
    assert.equal(looked.code, 0)
    assert.deepEqual(outcomes(looked), { portal: 'cosigned', ncsc: 'away', ico: 'cosigned' })
  } finally {
    await network.restart('ncsc')
  }
  const nobody = ['--portal', 'http://127.0.0.1:9', '--ncsc', 'http://127.0.0.1:9', '--ico', 'http://127.0.0.1:9']
  assert.equal((await look(...nobody)).code, 1, 'nothing was witnessed')
})

test('in the trust file and required, its cosignature counts, and nothing leaves or verifies without it', async () => {
  const { witness } = JSON.parse((await look()).out)
  await trustWitness({ ...witness, required: true })
  const reporter = network.as('Asha Bell')
  const answers = [{ question: 'q19', value: 'We are locked out.', audience: ['ico', 'ncsc'] }]
  const { body: waiting } = await reporter.post('/incidents', { title: 'Without a witness' })
  const filed = await reporter.post(`/incidents/${waiting.id}/reports`, { stage: 'initial', submit: true, answers })
  assert.equal(filed.status, 202)
  assert.ok(
    filed.body.submissions.every((one: { receipt: unknown }) => one.receipt === null),
    'the other nodes alone do not count',
  )
  const { incident } = await withWitness(async () => reports(reporter, answers, 'With a witness'))
  const { url, token } = network.as('Nadia Flint')
  const bundle = await withWitness(() =>
    eventually(async () => {
      const text = await (
        await fetch(`${url}/api/v1/incidents/${incident}/bundle`, { headers: { authorization: `Bearer ${token}` } })
      ).text()
      return verifyBundle(text, await trustFile()).ok && text
    }),
  )
  const trust = await trustFile()
  assert.ok(verifyBundle(bundle, { ...trust, witnesses: [] }).ok, 'whoever does not ask for a witness reads it as before')
  const stranger = { name: 'witness.example/w1', key: trust.nodes.ico.statement, required: true }
  assert.ok(!verifyBundle(bundle, { ...trust, witnesses: [stranger] }).ok, 'another key under its name')
  assert.ok(!verifyBundle(bundle, { ...trust, witnesses: [{ ...stranger, name: 'witness.example/w2' }] }).ok, 'another witness')

  await writeFile(join(folder, 'bundle.json'), bundle)
  const portal = `${url}/api/v1/heads`
  const compared = await withWitness(() =>
    concordat('heads', join(folder, 'bundle.json'), portal, `http://127.0.0.1:${port}/witness/heads`, '--json'),
  )
  assert.equal(compared.code, 0, compared.out + compared.err)
  const { consistent, splits, notCompared, strange } = JSON.parse(compared.out)
  assert.deepEqual([splits, notCompared, strange], [[], 0, 0])
  assert.ok(consistent > 6)
  const wrong = await concordat('heads', join(folder, 'nothing'))
  assert.equal(wrong.code, 2)
  await trustWitness(witness)
})

/** A rogue pretends that somebody cosigned each head: an honest house shows none before. */
async function showsWhatNobodyCosigned(ownerUrl: string): Promise<void> {
  const owner = openDb(ownerUrl, { max: 1 })
  const line = `\u2014 rogue ${Buffer.alloc(76).toString('base64')}\n`
  try {
    await query(
      owner,
      `create function ledger.pretend() returns trigger language plpgsql security definer as $$
       begin
         insert into ledger.cosignatures (size, cosigner, line) values (new.size, 'rogue', '${line}');
         return new;
       end $$`,
    )
    await query(owner, 'create trigger pretend after update of note on ledger.heads for each row execute function ledger.pretend()')
  } finally {
    await closeDb(owner)
  }
}

/** The node with another history under the same key: as it is after somebody put back an empty database and made it sign. */
async function withAnotherHistory<T>(node: NodeName, size: number, work: (gateway: Db) => Promise<T>): Promise<T> {
  const fresh = await freshDatabase(definitions[node].migrations)
  const db = openDb(fresh.gatewayUrl, { max: 1 })
  const { intervalMilliseconds } = network.config.ledger
  try {
    // A rogue asks nobody before it signs, and is in a hurry.
    network.config.ledger.intervalMilliseconds = 5
    const databases = { owner: fresh.ownerUrl, desk: fresh.deskUrl, gateway: fresh.gatewayUrl }
    await showsWhatNobodyCosigned(fresh.ownerUrl)
    await network.restart(node, { databases, gateway: (config) => ({ ...config, peers: {}, witnesses: [] }) })
    await eventually(async () => ((await latest(db))?.size ?? 0) >= size)
    return await work(db)
  } finally {
    network.config.ledger.intervalMilliseconds = intervalMilliseconds
    await closeDb(db)
    await network.restart(node)
    await fresh.drop()
  }
}

test('a witness refuses a ledger that was rolled back and forked, keeps both notes, and goes on refusing', async () => {
  await look()
  const origin = (await trustFile()).nodes.ncsc.log.origin
  const kept = join(state, 'heads', `${encodeURIComponent(origin)}.note`)
  const before = await readFile(kept, 'utf8')
  const size = Number(before.split('\n')[1])
  await withAnotherHistory('ncsc', 1, async () => {
    const smaller = await look()
    assert.equal(smaller.code, 1)
    assert.deepEqual([outcomes(smaller)['ncsc'], outcomes(smaller)['ico']], ['smaller', 'cosigned'])
  })
  const evidence = join(state, 'evidence', encodeURIComponent(origin))
  const [file] = await readdir(evidence)
  const { heads, why } = JSON.parse(await readFile(join(evidence, file!), 'utf8'))
  assert.equal(why, 'smaller')
  assert.equal(heads.length, 2)
  assert.equal((await look()).code, 1, 'also when it shows its old history again')
  assert.equal(await readFile(kept, 'utf8'), before, 'nothing was cosigned')

  // Decided by people: what was found is put aside, and what was cosigned stays what has to be continued.
  await rm(evidence, { recursive: true })
  await withAnotherHistory('ncsc', size + 3, async () => {
    const forked = await look()
    assert.deepEqual([forked.code, outcomes(forked)['ncsc']], [1, 'fork'])
    const found = (await readdir(evidence))[0]!
    const before = await readFile(join(evidence, found))
    assert.deepEqual([(await look()).code, await readdir(evidence)], [1, [found]], 'kept as it was found')
    assert.deepEqual(await readFile(join(evidence, found)), before)

    const compared = await concordat('heads', kept, '--json')
    assert.equal(compared.code, 1)
    const { splits } = JSON.parse(compared.out)
    assert.deepEqual(
      splits.map(({ origin }: { origin: string }) => origin),
      [origin],
    )
    assert.equal(new Set(splits[0].heads.map(({ note }: { note: string }) => note)).size, 2)
    const told = await concordat('heads', kept)
    assert.match(told.out, /SPLIT VIEW/)
    // The two notes alone are of two sizes: without the ledger's tiles they say nothing.
    assert.equal((await concordat('heads', join(evidence, found), '--offline')).code, 0)
  })
  assert.deepEqual([(await look()).code, await readFile(kept, 'utf8')], [1, before])
})

test('a node keeps what a forked ledger signed, and shows it to everybody', async () => {
  const heads = async (): Promise<string[]> => (await network.as('Asha Bell').get('/heads')).body.heads
  const origin = (await trustFile()).nodes.ico.log.origin
  const rows = () => query<{ note: string; known_note: string; proved: boolean }>(network.owner.portal, 'select * from ledger.inconsistent')
  assert.deepEqual(await rows(), [])
  const known = (await heads()).filter((note) => note.startsWith(`${origin}\n`)).map((note) => Number(note.split('\n')[1]))
  await withAnotherHistory('ico', Math.max(...known) + 20, async (db) => {
    const [seen] = await query<{ size: number }>(network.owner.portal, 'select size from ledger.witnessed where origin = $1', [origin])
    const { body } = (await cosignRequest(db, seen!.size))!
    const answer = await fetch(`${peerOf(network.config, 'portal')}/add-checkpoint`, { method: 'POST', body })
    assert.equal(answer.status, 422)
    const [row] = await rows()
    assert.ok(body.endsWith(row!.note))
    // Where the known tree is complete, the proof leaves out the very hash that would convict.
    assert.equal(row!.proved, !Number.isInteger(Math.log2(seen!.size)))
    const shown = await heads()
    assert.ok(shown.includes(row!.note) && shown.includes(row!.known_note), 'both notes')
  })
  const public_ = await fetch(`${network.as('Asha Bell').url}/api/v1/heads?since=2999-01-01`)
  assert.equal(public_.status, 200, 'heads are public')
  assert.equal((await network.as('Asha Bell').get('/heads?since=yesterday')).status, 400)
})
