import { createHash, randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { migrate, readMigrations, type Migration } from '#platform/migrations'
import { startCluster } from '#platform/postgres'

/** A database of one's own: `ownerUrl` migrates and looks at anything, `deskUrl` and `gatewayUrl` are what the two parts of a node get. */
export type FreshDatabase = { ownerUrl: string; deskUrl: string; gatewayUrl: string; drop(): Promise<void> }

const roles = { owner: 'concordat_test_owner', desk: 'concordat_test_desk', gateway: 'concordat_test_gateway' }
const project = resolve(import.meta.dirname, '..')

/**
 * A new database with the migrations of these modules, in this order, cloned from a template that the first to ask makes. A name with a
 * slash, as in the node files, is a folder below src/modules. Tests that run at the same time, in this process or another, share templates
 * and roles and nothing else.
 */
export async function freshDatabase(modules: string[]): Promise<FreshDatabase> {
  const server = await testServer()
  const template = await templateFor(server, modules)
  const name = `t_${randomBytes(8).toString('hex')}`
  await asSuperuser(server, async (client) => {
    await patiently(() => client.query(`create database ${name} template ${template} strategy file_copy owner ${roles.owner}`))
    await closeToOthers(client, name)
  })
  return databaseNamed(server, name)
}

function databaseNamed(server: string, name: string): FreshDatabase {
  const drop = (): Promise<void> =>
    asSuperuser(server, async (client) => void (await client.query(`drop database if exists ${name} with (force)`)))
  return { ownerUrl: urlOf(server, 'owner', name), deskUrl: urlOf(server, 'desk', name), gatewayUrl: urlOf(server, 'gateway', name), drop }
}

/** A copy of a database as it stands, as an old backup would be. Whoever is connected to it is thrown out first. */
export async function copyOf({ ownerUrl }: Pick<FreshDatabase, 'ownerUrl'>): Promise<FreshDatabase> {
  const server = await testServer()
  const [of, name] = [new URL(ownerUrl).pathname.slice(1), `t_${randomBytes(8).toString('hex')}`]
  await asSuperuser(server, async (client) => {
    await patiently(async () => {
      await client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [of])
      await client.query(`create database ${name} template ${of} strategy file_copy owner ${roles.owner}`)
    })
    await closeToOthers(client, name)
  })
  return databaseNamed(server, name)
}

/** Makes the three roles, once a server. Their passwords follow from the server's address, so that every process knows them. */
export async function prepareServer(server: string): Promise<void> {
  await asSuperuser(server, async (client) => {
    for (const role of Object.keys(roles) as (keyof typeof roles)[]) {
      await client.query(`create role ${roles[role]} login`).catch(unless('42710'))
      await client.query(`alter role ${roles[role]} password '${passwordOf(server, role)}'`)
    }
  })
}

/** Removes every database and role that tests made, for a server that outlives them. */
export async function clearServer(server: string): Promise<void> {
  await asSuperuser(server, async (client) => {
    const { rows } = await client.query('select datname from pg_database join pg_roles r on r.oid = datdba where r.rolname = $1', [
      roles.owner,
    ])
    for (const { datname } of rows) await client.query(`drop database if exists "${datname}" with (force)`)
    for (const role of Object.values(roles)) await client.query(`drop role if exists ${role}`)
  })
}

/** A cluster in a temporary folder, without fsync: fast, and gone afterwards, also where the process ends without waiting. */
export async function startTestCluster(): Promise<{ url: string; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'concordat-test-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  process.once('exit', remove)
  const cluster = await startCluster({ folder: join(folder, 'postgres'), fsync: false })
  const stop = async (): Promise<void> => {
    await cluster.stop()
    process.off('exit', remove)
    remove()
  }
  return { url: cluster.url(cluster.superuser.user, cluster.superuser.password, 'postgres'), stop }
}

let own: Promise<string> | undefined

/** The server the gate started or was given; for a file run by hand, one of its own that ends with the process. */
function testServer(): Promise<string> {
  const given = process.env['CONCORDAT_TEST_SERVER']
  if (given) return Promise.resolve(given)
  own ??= startOwn()
  return own
}

async function startOwn(): Promise<string> {
  const cluster = await startTestCluster()
  process.once('beforeExit', () => void cluster.stop())
  await prepareServer(cluster.url)
  return cluster.url
}

const templates = new Map<string, Promise<string>>()

function templateFor(server: string, modules: string[]): Promise<string> {
  const key = modules.join()
  const made = templates.get(key) ?? makeTemplate(server, modules)
  templates.set(key, made)
  return made
}

/** Built under a name of its own and renamed when whole: whoever loses the race drops theirs and takes the winner's. */
async function makeTemplate(server: string, modules: string[]): Promise<string> {
  const migrations = await readMigrations(modules.map((name) => ({ name, folder: migrationsFolder(name) })))
  const template = `template_${fingerprint(migrations)}`
  if (await exists(server, template)) return template
  const building = `building_${randomBytes(8).toString('hex')}`
  await asSuperuser(server, async (client) => {
    await client.query(`create database ${building} owner ${roles.owner}`)
    await closeToOthers(client, building)
  })
  await migrate(urlOf(server, 'owner', building), migrations, roles)
  await asSuperuser(server, async (client) => {
    const lost = await patiently(() => client.query(`alter database ${building} rename to ${template}`)).then(() => false, unless('42P04'))
    if (lost) await client.query(`drop database ${building} with (force)`)
  })
  return template
}

function migrationsFolder(name: string): string {
  return join(project, 'src/modules', name.includes('/') ? name : `${name}/migrations`)
}

function fingerprint(migrations: Migration[]): string {
  const hash = createHash('sha256')
  for (const { module, name, checksum } of migrations) hash.update(`${module}/${name} ${checksum}\n`)
  return hash.digest('hex').slice(0, 16)
}

/** `create database … template` copies no grants on the database itself, so they are made again on every copy. */
async function closeToOthers(client: pg.Client, database: string): Promise<void> {
  await client.query(`revoke all on database ${database} from public`)
  await client.query(`grant connect on database ${database} to ${roles.desk}, ${roles.gateway}`)
}

async function exists(server: string, database: string): Promise<boolean> {
  return asSuperuser(
    server,
    async (client) => (await client.query('select 1 from pg_database where datname = $1', [database])).rowCount === 1,
  )
}

async function asSuperuser<T>(server: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** A connection that was just closed counts for a moment longer, and a template must have none. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work()
    } catch (error) {
      if ((error as { code?: string }).code !== '55006' || tries > 200) throw error
      await delay(10)
    }
  }
}

function unless(code: string): (error: unknown) => true {
  return (error) => {
    if ((error as { code?: string }).code === code) return true
    throw error
  }
}

function passwordOf(server: string, role: string): string {
  return createHash('sha256').update(`${server} ${role}`).digest('hex')
}

function urlOf(server: string, role: keyof typeof roles, database: string): string {
  const url = new URL(server)
  url.username = roles[role]
  url.password = passwordOf(server, role)
  url.pathname = `/${database}`
  return url.href
}
