import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Credential, Ctx } from '#platform/context'
import { systemRandom } from '#platform/context'
import { closeDb, openDb, query, transact, type Db } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import { silentLog } from '#platform/log'
import { freshDatabase, type FreshDatabase } from '../../../checks/database.ts'
import { openItemRef } from '#exchange'
import { api } from './api.ts'
import { readsApi } from './api-reads.ts'
import { newFinding } from './case.ts'
import { recordFinding } from './desk.ts'
import type { ReadingRules } from './reading.ts'
import { markReadsTold, takeUntold } from './reads-store.ts'
import { insertCase, insertItems } from './store.ts'

const reading: ReadingRules = {
  deferredDays: 90,
  purposes: [
    { id: 'handling-incident', label: 'Dealing with this incident', told: 'next-day' },
    { id: 'unstated', label: 'No purpose was stated', told: 'next-day' },
    { id: 'prejudice-if-told', label: 'Not yet', told: 'deferred', by: ['releasing-officer'] },
  ],
}

let database: FreshDatabase
let desk: Db
let gateway: Db
before(async () => {
  database = await freshDatabase(['casework'])
  ;[desk, gateway] = [openDb(database.deskUrl), openDb(database.gatewayUrl)]
})
after(async () => {
  await Promise.all([closeDb(desk), closeDb(gateway)])
  await database.drop()
})

const id = () => systemRandom.uuid()
const person = (name: string, ...roles: string[]): Ctx['actor'] => ({ id: id(), name, roles })
const callum = person('Callum Drey', 'handler')
const sofia = person('Sofia Kerr', 'releasing-officer')
const ewan = person('Ewan Trask', 'records-officer')
const both = person('Somebody in two roles', 'handler', 'records-officer')
let clock = new Date('2026-11-25T09:30:00.000Z')
const ctxOf = (actor: Ctx['actor']): Ctx => ({ now: () => clock, random: systemRandom, log: silentLog, actor })
const session: Credential = { kind: 'session' }
const refuses = (work: Promise<unknown>, code: RefusalCode) =>
  assert.rejects(work, (error) => error instanceof Refusal && error.code === code, code)

type Asked = { query?: Record<string, string>; params?: Record<string, string>; body?: unknown; credential?: Credential }
/** As the API does, once it has found that this person's role fits. */
async function calls(actor: Ctx['actor'], method: string, path: string, asked: Asked = {}): Promise<any> {
  const deps = { db: desk, node: 'ncsc' as const, reading }
  const endpoint = [...api(deps), ...readsApi(deps)].find((one) => one.method === method && one.path === path)!
  if (!endpoint.who.length || !(endpoint.who as string[]).some((role) => actor.roles.includes(role))) throw new Refusal('role-missing')
  const { query: given = {}, params = {}, body, credential } = asked
  return endpoint.handle({ query: given, params, body, credential, ctx: ctxOf(actor) })
}

async function newCase(origins = [id()], items = 2): Promise<{ id: string; items: string[]; origins: string[] }> {
  const found = {
    ...{ id: id(), reference: id(), organisation: origins[0]!, organisation_name: 'Marlow Fresh Ltd' },
    ...{ organisation_verified: true, opened_at: clock, opened_by_door: 1 },
  }
  const answers = Array.from({ length: items }, (_, nth) => newFinding(`q1${nth}`, `what was told, ${nth}`, systemRandom))
  await transact(gateway, async (tx) => {
    await insertCase(tx, found)
    const rows = answers.map((answer) => ({ ...answer, ...openItemRef(answer), record: id(), case: found.id, origins }))
    const kept = rows.map((row) => ({ ...row, kind: 'answer' as const, via: 'in-confidence' as const, marking: 'X' }))
    await insertItems(tx, kept, clock)
  })
  return { id: found.id, items: answers.map((answer) => answer.id).sort(), origins }
}
const readsOf = (caseId: string) => query<any>(desk, 'select * from casework.reads where case_id = $1 order by read_at, id', [caseId])
const opens = (actor: Ctx['actor'], caseId: string, given: Record<string, string> = {}, credential?: Credential) =>
  calls(actor, 'GET', '/cases/:id', { params: { id: caseId }, query: given, ...(credential && { credential }) })
