import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { appendFile, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { Reply, type Endpoint } from '#platform/api'
import { sha256 as hashOf } from '#platform/bytes'
import { systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, queryOne, transact, type Db } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import { silentLog } from '#platform/log'
import { NotYet, type QueuedRequest } from '#exchange'
import { FolderKeys, openIncident, prepareReport, type IncidentKind, type Payload } from '#reporting'
import { freshDatabase, type FreshDatabase } from '../../../checks/database.ts'
import { runs, seed } from '../../../checks/runs.ts'
import { portalApi } from './api-portal.ts'
import { FORGOTTEN_AFTER, LONGEST_PIECE } from './attachment.ts'
import { blobOf, CHUNK, openBlob, sizeOf } from './blob.ts'
import { afterItsBlob } from './submission.ts'
import { tidyUploads } from './tidy.ts'

let database: FreshDatabase
let [desk, gateway, owner] = [] as unknown as [Db, Db, Db]
let home: string
let folders: FolderKeys
let blobs: string
const LIMIT = 12_000_000
const marlow = systemRandom.uuid()
const other = systemRandom.uuid()

const as = (actor: Partial<Actor>, now = new Date()): Ctx => ({
  now: () => now,
  random: systemRandom,
  log: silentLog,
  actor: { id: systemRandom.uuid(), name: 'Somebody', roles: [], ...actor },
})
const reporter = as({ roles: ['reporter'], organisation: marlow })
const stranger = as({ roles: ['reporter', 'signatory', 'counsel'], organisation: other })

before(async () => {
  database = await freshDatabase(['identity', 'exchange', 'reporting', 'attachments'])
  ;[desk, gateway, owner] = [openDb(database.deskUrl), openDb(database.gatewayUrl), openDb(database.ownerUrl)]
  home = await mkdtemp(join(tmpdir(), 'attachments-'))
  folders = new FolderKeys(join(home, 'folders'))
  blobs = join(home, 'blobs')
  api = portalApi({ db: desk, folders, blobs, limit: LIMIT, poke: () => {} })
  for (const id of [marlow, other])
    await query(owner, `insert into identity.organisations (id, name, identifiers, verified) values ($1, 'Marlow', '[]', true)`, [id])
})
after(async () => {
  await Promise.all([desk, gateway, owner].map(closeDb))
  await database.drop()
  await rm(home, { recursive: true })
})

type Any = any
let api: Endpoint[]

/** Through the door, as the web server calls it. */
async function call(method: string, path: string, params: Record<string, string>, body: unknown, ctx: Ctx): Promise<Any> {
  const found = api.find((one) => one.method === method && one.path === path)!
  const answer = await found.handle({ params, query: {}, body: found.body ? found.body.parse(body) : undefined, ctx })
  const content = answer instanceof Reply ? answer.body : answer
  found.reply.parse(JSON.parse(JSON.stringify(content)))
  return content
}

const streamed = (bytes: Uint8Array, piece = 50_000): Readable =>
  Readable.from(
    (function* () {
      for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece)
    })(),
  )
/** A connection that ends after so many bytes. */
const broken = (bytes: Uint8Array, after: number): Readable =>
  Readable.from(
    (function* () {
      for (let at = 0; at < after; at += 10_000) yield bytes.subarray(at, Math.min(at + 10_000, after))
      throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
    })(),
  )

const incidentOf = async (ctx: Ctx, kind: IncidentKind = 'incident'): Promise<string> =>
  (await transact(desk, (tx) => openIncident(tx, { title: 'An incident', kind }, folders, ctx))).id
const file = (length: number, word = ''): Buffer =>
  Buffer.from(`${word} ${'All of it went at two. '.repeat(length / 20 + 1)}`.slice(0, length))
type Said = { name?: string; mediaType?: string; length?: number; audience?: string[]; sha256?: string; byHash?: true }
const announce = async (incident: string, said: Said, ctx = reporter): Promise<string> =>
  (
    await call(
      'POST',
      '/incidents/:id/attachments',
      { id: incident },
      { name: 'log.txt', mediaType: 'text/plain', audience: ['ncsc'], ...said },
      ctx,
    )
  ).id
