import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, beforeEach, test } from 'node:test'
import { fromB64u, sha256, type Bytes } from '#platform/bytes'
import { nodeItself, systemRandom, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact, type Db } from '#platform/db'
import { signerOf, type PrivateJwk } from '#platform/jws'
import { silentLog } from '#platform/log'
import { freshDatabase, type FreshDatabase } from '../../../checks/database.ts'
import {
  addCosignature,
  appendMany,
  checkLog,
  closeInterval,
  cosign,
  cosignRequest,
  headsSeen,
  latest,
  LedgerBroken,
  logOf,
  takeCosigned,
  type Cosigner,
  type InconsistentRow,
  type LedgerIdentity,
  type LedgerTrust,
} from './index.ts'
import { cosignatureLine, cosignedBy, parseCheckpoint, signCheckpoint } from './note.ts'

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

const ctx: Ctx = { now: () => new Date('2026-11-25T09:30:00.000Z'), random: systemRandom, actor: nodeItself('ncsc'), log: silentLog }

let house: FreshDatabase
let peerHouse: FreshDatabase
let db: Db
let owner: Db
let peer: Db
let peerOwner: Db

before(async () => {
  ;[house, peerHouse] = await Promise.all([freshDatabase(['ledger']), freshDatabase(['ledger'])])
  db = openDb(house.gatewayUrl)
  owner = openDb(house.ownerUrl, { max: 1 })
  peer = openDb(peerHouse.gatewayUrl)
  peerOwner = openDb(peerHouse.ownerUrl, { max: 1 })
})
beforeEach(async () => {
  for (const table of ['cosignatures', 'entries', 'chains', 'leaves', 'tiles', 'witnessed', 'seen'])
    await query(owner, `delete from ledger.${table}`)
  await query(owner, 'delete from ledger.heads where size > 0')
  for (const table of ['witnessed', 'seen', 'inconsistent']) await query(peerOwner, `delete from ledger.${table}`)
})
after(async () => {
  await Promise.all([db, owner, peer, peerOwner].map(closeDb))
  await Promise.all([house.drop(), peerHouse.drop()])
})

/** The cosigner at its house signs our newest head; answers with that head's size. */
async function cosigned(): Promise<number> {
  const told = await cosign(peer, (await cosignRequest(db, 0))!.body, ico, ctx)
  const old = told.status === 409 ? Number(told.body) : 0
  const { size, body } = (await cosignRequest(db, old))!
  const reply = told.status === 200 ? told : await cosign(peer, body, ico, ctx)
  assert.equal(reply.status, 200)
  assert.deepEqual(await addCosignature(db, size, reply.body, trust), [ico.name])
  return size
}

test('a cosigner signs each consistent head after the last it signed, and that one again', async () => {
  for (let n = 0; n < 3; n += 1) await closeInterval(db, ledger, ctx)
  assert.equal(await cosigned(), 3)
  for (let n = 0; n < 4; n += 1) await closeInterval(db, ledger, ctx)
  const { size, body } = (await cosignRequest(db, 3))!
  assert.equal(size, 7)
  assert.match(body, /^old 3\n(?:[A-Za-z0-9+/]{43}=\n)+\ntry\/ncsc\n7\n/)
  assert.equal((await cosign(peer, body, ico, ctx)).status, 200)
  assert.deepEqual(await cosign(peer, body, ico, ctx), { status: 409, body: '7\n' })
  assert.equal((await cosign(peer, (await cosignRequest(db, 7))!.body, ico, ctx)).status, 200)
})