const shownIn = (body: any): string[] => body.items.flatMap((item: any) => ('value' in item ? [item.id] : [])).sort()

test('a case is opened for a purpose, and who opened what is on record before it is shown', async () => {
  const found = await newCase()
  const body = await opens(callum, found.id, { purpose: 'handling-incident' }, session)
  assert.deepEqual(shownIn(body), found.items)
  const [row, ...rest] = await readsOf(found.id)
  assert.deepEqual([row.person, row.role, row.purpose, row.items.sort()], [callum.id, 'handler', 'handling-incident', found.items])
  assert.deepEqual([row.tell_from, row.told_at, rest], [row.read_at, null, []])
})

test('without a purpose somebody at a page is shown nothing; a program is, and that it named none is on record', async () => {
  const found = await newCase()
  await refuses(opens(callum, found.id, {}, session), 'invalid')
  await refuses(opens(callum, found.id, { purpose: 'curiosity' }), 'invalid')
  await refuses(opens(callum, found.id, { purpose: 'prejudice-if-told' }), 'role-missing')
  assert.deepEqual(await readsOf(found.id), [])
  assert.deepEqual(shownIn(await opens(callum, found.id)), found.items)
  assert.deepEqual(
    (await readsOf(found.id)).map(({ purpose }) => purpose),
    ['unstated'],
  )
})

test('what is listed without its words is not opened, and what is opened is recorded item by item', async () => {
  const found = await newCase()
  const listed = await opens(callum, found.id, { open: 'none' }, session)
  assert.deepEqual([listed.items.length, shownIn(listed), await readsOf(found.id)], [2, [], []])
  const [one] = found.items
  assert.deepEqual(shownIn(await opens(callum, found.id, { open: one!, purpose: 'handling-incident' })), [one])
  assert.deepEqual(
    (await readsOf(found.id)).map(({ items }) => items),
    [[one]],
  )
})

test('nobody is shown what cannot be recorded', async () => {
  const found = await newCase()
  const owner = openDb(database.ownerUrl, { max: 1 })
  const role = new URL(database.deskUrl).username
  await query(owner, `revoke insert on casework.reads from ${role}`)
  try {
    await assert.rejects(opens(callum, found.id, { purpose: 'handling-incident' }), { code: '42501' })
  } finally {
    const columns = 'id, case_id, person, role, purpose, items, export, read_at, tell_from'
    await query(owner, `grant insert (${columns}) on casework.reads to ${role}`)
    await closeDb(owner)
  }
})

test('those who oversee see who opened what, the readers do not', async () => {
  const found = await newCase()
  await opens(sofia, found.id, { purpose: 'prejudice-if-told' })
  const asked = { params: { id: found.id } }
  const { reads } = await calls(ewan, 'GET', '/cases/:id/reads', asked)
  assert.deepEqual([reads[0].person, reads[0].role, reads[0].purpose], [sofia.id, 'releasing-officer', 'prejudice-if-told'])
  assert.equal(reads[0].deferredUntil, '2027-02-23T09:30:00.000Z')
  for (const actor of [callum, sofia]) await refuses(calls(actor, 'GET', '/cases/:id/reads', asked), 'role-missing')
})

