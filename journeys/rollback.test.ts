import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { closeDb, openDb, query } from '#platform/db'
import { freshDatabase } from '../checks/database.ts'
import { definitions } from '../src/nodes/run.ts'
import { eventually, startNetwork, type Network } from './network.ts'

let network: Network
before(async () => {
  network = await startNetwork()
})
after(() => network.stop())

const headsOf = async (db: Parameters<typeof query>[0]) =>
  Number((await query<{ n: string }>(db, 'select count(*) as n from ledger.heads'))[0]!.n)

test('a node that wakes up with an old database holds: it signs no second head and sends nothing, and takes in what comes', async () => {
  await eventually(async () => (await headsOf(network.owner.ico)) > 20)
  const old = await freshDatabase(definitions.ico.migrations)
  const look = openDb(old.ownerUrl, { max: 1 })
  try {
    await network.restart('ico', { databases: { owner: old.ownerUrl, desk: old.deskUrl, gateway: old.gatewayUrl } })
    assert.equal(network.running.ico.gateway!.held(), true)
    // What was lost comes back, and nothing else.
    await eventually(async () => (await query(look, 'select 1 from disclosure.holds where recovered_at is not null')).length === 1)
    const before = await headsOf(look)
    const reporter = network.as('Asha Bell')
    const { body: incident } = await reporter.post('/incidents', { title: 'While the ICO holds' })
    const filed = await reporter.post(`/incidents/${incident.id}/reports`, {
      stage: 'initial',
      submit: true,
      answers: [{ question: 'q19', value: 'Locked out.', audience: ['ico'] }],
    })
    assert.equal(filed.status, 202, 'no receipt leaves a house that holds')
    await eventually(async () => (await query(look, 'select 1 from casework.cases')).length === 1)
    await delay(100)
    assert.equal(await headsOf(look), before)
  } finally {
    await closeDb(look)
    await network.restart('ico')
    await old.drop()
  }
  assert.equal(network.running.ico.gateway!.held(), false, 'with its own database again it goes on')
})
