import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { z } from 'zod'
import { endpoint } from '#platform/api'
import { systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact } from '#platform/db'
import { createWeb } from '#platform/http'
import { Refusal, type RefusalCode } from '#platform/errors'
import { silentLog } from '#platform/log'
import { view } from '#platform/pages'
import { freshDatabase } from '../../../checks/database.ts'
import {
  addPerson,
  api,
  authenticate,
  chooseClient,
  giveMandate,
  identityPages,
  issueToken,
  mandatesOf,
  openSession,
  recognise,
  organisationById,
  organisationByIdentifier,
  revokeMandate,
  upsertOrganisation,
  type NewMandate,
  type RoleId,
  type Shown,
} from './index.ts'

const database = await freshDatabase(['identity'])
const db = openDb(database.deskUrl)

const DAY = 86_400_000
let now = new Date('2026-11-25T09:30:00.000Z')
const inDays = (days: number): Date => new Date(now.getTime() + days * DAY)
const as = (actor: Actor): Ctx => ({ now: () => now, random: systemRandom, actor, log: silentLog })
const seeding = as({ id: 'seed', name: 'seed', roles: [] })
const refuses = (code: RefusalCode) => (error: unknown) => error instanceof Refusal && error.code === code
const folders = { seal: async () => Buffer.alloc(0), open: async () => Buffer.alloc(0) }

const origin = 'http://localhost:3000'
const shown = (given: Shown) => authenticate(db, given, seeding, folders)
const web = await createWeb({
  node: 'portal',
  title: 'Portal',
  origin,
  log: silentLog,
  endpoints: [
    ...api({ db, folders }),
    endpoint({ method: 'GET', path: '/anybody', summary: '', who: 'anyone', reply: z.object({}), handle: async () => ({}) }),
  ],
  pages: [
    ...identityPages({ db, provider: 'trying-out', production: false }),
    {
      path: '/status',
      who: 'anyone',
      show: async ({ ctx }) =>
        view('error.njk', { title: ctx.actor.organisation ?? '', advice: '', mistakes: [], reference: '', signIn: '' }),
      submit: async () => new Refusal('already-done'),
    },
  ],
  authenticate: (given) => recognise(db, given, seeding, folders),
  makeCtx: as,
  health: async () => ({ ready: true, checks: {} }),
})
after(async () => {
  await web.close()
  await closeDb(db)
  await database.drop()
})

type Party = { organisation: string; person: string; token: string; ctx: Ctx }
async function party(name: string, ...roles: RoleId[]): Promise<Party> {
  const organisation = systemRandom.uuid()
  const [person, token] = await transact(db, async (tx) => {
    await upsertOrganisation(
      tx,
      { id: organisation, name, identifiers: [{ scheme: 'companies-house', id: name }], verified: true },
      seeding,
    )
    const id = await addPerson(tx, { name: `${roles[0]} of ${name}`, organisation, roles }, seeding)
    return [id, await issueToken(tx, { person: id }, seeding)]
  })
  return { organisation, person, token, ctx: as((await shown({ bearer: token }))!) }
}

const gives = (client: Party, agent: Party, more: Partial<NewMandate> = {}) =>
  transact(db, (tx) => giveMandate(tx, { agent: agent.person, scope: ['read', 'file'], until: inDays(30), ...more }, client.ctx))
const revokes = (by: Ctx, id: string) => transact(db, (tx) => revokeMandate(tx, id, by))
const acting = (agent: Party, client: { organisation: string }) => shown({ bearer: agent.token, onBehalfOf: client.organisation })

type Asked = { method?: 'GET' | 'POST' | 'PUT' | 'DELETE'; body?: unknown; client?: string; token?: string | undefined; session?: string }
async function ask(path: string, { method = 'GET', body, client, token, session }: Asked = {}) {
  const headers = {
    host: 'localhost:3000',
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(client !== undefined && { 'on-behalf-of': client }),
    ...(token && { authorization: `Bearer ${token}` }),
    ...(session && { 'cookie': `__Host-concordat_portal=${session}`, 'sec-fetch-site': 'same-origin' }),
  }
  const answer = await web.inject({ method, url: path, headers, ...(body !== undefined && { payload: JSON.stringify(body) }) })
  return {
    status: answer.statusCode,
    text: answer.body,
    json: answer.headers['content-type']?.includes('json') ? answer.json() : undefined,
  }
}

test('an agent acts for a client with an agent’s role alone, and each act can say under which mandate', async () => {
  const [client, agent] = [await party('Alder', 'dpo'), await party('Agency', 'signatory', 'dpo', 'reporter')]
  const { id, state } = await gives(client, agent)
  assert.equal(state, 'in-force')
  assert.deepEqual(await acting(agent, client), {
    id: agent.person,
    name: 'signatory of Agency',
    organisation: client.organisation,
    roles: ['agent'],
    mandate: id,
    scope: ['read', 'file'],
  })
  assert.deepEqual(await shown({ bearer: agent.token }), agent.ctx.actor, 'and without the header for themselves')
})

