import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { Download, Reply } from '#platform/api'
import { systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact, type Db } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import { silentLog } from '#platform/log'
import { recordMoment } from '#duties'
import type { Trust } from '#exchange'
import { upsertOrganisation } from '#identity'
import { api as reportingApi, FolderKeys } from '#reporting'
import { freshDatabase, type FreshDatabase } from '../../../checks/database.ts'
import { api } from './api.ts'
import type { Kept } from './keeping.ts'
import type { Register } from './register.ts'

let database: FreshDatabase
let desk: Db
let gateway: Db
let owner: Db
let keys: string
let folders: FolderKeys
const organisationOf = (name: string) => ({ id: systemRandom.uuid(), name, identifiers: [], verified: true })
const marlow = organisationOf('Marlow Fresh Ltd')
const pell = organisationOf('Pell and Quarry LLP')
const quiet = organisationOf('Nothing Ever Happens Ltd')

const as = (actor: Partial<Actor>): Ctx => ({
  now: () => new Date(),
  random: systemRandom,
  log: silentLog,
  actor: { id: systemRandom.uuid(), name: 'Somebody', roles: [], ...actor },
})
const person = (name: string, role: string, organisation = marlow.id) => as({ name, roles: [role], organisation })
const nobody = as({})
const asha = person('Asha Bell', 'reporter')
const tomos = person('Tomos Reid', 'dpo')
const nadia = person('Nadia Flint', 'counsel')
const orla = person('Orla Dane', 'client-contact')
const edith = person('Edith Quarry', 'reporter', pell.id)
/** One responder with two clients, as a mandate makes them. */
const agentOf = (client: string, scope: string[] = ['read', 'file']) =>
  as({ name: 'Rhys Calder', roles: ['agent'], organisation: client, mandate: systemRandom.uuid(), scope })
const refuses = (code: RefusalCode) => (error: unknown) => error instanceof Refusal && error.code === code

before(async () => {
  database = await freshDatabase([
    'identity',
    'exchange',
    'reporting',
    'duties',
    'register',
    'enquiries',
    'permission',
    'reads',
    'statements',
  ])
  desk = openDb(database.deskUrl)
  gateway = openDb(database.gatewayUrl, { max: 1 })
  owner = openDb(database.ownerUrl, { max: 1 })
  keys = await mkdtemp(join(tmpdir(), 'folders-'))
  folders = new FolderKeys(keys)
  for (const organisation of [marlow, pell, quiet]) await transact(desk, (tx) => upsertOrganisation(tx, organisation, nobody))
})

after(async () => {
  await Promise.all([closeDb(desk), closeDb(gateway), closeDb(owner)])
  await database.drop()
  await rm(keys, { recursive: true })
})

type Asked = { params?: Record<string, string>; query?: Record<string, string>; body?: unknown }

/** Through the door, as the web server calls it; a download as its text. */
async function call<T>(method: string, path: string, ctx: Ctx, { params = {}, query: asked = {}, body }: Asked = {}): Promise<T> {
  const deps = { db: desk, folders, trust: {} as Trust, waitMilliseconds: 20 }
  const found = [...reportingApi({ db: desk, folders, wait: 20 }), ...api(deps)].find((one) => one.method === method && one.path === path)!
  const answer = await found.handle({ params, query: asked, body: found.body ? found.body.parse(body) : undefined, ctx })
  if (answer instanceof Download) return (await text(answer.content)) as T
  const content = answer instanceof Reply ? answer.body : answer
  found.reply.parse(JSON.parse(JSON.stringify(content)))
  return content as T
}

const opened = async (ctx: Ctx, title: string, kind = 'incident'): Promise<string> =>
  (await call<{ id: string }>('POST', '/incidents', ctx, { body: { title, kind } })).id
const save = (id: string, ctx: Ctx, ...answers: object[]) => call('PUT', '/incidents/:id/draft', ctx, { params: { id }, body: { answers } })
const submit = (id: string, ctx: Ctx) =>
  call('POST', '/incidents/:id/draft/submission', ctx, { params: { id }, body: { stage: 'initial' } })
const register = (ctx: Ctx, asked: Record<string, string> = {}) => call<Register>('GET', '/register', ctx, { query: asked })
const add = (id: string, ctx: Ctx, body: object) => call<Kept>('PUT', '/incidents/:id/register', ctx, { params: { id }, body })
const kept = (id: string, ctx: Ctx) => call<Kept>('GET', '/incidents/:id/register', ctx, { params: { id } })
const titles = ({ entries }: Register) => entries.map(({ title }) => title)

