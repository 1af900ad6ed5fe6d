import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import {
  checkDelivery,
  checkTrustFile,
  open,
  seal,
  sealingKeysOf,
  signStatement,
  trustOf,
  type Delivery,
  type NodeId,
  type Trust,
} from '#exchange'
import { uint32 } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { nodeItself, systemRandom } from '#platform/context'
import { query, transact } from '#platform/db'
import { append, logOf } from '#ledger'
import { readJson } from '#platform/home'
import { signerOf, signJws, type Signer } from '#platform/jws'
import { silentLog } from '#platform/log'
import { newSigningKey, readGatewayKeys, type GatewayKeys } from '#platform/keys'
import type { SealingKey } from '#platform/seal'
import { runs, seed } from '../checks/runs.ts'
import {
  asks,
  caseOf,
  claimsIn,
  discloses,
  eventually,
  grants,
  inForce,
  reports,
  requestAt,
  startNetwork,
  type Network,
} from './network.ts'
import { openPostbox, type Postbox } from './postbox.ts'
import { tracesAtIco } from './traces.ts'

// Straight to the ICO's peer port, with the NCSC's own keys where that helps: what an honest NCSC sent is kept on the way and altered.

const STATEMENT = 'concordat-statement+jws'
const HOUR = 3_600_000

/** An envelope that never arrived, and what is in it. */
type Caught = { bytes: Buffer; id: string; statement: string; payload: Uint8Array }

let network: Network
let box: Postbox
let peer: string
let trust: Trust
let keys: Record<NodeId, GatewayKeys>
let sealing: Record<NodeId, SealingKey>
let caught: Caught[]
let icoAhead = 0
before(async () => {
  box = await openPostbox()
  network = await startNetwork({ node: { ncsc: { gateway: box.towards }, ico: { now: () => new Date(Date.now() + icoAhead) } } })
  peer = `http://127.0.0.1:${network.config.ports.ico.peer}`
  const file = checkTrustFile(await readJson(network.config.home.trustFile))
  ;[trust, sealing] = [trustOf(file), await sealingKeysOf(file)]
  const at = (node: NodeId) => readGatewayKeys(network.config.home.nodes[node].keys, false)
  keys = { portal: await at('portal'), ncsc: await at('ncsc'), ico: await at('ico') }
  caught = await catches(Array.from({ length: 12 }, (_, n) => `They came by gate ${n}, cerise.`))
})
after(async () => {
  await network.stop()
  await box.close()
})

/** Findings that the organisation permits and the NCSC sends, one by one, and that never arrive. */
async function catches(findings: string[]): Promise<Caught[]> {
  const [handler, gwen, officer] = ['Callum Drey', 'Gwen Marlow', 'Sofia Kerr'].map((name) => network.as(name))
  const { submissions } = await reports(network.as('Asha Bell'), [{ question: 'q42', value: 'Warm, cerise.', audience: ['ncsc'] }])
  const { id } = await caseOf(handler!, submissions['ncsc'].reference)
  const items: string[] = []
  for (const text of findings) items.push((await handler!.post(`/cases/${id}/findings`, { text })).body.id)
  await inForce(gwen!, await grants(gwen!, await requestAt(gwen!, await asks(handler!, id, items))))
  box.does = 'keep'
  const sent: string[] = []
  for (const item of items) sent.push((await discloses(officer!, id, [item])).body.id)
  await eventually(async () => sent.every((one) => box.kept.some((bytes) => headerOf(bytes).id === one)))
  // Nothing of this is tried again, and what is under way still ends in the box: what arrives from here on is what the tests send.
  await query(
    network.owner.ncsc,
    `update exchange.outbox set state = 'cancelled', claimed_by = null, claim_until = null where id = any($1::uuid[])`,
    [sent],
  )
  return Promise.all(sent.map((one) => opened(box.kept.find((bytes) => headerOf(bytes).id === one)!)))
}

const headerOf = (bytes: Buffer) => JSON.parse(bytes.subarray(4, 4 + bytes.readUInt32BE()).toString())

async function opened(bytes: Buffer): Promise<Caught> {
  const { header, content } = await open(bytes, keys.ico.opening)
  return { bytes, id: header.id, statement: content.manifest, payload: Buffer.from(content.payload) }
}

type Answered = { status: number; code?: string; text: string; delivery?: Delivery }