const put = (id: string, offset: number, body: Readable, ctx = reporter): Promise<Any> =>
  call('PUT', '/attachments/:id/:offset', { id, offset: String(offset) }, body, ctx)
const look = (id: string, ctx = reporter): Promise<Any> => call('GET', '/attachments/:id', { id }, undefined, ctx)
const submit = (id: string, ctx = reporter): Promise<Any> => call('POST', '/attachments/:id/submission', { id }, undefined, ctx)
const drop = (id: string, ctx = reporter): Promise<Any> => call('DELETE', '/attachments/:id', { id }, undefined, ctx)

async function uploaded(bytes: Buffer, said: Said = {}, ctx = reporter): Promise<string> {
  const id = await announce(await incidentOf(ctx), { length: bytes.length, ...said }, ctx)
  await put(id, 0, streamed(bytes), ctx)
  return id
}

const refusal = async (work: Promise<unknown>): Promise<Refusal> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof Refusal, `refused: ${error}`)
  return error
}
const refuses = async (work: Promise<unknown>, code: RefusalCode, message?: RegExp): Promise<Refusal> => {
  const found = await refusal(work)
  assert.equal(found.code, code)
  if (message) assert.match(found.detail.mistakes?.[0]?.message ?? '', message)
  return found
}
const filesOf = async (id: string): Promise<string[]> => {
  const rows = await query<{ id: string }>(owner, 'select id from attachments.blobs where upload = $1', [id])
  const names = new Set(await readdir(blobs))
  return rows.filter((row) => names.has(row.id)).map((row) => join(blobs, row.id))
}

/** What a body would be sent for an upload that was filed, opened as it would open it. */
async function delivered(id: string, to: string): Promise<{ payload: Payload; record: string; bytes: Buffer | undefined }> {
  const { record } = (await queryOne<{ record: string }>(
    owner,
    'select record from attachments.sends where upload = $1 and recipient = $2',
    [id, to],
  ))!
  const request = (await queryOne<QueuedRequest>(
    gateway,
    'select id, kind, peer as "to", body, actor from exchange.requests where id = $1',
    [record],
  ))!
  const prepared = await transact(gateway, (tx) => prepareReport(folders)(tx, request, reporter))
  const payload = JSON.parse(Buffer.from(prepared.payload!).toString()) as Payload
  const ref = payload.blobs?.[0]
  if (!ref) return { payload, record, bytes: undefined }
  const sealed = await readFile(join(blobs, ref.id))
  assert.equal(sealed.length, ref.size)
  assert.equal(Buffer.from(hashOf(sealed)).toString('base64url'), ref.sha256)
  const parts: Buffer[] = []
  const blob = blobOf({ id: ref.id, key: Buffer.from(ref.key, 'base64url'), length: ref.length })
  for await (const part of openBlob(blob, async (at, length) => sealed.subarray(at, at + length))) parts.push(part)
  return { payload, record, bytes: Buffer.concat(parts) }
}

