import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { nodeItself, randomFrom, systemRandom, type Ctx } from '#platform/context'
import { closeDb, openDb, transact, type Db } from '#platform/db'
import { Refusal } from '#platform/errors'
import { silentLog } from '#platform/log'
import { freshDatabase } from '../../../checks/database.ts'
import {
  addPerson,
  authenticate,
  closeSession,
  describeActor,
  enrol,
  enrolmentOf,
  enrolmentsOf,
  issueToken,
  lockKey,
  openSession,
  organisationById,
  organisationByIdentifier,
  people,
  revokeTokens,
  suspendedSince,
  suspendEnrolment,
  upsertOrganisation,
} from './index.ts'

const ncsc = await freshDatabase(['identity'])
const ico = await freshDatabase(['identity'])
const db = openDb(ncsc.deskUrl)
const gateway = openDb(ncsc.gatewayUrl)
const icoDb = openDb(ico.deskUrl)
after(async () => {
  for (const one of [db, gateway, icoDb]) await closeDb(one)
  await ncsc.drop()
  await ico.drop()
})

const MINUTE = 60_000
let now = new Date('2026-11-25T09:30:00.000Z')
const ctx: Ctx = { now: () => now, random: systemRandom, actor: nodeItself('ncsc'), log: silentLog }
const later = (minutes: number): void => {
  now = new Date(now.getTime() + minutes * MINUTE)
}

const water = {
  id: systemRandom.uuid(),
  name: 'Wexmere Water',
  identifiers: [{ scheme: 'companies-house', id: '01234567' }],
  sector: 'Utilities',
  verified: true,
}
await transact(db, (tx) => upsertOrganisation(tx, water, ctx))
const asha = await transact(db, (tx) => addPerson(tx, { name: 'Asha Rahman', organisation: water.id, roles: ['signatory', 'dpo'] }, ctx))
const ben = await transact(db, (tx) => addPerson(tx, { name: 'Ben Okafor', roles: ['handler'] }, ctx))
const folder = systemRandom.uuid()
const tokenFor = (holder: { person: string } | { folder: string }): Promise<string> => transact(db, (tx) => issueToken(tx, holder, ctx))

test('a token shows its person, with the roles and the organisation they have now', async () => {
  const token = await tokenFor({ person: asha })
  assert.match(token, /^[A-Za-z0-9_-]{43}$/)
  assert.deepEqual(await authenticate(db, { bearer: token }, ctx), {
    id: asha,
    name: 'Asha Rahman',
    roles: ['signatory', 'dpo'],
    organisation: water.id,
  })
  const other = await tokenFor({ person: ben })
  assert.notEqual(token, other)
  assert.deepEqual(await authenticate(db, { bearer: other }, ctx), { id: ben, name: 'Ben Okafor', roles: ['handler'] })
})

test('a folder’s token opens that folder and shows nobody', async () => {
  const actor = await authenticate(db, { bearer: await tokenFor({ folder }) }, ctx)
  assert.deepEqual(actor, { id: `folder:${folder}`, name: 'Holder of the resume token', roles: ['reporter'], folder })
})

test('a token that is unknown, changed, expired, revoked or another node’s shows nobody', async () => {
  const token = await tokenFor({ person: ben })
  const kept = await tokenFor({ person: asha })
  const short = await transact(db, (tx) => issueToken(tx, { person: ben, expires: new Date(now.getTime() + MINUTE) }, ctx))
  const tried = async (bearer: string, on: Db = db): Promise<string | undefined> => (await authenticate(on, { bearer }, ctx))?.name
  assert.equal(await tried(short), 'Ben Okafor')
  assert.equal(await tried(token, icoDb), undefined)
  for (const bearer of ['', 'x', token.slice(1), token.toLowerCase(), `${token} `]) assert.equal(await tried(bearer), undefined)
  later(1)
  assert.equal(await tried(short), undefined)
  await transact(db, (tx) => revokeTokens(tx, { person: ben }, ctx))
  assert.equal(await tried(token), undefined)
  assert.equal(await tried(kept), 'Asha Rahman')
})