async function posts(bytes: Uint8Array): Promise<Answered> {
  const response = await fetch(`${peer}/envelopes`, {
    method: 'POST',
    body: bytes as BodyInit,
    headers: { 'content-type': 'application/octet-stream' },
  })
  const text = await response.text()
  if (response.status !== 200) return { status: response.status, code: JSON.parse(text).code, text }
  const sent = { envelope: bytes, id: headerOf(Buffer.from(bytes)).id, from: 'ncsc', to: 'ico', deployment: trust.deployment } as const
  return { status: 200, text, delivery: checkDelivery(text, sent, trust.statementKeys.ico) }
}

/** Not a message at all: no acknowledgement, and the same few words whatever was wrong. */
async function isNoMessage(bytes: Uint8Array, why: string): Promise<void> {
  const { status, text } = await posts(bytes)
  assert.deepEqual(
    [status, JSON.parse(text)],
    [400, { type: 'about:blank', title: 'The message could not be opened', status: 400, code: 'envelope-invalid' }],
    why,
  )
}

async function isRefused(bytes: Uint8Array, code: string, why: string): Promise<void> {
  const { status, delivery } = await posts(bytes)
  const { id } = headerOf(Buffer.from(bytes))
  assert.deepEqual([status, delivery?.results], [200, [{ id, state: 'refused', code }]], why)
}

const resealed = (statement: string, payload: Uint8Array, header: { id?: string; from?: 'portal' } = {}) =>
  seal({ from: 'ncsc', to: 'ico', id: header.id ?? claimsIn(statement).id, ...header }, { manifest: statement, payload }, sealing.ico)

/** The statement with something changed in record or log, signed again by the NCSC or whoever is named. */
function resigned(statement: string, change: (record: any) => void, signer: Signer = keys.ncsc.statement, typ = STATEMENT): string {
  const record = claimsIn(statement)
  change(record)
  return signJws(typ, record, signer)
}

/** A number from the seed that is the test run's own. */
function numbers(): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

