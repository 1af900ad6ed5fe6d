import assert from 'node:assert/strict'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Reply } from '#platform/api'
import { b64u } from '#platform/bytes'
import { systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, queryOne, transact, type Db } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import { silentLog } from '#platform/log'
import { insertInbox, openItemRef, type QueuedRequest } from '#exchange'
import { authenticate, organisationById, upsertOrganisation } from '#identity'
import { freshDatabase, type FreshDatabase } from '../../../checks/database.ts'
import { incidentForActor, incidentOfReference, itemsByIds, submissionPayload, submissionsOf } from './access.ts'
import { api } from './api.ts'
import { prepareReport } from './sending.ts'
import { FolderKeys } from './folder.ts'
import { readPayload } from './incident.ts'

let database: FreshDatabase
let desk: Db
let gateway: Db
let keys: string
let folders: FolderKeys
const marlow = {
  id: systemRandom.uuid(),
  name: 'Marlow Fresh Limited',
  identifiers: [{ scheme: 'companies-house', id: '00999914' }],
  sector: 'Retail and manufacture',
  verified: true,
}
const other = { id: systemRandom.uuid(), name: 'Other Limited', identifiers: [], verified: true }

const as = (actor: Partial<Actor>): Ctx => ({
  now: () => new Date(),
  random: systemRandom,
  log: silentLog,
  actor: { id: 'somebody', name: 'Somebody', roles: [], ...actor },
})
const nobody = as({})
const reporter = as({ id: systemRandom.uuid(), roles: ['reporter'], organisation: marlow.id })
const stranger = as({ id: systemRandom.uuid(), roles: ['reporter', 'signatory'], organisation: other.id })
const refuses = (code: RefusalCode) => (error: unknown) => error instanceof Refusal && error.code === code

before(async () => {
  database = await freshDatabase(['identity', 'exchange', 'reporting'])
  desk = openDb(database.deskUrl)
  gateway = openDb(database.gatewayUrl)
  keys = await mkdtemp(join(tmpdir(), 'folders-'))
  folders = new FolderKeys(keys)
  for (const organisation of [marlow, other]) await transact(desk, (tx) => upsertOrganisation(tx, organisation, nobody))
})

after(async () => {
  await Promise.all([closeDb(desk), closeDb(gateway)])
  await database.drop()
  await rm(keys, { recursive: true })
})

type Filed = { id: string; submissions: { to: string; reference: string; envelope: string; receipt: string | null; state: string }[] }

/** Through the door, as the web server calls it. */
async function call<T>(
  method: string,
  path: string,
  ctx: Ctx,
  { params = {}, body }: { params?: Record<string, string>; body?: unknown } = {},
): Promise<{ status: number; body: T }> {
  const found = api({ db: desk, folders, wait: 20 }).find((one) => one.method === method && one.path === path)!
  const answer = await found.handle({ params, query: {}, body: found.body ? found.body.parse(body) : undefined, ctx })
  const { status, body: content } = answer instanceof Reply ? answer : { status: found.status ?? 200, body: answer }
  found.reply.parse(JSON.parse(JSON.stringify(content)))
  return { status, body: content as T }
}

async function incident(ctx: Ctx, title = 'Ransomware'): Promise<{ id: string; reference: string; resume?: string }> {
  return (await call<{ id: string; reference: string; resume?: string }>('POST', '/incidents', ctx, { body: { title } })).body
}

const both = ['ico', 'ncsc']
const answers = [
  { question: 'q21', value: 'Yes', audience: both },
  { question: 'q19', value: 'for the regulator', audience: ['ico'] },
  { question: 'q19', value: 'canary for the NCSC', audience: ['ncsc'] },
]
const file = (id: string, ctx: Ctx, body: Record<string, unknown> = {}) =>
  call<Filed>('POST', '/incidents/:id/reports', ctx, { params: { id }, body: { stage: 'initial', answers, submit: true, ...body } })

async function requestOf(envelope: string): Promise<QueuedRequest> {
  return (await queryOne<QueuedRequest>(gateway, 'select id, kind, peer as "to", body, actor from exchange.requests where id = $1', [
    envelope,
  ]))!
}

/** As the gateway prepares what was asked of it. */
async function prepared(envelope: string, change: (request: QueuedRequest) => QueuedRequest = (request) => request) {
  const request = change(await requestOf(envelope))
  return transact(gateway, (tx) => prepareReport(folders)(tx, request, nobody))
}

