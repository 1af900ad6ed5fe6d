import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Reply } from '#platform/api'
import { systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, queryOne, transact, type Db } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import { silentLog } from '#platform/log'
import { generateSealJwk, sealingKey, type SealingKey } from '#platform/seal'
import { openItemRef, readSealed, type QueuedRequest, type SealedReport } from '#exchange'
import { upsertOrganisation } from '#identity'
import { freshDatabase, type FreshDatabase } from '../../../checks/database.ts'
import { incidentForActor, itemsByIds, submissionsOf } from './access.ts'
import { api } from './api.ts'
import { filedIn } from './drafts.ts'
import { FolderKeys } from './folder.ts'
import { makeSealed } from './sealed-making.ts'
import type { SealingTerms } from './sealed-filing.ts'
import { prepareReport } from './sending.ts'
import { incidentById } from './store.ts'

let database: FreshDatabase
let desk: Db
let gateway: Db
let keys: string
let folders: FolderKeys
let key: SealingKey
const deployment = systemRandom.uuid()
const marlow = { id: systemRandom.uuid(), name: 'Marlow Fresh Ltd', identifiers: [], sector: 'Retail and manufacture', verified: true }
const other = { id: systemRandom.uuid(), name: 'Other Ltd', identifiers: [], verified: true }

const as = (actor: Partial<Actor>): Ctx => ({
  now: () => new Date(),
  random: systemRandom,
  log: silentLog,
  actor: { id: 'somebody', name: 'Somebody', roles: [], ...actor },
})
const reporter = as({ id: systemRandom.uuid(), roles: ['reporter'], organisation: marlow.id })
const client = as({ id: systemRandom.uuid(), roles: ['client-contact'], organisation: marlow.id })
const stranger = as({ id: systemRandom.uuid(), roles: ['reporter'], organisation: other.id })
const refuses = (code: RefusalCode) => (error: unknown) => error instanceof Refusal && error.code === code
const wrongAt = (field: string) => (error: unknown) => error instanceof Refusal && error.detail.mistakes?.[0]?.field === field

before(async () => {
  database = await freshDatabase(['identity', 'exchange', 'reporting'])
  ;[desk, gateway] = [openDb(database.deskUrl), openDb(database.gatewayUrl)]
  keys = await mkdtemp(join(tmpdir(), 'folders-'))
  folders = new FolderKeys(keys)
  const { kid, publicKey } = await generateSealJwk()
  key = await sealingKey(kid, publicKey)
  for (const organisation of [marlow, other]) await transact(desk, (tx) => upsertOrganisation(tx, organisation, as({})))
})

after(async () => {
  await Promise.all([closeDb(desk), closeDb(gateway)])
  await database.drop()
  await rm(keys, { recursive: true })
})

async function call<T>(method: string, path: string, ctx: Ctx, id: string, body: unknown): Promise<T> {
  const found = api({ db: desk, folders, wait: 20 }).find((one) => one.method === method && one.path === path)!
  const answer = await found.handle({ params: { id }, query: {}, body: found.body!.parse(body), ctx })
  const content = answer instanceof Reply ? answer.body : answer
  found.reply.parse(JSON.parse(JSON.stringify(content)))
  return content as T
}

const opens = async (ctx: Ctx, more: object = {}): Promise<string> =>
  (await call<{ id: string }>('POST', '/incidents', ctx, '', { title: 'Sealed', ...more })).id
const terms = async (ctx: Ctx, id: string, to: string[] = ['ncsc']): Promise<SealingTerms[]> =>
  (await call<{ terms: SealingTerms[] }>('POST', '/incidents/:id/references', ctx, id, { to })).terms
type Filed = { id: string; submissions: { to: string; envelope: string; reference: string; stage: string; sealed?: true }[] }
const files = (ctx: Ctx, id: string, sealed: unknown[], more: object = {}) =>
  call<Filed>('POST', '/incidents/:id/reports', ctx, id, { stage: 'initial', sealed, submit: true, ...more })

const made = async ({ sector, ...more }: SealingTerms['organisation'], given: SealingTerms, stage: 'initial' | 'update' = 'initial') =>
  makeSealed(
    {
      ...{ to: given.to, deployment, reference: given.reference, told: given.told, stage, nearMiss: false, before: new Map() },
      organisation: { ...more, ...(sector !== undefined && { sector }) },
      answers: [{ question: 'q19', value: 'canary' }],
    },
    key,
    systemRandom,
  )
const sealedFor = async (given: SealingTerms, stage: 'initial' | 'update' = 'initial'): Promise<SealedReport> =>
  (await made(given.organisation, given, stage)).report

async function prepared(envelope: string) {
  const request = (await queryOne<QueuedRequest>(
    gateway,
    'select id, kind, peer as "to", body, actor from exchange.requests where id = $1',
    [envelope],
  ))!
  return transact(gateway, (tx) => prepareReport(folders)(tx, request, as({})))
}

test('the gateway signs for what it cannot open: the items named outside, and the very bytes', async () => {
  const id = await opens(reporter)
  const [given] = await terms(reporter, id)
  assert.deepEqual(given!.organisation, marlow)
  const { report, opening } = await made(given!.organisation, given!)
  const filed = await files(reporter, id, [report])
  assert.deepEqual(
    filed.submissions.map(({ to, reference, stage, sealed }) => [to, reference, stage, sealed]),
    [['ncsc', given!.reference, 'initial', true]],
  )
  const { members, payload, clause, chain } = await prepared(filed.submissions[0]!.envelope)
  assert.deepEqual(readSealed(payload!), report)
  assert.deepEqual(members, {
    organisation: marlow.id,
    reference: given!.reference,
    stage: 'initial',
    items: opening.items.map(openItemRef),
  })
  assert.deepEqual([clause, chain, opening.items.length], ['encourage-engagement', marlow.id, 16])
})

