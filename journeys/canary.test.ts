import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { closeSync, globSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { nodeNames, type NodeName } from '#platform/home'
import { startApart, treeOf, type Apart } from './apart.ts'
import { asks, caseOf, discloses, grants, reports, requestAt, settled } from './network.ts'
import { seenByAnybody, spellings } from './traces.ts'

/**
 * Words that are told to the NCSC alone, or written there, and the same search for words that the ICO is meant to have: what finds
 * the one would find the other. Every canary begins alike, so that one search is a search for all of them.
 */
const canary = `canary${randomBytes(12).toString('hex')}`
const told = `token${randomBytes(12).toString('hex')}`

let apart: Apart
before(async () => {
  apart = await startApart({ CONCORDAT_LOG_LEVEL: 'debug', CONCORDAT_FSYNC: 'off' })
  await tell()
  // What is committed is in the log; what is checkpointed is in the tables as well.
  for (const node of nodeNames) await apart.look(node, 'checkpoint')
})
after(() => apart.stop())

async function tell(): Promise<void> {
  const [reporter, signatory] = [apart.as('Asha Bell'), apart.as('Gwen Marlow')]
  const [handler, officer] = [apart.as('Callum Drey'), apart.as('Sofia Kerr')]
  const answers = [
    { question: 'q19', value: `We are locked out: ${told}`, audience: ['ico', 'ncsc'] },
    { question: 'q42', value: `We pulled the plug: ${canary}-answer`, audience: ['ncsc'] },
  ]
  const { submissions } = await reports(reporter, answers, `At the warehouse: ${canary}-title`)
  const found = await caseOf(handler, submissions['ncsc'].reference)
  await handler.post(`/cases/${found.id}/notes`, { text: `They sound tired: ${canary}-note` })
  const kept = (await handler.post(`/cases/${found.id}/findings`, { text: `They came in through the VPN: ${canary}-finding` })).body.id
  const shared = (await handler.post(`/cases/${found.id}/findings`, { text: `The fix had been out for nine days: ${told}` })).body.id
  const request = await requestAt(signatory, await asks(handler, found.id, [kept, shared], { reason: `Only we can say: ${canary}-reason` }))
  await grants(signatory, request, [shared])
  const refused = await discloses(officer, found.id, [kept], { necessity: `They will ask: ${canary}-necessity` })
  assert.deepEqual([refused.status, refused.body.code], [403, 'item-not-permitted'])
  const sent = await discloses(officer, found.id, [shared], { necessity: `They are about to ask: ${told}` })
  assert.equal((await settled(officer, sent.body.id)).state, 'accepted')
  await mishaps()
}

/** What goes wrong is told in logs and answers: it must not be told with what was typed. */
async function mishaps(): Promise<void> {
  for (const [node, name] of [
    ['portal', 'Asha Bell'],
    ['ncsc', 'Callum Drey'],
  ] as const) {
    const { url, token } = apart.as(name)
    const headers = { 'authorization': `Bearer ${token}`, 'content-type': 'application/json' }
    const tries = [
      fetch(`${url}/api/v1/cases/${canary}-path`, { headers }),
      fetch(`${url}/nowhere/${canary}-path?q=${canary}-query`, { headers }),
      fetch(`${url}/api/v1/incidents`, { method: 'POST', headers, body: `{"title": "${canary}-broken` }),
      fetch(`${url}/api/v1/incidents`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ title: 'A', [`${canary}-member`]: `${canary}-value` }),
      }),
      fetch(`${url}/api/v1/incidents`, { headers: { authorization: `Bearer ${canary}-token` } }),
    ]
    for (const attempt of tries) assert.ok((await attempt).status >= 400)
    // A statement that fails with the word in it, in its values and in the message of its error.
    await assert.rejects(apart.look(node, `select '${canary}-sql'::integer`))
    await assert.rejects(apart.look(node, 'select $1::text::integer', [`${canary}-sql`]))
  }
}

test('what was told to the NCSC alone is nowhere in the ICO\u2019s house: cluster, keys, blobs, files', () => {
  assert.deepEqual(inFiles(canary, join(apart.config.home.folder, 'ico')), [])
  assert.notDeepEqual(inFiles(told, join(apart.config.home.folder, 'ico', 'postgres')), [], 'the search finds what the ICO was told')
  assert.notDeepEqual(
    inFiles(canary, join(apart.config.home.folder, 'ncsc', 'postgres')),
    [],
    'and finds at the NCSC what the NCSC was told',
  )
})

