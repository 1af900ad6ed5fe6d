import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import type { Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { sha256 } from '#platform/bytes'
import { nodeItself, systemRandom, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact, type Db } from '#platform/db'
import { signerOf, type PrivateJwk } from '#platform/jws'
import { silentLog } from '#platform/log'
import { freshDatabase, type FreshDatabase } from '../../../checks/database.ts'
import {
  addCosignature,
  append,
  checkLog,
  closeInterval,
  cosignExtended,
  extendRequest,
  inconsistentRows,
  leavesOf,
  logOf,
  mirroredHead,
  passOver,
  readLedgerFile,
  resume,
  takeBack,
  takeBackEntries,
  type Cosigner,
  type Kept,
  type LedgerIdentity,
  type LedgerTrust,
} from './index.ts'
import { signCheckpoint } from './note.ts'
import { grown, peaksIn, rootOfPeaks, type Peaks } from './peaks.ts'
import { rootOf, readerOf, leafHashes } from './tree.ts'

const newSigner = () => signerOf(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }) as unknown as PrivateJwk)
const keys = { ncsc: newSigner(), ico: newSigner(), portal: newSigner() }
const origin = 'try/ncsc'
const ledger: LedgerIdentity = { origin, slots: 16, signer: keys.ncsc }
const trust: LedgerTrust = {
  origins: { 'try/ncsc': keys.ncsc.jwk, 'try/ico': keys.ico.jwk, 'try/portal': keys.portal.jwk },
  witnesses: {},
}
const ico: Cosigner = { name: 'try/ico', signer: keys.ico, trust }
let clock = new Date('2026-11-25T09:30:00.000Z')
const ctx: Ctx = { now: () => clock, random: systemRandom, actor: nodeItself('ncsc'), log: silentLog }

let house: FreshDatabase
let peerHouse: FreshDatabase
let db: Db
let desk: Db
let owner: Db
let peer: Db
let peerOwner: Db
before(async () => {
  ;[house, peerHouse] = await Promise.all([freshDatabase(['ledger']), freshDatabase(['ledger'])])
  ;[db, desk, owner] = [openDb(house.gatewayUrl), openDb(house.deskUrl, { max: 1 }), openDb(house.ownerUrl, { max: 1 })]
  ;[peer, peerOwner] = [openDb(peerHouse.gatewayUrl), openDb(peerHouse.ownerUrl, { max: 1 })]
})
beforeEach(async () => {
  clock = new Date('2026-11-25T09:30:00.000Z')
  await rollBackTo(0)
  for (const table of ['entries', 'chains']) await query(owner, `delete from ledger.${table}`)
  for (const table of ['witnessed', 'mirrors', 'mirrored', 'inconsistent']) await query(peerOwner, `delete from ledger.${table}`)
})
after(async () => {
  await Promise.all([db, desk, owner, peer, peerOwner].map(closeDb))
  await Promise.all([house.drop(), peerHouse.drop()])
})

/** The database as it was at this size: what an old copy of it holds of the log. */
async function rollBackTo(size: number): Promise<void> {
  await query(owner, 'delete from ledger.cosignatures where size > $1', [size])
  await query(owner, 'delete from ledger.entries where leaf_index >= $1', [size])
  await query(owner, 'delete from ledger.leaves where index >= $1', [size])
  await query(owner, 'delete from ledger.tiles where (n + 1) * power(256, level + 1) > $1', [size])
  await query(owner, 'delete from ledger.heads where size > $1', [size])
}

/** Gives the peer what it lacks, as a gateway does; its last answer. */
async function extended(): Promise<{ status: number; body: string }> {
  for (let from = 0; ; ) {
    const request = (await extendRequest(db, from))!
    const answer = await cosignExtended(peer, request.body, ico, ctx)
    if (answer.status === 409) {
      from = Number(answer.body)
      continue
    }
    if (answer.status === 200) await addCosignature(db, request.size, answer.body, trust)
    if (answer.status !== 200 || request.newest) return answer
    from = request.size
  }
}
const kept = async (): Promise<Kept> => {
  const head = (await mirroredHead(peer, origin, ctx))!
  return { note: head.note, leavesFrom: (index) => leavesOf(peer, origin, index) }
}
type Head = { size: number; note: string | null; root: Bytes }
const headsOf = () => query<Head>(owner, 'select size, note, root from ledger.heads where size > 0 order by size')
const put = (n: number, organisation: string) => transact(db, (tx) => append(tx, { record: canonical({ n }), organisation }, ctx))
const grow = async (intervals: number): Promise<void> => {
  for (let n = 0; n < intervals; n += 1) await closeInterval(db, ledger, ctx)
}

