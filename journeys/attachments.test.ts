import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { FolderKeys, prepareReport } from '#reporting'
import { query, queryOne } from '#platform/db'
import type { NodeName } from '#platform/home'
import {
  asks,
  discloses,
  eventually,
  grants,
  inForce,
  reports,
  requestAt,
  startNetwork,
  type Answer,
  type Network,
  type Person,
} from './network.ts'

let network: Network
before(async () => {
  network = await startNetwork()
})
after(() => network.stop())

const CHUNK = 65_536
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64url')

async function put(person: Person, id: string, offset: number, bytes: Uint8Array): Promise<Answer> {
  const headers = { 'authorization': `Bearer ${person.token}`, 'content-type': 'application/octet-stream' }
  const response = await fetch(`${person.url}/api/v1/attachments/${id}/${offset}`, { method: 'PUT', headers, body: new Uint8Array(bytes) })
  return { status: response.status, body: await response.json(), headers: response.headers }
}

type File = { name: string; mediaType?: string; bytes: Buffer; audience: string[] }

async function announced(
  person: Person,
  incident: string,
  { name, mediaType = 'application/octet-stream', bytes, audience }: File,
): Promise<string> {
  const made = await person.post(`/incidents/${incident}/attachments`, { name, mediaType, length: bytes.length, audience })
  assert.equal(made.status, 201, JSON.stringify(made.body))
  assert.equal(made.body.offset, 0)
  return made.body.id
}

async function uploaded(person: Person, incident: string, file: File, piece = 300_000): Promise<string> {
  const id = await announced(person, incident, file)
  for (let offset = 0; offset < file.bytes.length; ) {
    const sent = await put(person, id, offset, file.bytes.subarray(offset, offset + piece))
    assert.equal(sent.status, 200, JSON.stringify(sent.body))
    offset = sent.body.offset
  }
  return id
}

/** Once each body has receipted it: the items it has. */
async function received(person: Person, id: string): Promise<any> {
  return eventually(async () => {
    const { body } = await person.get(`/attachments/${id}`)
    return body.submissions.length > 0 && body.submissions.every((one: any) => one.receipt) && body
  }, 30)
}

async function itemsAt(person: Person): Promise<any[]> {
  const { cases } = (await person.get('/cases')).body
  const whole = await Promise.all(cases.map(async (one: any) => (await person.get(`/cases/${one.id}`)).body))
  return whole.flatMap((one: any) => one.items).filter((item: any) => item.question === 'attachment')
}

async function download(person: Person, item: string): Promise<{ status: number; headers: Headers; bytes: Buffer }> {
  const response = await fetch(`${person.url}/api/v1/attachments/${item}`, { headers: { authorization: `Bearer ${person.token}` } })
  return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) }
}

test('a file goes in piece by piece, lies sealed, goes ahead of its report to its one body, and comes out there as it went in', async () => {
  const [reporter, handler, officer] = [network.as('Asha Bell'), network.as('Callum Drey'), network.as('Imran Vale')]
  const { incident } = await reports(reporter, [{ question: 'q19', value: 'Encrypted overnight.', audience: ['ncsc'] }])
  const bytes = randomBytes(5 * CHUNK + 1234)
  const id = await uploaded(reporter, incident, { name: 'sample.exe', bytes, audience: ['ncsc'] })
  const whole = (await reporter.get(`/attachments/${id}`)).body
  assert.deepEqual([whole.state, whole.offset, whole.sha256], ['whole', bytes.length, sha256(bytes)])
  const filed = await reporter.post(`/attachments/${id}/submission`)
  assert.equal(filed.status, 202)
  await received(reporter, id)
  const [item] = await itemsAt(handler)
  assert.deepEqual(item.value, { name: 'sample.exe', mediaType: 'application/octet-stream', length: bytes.length, sha256: sha256(bytes) })
  const got = await download(handler, item.id)
  assert.equal(got.status, 200)
  assert.ok(got.bytes.equals(bytes))
  assert.equal(got.headers.get('content-type'), 'application/octet-stream')
  assert.equal(got.headers.get('content-disposition'), "attachment; filename*=UTF-8''sample.exe.bin")
  assert.equal(got.headers.get('x-content-type-options'), 'nosniff')
  assert.deepEqual(await itemsAt(officer), [])
})

