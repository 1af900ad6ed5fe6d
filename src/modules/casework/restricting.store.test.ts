import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemRandom, type Ctx } from '#platform/context'
import { closeDb, openDb, query, queryOne, transact, type Db } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import { silentLog } from '#platform/log'
import { openItemRef, type QueuedRequest } from '#exchange'
import { freshDatabase, type FreshDatabase } from '../../../checks/database.ts'
import { acuteOf, acuteUntil, endAcute, markAcute } from './acute.ts'
import { keepDisclosed } from './arrival.ts'
import { newFinding } from './case.ts'
import { itemsOfCase } from './store.ts'
import { decide, prepareDecision, readRestricted, restrict, restrictions } from './restricting.ts'

let database: FreshDatabase
let desk: Db
let gateway: Db
let owner: Db
before(async () => {
  database = await freshDatabase(['ledger', 'exchange', 'casework'])
  ;[desk, gateway, owner] = [openDb(database.deskUrl), openDb(database.gatewayUrl), openDb(database.ownerUrl, { max: 1 })]
})
after(async () => {
  await Promise.all([closeDb(desk), closeDb(gateway), closeDb(owner)])
  await database.drop()
})

const DAY = 86_400_000
const rules = { grounds: [{ id: 'legal-hold' }, { id: 'appeal' }], withinDays: 30 }
const id = () => systemRandom.uuid()
const as = (roles: string[], now = new Date()): Ctx => ({
  now: () => now,
  random: systemRandom,
  log: silentLog,
  actor: { id: 'officer', name: 'Somebody', roles },
})
const records = as(['records-officer'])
const refuses = (code: RefusalCode) => (error: unknown) => error instanceof Refusal && error.code === code

type Copy = { case: string; item: string; record: string; ref: ReturnType<typeof openItemRef>; organisation: string }

async function arrives(): Promise<Copy> {
  const organisation = id()
  const item = newFinding('q19', 'What it said.', systemRandom)
  const record = id()
  const disclosed = { ...item, permission: id(), origins: [organisation], kind: 'answer' as const }
  const company = { id: organisation, name: 'Marlow Fresh Ltd', verified: true }
  const found = await transact(gateway, (tx) => keepDisclosed(tx, { record, organisation: company, items: [disclosed], rules: [] }, as([])))
  return { case: found, item: item.id, record, ref: openItemRef(item), organisation }
}

const recalls = ({ item, record: disclosure }: Copy, organisation: string, ctx = as([])) => {
  const recalled = { disclosure, permission: id(), organisation, items: [item], recall: id() }
  return transact(gateway, (tx) => restrict(tx, recalled, ctx)).then(() => recalled)
}
const where = ({ case: caseId, item }: Copy) => ({ case: caseId, item, node: 'ico' as const })
const decides = (copy: Copy, decision: Parameters<typeof decide>[2], ctx = records) =>
  transact(desk, (tx) => decide(tx, where(copy), decision, rules, ctx))
const reads = (copy: Copy, ctx = records) => transact(desk, (tx) => readRestricted(tx, where(copy), ctx))
const receipts = async (copy: Copy) => {
  const rows = await query<{ id: string }>(desk, 'select id from casework.decisions where item = $1 order by decided_at, permission', [
    copy.item,
  ])
  return Promise.all(
    rows.map(({ id: request }) =>
      transact(gateway, (tx) =>
        prepareDecision(tx, { id: request, kind: 'receipt', to: 'portal', body: {} } as unknown as QueuedRequest, as([])),
      ),
    ),
  )
}
const rowOf = (copy: Copy) =>
  queryOne<{ value: string | null; salt: string | null; commitment: string }>(
    desk,
    'select value, salt, commitment from casework.items where id = $1 and record = $2',
    [copy.item, copy.record],
  )

test('[retention] what is deleted leaves a tombstone, in the transaction of the receipt that says so; what is kept names its ground', async () => {
  const [gone, kept] = [await arrives(), await arrives()]
  const [first, second] = [await recalls(gone, gone.organisation), await recalls(kept, kept.organisation)]
  await decides(gone, { decision: 'delete', reason: 'Nothing stands in the way.' })
  await decides(kept, { decision: 'keep', ground: 'legal-hold', reason: 'A claim was filed.' })
  assert.notEqual((await rowOf(gone))!.value, null, 'not before the receipt')
  const [[deletion], [keeping]] = [await receipts(gone), await receipts(kept)]
  const same = { about: 'recall', state: 'accepted', via: 'permission' }
  assert.deepEqual(deletion, {
    clause: 'retention',
    chain: gone.organisation,
    members: {
      organisation: gone.organisation,
      for: first.recall,
      ...same,
      items: [gone.ref],
      permission: first.permission,
      decision: 'deleted',
    },
  })
  assert.deepEqual(
    [keeping!.members['decision'], keeping!.members['ground'], keeping!.members['for']],
    ['kept', 'legal-hold', second.recall],
  )
  assert.deepEqual(await rowOf(gone), { value: null, salt: null, commitment: gone.ref.commitment })
  assert.notEqual((await rowOf(kept))!.value, null)
  assert.deepEqual(
    (await itemsOfCase(desk, gone.case)).map(({ value, commitment }) => [value, commitment]),
    [[null, gone.ref.commitment]],
  )
  await decides(kept, { decision: 'delete', reason: 'The claim was dropped.' })
  await assert.rejects(decides(kept, { decision: 'keep', ground: 'appeal', reason: 'Too late.' }), refuses('already-done'))
})

