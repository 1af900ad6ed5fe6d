import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { activate, type Agreement } from '#agreement'
import { createGateway, type Gateway, type GatewayConfig } from '#disclosure'
import { sealingKeysOf, trustOf, type Trust, type TrustFile } from '#exchange'
import {
  addPerson,
  authenticate,
  describeActor,
  enrol,
  giveMandate,
  identityPages,
  issueToken,
  people,
  upsertOrganisation,
} from '#identity'
import { readLedgerFile } from '#ledger'
import { FolderKeys } from '#reporting'
import { originOf, peerOf, type Config } from '#platform/config'
import { actingAs, nodeItself, systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, queryOne, transact, type Db, type Tx } from '#platform/db'
import { lockFile, makeFolder, nodeNames, openHome, type NodeName } from '#platform/home'
import { createWeb } from '#platform/http'
import { KeyRefused, readGatewayKeys } from '#platform/keys'
import { createLog, type Log } from '#platform/log'
import { createMetrics, createMetricsServer } from '#platform/metrics'
import { migrate, readMigrations } from '#platform/migrations'
import { ClusterFault, startCluster } from '#platform/postgres'
import { provision, type Part } from '#platform/provision'
import { statusPage, type NodeStatus } from '#platform/pages/status'
import type { AttachmentNeeds, NodeDefinition } from './definition.ts'
import { signedAgreement, type Seed, type Standing } from './founding.ts'
import { ico } from './ico.ts'
import { ncsc } from './ncsc.ts'
import { portal } from './portal.ts'

export const definitions: Record<NodeName, NodeDefinition> = { portal, ncsc, ico }

export type Running = {
  stop(): Promise<void>
  /** Resolves if the node can no longer work and only a new start helps: its own database ended. Never after `stop`. */
  ended: Promise<Error>
  gateway: Gateway | undefined
  urls: Urls
}
/** `databases`: made and migrated already. `connections`: how many each part keeps at most. `gateway`: changes to its configuration, so that a test can make a sender misbehave. */
export type RunOptions = {
  parts?: Part[]
  now?: () => Date
  log?: Log
  databases?: Urls
  connections?: Record<Part, number>
  gateway?: (config: GatewayConfig) => GatewayConfig
}
type Stop = () => Promise<void>

const DATABASE = 'concordat'

/**
 * Starts one node, or one part of it. Refuses under an agreement that is not signed as it stands. Whatever was begun is ended
 * again where a later step fails.
 */
export async function runNode(config: Config, node: NodeName, options: RunOptions = {}): Promise<Running> {
  const parts = options.parts ?? ['desk', 'gateway']
  const stops: Stop[] = []
  const ended = Promise.withResolvers<Error>()
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one().catch(() => {})
  }
  try {
    const standing = await signedAgreement(config)
    refuseSeeds(config, node)
    await openHome(config.home.folder, [node])
    const lock = await lockFile(join(config.home.nodes[node].folder, parts.length === 2 ? 'lock' : `lock-${parts[0]}`))
    stops.push(async () => lock.release())
    const urls = options.databases ?? (await databaseOf(config, node, parts, stops, ended.resolve))
    if (options.databases) await plant(urls.owner, seedFile(config, node))
    const shared: Shared = {
      config,
      definition: definitions[node],
      standing,
      agreement: activate(standing.folder),
      trust: trustOf(standing.trust),
      options,
    }
    const gateway = parts.includes('gateway') ? await startGateway(shared, urls.gateway, stops) : undefined
    if (parts.includes('desk')) await startDesk(shared, urls.desk, gateway, parts, stops)
    return { stop, ended: ended.promise, gateway, urls }
  } catch (error) {
    await stop()
    throw error
  }
}

type Shared = { config: Config; definition: NodeDefinition; standing: Standing; agreement: Agreement; trust: Trust; options: RunOptions }
export type Urls = { desk: string; gateway: string; owner: string }

