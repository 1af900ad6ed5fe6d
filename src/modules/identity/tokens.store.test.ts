import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { closeAtRest, openAtRest } from '#platform/at-rest'
import { z } from 'zod'
import { endpoint } from '#platform/api'
import { systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact } from '#platform/db'
import { createWeb } from '#platform/http'
import { silentLog } from '#platform/log'
import { freshDatabase } from '../../../checks/database.ts'
import {
  accessApi,
  addPerson,
  giveMandate,
  issueToken,
  openSession,
  recognise,
  sweep,
  upsertOrganisation,
  type OrganisationSeal,
  type RoleId,
} from './index.ts'

// Tokens that people make for themselves, how far they go, and what is taken away when it has ended.

const database = await freshDatabase(['identity'])
const db = openDb(database.deskUrl)
const owner = openDb(database.ownerUrl, { max: 1 })
const DAY = 86_400_000
let now = new Date('2026-11-25T09:30:00.000Z')
const later = (days: number): string => new Date(now.getTime() + days * DAY).toISOString()
const as = (actor: Actor): Ctx => ({ now: () => now, random: systemRandom, actor, log: silentLog })
const seeding = as({ id: 'seed', name: 'seed', roles: [] })
const restKey = systemRandom.bytes(32)
const seal: OrganisationSeal = {
  seal: async (of, id, bytes) => closeAtRest(restKey, `${of.organisation}${id}`, bytes),
  open: async (of, id, sealed) => openAtRest(restKey, `${of.organisation}${id}`, sealed),
}

const plain = (method: 'GET' | 'POST', path: string, more: object = {}) =>
  endpoint({
    method,
    path,
    summary: '',
    who: 'signed-in',
    reply: z.object({ by: z.string() }),
    handle: async ({ ctx }) => ({ by: ctx.actor.roles.join() }),
    ...more,
  })
const web = await createWeb({
  node: 'portal',
  title: 'Portal',
  origin: 'http://localhost:3001',
  log: silentLog,
  endpoints: [
    ...accessApi({ db, node: 'portal', seal }),
    plain('GET', '/things'),
    plain('POST', '/things'),
    plain('POST', '/acts', { stepUp: true }),
    plain('GET', '/public', { who: 'anyone' }),
    plain('POST', '/open', { who: 'anyone' }),
    plain('GET', '/for-dpo', { who: ['dpo'] }),
  ],
  pages: [],
  authenticate: (given) => recognise(db, given, seeding),
  makeCtx: as,
  health: async () => ({ ready: true, checks: {} }),
})
after(async () => {
  await web.close()
  await Promise.all([db, owner].map(closeDb))
  await database.drop()
})

type Answer = { status: number; body: any }
async function ask(method: 'GET' | 'POST' | 'DELETE', path: string, headers: Record<string, string>, json?: unknown): Promise<Answer> {
  const response = await web.inject({
    method,
    url: `/api/v1${path}`,
    headers: { host: 'localhost:3001', ...headers, ...(json !== undefined && { 'content-type': 'application/json' }) },
    ...(json !== undefined && { payload: JSON.stringify(json) }),
  })
  return { status: response.statusCode, body: response.body === '' ? undefined : response.json() }
}
const bearing = (token: string, client?: string) => ({ authorization: `Bearer ${token}`, ...(client && { 'on-behalf-of': client }) })
const inSession = (session: string) => ({ 'cookie': `__Host-concordat_portal=${session}`, 'sec-fetch-site': 'same-origin' })

async function somebody(...roles: RoleId[]): Promise<{ id: string; organisation: string; token: string; session: string }> {
  const organisation = systemRandom.uuid()
  return transact(db, async (tx) => {
    await upsertOrganisation(tx, { id: organisation, name: 'Wexmere Water', identifiers: [], verified: true }, seeding)
    const id = await addPerson(tx, { name: 'Asha Rahman', organisation, roles }, seeding)
    return {
      id,
      organisation,
      token: await issueToken(tx, { person: id }, seeding),
      session: await openSession(tx, { person: id }, seeding),
    }
  })
}
const all = ['read', 'file', 'act']
const made = async (by: Record<string, string>, more: object = {}): Promise<{ id: string; token: string }> => {
  const { status, body } = await ask('POST', '/tokens', by, { name: 'Nightly upload', scopes: all, expires: later(30), ...more })
  assert.equal(status, 201, JSON.stringify(body))
  return body
}
const codesOf = async (token: string): Promise<string[]> => {
  const tried = [
    ['GET', '/things'],
    ['POST', '/things'],
    ['POST', '/acts'],
    ['GET', '/public'],
    ['POST', '/open'],
  ] as const
  return Promise.all(
    tried.map(async ([method, path]) => {
      const { status, body } = await ask(method, path, bearing(token))
      return status === 200 ? 'may' : body.code
    }),
  )
}