test('a session lasts while it is used, ends when it is closed, unused for an hour, or twelve hours old', async () => {
  const open = (): Promise<string> => transact(db, (tx) => openSession(tx, { person: ben }, ctx))
  const tried = async (session: string): Promise<string | undefined> => (await authenticate(db, { session }, ctx))?.name
  const [closed, unused, used] = [await open(), await open(), await open()]
  assert.equal(new Set([closed, unused, used]).size, 3)
  assert.equal(await tried(closed), 'Ben Okafor')
  await transact(db, (tx) => closeSession(tx, closed, ctx))
  assert.equal(await tried(closed), undefined)
  for (let hours = 0; hours < 11.5; hours += 0.75) {
    later(45)
    if (hours < 11) assert.equal(await tried(used), 'Ben Okafor', `${hours}`)
  }
  assert.equal(await tried(unused), undefined)
  later(45)
  assert.equal(await tried(used), undefined)
})

test('a session is no token and a token no session; a token that does not hold is not made good by a session', async () => {
  const session = await transact(db, (tx) => openSession(tx, { person: ben }, ctx))
  const token = await tokenFor({ person: ben })
  assert.equal(await authenticate(db, { bearer: session }, ctx), undefined)
  assert.equal(await authenticate(db, { session: token }, ctx), undefined)
  assert.equal(await authenticate(db, { bearer: 'x', session }, ctx), undefined)
  assert.equal(await authenticate(db, {}, ctx), undefined)
})

test('no secret lies in the database, and the gateway can read no token and sign nobody in', async () => {
  const token = await tokenFor({ person: ben })
  const owner = openDb(ncsc.ownerUrl)
  const { rows } = await owner.pool.query('select t::text as row from identity.tokens t union all select s::text from identity.sessions s')
  await closeDb(owner)
  assert.ok(rows.length > 5 && rows.every(({ row }) => !row.includes(token)))
  await assert.rejects(authenticate(gateway, { bearer: token }, ctx), { code: '42501' })
  await assert.rejects(
    transact(gateway, (tx) => openSession(tx, { person: ben }, ctx)),
    { code: '42501' },
  )
  await assert.rejects(
    transact(gateway, (tx) => addPerson(tx, { name: 'x', roles: [] }, ctx)),
    { code: '42501' },
  )
})

test('what an organisation proved is never replaced by what somebody typed', async () => {
  const typed = { ...water, name: 'Wexmere Water (urgent)', identifiers: [], verified: false }
  await transact(gateway, (tx) => upsertOrganisation(tx, typed, ctx))
  assert.deepEqual(await organisationById(db, water.id), water)
  await transact(db, (tx) =>
    upsertOrganisation(tx, { id: water.id, name: 'Wexmere Water plc', identifiers: water.identifiers, verified: true }, ctx),
  )
  assert.deepEqual(await organisationById(db, water.id), { ...water, name: 'Wexmere Water plc' })
})

test('an organisation is found by a number it proved, and by no number somebody typed', async () => {
  const impostor = {
    ...water,
    id: systemRandom.uuid(),
    name: 'Not Wexmere',
    identifiers: [{ scheme: 'companies-house', id: '07654321' }],
    verified: false,
  }
  await transact(db, (tx) => upsertOrganisation(tx, impostor, ctx))
  assert.equal((await organisationByIdentifier(db, water.identifiers[0]!))?.id, water.id)
  assert.equal(await organisationByIdentifier(db, impostor.identifiers[0]!), undefined)
  assert.equal(await organisationByIdentifier(db, { scheme: 'charity-commission', id: '01234567' }), undefined)
})

test('a key is enrolled once; the same record again changes nothing, another is refused', async () => {
  const enrolment = {
    kid: 'kid-1',
    org: water.id,
    record: {
      payload: 'e30',
      signatures: [
        { protected: 'a', signature: 'b' },
        { protected: 'c', signature: 'd' },
      ],
    },
    effectiveFrom: now,
    person: asha,
  }
  await transact(gateway, (tx) => enrol(tx, enrolment, ctx))
  await transact(db, (tx) => enrol(tx, enrolment, ctx))
  assert.deepEqual(await enrolmentOf(db, 'kid-1'), enrolment)
  const other = { ...enrolment, record: { ...enrolment.record, payload: 'e31' } }
  await assert.rejects(
    transact(db, (tx) => enrol(tx, other, ctx)),
    (error) => error instanceof Refusal && error.code === 'already-done',
  )
  assert.equal(await enrolmentOf(db, 'kid-2'), undefined)
  assert.deepEqual(
    (await enrolmentsOf(db, water.id)).map(({ kid }) => kid),
    ['kid-1'],
  )
})