/** A whole node looks after its database itself; a part alone is given the address of its own role and touches nothing else. */
async function databaseOf(config: Config, node: NodeName, parts: Part[], stops: Stop[], end: (fault: Error) => void): Promise<Urls> {
  const given = config.databaseUrls[node]
  if (parts.length === 1) {
    if (!given)
      throw new Error(
        `One part alone needs CONCORDAT_${node.toUpperCase()}_DATABASE_URL: the address of the ${parts[0]}'s own database role`,
      )
    return { desk: given, gateway: given, owner: '' }
  }
  const administrator = given ?? (await ownCluster(config, node, stops, end))
  return prepareDatabase(config, node, administrator)
}

/** A cluster that ends by itself takes its node with it: what was committed is there at the next start, and whoever supervises starts one. */
async function ownCluster(config: Config, node: NodeName, stops: Stop[], end: (fault: Error) => void): Promise<string> {
  const { postgres } = config.home.nodes[node]
  const cluster = await startCluster({ folder: postgres, fsync: config.fsync })
  stops.push(() => cluster.stop())
  void cluster.ended.then(() =>
    end(
      new ClusterFault(
        `The database of the ${node} node ended by itself, and so does the node; ${join(postgres, 'log')} says why. Start it again: what was acknowledged is kept.`,
      ),
    ),
  )
  return cluster.url(cluster.superuser.user, cluster.superuser.password)
}

/** Database, roles, migrations and, once, the seeds. */
export async function prepareDatabase(config: Config, node: NodeName, administrator: string): Promise<Urls> {
  const database = config.databaseUrls[node] ? new URL(administrator).pathname.slice(1) || DATABASE : DATABASE
  for (const role of ['owner', 'desk', 'gateway']) await makeFolder(join(config.home.nodes[node].keys, role))
  const access = await provision(administrator, database, (role) => join(config.home.nodes[node].keys, role, 'database.json'))
  const modules = resolve(import.meta.dirname, '../modules')
  const folders = definitions[node].migrations.map((path) => ({ name: path, folder: join(modules, path) }))
  await migrate(access.urls.owner, await readMigrations(folders), access.words)
  await plant(access.urls.owner, seedFile(config, node))
  return access.urls
}

/** Before anything is made: in earnest nobody is invented, and nobody holds a token that lies in a file. */
function refuseSeeds(config: Config, node: NodeName): void {
  const file = seedFile(config, node)
  if (config.environment === 'production' && existsSync(file))
    throw new KeyRefused(`${file} was made while trying out and is not used in production`)
}

function seedFile(config: Config, node: NodeName): string {
  return join(config.home.nodes[node].folder, 'seed.json')
}

/** Takes the seeds in, in one transaction, and then their file away: a crash between leaves a file that is found to be planted. */
async function plant(url: string, file: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) return
  const seed = JSON.parse(text) as Seed
  const db = openDb(url, { max: 1 })
  const ctx: Ctx = { now: () => new Date(), random: systemRandom, actor: nodeItself('seed'), log: createLog('silent', '', '') }
  try {
    await transact(db, async (tx) => {
      if ((await people(tx)).length > 0) return
      for (const organisation of seed.organisations) await upsertOrganisation(tx, { ...organisation, verified: true }, ctx)
      for (const { id, name, roles, organisationId, token } of seed.people) {
        await addPerson(tx, { id, name, roles, ...(organisationId && { organisation: organisationId }) }, ctx)
        await issueToken(tx, { person: id, token }, ctx)
      }
      for (const { kid, org, record, from } of seed.enrolments) await enrol(tx, { kid, org, record, effectiveFrom: new Date(from) }, ctx)
      await plantMandates(tx, seed, ctx)
    })
  } finally {
    await closeDb(db)
  }
  await rm(file, { force: true })
}

/** As the people who give them would: nothing is planted that could not be given. */
async function plantMandates(tx: Tx, { mandates, people: seeded }: Seed, ctx: Ctx): Promise<void> {
  const until = new Date(ctx.now().getTime() + 365 * 86_400_000)
  for (const { client, givenBy, agent, scope } of mandates) {
    const { name, roles } = seeded.find(({ id }) => id === givenBy)!
    await giveMandate(tx, { agent, scope, until }, actingAs(ctx, { id: givenBy, name, roles, organisation: client }))
  }
}