test('a token does what it is for and nothing else: seeing, changing and binding are three things', async () => {
  const { session } = await somebody('reporter')
  const no = 'scope-missing'
  const expected: [scopes: string[], codes: string[]][] = [
    [['read'], ['may', no, no, 'may', no]],
    [['file'], [no, 'may', no, 'may', 'may']],
    [['act'], [no, no, 'may', 'may', no]],
    [all, ['may', 'may', 'may', 'may', 'may']],
  ]
  for (const [scopes, codes] of expected)
    assert.deepEqual(await codesOf((await made(inSession(session), { scopes })).token), codes, scopes.join())
})

test('a token has no role that its maker lacks, nor one that they have lost', async () => {
  const { id, session } = await somebody('reporter', 'dpo')
  const whole = await made(inSession(session))
  const narrow = await made(inSession(session), { roles: ['reporter'] })
  const tried = async ({ token }: { token: string }) => (await ask('GET', '/for-dpo', bearing(token))).status
  assert.deepEqual([await tried(whole), await tried(narrow)], [200, 403])
  const refused = await ask('POST', '/tokens', inSession(session), { name: 'x', scopes: all, roles: ['signatory'], expires: later(1) })
  assert.deepEqual([refused.status, refused.body.mistakes[0].field], [400, 'roles'])
  await query(owner, "update identity.people set roles = '{signatory}' where id = $1", [id])
  assert.deepEqual([await tried(whole), await tried(narrow)], [403, 403])
  assert.equal((await ask('GET', '/things', bearing(narrow.token))).body.by, '')
})

test('a token made with a token is for no more, lasts no longer, and goes with it', async () => {
  const { session } = await somebody('reporter', 'dpo')
  const parent = await made(inSession(session), { scopes: ['read', 'act'], roles: ['reporter'], expires: later(10) })
  const child = await made(bearing(parent.token), { scopes: ['read', 'act'], expires: later(10) })
  const grandchild = await made(bearing(child.token), { scopes: ['read'], expires: later(5) })
  assert.equal((await ask('GET', '/for-dpo', bearing(child.token))).status, 403)
  for (const [field, wish] of [
    ['scopes', { scopes: all, expires: later(5) }],
    ['expires', { scopes: ['read'], expires: later(11) }],
    ['roles', { scopes: ['read'], roles: ['dpo'], expires: later(5) }],
  ] as const) {
    const { status, body } = await ask('POST', '/tokens', bearing(parent.token), { name: 'x', ...wish })
    assert.deepEqual([status, body.mistakes.map((one: { field: string }) => one.field)], [400, [field]])
  }
  assert.equal(
    (await ask('POST', '/tokens', bearing(grandchild.token), { name: 'x', scopes: ['read'], expires: later(1) })).body.code,
    'scope-missing',
  )
  const apart = await made(inSession(session))
  assert.equal((await ask('DELETE', `/tokens/${parent.id}`, inSession(session))).status, 200)
  for (const { token } of [parent, child, grandchild]) assert.equal((await ask('GET', '/things', bearing(token))).status, 401)
  assert.equal((await ask('GET', '/things', bearing(apart.token))).status, 200)
})

test('a token ends within a year, and a name, an end and a purpose are asked for', async () => {
  const { session } = await somebody('reporter')
  for (const wish of [
    { name: '', scopes: all, expires: later(1) },
    { name: 'two\nlines', scopes: all, expires: later(1) },
    { name: 'x', scopes: [], expires: later(1) },
    { name: 'x', scopes: ['everything'], expires: later(1) },
    { name: 'x', scopes: all, expires: later(366) },
    { name: 'x', scopes: all, expires: later(-1) },
    { name: 'x', scopes: all, expires: 'tomorrow' },
    { name: 'x', scopes: all },
  ])
    assert.equal((await ask('POST', '/tokens', inSession(session), wish)).status, 400, JSON.stringify(wish))
  const { token } = await made(inSession(session), { expires: later(365) })
  const before = now
  now = new Date(now.getTime() + 365 * DAY)
  assert.equal((await ask('GET', '/things', bearing(token))).status, 401)
  now = before
})

test('one\u2019s tokens are listed with the day of their last use and without themselves; another\u2019s cannot be seen or ended', async () => {
  const [one, other] = [await somebody('reporter'), await somebody('reporter')]
  const { id, token } = await made(inSession(one.session), { scopes: ['read'] })
  const listed = async () => (await ask('GET', '/tokens', inSession(one.session))).body.tokens
  const found = async () => (await listed()).find((row: { id: string }) => row.id === id)
  const entry = await found()
  const handed = (await listed()).find((row: { id: string }) => row.id !== id)
  assert.deepEqual(entry, { id, name: 'Nightly upload', scopes: ['read'], createdAt: now.toISOString(), expires: later(30) })
  assert.equal(handed.name, undefined)
  await ask('GET', '/things', bearing(token))
  assert.equal((await found()).lastUsed, '2026-11-25')
  assert.ok(!JSON.stringify(await listed()).includes(token))
  assert.deepEqual(
    (await ask('GET', '/tokens', inSession(other.session))).body.tokens.map((row: { name?: string }) => row.name),
    [undefined],
  )
  for (const target of [id, systemRandom.uuid(), 'x'])
    assert.deepEqual((await ask('DELETE', `/tokens/${target}`, inSession(other.session))).status, 404)
  assert.equal((await ask('DELETE', `/tokens/${id}`, inSession(one.session))).status, 200)
  assert.equal((await ask('DELETE', `/tokens/${id}`, inSession(one.session))).status, 404)
  assert.equal((await listed()).length, 1)
})