test('peaks give the root of every tree as the tree itself does', () => {
  let peaks: Peaks = []
  let row = Buffer.alloc(0)
  for (let size = 0; size < 70; size += 1) {
    assert.deepEqual(Buffer.from(rootOfPeaks(peaks)), Buffer.from(rootOf(size, readerOf(new Map([['0/0', leafHashes(row)]])))))
    assert.deepEqual(peaksIn(Buffer.concat(peaks)), peaks)
    const leaf = Buffer.from(systemRandom.bytes(32))
    peaks = grown(size, peaks, leaf)
    row = Buffer.concat([row, leaf])
  }
})

test('a node cosigns a head once it keeps every leaf below it, and gives them back', async () => {
  await grow(3)
  assert.equal((await extended()).status, 200)
  await grow(2)
  assert.equal((await extended()).status, 200)
  assert.deepEqual(await extended(), await extended(), 'the same head again gets the same answer')
  const head = (await mirroredHead(peer, origin, ctx))!
  assert.equal(head.size, 5)
  const leaves = await query<{ row: Buffer }>(owner, "select string_agg(root, ''::bytea order by index) as row from ledger.leaves")
  assert.deepEqual(await leavesOf(peer, origin, 0), leaves[0]!.row)
  assert.deepEqual(await leavesOf(peer, origin, 5), Buffer.alloc(0))
  assert.equal(await mirroredHead(peer, 'try/other', ctx), undefined)
})

test('leaves that do not lead to the head are refused, and neither they nor the head are kept', async () => {
  await grow(2)
  await extended()
  await grow(2)
  const { body } = (await extendRequest(db, 2))!
  const lines = body.split('\n')
  const other = Buffer.from(systemRandom.bytes(32)).toString('base64')
  const cases: [string, number][] = [
    [body.replace(lines[1]!, other), 422],
    [body.replace('from 2', 'from 3'), 400],
    [body.replace(`${lines[1]}\n`, ''), 400],
    [body.replace('from 2', 'from two'), 400],
    ['', 400],
    [body.replace(origin, 'try/elsewhere'), 404],
    [(await extendRequest(db, 0))!.body, 409],
    [`${body.slice(0, body.indexOf('\n\n'))}\n\n${signCheckpoint({ origin, size: 4, root: sha256('forged') }, keys.portal)}`, 403],
  ]
  for (const [wrong, status] of cases) assert.equal((await cosignExtended(peer, wrong, ico, ctx)).status, status, wrong)
  assert.equal((await cosignExtended(peer, body, { ...ico, name: origin }, ctx)).status, 404, 'nobody is their own witness')
  assert.equal((await mirroredHead(peer, origin, ctx))!.size, 2)
  assert.equal((await query(peerOwner, 'select 1 from ledger.mirrored where index >= 2')).length, 0)
  assert.deepEqual(
    (await inconsistentRows(peer)).map(({ proved }) => proved),
    [false],
    'wrong leaves prove nothing: anybody can bring them',
  )
  assert.equal((await cosignExtended(peer, body, ico, ctx)).status, 200)
})

test('a second head of one size is refused, and both are kept as proof', async () => {
  await grow(3)
  await extended()
  await rollBackTo(2)
  await grow(1)
  const { body } = (await extendRequest(db, 2))!
  assert.equal((await cosignExtended(peer, body, ico, ctx)).status, 422)
  assert.deepEqual(
    (await inconsistentRows(peer)).map(({ proved, size }) => [proved, size]),
    [[true, 3]],
  )
})

test('nobody outside is shown a head before another house keeps all of it', async () => {
  await grow(2)
  assert.equal(await readLedgerFile(desk, 'checkpoint'), undefined)
  await extended()
  await grow(1)
  const shown = Buffer.from((await readLedgerFile(desk, 'checkpoint'))!.body).toString()
  assert.equal(shown.split('\n')[1], '2')
  assert.equal(await readLedgerFile(desk, 'tile/0/000.p/3'), undefined)
})

test('an old copy from any moment gets back the very same heads, and goes on without a second head of any size', async () => {
  await grow(300)
  await extended()
  const before = await headsOf()
  const signed = new Map(before.map(({ size, note }) => [size, note]))
  for (const size of [0, 1, 2, 3, 127, 128, 255, 256, 257, 299, 300]) {
    await rollBackTo(size)
    assert.equal(await takeBack(db, ledger, await kept(), ctx), 300, `from ${size}`)
    assert.deepEqual(await headsOf(), before, `from ${size}`)
    await resume(db, ledger)
  }
  // Heads that were signed and that nobody was ever given: their sizes are passed over.
  await grow(4)
  for (const { size, note } of await headsOf()) signed.set(size, note)
  await rollBackTo(200)
  await takeBack(db, ledger, await kept(), ctx)
  assert.equal(await passOver(db, 4.2, ctx), 5)
  await grow(2)
  assert.equal((await extended()).status, 200)
  const now = await headsOf()
  assert.deepEqual(
    now.slice(300, 305).map(({ note }) => note),
    [null, null, null, null, null],
  )
  for (const { size, note } of now) if (note !== null) assert.equal(signed.get(size) ?? note, note, `two heads of size ${size}`)
  assert.equal(now.at(-1)!.size, 307)
  // And again, with passed heads among what is lost.
  await rollBackTo(150)
  assert.equal(await takeBack(db, ledger, await kept(), ctx), 307)
  await grow(1)
  assert.equal((await extended()).status, 200)
})

