import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import { b64u, fromB64u, sha256, type Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { nodeItself, randomFrom, systemRandom, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact, type Db } from '#platform/db'
import { signerOf, type PrivateJwk } from '#platform/jws'
import { silentLog } from '#platform/log'
import { freshDatabase, type FreshDatabase } from '../../../checks/database.ts'
import { auditLog, auditMember, type Party } from './auditor.ts'
import {
  addCosignature,
  append,
  appendMany,
  checkLog,
  closeInterval,
  cosign,
  cosignRequest,
  latest,
  logOf,
  LogProofInvalid,
  readLedgerFile,
  resume,
  type Cosigner,
  type LedgerIdentity,
  type LedgerTrust,
  type LogMember,
} from './index.ts'
import { fillSlots } from './interval.ts'
import { parseCheckpoint, signCheckpoint } from './note.ts'

const newSigner = () => signerOf(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }) as unknown as PrivateJwk)
const keys = { ncsc: newSigner(), ico: newSigner(), witness: newSigner() }
const origin = 'try/ncsc'
const ledger: LedgerIdentity = { origin, slots: 16, signer: keys.ncsc }
const trust: LedgerTrust = {
  origins: { 'try/ncsc': keys.ncsc.jwk, 'try/ico': keys.ico.jwk },
  witnesses: { 'witness.example/w1': keys.witness.jwk },
}
const ico: Cosigner = { name: 'try/ico', signer: keys.ico, trust }
const witness: Cosigner = { name: 'witness.example/w1', signer: keys.witness, trust }
const party = (name: string, signer: { jwk: { x: string } }): Party => ({ name, publicKey: fromB64u(signer.jwk.x) })

const at = (time: string): Ctx => ({ now: () => new Date(time), random: systemRandom, actor: nodeItself('ncsc'), log: silentLog })
const ctx = at('2026-11-25T09:30:00.000Z')
const record = (n: number) => ({ v: 1, kind: 'receipt', id: `record ${n}` })
const put = (db: Db, n: number, organisation?: string): Promise<string> =>
  transact(db, (tx) => append(tx, { record: canonical(record(n)), ...(organisation && { organisation }) }, ctx))

let house: FreshDatabase
let peerHouse: FreshDatabase
let db: Db
let desk: Db
let owner: Db
let peer: Db
let peerOwner: Db

before(async () => {
  ;[house, peerHouse] = await Promise.all([freshDatabase(['ledger']), freshDatabase(['ledger'])])
  db = openDb(house.gatewayUrl)
  desk = openDb(house.deskUrl, { max: 1 })
  owner = openDb(house.ownerUrl, { max: 1 })
  peer = openDb(peerHouse.gatewayUrl)
  peerOwner = openDb(peerHouse.ownerUrl, { max: 1 })
})
beforeEach(async () => {
  for (const table of ['cosignatures', 'entries', 'chains', 'leaves', 'tiles', 'witnessed'])
    await query(owner, `delete from ledger.${table}`)
  await query(owner, 'delete from ledger.heads where size > 0')
  await query(peerOwner, 'delete from ledger.witnessed')
})
after(async () => {
  await Promise.all([db, desk, owner, peer, peerOwner].map(closeDb))
  await Promise.all([house.drop(), peerHouse.drop()])
})

/** The cosigner at its house signs our newest head; answers with that head's size. */
async function cosigned(by: Cosigner = ico, when: Ctx = ctx): Promise<number> {
  const told = await cosign(peer, (await cosignRequest(db, 0))!.body, by, when)
  const old = told.status === 409 ? Number(told.body) : 0
  const { size, body } = (await cosignRequest(db, old))!
  const reply = told.status === 200 ? told : await cosign(peer, body, by, when)
  assert.equal(reply.status, 200)
  assert.deepEqual(await addCosignature(db, size, reply.body, trust), [by.name])
  return size
}

const member = async (id: string, opening = false): Promise<LogMember> => (await logOf(db, [id], { opening }, trust)).get(id)!

test('a record put in, closed over and cosigned is proved, with the time of the first cosignature', async () => {
  const id = await put(db, 1, 'waterco')
  await closeInterval(db, ledger, ctx)
  await cosigned(ico, at('2026-11-25T09:30:02.000Z'))
  const log = await member(id, true)
  const checked = checkLog(record(1), log, origin, trust)
  assert.equal(checked.logTime.toISOString(), '2026-11-25T09:30:02.000Z')
  assert.deepEqual([checked.size, checked.index, checked.n, b64u(checked.previous!)], [1, 0, 1, b64u(Buffer.alloc(32))])
  assert.equal(log.path.length, 4)
  assert.deepEqual(await member(id), omit(log, 'opening'))
})

