import { randomUUID } from 'node:crypto'
import { appendMany, closeInterval } from '#ledger'
import { systemRandom, nodeItself, type Ctx } from '#platform/context'
import { closeDb, openDb, transact } from '#platform/db'
import { signerOf } from '#platform/jws'
import { newSigningKey } from '#platform/keys'
import { silentLog } from '#platform/log'
import { freshDatabase, prepareServer, startTestCluster } from '../checks/database.ts'
import { figure, type Bench } from './measure.ts'

/** Intervals of 4,096 slots, empty and full, on a cluster of its own without fsync: the work of the ledger, not of the disk. */
export const ledger: Bench = async (options) => {
  const slots = options.number('slots', 4096)
  const cluster = await startTestCluster()
  process.env['CONCORDAT_TEST_SERVER'] = cluster.url
  await prepareServer(cluster.url)
  const database = await freshDatabase(['ledger'])
  const db = openDb(database.gatewayUrl, { max: 4 })
  const identity = { origin: `${randomUUID()}/ncsc`, slots, signer: signerOf(newSigningKey()) }
  const ctx: Ctx = { now: () => new Date(), random: systemRandom, actor: nodeItself('ncsc'), log: silentLog }
  try {
    const close = async () => {
      const [began, before] = [performance.now(), process.cpuUsage()]
      await closeInterval(db, identity, ctx)
      const used = process.cpuUsage(before)
      return { wall: performance.now() - began, processor: (used.user + used.system) / 1000 }
    }
    await close()
    const runs = Array.from({ length: options.number('runs', 5) })
    const [empty, full, appended]: [Awaited<ReturnType<typeof close>>[], Awaited<ReturnType<typeof close>>[], number[]] = [[], [], []]
    for (const _ of runs) {
      empty.push(await close())
      const began = performance.now()
      for (let n = 0; n < slots; n += 256)
        await transact(db, (tx) =>
          appendMany(
            tx,
            Array.from({ length: 256 }, (__, m) => ({ record: `{"n":${n + m}}` })),
            ctx,
          ),
        )
      appended.push(slots / ((performance.now() - began) / 1000))
      full.push(await close())
    }
    return {
      about: 'the ledger: one interval, empty and full',
      figures: [
        figure(
          'empty interval, processor',
          empty.map((one) => one.processor),
          'ms',
        ),
        figure(
          'full interval, processor',
          full.map((one) => one.processor),
          'ms',
        ),
        figure(
          'full interval, until it is signed',
          full.map((one) => one.wall),
          'ms',
        ),
        figure('appended, 256 a transaction', appended, 'a second'),
        { name: 'path from a slot to its interval', value: Math.log2(slots), unit: 'hashes' },
      ],
      conditions: { 'slots': slots, 'fsync': 'off', 'processor': 'this process alone, not PostgreSQL' },
    }
  } finally {
    await closeDb(db)
    await database.drop()
    await cluster.stop()
  }
}