test('a mandate widens to nobody else: neither another client, nor another agent, nor the client’s people, nor back', async () => {
  const [one, other, agent, colleague] = [
    await party('One', 'dpo'),
    await party('Two', 'dpo'),
    await party('Firm', 'agent'),
    await party('Firm 2', 'agent'),
  ]
  await gives(one, agent)
  assert.ok(await acting(agent, one))
  for (const [who, whom] of [
    [agent, other],
    [colleague, one],
    [one, agent],
    [one, one],
    [other, one],
  ] as const)
    await assert.rejects(acting(who, whom), refuses('mandate-missing'))
})

test('an organisation that exists and one that does not are refused alike', async () => {
  const [client, agent] = [await party('Hidden', 'dpo'), await party('Guesser', 'agent')]
  const tries = [client.organisation, systemRandom.uuid(), 'x', '', agent.organisation, client.organisation.toUpperCase(), client.person]
  const answers = await Promise.all(tries.map((id) => ask('/api/v1/organisation', { client: id, token: agent.token })))
  assert.deepEqual([...new Set(answers.map(({ status, text }) => `${status} ${text}`))].length, 1)
  assert.deepEqual([answers[0]!.status, answers[0]!.json.code], [403, 'mandate-missing'])
})

test('a mandate holds from its first moment until before its last, and not once it is revoked', async () => {
  const [client, agent] = [await party('Timed', 'signatory'), await party('Timers', 'agent')]
  const { id, state } = await gives(client, agent, { from: inDays(1), until: inDays(2) })
  assert.equal(state, 'not-begun')
  await assert.rejects(acting(agent, client), refuses('mandate-missing'))
  now = inDays(1)
  assert.ok(await acting(agent, client))
  now = new Date(now.getTime() + DAY - 1)
  assert.ok(await acting(agent, client))
  now = new Date(now.getTime() + 1)
  await assert.rejects(acting(agent, client), refuses('mandate-missing'))
  const [held] = (await mandatesOf(db, agent.ctx)).held
  assert.deepEqual([held?.id, held?.state], [id, 'ended'])
  const second = await gives(client, agent)
  assert.equal((await revokes(client.ctx, second.id)).state, 'revoked')
  await assert.rejects(acting(agent, client), refuses('mandate-missing'))
  await assert.rejects(revokes(client.ctx, second.id), refuses('already-done'))
})

test('a session acts for the client it chose, and falls with the mandate; signing out still works', async () => {
  const [client, other, agent] = [await party('Chosen', 'dpo'), await party('Unchosen', 'dpo'), await party('Sitters', 'agent')]
  const { id } = await gives(client, agent)
  const session = await transact(db, (tx) => openSession(tx, { person: agent.person }, agent.ctx))
  const choose = (organisation: string | null) => transact(db, (tx) => chooseClient(tx, { session, client: organisation }, agent.ctx))
  await assert.rejects(choose(other.organisation), refuses('mandate-missing'))
  assert.equal((await shown({ session }))?.organisation, agent.organisation)
  await choose(client.organisation)
  assert.deepEqual(await shown({ session }), await acting(agent, client))
  assert.equal((await ask('/api/v1/organisation', { session })).json.name, 'Chosen')
  assert.match((await ask('/status', { session })).text, new RegExp(client.organisation))
  await revokes(client.ctx, id)
  for (const path of ['/status', '/api/v1/organisation']) assert.equal((await ask(path, { session })).status, 403, path)
  assert.deepEqual(await shown({ session, asOneself: true }), agent.ctx.actor)
  for (const path of ['/sign-in', '/sign-out']) assert.equal((await ask(path, { session })).status, 200, path)
  await choose(null)
  assert.equal((await shown({ session }))?.organisation, agent.organisation)
})

test('an agent gives no mandate, sees none, lets nobody in and changes no profile for the client', async () => {
  const [client, agent, third] = [
    await party('Guarded', 'dpo'),
    await party('Keen', 'signatory', 'dpo', 'reporter'),
    await party('Third', 'agent'),
  ]
  const { id } = await gives(client, agent)
  const on = { client: client.organisation, token: agent.token }
  const tried = [
    await ask('/api/v1/mandates', {
      ...on,
      method: 'POST',
      body: { agent: third.person, scope: ['read'], until: inDays(2).toISOString() },
    }),
    await ask('/api/v1/mandates', on),
    await ask('/api/v1/colleagues', on),
    await ask('/api/v1/colleagues', { ...on, method: 'POST', body: { name: 'x', role: 'reporter' } }),
    await ask(`/api/v1/colleagues/${client.person}`, { ...on, method: 'DELETE' }),
    await ask('/api/v1/organisation', { ...on, method: 'PUT', body: { sector: 'Health' } }),
  ]
  assert.deepEqual(
    tried.map(({ status, json }) => `${status} ${json.code}`),
    Array.from(tried, () => '403 role-missing'),
  )
  assert.equal((await ask(`/api/v1/mandates/${id}`, { ...on, method: 'DELETE' })).status, 404, 'nor ends one in the client’s name')
  const guest = as((await acting(agent, client))!)
  await assert.rejects(
    transact(db, (tx) => giveMandate(tx, { agent: third.person, scope: ['read'], until: inDays(1) }, guest)),
    refuses('role-missing'),
  )
})

