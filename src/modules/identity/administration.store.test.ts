import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { systemRandom, tokenScopes, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact } from '#platform/db'
import { createWeb } from '#platform/http'
import { silentLog } from '#platform/log'
import { freshDatabase } from '../../../checks/database.ts'
import { accessApi, addPerson, firstAdministrator, issueToken, recognise, upsertOrganisation } from './index.ts'
import { givenAt, rolesMistake, standAlone } from './rights.ts'

// Who lets whom in at a node, with which roles, and what the auditor sees of it.

const database = await freshDatabase(['identity'])
const db = openDb(database.deskUrl)
const as = (actor: Actor): Ctx => ({ now: () => new Date(), random: systemRandom, actor, log: silentLog })
const seeding = as({ id: 'seed', name: 'seed', roles: [] })
const web = await createWeb({
  node: 'ncsc',
  title: 'NCSC desk',
  origin: 'http://localhost:3001',
  log: silentLog,
  endpoints: accessApi({ db, node: 'ncsc' }),
  pages: [],
  authenticate: (given) => recognise(db, given, seeding),
  makeCtx: as,
  health: async () => ({ ready: true, checks: {} }),
})
after(async () => {
  await web.close()
  await closeDb(db)
  await database.drop()
})

async function ask(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  token: string,
  json?: unknown,
): Promise<{ status: number; body: any }> {
  const response = await web.inject({
    method,
    url: `/api/v1${path}`,
    headers: {
      host: 'localhost:3001',
      authorization: `Bearer ${token}`,
      ...(json !== undefined && { 'content-type': 'application/json' }),
    },
    ...(json !== undefined && { payload: JSON.stringify(json) }),
  })
  return { status: response.statusCode, body: response.json() }
}
async function somebody(name: string, ...roles: string[]): Promise<{ id: string; token: string }> {
  return transact(db, async (tx) => {
    const id = await addPerson(tx, { name, roles: roles as never }, seeding)
    return { id, token: await issueToken(tx, { person: id }, seeding) }
  })
}

test('a node that nobody administers invites somebody who will, anew at each start until they have come', async () => {
  const first = (await transact(db, (tx) => firstAdministrator(tx, seeding)))!
  const second = (await transact(db, (tx) => firstAdministrator(tx, seeding)))!
  assert.match(first.invitation, /^([2-9A-HJKMNP-Z]{4}-){4}[2-9A-HJKMNP-Z]{4}$/)
  assert.notEqual(first.invitation, second.invitation)
  const waiting = await query<{ n: number }>(db, "select count(*)::integer as n from identity.people where roles = '{administrator}'")
  assert.equal(waiting[0]!.n, 1)
  await somebody('Faye Yardley', 'administrator')
  assert.equal(await transact(db, (tx) => firstAdministrator(tx, seeding)), undefined)
})

test('an administrator lets somebody in, changes their roles at once, and takes them out', async () => {
  const { token } = await somebody('Ada Lock', 'administrator')
  const added = await ask('POST', '/people', token, { name: ' Callum Drey ', roles: ['handler', 'handler'] })
  assert.equal(added.status, 201)
  const { id } = added.body
  assert.equal(new Set([added.body.invitation, (await ask('POST', `/people/${id}/invitation`, token)).body.invitation]).size, 2)
  const theirs = await transact(db, (tx) => issueToken(tx, { person: id }, seeding))
  const roles = async () => (await recognise(db, { bearer: theirs }, seeding))?.actor.roles
  assert.deepEqual(await roles(), ['handler'])
  assert.deepEqual((await ask('PUT', `/people/${id}/roles`, token, { roles: ['releasing-officer', 'legal'] })).body, {
    id,
    roles: ['releasing-officer', 'legal'],
  })
  assert.deepEqual(await roles(), ['releasing-officer', 'legal'])
  const { people } = (await ask('GET', '/people', token)).body
  assert.deepEqual(people.find((one: { id: string }) => one.id === id).roles, ['releasing-officer', 'legal'])
  assert.equal((await ask('DELETE', `/people/${id}`, token)).status, 200)
  assert.equal(await roles(), undefined)
  for (const [method, path, body] of [
    ['DELETE', `/people/${id}`, undefined],
    ['POST', `/people/${id}/invitation`, undefined],
    ['PUT', `/people/${id}/roles`, { roles: ['handler'] }],
  ] as const)
    assert.equal((await ask(method, path, token, body)).status, 404, `${method} ${path}`)
})

