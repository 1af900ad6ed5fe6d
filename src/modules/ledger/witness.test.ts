import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sha256, uint64, type Bytes } from '#platform/bytes'
import { nodeItself, systemRandom, type Ctx } from '#platform/context'
import { signerOf } from '#platform/jws'
import { newSigningKey } from '#platform/keys'
import { silentLog } from '#platform/log'
import { cosignedBy, parseCheckpoint, signCheckpoint } from './note.ts'
import { hashAt, leafHash, pyramid, rootOf } from './tree.ts'
import { createWitnessServer } from './witness-server.ts'
import { WitnessState, WitnessStateBroken, type WitnessedLog } from './witness-state.ts'
import { lookAt } from './witness.ts'

const origin = 'try/ncsc'
const log = signerOf(newSigningKey())
const ctx: Ctx = { now: () => new Date('2026-11-25T09:30:00.000Z'), random: systemRandom, actor: nodeItself('witness'), log: silentLog }

/** A log of up to 256 leaves on this machine, that shows what a test has it show. */
type Shown = { size: number; fork: number; badTiles: boolean; signer: typeof log; away: boolean }

function treeOf({ size, fork }: Pick<Shown, 'size' | 'fork'>): { leaves: Bytes; root: Bytes } {
  const leaves = Buffer.concat(Array.from({ length: size }, (_, n) => leafHash(sha256(uint64(n), n < fork ? '' : 'other'))))
  const rows = pyramid(leaves)
  return { leaves, root: rootOf(size, ({ level, index }) => hashAt(rows[level]!, index)) }
}

async function withLog<T>(work: (shown: Shown, watched: WitnessedLog, state: WitnessState, folder: string) => Promise<T>): Promise<T> {
  const shown: Shown = { size: 5, fork: 999, badTiles: false, signer: log, away: false }
  const server = createServer((request, response) => {
    const { leaves, root } = treeOf(shown)
    if (shown.away) return void response.writeHead(503).end()
    if (request.url === '/ledger/checkpoint') return void response.end(signCheckpoint({ origin, size: shown.size, root }, shown.signer))
    const width = Number(/^\/ledger\/tile\/0\/000\.p\/(\d+)$/.exec(request.url!)?.[1])
    response.end(shown.badTiles ? Buffer.alloc(width * 32) : leaves.subarray(0, width * 32))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const folder = await mkdtemp(join(tmpdir(), 'concordat-witness-'))
  try {
    const { port } = server.address() as { port: number }
    return await work(shown, { origin, key: log.jwk, url: `http://127.0.0.1:${port}` }, new WitnessState(folder), folder)
  } finally {
    server.closeAllConnections()
    server.close()
    await rm(folder, { recursive: true, force: true })
  }
}

test('a witness cosigns each head that continues the last, on disk before it is shown, and none of a log that it cannot follow', () =>
  withLog(async (shown, watched, state) => {
    const key = await state.key('witness.example/w1')
    const look = async () => (await lookAt(watched, state, key, ctx)).outcome
    shown.away = true
    assert.equal(await look(), 'away')
    shown.away = false
    assert.equal(await look(), 'cosigned')
    for (const size of [6, 8, 9, 16, 31]) {
      shown.size = size
      assert.equal(await look(), 'cosigned', `to ${size}`)
    }
    const kept = (await state.last(origin))!
    assert.deepEqual(cosignedBy(parseCheckpoint(kept), key.name, key.signer.jwk), ctx.now())
    assert.equal(await look(), 'unchanged')
    Object.assign(shown, { size: 40, badTiles: true })
    assert.equal(await look(), 'unproved', 'tiles that are not of the head')
    Object.assign(shown, { badTiles: false, signer: signerOf(newSigningKey()) })
    assert.equal(await look(), 'not-signed', 'another key')
    assert.equal(await state.last(origin), kept)
    assert.deepEqual(await state.evidence(origin), [], 'what the log did not sign is no evidence against it')
    shown.signer = log
    assert.equal(await look(), 'cosigned')
  }))

for (const [why, outcome, change] of [
  ['a smaller tree', 'smaller', { size: 7 }],
  ['one size with another root', 'fork', { fork: 3 }],
  ['a larger tree that does not begin with the last one', 'fork', { size: 30, fork: 3 }],
] as const)
  test(`${why} is refused, kept as evidence with both notes, and the log refused from then on`, () =>
    withLog(async (shown, watched, state, folder) => {
      const key = await state.key()
      const look = async () => (await lookAt(watched, state, key, ctx)).outcome
      const honest = { ...shown, size: 8 }
      for (const size of [5, 8]) {
        shown.size = size
        assert.equal(await look(), 'cosigned')
      }
      const kept = await state.last(origin)
      Object.assign(shown, change)
      assert.equal(await look(), outcome)
      const [evidence] = (await state.evidence(origin)).map((text) => JSON.parse(text))
      assert.deepEqual(
        evidence.heads.map((note: string) => parseCheckpoint(note).size),
        [8, shown.size],
      )
      const place = join(folder, 'evidence', encodeURIComponent(origin))
      const [name] = await readdir(place)
      const found = await readFile(join(place, name!))
      await state.accuse({
        ...evidence,
        origin,
        heads: evidence.heads.map((note: string) => ({ ...parseCheckpoint(note), note, source: '' })),
        path: [],
      })
      assert.deepEqual([await readdir(place), await readFile(join(place, name!))], [[name], found], 'never overwritten')
      Object.assign(shown, honest)
      assert.equal(await look(), 'accused', 'also when it shows its old history again')
      assert.equal(await state.last(origin), kept)
      // Put aside by hand: what was cosigned stays what must be continued.
      await rm(place, { recursive: true })
      Object.assign(shown, change)
      assert.equal(await look(), outcome)
    }))

test('a witness that lost a part of its state begins nothing anew by itself', () =>
  withLog(async (_shown, watched, state, folder) => {
    const key = await state.key('witness.example/w1')
    assert.equal((await stat(join(folder, 'key.json'))).mode & 0o777, 0o600)
    await assert.rejects(state.key('another'), WitnessStateBroken)
    await lookAt(watched, state, key, ctx)
    const [name] = await readdir(join(folder, 'heads'))
    await writeFile(join(folder, 'heads', name!), 'torn')
    await assert.rejects(lookAt(watched, state, key, ctx), WitnessStateBroken)
    await rm(join(folder, 'key.json'))
    await assert.rejects(state.key(), WitnessStateBroken)
  }))

test('it shows the last head, and both notes of any evidence, to everybody, and takes nothing', () =>
  withLog(async (shown, watched, state) => {
    const key = await state.key()
    const server = createWitnessServer([watched], state)
    try {
      assert.equal((await server.inject(`/witness/${origin}`)).statusCode, 404)
      await lookAt(watched, state, key, ctx)
      assert.equal((await server.inject(`/witness/${origin}`)).body, await state.last(origin))
      assert.deepEqual((await server.inject('/witness/heads')).json().heads, [await state.last(origin)])
      shown.fork = 1
      await lookAt(watched, state, key, ctx)
      assert.equal((await server.inject('/witness/heads')).json().heads.length, 3)
      assert.equal((await server.inject('/witness/try/ico')).statusCode, 404)
      assert.equal((await server.inject('/witness/../key.json')).statusCode, 404)
      assert.equal((await server.inject({ method: 'POST', url: `/witness/${origin}`, body: 'x' })).statusCode >= 400, true)
    } finally {
      await server.close()
    }
  }))
