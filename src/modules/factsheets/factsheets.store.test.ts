import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Reply, type Endpoint } from '#platform/api'
import { systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact, type Db } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import { silentLog } from '#platform/log'
import { authenticate, upsertOrganisation } from '#identity'
import { api as reportingApi, FolderKeys } from '#reporting'
import { freshDatabase, type FreshDatabase } from '../../../checks/database.ts'
import { api } from './api.ts'

let database: FreshDatabase
let desk: Db
let keys: string
let folders: FolderKeys
let endpoints: Endpoint[]
const tarn = { id: systemRandom.uuid(), name: 'Tarn Managed Services Ltd', identifiers: [], verified: true }
const client = { id: systemRandom.uuid(), name: 'Fell Bakery Ltd', identifiers: [], verified: true }

const as = (actor: Partial<Actor>): Ctx => ({
  now: () => new Date(),
  random: systemRandom,
  log: silentLog,
  actor: { id: systemRandom.uuid(), name: 'Somebody', roles: [], ...actor },
})
const nobody = as({})
const lena = as({ name: 'Lena Fosse', roles: ['reporter'], organisation: tarn.id })
const reader = as({ name: 'Bea Whitlow', roles: ['client-contact'], organisation: tarn.id })
const baker = as({ name: 'A baker', roles: ['reporter'], organisation: client.id })
const refuses = (code: RefusalCode) => (error: unknown) => error instanceof Refusal && error.code === code

before(async () => {
  database = await freshDatabase(['identity', 'exchange', 'reporting', 'factsheets'])
  desk = openDb(database.deskUrl)
  keys = await mkdtemp(join(tmpdir(), 'folders-'))
  folders = new FolderKeys(keys)
  endpoints = [...api({ db: desk, folders }), ...reportingApi({ db: desk, folders, wait: 20 })]
  for (const organisation of [tarn, client]) await transact(desk, (tx) => upsertOrganisation(tx, organisation, nobody))
})

after(async () => {
  await closeDb(desk)
  await database.drop()
  await rm(keys, { recursive: true })
})

async function call<T>(method: string, path: string, ctx: Ctx, params: Record<string, string>, body?: unknown): Promise<T> {
  const found = endpoints.find((one) => one.method === method && one.path === path)!
  const answer = await found.handle({ params, query: {}, body: found.body ? found.body.parse(body) : undefined, ctx })
  const content = answer instanceof Reply ? answer.body : answer
  found.reply.parse(JSON.parse(JSON.stringify(content)))
  return content as T
}

type Sheets = { sheets: { id: string; state: string; editions: { number: number; answers: { question: string; value: unknown }[] }[] }[] }
type Facts = {
  editions: { number: number; from: string; note?: string; answers: { question: string; value: unknown }[]; changed: string[] }[]
}
type Opened = { id: string; reference: string; resume?: string }

const open = async (body: object = { title: 'Remote management tool' }): Promise<string> =>
  (await call<{ id: string }>('POST', '/incidents', lena, {}, body)).id
const add = async (id: string, ...names: string[]) => {
  const controllers = names.map((name) => ({ name, contact: 'someone@client.example' }))
  return (await call<{ controllers: { id: string; code: string }[] }>('POST', '/incidents/:id/fact-sheets', lena, { id }, { controllers }))
    .controllers
}
const publish = (id: string, body: object, ctx = lena) =>
  call<{ told: string[] }>('POST', '/incidents/:id/fact-sheets/publication', ctx, { id }, body)
const openSheet = (code: string, ctx = nobody) => call<Opened>('POST', '/fact-sheets/opening', ctx, {}, { code })
const facts = (id: string, ctx: Ctx) => call<Facts>('GET', '/incidents/:id/facts', ctx, { id })
const holder = async (resume: string): Promise<Ctx> => ({ ...nobody, actor: (await authenticate(desk, { bearer: resume }, nobody))! })

const common = [
  { question: 'q19', value: 'Our remote management tool was used to get in.' },
  { question: 'q15', value: '2026-11-23T04:55:00Z' },
]

test('[regimes] each controller gets the facts and its own numbers, a folder and a reference of its own, and nothing of another’s', async () => {
  const id = await open()
  const [bakery, mill] = await add(id, 'Fell Bakery Ltd', 'Beck Mill Ltd')
  const own = [
    { sheet: bakery!.id, answers: [{ question: 'q36-people', value: 41 }] },
    { sheet: mill!.id, answers: [{ question: 'q36-people', value: 977 }] },
  ]
  assert.equal((await publish(id, { answers: common, own, note: 'More by noon.' })).told.length, 2)
  const first = await openSheet(bakery!.code)
  const second = await openSheet(mill!.code)
  assert.notEqual(first.reference, second.reference)
  const [one, two] = [await holder(first.resume!), await holder(second.resume!)]
  const [edition] = (await facts(first.id, one)).editions
  assert.deepEqual(
    [edition!.from, edition!.note, edition!.answers],
    ['Tarn Managed Services Ltd', 'More by noon.', [...common, own[0]!.answers[0]]],
  )
  assert.ok(!JSON.stringify(edition).includes('977') && !JSON.stringify(edition).includes('Mill'))
  for (const [incident, ctx] of [
    [first.id, two],
    [second.id, one],
    [id, one],
    [first.id, lena],
  ] as const)
    await assert.rejects(facts(incident, ctx), refuses('not-found'))
})