test('nobody gives themselves a role or takes themselves out, and whoever administers or audits is nothing else', async () => {
  const { id, token } = await somebody('Ben Lock', 'administrator')
  assert.equal((await ask('PUT', `/people/${id}/roles`, token, { roles: ['handler'] })).body.code, 'own-access')
  assert.equal((await ask('DELETE', `/people/${id}`, token)).body.code, 'own-access')
  assert.equal((await ask('POST', `/people/${id}/invitation`, token)).body.code, 'own-access')
  for (const roles of [
    ['administrator', 'handler'],
    ['handler', 'auditor'],
    ['administrator', 'auditor'],
    ['signatory'],
    ['case-officer'],
    ['nobody'],
    [],
  ]) {
    const { status, body } = await ask('POST', '/people', token, { name: 'x', roles })
    assert.deepEqual([status, body.code], [400, 'invalid'], roles.join())
  }
  assert.equal((await ask('POST', '/people', token, { name: ' ', roles: ['handler'] })).status, 400)
})

test('the people of an organisation are not the administrator\u2019s: they are neither listed nor found', async () => {
  const { token } = await somebody('Cora Lock', 'administrator')
  const organisation = systemRandom.uuid()
  const id = await transact(db, async (tx) => {
    await upsertOrganisation(tx, { id: organisation, name: 'Wexmere Water', identifiers: [], verified: true }, seeding)
    return addPerson(tx, { name: 'Gwen Marlow', organisation, roles: ['signatory'] }, seeding)
  })
  assert.ok(!JSON.stringify((await ask('GET', '/people', token)).body).includes('Gwen'))
  assert.equal((await ask('PUT', `/people/${id}/roles`, token, { roles: ['handler'] })).status, 404)
  assert.equal((await ask('POST', `/people/${id}/invitation`, token)).status, 404)
  assert.equal((await ask('DELETE', `/people/${id}`, token)).status, 404)
})

test('the auditor sees everything that was done to access and changes nothing; a handler does not see it', async () => {
  const administrator = await somebody('Dan Lock', 'administrator')
  const auditor = await somebody('George Imrie', 'auditor')
  const handler = await somebody('Ruth Ambler', 'handler')
  const { id } = (await ask('POST', '/people', administrator.token, { name: 'New Hand', roles: ['handler'] })).body
  await ask('PUT', `/people/${id}/roles`, administrator.token, { roles: ['legal'] })
  await ask('DELETE', `/people/${id}`, administrator.token)
  const { events } = (await ask('GET', '/access-log', auditor.token)).body
  const own = events.filter(({ person }: { person?: { id: string } }) => person?.id === id)
  assert.deepEqual(
    new Set(own.map(({ event, by, roles, person }: any) => [event, by, person.name, ...(roles ?? [])].join(' '))),
    new Set([
      'person-removed Dan Lock New Hand',
      'roles-given Dan Lock New Hand legal',
      'invited Dan Lock New Hand',
      'person-added Dan Lock New Hand handler',
    ]),
  )
  assert.equal((await ask('GET', '/people', auditor.token)).status, 200)
  for (const { token } of [auditor, handler]) {
    assert.equal((await ask('POST', '/people', token, { name: 'x', roles: ['handler'] })).body.code, 'role-missing')
    assert.equal((await ask('DELETE', `/people/${administrator.id}`, token)).body.code, 'role-missing')
  }
  assert.equal((await ask('GET', '/access-log', handler.token)).body.code, 'role-missing')
  for (const change of ["update identity.access_events set actor = 'x'", 'delete from identity.access_events'])
    await assert.rejects(query(db, change), { code: '42501' })
})

test('each node gives its own roles: an organisation\u2019s are given at none, and the portal\u2019s operator sees no case', () => {
  for (const node of ['portal', 'ncsc', 'ico'] as const) {
    for (const role of standAlone) assert.equal(rolesMistake([role], node), undefined, role)
    for (const role of ['signatory', 'reporter', 'agent']) assert.notEqual(rolesMistake([role], node), undefined, role)
  }
  assert.ok(givenAt('ncsc').includes('handler') && !givenAt('ncsc').includes('triage'))
  assert.ok(givenAt('ico').includes('triage') && !givenAt('ico').includes('handler'))
  assert.ok(!givenAt('portal').some((role) => ['handler', 'triage', 'legal', 'own-dpo'].includes(role)))
  assert.equal(new Set(tokenScopes).size, 3)
})