test('a file for two bodies is two blobs with nothing in common, and each body gets its own, in a report of its own', async () => {
  const bytes = file(3 * CHUNK + 77)
  const id = await uploaded(bytes, { audience: ['ico', 'ncsc'], mediaType: 'application/x-nonsense' })
  const [one, two] = await Promise.all((await filesOf(id)).map((path) => readFile(path)))
  assert.ok(one && two && one.length === sizeOf(bytes.length) && two.length === one.length)
  const partsOf = (sealed: Buffer) =>
    Array.from({ length: Math.floor(sealed.length / 16) - 1 }, (_, n) => sealed.toString('hex', 8 + n * 16, 24 + n * 16))
  const known = new Set(partsOf(one))
  assert.deepEqual(
    partsOf(two).filter((part) => known.has(part)),
    [],
  )
  const shown = await submit(id)
  assert.deepEqual([shown.state, shown.submissions.map(({ to }: Any) => to)], ['filed', ['ico', 'ncsc']])
  const [ico, ncsc] = [await delivered(id, 'ico'), await delivered(id, 'ncsc')]
  assert.ok(ico.bytes!.equals(bytes) && ncsc.bytes!.equals(bytes))
  assert.notEqual(ico.payload.blobs![0]!.key, ncsc.payload.blobs![0]!.key)
  assert.equal(ico.payload.items.length, 1)
  const sha256 = createHash('sha256').update(bytes).digest('base64url')
  assert.deepEqual(
    ico.payload.items[0]!.value,
    { name: 'log.txt', mediaType: 'text/plain', length: bytes.length, sha256 },
    'what it is by content',
  )
  assert.deepEqual(ncsc.payload.items[0]!.value, { name: 'log.txt', mediaType: 'application/x-nonsense', length: bytes.length, sha256 })
  const ids = (payload: Payload) => [payload.items[0]!.id, payload.items[0]!.salt, payload.blobs![0]!.id]
  assert.equal(new Set([...ids(ico.payload), ...ids(ncsc.payload)]).size, 6)
})

test('no plaintext and no key lies on the disk or in a table, half sent or whole', async () => {
  const word = 'canary-in-the-evidence'
  const bytes = Buffer.from(`${word}, `.repeat(9_000))
  const id = await announce(await incidentOf(reporter), { length: bytes.length, name: `${word}.txt`, audience: ['ico', 'ncsc'] })
  const looked = async (): Promise<void> => {
    for (const path of await filesOf(id)) assert.ok(!(await readFile(path)).includes(word))
    for (const table of ['uploads', 'blobs', 'sends']) {
      const rows = await query<{ row: string }>(owner, `select t::text as row from attachments.${table} t`)
      for (const { row } of rows) for (const form of [word, Buffer.from(word).toString('hex')]) assert.ok(!row.includes(form), table)
    }
  }
  await put(id, 0, streamed(bytes.subarray(0, CHUNK + 1_000)))
  await looked()
  await put(id, CHUNK + 1_000, streamed(bytes.subarray(CHUNK + 1_000)))
  await looked()
  await submit(id)
  await looked()
  const { key } = (await delivered(id, 'ncsc')).payload.blobs![0]!
  const rows = await query<{ row: string }>(owner, 'select t::text as row from attachments.blobs t')
  for (const { row } of rows) assert.ok(!row.includes(Buffer.from(key, 'base64url').toString('hex')))
})

test('a connection that ends at any byte loses nothing that was answered for, and the file comes out whole', async () => {
  const cut = fc.nat(5 * CHUNK)
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 5 * CHUNK }), fc.array(cut, { maxLength: 6 }), fc.boolean(), async (length, cuts, both) => {
      const bytes = file(length, systemRandom.uuid())
      const id = await announce(await incidentOf(reporter), { length, audience: both ? ['ico', 'ncsc'] : ['ncsc'] })
      let offset = 0
      for (const at of cuts) {
        const some = Math.min(at, length - offset)
        await assert.rejects(put(id, offset, broken(bytes.subarray(offset), some)))
        const now = (await look(id)).offset
        assert.equal(now, offset + some, 'what had come is kept')
        offset = now
      }
      await put(id, offset, streamed(bytes.subarray(offset)))
      assert.equal((await look(id)).state, 'whole')
      await submit(id)
      for (const to of both ? ['ico', 'ncsc'] : ['ncsc']) assert.ok((await delivered(id, to)).bytes!.equals(bytes))
    }),
    { numRuns: runs(12), seed },
  )
})

/** As a crash leaves it that came after the bytes were written and before they counted. */
const forget = (id: string, received: number) =>
  query(owner, `update attachments.uploads set received = $2, tail = null, state = 'receiving', outcome = null where id = $1`, [
    id,
    received,
  ])