test('what another house gives back is believed only if all of it leads to a head under our own signature', async () => {
  await grow(5)
  await extended()
  await rollBackTo(2)
  const whole = await kept()
  const cases: Kept[] = [
    { ...whole, leavesFrom: async (index) => Buffer.from(await whole.leavesFrom(index)).fill(1, 0, 1) },
    { ...whole, leavesFrom: async () => Buffer.alloc(0) },
    { ...whole, leavesFrom: async () => Buffer.alloc(31) },
    { ...whole, note: signCheckpoint({ origin, size: 5, root: sha256('another') }, keys.portal) },
    { ...whole, note: signCheckpoint({ origin: 'try/ico', size: 5, root: sha256('another') }, keys.ncsc) },
  ]
  for (const wrong of cases) await assert.rejects(takeBack(db, ledger, wrong, ctx))
  assert.equal((await headsOf()).length, 2, 'nothing was written')
  assert.equal(await takeBack(db, ledger, whole, ctx), 5)
  assert.equal(await takeBack(db, ledger, whole, ctx), 5, 'again, it changes nothing')
})

test('a copy that went another way is told apart, whichever is longer', async () => {
  await grow(4)
  await extended()
  await rollBackTo(3)
  await grow(1)
  await assert.rejects(takeBack(db, ledger, await kept(), ctx), { code: 'branched' })
  await grow(3)
  await assert.rejects(takeBack(db, ledger, await kept(), ctx), { code: 'branched' })
  await rollBackTo(3)
  await transact(owner, (tx) => query(tx, "update ledger.leaves set root = sha256('changed') where index = 2"))
  await assert.rejects(takeBack(db, ledger, await kept(), ctx), { code: 'branched' })
})

test('entries that others can show get their places and numbers back, and the chain goes on after them', async () => {
  const first = await put(1, 'waterco')
  await grow(1)
  const lost = [await put(2, 'waterco'), await put(3, 'waterco'), await put(4, 'other')]
  await grow(1)
  await extended()
  const logs = await logOf(db, [first, ...lost], { opening: true }, trust)
  await rollBackTo(1)
  await query(owner, 'update ledger.chains set n = n') // as it is
  await query(owner, "delete from ledger.chains where organisation = 'other'")
  await query(owner, 'alter table ledger.chains disable trigger chains_grow')
  await query(
    owner,
    "update ledger.chains set n = 1, head = e.commitment from ledger.entries as e where e.organisation = 'waterco' and e.n = 1 and chains.organisation = 'waterco'",
  )
  await query(owner, 'alter table ledger.chains enable trigger chains_grow')
  await takeBack(db, ledger, await kept(), ctx)
  const shown = [2, 3, 4].map((n, nth) => ({
    recordHash: sha256(canonical({ n })),
    log: logs.get(lost[nth]!)!,
    organisation: n === 4 ? 'other' : 'waterco',
  }))
  const ids = await transact(db, (tx) => takeBackEntries(tx, shown, ctx))
  assert.deepEqual(
    await transact(db, (tx) =>
      takeBackEntries(
        tx,
        shown.map((one, nth) => ({ ...one, id: ids[nth]! })),
        ctx,
      ),
    ),
    ids,
  )
  const next = await put(5, 'waterco')
  await grow(1)
  await extended()
  const now = await logOf(db, [...ids, next], { opening: true }, trust)
  for (const [nth, n] of [2, 3, 4].entries()) {
    const checked = checkLog({ n }, now.get(ids[nth]!)!, origin, trust)
    assert.equal(checked.n, checkLog({ n }, logs.get(lost[nth]!)!, origin, trust).n)
  }
  const five = checkLog({ n: 5 }, now.get(next)!, origin, trust)
  assert.deepEqual([five.n, five.previous], [4, checkLog({ n: 3 }, logs.get(lost[1]!)!, origin, trust).commitment])
})

test('the database itself refuses a signature on a head that was passed over, and a mirror that shrinks', async () => {
  await grow(1)
  await extended()
  await passOver(db, 1, ctx)
  const note = signCheckpoint({ origin, size: 2, root: (await headsOf())[1]!.root }, keys.ncsc)
  await assert.rejects(query(db, 'update ledger.heads set note = $1 where size = 2', [note]), { constraint: 'heads_passed_unsigned' })
  await assert.rejects(query(peer, 'update ledger.mirrors set size = 0'), { constraint: 'mirrors_grow' })
  for (const text of ['delete from ledger.mirrored', 'update ledger.mirrored set root = root', 'delete from ledger.mirrors'])
    await assert.rejects(query(peer, text), { code: '42501' }, text)
  await assert.rejects(query(desk, 'select 1 from ledger.mirrored'), { code: '42501' })
})