const omit = <T extends object, K extends keyof T>(value: T, name: K): Omit<T, K> => {
  const { [name]: _, ...rest } = value
  return rest
}

test('an entry is proved by nothing until a head over it is cosigned by somebody else', async () => {
  const id = await put(db, 1)
  assert.equal((await logOf(db, [id], { opening: false }, trust)).size, 0)
  const { note } = await closeInterval(db, ledger, ctx)
  assert.equal((await logOf(db, [id], { opening: false }, trust)).size, 0)
  await cosigned()
  const log = await member(id)
  assert.ok(checkLog(record(1), log, origin, trust))
  assert.throws(() => checkLog(record(1), { ...log, checkpoint: note }, origin, trust), new LogProofInvalid('not-cosigned'))
  assert.equal((await logOf(db, [id], { opening: false }, { origins: {}, witnesses: { 'witness.example/w1': keys.witness.jwk } })).size, 0)
})

test('a log is not its own witness, under its own name or another', async () => {
  await closeInterval(db, ledger, ctx)
  const self = { name: origin, signer: keys.ncsc, trust: { ...trust, origins: { 'try/ncsc': keys.ncsc.jwk } } }
  const { body } = (await cosignRequest(db, 0))!
  assert.equal((await cosign(peer, body, self, ctx)).status, 404)
  const disguised = await cosign(peer, body, { ...self, name: 'witness.example/w2' }, ctx)
  assert.equal(disguised.status, 200)
  const fooled = { origins: trust.origins, witnesses: { 'witness.example/w2': keys.ncsc.jwk } }
  assert.deepEqual(await addCosignature(db, 1, disguised.body, fooled), [])
})

test('the earliest cosigned head over an entry proves it, with every line on it that counts', async () => {
  const id = await put(db, 1)
  await closeInterval(db, ledger, ctx)
  await closeInterval(db, ledger, ctx)
  assert.equal(await cosigned(ico, at('2026-11-25T09:30:20.000Z')), 2)
  await closeInterval(db, ledger, ctx)
  await cosigned(ico, at('2026-11-25T09:30:30.000Z'))
  const log = await member(id)
  const reply = await cosign(db, (await cosignRequest(db, 0))!.body, witness, ctx)
  assert.equal(reply.status, 200)
  await addCosignature(db, 3, reply.body, trust)
  assert.deepEqual(await member(id), log)
  const checked = checkLog(record(1), log, origin, trust)
  assert.deepEqual([checked.size, checked.logTime.toISOString()], [2, '2026-11-25T09:30:20.000Z'])
})

test('the log grows by one leaf an interval, busy or not, and its head is as long', async () => {
  const quiet = await closeInterval(db, ledger, ctx)
  for (let n = 0; n < 5; n += 1) await put(db, n, 'waterco')
  const busy = await closeInterval(db, ledger, ctx)
  assert.deepEqual([quiet.size, quiet.entries, busy.size, busy.entries], [1, 0, 2, 5])
  assert.equal(quiet.note.length, busy.note.length)
  assert.deepEqual(await latest(db), { size: busy.size, note: busy.note })
})

test('random bytes may come from any source of the right length', async () => {
  const plain: Ctx = { ...ctx, random: randomFrom((length) => new Uint8Array(systemRandom.bytes(length))) }
  const id = await transact(db, (tx) => append(tx, { record: canonical(record(1)), organisation: 'waterco' }, plain))
  await closeInterval(db, ledger, plain)
  await cosigned()
  assert.ok(checkLog(record(1), await member(id, true), origin, trust))
})

test('an interval draws the same random bytes for any number of entries', () => {
  const drawn = (commitments: Bytes[]): number[] => {
    const lengths: number[] = []
    const random = randomFrom((length) => {
      lengths.push(length)
      return systemRandom.bytes(length)
    })
    fillSlots(commitments, 16, random)
    return lengths
  }
  assert.deepEqual(drawn([]), drawn([sha256('a'), sha256('b')]))
  const { content, chosen } = fillSlots([sha256('a'), sha256('b')], 2, systemRandom)
  assert.deepEqual(chosen.toSorted(), [0, 1])
  assert.equal(b64u(content.subarray(chosen[1]! * 32, chosen[1]! * 32 + 32)), b64u(sha256('b')))
})