test('killed after the bytes were written and before they counted: the same bytes are taken again, others are not', async () => {
  const bytes = file(4 * CHUNK + 10)
  const some = bytes.subarray(0, 3 * CHUNK)
  for (const from of [0, CHUNK, 2 * CHUNK]) {
    const id = await announce(await incidentOf(reporter), { length: bytes.length })
    await put(id, 0, streamed(some))
    await forget(id, from)
    await put(id, from, streamed(bytes.subarray(from)))
    await submit(id)
    assert.ok((await delivered(id, 'ncsc')).bytes!.equals(bytes))
  }
  const id = await announce(await incidentOf(reporter), { length: bytes.length })
  await put(id, 0, streamed(some))
  await forget(id, CHUNK)
  await refuses(put(id, CHUNK, streamed(Buffer.alloc(CHUNK, 'x'))), 'attachment-refused', /damaged/)
  assert.deepEqual([(await look(id)).state, (await look(id)).reason, await filesOf(id)], ['refused', 'damaged', []])
})

test('a torn write behind what counts is written over; a file that is short or changed is given up, at whatever moment it is found', async () => {
  const bytes = file(3 * CHUNK + 500)
  const half = async (): Promise<[string, string]> => {
    const id = await announce(await incidentOf(reporter), { length: bytes.length })
    await put(id, 0, streamed(bytes.subarray(0, 2 * CHUNK)))
    return [id, (await filesOf(id))[0]!]
  }
  for (const torn of [1, 5_000, CHUNK + 15]) {
    const [id, path] = await half()
    await put(id, 2 * CHUNK, streamed(bytes.subarray(2 * CHUNK, 3 * CHUNK)))
    await forget(id, 2 * CHUNK)
    await truncate(path, (await stat(path)).size - torn)
    await put(id, 2 * CHUNK, streamed(bytes.subarray(2 * CHUNK)))
    assert.equal((await look(id)).state, 'whole', `${torn} bytes of the last chunk missing`)
  }
  const [short, shortFile] = await half()
  await truncate(shortFile, (await stat(shortFile)).size - 1)
  await refuses(put(short, 2 * CHUNK, streamed(bytes.subarray(2 * CHUNK))), 'attachment-refused', /damaged/)
  const [zeros, zerosFile] = await half()
  await appendFile(zerosFile, Buffer.alloc(100))
  await refuses(put(zeros, 2 * CHUNK, streamed(bytes.subarray(2 * CHUNK))), 'attachment-refused', /damaged/)
  const [flipped, flippedFile] = await half()
  const content = await readFile(flippedFile)
  content[20]! ^= 1
  await writeFile(flippedFile, content)
  await refuses(put(flipped, 2 * CHUNK, streamed(bytes.subarray(2 * CHUNK))), 'attachment-refused', /damaged/)
  for (const id of [short, zeros, flipped]) assert.deepEqual(await filesOf(id), [])
})

test('killed between the last byte and being called whole: the next call does the rest, once', async () => {
  for (const length of [CHUNK - 1, CHUNK, 2 * CHUNK, 2 * CHUNK + 1]) {
    const bytes = file(length)
    const id = await uploaded(bytes)
    const { tail } = (await queryOne<{ tail: Buffer }>(owner, `select $1::bytea as tail`, [
      length % CHUNK === 0 ? null : await folders.seal({ organisation: marlow }, `${id} tail`, bytes.subarray(length - (length % CHUNK))),
    ]))!
    await query(owner, `update attachments.uploads set state = 'receiving', outcome = null, tail = $2 where id = $1`, [id, tail])
    await refuses(put(id, 0, streamed(bytes)), 'offset-differs')
    await submit(id)
    assert.ok((await delivered(id, 'ncsc')).bytes!.equals(bytes))
  }
})