test('a cosigner refuses what C2SP says it must', async () => {
  for (let n = 0; n < 5; n += 1) await closeInterval(db, ledger, ctx)
  await cosigned()
  await closeInterval(db, ledger, ctx)
  const { body } = (await cosignRequest(db, 5))!
  const status = async (text: string, by: Cosigner = ico) => (await cosign(peer, text, by, ctx)).status
  const [root] = [parseCheckpoint((await latest(db))!.note).root]
  const note = (size: number, forged: Bytes = root, signer = keys.ncsc) => signCheckpoint({ origin, size, root: forged }, signer)
  assert.equal(await status(body.replace('try/ncsc\n', 'try/other\n')), 404)
  assert.equal(await status(signedAs(body, note(6, root, keys.ico))), 403, 'another key')
  assert.equal(await status(body.replace(/\n6\n/, '\n7\n')), 403, 'a signature that does not hold')
  assert.equal(await status(`old 6\n\n${note(5)}`), 400, 'old size larger than the checkpoint')
  assert.deepEqual(await cosign(peer, `old 4\n\n${note(4)}`, ico, ctx), { status: 409, body: '5\n' }, 'a shrinking log')
  assert.equal(await status(`old 0\n\n${note(6)}`), 409)
  assert.equal(await status(`old 5\n\n${note(5, sha256('fork'))}`), 422, 'a fork')
  assert.equal(await status(`old 5\n\n${note(6)}`), 422, 'no proof')
  assert.equal(await status(body.replace(/\n[A-Za-z0-9+/]{43}=/, `\n${Buffer.alloc(32).toString('base64')}`)), 422, 'a changed proof')
  assert.equal(await status(signedAs(body, note(6, sha256('fork')))), 422, 'another tree')
  assert.equal(await status(signedAs(body, note(7))), 422, 'another size')
  for (const spelling of [
    '',
    'old 5\n',
    body.replace('old 5', 'old 05'),
    body.replace('old', 'Old'),
    body.replace(/=\n/, '\n'),
    body.slice(0, -1),
    `old 5\n${`${Buffer.alloc(32).toString('base64')}\n`.repeat(64)}\n${note(6)}`,
  ])
    assert.equal(await status(spelling), 400, JSON.stringify(spelling.slice(0, 20)))
  assert.equal(await status(body), 200, 'and then the honest one')
})

const signedAs = (body: string, note: string): string => body.slice(0, body.indexOf('\n\n') + 2) + note

test('a cosigner answers as vectors/ledger.json says', async () => {
  const vectors = JSON.parse(readFileSync(new URL('../../../vectors/ledger.json', import.meta.url), 'utf8'))
  const { name, knows, cases } = vectors.addCheckpoint
  for (const { why, body, status, reply } of cases) {
    await query(peerOwner, 'delete from ledger.witnessed')
    await query(peerOwner, `insert into ledger.witnessed values ($1, $2, $3, 'note')`, [knows.origin, knows.size, fromB64u(knows.root)])
    const given = await cosign(peer, body, { name, signer: signerOf(vectors.keys.ico), trust: vectors.member.trust }, ctx)
    assert.equal(given.status, status, why)
    if (reply) assert.equal(given.body, reply, why)
  }
})

test('a first request proves nothing and carries no proof; an empty log has the root of the empty tree', async () => {
  await closeInterval(db, ledger, ctx)
  const { body } = (await cosignRequest(db, 0))!
  const proof = `${Buffer.alloc(32).toString('base64')}\n`
  assert.equal((await cosign(peer, body.replace('old 0\n', `old 0\n${proof}`), ico, ctx)).status, 422)
  const empty = (root: Bytes) => `old 0\n\n${signCheckpoint({ origin, size: 0, root }, keys.ncsc)}`
  assert.equal((await cosign(peer, empty(sha256('not empty')), ico, ctx)).status, 422)
  assert.equal((await cosign(peer, empty(sha256('')), ico, ctx)).status, 200)
  assert.equal((await cosign(peer, body, ico, ctx)).status, 200)
})

