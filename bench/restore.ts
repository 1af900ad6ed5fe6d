import { closeDb, openDb, query } from '#platform/db'
import { copyOf, prepareServer, startTestCluster } from '../checks/database.ts'
import { eventually, startNetwork, type Network } from '../journeys/network.ts'
import { figure, type Bench } from './measure.ts'

/**
 * The NCSC's database is lost and a copy of before any report started in its place: how long until everything that others have is back, and
 * from the second person's word until it acts again. All three nodes in one process, intervals of 1 s, no fsync.
 */
export const restore: Bench = async (options) => {
  const messages = options.number('messages', 300)
  const cluster = await startTestCluster()
  process.env['CONCORDAT_TEST_SERVER'] = cluster.url
  await prepareServer(cluster.url)
  const network = await startNetwork({ env: { CONCORDAT_LEDGER_INTERVAL: '1000', CONCORDAT_LEDGER_SLOTS: '4096' } })
  const { urls } = network.running.ncsc
  await network.running.ncsc.stop()
  const copy = await copyOf({ ownerUrl: urls.owner })
  await network.restart('ncsc', { databases: urls })
  try {
    await fileReports(network, messages)
    const began = performance.now()
    await network.restart('ncsc', { databases: { owner: copy.ownerUrl, desk: copy.deskUrl, gateway: copy.gatewayUrl } })
    const held = performance.now()
    const hold = await eventually(() => recovered(network), 600, 50)
    const back = performance.now()
    await released(network)
    const open = performance.now()
    const leaves = await leavesIn(copy.ownerUrl)
    return {
      about: `restore: the NCSC's database is lost, ${messages} reports and their receipts after the copy was made`,
      figures: [
        figure('from start until it holds', [held - began], 'ms'),
        figure('from then until everything is back', [back - held], 'ms'),
        { name: 'messages taken again', value: Math.round((messages / (back - held)) * 1000), unit: 'a second' },
        figure('from the second release until it acts', [open - back], 'ms'),
        { name: 'not taken back', value: hold.gaps.length, unit: 'messages', aim: '0' },
        { name: 'leaves of its ledger', value: leaves, unit: 'leaves' },
      ],
      conditions: { messages },
    }
  } finally {
    await network.stop()
    await copy.drop()
    await cluster.stop()
  }
}

async function fileReports(network: Network, messages: number): Promise<void> {
  const reporter = network.as('Asha Bell')
  const { id } = (await reporter.post('/incidents', { title: 'Many' })).body
  const file = async (n: number) => {
    const { status, body } = await reporter.post(`/incidents/${id}/reports`, {
      stage: n === 0 ? 'initial' : 'update',
      submit: true,
      answers: [{ question: 'q42', value: `Report ${n}`, audience: ['ncsc'] }],
    })
    if (status >= 400) throw new Error(`report ${n}: ${status} ${JSON.stringify(body)}`)
  }
  await file(0)
  for (let n = 1; n < messages; n += 20) await Promise.all(Array.from({ length: Math.min(20, messages - n) }, (_, nth) => file(n + nth)))
  await eventually(
    async () => {
      const submissions = (await reporter.get(`/incidents/${id}`)).body.submissions as { receipt: unknown }[]
      return submissions.length === messages && submissions.every(({ receipt }) => receipt)
    },
    600,
    500,
  )
}

async function recovered(network: Network): Promise<{ gaps: unknown[] } | undefined> {
  const { body } = await network.as('Ewan Trask').get('/hold')
  return body.state === 'recovered' ? body : undefined
}

async function released(network: Network): Promise<void> {
  for (const name of ['Ewan Trask', 'Faye Yardley']) await network.as(name).post('/hold/release', { reason: 'Measured.' })
  await eventually(async () => !network.running.ncsc.gateway!.held(), 60)
}

async function leavesIn(url: string): Promise<number> {
  const db = openDb(url, { max: 1 })
  try {
    return Number((await query<{ n: number }>(db, 'select count(*) as n from ledger.leaves'))[0]!.n)
  } finally {
    await closeDb(db)
  }
}