const fileNames = (node: NodeName, ...below: string[]): Promise<string[]> =>
  readdir(join(network.config.home.nodes[node].blobs, ...below)).catch(() => [])

async function submitted(person: Person, incident: string, file: File, piece?: number): Promise<string> {
  const id = await uploaded(person, incident, file, piece)
  assert.equal((await person.post(`/attachments/${id}/submission`)).status, 202)
  return id
}

const opened = async (reporter: Person): Promise<string> => (await reporter.post('/incidents', { title: 'Evidence' })).body.id

test('a file for both bodies comes to each as if it were the only one; one for one body leaves no trace at the other', async () => {
  const [reporter, handler, officer] = [network.as('Asha Bell'), network.as('Callum Drey'), network.as('Imran Vale')]
  const incident = await opened(reporter)
  const bytes = Buffer.from(`%PDF-1.7\n${'1 0 obj << /Type /Catalog >> endobj\n'.repeat(90_000)}%%EOF`)
  const both = await submitted(reporter, incident, { name: 'report.pdf', bytes, audience: ['ico', 'ncsc'] }, 3_000_000)
  const shown = await received(reporter, both)
  assert.equal(shown.submissions.length, 2)
  const [atNcsc, atIco] = [(await itemsAt(handler)).find((item) => item.value.name === 'report.pdf'), (await itemsAt(officer))[0]]
  assert.deepEqual([atNcsc.value.sha256, atIco.value.sha256], [sha256(bytes), sha256(bytes)])
  assert.deepEqual([atNcsc.value.mediaType, atIco.value.mediaType], ['application/octet-stream', 'application/pdf'])
  for (const [person, item] of [
    [handler, atNcsc],
    [officer, atIco],
  ] as const)
    assert.ok((await download(person, item.id)).bytes.equals(bytes))
  assert.deepEqual(
    [await download(handler, atIco.id), await download(officer, atNcsc.id)].map(({ status }) => status),
    [404, 404],
  )
  const names = async (node: NodeName) => [...(await fileNames(node, 'accepted')), ...(await fileNames(node, 'quarantine'))]
  const known = new Set(await names('ncsc'))
  assert.deepEqual(
    (await names('ico')).filter((name) => known.has(name)),
    [],
  )
  const before = await names('ncsc')
  const ico = await submitted(reporter, incident, { name: 'a.csv', bytes: Buffer.from('a,b\n'), audience: ['ico'] })
  await received(reporter, ico)
  assert.deepEqual(await names('ncsc'), before)
  await eventually(async () => (await fileNames('portal')).length === 0, 30)
})

test('nobody without a token, and nobody of another organisation, gets a byte in; what a refusal says is a sentence', async () => {
  const [reporter, stranger] = [network.as('Asha Bell'), network.as('Ines Thorpe')]
  const incident = await opened(reporter)
  const id = await announced(reporter, incident, { name: 'a.txt', bytes: Buffer.alloc(10), audience: ['ico'] })
  for (const [person, status] of [
    [stranger, 404],
    [{ ...reporter, token: 'nobody' }, 401],
  ] as const)
    assert.equal((await put(person, id, 0, Buffer.alloc(5_000_000))).status, status)
  const refused = await put(reporter, id, 0, Buffer.from([0x4d, 0x5a, 0x90, 0, 3, 0, 0, 0, 0, 0]))
  assert.deepEqual([refused.status, refused.body.code], [422, 'attachment-refused'])
  assert.match(refused.body.mistakes[0].message, /program/)
  const differs = await put(
    reporter,
    await announced(reporter, incident, { name: 'a', bytes: Buffer.alloc(10), audience: ['ncsc'] }),
    5,
    Buffer.alloc(5),
  )
  assert.deepEqual([differs.status, differs.body.code, differs.body.offset], [409, 'offset-differs', 0])
})