test('a head committed and not signed is signed at the next start, as it stands', async () => {
  const id = await put(db, 1)
  const dying = { ...ledger, signer: { ...keys.ncsc, key: keys.ncsc.jwk as never } }
  await assert.rejects(closeInterval(db, dying, ctx))
  assert.equal(await latest(db), undefined)
  assert.equal(await readLedgerFile(desk, 'checkpoint'), undefined)
  await resume(db, ledger)
  assert.equal((await latest(db))!.size, 1)
  await cosigned()
  assert.ok(checkLog(record(1), await member(id), origin, trust))
})

test('a head committed and not signed is signed by the next close as well', async () => {
  await assert.rejects(closeInterval(db, { ...ledger, signer: { ...keys.ncsc, key: keys.ncsc.jwk as never } }, ctx))
  assert.equal((await closeInterval(db, ledger, ctx)).size, 2)
  assert.deepEqual(await query(owner, 'select size from ledger.heads where note is null'), [{ size: 0 }])
})

test('a close that dies before its commit leaves the head before and the entries waiting', async () => {
  await put(db, 1)
  const dying: Ctx = { ...ctx, random: { ...systemRandom, bytes: () => assert.fail('killed') } }
  await assert.rejects(closeInterval(db, ledger, dying))
  assert.equal(await latest(db), undefined)
  assert.deepEqual(await closeInterval(db, ledger, ctx).then(({ size, entries }) => [size, entries]), [1, 1])
})

test('of many closers at once each head has one, and no entry is placed twice or lost', async () => {
  const ids = await transact(db, (tx) =>
    appendMany(
      tx,
      Array.from({ length: 20 }, (_, n) => ({ record: canonical(record(n)) })),
      ctx,
    ),
  )
  const closed = await Promise.all(Array.from({ length: 8 }, () => closeInterval(db, ledger, ctx)))
  assert.ok(closed.every(({ note, size }) => parseCheckpoint(note).size === size))
  await closeInterval(db, ledger, ctx)
  const heads = await query<{ size: number; note: string | null }>(
    owner,
    'select size, note from ledger.heads where size > 0 order by size',
  )
  assert.deepEqual(
    heads.map(({ size }) => size),
    heads.map((_, n) => n + 1),
  )
  assert.ok(heads.every(({ note }) => note !== null))
  const winners = closed.filter(({ entries }) => entries > 0)
  assert.equal(new Set(winners.map(({ size }) => size)).size, winners.length)
  await cosigned()
  const logs = await logOf(db, ids, { opening: false }, trust)
  for (const [n, id] of ids.entries()) checkLog(record(n), logs.get(id)!, origin, trust)
})

test('what an interval has no slot for waits for the next, oldest first', async () => {
  const ids: string[] = []
  for (let n = 0; n < 10; n += 1)
    ids.push(await transact(db, (tx) => append(tx, { record: canonical(record(n)) }, at(`2026-11-25T09:30:0${n}.000Z`))))
  const small = { ...ledger, slots: 4 }
  const entries = [await closeInterval(db, small, ctx), await closeInterval(db, small, ctx), await closeInterval(db, small, ctx)].map(
    (closed) => closed.entries,
  )
  assert.deepEqual(entries, [4, 4, 2])
  await cosigned()
  const logs = await logOf(db, ids, { opening: false }, trust)
  assert.deepEqual(
    ids.map((id) => logs.get(id)!.index),
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2],
  )
})

test('slots that are no power of two are refused before anything is written', async () => {
  await assert.rejects(closeInterval(db, { ...ledger, slots: 12 }, ctx), RangeError)
  assert.equal(await latest(db), undefined)
})

test('entries of one organisation are numbered without gap, each naming the one before, whoever writes at once', async () => {
  const organisations = ['waterco', 'gasco']
  const written = await Promise.all(Array.from({ length: 40 }, (_, n) => put(db, n, organisations[n % 2]).then((id) => ({ id, n }))))
  for (let n = 0; n < 3; n += 1) await closeInterval(db, ledger, ctx)
  await cosigned()
  const logs = await logOf(
    db,
    written.map(({ id }) => id),
    { opening: true },
    trust,
  )
  for (const parity of [0, 1]) {
    const chain = written.filter(({ n }) => n % 2 === parity).map(({ id, n }) => checkLog(record(n), logs.get(id)!, origin, trust))
    chain.sort((a, b) => a.n! - b.n!)
    assert.deepEqual(
      chain.map(({ n }) => n),
      chain.map((_, n) => n + 1),
    )
    for (const [n, entry] of chain.entries()) assert.equal(b64u(entry.previous!), b64u(chain[n - 1]?.commitment ?? Buffer.alloc(32)))
  }
})

