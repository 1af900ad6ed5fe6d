import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig, type Config } from '#platform/config'
import { closeDb, openDb, queryOne, type Db } from '#platform/db'
import { nodeNames, readJson, type NodeName } from '#platform/home'
import { freePorts, personOf, type Person } from '../journeys/network.ts'
import { found, type TryFile } from '../src/nodes/founding.ts'
import { familyOf, processes, project } from './measure.ts'

/** The three nodes as they run in earnest on one machine: each `concordat node X`, a process with a cluster, keys and ledger of its own. */
export type Nodes = {
  config: Config
  as(name: string): Person
  /** Each node's database as its owner sees it, and as its desk may use it. */
  owner: Record<NodeName, Db>
  desk: Record<NodeName, Db>
  /** Processor time so far in milliseconds, by node, its program apart from its PostgreSQL. */
  processorTime(): Promise<Record<string, number>>
  postgresql: string
  stop(): Promise<void>
}

/** `execArgv`: for Node, as `--cpu-prof`. The rest is as when trying out: intervals of 1 s, 4,096 slots, fsync on. */
export async function startNodes(options: { env?: Record<string, string>; execArgv?: string[] } = {}): Promise<Nodes> {
  const folder = await mkdtemp(join(tmpdir(), 'concordat-bench-'))
  const ours = {
    CONCORDAT_HOME: folder,
    CONCORDAT_PORT: String(await freePorts()),
    CONCORDAT_SEED: 'people',
    CONCORDAT_STATEMENTS: '86400',
  }
  const env = { ...ours, ...options.env }
  const config = readConfig(env)
  await found(config)
  const children = nodeNames.map((node) => [node, startNode(node, env, options.execArgv ?? [])] as const)
  await Promise.all(children.map(([, child]) => ready(child)))
  const world = (await readJson(config.home.tryFile)) as TryFile
  const open = async (role: 'owner' | 'desk') =>
    Object.fromEntries(
      await Promise.all(nodeNames.map(async (node) => [node, openDb(await addressOf(config, node, role), { max: 2 })])),
    ) as Record<NodeName, Db>
  const [owner, desk] = [await open('owner'), await open('desk')]
  return {
    config,
    owner,
    desk,
    as: (name) => personOf(world, name),
    postgresql: (await queryOne<{ server_version: string }>(owner.ncsc, 'show server_version'))!.server_version,
    processorTime: () => timesOf(children),
    stop: async () => {
      await Promise.all(nodeNames.flatMap((node) => [closeDb(owner[node]), closeDb(desk[node])]))
      await Promise.all(children.map(([, child]) => stopped(child)))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function startNode(node: NodeName, env: Record<string, string>, execArgv: string[]): ChildProcess {
  return fork(join(project, 'src/main.ts'), ['node', node], { env: { ...process.env, ...env }, execArgv })
}

async function ready(child: ChildProcess): Promise<void> {
  const [message] = await Promise.race([once(child, 'message'), once(child, 'exit')])
  if (message !== 'ready') throw new Error(`a node ended before it was ready (${message})`)
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  await gone
}

/** A cluster of a node's own takes a free port at each start and writes it into the fourth line of postmaster.pid. */
async function addressOf(config: Config, node: NodeName, role: 'owner' | 'desk'): Promise<string> {
  const { postgres, keys } = config.home.nodes[node]
  const port = (await readFile(join(postgres, 'data/postmaster.pid'), 'utf8')).split('\n')[3]
  const { password } = (await readJson(join(keys, role, 'database.json'))) as { password: string }
  return `postgres://concordat_${role}:${password}@127.0.0.1:${port}/concordat`
}

async function timesOf(children: readonly (readonly [NodeName, ChildProcess])[]): Promise<Record<string, number>> {
  const all = processes(await readdir('/proc'))
  return Object.fromEntries(
    children.flatMap(([node, child]) => {
      const family = familyOf(child.pid!, all)
      const sum = (own: boolean) =>
        family.filter((one) => (one.pid === child.pid) === own).reduce((total, one) => total + one.milliseconds, 0)
      return [
        [node, sum(true)],
        [`${node}'s PostgreSQL`, sum(false)],
      ]
    }),
  )
}
