import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import {
  addCosignature,
  closeInterval,
  cosignExtended,
  extendRequest,
  lookAt,
  readLedgerFile,
  WitnessState,
  type LedgerIdentity,
  type WitnessedLog,
} from '#ledger'
import { systemRandom, nodeItself, type Ctx } from '#platform/context'
import { closeDb, openDb, type Db } from '#platform/db'
import { signerOf } from '#platform/jws'
import { newSigningKey } from '#platform/keys'
import { silentLog } from '#platform/log'
import { freshDatabase, prepareServer, startTestCluster } from '../checks/database.ts'
import { figure, type Bench } from './measure.ts'

/** One look of a witness at one ledger, over HTTP on this machine: checkpoint, tiles, proof, cosignature on disk. */
export const witness: Bench = async (options) => {
  const leaves = options.number('leaves', 3_000)
  const cluster = await startTestCluster()
  process.env['CONCORDAT_TEST_SERVER'] = cluster.url
  await prepareServer(cluster.url)
  const database = await freshDatabase(['ledger'])
  const db = openDb(database.gatewayUrl, { max: 4 })
  const identity = { origin: 'bench/ncsc', slots: 16, signer: signerOf(newSigningKey()) }
  const ctx: Ctx = { now: () => new Date(), random: systemRandom, actor: nodeItself('witness'), log: silentLog }
  const folder = await mkdtemp(join(tmpdir(), 'concordat-bench-witness-'))
  const server = await publicServer(db)
  const stops: (() => Promise<void>)[] = []
  try {
    for (let n = 0; n < leaves; n += 1) await closeInterval(db, identity, ctx)
    const cosign = await peerOf(identity, ctx)
    stops.push(cosign.stop)
    await cosign.newest(db)
    const log: WitnessedLog = { origin: identity.origin, key: identity.signer.jwk, url: `http://127.0.0.1:${server.port}` }
    const state = new WitnessState(folder)
    const key = await state.key()
    const [wall, processor, asked]: [number[], number[], number[]] = [[], [], []]
    for (let run = 0; run < options.number('runs', 50); run += 1) {
      for (let n = 0; n < 10; n += 1) await closeInterval(db, identity, ctx)
      await cosign.newest(db)
      const [began, before, requests] = [performance.now(), process.cpuUsage(), server.requests()]
      const { outcome } = await lookAt(log, state, key, ctx)
      if (outcome !== 'cosigned') throw new Error(outcome)
      const used = process.cpuUsage(before)
      wall.push(performance.now() - began)
      processor.push((used.user + used.system) / 1000)
      asked.push(server.requests() - requests)
    }
    return {
      about: 'witness: one new head, ten intervals after the last',
      figures: [
        figure('until it is cosigned and on disk', wall, 'ms'),
        figure('processor, witness and server together', processor, 'ms'),
        figure('files read', asked, 'requests'),
        { name: 'kept on disk for one ledger', value: await bytesIn(join(folder, 'heads')), unit: 'bytes' },
      ],
      conditions: { leaves },
    }
  } finally {
    server.stop()
    for (const stop of stops) await stop()
    await closeDb(db)
    await database.drop()
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Another node, which keeps all of the ledger and cosigns it: until it does, nobody is shown a head. */
async function peerOf(identity: LedgerIdentity, ctx: Ctx): Promise<{ newest(db: Db): Promise<void>; stop(): Promise<void> }> {
  const house = await freshDatabase(['ledger'])
  const peer = openDb(house.gatewayUrl, { max: 1 })
  const signer = signerOf(newSigningKey())
  const trust = { origins: { [identity.origin]: identity.signer.jwk, 'bench/ico': signer.jwk }, witnesses: {} }
  let from = 0
  return {
    newest: async (db) => {
      for (;;) {
        const { size, newest, body } = (await extendRequest(db, from))!
        const answer = await cosignExtended(peer, body, { name: 'bench/ico', signer, trust }, ctx)
        if (answer.status !== 200) throw new Error(answer.body)
        await addCosignature(db, size, answer.body, trust)
        from = size
        if (newest) return
      }
    },
    stop: async () => {
      await closeDb(peer)
      await house.drop()
    },
  }
}

async function publicServer(db: Db): Promise<{ port: number; requests(): number; stop(): void }> {
  let count = 0
  const server: Server = createServer(async (request, response) => {
    count += 1
    const file = await readLedgerFile(db, request.url!.replace('/ledger/', ''))
    response.writeHead(file ? 200 : 404).end(file && Buffer.from(file.body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = (): void => {
    server.closeAllConnections()
    server.close()
  }
  return { port: (server.address() as { port: number }).port, requests: () => count, stop }
}

async function bytesIn(folder: string): Promise<number> {
  const sizes = await Promise.all((await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