test('bytes are taken from where the last answer left off, never more than announced, never two at once', async () => {
  const bytes = file(2 * CHUNK)
  const id = await announce(await incidentOf(reporter), { length: bytes.length })
  await put(id, 0, streamed(bytes.subarray(0, 1_000)))
  for (const offset of [0, 999, 1_001, 2 * CHUNK])
    assert.equal((await refuses(put(id, offset, streamed(bytes)), 'offset-differs')).detail.offset, 1_000)
  for (const offset of ['-1', '01', '1e3', ' 1', '0x1', ''])
    await refuses(call('PUT', '/attachments/:id/:offset', { id, offset }, streamed(bytes), reporter), 'not-found')
  await refuses(submit(id), 'attachment-incomplete')
  const gate = Promise.withResolvers<void>()
  const slow = Readable.from(
    (async function* () {
      yield bytes.subarray(1_000, 2_000)
      await gate.promise
      yield bytes.subarray(2_000, 3_000)
    })(),
  )
  const first = put(id, 1_000, slow)
  await refuses(put(id, 1_000, streamed(bytes.subarray(1_000))), 'offset-differs')
  await refuses(drop(id), 'offset-differs')
  gate.resolve()
  assert.equal((await first).offset, 3_000)
  await refuses(put(id, 3_000, streamed(Buffer.concat([bytes, bytes]).subarray(3_000), 100_000)), 'too-large')
  const { offset } = await look(id)
  assert.ok(offset >= 3_000 && offset <= bytes.length, 'what came before the first byte too many may be kept')
  await put(id, offset, streamed(bytes.subarray(offset)))
  assert.equal((await look(id)).state, 'whole')
  await refuses(put(id, bytes.length, streamed(Buffer.from('x'))), 'offset-differs')
  const large = await announce(await incidentOf(reporter), { length: LIMIT })
  await refuses(put(large, 0, streamed(Buffer.alloc(LONGEST_PIECE + 1, 'a'))), 'too-large')
  assert.ok((await look(large)).offset <= LONGEST_PIECE)
})

test('what the ICO must not be sent is refused with its first bytes, to both bodies; the NCSC alone is sent anything', async () => {
  const program = Buffer.concat([Buffer.from('MZ\u0090\0\u0003', 'latin1'), Buffer.alloc(3 * CHUNK)])
  const said = { name: 'invoice.pdf', mediaType: 'application/pdf', length: program.length }
  for (const audience of [['ico'], ['ico', 'ncsc']]) {
    const id = await announce(await incidentOf(reporter), { ...said, audience })
    await put(id, 0, streamed(program.subarray(0, 100)))
    await refuses(put(id, 100, streamed(program.subarray(100, 5_000))), 'attachment-refused', /program/)
    assert.deepEqual(await filesOf(id), [])
    assert.deepEqual([(await look(id)).state, (await look(id)).reason], ['refused', 'executable'])
    await refuses(put(id, 5_000, streamed(program.subarray(5_000))), 'attachment-refused', /program/)
    await refuses(submit(id), 'attachment-refused', /program/)
  }
  const id = await uploaded(program, said)
  await submit(id)
  assert.ok((await delivered(id, 'ncsc')).bytes!.equals(program))
  const pdf = Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(3 * CHUNK, ' '), Buffer.from('<</S/JavaScript>>')])
  const late = await announce(await incidentOf(reporter), { ...said, length: pdf.length, audience: ['ico'] })
  await refuses(put(late, 0, streamed(pdf)), 'attachment-refused', /PDF/)
  await refuses(announce(await incidentOf(reporter), { name: 'run.ps1', length: 10, audience: ['ico'] }), 'attachment-refused')
  await refuses(announce(await incidentOf(reporter), { ...said, audience: ['ico'], length: 10, name: 'a.docm' }), 'attachment-refused')
})

test('bytes that are not those announced are refused; a hash is taken in either spelling', async () => {
  const bytes = file(1_000)
  const hash = createHash('sha256').update(bytes)
  const hex = hash.digest('hex')
  for (const sha256 of [hex, Buffer.from(hex, 'hex').toString('base64url')])
    assert.equal((await look(await uploaded(bytes, { sha256 }))).state, 'whole')
  const id = await announce(await incidentOf(reporter), { length: 1_000, sha256: hex })
  await refuses(put(id, 0, streamed(Buffer.alloc(1_000, 'y'))), 'attachment-refused', /SHA-256/)
})

