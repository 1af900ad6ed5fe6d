import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '#platform/config'
import { closeDb, openDb, queryOne, type Db } from '#platform/db'
import { readJson, type NodeName } from '#platform/home'
import { startCluster } from '#platform/postgres'

export type OpenBooks = { db: Db; close(): Promise<void> }

const DATABASE = 'concordat'

/**
 * A node's database, for reading, as its gateway sees it: beside the running node, or, where that does not run and keeps its own cluster,
 * in a cluster started for as long as this lasts.
 */
export async function openBooks(config: Config, node: NodeName): Promise<OpenBooks> {
  const home = config.home.nodes[node]
  const known = (await readJson(join(home.keys, 'gateway', 'database.json'))) as { password: string } | undefined
  const given = config.databaseUrls[node]
  if (given) return opened(asGateway(given, known?.password, new URL(given).pathname.slice(1) || DATABASE), async () => {})
  const port = await portOf(join(home.postgres, 'data', 'postmaster.pid'))
  const running = port && (await answering(asGateway(`postgres://127.0.0.1:${port}`, known?.password, DATABASE)))
  if (running) return running
  const cluster = await startCluster({ folder: home.postgres, fsync: config.fsync })
  return opened(asGateway(`postgres://127.0.0.1:${cluster.port}`, known?.password, DATABASE), () => cluster.stop())
}

/** The address of one part alone is its role's own already. */
function asGateway(address: string, password: string | undefined, database: string): string {
  const url = new URL(address)
  if (password !== undefined) [url.username, url.password] = [`${database}_gateway`, password]
  url.pathname = `/${database}`
  return url.href
}

function opened(url: string, stop: () => Promise<void>): OpenBooks {
  const db = openDb(url, { max: 2, name: 'reconcile' })
  const close = async (): Promise<void> => {
    await closeDb(db)
    await stop()
  }
  return { db, close }
}

/** Undefined where nobody answers: a file of a server that was killed names a port that is nobody's by now. */
async function answering(url: string): Promise<OpenBooks | undefined> {
  const books = opened(url, async () => {})
  try {
    await queryOne(books.db, 'select 1')
    return books
  } catch {
    await books.close()
    return undefined
  }
}

/** PostgreSQL's own file: the fourth line is the port. */
async function portOf(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return Number(text.split('\n')[3]) || undefined
}
