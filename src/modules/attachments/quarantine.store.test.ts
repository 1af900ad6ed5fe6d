import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { mkdtemp, readdir, rm, truncate, utimes } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { buffer } from 'node:stream/consumers'
import { fastify, type FastifyInstance } from 'fastify'
import { Download } from '#platform/api'
import { b64u, sha256 } from '#platform/bytes'
import { systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact, type Db } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import { signerOf, verifyKeyOf, type PrivateJwk, type Signer } from '#platform/jws'
import { silentLog } from '#platform/log'
import type { BlobOfItem } from '#casework'
import { NotYet, type NodeId, type Trust } from '#exchange'
import { freshDatabase, type FreshDatabase } from '../../../checks/database.ts'
import { acceptBlobs, openAttachment } from './accept.ts'
import { FORGOTTEN_AFTER, LONGEST_PIECE } from './attachment.ts'
import { blobOf, CHUNK, sealChunk } from './blob.ts'
import { takeBlobs } from './quarantine.ts'
import { signTicket, type Ticket } from './ticket.ts'
import { tidyQuarantine } from './tidy.ts'

let database: FreshDatabase
let [desk, gateway, owner] = [] as unknown as [Db, Db, Db]
let blobs: string
let server: FastifyInstance
let address: string
const agent = new Agent({ keepAlive: true })

const newSigner = (): Signer => signerOf(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }) as PrivateJwk)
const signers: Record<NodeId, Signer> = { portal: newSigner(), ncsc: newSigner(), ico: newSigner() }
const deployment = systemRandom.uuid()
const statementKeys = Object.fromEntries(Object.entries(signers).map(([node, { jwk }]) => [node, verifyKeyOf(jwk)]))
const trust = { deployment, statementKeys } as unknown as Trust

const as = (actor: Partial<Actor> = {}, now = new Date()): Ctx => ({
  now: () => now,
  random: systemRandom,
  log: silentLog,
  actor: { id: systemRandom.uuid(), name: 'Somebody', roles: [], ...actor },
})