test('what is too large is named by its hash: the item is told, and no bytes', async () => {
  const incident = await incidentOf(reporter)
  await refuses(announce(incident, { length: LIMIT + 1 }), 'invalid', /by its hash/)
  const sha256 = Buffer.alloc(32, 7).toString('base64url')
  await refuses(announce(incident, { length: 5e12, byHash: true }), 'invalid', /needs one/)
  const id = await announce(incident, { name: 'disk.img', length: 5e12, sha256, byHash: true, audience: ['ico', 'ncsc'] })
  await refuses(put(id, 0, streamed(Buffer.from('x'))), 'invalid')
  await submit(id)
  const { payload, bytes, record } = await delivered(id, 'ico')
  assert.deepEqual(
    [payload.items[0]!.value, payload.blobs, bytes],
    [{ name: 'disk.img', mediaType: 'text/plain', length: 5e12, sha256 }, undefined, undefined],
  )
  const request: QueuedRequest = { id: record, kind: 'report', to: 'ico', body: {}, actor: { id: '', roles: [] } }
  assert.equal(
    await transact(gateway, (tx) => afterItsBlob(async () => 'sent' as Any)(tx, request, reporter)),
    'sent',
    'nothing goes ahead of it',
  )
})

test('names and lengths that could do harm, a near miss to the ICO, and a folder that is full are refused', async () => {
  const incident = await incidentOf(reporter)
  for (const name of [
    '',
    '  ',
    '.',
    '..',
    '../a.txt',
    'a/b.txt',
    'a\\b.txt',
    'a\u0000.txt',
    'a\n.txt',
    'a\u202etxt.exe',
    'C:a',
    'a.txt.',
    ' a.txt',
    'x'.repeat(201),
    'a\ud800.txt',
  ])
    await refuses(announce(incident, { name, length: 1 }), 'invalid')
  for (const mediaType of ['', 'text', 'text/', 'TEXT/PLAIN', 'text/plain; charset=x', 'a/b/c', `a/${'b'.repeat(70)}`])
    await refuses(announce(incident, { mediaType, length: 1 }), 'invalid')
  await refuses(announce(incident, { length: 0 }), 'invalid')
  for (const sha256 of ['', 'abc', 'z'.repeat(64), 'A'.repeat(42)]) await refuses(announce(incident, { length: 1, sha256 }), 'invalid')
  for (const audience of [[], ['ncsc', 'ncsc']]) await refuses(announce(incident, { length: 1, audience }), 'invalid')
  const nearMiss = await incidentOf(reporter, 'near-miss')
  await refuses(announce(nearMiss, { length: 1, audience: ['ico', 'ncsc'] }), 'invalid', /near miss/)
  await announce(nearMiss, { length: 1 })
  const alone = as({ roles: ['reporter'], organisation: other })
  const full = await incidentOf(alone)
  for (let n = 0; n < 2; n += 1) await announce(full, { length: LIMIT, audience: ['ico', 'ncsc'] }, alone)
  await refuses(announce(full, { length: 1 }, alone), 'invalid', /folder/)
  await announce(full, { length: 1, sha256: 'A'.repeat(43), byHash: true }, alone)
})

test('to another organisation, the holder of another folder, and somebody who has left, an attachment does not exist; some roles only look', async () => {
  const incident = await incidentOf(reporter)
  const id = await announce(incident, { length: 100 })
  const gone = as({ roles: ['reporter'] })
  const folder = as({ roles: ['reporter'], folder: systemRandom.uuid() })
  const untouched = (): Readable =>
    new Readable({
      read: () => {
        throw new Error('not a byte is read')
      },
    })
  for (const ctx of [stranger, gone, folder]) {
    await refuses(look(id, ctx), 'not-found')
    await refuses(put(id, 0, untouched(), ctx), 'not-found')
    await refuses(submit(id, ctx), 'not-found')
    await refuses(drop(id, ctx), 'not-found')
    await refuses(announce(incident, { length: 1 }, ctx), 'not-found')
    await refuses(call('GET', '/incidents/:id/attachments', { id: incident }, undefined, ctx), 'not-found')
  }
  const contact = as({ roles: ['client-contact'], organisation: marlow })
  assert.equal((await look(id, contact)).name, 'log.txt')
  for (const work of [
    () => put(id, 0, untouched(), contact),
    () => submit(id, contact),
    () => drop(id, contact),
    () => announce(incident, { length: 1 }, contact),
  ])
    await refuses(work(), 'role-missing')
  await refuses(look(systemRandom.uuid()), 'not-found')
})