test('nothing of it can be read in the folder, and it says of which items it does not know what they are', async () => {
  const id = await opens(reporter)
  const [given] = await terms(reporter, id)
  const report = await sealedFor(given!)
  await files(reporter, id, [report])
  assert.deepEqual(await filedIn(desk, (await incidentById(desk, id))!, folders), [])
  const [item] = await itemsByIds(desk, [report.items[3]!.id], folders, reporter)
  assert.deepEqual([item!.question, item!.value, item!.incident], ['sealed', null, id])
  assert.deepEqual(await itemsByIds(desk, [report.items[3]!.id], folders, stranger), [])
  const kept = await query<{ question: string }>(desk, 'select distinct question from reporting.items where id = any($1::uuid[])', [
    report.items.map((one) => one.id),
  ])
  assert.deepEqual(kept, [{ question: 'sealed' }])
})

test('each body is told a stage of its own, under the reference that stays', async () => {
  const id = await opens(reporter)
  const [first] = await terms(reporter, id)
  await files(reporter, id, [await sealedFor(first!)])
  const [ncsc, ico] = await terms(reporter, id, ['ncsc', 'ico'])
  assert.deepEqual([ncsc!.reference, ncsc!.told, ico!.told], [first!.reference, true, false])
  const filed = await files(reporter, id, [await sealedFor(ncsc!, 'update'), await sealedFor(ico!, 'update')], { stage: 'update' })
  assert.deepEqual(
    filed.submissions.map(({ to, stage }) => [to, stage]),
    [
      ['ico', 'initial'],
      ['ncsc', 'update'],
    ],
  )
  const all = await submissionsOf(desk, await incidentForActor(desk, id, reporter))
  assert.equal(
    all.every(({ sealed }) => sealed),
    true,
  )
})

test('what stands outside must be the portal\u2019s own word', async () => {
  const [id, elsewhere] = [await opens(reporter), await opens(reporter)]
  const [[given], [foreign]] = [await terms(reporter, id), await terms(reporter, elsewhere)]
  const good = await sealedFor(given!)
  const named = async (organisation: object) => (await made({ ...given!.organisation, ...organisation }, given!)).report
  const cases: [field: string, sealed: SealedReport[]][] = [
    ['sealed.0.reference', [await sealedFor(foreign!)]],
    ['sealed.0.organisation', [await named({ id: other.id })]],
    ['sealed.0.organisation', [await named({ name: 'Other Ltd' })]],
    ['sealed.0.organisation', [await named({ verified: false })]],
    ['sealed.0.stage', [{ ...good, stage: 'final' }]],
    ['sealed.0.reference', [{ ...good, to: 'ico' }]],
    ['sealed.1.to', [good, await sealedFor(given!)]],
  ]
  for (const [field, sealed] of cases) await assert.rejects(files(reporter, id, sealed), wrongAt(field), field)
  await assert.rejects(files(reporter, id, [{ ...good, ciphertext: good.ciphertext.slice(4) }]), { name: 'ZodError' })
  await assert.rejects(files(reporter, id, [{ ...good, items: good.items.slice(1) }]), { name: 'ZodError' })
  const answers = [{ question: 'q19', value: 'x', audience: ['ncsc'] }]
  await assert.rejects(files(reporter, id, [good], { answers }), wrongAt('answers'))
  assert.deepEqual(await submissionsOf(desk, await incidentForActor(desk, id, reporter)), [])
})

test('a near miss goes to the NCSC alone, sealed or not', async () => {
  const id = await opens(reporter, { kind: 'near-miss' })
  await assert.rejects(terms(reporter, id, ['ico']), refuses('flow-not-allowed'))
  const [given] = await terms(reporter, id)
  await files(reporter, id, [await sealedFor(given!)])
})

test('a repeat files nothing twice, and the same items under another key or incident are refused', async () => {
  const id = await opens(reporter)
  const [given] = await terms(reporter, id)
  const report = await sealedFor(given!)
  const key1 = { idempotencyKey: 'the same key' }
  const first = await files(reporter, id, [report], key1)
  assert.equal((await files(reporter, id, [report], key1)).id, first.id)
  const update = { ...report, stage: 'update' as const }
  await assert.rejects(files(reporter, id, [update], key1), refuses('replayed-differently'))
  await assert.rejects(files(reporter, id, [update], { stage: 'update' }), refuses('replayed-differently'))
})

test('only those may who may file in that very folder; to others it does not exist', async () => {
  const id = await opens(reporter)
  const [given] = await terms(reporter, id)
  const report = await sealedFor(given!)
  await assert.rejects(terms(stranger, id), refuses('not-found'))
  await assert.rejects(files(stranger, id, [report]), refuses('not-found'))
  await assert.rejects(terms(client, id), refuses('role-missing'))
  await assert.rejects(files(client, id, [report]), refuses('role-missing'))
})

test('somebody without an account is told no name by the portal', async () => {
  const id = await opens(as({}))
  const holder = as({ roles: ['reporter'], folder: id })
  const [given] = await terms(holder, id)
  assert.deepEqual([given!.organisation.name, given!.organisation.verified], ['Not yet known', false])
  await files(holder, id, [await sealedFor(given!)])
  const [again] = await terms(holder, id)
  assert.deepEqual(again, { ...given, told: true })
})