test('an organisation in whose folders nothing lies has an empty register', async () => {
  const made = await register(person('Somebody', 'dpo', quiet.id))
  assert.deepEqual([made.organisation, made.entries, made.nearMisses], [{ id: quiet.id, name: quiet.name }, [], []])
  assert.equal(((await register(person('Somebody', 'dpo', quiet.id), { format: 'csv' })) as unknown as string).split('\r\n').length, 2)
})

test('every incident is in the register by itself, reported or not, with who was told and what not', async () => {
  const told = await opened(asha, 'Told to both')
  await save(
    told,
    asha,
    { question: 'q15', value: '2026-11-23T08:00:00Z', audience: ['ico', 'ncsc'] },
    { question: 'q19', value: 'Files were encrypted', audience: ['ico'] },
    { question: 'q19', value: 'canary for the NCSC', audience: ['ncsc'] },
    { question: 'q36-people', value: 1200, audience: ['ico'] },
    { question: 'q42', value: 'Restored', audience: ['ncsc'] },
  )
  await submit(told, tomos)
  const silent = await opened(asha, 'Told to nobody')
  await opened(asha, 'Almost', 'near-miss')
  const { incident, ...moment } = {
    incident: silent,
    event: 'aware' as const,
    at: '2026-11-24T09:00:00+00:00',
    zone: 'Europe/London',
    decidedBy: 'Tomos Reid',
    why: 'A list was found',
  }
  await transact(desk, (tx) => recordMoment(tx, { ...moment, incident }, folders, asha))

  const made = await register(tomos)
  assert.deepEqual([titles(made), made.nearMisses.map(({ title }) => title)], [['Told to nobody', 'Told to both'], ['Almost']])
  const [one, other] = made.entries as [Register['entries'][number], Register['entries'][number]]
  assert.deepEqual([one.aware?.at, one.aware?.decidedBy, one.reportedTo], ['2026-11-24T09:00:00+00:00', 'Tomos Reid', []])
  assert.deepEqual(
    other.reportedTo.map(({ body, stage, state, receipt }) => [body, stage, state, receipt]),
    [
      ['ico', 'initial', 'not-yet-received', null],
      ['ncsc', 'initial', 'not-yet-received', null],
    ],
  )
  assert.deepEqual(
    other.facts.map(({ value, writtenFor, sent, by }) => [value, writtenFor, sent, by]),
    [['Files were encrypted', 'ico', true, 'Asha Bell']],
  )
  assert.deepEqual([other.discovered?.words, other.effects.people?.words], [['23 November 2026 at 8:00am'], ['1,200']])
  assert.deepEqual(
    other.remedialAction.map(({ words, writtenFor, sent }) => [words, writtenFor, sent]),
    [[['Restored'], 'ncsc', true]],
  )
  assert.deepEqual(await kept(told, nadia), { entry: (await register(nadia)).entries[1], history: [] })
})

test('the copy for the ICO has none of what was told to the NCSC alone, nor that it was told', async () => {
  const made = JSON.stringify({ ...(await register(tomos, { copy: 'ico' })), notes: [] })
  assert.ok(made.includes('Files were encrypted'))
  for (const canary of ['canary for the NCSC', 'Restored', 'Almost', 'ncsc', 'NCSC']) assert.ok(!made.includes(canary), canary)
  const csv = (await register(tomos, { copy: 'ico', format: 'csv' })) as unknown as string
  assert.ok(csv.includes('Files were encrypted') && !csv.includes('NCSC') && !csv.includes('Restored'))
  await assert.rejects(register(tomos, { copy: 'everybody', format: 'pdf' }), refuses('invalid'))
})

test('privileged words appear in one\u2019s own register, marked, and in the copy for the ICO only once counsel lets them go', async () => {
  const id = await opened(asha, 'Privileged')
  await save(id, asha, { question: 'q19', value: 'advice of counsel', audience: ['ico'], privileged: true })
  const facts = async (copy: string) => (await register(nadia, { copy })).entries.find((entry) => entry.id === id)!.facts
  assert.deepEqual(
    (await facts('own')).map(({ value, privileged }) => [value, privileged]),
    [['advice of counsel', true]],
  )
  assert.deepEqual(await facts('ico'), [])
  const tick = { question: 'q19', audience: ['ico'], decision: 'may-be-sent' }
  await call('POST', '/incidents/:id/draft/privilege', nadia, { params: { id }, body: tick })
  assert.deepEqual(
    (await facts('ico')).map(({ value, privileged }) => [value, privileged]),
    [['advice of counsel', undefined]],
  )
})