test('each opening is told to every organisation it came from, once, when it may be; never what this body found itself', async () => {
  const found = await newCase([id(), id()], 1)
  const writes = (tx: Parameters<typeof recordFinding>[0]) =>
    recordFinding(tx, { case: found.id, question: 'finding', value: 'ours', node: 'ncsc' }, ctxOf(callum))
  await transact(desk, writes)
  await opens(callum, found.id, { purpose: 'handling-incident' })
  await opens(sofia, found.id, { purpose: 'prejudice-if-told' })
  const take = (due: string) =>
    transact(gateway, async (tx) => {
      const { reads, opened } = await takeUntold(tx, new Date(due), 100)
      if (reads.length > 0) await markReadsTold(tx, reads, new Date(due))
      return opened.filter((line) => line.case_id === found.id)
    })
  assert.deepEqual(await take('2026-11-25T09:30:00.000Z'), [], 'not in the very instant')
  const first = await take('2026-11-26T00:00:00.000Z')
  assert.deepEqual(
    first.map((line) => [line.organisation, line.item, line.purpose]).sort(),
    [...found.origins.map((origin) => [origin, found.items[0], 'handling-incident'])].sort(),
  )
  assert.deepEqual(await take('2027-02-23T00:00:00.000Z'), [])
  const later = await take('2027-02-24T00:00:00.000Z')
  assert.deepEqual(new Set(later.map(({ purpose }) => purpose)), new Set(['prejudice-if-told']))
  assert.deepEqual(await take('2027-02-25T00:00:00.000Z'), [])
})

test('a desk adds openings and changes none; a gateway marks them told and adds none', async () => {
  const found = await newCase()
  await opens(callum, found.id)
  for (const [db, text] of [
    [desk, 'update casework.reads set purpose = purpose'],
    [desk, 'update casework.reads set told_at = now()'],
    [desk, 'delete from casework.reads'],
    [gateway, 'update casework.reads set person = person'],
    [gateway, 'delete from casework.reads'],
    [gateway, 'insert into casework.exports_taken (export, taken_at) select id, now() from casework.exports'],
  ] as const)
    await assert.rejects(query(db, text), { code: '42501' }, text)
})

test('a whole case is taken out with a reason, with a second person\u2019s consent, once, by whoever asked', async () => {
  const found = await newCase()
  const params = { id: found.id }
  const asks = (actor: Ctx['actor'], reason: string): Promise<any> =>
    calls(actor, 'POST', '/cases/:id/exports', { params, body: { purpose: 'handling-incident', reason } })
  const takes = (actor: Ctx['actor'], wanted?: string): Promise<any> =>
    calls(actor, 'GET', '/cases/:id/export', { params, query: wanted === undefined ? {} : { export: wanted } })
  const agrees = (actor: Ctx['actor'], wanted: string): Promise<any> =>
    calls(actor, 'POST', '/cases/:id/exports/:exportId/approval', { params: { ...params, exportId: wanted } })

  await refuses(asks(callum, '  '), 'invalid')
  await refuses(takes(callum), 'second-person-missing')
  const { id: asked } = await asks(callum, 'Disclosure to counsel')
  await refuses(takes(callum, asked), 'second-person-missing')
  await refuses(agrees(callum, asked), 'role-missing')
  await agrees(ewan, asked)
  await refuses(agrees(ewan, asked), 'already-done')
  await refuses(takes(sofia, asked), 'not-found')
  const taken = await takes(callum, asked)
  assert.deepEqual([shownIn(taken), taken.export.reason, taken.export.approvedBy], [found.items, 'Disclosure to counsel', ewan.id])
  const [row] = await readsOf(found.id)
  assert.deepEqual([row.export, row.items.sort()], [asked, found.items])
  await refuses(takes(callum, asked), 'already-done')

  const { id: own } = await asks(both, 'I agree with myself')
  await refuses(agrees(both, own), 'second-person-missing')
  const insert = 'insert into casework.export_approvals (export, asked_by, approved_by, approved_at) values ($1, $2, $2, now())'
  await assert.rejects(query(desk, insert, [own, both.id]), { constraint: 'export_approvals_second_person' })
  const other = insert.replace('$2, $2', '$3, $2')
  await assert.rejects(query(desk, other, [own, both.id, ewan.id]), { constraint: 'export_approvals_export' })

  const { id: stale } = await asks(callum, 'Too late')
  await agrees(ewan, stale)
  clock = new Date(clock.getTime() + 86_400_001)
  await refuses(takes(callum, stale), 'already-done')
  assert.equal((await readsOf(found.id)).length, 1)
})