test('a token is made by whoever proved who they are lately, and by nobody who is somebody\u2019s agent or has a folder\u2019s token', async () => {
  const { session } = await somebody('reporter')
  const wish = { name: 'x', scopes: all, expires: later(1) }
  await query(owner, "update identity.sessions set proved_at = $1::timestamptz - interval '10 minutes'", [now])
  assert.equal((await ask('POST', '/tokens', inSession(session), wish)).body.code, 'step-up-needed')
  const folder = await transact(db, (tx) => issueToken(tx, { folder: systemRandom.uuid() }, seeding))
  assert.equal((await ask('POST', '/tokens', bearing(folder), wish)).body.code, 'role-missing')
  assert.equal((await ask('GET', '/tokens', bearing(folder))).body.code, 'role-missing')
  assert.equal((await ask('POST', '/tokens', {}, wish)).body.code, 'not-signed-in')
  const [client, agent] = [await somebody('dpo'), await somebody('agent')]
  const giver = as({ id: client.id, name: 'x', roles: ['dpo'], organisation: client.organisation })
  await transact(db, (tx) => giveMandate(tx, { agent: agent.id, scope: ['read', 'file'], until: new Date(later(30)) }, giver))
  assert.equal((await ask('POST', '/tokens', bearing(agent.token, client.organisation), wish)).body.code, 'role-missing')
  const narrow = await made(bearing(agent.token))
  assert.equal((await ask('GET', '/things', bearing(narrow.token, client.organisation))).body.by, 'agent')
  const both = await somebody('agent', 'reporter')
  await transact(db, (tx) => giveMandate(tx, { agent: both.id, scope: ['read', 'file'], until: new Date(later(30)) }, giver))
  const notForIt = await made(bearing(both.token), { roles: ['reporter'] })
  assert.equal((await ask('GET', '/things', bearing(notForIt.token, client.organisation))).body.code, 'mandate-missing')
})

test('neither a token nor the name it was given lies in the database', async () => {
  const { session } = await somebody('reporter')
  const { token } = await made(inSession(session), { name: 'Ransomware of the 24th' })
  const rows = JSON.stringify(
    await query(owner, "select t::text as row, encode(coalesce(t.name, ''), 'escape') as name from identity.tokens t"),
  )
  assert.ok(!rows.includes(token) && !rows.includes('Ransomware'))
})

test('what ended a day ago is swept away, what holds stays, and the desk can delete nothing by itself', async () => {
  const start = now
  now = new Date(Date.now() - 40 * DAY)
  const { token, session } = await somebody('reporter')
  const short = await made(bearing(token), { expires: later(1) })
  const folder = systemRandom.uuid()
  await transact(db, (tx) => issueToken(tx, { folder, expires: new Date(now.getTime() + DAY) }, seeding))
  const gone = await made(bearing(token))
  await ask('DELETE', `/tokens/${gone.id}`, bearing(token))
  const count = async (table: string) => (await query<{ n: number }>(owner, `select count(*)::integer as n from identity.${table}`))[0]!.n
  const [tokens, sessions] = [await count('tokens'), await count('sessions')]
  now = new Date()
  const fresh = await transact(db, (tx) => openSession(tx, { folder }, seeding))
  await transact(db, (tx) => sweep(tx, as({ id: 'portal', name: 'portal', roles: [] })))
  assert.equal(await count('tokens'), tokens - 2, 'the one that ended and the one that was revoked; a folder\u2019s first token stays')
  assert.ok((await count('sessions')) <= sessions)
  assert.equal((await ask('GET', '/things', bearing(token))).status, 200)
  assert.equal((await ask('GET', '/things', bearing(short.token))).status, 401)
  assert.equal((await ask('GET', '/things', inSession(session))).status, 401)
  assert.equal((await recognise(db, { session: fresh }, seeding))?.actor.folder, folder)
  const far = { ...seeding, now: () => new Date('2100-01-01') }
  await transact(db, (tx) => sweep(tx, far))
  assert.equal((await ask('GET', '/things', bearing(token))).status, 200, 'nor can it be told that it is later than it is')
  for (const table of ['tokens', 'sessions', 'invitations', 'sign_ins', 'access_events'])
    await assert.rejects(query(db, `delete from identity.${table}`), { code: '42501' })
  const gateway = openDb(database.gatewayUrl, { max: 1 })
  await assert.rejects(query(gateway, 'select identity.sweep(now())'), { code: '42501' })
  await closeDb(gateway)
  now = start
})