test('it is nowhere in the ICO\u2019s memory, its program\u2019s or its database\u2019s', (t) => {
  const own = readable(treeOf(apart.pid('ncsc')))
  if (own.length < 2) return t.skip('this machine lets nobody read the memory of another process')
  assert.deepEqual(inMemory(canary, treeOf(apart.pid('ico'))), [])
  const places = inMemory(told, treeOf(apart.pid('ico')))
  assert.ok(
    places.some((place) => place.startsWith('node')) && places.some((place) => place.startsWith('postgres')),
    'the search finds what the ICO was told',
  )
  assert.notDeepEqual(inMemory(canary, treeOf(apart.pid('ncsc'))), [], 'and finds at the NCSC what the NCSC was told')
})

test('no person of the ICO is answered with it by any address of its API', async () => {
  const seen = await seenBy('ico')
  assert.ok(seen.size > apart.world.people.filter((person) => person.node === 'ico').length, 'they were answered')
  assert.deepEqual(
    [...seen].flatMap(([place, body]) => found(canary, body).map((how) => `${place} ${how}`)),
    [],
  )
  assert.ok(
    [...seen.values()].some((body) => found(told, body).length > 0),
    'the search finds what the ICO was told',
  )
  assert.ok(
    [...(await seenBy('ncsc')).values()].some((body) => found(canary, body).length > 0),
    'and finds at the NCSC what the NCSC was told',
  )
})

test('nobody in public is answered with it, by any node', async () => {
  for (const node of nodeNames) {
    const { url } = apart.world.nodes[node]
    const pages = ['/', '/status', '/sign-in', '/assets/nothing', '/api/v1/cases', '/api/v1/incidents']
    const answers = await Promise.all(pages.map(async (path) => [path, await (await fetch(url + path)).text()] as const))
    const metrics = await (await fetch(`http://127.0.0.1:${apart.config.ports[node].metrics}/metrics`)).text()
    const all = Object.entries({ ...(await seenByAnybody(url)), ...Object.fromEntries(answers), metrics })
    assert.ok(all.length > 8)
    assert.deepEqual(
      all.flatMap(([place, text]) => found(canary, Buffer.from(text, 'latin1')).map((how) => `${node} ${place} ${how}`)),
      [],
    )
  }
})

test('no log of any node holds it, nor the log of any database', async () => {
  const { folder } = apart.config.home
  const logs = globSync(['*.log', '*/postgres/log*'], { cwd: folder })
  assert.deepEqual(logs.sort(), ['ico.log', 'ico/postgres/log', 'ncsc.log', 'ncsc/postgres/log', 'portal.log', 'portal/postgres/log'])
  assert.match(await apart.said('ncsc'), /"event":"request"/, 'requests are logged at this level')
  assert.deepEqual(
    logs.flatMap((log) => inFiles(canary, join(folder, log))),
    [],
  )
  assert.deepEqual(
    logs.flatMap((log) => inFiles(told, join(folder, log))),
    [],
  )
})

test('the portal keeps it sealed: its cluster, keys and files do not hold it', () => {
  const portal = join(apart.config.home.folder, 'portal')
  assert.deepEqual(inFiles(canary, portal), [])
  assert.deepEqual(inFiles(told, portal), [], 'nor what was told to both')
})