test('of two requests at once a cosigner never signs the smaller after the larger', async () => {
  for (let n = 0; n < 3; n += 1) await closeInterval(db, ledger, ctx)
  await cosigned()
  await closeInterval(db, ledger, ctx)
  const smaller = (await cosignRequest(db, 3))!.body
  await closeInterval(db, ledger, ctx)
  const larger = (await cosignRequest(db, 3))!.body
  const replies = await Promise.all([smaller, larger, smaller, larger].map((body) => cosign(peer, body, ico, ctx)))
  const signed = replies.filter(({ status }) => status === 200)
  assert.equal(signed.length, 1)
  const [known] = await query<{ size: number }>(peer, 'select size from ledger.witnessed')
  assert.ok(replies.every(({ status, body }) => status === 200 || (status === 409 && body === `${known!.size}\n`)))
})

test('a cosigner that knows more than stands here tells us that we were rolled back', async () => {
  await closeInterval(db, ledger, ctx)
  await assert.rejects(cosignRequest(db, 2), (error) => error instanceof LedgerBroken && error.code === 'peer-is-ahead')
})

test('nothing is asked of a cosigner before the first head', async () => {
  assert.equal(await cosignRequest(db, 0), undefined)
})

test('only lines that hold, by cosigners we trust, are kept', async () => {
  await closeInterval(db, ledger, ctx)
  await closeInterval(db, ledger, ctx)
  const { body } = (await cosignRequest(db, 0))!
  const good = (await cosign(peer, body, ico, ctx)).body
  const stranger = (await cosign(db, body, { ...witness, signer: newSigner() }, ctx)).body
  assert.deepEqual(await addCosignature(db, 2, stranger + good, trust), ['try/ico'])
  await assert.rejects(addCosignature(db, 1, good, trust), SyntaxError, 'a line for another head')
  await assert.rejects(addCosignature(db, 2, 'not a line\n', trust), SyntaxError)
  await assert.rejects(addCosignature(db, 9, good, trust), SyntaxError)
  assert.deepEqual(await query(owner, 'select size, cosigner, line from ledger.cosignatures'), [
    { size: 2, cosigner: 'try/ico', line: good },
  ])
})

const keptByPeer = () => query<InconsistentRow>(peerOwner, 'select * from ledger.inconsistent order by size, proved')

test('both heads of a fork are kept, as signed, once; a proof that is merely wrong is told apart', async () => {
  for (let n = 0; n < 5; n += 1) await closeInterval(db, ledger, ctx)
  await cosigned()
  const honest = (await latest(db))!.note
  await closeInterval(db, ledger, ctx)
  const { body } = (await cosignRequest(db, 5))!
  const note = (size: number, root: Bytes) => signCheckpoint({ origin, size, root }, keys.ncsc)
  const status = async (text: string) => (await cosign(peer, text, ico, ctx)).status
  assert.equal(await status(`old 5\n\n${note(5, sha256('fork'))}`), 422)
  assert.equal(await status(`old 5\n\n${note(5, sha256('fork'))}`), 422)
  assert.equal(await status(body.replace(/\n[A-Za-z0-9+/]{43}=/, `\n${Buffer.alloc(32).toString('base64')}`)), 422)
  const rows = await keptByPeer()
  assert.deepEqual(
    rows.map(({ size, proved, known_note }) => [size, proved, known_note]),
    [
      [5, true, honest],
      [6, false, honest],
    ],
  )
  assert.equal(rows[0]!.note, note(5, sha256('fork')))
  assert.equal(await status(body), 200, 'the honest head is cosigned all the same')
})

test('a fork that brings the proof of its own tree convicts itself', async () => {
  for (let n = 0; n < 5; n += 1) await closeInterval(db, ledger, ctx)
  await cosigned()
  const other = await freshDatabase(['ledger'])
  const forked = openDb(other.gatewayUrl, { max: 1 })
  try {
    for (let n = 0; n < 8; n += 1) await closeInterval(forked, ledger, ctx)
    assert.equal((await cosign(peer, (await cosignRequest(forked, 5))!.body, ico, ctx)).status, 422)
    assert.deepEqual(
      (await keptByPeer()).map(({ size, proved }) => [size, proved]),
      [[8, true]],
    )
  } finally {
    await closeDb(forked)
    await other.drop()
  }
})

