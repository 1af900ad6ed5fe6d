import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { closeAtRest, openAtRest } from '#platform/at-rest'
import { systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import { silentLog } from '#platform/log'
import { freshDatabase } from '../../../checks/database.ts'
import {
  addColleague,
  addPerson,
  authenticate,
  issueToken,
  listColleagues,
  openSession,
  people,
  removeColleague,
  upsertOrganisation,
  type FolderSeal,
} from './index.ts'
import { nameMistake } from './profile.ts'
import { colleagueRoles, folderRoles } from './roles.ts'

const database = await freshDatabase(['identity'])
const [db, gateway, owner] = [openDb(database.deskUrl), openDb(database.gatewayUrl), openDb(database.ownerUrl, { max: 1 })]
after(async () => {
  await Promise.all([db, gateway, owner].map(closeDb))
  await database.drop()
})

const restKey = systemRandom.bytes(32)
const folders: FolderSeal = {
  seal: async (owner, id, bytes) => closeAtRest(restKey, `${owner.folder}${id}`, bytes),
  open: async (owner, id, sealed) => openAtRest(restKey, `${owner.folder}${id}`, sealed),
}
const as = (actor: Actor): Ctx => ({ now: () => new Date(), random: systemRandom, actor, log: silentLog })
const seeding = as({ id: 'seed', name: 'seed', roles: [] })
const refuses = (code: RefusalCode) => (error: unknown) => error instanceof Refusal && error.code === code

type Member = { id: string; token: string; session: string; ctx: Ctx }
const shown = (given: { bearer?: string; session?: string }) => authenticate(db, given, seeding, folders)
const member = async (id: string, token: string, session = ''): Promise<Member> => ({
  id,
  token,
  session,
  ctx: as((await shown({ bearer: token }))!),
})

/** An organisation with one person a role, each by name of the role. */
async function organisation<R extends string>(name: string, ...roles: R[]): Promise<Record<R, Member>> {
  const id = systemRandom.uuid()
  await transact(db, (tx) => upsertOrganisation(tx, { id, name, identifiers: [], verified: true }, seeding))
  const all = roles.map(async (role) => {
    const person = await transact(db, (tx) =>
      addPerson(tx, { name: `${role} of ${name}`, organisation: id, roles: [role as never] }, seeding),
    )
    const token = await transact(db, (tx) => issueToken(tx, { person }, seeding))
    return [role, await member(person, token, await transact(db, (tx) => openSession(tx, { person }, seeding)))] as const
  })
  return Object.fromEntries(await Promise.all(all)) as Record<R, Member>
}

async function folder(): Promise<Member> {
  const id = systemRandom.uuid()
  return member(id, await transact(db, (tx) => issueToken(tx, { folder: id }, seeding)))
}

const adds = async (by: Member, name: string, role: (typeof colleagueRoles)[number] = 'reporter'): Promise<Member> => {
  const { id, token } = await transact(db, (tx) => addColleague(tx, { name, role }, folders, by.ctx))
  return member(id, token)
}
const removes = (by: Member, who: { id: string }): Promise<void> => transact(db, (tx) => removeColleague(tx, who.id, folders, by.ctx))
const names = async (of: Member): Promise<string[]> => (await listColleagues(db, folders, of.ctx)).map(({ name }) => name)

test('a colleague of an organisation is a person of it with the role given, from the token on', async () => {
  const { reporter } = await organisation('Marlow', 'reporter', 'dpo', 'signatory')
  for (const role of colleagueRoles) {
    const added = await adds(reporter, `New ${role}`, role)
    assert.deepEqual(added.ctx.actor, { id: added.id, name: `New ${role}`, roles: [role], organisation: reporter.ctx.actor.organisation })
  }
  assert.equal((await names(reporter)).length, 3 + colleagueRoles.length)
  const [you] = (await listColleagues(db, folders, reporter.ctx)).filter((one) => one.you)
  assert.deepEqual([you?.id, you?.roles], [reporter.id, ['reporter']])
  assert.ok(you?.since)
})

test('a leaver’s token and session open nothing from that moment, and nobody can sign in as them', async () => {
  const { reporter, dpo } = await organisation('Leavers', 'reporter', 'dpo')
  const before = [await shown({ bearer: dpo.token }), await shown({ session: dpo.session })]
  assert.deepEqual(
    before.map((actor) => actor?.id),
    [dpo.id, dpo.id],
  )
  await removes(reporter, dpo)
  assert.equal(await shown({ bearer: dpo.token }), undefined)
  assert.equal(await shown({ session: dpo.session }), undefined)
  const late = await transact(db, (tx) => issueToken(tx, { person: dpo.id }, seeding))
  assert.equal(await shown({ bearer: late }), undefined, 'a token given in the same moment is worth nothing either')
  assert.equal(
    (await people(db)).some(({ id }) => id === dpo.id),
    false,
  )
  assert.deepEqual(await names(reporter), ['reporter of Leavers'])
  assert.ok(await shown({ bearer: reporter.token }))
})

test('nobody removes themselves, a stranger, or somebody twice; each stranger is refused alike', async () => {
  const { reporter, dpo } = await organisation('Own', 'reporter', 'dpo')
  const { reporter: stranger } = await organisation('Other', 'reporter')
  await assert.rejects(removes(reporter, reporter), refuses('own-access'))
  for (const id of [stranger.id, systemRandom.uuid(), stranger.ctx.actor.organisation!])
    await assert.rejects(removes(reporter, { id }), refuses('not-found'))
  await removes(reporter, dpo)
  await assert.rejects(removes(reporter, dpo), refuses('not-found'))
  assert.ok(await shown({ bearer: stranger.token }))
})

test('a signatory is removed by a signatory alone', async () => {
  const { reporter, dpo, signatory } = await organisation('Signing', 'reporter', 'dpo', 'signatory')
  for (const by of [reporter, dpo]) await assert.rejects(removes(by, signatory), refuses('role-missing'))
  await removes(signatory, dpo)
  assert.ok(await shown({ bearer: signatory.token }))
})

test('of two who remove each other at once one stays; who was removed meanwhile lets nobody in', async () => {
  for (const pair of [await organisation('Both', 'reporter', 'dpo'), undefined]) {
    const first = pair?.reporter ?? (await folder())
    const second = pair?.dpo ?? (await adds(first, 'The other'))
    const outcomes = await Promise.allSettled([removes(first, second), removes(second, first)])
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    const [stays, left] = outcomes[0]!.status === 'fulfilled' ? [first, second] : [second, first]
    assert.ok(await shown({ bearer: stays.token }))
    assert.equal(await shown({ bearer: left.token }), undefined)
    await assert.rejects(adds(left, 'A back door'), refuses('not-signed-in'))
  }
})

test('who holds a folder’s token gives others tokens of that folder, each with name and role of its own', async () => {
  const first = await folder()
  for (const role of folderRoles) {
    const added = await adds(first, `Dr ${role}`, role)
    assert.deepEqual(added.ctx.actor, { id: `folder:${first.id}:${added.id}`, name: `Dr ${role}`, roles: [role], folder: first.id })
    const session = await transact(db, (tx) => openSession(tx, { folder: first.id, colleague: added.id }, seeding))
    assert.deepEqual(await shown({ session }), added.ctx.actor)
  }
  assert.deepEqual(await names(first), ['Holder of the resume token', ...folderRoles.map((role) => `Dr ${role}`)])
  await assert.rejects(adds(first, 'A contact', 'client-contact'), refuses('invalid'))
  assert.deepEqual(await names(await folder()), ['Holder of the resume token'], 'another folder has none of them')
})

test('the first token of a folder goes like any other: by somebody else; its holder cannot come back', async () => {
  const first = await folder()
  const helper = await adds(first, 'Helper')
  const counsel = await adds(helper, 'Counsel', 'counsel')
  await assert.rejects(removes(first, first), refuses('own-access'))
  await assert.rejects(removes(await folder(), helper), refuses('not-found'))
  await removes(helper, first)
  assert.equal(await shown({ bearer: first.token }), undefined)
  assert.deepEqual(await names(helper), ['Helper', 'Counsel'])
  await removes(helper, counsel)
  assert.equal(await shown({ bearer: counsel.token }), undefined)
  assert.ok(await shown({ bearer: helper.token }))
})

test('a folder colleague’s name lies in no table, opens in its own row alone, and is not shown without the folder’s key', async () => {
  const added = await adds(await folder(), 'Heliotrope Quince')
  const tables = await query<{ name: string }>(owner, `select tablename as name from pg_tables where schemaname = 'identity'`)
  for (const { name } of tables) {
    const rows = await query<{ row: string }>(owner, `select t::text as row from identity.${name} t`)
    const told = rows.filter(({ row }) => row.includes('Heliotrope') || row.includes(Buffer.from('Heliotrope').toString('hex')))
    assert.deepEqual(told, [], name)
  }
  await assert.rejects(authenticate(db, { bearer: added.token }, seeding), TypeError)
  const other = await adds(await folder(), 'Somebody else')
  await query(
    owner,
    'update identity.folder_colleagues set name = (select name from identity.folder_colleagues where id = $1) where id = $2',
    [added.id, other.id],
  )
  await assert.rejects(shown({ bearer: other.token }))
})

test('a guest under a mandate sees no colleagues, lets nobody in and removes nobody', async () => {
  const { reporter, dpo } = await organisation('Hosts', 'reporter', 'dpo')
  const guest = { ...reporter, ctx: as({ ...reporter.ctx.actor, id: systemRandom.uuid(), roles: ['agent'], mandate: systemRandom.uuid() }) }
  await assert.rejects(adds(guest, 'x'), refuses('role-missing'))
  await assert.rejects(removes(guest, dpo), refuses('role-missing'))
  await assert.rejects(listColleagues(db, folders, guest.ctx), refuses('role-missing'))
})

test('a name is one line of text, and no longer than 200 characters', async () => {
  const first = await folder()
  for (const name of ['', '  ', 'a\nb', 'a\u0007', 'x'.repeat(201)]) {
    assert.ok(nameMistake(name))
    await assert.rejects(adds(first, name), refuses('invalid'))
  }
  assert.equal((await adds(first, '  Zoë O’Neill ')).ctx.actor.name, 'Zoë O’Neill')
})

test('the gateway sees nobody but that somebody left, and the desk can undo no departure', async () => {
  const all = ['folder_colleagues', 'mandates', 'mandate_revocations', 'people', 'tokens', 'sessions']
  for (const table of all) await assert.rejects(query(gateway, `select * from identity.${table}`), { code: '42501' })
  for (const table of ['departures', 'folder_colleagues', 'mandates', 'mandate_revocations'])
    await assert.rejects(query(db, `delete from identity.${table}`), { code: '42501' })
  for (const on of [db, gateway]) await assert.rejects(query(on, 'update identity.departures set who = who'), { code: '42501' })
})
