import { mkdir, realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import pg from 'pg'
import { lockFile } from './home.ts'
import { ClusterFault } from './postgres/fault.ts'
import { initialise, superuser } from './postgres/initialise.ts'
import { stopLeftOver } from './postgres/left-over.ts'
import { type Place, placeOf } from './postgres/place.ts'
import { type Server, startServer, stopServer, type Trial } from './postgres/server.ts'

export { ClusterFault } from './postgres/fault.ts'

export type Cluster = {
  port: number
  url(user: string, password: string, database?: string): string
  superuser: { user: string; password: string }
  stop(): Promise<void>
  /** Resolves if the server ends without having been asked to: nobody starts it again, the port is gone. Never after `stop`. */
  ended: Promise<void>
  dataFolder: string
}

export type ClusterOptions = {
  /** `data`, `secret` (the superuser's password, 0600) and `log` lie in it, its lock beside it. */
  folder: string
  /** False loses commits at a power cut and may lose the cluster: for tests. */
  fsync?: boolean
  /** Lines for the person at the terminal, without content or secrets. */
  onLog?: (line: string) => void
  /** False takes the way of a machine where user namespaces are forbidden. */
  namespaces?: boolean
  /** Where that way keeps its copy of the programs and the data. */
  shared?: string
}

/**
 * A PostgreSQL of our own on 127.0.0.1 and a free port, made on first use; accepting connections once this returns. Throws
 * `AlreadyRunning` where a living process has this cluster, `ClusterFault` where it cannot be had. Installs no signal handler.
 *
 * A crash or kill -9 of this process after
 * - the lock is taken: the kernel frees it;
 * - initdb began: an unfinished folder, removed at the next start;
 * - the server started: setpriv(1) has the kernel stop it cleanly; without it, it runs on and the next start stops it;
 * and of the server as well: the next start recovers every commit it acknowledged (with `fsync`).
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { fsync = true, onLog: say = () => {}, namespaces = true, shared = '/var/lib/concordat' } = options
  const began = Date.now()
  const folder = await parentMade(options.folder)
  const lock = await lockFile(`${folder}.lock`, folder)
  try {
    const place = await placeOf({ folder, namespaces, shared, say })
    await stopLeftOver(place, say)
    const password = await initialise(place, fsync)
    const server = await startServer(place, fsync, trialWith(password, place))
    say(`PostgreSQL for ${folder} accepts connections on port ${server.port} after ${Date.now() - began} ms`)
    return { ...addressOf(place, server, password), ...watch(server, place, say, lock.release) }
  } catch (error) {
    lock.release()
    throw error
  }
}

async function parentMade(path: string): Promise<string> {
  const parent = dirname(resolve(path))
  await mkdir(parent, { recursive: true, mode: 0o700 })
  return join(await realpath(parent), basename(resolve(path)))
}

function addressOf(place: Place, server: Server, password: string): Omit<Cluster, 'stop' | 'ended'> {
  const url = (user: string, secret: string, database = 'postgres'): string => urlOf(server.port, user, secret, database)
  return { port: server.port, url, superuser: { user: superuser, password }, dataFolder: place.data }
}

function urlOf(port: number, user: string, password: string, database: string): string {
  return `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}/${encodeURIComponent(database)}`
}

/** To stop it twice is to stop it once. A cluster does not keep the process from ending. */
function watch(server: Server, place: Place, say: (line: string) => void, release: () => void): Pick<Cluster, 'stop' | 'ended'> {
  const ended = Promise.withResolvers<void>()
  let stopping: Promise<void> | undefined
  // Covers an end without a crash where setpriv(1) is missing.
  const interrupt = (): void => void server.child.kill('SIGINT')
  process.once('exit', interrupt)
  server.child.unref()
  server.ended.then(() => {
    process.off('exit', interrupt)
    if (stopping !== undefined) return
    say(`PostgreSQL for ${place.folder} ended by itself; its log is ${join(place.folder, 'log')}`)
    ended.resolve()
  })
  return { stop: () => (stopping ??= stopServer(server).finally(release)), ended: ended.promise }
}

/** Signing in with the secret also proves that it is our server that answers: SCRAM checks both sides. */
function trialWith(password: string, place: Place): Trial {
  const connect = async (port: number): Promise<void> => {
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: superuser,
      password,
      database: 'postgres',
      ssl: false,
      connectionTimeoutMillis: 2_000,
    })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.query('select 1')
    } catch (error) {
      if ((error as { code?: string }).code !== INVALID_PASSWORD) throw error
      throw new ClusterFault(`The password in ${join(place.folder, 'secret')} is not that of the database beside it.`)
    } finally {
      await client.end().catch(() => {})
    }
  }
  return { connect, isFinal: (error) => error instanceof ClusterFault }
}

const INVALID_PASSWORD = '28P01'
