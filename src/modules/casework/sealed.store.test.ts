import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { systemRandom, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact, type Db } from '#platform/db'
import { silentLog } from '#platform/log'
import { openingKey, type OpeningKey, type SealJwk } from '#platform/seal'
import type { Arrived, MessageRecord, OpenItem, Prepared } from '#exchange'
import { freshDatabase, type FreshDatabase } from '../../../checks/database.ts'
import { keepDisclosed, keepReport } from './arrival.ts'
import { itemsForDisclosure, recordFinding } from './desk.ts'
import { arrivalsOfCase, caseByReference, itemsOfCase } from './store.ts'

const vectors = JSON.parse(readFileSync(new URL('../../../vectors/sealed-report.json', import.meta.url), 'utf8')) as {
  recipient: SealJwk
  valid: { record: MessageRecord; payload: string; report: { items: OpenItem[] } }[]
}
const [{ record, payload, report }] = vectors.valid as [(typeof vectors.valid)[number]]
const own = report.items.filter(({ question }) => question !== 'padding')

let database: FreshDatabase
let desk: Db
let gateway: Db
let opening: OpeningKey
before(async () => {
  database = await freshDatabase(['casework'])
  ;[desk, gateway] = [openDb(database.deskUrl), openDb(database.gatewayUrl)]
  opening = await openingKey(vectors.recipient)
})
after(async () => {
  await Promise.all([closeDb(desk), closeDb(gateway)])
  await database.drop()
})

const as = (...roles: string[]): Ctx => ({
  now: () => new Date(),
  random: systemRandom,
  log: silentLog,
  actor: { id: systemRandom.uuid(), name: 'Somebody', roles },
})
const arrived = (more: object = {}): Arrived => ({
  record: { ...record, id: systemRandom.uuid(), at: '2026-11-25T09:30:00.000Z', clause: 'encourage-engagement', ...more } as MessageRecord,
  statement: 'signed',
  payload: Buffer.from(payload),
  logTime: new Date(),
})

async function arrives(message: Arrived, hooks: { opening?: OpeningKey } = { opening }): Promise<Prepared[]> {
  const out: Prepared[] = []
  const queue = async (_tx: unknown, _to: unknown, _kind: unknown, prepared: Prepared) => {
    out.push(prepared)
    return systemRandom.uuid()
  }
  await transact(gateway, (tx) => keepReport('ncsc', hooks)(tx, message, queue as never, as()))
  return out
}

test('without the key to open it, or under another record than it was sealed for, nothing of it is kept', async () => {
  await assert.rejects(arrives(arrived(), {}), { code: 'flow-not-allowed' })
  await assert.rejects(arrives(arrived({ reference: 'NCSC-2222-2222' })), { code: 'envelope-invalid' })
  await assert.rejects(arrives(arrived({ organisation: systemRandom.uuid() })), { code: 'envelope-invalid' })
  assert.deepEqual(await query(desk, 'select id from casework.cases', []), [])
})

test('it is kept whole and receipted like any other; what makes up the number is shown to nobody', async () => {
  const [receipt] = await arrives(arrived())
  assert.deepEqual(receipt!.members['items'], record.items)
  const { id } = (await transact(gateway, (tx) => caseByReference(tx, record['reference'] as string)))!
  const shown = await itemsOfCase(desk, id)
  assert.deepEqual(shown.map(({ question, sealed }) => [question, sealed]).sort(), [
    ['q19', true],
    ['q42', true],
  ])
  assert.equal((await arrivalsOfCase(desk, id)).length, 2)
  const [kept] = await query<{ n: number }>(desk, 'select count(*)::integer as n from casework.items where case_id = $1', [id])
  assert.equal(kept!.n, 16, 'the books have every item that was receipted')
  const padding = report.items.find(({ question }) => question === 'padding')!
  const wanted = (items: string[]) => transact(gateway, (tx) => itemsForDisclosure(tx, id, items))
  assert.equal(
    (await wanted(own.map((item) => item.id))).every(({ sealed }) => sealed),
    true,
  )
  await assert.rejects(wanted([padding.id]), { code: 'not-found' })
})

test('the same bytes in another record are refused: nothing is kept twice', async () => {
  await assert.rejects(arrives(arrived()), { code: 'replayed-differently' })
})

test('nothing else can hide under the name of what makes up a number', async () => {
  const found = (await transact(gateway, (tx) => caseByReference(tx, record['reference'] as string)))!
  const finding = { case: found.id, question: 'padding', value: 'hidden', node: 'ncsc' as const }
  await assert.rejects(
    transact(desk, (tx) => recordFinding(tx, finding, as('handler'))),
    { code: 'invalid' },
  )
  const organisation = { id: systemRandom.uuid(), name: 'Marlow Fresh Ltd', verified: true }
  const item = {
    ...own[0]!,
    id: systemRandom.uuid(),
    question: 'padding',
    kind: 'answer' as const,
    origins: [organisation.id],
    permission: systemRandom.uuid(),
  }
  const disclosed = { record: systemRandom.uuid(), organisation, items: [item], rules: [] }
  await assert.rejects(
    transact(gateway, (tx) => keepDisclosed(tx, disclosed, as())),
    { code: 'envelope-invalid' },
  )
})