function ctxMaker({ config, definition, options }: Shared, part: Part): { log: Log; makeCtx: (actor?: Actor) => Ctx } {
  const log = options.log ?? createLog(config.logLevel, definition.node, part)
  const now = options.now ?? (() => new Date())
  return { log, makeCtx: (actor = nodeItself(definition.node)) => ({ now, random: systemRandom, actor, log }) }
}

function foldersOf({ config }: Shared): FolderKeys {
  return new FolderKeys(join(config.home.nodes.portal.keys, 'folders'))
}

function attachmentsOf({ config, definition }: Shared): AttachmentNeeds {
  return { blobs: config.home.nodes[definition.node].blobs, limit: config.attachmentLimit }
}

async function startGateway(shared: Shared, url: string, stops: Stop[]): Promise<Gateway> {
  const { config, definition, standing } = shared
  const { node } = definition
  const db = openDb(url, { max: shared.options.connections?.gateway ?? 16, name: `${node}-gateway` })
  stops.push(() => closeDb(db))
  const { makeCtx } = ctxMaker(shared, 'gateway')
  const own = await gatewayConfig(shared, db, standing.trust, makeCtx)
  const interval = intervalOf(shared)
  const gateway = createGateway(shared.options.gateway?.(own) ?? own, {
    intervalMilliseconds: interval,
    pollMilliseconds: Math.min(100, interval),
  })
  await gateway.start({ host: config.host, port: config.ports[node].peer })
  stops.push(() => gateway.stop())
  return gateway
}

function intervalOf({ config, agreement }: Shared): number {
  const { inEarnest, tryingOut } = agreement.file.ledger.intervalSeconds
  return config.ledger.intervalMilliseconds ?? (config.environment === 'production' ? inEarnest : tryingOut) * 1000
}

async function gatewayConfig(shared: Shared, db: Db, trustFile: TrustFile, makeCtx: () => Ctx): Promise<GatewayConfig> {
  const { config, definition, agreement, trust } = shared
  const { node } = definition
  const keys = await readGatewayKeys(config.home.nodes[node].keys, config.environment === 'production')
  const { transitHours, skewMinutes } = agreement.file.exchange
  const claim = config.claimMilliseconds
  return {
    node,
    db,
    trust,
    agreement,
    makeCtx,
    ledger: { origin: trust.origins[node], slots: config.ledger.slots ?? agreement.file.ledger.slots, signer: keys.log },
    signer: keys.statement,
    opening: keys.opening,
    restKey: keys.rest,
    sealing: await sealingKeysOf(trustFile),
    witnesses: config.witnesses,
    peers: Object.fromEntries(nodeNames.filter((name) => name !== node).map((name) => [name, peerOf(config, name)])),
    times: {
      claimMilliseconds: claim,
      timeoutMilliseconds: Math.max(100, claim - 100),
      retryCapMilliseconds: config.environment === 'production' ? 60_000 : 2_000,
      transitMilliseconds: transitHours * 3_600_000,
      skewMilliseconds: skewMinutes * 60_000,
    },
    ...definition.gateway({ agreement, trust, folders: foldersOf(shared), attachments: attachmentsOf(shared), graceMilliseconds: claim }),
  }
}