async function receiptArrives(envelope: string, from: 'ico' | 'ncsc', state: 'accepted' | 'refused'): Promise<string> {
  const statement = `head.${b64u(Buffer.from(JSON.stringify({ state })))}.signature`
  const row = {
    id: systemRandom.uuid(),
    sender: from,
    kind: 'receipt' as const,
    organisation: marlow.id,
    answers: envelope,
    statement,
    recordHash: Buffer.alloc(32),
    logTime: null,
    state: 'accepted' as const,
    code: null,
  }
  await transact(gateway, (tx) => insertInbox(tx, row, new Date()))
  return statement
}

test('[encourage-engagement] [regimes] a report becomes one sealed view a body, under references and ids that share nothing', async () => {
  const { id, reference } = await incident(reporter)
  const filed = await file(id, reporter)
  assert.equal(filed.status, 202)
  const [ico, ncsc] = filed.body.submissions
  assert.deepEqual([ico!.to, ncsc!.to, ico!.receipt, ncsc!.state], ['ico', 'ncsc', null, 'not-yet-received'])
  assert.match(ico!.reference, /^ICO-/)
  assert.match(ncsc!.reference, /^NCSC-/)
  const [toIco, toNcsc] = [await prepared(ico!.envelope), await prepared(ncsc!.envelope)]
  assert.deepEqual([toIco.clause, toNcsc.clause, toIco.chain], ['regimes', 'encourage-engagement', marlow.id])
  const [icoPayload, ncscPayload] = [readPayload(toIco.payload!), readPayload(toNcsc.payload!)]
  assert.deepEqual(icoPayload.organisation, marlow)
  assert.deepEqual(toIco.members, {
    organisation: marlow.id,
    reference: ico!.reference,
    stage: 'initial',
    items: icoPayload.items.map(openItemRef),
  })
  assert.deepEqual(
    ncscPayload.items.map(({ question, value }) => [question, value]),
    [
      ['q21', 'Yes'],
      ['q19', 'canary for the NCSC'],
    ],
  )
  const told = Buffer.from(toIco.payload!).toString() + JSON.stringify(toIco.members)
  for (const secret of [
    reference,
    id,
    ncsc!.reference,
    ncsc!.envelope,
    'canary',
    ...ncscPayload.items.flatMap((item) => [item.id, item.salt]),
  ])
    assert.ok(!told.includes(secret), secret)
})

test('nothing that was typed lies in the database in the clear, nor a key', async () => {
  const { id } = await incident(reporter, 'CANARY-TITLE')
  await file(id, reporter, { answers: [{ question: 'q50', value: 'CANARY-ANSWER', audience: both }], idempotencyKey: 'CANARY-KEY' })
  const owner = openDb(database.ownerUrl)
  const tables = await query<{ name: string }>(
    owner,
    "select table_schema || '.' || table_name as name from information_schema.tables where table_schema in ('reporting', 'exchange')",
  )
  const rows = await Promise.all(tables.map(({ name }) => query(owner, `select t::text as row from ${name} t`)))
  await closeDb(owner)
  const stored = rows
    .flat()
    .map((row) => String(row['row']))
    .join('\n')
  const key = await readFile(join(keys, marlow.id))
  for (const word of ['CANARY', Buffer.from('CANARY').toString('hex'), key.toString('hex'), b64u(key)])
    assert.ok(!stored.includes(word), word)
})

test('receipts turn "not yet received" into received, or refused, each body for itself', async () => {
  const { id } = await incident(reporter)
  const { submissions } = (await file(id, reporter)).body
  const statement = await receiptArrives(submissions[0]!.envelope, 'ico', 'accepted')
  const page = async () => (await call<Filed & { title: string }>('GET', '/incidents/:id', reporter, { params: { id } })).body
  assert.deepEqual(
    (await page()).submissions.map(({ to, state, receipt }) => [to, state, receipt]),
    [
      ['ico', 'received', statement],
      ['ncsc', 'not-yet-received', null],
    ],
  )
  await receiptArrives(submissions[1]!.envelope, 'ncsc', 'refused')
  assert.deepEqual(
    (await page()).submissions.map(({ state }) => state),
    ['received', 'refused'],
  )
  assert.equal((await page()).title, 'Ransomware')
})