test('an entry rolled back leaves no gap in its chain and nothing in the log', async () => {
  const first = await put(db, 1, 'waterco')
  await assert.rejects(
    transact(db, async (tx) => {
      await append(tx, { record: canonical(record(2)), organisation: 'waterco' }, ctx)
      throw new Error('decided otherwise')
    }),
  )
  const second = await put(db, 3, 'waterco')
  assert.equal((await closeInterval(db, ledger, ctx)).entries, 2)
  await cosigned()
  assert.deepEqual([(await member(first, true)).opening!.n, (await member(second, true)).opening!.n], [1, 2])
})

test('many entries at once are chained in their order, and two callers with the same organisations do not deadlock', async () => {
  const many = (names: string[]) => names.map((organisation, n) => ({ record: canonical(record(n)), organisation }))
  const both = await Promise.all(
    Array.from({ length: 6 }, (_, turn) => {
      const names = turn % 2 === 0 ? ['a', 'b', 'a', 'c'] : ['c', 'b', 'a', 'a']
      return transact(db, (tx) => appendMany(tx, many(names), ctx))
    }),
  )
  const rows = await query<{ organisation: string; n: number }>(
    owner,
    'select organisation, n from ledger.entries order by organisation, n',
  )
  assert.deepEqual(
    rows.filter(({ organisation }) => organisation === 'a').map(({ n }) => n),
    Array.from({ length: 12 }, (_, n) => n + 1),
  )
  const [ids] = both
  const order = await query<{ n: number }>(owner, 'select n from ledger.entries where id = any($1) order by n', [[ids![0], ids![2]]])
  assert.equal(order[1]!.n, order[0]!.n + 1)
  assert.deepEqual(await transact(db, (tx) => appendMany(tx, [], ctx)), [])
})

test('with and without a chain an entry looks the same', async () => {
  const [chained, single] = [await put(db, 1, 'waterco'), await put(db, 2)]
  await closeInterval(db, ledger, ctx)
  await cosigned()
  const shape = (log: LogMember) => Object.entries(log).map(([name, value]) => [name, String(value).length])
  assert.deepEqual(shape({ ...(await member(chained)), slot: 0 }), shape({ ...(await member(single, true)), slot: 0 }))
})

test('a record, a salt, an opening, a slot or a path changed proves nothing', async () => {
  const id = await put(db, 1, 'waterco')
  await closeInterval(db, ledger, ctx)
  await closeInterval(db, ledger, ctx)
  await cosigned()
  const log = await member(id, true)
  const other = b64u(sha256('other'))
  const fails = (changed: LogMember, code: string, what: object = record(1)) => {
    assert.throws(() => checkLog(what, changed, origin, trust), { code })
  }
  fails(log, 'not-included', record(2))
  fails({ ...log, salt: other }, 'not-included')
  fails({ ...omit(log, 'opening'), chain: other }, 'not-included')
  fails({ ...log, slot: log.slot ^ 1 }, 'not-included')
  fails({ ...log, path: log.path.with(0, other) }, 'not-included')
  fails({ ...log, index: 1 }, 'not-included')
  fails({ ...log, proof: [other] }, 'not-included')
  fails({ ...log, proof: [] }, 'not-included')
  fails({ ...log, chain: other }, 'chain-does-not-open')
  fails({ ...log, opening: { ...log.opening!, salt2: other } }, 'chain-does-not-open')
  assert.throws(() => checkLog(record(1), log, 'try/ico', trust), { code: 'other-origin' })
  assert.throws(() => checkLog(record(1), log, origin, { origins: {}, witnesses: trust.witnesses }), { code: 'origin-unknown' })
  assert.throws(() => checkLog(record(1), log, origin, { ...trust, origins: { ...trust.origins, [origin]: keys.witness.jwk } }), {
    code: 'not-signed-by-log',
  })
  assert.throws(() => checkLog(record(1), { ...log, more: 1 } as LogMember, origin, trust), SyntaxError)
  assert.throws(() => checkLog(record(1), { ...log, slot: 16 }, origin, trust), SyntaxError)
  assert.throws(() => checkLog(record(1), { ...log, opening: { ...log.opening!, n: 2 } }, origin, trust), SyntaxError)
})