describe('what is no message', () => {
  test('is refused as envelope-invalid, told nothing and counted; of known senders only who they say they are is kept', async () => {
    const { bytes } = caught[0]!
    const strays = () => query(network.owner.ico, 'select claimed_sender, code from exchange.strays order by received_at, id')
    await isNoMessage(randomBytes(300), 'random bytes')
    assert.deepEqual(await strays(), [{ claimed_sender: null, code: 'envelope-invalid' }])
    await isNoMessage(bytes.subarray(0, -1), 'cut short')
    assert.deepEqual((await strays()).at(-1), { claimed_sender: 'ncsc', code: 'envelope-invalid' })
  })

  test('garbage of any length, headers that say something unknown, envelopes cut or lengthened', async () => {
    const { bytes } = caught[0]!
    for (const length of [0, 1, 3, 4, 5, 200, 1200, 20_000]) await isNoMessage(randomBytes(length), `${length} random bytes`)
    await isNoMessage(Buffer.alloc(20_000), 'zeros')
    await isNoMessage(Buffer.alloc(20_000, 0xff), 'ones')
    const { header, rest } = partsOf(bytes)
    const withHeader = (change: object | string) => {
      const head = Buffer.from(typeof change === 'string' ? change : canonical({ ...header, ...change }))
      return Buffer.concat([uint32(head.length), head, rest])
    }
    assert.deepEqual(withHeader({}), bytes)
    const changes: Record<string, object | string> = {
      'version 2': { v: 2 },
      'no version': { v: undefined },
      'a member more': { alg: 'none' },
      'another id': { id: randomUUID() },
      'an id that is none': { id: '../../etc' },
      'to the portal': { to: 'portal' },
      'to the sender': { to: 'ncsc' },
      'from the portal': { from: 'portal' },
      'from the recipient': { from: 'ico' },
      'from nobody known': { from: 'mallory' },
      'to another key': { kid: sealing.portal.kid },
      'to a key that is none': { kid: 'x' },
      'not canonical': JSON.stringify({ v: 1, ...header }),
      'no object': '"v1"',
      'no JSON': 'v1',
      'nothing': '',
    }
    for (const [why, change] of Object.entries(changes)) await isNoMessage(withHeader(change), why)
    for (const cut of [1, 16, 17, 1000, bytes.length - 100]) await isNoMessage(bytes.subarray(0, -cut), `${cut} bytes less`)
    await isNoMessage(Buffer.concat([bytes, Buffer.alloc(1)]), 'a byte more')
    await isNoMessage(Buffer.concat([bytes, bytes]), 'two in one')
  })

  test(`a bit flipped anywhere (seed ${seed})`, async () => {
    const { bytes } = caught[0]!
    const draw = numbers()
    const { header } = partsOf(bytes)
    const headerEnd = 4 + Buffer.byteLength(canonical(header))
    const edges = [
      0,
      3,
      4,
      headerEnd - 1,
      headerEnd,
      headerEnd + 1119,
      headerEnd + 1120,
      bytes.length - 17,
      bytes.length - 16,
      bytes.length - 1,
    ]
    for (const place of [...edges, ...Array.from({ length: runs(40) }, () => draw(bytes.length))]) {
      const bit = draw(8)
      const altered = Buffer.from(bytes)
      altered[place]! ^= 1 << bit
      await isNoMessage(altered, `bit ${bit} of byte ${place}`)
    }
  })

  test('what is inside must be written in the one way there is', async () => {
    const { id, statement, payload } = caught[0]!
    const [manifest, none] = [Buffer.from(statement), Buffer.alloc(0)]
    const whole = (m: Buffer, p: Uint8Array, size: number, padding = none) =>
      Buffer.concat([uint32(m.length), m, uint32(p.length), p, padding, Buffer.alloc(size)]).subarray(0, size)
    const plain: Record<string, Buffer> = {
      'a class larger than needed': whole(manifest, payload, 65_536),
      'no class': whole(manifest, payload, 16_385),
      'padding that is not zero': whole(manifest, payload, 16_384, Buffer.from('x')),
      'a manifest longer than all of it': Buffer.concat([uint32(2 ** 32 - 1), Buffer.alloc(16_380)]),
      'a payload longer than all of it': Buffer.concat([uint32(0), uint32(20_000), Buffer.alloc(16_376)]),
      'nothing': Buffer.alloc(16_384),
    }
    for (const [why, text] of Object.entries(plain)) {
      const head = Buffer.from(canonical({ v: 1, from: 'ncsc', to: 'ico', id, kid: sealing.ico.kid }))
      const { enc, ciphertext } = await sealing.ico.seal(text, head)
      await isNoMessage(Buffer.concat([uint32(head.length), head, enc, ciphertext]), why)
    }
  })

  test('a statement that is not signed by the node it names, as a statement, over this very payload, to this very node', async () => {
    const { statement, payload, id } = caught[0]!
    const nothing = () => {}
    const [header, claims, signature] = statement.split('.') as [string, string, string]
    const statements: Record<string, string> = {
      'signed by nobody known': resigned(statement, nothing, signerOf(newSigningKey())),
      'signed by the portal': resigned(statement, nothing, keys.portal.statement),
      'signed by the recipient': resigned(statement, nothing, keys.ico.statement),
      'signed with the log\u2019s key': resigned(statement, nothing, keys.ncsc.log),
      'signed as something else': resigned(statement, nothing, keys.ncsc.statement, 'concordat-delivery+jws'),
      'nothing at all': signJws(STATEMENT, null, keys.ncsc.statement),
      'not signed': `${header}.${claims}.`,
      'another signature': `${header}.${claims}.${caught[1]!.statement.split('.')[2]}`,
      'not canonical': `${header}.${Buffer.from(JSON.stringify(JSON.parse(Buffer.from(claims, 'base64url').toString()), null, 1)).toString('base64url')}.${signature}`,
      'no JWS': 'x',
    }
    for (const [why, one] of Object.entries(statements)) await isNoMessage(await resealed(one, payload, { id }), why)
    await isNoMessage(await resealed(statement, caught[1]!.payload), 'another payload')
    await isNoMessage(await resealed(statement, Buffer.alloc(0)), 'no payload')
    await isNoMessage(await resealed(statement, payload, { id: randomUUID() }), 'another id outside than inside')
    await isNoMessage(await resealed(statement, payload, { from: 'portal' }), 'another sender outside than inside')
  })

  test('a record that is not of its kind\u2019s form, or goes a way the agreement does not have', async () => {
    const { statement, payload, id } = caught[0]!
    const head = Object.fromEntries(
      ['v', 'id', 'deployment', 'from', 'to', 'at', 'agreement', 'clause', 'payload', 'log'].map((name) => [
        name,
        claimsIn(statement)[name],
      ]),
    )
    const organisation = randomUUID()
    const others: Record<string, object> = {
      'a receipt': { kind: 'receipt', organisation, for: randomUUID(), about: 'report', state: 'accepted', items: [] },
      'a request for permission': {
        kind: 'permission-request',
        organisation,
        reference: 'R',
        recipient: 'ico',
        purpose: 'incident-response',
        until: '2027-01-01T00:00:00.000Z',
        items: [],
      },
      'a notice': {
        kind: 'notice',
        organisation,
        disclosure: randomUUID(),
        record: 'r',
        recipient: 'ico',
        purpose: 'incident-response',
        items: [],
        permission: randomUUID(),
      },
      'a permission': { kind: 'permission', organisation, permission: randomUUID() },
      'a refusal': { kind: 'refusal', organisation, request: randomUUID() },
      'a withdrawal': { kind: 'withdrawal', organisation, permission: randomUUID(), by: 'session' },
      'a report': { kind: 'report', organisation, reference: 'R', stage: 'initial', items: [] },
      'something new': { kind: 'gossip', organisation },
    }
    for (const [why, record] of Object.entries(others))
      await isNoMessage(await resealed(signJws(STATEMENT, { ...head, ...record }, keys.ncsc.statement), payload, { id }), why)
    const malformed: Record<string, (record: any) => void> = {
      'version 2': (record) => (record.v = 2),
      'another deployment': (record) => (record.deployment = randomUUID()),
      'to the portal': (record) => (record.to = 'portal'),
      'from the portal': (record) => (record.from = 'portal'),
      'from nobody': (record) => (record.from = 'constructor'),
      'a member more': (record) => (record.remark = 'x'),
      'a member less': (record) => delete record.necessity,
      'an id that is none': (record) => (record.id = 'x'),
      'no items': (record) => (record.items = null),
      'items that are none': (record) => (record.items = [7]),
      'an item with more': (record) => (record.items[0].value = 'x'),
      'no permissions': (record) => (record.permissions = null),
      'permissions that are none': (record) => (record.permissions = ['x']),
      'no officer': (record) => (record.officer = null),
      'an organisation that is none': (record) => (record.organisation = 7),
      'a purpose that is none': (record) => (record.purpose = ['incident-response']),
      'a reason that is none': (record) => (record.necessity = { because: 'x' }),
      'no agreement': (record) => (record.agreement = null),
      'an instant that is none': (record) => (record.at = 'today'),
    }
    for (const [why, change] of Object.entries(malformed))
      await isNoMessage(await resealed(resigned(statement, change), payload, { id }), why)
  })

  test('several statements in one envelope, which only the portal takes', async () => {
    const { statement, payload } = caught[0]!
    const id = randomUUID()
    const manifest = signJws(
      'concordat-manifest+jws',
      { v: 1, kind: 'statements', id, deployment: trust.deployment, from: 'ncsc', to: 'ico', at: new Date().toISOString() },
      keys.ncsc.statement,
    )
    const load = Buffer.from(canonical([{ statement, payload: Buffer.from(payload).toString('base64url') }]))
    await isNoMessage(await resealed(manifest, load, { id }), 'a carrier')
  })

  test('the peer port answers nothing else', async () => {
    const paths = ['/', '/api/v1/cases', '/health/ready', '/ledger/checkpoint', '/envelopes', '/metrics', '/sign-in']
    for (const path of paths) assert.equal((await fetch(peer + path)).status, 404, path)
    const large = await posts(Buffer.alloc(2_000_000))
    assert.deepEqual([large.status, large.code], [413, 'too-large'])
  })
})

