import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { queryOne } from '#platform/db'
import { eventually, reports, startNetwork, type Network } from './network.ts'

// Duties as a network lives them: the receipt is the ICO's own, the alarm is rung by the running gateway, by its clock.

const HOUR = 3_600_000
let network: Network
let ahead = 0
before(async () => {
  network = await startNetwork({ now: () => new Date(Date.now() + ahead) })
})
after(() => network.stop())

const only = (audience: 'ico' | 'ncsc') => [
  { question: 'q05', value: ['Controller'], audience: [audience] },
  { question: 'q19', value: 'Files were encrypted.', audience: [audience] },
]

test('[regimes] the clock runs from awareness until the ICO\u2019s own receipt, and what the NCSC received stops nothing', async () => {
  const asha = network.as('Asha Bell')
  const dutyOf = async (id: string) => {
    const { body } = await asha.get(`/incidents/${id}/duties`)
    return { ...body, art33: body.duties.find(({ regime }: any) => regime === 'uk-gdpr-33') }
  }
  const aware = { event: 'aware', at: new Date(Date.now() - HOUR).toISOString(), zone: 'Europe/London', decidedBy: 'The DPO', why: 'Logs.' }
  const told = await reports(asha, only('ico'))
  const untold = await reports(asha, only('ncsc'))
  for (const { incident } of [told, untold]) assert.equal((await asha.post(`/incidents/${incident}/moments`, aware)).status, 201)
  const [met, open] = [await dutyOf(told.incident), await dutyOf(untold.incident)]
  assert.deepEqual([met.art33.received, met.art33.fallback, met.art33.clocks[0].left], ['received', undefined, null])
  assert.deepEqual([open.art33.mayApply, open.art33.received, open.alerts], [true, 'not-sent', []])
  assert.equal(open.art33.clocks[0].dueAt, new Date(Date.parse(aware.at) + 72 * HOUR).toISOString())
  ahead = 60 * HOUR
  const rung = await eventually(async () => {
    const { alerts } = await dutyOf(untold.incident)
    return alerts[0]?.recordedAt && alerts
  })
  assert.deepEqual(
    rung.map(({ regime, kind }: any) => [regime, kind]),
    [['uk-gdpr-33', 'twelve-hours-left']],
  )
  const kept = await queryOne<any>(
    network.owner.portal,
    'select count(*)::int as all, count(*) filter (where incident = $1)::int as own from duties.alerts',
    [untold.incident],
  )
  assert.deepEqual(kept, { all: 1, own: 1 }, 'nothing rings where the ICO has it')
})

test('neither authority has a table of moments, nor anything of duties', async () => {
  for (const node of ['ncsc', 'ico'] as const) {
    const schema = await queryOne(network.owner[node], "select 1 as one from information_schema.schemata where schema_name = 'duties'")
    assert.equal(schema, undefined, node)
  }
  assert.equal((await network.as('Helen Sayer').get('/regimes')).status, 404)
})