test('a cache spares the checking of a checkpoint and lets nothing false through', async () => {
  const [one, two] = [await put(db, 1), await put(db, 2)]
  await closeInterval(db, ledger, ctx)
  await cosigned()
  const cache = new Map()
  checkLog(record(1), await member(one), origin, trust, cache)
  checkLog(record(2), await member(two), origin, trust, cache)
  assert.equal(cache.size, 1)
  const log = await member(one)
  assert.throws(() => checkLog(record(2), log, origin, trust, cache), { code: 'not-included' })
  assert.throws(() => checkLog(record(1), log, 'try/ico', trust, cache), { code: 'other-origin' })
  assert.throws(() => checkLog(record(1), { ...log, checkpoint: log.checkpoint.replace(/^try/, 'tri') }, 'tri/ncsc', trust, cache), {
    code: 'origin-unknown',
  })
  assert.equal(cache.size, 1)
})

test('a leaf changed in the database is not signed over', async () => {
  await closeInterval(db, ledger, ctx)
  const dying = { ...ledger, signer: { ...keys.ncsc, key: keys.ncsc.jwk as never } }
  await assert.rejects(closeInterval(db, dying, ctx))
  await query(owner, `update ledger.leaves set root = sha256('changed') where index = 0`)
  await assert.rejects(resume(db, ledger), { code: 'root-differs' })
  assert.equal((await latest(db))!.size, 1)
})

test('nor does the log grow over a leaf changed since its last head was signed', async () => {
  for (let n = 0; n < 3; n += 1) await closeInterval(db, ledger, ctx)
  const [{ root }] = (await query<{ root: Bytes }>(owner, 'select root from ledger.leaves where index = 1')) as [{ root: Bytes }]
  await query(owner, `update ledger.leaves set root = sha256('changed') where index = 1`)
  await assert.rejects(closeInterval(db, ledger, ctx), { code: 'root-differs' })
  assert.equal((await query(owner, 'select 1 from ledger.heads where size > 3')).length, 0)
  await query(owner, 'update ledger.leaves set root = $1 where index = 1', [root])
  assert.equal((await closeInterval(db, ledger, ctx)).size, 4, 'put back, it goes on')
})

test('a stranger with the public files alone finds tiles, heads and proofs as they should be, across tiles', async () => {
  const ids: string[] = []
  const small = { ...ledger, slots: 4 }
  for (let n = 0; n < 259; n += 1) {
    if (n % 50 === 7) ids.push(await put(db, ids.length, 'waterco'))
    await closeInterval(db, small, ctx)
    if (n % 100 === 60) await cosigned()
  }
  await cosigned()
  const [log, others] = [party(origin, keys.ncsc), [party('try/ico', keys.ico)]]
  const audited = await auditLog(async (path) => (await readLedgerFile(desk, path))?.body, log, others)
  assert.equal(audited.size, 259)
  assert.deepEqual(audited.times, { 'try/ico': Date.parse('2026-11-25T09:30:00Z') / 1000 })
  const logs = await logOf(db, ids, { opening: false }, trust)
  for (const [n, id] of ids.entries()) await auditMember(canonical(record(n)), logs.get(id)!, audited, log, others)
  assert.equal(ids.length, 6)
})

test('the public files end with the newest head that somebody cosigned, and have one path each', async () => {
  for (let n = 0; n < 3; n += 1) await closeInterval(db, ledger, ctx)
  assert.equal(await readLedgerFile(desk, 'checkpoint'), undefined, 'nobody else keeps any of it')
  await cosigned()
  await closeInterval(db, ledger, ctx)
  const there = ['checkpoint', 'tile/0/000.p/1', 'tile/0/000.p/3', 'tile/entries/000.p/3']
  for (const path of there) assert.ok(await readLedgerFile(desk, path), path)
  const checkpoint = (await readLedgerFile(desk, 'checkpoint'))!
  assert.deepEqual([checkpoint.type, checkpoint.immutable], ['text/plain; charset=utf-8', false])
  const tile = (await readLedgerFile(desk, 'tile/0/000.p/2'))!
  assert.deepEqual([tile.type, tile.immutable, tile.body.length], ['application/octet-stream', true, 64])
  const missing = [
    '',
    'tile/0/000',
    'tile/0/000.p/4',
    'tile/0/001.p/1',
    'tile/1/000.p/1',
    'tile/0/000.p/0',
    'tile/0/000.p/03',
    'tile/0/000.p/256',
  ]
  const misspelt = [
    'tile/0/x000/000.p/1',
    'tile/00/000.p/1',
    'tile/64/000.p/1',
    'tile/0/0.p/1',
    'tile/0/000.p/1/',
    '/checkpoint',
    'tile/entries/000',
    `tile/0/${'x999/'.repeat(9)}999`,
  ]
  for (const path of [...missing, ...misspelt]) assert.equal(await readLedgerFile(desk, path), undefined, path)
})