test('a suspended key counts from the earliest time that was said; its record cannot be edited', async () => {
  const early = new Date('2026-11-20T00:00:00.000Z')
  const key = { kid: 'kid-1', org: water.id }
  for (const since of [now, early, now]) await transact(db, (tx) => suspendEnrolment(tx, { ...key, since }, ctx))
  assert.deepEqual((await enrolmentOf(db, 'kid-1'))?.suspendedSince, early)
  assert.deepEqual(await transact(gateway, (tx) => lockKey(tx, key)), early)
  await assert.rejects(db.pool.query("update identity.enrolments set record = '{}'"), { code: '42501' })
  await assert.rejects(db.pool.query('delete from identity.enrolments'), { code: '42501' })
  await assert.rejects(db.pool.query('delete from identity.key_standing'), { code: '42501' })
  for (const lifted of ['null', "'infinity'"])
    await assert.rejects(db.pool.query(`update identity.key_standing set suspended_since = ${lifted}`), { constraint: 'key_standing_kept' })
})

test('another organisation’s word does not reach a key, and a key that is not known yet can be suspended', async () => {
  const stranger = systemRandom.uuid()
  await transact(db, (tx) => suspendEnrolment(tx, { kid: 'kid-9', org: stranger, since: now }, ctx))
  assert.equal(await suspendedSince(db, { kid: 'kid-9', org: water.id }), undefined)
  assert.deepEqual(await suspendedSince(db, { kid: 'kid-9', org: stranger }), now)
})

test('a suspended key takes with it every key that it let in since, and none that came before or by another way', async () => {
  const record = { payload: 'e30', signatures: [] }
  const at = (day: number): Date => new Date(Date.UTC(2026, 9, day))
  const keys: [kid: string, day: number, letInBy?: string][] = [
    ['root', 1],
    ['before', 2, 'root'],
    ['after', 11, 'root'],
    ['grandchild', 12, 'after'],
    ['apart', 13],
  ]
  for (const [kid, day, letInBy] of keys) {
    const row = { kid, org: water.id, record, effectiveFrom: at(day), ...(letInBy && { letInBy }) }
    await transact(db, (tx) => enrol(tx, row, ctx))
  }
  const reached = await transact(db, (tx) => suspendEnrolment(tx, { kid: 'root', org: water.id, since: at(10) }, ctx))
  assert.deepEqual(reached, ['root', 'after', 'grandchild'])
  for (const kid of ['before', 'apart']) assert.equal((await enrolmentOf(db, kid))?.suspendedSince, undefined, kid)
  // One that the suspended key let in, and that is heard of only now, counts for as little; one let in before counts.
  const late = (kid: string, minute: number) =>
    transact(db, (tx) =>
      enrol(tx, { kid, org: water.id, record: { payload: kid, signatures: [] }, effectiveFrom: at(minute), letInBy: 'root' }, ctx),
    )
  await late('late', 11)
  await late('earlier', 9)
  assert.deepEqual((await enrolmentOf(db, 'late'))?.suspendedSince, at(10))
  assert.equal((await enrolmentOf(db, 'earlier'))?.suspendedSince, undefined)
})

test('people are listed by organisation, and somebody is described in plain words', async () => {
  const all = await people(db)
  assert.deepEqual(
    all.map(({ name, organisation }) => [name, organisation?.name]),
    [
      ['Asha Rahman', 'Wexmere Water plc'],
      ['Ben Okafor', undefined],
    ],
  )
  const actor = { id: asha, name: 'Asha Rahman', roles: ['signatory', 'dpo'], organisation: water.id }
  assert.deepEqual(await describeActor(db, actor), {
    name: 'Asha Rahman',
    roles: 'Signatory, data protection officer',
    organisation: 'Wexmere Water plc',
  })
  assert.equal(await describeActor(db, { id: 'somebody', name: 'x', roles: [] }), undefined)
})

test('ids and secrets come from the context, so that two worlds can be run alike', async () => {
  const alike = (): Ctx => ({ ...ctx, random: randomFrom((length) => Buffer.alloc(length, 7)) })
  const first = await transact(db, (tx) => issueToken(tx, { folder }, alike()))
  const second = await transact(icoDb, (tx) => issueToken(tx, { folder }, alike()))
  assert.equal(first, second)
})