test('a code opens once, and what is unknown, used or closed looks alike', async () => {
  const id = await open()
  const [one, wrong] = await add(id, 'Fell Bakery Ltd', 'The wrong bakery')
  await publish(id, { answers: common })
  await openSheet(one!.code)
  await call('DELETE', '/incidents/:id/fact-sheets/:sheet', lena, { id, sheet: wrong!.id })
  for (const code of [one!.code, wrong!.code, 'a guess']) await assert.rejects(openSheet(code), refuses('not-found'))
  await assert.rejects(call('DELETE', '/incidents/:id/fact-sheets/:sheet', lena, { id, sheet: one!.id }), refuses('already-done'))
  const { sheets } = await call<Sheets>('GET', '/incidents/:id/fact-sheets', lena, { id })
  assert.deepEqual(sheets.map(({ state }) => state).toSorted(), ['closed', 'opened'])
})

test('of two who bring the same code at once, one opens it', async () => {
  const id = await open()
  const [one] = await add(id, 'Fell Bakery Ltd')
  await publish(id, { answers: common })
  const both = await Promise.allSettled([openSheet(one!.code), openSheet(one!.code)])
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
})

test('an organisation that has signed in takes the sheet into its own folder; it need not have opened it when more is told', async () => {
  const id = await open()
  const [one] = await add(id, 'Fell Bakery Ltd')
  await publish(id, { answers: common })
  const opened = await openSheet(one!.code, baker)
  assert.equal(opened.resume, undefined)
  await publish(id, { answers: [common[0]!, { question: 'q15', value: '2026-11-22T21:00:00Z' }] })
  const known = await facts(opened.id, baker)
  assert.deepEqual(
    known.editions.map(({ changed }) => changed),
    [['q19', 'q15'], ['q15']],
  )
  const { incidents } = await call<{ incidents: { id: string; title: string }[] }>('GET', '/incidents', baker, {})
  assert.deepEqual(
    incidents.map(({ id: own, title }) => [own, title]),
    [[opened.id, 'Facts from Tarn Managed Services Ltd']],
  )
})

test('facts enter a draft only when taken, for the bodies named that may be told them, and overwrite nothing unasked', async () => {
  const id = await open()
  const [one] = await add(id, 'Fell Bakery Ltd')
  await publish(id, { answers: [...common, { question: 'q26', value: 'an indicator' }] })
  const opened = await openSheet(one!.code)
  const ctx = await holder(opened.resume!)
  const draft = async () =>
    (await call<{ answers: { question: string; audience: string[] }[] }>('GET', '/incidents/:id/draft', ctx, { id: opened.id })).answers
  assert.deepEqual(await draft(), [])
  const take = (body: object) => call<{ taken: number }>('POST', '/incidents/:id/facts/taking', ctx, { id: opened.id }, body)
  assert.equal((await take({ edition: 1, audience: ['ico'] })).taken, 2)
  assert.deepEqual(
    (await draft()).map(({ question, audience }) => [question, audience]),
    [
      ['q19', ['ico']],
      ['q15', ['ico']],
    ],
  )
  assert.equal((await take({ edition: 1, audience: ['ncsc'], questions: ['q26'] })).taken, 1)
  await assert.rejects(take({ edition: 2, audience: ['ico'] }), refuses('not-found'))
  await publish(id, { answers: [{ question: 'q19', value: 'other words' }] })
  assert.equal((await draft()).length, 3)
})

test('awareness and what passes between one and a body are never part of a sheet, nor is what is no answer at all', async () => {
  const id = await open()
  await add(id, 'Fell Bakery Ltd')
  const points = (field: string) => (error: unknown) => error instanceof Refusal && error.detail.mistakes?.[0]?.field === field
  for (const question of ['q16-time', 'q13-ico', 'q48-ncsc'])
    await assert.rejects(publish(id, { answers: [{ question, value: '2026-11-23T04:55:00Z' }] }), points('answers.0.question'))
  await assert.rejects(publish(id, { answers: [{ question: 'q15', value: 'yesterday' }] }), points('answers.0.value'))
})

test('only who may file for the processor names and tells controllers; a sheet of another incident is not found', async () => {
  const id = await open()
  const [one] = await add(id, 'Fell Bakery Ltd')
  const other = await open()
  await assert.rejects(publish(other, { answers: common, to: [one!.id] }), refuses('not-found'))
  await assert.rejects(publish(other, { answers: common }), refuses('invalid'))
  await assert.rejects(publish(id, { answers: common }, reader), refuses('role-missing'))
  await assert.rejects(publish(id, { answers: common }, baker), refuses('not-found'))
  await assert.rejects(call('GET', '/incidents/:id/fact-sheets', baker, { id }), refuses('not-found'))
  const nearMiss = await open({ title: 'Nothing happened', kind: 'near-miss' })
  await assert.rejects(add(nearMiss, 'Fell Bakery Ltd'), refuses('flow-not-allowed'))
})

test('names, codes and facts lie nowhere in clear', async () => {
  const id = await open()
  const [one] = await add(id, 'Canary Bakery Ltd')
  await publish(id, { answers: [{ question: 'q19', value: 'a canary fact' }] })
  for (const table of ['sheets', 'editions']) {
    const rows = await query<{ text: string; told?: Buffer; kept?: Buffer; content?: Buffer }>(
      desk,
      `select t::text as text, t.* from factsheets.${table} t`,
    )
    for (const { text, told, kept, content } of rows)
      for (const bytes of [Buffer.from(text), told, kept, content])
        assert.ok(!bytes?.toString('latin1').toLowerCase().includes('canary') && !bytes?.includes(one!.code))
  }
})