test('the desk reads what is public and cannot read or write anything else', async () => {
  await put(db, 1, 'waterco')
  await closeInterval(db, ledger, ctx)
  await cosigned()
  assert.ok(await readLedgerFile(desk, 'checkpoint'))
  assert.equal((await latest(desk))!.size, 1)
  const denied = (sql: string) => assert.rejects(query(desk, sql), { code: '42501' }, sql)
  for (const table of ['entries', 'chains']) await denied(`select 1 from ledger.${table}`)
  await denied('select root from ledger.heads')
  await denied('select root from ledger.witnessed')
  for (const table of ['entries', 'chains', 'leaves', 'tiles', 'heads', 'cosignatures', 'witnessed', 'seen', 'inconsistent']) {
    await denied(`insert into ledger.${table} default values`)
    await denied(`delete from ledger.${table}`)
    await denied(`truncate ledger.${table} cascade`)
  }
  await denied(`update ledger.heads set note = 'x'`)
  await assert.rejects(
    transact(desk, (tx) => append(tx, { record: '{}' }, ctx)),
    { code: '42501' },
  )
})

test('the gateway can add to the ledger and take nothing back', async () => {
  await put(db, 1, 'waterco')
  await closeInterval(db, ledger, ctx)
  await cosigned()
  await cosign(
    db,
    `old 0\n\n${signCheckpoint({ origin: 'try/ico', size: 3, root: sha256('root') }, keys.ico)}`,
    { ...witness, name: 'try/ncsc', signer: keys.ncsc },
    ctx,
  )
  const refused = (sql: string, code: string) => assert.rejects(query(db, sql), { code }, sql)
  for (const column of ['id', 'salt', 'record_hash', 'commitment', 'organisation', 'n', 'chain'])
    await refused(`update ledger.entries set ${column} = ${column}`, '42501')
  for (const table of ['leaves', 'tiles', 'cosignatures'])
    await refused(`update ledger.${table} set ${table === 'cosignatures' ? 'line' : 'root'} = null`, '42501')
  await refused('update ledger.heads set root = root', '42501')
  for (const table of ['entries', 'chains', 'leaves', 'tiles', 'heads', 'cosignatures', 'witnessed'])
    await refused(`delete from ledger.${table}`, '42501')
  await refused('update ledger.entries set slot = slot + 1', '23001')
  await refused(`update ledger.heads set note = 'another' where size = 1`, '23001')
  await refused('update ledger.chains set n = n - 1', '23001')
  await refused('update ledger.witnessed set size = size - 1', '23001')
  await refused(`update ledger.witnessed set root = sha256('fork')`, '23001')
  await refused(`insert into ledger.heads (size, root, created_at) values (9, sha256('x'), now())`, '23503')
  await refused(`insert into ledger.heads (size, root, created_at) values (1, sha256('x'), now())`, '23505')
})

test('proofs of many entries take three queries', async () => {
  const ids = await transact(db, (tx) =>
    appendMany(
      tx,
      Array.from({ length: 40 }, (_, n) => ({ record: canonical(record(n)) })),
      ctx,
    ),
  )
  for (let n = 0; n < 3; n += 1) await closeInterval(db, ledger, ctx)
  await cosigned()
  let count = 0
  const pool = {
    query(...given: unknown[]): unknown {
      count += 1
      return (db.pool.query as (...given: unknown[]) => unknown).apply(db.pool, given)
    },
  }
  const counting = { reads: true, pool } as unknown as Db
  const logs = await logOf(counting, ids, { opening: false }, trust)
  assert.deepEqual([logs.size, count], [40, 3])
})