/** Every address of the node's API that is read from, as every person of the node, with every case and record it may be asked about. */
async function seenBy(node: NodeName): Promise<Map<string, Buffer>> {
  const { url } = apart.world.nodes[node]
  const { paths } = (await (await fetch(`${url}/api/openapi.json`)).json()) as { paths: Record<string, object> }
  const ids = (
    await apart.look<{ id: string }>(
      node,
      'select id::text from casework.cases union select id::text from exchange.inbox union select id::text from exchange.outbox',
    )
  ).map(({ id }) => id)
  const addresses = Object.entries(paths)
    .filter(([, ways]) => 'get' in ways)
    .flatMap(([path]) => (path.includes('{') ? ids.map((id) => path.replace(/\{\w+\}/g, id)) : [path]))
  const seen = new Map<string, Buffer>()
  for (const { name, token } of apart.world.people.filter((person) => person.node === node))
    await Promise.all(
      addresses.map(async (path) => {
        const answer = await fetch(`${url}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })
        seen.set(
          `${name} ${path}`,
          Buffer.concat([Buffer.from(JSON.stringify([...answer.headers])), Buffer.from(await answer.arrayBuffer())]),
        )
      }),
    )
  return seen
}

// The search

const patterns = new Map<string, [string, Buffer][]>()

/** As UTF-8 and as UTF-16, as it stands and in hexadecimal digits of either case and both base64 alphabets, wherever it begins in them. */
function patternsOf(word: string): [string, Buffer][] {
  const written = spellings([word]).flatMap((text) => (/^[0-9a-f]+$/.test(text) ? [text, text.toUpperCase()] : [text]))
  const made: [string, Buffer][] = [
    ...written.map((text): [string, Buffer] => [text, Buffer.from(text)]),
    ['UTF-16', Buffer.from(word, 'utf16le')],
  ]
  patterns.set(word, made)
  return made
}

function found(word: string, bytes: Buffer): string[] {
  return (patterns.get(word) ?? patternsOf(word)).filter(([, pattern]) => bytes.includes(pattern)).map(([how]) => how)
}

function inFiles(word: string, path: string): string[] {
  const files = statSync(path).isDirectory()
    ? readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
    : [path]
  return files.flatMap((file) => {
    // A running database may take a file away.
    const bytes = statSync(file, { throwIfNoEntry: false }) ? readFileSync(file) : Buffer.alloc(0)
    return found(word, bytes).map((how) => `${file} ${how}`)
  })
}

type Mapping = { from: number; to: number; key: string }

/** What the process may have written: everything but files that it maps to read. */
function mappingsOf(pid: number): Mapping[] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n').slice(0, -1)
  return lines.flatMap((line) => {
    const [range, rights, offset, device, inode, name = ''] = line.split(/\s+/) as string[]
    const [from, to] = range!.split('-').map((text) => Number.parseInt(text, 16)) as [number, number]
    const isFile = name.startsWith('/') && !name.startsWith('/dev/') && !name.startsWith('/memfd')
    if (!rights!.startsWith('r') || name === '[vvar]' || name === '[vsyscall]' || (isFile && !rights!.includes('w'))) return []
    // Memory that processes share is the same for all of them.
    return [{ from, to, key: rights!.includes('s') ? `${device} ${inode} ${offset}` : `${pid} ${range}` }]
  })
}

const PIECE = 64 << 20
const LONGEST = 512

function inMemory(word: string, pids: number[]): string[] {
  const places: string[] = []
  const done = new Set<string>()
  const buffer = Buffer.alloc(PIECE)
  for (const pid of readable(pids)) places.push(...inProcess(word, pid, { done, buffer }))
  return places
}

type Search = { done: Set<string>; buffer: Buffer }

/** Nothing where the process ended meanwhile: a database's helpers come and go. */
function inProcess(word: string, pid: number, { done, buffer }: Search): string[] {
  const places: string[] = []
  try {
    const memory = openSync(`/proc/${pid}/mem`, 'r')
    const program = basename(readlinkSync(`/proc/${pid}/exe`))
    for (const { from, to, key } of mappingsOf(pid).filter((mapping) => !done.has(mapping.key))) {
      done.add(key)
      for (let at = from; at < to; at += PIECE - LONGEST)
        places.push(...found(word, piece(memory, buffer, at, Math.min(PIECE, to - at))).map((how) => `${program} ${pid} ${key} ${how}`))
    }
    closeSync(memory)
  } catch (error) {
    if (!['ENOENT', 'ESRCH', 'EACCES'].includes((error as { code?: string }).code ?? '')) throw error
  }
  return places
}

/** Empty where the kernel gives none: it was unmapped meanwhile, or was never touched. */
function piece(memory: number, buffer: Buffer, at: number, length: number): Buffer {
  try {
    return buffer.subarray(0, readSync(memory, buffer, 0, length, at))
  } catch {
    return Buffer.alloc(0)
  }
}

function readable(pids: number[]): number[] {
  return pids.filter((pid) => {
    try {
      closeSync(openSync(`/proc/${pid}/mem`, 'r'))
      return true
    } catch {
      return false
    }
  })
}
