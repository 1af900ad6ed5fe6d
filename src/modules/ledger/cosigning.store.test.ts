import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, beforeEach, test } from 'node:test'
import { fromB64u, sha256, type Bytes } from '#platform/bytes'
import { nodeItself, systemRandom, type Ctx } from '#platform/context'
import { closeDb, openDb, query, type Db } from '#platform/db'
import { signerOf, type PrivateJwk } from '#platform/jws'
import { silentLog } from '#platform/log'
import { freshDatabase, type FreshDatabase } from '../../../checks/database.ts'
import {
  addCosignature,
  closeInterval,
  cosign,
  cosignRequest,
  latest,
  LedgerBroken,
  type Cosigner,
  type LedgerIdentity,
  type LedgerTrust,
} from './index.ts'
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
  for (const table of ['cosignatures', 'entries', 'chains', 'leaves', 'tiles', 'witnessed'])
    await query(owner, `delete from ledger.${table}`)
  await query(owner, 'delete from ledger.heads where size > 0')
  await query(peerOwner, 'delete from ledger.witnessed')
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
