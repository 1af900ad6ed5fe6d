import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { readConfig, type Config } from '#platform/config'
import { nodeNames, readJson, type NodeName } from '#platform/home'
import { endsWithin, startOf } from '#platform/processes'
import { found, type TryFile } from '../src/nodes/founding.ts'
import { freePorts, personOf, type Person } from './network.ts'

const concordat = resolve(import.meta.dirname, '../bin/concordat')

/**
 * The real thing: `concordat node …` three times, each a process of its own with a cluster of its own, in a home below the system's
 * temporary folder. What goes on in them is seen from outside alone: API, database, files, processes, logs.
 */
export type Apart = {
  config: Config
  world: TryFile
  as(name: string): Person
  /** Resolves once the node answers. */
  start(node: NodeName): Promise<void>
  /** Resolves once the process is gone; with `SIGTERM` its cluster is gone by then as well. */
  kill(node: NodeName, signal?: NodeJS.Signals): Promise<void>
  /** Stops all of the node's processes where they stand, or its database's alone. */
  pause(node: NodeName, what?: 'node' | 'database'): void
  resume(node: NodeName): void
  isRunning(node: NodeName): boolean
  pid(node: NodeName): number
  /** The server process of the node's cluster. */
  postmaster(node: NodeName): number
  /** The cluster as its superuser sees it, in the node's own database unless another is named. */
  look<R = any>(node: NodeName, text: string, values?: unknown[]): Promise<R[]>
  /** What the node has written to its log so far. */
  said(node: NodeName): Promise<string>
  stop(): Promise<void>
}

export async function startApart(env: Record<string, string> = {}): Promise<Apart> {
  const folder = await mkdtemp(join(tmpdir(), 'concordat-apart-'))
  const settings = {
    CONCORDAT_HOME: join(folder, 'home'),
    CONCORDAT_PORT: String(await freePorts()),
    CONCORDAT_LEDGER_INTERVAL: '20',
    CONCORDAT_LEDGER_SLOTS: '16',
    CONCORDAT_SEED: 'people',
    CONCORDAT_STATEMENTS: '86400',
    CONCORDAT_FSYNC: 'on',
    CONCORDAT_CLAIM: '1500',
    ...env,
  }
  const config = readConfig(settings)
  await found(config)
  const nodes = Object.fromEntries(nodeNames.map((node) => [node, new Node(node, config, settings)])) as Record<NodeName, Node>
  const stop = async (): Promise<void> => {
    await Promise.all(nodeNames.map((node) => nodes[node].end()))
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await Promise.all(nodeNames.map((node) => nodes[node].start()))
  } catch (error) {
    await stop()
    throw error
  }
  const world = (await readJson(config.home.tryFile)) as TryFile
  return {
    config,
    world,
    stop,
    as: (name) => personOf(world, name),
    start: (node) => nodes[node].start(),
    kill: (node, signal = 'SIGKILL') => nodes[node].kill(signal),
    pause: (node, what = 'node') => nodes[node].pause(what),
    resume: (node) => nodes[node].resume(),
    isRunning: (node) => nodes[node].isRunning(),
    pid: (node) => nodes[node].child!.pid!,
    postmaster: (node) => nodes[node].postmaster(),
    look: (node, text, values) => nodes[node].look(text, values),
    said: (node) => readFile(nodes[node].log, 'utf8'),
  }
}

class Node {
  readonly log: string
  child: ChildProcess | undefined
  readonly #name: NodeName
  readonly #config: Config
  readonly #env: Record<string, string>
  #client: pg.Client | undefined
  #paused: number[] = []

  constructor(name: NodeName, config: Config, env: Record<string, string>) {
    this.#name = name
    this.#config = config
    this.#env = env
    this.log = join(config.home.folder, `${name}.log`)
  }

  async start(): Promise<void> {
    const log = await open(this.log, 'a')
    // The channel ties its life to ours: whatever becomes of this process, nothing is left.
    const child = spawn(concordat, ['node', this.#name], {
      env: { ...environment(), ...this.#env },
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
    })
    this.child = child
    await log.close()
    const gone = once(child, 'exit').then(async () => {
      throw new Error(`the ${this.#name} node does not start:\n${(await readFile(this.log, 'utf8')).slice(-2000)}`)
    })
    await Promise.race([once(child, 'message'), gone])
    gone.catch(() => {})
  }

  isRunning(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    await this.#forget()
    if (!this.isRunning()) return
    const gone = once(this.child!, 'exit')
    this.child!.kill(signal)
    await gone
  }

  pause(what: 'node' | 'database'): void {
    this.#paused = what === 'node' ? [this.child!.pid!] : [this.postmaster(), ...childrenOf(this.postmaster())]
    for (const pid of this.#paused) process.kill(pid, 'SIGSTOP')
  }

  resume(): void {
    for (const pid of this.#paused.splice(0)) if (startOf(pid) !== undefined) process.kill(pid, 'SIGCONT')
  }

  postmaster(): number {
    return Number(readFileSync(join(this.#config.home.nodes[this.#name].postgres, 'data/postmaster.pid'), 'utf8').split('\n')[0])
  }

  async look<R>(text: string, values: unknown[] = []): Promise<R[]> {
    this.#client ??= await this.#connect()
    return (await this.#client.query(text, values)).rows
  }

  async #connect(): Promise<pg.Client> {
    const { postgres } = this.#config.home.nodes[this.#name]
    const port = Number((await readFile(join(postgres, 'data/postmaster.pid'), 'utf8')).split('\n')[3])
    const password = (await readFile(join(postgres, 'secret'), 'utf8')).trim()
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password, database: 'concordat' })
    client.on('error', () => {
      this.#client = undefined
    })
    await client.connect()
    return client
  }

  async #forget(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    await client?.end().catch(() => {})
  }

  /** Nothing of it is left when this resolves. */
  async end(): Promise<void> {
    this.resume()
    const server = safely(() => this.postmaster())
    const began = server && startOf(server)
    await this.kill('SIGTERM')
    if (server && began && !(await endsWithin(server, began, 15_000))) process.kill(server, 'SIGKILL')
  }
}

/** Settings of our own shell must not reach the nodes. */
function environment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name, value]) => !/^(CONCORDAT_|PG)/.test(name) && value !== undefined),
  ) as Record<string, string>
}

export function childrenOf(pid: number): number[] {
  const all = globSync('/proc/[0-9]*').map((path) => Number(path.slice('/proc/'.length)))
  return all.filter((one) => parentOf(one) === pid)
}

/** A process and everything below it. */
export function treeOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(treeOf)]
}

function parentOf(pid: number): number | undefined {
  const stat = safely(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  return stat === undefined ? undefined : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

function safely<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

export { delay }