before(async () => {
  database = await freshDatabase(['casework', 'attachments'])
  ;[desk, gateway, owner] = [openDb(database.deskUrl), openDb(database.gatewayUrl), openDb(database.ownerUrl)]
  blobs = await mkdtemp(join(tmpdir(), 'quarantine-'))
  server = fastify({ bodyLimit: 1000 })
  takeBlobs(blobs)(server, { node: 'ncsc', db: gateway, trust, makeCtx: () => as() })
  await server.listen({ host: '127.0.0.1', port: 0 })
  address = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`
})
after(async () => {
  agent.destroy()
  await server.close()
  await Promise.all([desk, gateway, owner].map(closeDb))
  await database.drop()
  await rm(blobs, { recursive: true })
})

type Sent = { ref: Omit<BlobOfItem, 'item'>; bytes: Buffer; plain: Buffer }

function sealed(length: number): Sent {
  const [id, key, plain] = [systemRandom.uuid(), randomBytes(32), randomBytes(length)]
  const blob = blobOf({ id, key, length })
  const bytes = Buffer.concat(Array.from({ length: blob.chunks }, (_, n) => sealChunk(blob, n, plain.subarray(n * CHUNK, (n + 1) * CHUNK))))
  return { ref: { id, key: b64u(key), length, size: bytes.length, sha256: b64u(sha256(bytes)) }, bytes, plain }
}

const ticketFor = ({ ref }: Sent, change: Partial<Ticket> = {}, by = signers.portal, at = new Date(), where = deployment): string =>
  signTicket({ from: 'portal', to: 'ncsc', blob: ref.id, size: ref.size, sha256: ref.sha256, ...change }, where, by, at)

type Answer = { status: number; body: { offset?: number; whole?: boolean; code?: string } }

/** `breakAfter`: the connection ends after so many bytes. */
function ask(method: string, path: string, ticket: string | undefined, bytes?: Buffer, breakAfter?: number): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const headers = {
    ...(ticket && { authorization: ticket }),
    ...(bytes && { 'content-type': 'application/octet-stream', 'content-length': bytes.length }),
  }
  const outgoing = request(`${address}${path}`, { method, headers, agent }, async (response) => {
    const text = (await buffer(response)).toString()
    resolve({ status: response.statusCode!, body: text ? JSON.parse(text) : {} })
  })
  outgoing.on('error', reject)
  if (breakAfter === undefined) outgoing.end(bytes)
  else outgoing.write(bytes!.subarray(0, breakAfter), () => setTimeout(() => outgoing.destroy(new Error('broken')), 30))
  return promise
}
const put = (sent: Sent, offset: number, bytes: Buffer, ticket = ticketFor(sent)) =>
  ask('PUT', `/blobs/${sent.ref.id}/${offset}`, ticket, bytes)
const look = (sent: Sent, ticket = ticketFor(sent)) => ask('GET', `/blobs/${sent.ref.id}`, ticket)
const inQuarantine = (): Promise<string[]> => readdir(join(blobs, 'quarantine')).catch(() => [])

async function pushed(length = 2 * CHUNK + 5): Promise<Sent> {
  const sent = sealed(length)
  assert.deepEqual((await put(sent, 0, sent.bytes)).body, { offset: sent.ref.size, whole: true })
  return sent
}

test('a blob comes in pieces, each durable when it is answered, whatever breaks between; another offset is told the right one', async () => {
  const sent = sealed(5 * CHUNK)
  assert.deepEqual((await look(sent)).body, { offset: 0, whole: false })
  let offset = 0
  for (const end of [10, CHUNK, CHUNK + 1, 3 * CHUNK, sent.ref.size]) {
    await assert.rejects(
      ask('PUT', `/blobs/${sent.ref.id}/${offset}`, ticketFor(sent), sent.bytes.subarray(offset, end), Math.min(9, end - offset - 1)),
      /broken/,
    )
    await new Promise((resolve) => setTimeout(resolve, 60))
    assert.deepEqual((await look(sent)).body, { offset, whole: false }, 'a piece that broke off does not count')
    for (const wrong of [offset + 1, sent.ref.size]) {
      const refused = await put(sent, wrong, sent.bytes.subarray(offset, end))
      assert.deepEqual([refused.status, refused.body.code, refused.body.offset], [409, 'offset-differs', offset])
    }
    const { body } = await put(sent, offset, sent.bytes.subarray(offset, end))
    assert.deepEqual(body, { offset: end, whole: end === sent.ref.size })
    offset = end
  }
  assert.equal((await put(sent, offset, Buffer.from('x'))).status, 409)
})

test('nobody but the portal, for this node and this very blob, now, is let in; nothing is written for anybody else', async () => {
  const sent = sealed(100)
  const before = await inQuarantine()
  const strangers: (string | undefined)[] = [
    undefined,
    '',
    'Bearer abc',
    'Concordat-Blob ',
    'Concordat-Blob a.b.c',
    ticketFor(sent, {}, newSigner()),
    ticketFor(sent, {}, signers.ico),
    ticketFor(sent, { from: 'ico' }, signers.ico),
    ticketFor(sent, { from: 'ncsc' }, signers.ncsc),
    ticketFor(sent, { to: 'ico' }),
    ticketFor(sent, { blob: systemRandom.uuid() }),
    ticketFor(sent, {}, signers.portal, new Date(Date.now() - 3_700_000)),
    ticketFor(sent, {}, signers.portal, new Date(Date.now() + 3_700_000)),
    ticketFor(sent, {}, signers.portal, new Date(), systemRandom.uuid()),
    ticketFor(sent, { sha256: 'short' }),
    ticketFor(sent, { size: 0 }),
    ticketFor(sent).replace('Concordat-Blob', 'Concordat_Blob'),
  ]
  for (const ticket of strangers)
    for (const answer of [await look(sent, ticket ?? ''), await put(sent, 0, sent.bytes, ticket ?? '')])
      assert.deepEqual([answer.status, answer.body.code], [403, 'unknown-peer'], String(ticket))
  assert.equal((await ask('GET', '/blobs/..%2Fkeys', ticketFor(sent))).status, 403)
  assert.deepEqual(await inQuarantine(), before)
  assert.deepEqual(await query(owner, 'select 1 from attachments.quarantine where id = $1', [sent.ref.id]), [])
})

test('a blob of another size or hash than its ticket says is not taken, and an id stands for one blob', async () => {
  const sent = sealed(100)
  const more = await put(sent, 0, Buffer.concat([sent.bytes, Buffer.from('x')]))
  assert.deepEqual([more.status, more.body.code], [413, 'too-large'])
  assert.deepEqual((await look(sent)).body, { offset: 0, whole: false })
  const other = Buffer.from(sent.bytes)
  other[50]! ^= 1
  await put(sent, 0, other.subarray(0, 1000))
  const wrong = await put(sent, 1000, other.subarray(1000))
  assert.deepEqual([wrong.status, wrong.body.code], [400, 'envelope-invalid'])
  assert.deepEqual((await look(sent)).body, { offset: 0, whole: false }, 'all of it is dropped')
  assert.ok(!(await inQuarantine()).includes(sent.ref.id))
  for (const change of [{ size: sent.ref.size + 1 }, { sha256: b64u(sha256('other')) }]) {
    const refused = await look(sent, ticketFor(sent, change))
    assert.deepEqual([refused.status, refused.body.code], [409, 'replayed-differently'])
  }
  assert.equal((await put(sent, 0, sent.bytes)).body.whole, true)
  const large = sealed(LONGEST_PIECE + CHUNK)
  assert.equal((await put(large, 0, large.bytes.subarray(0, LONGEST_PIECE + 1))).status, 413)
  assert.equal((await put(large, 0, large.bytes.subarray(0, LONGEST_PIECE))).body.offset, LONGEST_PIECE)
})

test('where the disk has less than was counted, it begins anew', async () => {
  const sent = sealed(CHUNK)
  await put(sent, 0, sent.bytes.subarray(0, 5000))
  await truncate(join(blobs, 'quarantine', sent.ref.id), 4000)
  assert.deepEqual((await look(sent)).body, { offset: 0, whole: false })
  assert.equal((await put(sent, 0, sent.bytes)).body.whole, true)
})

/** An item as casework keeps it. */
async function itemFor(
  sent: Sent,
  change: Record<string, unknown> = {},
  question = 'attachment',
): Promise<{ case: string; blobs: BlobOfItem[] }> {
  const [caseId, item] = [systemRandom.uuid(), systemRandom.uuid()]
  const value = {
    name: 'sample.exe',
    mediaType: 'application/octet-stream',
    length: sent.ref.length,
    sha256: b64u(sha256(sent.plain)),
    ...change,
  }
  await query(
    owner,
    `insert into casework.cases (id, reference, organisation, organisation_name, organisation_verified, opened_at, opened_by_door)
     values ($1, $2, $3, 'Marlow', true, now(), 1)`,
    [caseId, systemRandom.uuid(), systemRandom.uuid()],
  )
  await query(
    owner,
    `insert into casework.items (id, record, case_id, question, value, salt, commitment, kind, via, marking, added_at)
     values ($1, $2, $3, $4, $5, '', '', 'answer', 'in-confidence', 'OFFICIAL-SENSITIVE', now())`,
    [item, systemRandom.uuid(), caseId, question, JSON.stringify(value)],
  )
  return { case: caseId, blobs: [{ item, ...sent.ref }] }
}

const accept = (report: { case: string; blobs: BlobOfItem[] }) => transact(gateway, (tx) => acceptBlobs(blobs)(tx, report, as()))
const refuses = (work: Promise<unknown>, code: RefusalCode) =>
  assert.rejects(work, (error) => error instanceof Refusal && error.code === code)
const handler = as({ roles: ['handler'] })
const reading = { deferredDays: 90, purposes: [{ id: 'unstated', label: 'No purpose was stated', told: 'next-day' as const }] }
const opened = (item: string) => ({ item, purpose: undefined, credential: undefined })
const read = async (item: string, ctx = handler, node: 'ncsc' | 'ico' = 'ncsc'): Promise<Buffer> => {
  const download = await openAttachment({ db: desk, node, reading, blobs }, opened(item), ctx)
  assert.ok(download instanceof Download)
  return buffer(download.content)
}

test('a report\u2019s blobs are accepted with it or not at all, again if it comes again, and are read from then on', async () => {
  const [sent, absent] = [await pushed(), sealed(10)]
  const report = await itemFor(sent)
  const both = {
    ...report,
    blobs: [...report.blobs, ...(await itemFor(absent)).blobs.map((blob) => ({ ...blob, item: report.blobs[0]!.item }))],
  }
  await refuses(accept({ ...both, blobs: [report.blobs[0]!, { ...both.blobs[1]!, length: 11 }] }), 'envelope-invalid')
  await refuses(read(report.blobs[0]!.item), 'not-found')
  // A crash, or a rollback, after the file has its second name.
  await assert.rejects(
    transact(gateway, async (tx) => {
      await acceptBlobs(blobs)(tx, report, as())
      throw new Error('rolled back')
    }),
    /rolled back/,
  )
  await refuses(read(report.blobs[0]!.item), 'not-found')
  await accept(report)
  assert.ok((await read(report.blobs[0]!.item)).equals(sent.plain))
  assert.deepEqual((await look(sent)).body, { offset: sent.ref.size, whole: true }, 'a sender that asks is told')
  await refuses(accept(await itemFor(sent)), 'replayed-differently')
})

test('a report whose blob is not there, or not yet whole, is put off; one that says something else of it is refused', async () => {
  const sent = sealed(2 * CHUNK)
  const report = await itemFor(sent)
  await assert.rejects(accept(report), NotYet)
  await put(sent, 0, sent.bytes.subarray(0, 1000))
  await assert.rejects(accept(report), NotYet)
  await put(sent, 1000, sent.bytes.subarray(1000))
  const [blob] = report.blobs
  for (const change of [
    { sha256: b64u(sha256('x')) },
    { size: sent.ref.size - 16 },
    { length: sent.ref.length - 1 },
    { item: systemRandom.uuid() },
  ])
    await refuses(accept({ ...report, blobs: [{ ...blob!, ...change }] }), 'envelope-invalid')
  await refuses(accept(await itemFor(sent, { length: 7 })), 'envelope-invalid')
  await refuses(accept(await itemFor(sent, { more: 1 })), 'envelope-invalid')
  await refuses(accept(await itemFor(sent, {}, 'q19')), 'envelope-invalid')
  await truncate(join(blobs, 'quarantine', sent.ref.id), 100)
  await assert.rejects(accept(report), NotYet, 'what the disk lost is not accepted')
  await put(sent, 0, sent.bytes)
  await accept(report)
})

test('a file is given to whoever reads the case and to nobody else, checked as it passes; a changed one ends short', async () => {
  const sent = await pushed()
  const report = await itemFor(sent)
  const { item } = report.blobs[0]!
  await accept(report)
  for (const role of ['handler', 'duty-officer', 'releasing-officer'])
    assert.ok((await read(item, as({ roles: [role] }))).equals(sent.plain))
  for (const role of ['case-officer', 'administrator', 'auditor', 'press-officer'])
    await refuses(read(item, as({ roles: [role] })), 'role-missing')
  for (const id of [systemRandom.uuid(), sent.ref.id, '../x']) await refuses(read(id), 'not-found')
  const [named] = (await itemFor(sealed(10))).blobs
  await refuses(read(named!.item), 'not-found')
  const { name, length, content } = await openAttachment({ db: desk, node: 'ncsc', reading, blobs }, opened(item), handler)
  content.destroy()
  assert.deepEqual([name, length], ['sample.exe.bin', sent.plain.length])
  await truncate(join(blobs, 'accepted', sent.ref.id), sent.ref.size - 1)
  await assert.rejects(read(item), SyntaxError)
  await rm(join(blobs, 'accepted', sent.ref.id))
  await refuses(read(item), 'unavailable')
})

test('what no report speaks of for seven days goes; what was accepted stays, under one name', async () => {
  const [forgotten, fresh, kept] = [await pushed(), await pushed(), await pushed()]
  await accept(await itemFor(kept))
  const tidy = () => tidyQuarantine(blobs)({ db: gateway, makeCtx: () => as() })
  const old = (id: string) =>
    query(owner, `update attachments.quarantine set touched_at = now() - $2 * interval '1 millisecond' where id = $1`, [
      id,
      FORGOTTEN_AFTER + 1,
    ])
  await old(forgotten.ref.id)
  for (const { ref } of [forgotten, fresh, kept]) await utimes(join(blobs, 'quarantine', ref.id), new Date(0), new Date(0))
  await tidy()
  const names = new Set(await inQuarantine())
  assert.deepEqual(
    [forgotten, fresh, kept].map(({ ref }) => names.has(ref.id)),
    [false, true, false],
  )
  assert.ok((await readdir(join(blobs, 'accepted'))).includes(kept.ref.id))
  assert.deepEqual((await look(forgotten)).body, { offset: 0, whole: false })
})