test('whoever opened a folder without signing in may send files in for it', async () => {
  const nobody = as({})
  const incident = await incidentOf(nobody)
  const holder = as({ roles: ['reporter'], folder: incident })
  const id = await announce(incident, { length: 50 }, holder)
  await put(id, 0, streamed(file(50)), holder)
  await submit(id, holder)
  assert.ok((await delivered(id, 'ncsc')).bytes!.equals(file(50)))
})

test('filing twice files once; a report waits for its blob and holds nothing up; what is filed cannot be taken back', async () => {
  const id = await uploaded(file(100))
  const [first, second] = [await submit(id), await submit(id)]
  assert.deepEqual(first.submissions, second.submissions)
  assert.equal((await query(owner, 'select 1 from attachments.sends where upload = $1', [id])).length, 1)
  const { record } = await delivered(id, 'ncsc')
  const request: QueuedRequest = { id: record, kind: 'report', to: 'ncsc', body: {}, actor: { id: '', roles: [] } }
  const prepare = afterItsBlob(async () => 'sent' as Any)
  await assert.rejects(
    transact(gateway, (tx) => prepare(tx, request, reporter)),
    NotYet,
  )
  assert.equal(await transact(gateway, (tx) => prepare(tx, { ...request, id: systemRandom.uuid() }, reporter)), 'sent')
  await query(owner, 'update attachments.sends set delivered_at = now() where record = $1', [record])
  assert.equal(await transact(gateway, (tx) => prepare(tx, request, reporter)), 'sent')
  await refuses(drop(id), 'already-done')
})

test('what was taken back is gone at once, and half an upload that nobody touches for seven days after that; nothing else is', async () => {
  const taken = await uploaded(file(100))
  await drop(taken)
  await refuses(look(taken), 'not-found')
  await refuses(submit(taken), 'not-found')
  const [half, whole, filed] = [
    await announce(await incidentOf(reporter), { length: 300_000 }),
    await uploaded(file(100)),
    await uploaded(file(100)),
  ]
  await put(half, 0, streamed(file(200_000)))
  await submit(filed)
  const stray = join(blobs, systemRandom.uuid())
  await writeFile(stray, 'nobody knows this file')
  const files = { half: (await filesOf(half))[0]!, whole: (await filesOf(whole))[0]!, filed: (await filesOf(filed))[0]! }
  for (const path of [stray, ...Object.values(files)]) await utimes(path, new Date(0), new Date(0))
  const there = async (path: string) => (await readdir(blobs)).includes(path.split('/').at(-1)!)
  const tidyAfter = (milliseconds: number) =>
    tidyUploads(blobs)({ db: gateway, makeCtx: () => as({}, new Date(Date.now() + milliseconds)) })
  await tidyAfter(FORGOTTEN_AFTER - 60_000)
  assert.deepEqual([await there(files.half), await there(stray)], [true, false])
  assert.equal((await look(half)).offset, 200_000)
  await tidyAfter(FORGOTTEN_AFTER + 60_000)
  await refuses(look(half), 'not-found')
  assert.deepEqual([await there(files.half), await there(files.whole), await there(files.filed)], [false, true, true])
  assert.equal((await look(whole)).state, 'whole')
  await query(owner, 'update attachments.sends set settled_at = now() where upload = $1', [filed])
  await tidyAfter(FORGOTTEN_AFTER + 60_000)
  assert.equal(await there(files.filed), false, 'once its body has it')
  assert.equal((await look(filed)).state, 'filed')
})
