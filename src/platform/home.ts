import { randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, rmSync } from 'node:fs'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { startOf } from './processes.ts'

export const nodeNames = ['portal', 'ncsc', 'ico'] as const
export type NodeName = (typeof nodeNames)[number]

/** Where things lie in the state folder. `postgres` is made by whoever starts the cluster: it may be a link. */
export type Home = { folder: string; tryFile: string; trustFile: string; nodes: Record<NodeName, NodeHome> }
export type NodeHome = { folder: string; postgres: string; keys: string; blobs: string }

export type HomeLock = { release(): void }

/** Another process holds the lock. `pid` is missing only where the holder has not yet said who it is. */
export class AlreadyRunning extends Error {
  readonly code = 'already-running'
  readonly pid: number | undefined
  constructor(folder: string, pid: number | undefined) {
    super(
      `Concordat is already running in ${folder} (${pid === undefined ? 'process not known' : `process ${pid}`}). Stop it first, or set CONCORDAT_HOME to another folder.`,
    )
    this.name = 'AlreadyRunning'
    this.pid = pid
  }
}

const project = resolve(import.meta.dirname, '../..')

/** Absolute. The default lies in the project's root, whatever the working folder; a relative CONCORDAT_HOME is taken from the working folder. */
export function homeFolder(env: Record<string, string | undefined>): string {
  const chosen = env['CONCORDAT_HOME']
  return chosen === undefined || chosen === '' ? join(project, '.concordat') : resolve(chosen)
}

export function homeAt(folder: string): Home {
  const nodeHome = (node: NodeName): NodeHome => {
    const own = join(folder, node)
    return { folder: own, postgres: join(own, 'postgres'), keys: join(own, 'keys'), blobs: join(own, 'blobs') }
  }
  const nodes = { portal: nodeHome('portal'), ncsc: nodeHome('ncsc'), ico: nodeHome('ico') }
  return { folder, tryFile: join(folder, 'try.json'), trustFile: join(folder, 'trust.json'), nodes }
}

/** Makes what is missing, each folder closed to others (0700). A folder that is there keeps its mode: who made it chose it. */
export async function openHome(folder: string, nodes: readonly NodeName[] = nodeNames): Promise<Home> {
  const home = homeAt(folder)
  for (const node of nodes) {
    await makeFolder(home.nodes[node].keys)
    await makeFolder(home.nodes[node].blobs)
  }
  return home
}

export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
}

/**
 * Whoever reads the path sees the old text or the new one, whole; the new one is durable once this returns.
 * A crash leaves the old one, and perhaps a file `<path>.<random>.new` that nothing reads.
 */
export async function writeFileAtomically(path: string, text: string | Uint8Array, mode = 0o600): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString('hex')}.new`
  try {
    await writeDurably(beside, text, mode)
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

async function writeDurably(path: string, text: string | Uint8Array, mode: number): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.chmod(mode)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Names made or changed in a folder are durable once this returns. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Undefined if there is no such file. What does not parse is named by path alone: the text may hold keys. */
export async function readJson(path: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    return JSON.parse(text)
  } catch {
    throw new SyntaxError(`${path} is not JSON`)
  }
}

// Reachable until released: a handle that is collected is closed, and with it the lock would go.
const held = new Set<DatabaseSync>()

/** One process a home: `<folder>/lock`. See `lockFile`. */
export async function lockHome(folder: string): Promise<HomeLock> {
  await makeFolder(folder)
  return lockFile(join(folder, 'lock'), folder)
}

/**
 * Of any number of processes asking at once exactly one gets the lock; the others are told `AlreadyRunning`. The kernel holds it
 * (a byte-range lock that SQLite takes on an empty file) and frees it the instant the process ends, however it ends: nothing goes
 * stale, nothing is taken over. `<path>.json` says who holds it and only words the refusal; a crash leaves it behind, disbelieved.
 * Nothing in this process may open `path` itself: closing it would drop the lock (fcntl(2), "Advisory record locking").
 */
export async function lockFile(path: string, folder = path): Promise<HomeLock> {
  const database = await lockWithin(path, 300)
  if (database === undefined) throw new AlreadyRunning(folder, holderOf(`${path}.json`))
  held.add(database)
  try {
    await writeFileAtomically(`${path}.json`, `${JSON.stringify({ pid: process.pid, start: startOf(process.pid) })}\n`)
  } catch (error) {
    held.delete(database)
    database.close()
    throw error
  }
  const release = (): void => {
    if (!held.delete(database)) return
    rmSync(`${path}.json`, { force: true })
    database.close()
  }
  return { release }
}

/** Patience for a holder that is just being ended; meanwhile one that has just won says who it is. */
async function lockWithin(path: string, milliseconds: number): Promise<DatabaseSync | undefined> {
  for (const deadline = Date.now() + milliseconds; ; await delay(20)) {
    const database = takeLock(path)
    if (database !== undefined || Date.now() >= deadline) return database
  }
}

const SQLITE_BUSY = 5

function takeLock(path: string): DatabaseSync | undefined {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path)
    // Immediate, not exclusive: one atomic step. An exclusive one waits for readers, so two at once could both give up.
    database.exec('begin immediate')
    chmodSync(path, 0o600)
    return database
  } catch (error) {
    database?.close()
    if ((Number((error as { errcode?: number }).errcode) & 0xff) === SQLITE_BUSY) return undefined
    throw new Error(`the lock ${path} cannot be taken: ${(error as Error).message}`, { cause: error })
  }
}

function holderOf(path: string): number | undefined {
  try {
    const { pid, start } = JSON.parse(readFileSync(path, 'utf8')) as { pid: number; start: number }
    return start !== undefined && startOf(pid) === start ? pid : undefined
  } catch {
    return undefined
  }
}