test('two that withdraw are decided each for itself, though one copy is all there was', async () => {
  const copy = await arrives()
  const other = id()
  await recalls(copy, other)
  assert.equal(await decides(copy, { decision: 'delete', reason: 'One.' }), 1)
  await receipts(copy)
  await recalls(copy, copy.organisation)
  const open = (await restrictions(desk, rules, records, copy.case)).find(({ organisation }) => organisation === copy.organisation)!
  assert.deepEqual([open.state, open.erased], ['open', true])
  await assert.rejects(reads(copy), refuses('already-done'))
  assert.equal(await decides(copy, { decision: 'delete', reason: 'Two.' }), 1)
  assert.deepEqual((await receipts(copy)).map(({ members }) => members['organisation']).sort(), [other, copy.organisation].sort())
})

test('a read is recorded with it, or there is none; nobody else reads or decides', async () => {
  const copy = await arrives()
  await assert.rejects(reads(copy), refuses('not-found'))
  await recalls(copy, copy.organisation)
  for (const role of ['case-officer', 'triage', 'administrator', 'auditor', 'decision-maker']) {
    await assert.rejects(reads(copy, as([role])), refuses('role-missing'), role)
    await assert.rejects(decides(copy, { decision: 'delete', reason: 'x' }, as([role])), refuses('role-missing'), role)
  }
  assert.deepEqual(await reads(copy), [{ record: copy.record, value: 'What it said.' }])
  assert.equal((await query(desk, 'select id from casework.restricted_reads where item = $1', [copy.item])).length, 1)
  for (const wrong of [
    { decision: 'keep', reason: 'x' },
    { decision: 'keep', ground: 'because', reason: 'x' },
    { decision: 'delete', ground: 'legal-hold', reason: 'x' },
    { decision: 'delete', reason: ' ' },
  ] as const)
    await assert.rejects(decides(copy, wrong), refuses('invalid'))
})

test('a decision that is late is shown as overdue', async () => {
  const copy = await arrives()
  await recalls(copy, copy.organisation, as([], new Date(Date.now() - 31 * DAY)))
  assert.deepEqual(
    (await restrictions(desk, rules, records, copy.case)).map(({ state }) => state),
    ['overdue'],
  )
})

test('no right of either role puts another value in place of one, nor takes one away that was not decided on', async () => {
  const copy = await arrives()
  await recalls(copy, copy.organisation)
  const change = 'update casework.items set value = \'"Another."\' where id = $1'
  const erase = 'update casework.items set value = null, salt = null where id = $1'
  for (const text of [change, erase]) {
    await assert.rejects(query(gateway, text, [copy.item]), { constraint: 'guard_erasure' })
    await assert.rejects(query(desk, text, [copy.item]), /permission denied/)
  }
  await decides(copy, { decision: 'keep', ground: 'appeal', reason: 'x' })
  await assert.rejects(query(gateway, erase, [copy.item]), { constraint: 'guard_erasure' })
  await decides(copy, { decision: 'delete', reason: 'x' })
  await assert.rejects(query(gateway, change, [copy.item]), { constraint: 'guard_erasure' })
  await assert.rejects(query(gateway, 'update casework.items set value = null where id = $1', [copy.item]), { constraint: 'guard_erasure' })
  for (const table of ['restrictions', 'decisions', 'restricted_reads', 'acute'])
    for (const role of [desk, gateway]) await assert.rejects(query(role, `delete from casework.${table}`), /permission denied/)
})

test('[incident-response-breathing-space] the newest mark counts, until its end, or until somebody says that it is over', async () => {
  const { case: found } = await arrives()
  const duty = as(['duty-officer'])
  const mark = (until: Date, ctx = duty) =>
    transact(desk, (tx) => markAcute(tx, { case: found, until: until.toISOString(), why: 'Restoring.', node: 'ncsc' }, ctx))
  const until = (ctx: Ctx) => acuteUntil(desk, found, ctx)
  assert.equal(await until(duty), undefined)
  await assert.rejects(mark(new Date(Date.now() - DAY)), refuses('invalid'))
  await assert.rejects(mark(new Date(Date.now() + DAY), as(['releasing-officer'])), refuses('role-missing'))
  const end = new Date(Date.now() + DAY)
  await mark(end)
  assert.deepEqual(await until(as([])), end)
  assert.equal(await until(as([], new Date(end.getTime()))), undefined)
  assert.equal((await acuteOf(desk, { case: found, node: 'ncsc' }, duty))!.why, 'Restoring.')
  const later = as(['handler'], new Date(Date.now() + 60_000))
  await transact(desk, (tx) => endAcute(tx, { case: found, why: 'Running.', node: 'ncsc' }, later))
  assert.equal(await until(as([], new Date(Date.now() + 120_000))), undefined)
  await assert.rejects(
    transact(desk, (tx) => endAcute(tx, { case: found, why: 'Twice.', node: 'ncsc' }, as(['handler'], new Date(Date.now() + 120_000)))),
    refuses('already-done'),
  )
})