describe('what is a message of the NCSC, and refused', () => {
  test('a log proof that does not prove this record in this log, cosigned, is refused as log-proof-invalid', async () => {
    const [portals] = await query<{ statement: string }>(
      network.owner.portal,
      'select statement from exchange.outbox where statement is not null limit 1',
    )
    const checkpoint = (log: any, keep: (line: string) => boolean) =>
      (log.checkpoint = log.checkpoint
        .split('\n')
        .filter((line: string) => !line.startsWith('\u2014') || keep(line))
        .join('\n'))
    const origin = trust.origins
    const wrong: Record<string, (record: any) => void> = {
      'another record\u2019s': (record) => (record.log = claimsIn(caught[0]!.statement).log),
      'another log\u2019s': (record) => (record.log = claimsIn(portals!.statement).log),
      'cosigned by nobody': (record) => checkpoint(record.log, (line) => line.includes(` ${origin.ncsc} `)),
      'not signed by its own log': (record) => checkpoint(record.log, (line) => !line.includes(` ${origin.ncsc} `)),
      'another slot': (record) => (record.log.slot ^= 1),
      'another leaf': (record) => (record.log.index += 1),
      'another salt': (record) => (record.log.salt = 'A'.repeat(43)),
      'a record changed after it was logged': (record) => (record.necessity = 'Some other reason.'),
      'none': (record) => (record.log = null),
    }
    // Each takes an envelope of its own: what was refused stays refused.
    for (const [nth, [why, change]] of Object.entries(wrong).entries()) {
      const { statement, payload } = caught[nth + 1]!
      await isRefused(await resealed(resigned(statement, change), payload), 'log-proof-invalid', why)
    }
    const rows = await query<{ state: string; code: string; statement: string }>(
      network.owner.ico,
      'select state, code, statement from exchange.inbox',
    )
    assert.equal(rows.length, Object.keys(wrong).length)
    for (const row of rows) assert.deepEqual(row, { state: 'refused', code: 'log-proof-invalid', statement: '' })
  })

  test('a record that was more than 72 hours on its way, or was logged in time to come, is refused as too-late', async () => {
    const [late, early] = [caught[10]!, caught[11]!]
    icoAhead = 73 * HOUR
    await isRefused(late.bytes, 'too-late', '73 hours')
    icoAhead = -HOUR / 6
    await isRefused(early.bytes, 'too-late', 'the log is ten minutes ahead')
    icoAhead = 0
    for (const { bytes } of [late, early]) await isRefused(bytes, 'too-late', 'it stays refused, by the same answer')
    assert.deepEqual(await tracesAtIco(network, ['cerise', 'Marlow']), [])
  })
})