test('whoever can sign heads does not fill the house with them; what nobody known signed is not kept at all', async () => {
  await closeInterval(db, ledger, ctx)
  await cosigned()
  const forged = (n: number, signer = keys.ncsc) => `old 1\n\n${signCheckpoint({ origin, size: 1, root: sha256(`fork ${n}`) }, signer)}`
  assert.equal((await cosign(peer, forged(0, keys.ico), ico, ctx)).status, 403)
  assert.equal((await keptByPeer()).length, 0)
  for (let n = 0; n < 103; n += 1) assert.equal((await cosign(peer, forged(n), ico, ctx)).status, 422)
  assert.equal((await keptByPeer()).length, 100)
})

test('of each log the first cosigned head of a day is kept, with its cosignature; evidence and heads seen are never changed', async () => {
  const day = (n: number): Ctx => ({ ...ctx, now: () => new Date(`2026-11-2${n}T10:00:00.000Z`) })
  for (const n of [5, 5, 6]) {
    await closeInterval(db, ledger, ctx)
    const { size } = (await latest(db))!
    const { body } = (await cosignRequest(db, size - 1))!
    const reply = await cosign(peer, body, ico, day(n))
    assert.equal(reply.status, 200)
    await addCosignature(db, size, reply.body, trust)
  }
  for (const [where, source] of [
    [db, 'our own'],
    [peer, 'another'],
  ] as const) {
    const seen = await headsSeen(where, '2026-11-25')
    const sizes = [...new Set(seen.map((note) => parseCheckpoint(note).size))].sort()
    assert.deepEqual(sizes, [1, 3], source)
    assert.ok(cosignedBy(parseCheckpoint(seen[0]!), ico.name, keys.ico.jwk), source)
  }
  assert.deepEqual([...new Set((await headsSeen(peer, '2026-11-26')).map((note) => parseCheckpoint(note).size))], [3])
  for (const change of ["update ledger.seen set note = ''", 'delete from ledger.seen', 'delete from ledger.inconsistent'])
    await assert.rejects(query(peer, change), { code: '42501' })
})

test('where a witness is required, its cosignature alone counts, for proofs and for their time', async () => {
  const [id] = await transact(db, (tx) => appendMany(tx, [{ record: '{"v":1}' }], ctx))
  await closeInterval(db, ledger, ctx)
  const early = await cosign(peer, (await cosignRequest(db, 0))!.body, ico, ctx)
  await addCosignature(db, 1, early.body, trust)
  const strict: LedgerTrust = { ...trust, required: [witness.name] }
  assert.equal((await logOf(db, [id!], { opening: false }, trust)).size, 1)
  assert.equal((await logOf(db, [id!], { opening: false }, strict)).size, 0, 'not yet')
  await closeInterval(db, ledger, ctx)
  const { note } = (await latest(db))!
  const later = new Date('2026-11-25T09:31:00.000Z')
  const published = note + cosignatureLine(parseCheckpoint(note).text, witness.name, keys.witness, later)
  assert.equal(await takeCosigned(db, 'try/ico', published, trust), undefined, 'another log\u2019s')
  assert.equal(await takeCosigned(db, origin, published, trust), 2)
  const log = (await logOf(db, [id!], { opening: false }, strict)).get(id!)!
  assert.deepEqual(checkLog({ v: 1 }, log, origin, strict).logTime, later)
  const lax = (await logOf(db, [id!], { opening: false }, trust)).get(id!)!
  assert.deepEqual(checkLog({ v: 1 }, lax, origin, trust).logTime, ctx.now())
  assert.throws(() => checkLog({ v: 1 }, lax, origin, strict), { code: 'not-cosigned' })
  assert.throws(() => checkLog({ v: 1 }, log, origin, { ...trust, required: ['witness.example/w2'] }), { code: 'not-cosigned' })
})