async function startDesk(shared: Shared, url: string, gateway: Gateway | undefined, parts: Part[], stops: Stop[]): Promise<void> {
  const { config, definition, agreement, trust } = shared
  const { node } = definition
  const production = config.environment === 'production'
  const db = openDb(url, { max: shared.options.connections?.desk ?? 8, name: `${node}-desk` })
  stops.push(() => closeDb(db))
  const { log, makeCtx } = ctxMaker(shared, 'desk')
  const metrics = createMetrics()
  const folders = foldersOf(shared)
  const desk = definition.desk({
    db,
    agreement,
    trust,
    folders,
    attachments: attachmentsOf(shared),
    poke: () => gateway?.poke(),
    waitMilliseconds: 5000,
  })
  const provider = production ? 'none' : 'trying-out'
  const status = statusPage({ status: () => statusOf(shared, db, parts), describe: (actor) => describeActor(db, actor) })
  const web = await createWeb({
    node,
    title: production ? definition.title : `${definition.title} (trying out)`,
    origin: originOf(config, node),
    production,
    log,
    metrics,
    endpoints: desk.endpoints,
    pages: [...desk.pages, ...identityPages({ db, provider, production }), status],
    navigation: [...(desk.navigation ?? []), { text: 'Status', href: '/status' }],
    home: '/status',
    authenticate: (given) => authenticate(db, given, makeCtx(), folders),
    makeCtx,
    health: async () => ({ ready: await answers(db), checks: { database: await answers(db) } }),
    limits: { exempt: definition.neverLimited },
    publicFiles: (path) => readLedgerFile(db, path),
  })
  await web.listen({ host: config.host, port: config.ports[node].web })
  stops.push(() => closeWeb(web))
  const metricsServer = await createMetricsServer(metrics, config.ports[node].metrics)
  stops.push(() => metricsServer.close())
}

/** What is being answered gets a moment to end; after it the connections go, and whoever waits on one tries again elsewhere. */
async function closeWeb(web: Awaited<ReturnType<typeof createWeb>>): Promise<void> {
  const force = setTimeout(() => web.server.closeAllConnections(), 1000)
  await web.close()
  clearTimeout(force)
}

async function answers(db: Db): Promise<boolean> {
  return queryOne(db, 'select 1').then(
    () => true,
    () => false,
  )
}

async function statusOf({ config, definition, standing, agreement, trust }: Shared, db: Db, parts: Part[]): Promise<NodeStatus> {
  const version = await queryOne<{ server_version: string }>(db, 'show server_version').catch(() => undefined)
  const checkpoint = await readLedgerFile(db, 'checkpoint').catch(() => undefined)
  const ledger = checkpoint && ledgerIn(Buffer.from(checkpoint.body).toString('utf8'), trust)
  const others = nodeNames.filter((name) => name !== definition.node)
  return {
    node: `${definition.title}${config.environment === 'production' ? '' : ', for trying out'}`,
    runBy: definition.runBy,
    parts: [
      { name: 'Desk', running: parts.includes('desk') },
      { name: 'Gateway', running: parts.includes('gateway') },
    ],
    database: { answers: version !== undefined, ...(version && { version: `PostgreSQL ${version.server_version}` }) },
    ...(ledger && { ledger }),
    peers: await Promise.all(others.map(async (name) => ({ name: definitions[name].title, reachable: await reachable(config, name) }))),
    agreement: { name: agreement.file.title, hash: agreement.hash, signedBy: ['the NCSC', 'the ICO'], byItself: standing.byItself },
  }
}

/** Size and cosigners of a checkpoint as published, and the latest cosignature's time. */
function ledgerIn(note: string, trust: Trust): { size: number; at: Date; cosignedBy: string[] } {
  const [, size] = note.split('\n')
  const lines = note.split('\n').filter((line) => line.startsWith('\u2014 '))
  const names = new Map(Object.entries(trust.origins).map(([node, origin]) => [origin, definitions[node as NodeName].title]))
  const cosignatures = lines
    .map((line) => line.split(' '))
    .flatMap(([, name, signature]) => {
      const bytes = Buffer.from(signature!, 'base64')
      // C2SP tlog-cosignature: four bytes of key id, eight of time, sixty-four of signature.
      return bytes.length === 76 ? [{ by: names.get(name!) ?? name!, at: Number(bytes.readBigUInt64BE(4)) }] : []
    })
  return {
    size: Number(size),
    at: new Date(Math.max(0, ...cosignatures.map((one) => one.at)) * 1000),
    cosignedBy: cosignatures.map((one) => one.by),
  }
}

async function reachable(config: Config, node: NodeName): Promise<boolean> {
  const answer = await fetch(`${originOf(config, node)}/health/live`, { signal: AbortSignal.timeout(500) }).catch(() => undefined)
  return answer?.ok ?? false
}