test('a retry with the same key files nothing twice and gets 201 once the receipts are there; other answers under it are refused', async () => {
  const { id } = await incident(reporter)
  const idempotencyKey = 'a-key-of-the-client'
  const tries = await Promise.all(Array.from({ length: 4 }, () => file(id, reporter, { idempotencyKey })))
  assert.equal(new Set(tries.map(({ body }) => body.id)).size, 1)
  const { submissions } = tries[0]!.body
  for (const { envelope, to } of submissions) await receiptArrives(envelope, to as 'ico', 'accepted')
  const again = await file(id, reporter, { idempotencyKey })
  assert.deepEqual(
    [again.status, again.body.submissions.map(({ envelope }) => envelope)],
    [201, submissions.map(({ envelope }) => envelope)],
  )
  await assert.rejects(file(id, reporter, { idempotencyKey, answers: answers.slice(1) }), refuses('replayed-differently'))
  assert.equal((await submissionsOf(desk, await incidentForActor(desk, id, reporter))).length, 2)
})

test('a later stage keeps each body\u2019s reference and has ids of its own', async () => {
  const { id } = await incident(reporter)
  const first = (await file(id, reporter)).body
  const second = (await file(id, reporter, { stage: 'update' })).body
  assert.deepEqual(
    second.submissions.map(({ reference }) => reference),
    first.submissions.map(({ reference }) => reference),
  )
  assert.equal(new Set([...first.submissions, ...second.submissions].map(({ envelope }) => envelope)).size, 4)
})

test('submit: false shows who would see what, and keeps nothing', async () => {
  const { id } = await incident(reporter)
  const { status, body } = await call<{ views: Record<string, { question: string; value: unknown; label: string }[]> }>(
    'POST',
    '/incidents/:id/reports',
    reporter,
    { params: { id }, body: { stage: 'initial', answers, submit: false } },
  )
  assert.equal(status, 200)
  assert.deepEqual(
    body.views['ico']!.map(({ value }) => value),
    ['Yes', 'for the regulator'],
  )
  assert.equal(body.views['ncsc']![0]!.label, 'Was it a cyber incident?')
  assert.deepEqual((await call<Filed>('GET', '/incidents/:id', reporter, { params: { id } })).body.submissions, [])
})

test('a report with mistakes keeps nothing', async () => {
  const { id } = await incident(reporter)
  const wrong = [...answers, { question: 'q26', value: 'x', audience: ['ico'] }]
  for (const submit of [true, false])
    await assert.rejects(
      file(id, reporter, { answers: wrong, submit }),
      (error) => error instanceof Refusal && error.detail.mistakes?.[0]?.field === 'answers.3.audience',
    )
  assert.deepEqual((await call<Filed>('GET', '/incidents/:id', reporter, { params: { id } })).body.submissions, [])
  await assert.rejects(incident(reporter, '  '), refuses('invalid'))
})

test('to another organisation, to nobody and to officers without one, an incident does not exist', async () => {
  const { id } = await incident(reporter)
  await file(id, reporter)
  const strangers = [
    stranger,
    nobody,
    as({ roles: ['administrator'] }),
    as({ roles: ['reporter'], folder: systemRandom.uuid() }),
    as({ roles: ['reporter'], folder: id }),
  ]
  for (const ctx of strangers) {
    await assert.rejects(call('GET', '/incidents/:id', ctx, { params: { id } }), refuses('not-found'))
    await assert.rejects(file(id, ctx), refuses('not-found'))
    await assert.rejects(incidentForActor(desk, id, ctx), refuses('not-found'))
  }
  await assert.rejects(call('GET', '/incidents/:id', reporter, { params: { id: systemRandom.uuid() } }), refuses('not-found'))
  await assert.rejects(file(id, as({ roles: ['client-contact'], organisation: marlow.id })), refuses('role-missing'))
  await assert.rejects(call('GET', '/incidents', as({ roles: ['administrator'] })), refuses('role-missing'))
  assert.deepEqual((await call<{ incidents: unknown[] }>('GET', '/incidents', stranger)).body.incidents, [])
})

test('payloads and items are opened for the owner alone', async () => {
  const { id } = await incident(reporter)
  const { submissions } = (await file(id, reporter)).body
  const [first] = await submissionsOf(desk, await incidentForActor(desk, id, reporter))
  const bytes = await submissionPayload(desk, first!, folders, reporter)
  assert.deepEqual(Buffer.from(bytes), Buffer.from((await prepared(first!.envelope)).payload!))
  await assert.rejects(submissionPayload(desk, first!, folders, stranger), refuses('not-found'))
  const [item] = readPayload(bytes).items
  const [opened] = await itemsByIds(desk, [item!.id, systemRandom.uuid()], folders, reporter)
  assert.deepEqual(
    [opened!.question, opened!.value, opened!.incident, opened!.envelope],
    [item!.question, item!.value, id, first!.envelope],
  )
  assert.deepEqual(await itemsByIds(desk, [item!.id], folders, stranger), [])
  assert.equal((await incidentOfReference(gateway, 'ncsc', submissions[1]!.reference))?.id, id)
  assert.equal(await incidentOfReference(gateway, 'ico', submissions[1]!.reference), undefined)
})