test('a body that is away holds up its own attachments and nothing else; a transfer that breaks goes on', async () => {
  const [reporter, handler] = [network.as('Asha Bell'), network.as('Callum Drey')]
  const incident = await opened(reporter)
  await network.running.ncsc.stop()
  const bytes = randomBytes(60_000_000)
  const id = await submitted(reporter, incident, { name: 'disk.img', bytes, audience: ['ncsc'] }, 8 * 1024 * 1024)
  const told = await submitted(reporter, incident, { name: 'told.txt', bytes: Buffer.from('To the ICO.'), audience: ['ico'] })
  await received(reporter, told)
  const filed = await reporter.post(`/incidents/${incident}/reports`, {
    stage: 'initial',
    submit: true,
    answers: [{ question: 'q19', value: 'A statutory report.', audience: ['ico'] }],
  })
  assert.equal(filed.status, 201, 'it waits behind no attachment')
  await network.restart('ncsc')
  for (let times = 0; times < 2; times += 1) {
    await eventually(
      async () => (await queryOne<{ n: number }>(network.owner.ncsc, 'select max(received) as n from attachments.quarantine'))!.n > 0,
    )
    await network.restart('ncsc')
  }
  await received(reporter, id)
  const item = (await itemsAt(handler)).find(({ value }) => value.name === 'disk.img')
  assert.ok((await download(handler, item.id)).bytes.equals(bytes))
})

test('a report that comes before its blob is put off, recorded nowhere, and kept when the blob is there', async () => {
  const [reporter, handler] = [network.as('Asha Bell'), network.as('Callum Drey')]
  const folders = new FolderKeys(join(network.config.home.nodes.portal.keys, 'folders'))
  await network.restart('portal', {
    gateway: (config) => ({ ...config, errands: [], outbound: { ...config.outbound, report: prepareReport(folders) } }),
  })
  const id = await submitted(reporter, await opened(reporter), { name: 'early.bin', bytes: randomBytes(1000), audience: ['ncsc'] })
  const { envelope } = (await reporter.get(`/attachments/${id}`)).body.submissions[0]
  await eventually(() => queryOne(network.owner.portal, 'select 1 from exchange.outbox where id = $1 and attempts > 1', [envelope]))
  assert.deepEqual(await query(network.owner.ncsc, 'select 1 from exchange.inbox where id = $1', [envelope]), [])
  assert.equal(
    (await itemsAt(handler)).some(({ value }) => value.name === 'early.bin'),
    false,
  )
  await network.restart('portal')
  await received(reporter, id)
  assert.equal((await itemsAt(handler)).filter(({ value }) => value.name === 'early.bin').length, 1)
})

test('[consent-before-disclosure] an attachment never goes by door 3, whatever was signed', async () => {
  const [reporter, signatory, handler, releasing] = ['Asha Bell', 'Gwen Marlow', 'Callum Drey', 'Sofia Kerr'].map((name) =>
    network.as(name),
  ) as [Person, Person, Person, Person]
  const id = await submitted(reporter, await opened(reporter), { name: 'secret.bin', bytes: randomBytes(100), audience: ['ncsc'] })
  await received(reporter, id)
  const cases = (await handler.get('/cases')).body.cases
  const whole = await Promise.all(cases.map(async (one: any) => (await handler.get(`/cases/${one.id}`)).body))
  const found = whole.find((one: any) => one.items.some(({ value }: any) => value.name === 'secret.bin'))
  const item = found.items.find(({ value }: any) => value.name === 'secret.bin').id
  await inForce(signatory, await grants(signatory, await requestAt(signatory, await asks(handler, found.id, [item]))))
  const refused = await discloses(releasing, found.id, [item])
  assert.deepEqual([refused.status, refused.body.code, refused.body.items], [403, 'item-not-permitted', [item]])
  await delay(200)
  assert.ok(!(await itemsAt(network.as('Imran Vale'))).some(({ id: one }) => one === item))
})
