import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { activate } from '#agreement'
import { createGateway, type Gateway, type GatewayConfig } from '#disclosure'
import { sealingKeysOf, trustOf, type TrustFile } from '#exchange'
import { addPerson, enrol, giveMandate, issueToken, people, upsertOrganisation } from '#identity'
import { peerOf, type Config } from '#platform/config'
import { actingAs, nodeItself, systemRandom, type Ctx } from '#platform/context'
import { closeDb, openDb, transact, type Db, type Tx } from '#platform/db'
import { lockFile, makeFolder, nodeNames, openHome, type NodeName } from '#platform/home'
import { KeyRefused, readGatewayKeys } from '#platform/keys'
import { createLog } from '#platform/log'
import { migrate, readMigrations } from '#platform/migrations'
import { ClusterFault, startCluster } from '#platform/postgres'
import { provision, type Part } from '#platform/provision'
import { startDesk } from './desk.ts'
import { signedAgreement, type Seed } from './founding.ts'
import { attachmentsOf, ctxMaker, definitions, foldersOf, type RunOptions, type Shared, type Stop, type Urls } from './shared.ts'

export { definitions, type RunOptions, type Urls } from './shared.ts'

export type Running = {
  stop(): Promise<void>
  /** Resolves if the node can no longer work and only a new start helps: its own database ended. Never after `stop`. */
  ended: Promise<Error>
  gateway: Gateway | undefined
  urls: Urls
}

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
      for (const { kid, org, person, record, from } of seed.enrolments)
        await enrol(tx, { kid, org, person, record, effectiveFrom: new Date(from) }, ctx)
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

function statementSecondsOf({ config, agreement }: Shared): number {
  const { inEarnest, tryingOut } = agreement.file.statements.everySeconds
  return config.statementSeconds ?? (config.environment === 'production' ? inEarnest : tryingOut)
}

async function gatewayConfig(shared: Shared, db: Db, trustFile: TrustFile, makeCtx: () => Ctx): Promise<GatewayConfig> {
  const { config, definition, agreement, trust } = shared
  const { node } = definition
  const keys = await readGatewayKeys(config.home.nodes[node].keys, config.environment === 'production')
  const { transitHours, skewMinutes, redeliveryDays } = agreement.file.exchange
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
      redeliveryMilliseconds: redeliveryDays * 86_400_000,
      skewMilliseconds: skewMinutes * 60_000,
    },
    ...definition.gateway({
      signer: keys.statement,
      opening: keys.opening,
      agreement,
      trust,
      folders: foldersOf(shared),
      attachments: attachmentsOf(shared),
      graceMilliseconds: claim,
      statementSeconds: statementSecondsOf(shared),
    }),
  }
}