test('a mandate to read alone changes nothing, at any address', async () => {
  const [client, agent] = [await party('Readable', 'dpo'), await party('Readers', 'agent')]
  await gives(client, agent, { scope: ['read'] })
  const on = { client: client.organisation, token: agent.token }
  assert.equal((await ask('/api/v1/organisation', on)).json.name, 'Readable')
  const refused = await ask(`/api/v1/mandates/${systemRandom.uuid()}`, { ...on, method: 'DELETE' })
  assert.deepEqual([refused.status, refused.json.code], [403, 'mandate-missing'])
  const session = await transact(db, (tx) => openSession(tx, { person: agent.person }, agent.ctx))
  await transact(db, (tx) => chooseClient(tx, { session, client: client.organisation }, agent.ctx))
  const page = await ask('/status', { session, method: 'POST' })
  assert.equal(page.status, 403)
  assert.match(page.text, /You hold no mandate/, 'before the form is looked at')
  await gives(client, agent)
  assert.deepEqual((await acting(agent, client))?.scope, ['read', 'file'], 'of two mandates the one that lets more be done counts')
})

test('only the client’s dpo or signatory gives one, to somebody whose code they know, for at most a year', async () => {
  const [client, agent] = [await party('Giver', 'dpo'), await party('Taker', 'agent')]
  for (const role of ['reporter', 'counsel', 'client-contact'] as const)
    await assert.rejects(gives(await party(`Not ${role}`, role), agent), refuses('role-missing'))
  const folderHolder = { ...client, ctx: as({ id: 'folder:x', name: 'x', roles: ['dpo'], folder: systemRandom.uuid() }) }
  await assert.rejects(gives(folderHolder, agent), refuses('role-missing'))
  const wrong: [string, Partial<NewMandate>][] = [
    ['agent', { agent: systemRandom.uuid() }],
    ['agent', { agent: 'taker@firm.example' }],
    ['agent', { agent: client.person }],
    ['until', { until: now }],
    ['until', { from: inDays(3), until: inDays(2) }],
    ['until', { until: inDays(367) }],
  ]
  for (const [field, more] of wrong)
    await assert.rejects(gives(client, agent, more), (error) => error instanceof Refusal && error.detail.mistakes?.[0]?.field === field)
  const unread = await ask('/api/v1/mandates', {
    method: 'POST',
    token: client.token,
    body: { agent: agent.person, scope: ['file'], until: inDays(2).toISOString() },
  })
  assert.deepEqual([unread.status, unread.json.mistakes[0].field], [400, 'scope'])
})

test('both sides see a mandate, nobody else does; either ends it, nobody else can', async () => {
  const [client, agent, stranger] = [await party('Seen', 'dpo'), await party('Seers', 'agent'), await party('Strangers', 'dpo')]
  const given = await ask('/api/v1/mandates', {
    method: 'POST',
    token: client.token,
    body: { agent: agent.person, scope: ['read', 'file', 'read'], until: '2027-01-01T00:00:00+01:00' },
  })
  assert.deepEqual([given.status, given.json.scope, given.json.until], [201, ['read', 'file'], '2026-12-31T23:00:00.000Z'])
  const held = (await ask('/api/v1/mandates', { token: agent.token })).json
  assert.deepEqual([held.code, held.given, held.held], [agent.person, [], [given.json]])
  assert.deepEqual((await ask('/api/v1/mandates', { token: client.token })).json.given, [given.json])
  const unseen = (await ask('/api/v1/mandates', { token: stranger.token })).json
  assert.deepEqual([unseen.given, unseen.held], [[], []])
  for (const id of [given.json.id, systemRandom.uuid()]) await assert.rejects(revokes(stranger.ctx, id), refuses('not-found'))
  const [person, token] = await transact(db, async (tx) => {
    const id = await addPerson(tx, { name: 'Reporter', organisation: client.organisation, roles: ['reporter'] }, seeding)
    return [id, await issueToken(tx, { person: id }, seeding)]
  })
  assert.ok(person)
  const notTheirs = await ask(`/api/v1/mandates/${given.json.id}`, { method: 'DELETE', token })
  assert.equal(notTheirs.json.code, 'role-missing')
  const ended = await ask(`/api/v1/mandates/${given.json.id}`, { method: 'DELETE', token: agent.token })
  assert.deepEqual([ended.status, ended.json.state, ended.json.revokedBy], [200, 'revoked', 'agent of Seers'])
})