test('the gateway opens a submission for its own request and body alone', async () => {
  const { id } = await incident(reporter)
  const [ico, ncsc] = (await file(id, reporter)).body.submissions
  await assert.rejects(
    prepared(ncsc!.envelope, (request) => ({ ...request, to: 'ico' })),
    refuses('flow-not-allowed'),
  )
  await assert.rejects(
    prepared(ncsc!.envelope, (request) => ({ ...request, id: systemRandom.uuid() })),
    refuses('flow-not-allowed'),
  )
  const others = await requestOf(ico!.envelope)
  await assert.rejects(
    prepared(ncsc!.envelope, (request) => ({ ...request, body: others.body })),
    refuses('flow-not-allowed'),
  )
})

const whoIAm = (audience: string[], name = 'Marlow Fresh Limited') => [
  { question: 'q01-name', value: name, audience },
  { question: 'q07-name', value: { notYetKnown: true }, audience },
]

async function anonymously(): Promise<{ id: string; ctx: Ctx }> {
  const { id, resume } = await incident(nobody)
  const actor = await authenticate(desk, { bearer: resume! }, nobody)
  return { id, ctx: as(actor!) }
}

test('a first report needs no account: the token opens that folder, and the organisation stays unverified and apart', async () => {
  const { id, ctx } = await anonymously()
  await assert.rejects(file(id, ctx), (error) => error instanceof Refusal && error.detail.mistakes?.length === 4)
  const identified = [...whoIAm(both), { question: 'q01-identifier', value: marlow.identifiers[0], audience: ['ncsc'] }, ...answers]
  const [ico, ncsc] = (await file(id, ctx, { answers: identified })).body.submissions
  const [toIco, toNcsc] = [readPayload((await prepared(ico!.envelope)).payload!), readPayload((await prepared(ncsc!.envelope)).payload!)]
  assert.deepEqual(
    [toIco.organisation.verified, toIco.organisation.identifiers, toNcsc.organisation.identifiers],
    [false, [], marlow.identifiers],
  )
  assert.notEqual(toIco.organisation.id, marlow.id)
  assert.deepEqual(await organisationById(desk, marlow.id), marlow)
  await assert.rejects(call('GET', '/incidents/:id', reporter, { params: { id } }), refuses('not-found'))
  assert.deepEqual(
    (await call<{ incidents: { id: string }[] }>('GET', '/incidents', ctx)).body.incidents.map((one) => one.id),
    [id],
  )
  assert.ok((await readdir(keys)).includes(id))
})

test('a body that comes in later is told who reports; one that knows is told no more than it was', async () => {
  const { id, ctx } = await anonymously()
  await file(id, ctx, { answers: [...whoIAm(['ncsc'], 'Name for the NCSC'), ...answers.slice(2)] })
  await assert.rejects(file(id, ctx, { stage: 'update', answers: answers.slice(1, 2) }), refuses('invalid'))
  const [toIco] = (await file(id, ctx, { stage: 'update', answers: [...whoIAm(['ico'], 'Name for the ICO'), ...answers.slice(1, 2)] })).body
    .submissions
  const [toNcsc] = (await file(id, ctx, { stage: 'final', answers: answers.slice(2) })).body.submissions
  assert.equal(readPayload((await prepared(toIco!.envelope)).payload!).organisation.name, 'Name for the ICO')
  assert.equal(readPayload((await prepared(toNcsc!.envelope)).payload!).organisation.name, 'Name for the NCSC')
})

test('questions are everybody\u2019s to read', async () => {
  const { questions } = (await call<{ questions: { id: string; authorities: string[] }[] }>('GET', '/questions', nobody)).body
  assert.ok(questions.length > 60 && questions.every(({ authorities }) => authorities.length > 0))
})

test('the gateway can change no report, the desk none that was filed', async () => {
  for (const table of ['incidents', 'views', 'filings', 'submissions', 'items'])
    await assert.rejects(query(gateway, `delete from reporting.${table}`), /permission denied/)
  for (const text of [
    'update reporting.submissions set payload = payload',
    'update reporting.items set commitment = commitment',
    'delete from reporting.filings',
    'update reporting.incidents set title = title',
  ])
    await assert.rejects(query(desk, text), /permission denied/)
  await assert.rejects(
    query(gateway, "insert into reporting.views values (gen_random_uuid(), gen_random_uuid(), 'ico', 'x')"),
    /permission denied/,
  )
})