test('what the organisation adds stands in its own words, with its history, and no report comes of it', async () => {
  const id = await opened(asha, '=HYPERLINK("http://example.com")')
  await add(id, asha, { notReportedBecause: 'No risk to anybody', effects: 'None' })
  const { entry, history } = await add(id, tomos, { effects: null, closed: { on: '2026-01-31', outcome: 'Nothing was lost' } })
  assert.deepEqual([entry.notReportedBecause?.words, entry.notReportedBecause?.writtenFor], [['No risk to anybody'], 'register'])
  assert.deepEqual([entry.effects.own, entry.closed?.outcome, entry.closed?.by], [undefined, 'Nothing was lost', 'Tomos Reid'])
  assert.deepEqual(
    history.map(({ by, effects, closed }) => [by, effects, closed?.on]),
    [
      ['Asha Bell', 'None', undefined],
      ['Tomos Reid', null, '2026-01-31'],
    ],
  )
  assert.deepEqual(entry.reportedTo, [])
  const csv = (await register(tomos, { format: 'csv' })) as unknown as string
  assert.ok(csv.includes('"\'=HYPERLINK(""http://example.com"")"') && csv.includes('No risk to anybody'))
  await assert.rejects(add(id, asha, { effects: '' }), refuses('invalid'))
  await assert.rejects(add(id, asha, { closed: { on: '2999-01-01', outcome: 'Later' } }), refuses('invalid'))
  await assert.rejects(add(id, asha, {}), refuses('invalid'))
  assert.equal((await kept(id, asha)).history.length, 2)
})

test('[encourage-engagement] no other organisation sees or changes a register, and neither does whoever\u2019s role is not in it', async () => {
  const id = await opened(asha, 'Marlow canary')
  await opened(edith, 'Pell canary')
  assert.deepEqual(titles(await register(edith)), ['Pell canary'])
  for (const stranger of [edith, person('Somebody', 'dpo', quiet.id), as({ roles: ['dpo'] })]) {
    await assert.rejects(kept(id, stranger), refuses('not-found'))
    await assert.rejects(add(id, stranger, { effects: 'mine now' }), refuses('not-found'))
    for (const path of ['/incidents/:id/export', '/incidents/:id/archive'])
      await assert.rejects(call('GET', path, stranger, { params: { id } }), refuses('not-found'))
  }
  assert.deepEqual(titles(await register(as({ roles: ['dpo'] }))), [])
  await assert.rejects(register(orla), refuses('role-missing'))
  await assert.rejects(kept(id, orla), refuses('role-missing'))
  await assert.rejects(call('GET', '/incidents/:id/export', orla, { params: { id } }), refuses('role-missing'))
  await assert.rejects(register(nobody), refuses('role-missing'))
})

test('an agent reads the register of the client acted for, never another client\u2019s, and adds nothing', async () => {
  const id = await opened(asha, 'Seen by the agent')
  const [atMarlow, atPell] = [agentOf(marlow.id), agentOf(pell.id)]
  assert.ok(titles(await register(atMarlow)).includes('Seen by the agent'))
  assert.deepEqual(titles(await register(atPell)), ['Pell canary'])
  await assert.rejects(kept(id, atPell), refuses('not-found'))
  await assert.rejects(add(id, atMarlow, { notReportedBecause: 'says the agent' }), refuses('role-missing'))
  await assert.rejects(register(agentOf(marlow.id, [])), refuses('mandate-missing'))
})

test('whoever holds the token of one folder has a register of that one incident', async () => {
  const id = await opened(nobody, 'Nobody signed in')
  const holder = as({ id: `folder:${id}`, name: 'Holder of the resume token', roles: ['reporter'], folder: id })
  await add(id, holder, { effects: 'None' })
  const made = await register(holder)
  assert.deepEqual([made.organisation, titles(made), made.entries[0]!.effects.own?.words], [undefined, ['Nobody signed in'], ['None']])
  await assert.rejects(kept(id, asha), refuses('not-found'))
  assert.ok(!titles(await register(asha)).includes('Nobody signed in'))
})

test('an export without a seal on its bundle is refused, and nothing half is handed out', async () => {
  const id = await opened(asha, 'No gateway')
  for (const path of ['/incidents/:id/export', '/incidents/:id/archive'])
    await assert.rejects(call('GET', path, asha, { params: { id } }), refuses('unavailable'))
})

test('what is added lies sealed, is never changed or removed, and the gateway has no way to it', async () => {
  const rows = await query<{ content: Buffer }>(owner, 'select content from register.additions')
  assert.ok(rows.length > 0)
  for (const { content } of rows) for (const word of ['No risk to anybody', 'Tomos', 'closed']) assert.ok(!content.includes(word), word)
  const denied = { code: '42501' }
  await assert.rejects(query(desk, `update register.additions set written_by = 'x'`), denied)
  await assert.rejects(query(desk, 'delete from register.additions'), denied)
  await assert.rejects(query(gateway, 'select id from register.additions'), denied)
})