describe('what is a message of the NCSC, and kept', () => {
  test('comes once however often it is sent: the same bytes get the same answer, and the same record in another envelope is known again', async () => {
    const [{ bytes, statement, payload, id }] = caught as [Caught]
    icoAhead = 71 * HOUR
    const [first, again] = [await posts(bytes), await posts(bytes)]
    icoAhead = 0
    assert.deepEqual(first.delivery!.results, [{ id, state: 'accepted' }])
    assert.equal(again.text, first.text)
    const anew = await posts(await resealed(statement, payload))
    assert.deepEqual(anew.delivery!.results, [{ id, state: 'accepted' }], 'a sender that lost the answer seals anew')
    const many = await Promise.all(Array.from({ length: 5 }, async () => posts(await resealed(statement, payload))))
    for (const { delivery } of many) assert.deepEqual(delivery!.results, [{ id, state: 'accepted' }])
    for (const table of ['casework.cases', 'casework.items'])
      assert.equal((await query(network.owner.ico, `select * from ${table}`)).length, 1, table)
    assert.equal((await query(network.owner.ico, 'select * from exchange.outbox')).length, 1, 'one receipt')
  })

  test('the same id with another record is refused as replayed-differently, and what is there stays', async () => {
    const { id, payload } = caught[0]!
    const before = await query(network.owner.ico, 'select * from casework.items')
    // A second record under the same id, truly in the log: only a rogue NCSC could make it.
    const second = await loggedAgain(caught[0]!, (record) => (record.necessity = 'Another reason.'))
    await isRefused(await resealed(second, payload, { id }), 'replayed-differently', 'another record')
    await isNoMessage(Buffer.concat([caught[0]!.bytes.subarray(0, -1), Buffer.of(0)]), 'other bytes that do not open')
    assert.deepEqual(await query(network.owner.ico, 'select * from casework.items'), before)
    assert.deepEqual((await posts(caught[0]!.bytes)).delivery!.results, [{ id, state: 'accepted' }])
  })

  test('a report that was held up for longer than a disclosure may be is not lost', async () => {
    icoAhead = 73 * HOUR
    const { submissions } = await reports(network.as('Asha Bell'), [{ question: 'q19', value: 'Warm.', audience: ['ico'] }])
    await eventually(() => caseOf(network.as('Imran Vale'), submissions['ico'].reference))
    icoAhead = 0
  })
})

/** The same record with something changed, put into the NCSC's log as it stands and signed when it is proved. */
async function loggedAgain({ statement }: Caught, change: (record: any) => void): Promise<string> {
  const { log: _, ...record } = claimsIn(statement)
  change(record)
  const text = canonical(record)
  const ctx = { now: () => new Date(), random: systemRandom, actor: nodeItself('ncsc'), log: silentLog }
  const entry = await transact(network.owner.ncsc, (tx) => append(tx, { record: text }, ctx))
  const log = await eventually(async () => (await logOf(network.owner.ncsc, [entry], { opening: false }, trust.ledger)).get(entry))
  return signStatement(text, log, keys.ncsc.statement)
}

function partsOf(bytes: Buffer) {
  const end = 4 + bytes.readUInt32BE()
  return { header: JSON.parse(bytes.subarray(4, end).toString()), rest: bytes.subarray(end) }
}