test('an agent who left their firm acts for nobody', async () => {
  const [client, agent] = [await party('Abandoned', 'dpo'), await party('Leaving', 'reporter')]
  await gives(client, agent)
  const keeper = await transact(db, (tx) => addPerson(tx, { name: 'K', organisation: agent.organisation, roles: ['dpo'] }, seeding))
  const token = await transact(db, (tx) => issueToken(tx, { person: keeper }, seeding))
  assert.equal((await ask(`/api/v1/colleagues/${agent.person}`, { method: 'DELETE', token })).status, 200)
  assert.equal(await acting(agent, client), undefined)
  await assert.rejects(gives(client, agent), refuses('invalid'))
})

test('who shows no token, or holds a folder’s, acts for nobody', async () => {
  const client = await party('Anonymous', 'dpo')
  const token = await transact(db, (tx) => issueToken(tx, { folder: systemRandom.uuid() }, seeding))
  assert.equal((await ask('/api/v1/anybody')).status, 200)
  const answers = [
    await ask('/api/v1/anybody', { client: client.organisation }),
    await ask('/api/v1/organisation', { client: client.organisation }),
    await ask('/api/v1/organisation', { client: client.organisation, token }),
    await ask('/api/v1/organisation', { client: client.organisation, token: 'x'.repeat(43) }),
  ]
  assert.deepEqual(
    answers.map(({ json }) => json.code),
    ['not-signed-in', 'not-signed-in', 'mandate-missing', 'not-signed-in'],
  )
})

test('mandates are never changed: the desk may add a revocation and nothing more', async () => {
  for (const text of ["update identity.mandates set ends = 'infinity'", 'delete from identity.mandate_revocations'])
    await assert.rejects(query(db, text), { code: '42501' })
  const [client, agent] = [await party('Kept', 'dpo'), await party('Keepers', 'agent')]
  const { id } = await gives(client, agent)
  const outcomes = await Promise.allSettled([revokes(client.ctx, id), revokes(agent.ctx, id)])
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})

test('an organisation says its sector and size; its name and the numbers it proved stay', async () => {
  const client = await party('Profiled', 'reporter')
  const put = (body: unknown) => ask('/api/v1/organisation', { method: 'PUT', token: client.token, body })
  const proved = [{ scheme: 'companies-house', id: 'Profiled' }]
  const done = await put({ sector: 'Utilities', identifiers: proved })
  assert.deepEqual(done.json, { id: client.organisation, name: 'Profiled', identifiers: proved, sector: 'Utilities', verified: true })
  assert.equal((await put({ sizeBand: '250 to 999' })).json.sector, 'Utilities')
  for (const body of [{ sector: 'Space' }, { sizeBand: 'many' }, { name: 'Other' }, { verified: true }])
    assert.equal((await put(body)).status, 400, JSON.stringify(body))
  for (const identifiers of [[], [{ scheme: 'companies-house', id: '1' }], [...proved, { scheme: 'duns', id: '2' }]])
    assert.equal((await put({ identifiers })).json.mistakes[0].field, 'identifiers')
  assert.deepEqual(await organisationById(db, client.organisation), { ...done.json, sizeBand: '250 to 999' })
})

test('one that proved nothing yet may correct its number, and is found by it no more than before', async () => {
  const client = await party('Unproved', 'reporter')
  const id = systemRandom.uuid()
  const token = await transact(db, async (tx) => {
    await upsertOrganisation(tx, { id, name: 'Typed', identifiers: [], verified: false }, seeding)
    const person = await addPerson(tx, { name: 'Somebody', organisation: id, roles: ['reporter'] }, seeding)
    return issueToken(tx, { person }, seeding)
  })
  const identifiers = [{ scheme: 'companies-house', id: '7654321' }]
  const put = (body: unknown) => ask('/api/v1/organisation', { method: 'PUT', token, body })
  assert.deepEqual((await put({ identifiers })).json, { id, name: 'Typed', identifiers, verified: false })
  assert.equal(await organisationByIdentifier(db, identifiers[0]!), undefined)
  for (const wrong of [
    { scheme: 'Companies House', id: '1' },
    { scheme: 'duns', id: ' ' },
    { scheme: 'duns', id: 'a\nb' },
  ])
    assert.equal((await put({ identifiers: [wrong] })).status, 400)
  assert.equal((await ask('/api/v1/organisation', { token: client.token })).json.name, 'Unproved', 'and no other is touched')
})
