import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile, rename, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ClusterFault } from './fault.ts'
import type { Place } from './place.ts'
import { commandOf, environment } from './runner.ts'

/** `ended` resolves when the process is gone, whyever. */
export type Server = { port: number; child: ChildProcess; ended: Promise<void>; hasEnded(): boolean }

/** Throws while the server does not yet accept; anything it throws that `isFinal` ends the wait. */
export type Trial = { connect(port: number): Promise<void>; isFinal(error: unknown): boolean }

const READY_WITHIN = 120_000

/**
 * Returns once the server accepts connections, after whatever recovery it needs. A port that was taken meanwhile is exchanged for
 * another; orphans of a killed server, which end by themselves, are waited for.
 */
export async function startServer(place: Place, fsync: boolean, trial: Trial, pickPort = freePort): Promise<Server> {
  const patience = Date.now() + 10_000
  for (let attempt = 1; ; attempt++) {
    const logged = await logSize(place)
    const server = await spawnServer(place, await pickPort(), fsync)
    if (await becomesReady(server, trial)) return server
    const said = await logSince(place, logged)
    const portTaken = said.includes('could not create any TCP/IP sockets') && attempt < 10
    const orphans = said.includes('pre-existing shared memory block') && Date.now() < patience
    if (!portTaken && !orphans)
      throw new ClusterFault(`PostgreSQL does not start; its log ${logOf(place)} ends:\n${said.trim().slice(-1000)}`)
    if (orphans) await delay(200)
  }
}

/** Fast shutdown: open transactions are rolled back, committed ones are on disk. If that takes over 10 s, without a checkpoint. */
export async function stopServer(server: Server): Promise<void> {
  server.child.ref()
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (server.hasEnded()) return
    server.child.kill(signal)
    const timer = new AbortController()
    await Promise.race([server.ended, delay(10_000, undefined, { signal: timer.signal }).catch(() => {})])
    timer.abort()
  }
  await server.ended
}

async function becomesReady(server: Server, trial: Trial): Promise<boolean> {
  for (const deadline = Date.now() + READY_WITHIN; !server.hasEnded(); await delay(20)) {
    try {
      await trial.connect(server.port)
      return true
    } catch (error) {
      if (!trial.isFinal(error) && Date.now() < deadline) continue
      await stopServer(server)
      throw error
    }
  }
  return false
}

/** A session of its own, so that Ctrl-C in our terminal reaches us alone and we decide when it stops. */
async function spawnServer(place: Place, port: number, fsync: boolean): Promise<Server> {
  const { file, args, ...user } = commandOf(place.runner, place.binaries.postgres, ['-D', place.data, ...settings(port, fsync)])
  const log = await openLog(place)
  try {
    const child = spawn(file, args, { ...user, env: environment(), cwd: '/', detached: true, stdio: ['ignore', log.fd, log.fd] })
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    await once(child, 'spawn')
    child.on('error', () => {})
    return { port, child, ended, hasEnded: () => child.exitCode !== null || child.signalCode !== null }
  } finally {
    await log.close()
  }
}

/**
 * Content must not reach the log. What a statement or a failed constraint quotes stands in the statement, the detail or the
 * message of an error: none of the three is written. What remains is the server's own life.
 */
const silent = {
  log_statement: 'none',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_min_duration_statement: '-1',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
  log_error_verbosity: 'terse',
}

/** Small: three clusters share a laptop. No replica reads this log, so it holds only what recovery needs. */
const small = {
  shared_buffers: '16MB',
  max_connections: '60',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '256MB',
  min_wal_size: '32MB',
  max_worker_processes: '2',
  max_parallel_workers: '0',
  max_logical_replication_workers: '0',
  autovacuum_max_workers: '1',
  io_method: 'sync',
  jit: 'off',
  huge_pages: 'off',
}

const alone = { listen_addresses: '127.0.0.1', unix_socket_directories: '', timezone: 'UTC', log_timezone: 'UTC', log_checkpoints: 'off' }

function settings(port: number, fsync: boolean): string[] {
  const durability = fsync ? { fsync: 'on' } : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }
  const all: Record<string, string> = { port: String(port), ...alone, ...small, ...silent, ...durability }
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new ClusterFault('no free port on 127.0.0.1')
  return address.port
}

const logOf = (place: Place): string => join(place.folder, 'log')

async function logSize(place: Place): Promise<number> {
  return (await stat(logOf(place)).catch(() => undefined))?.size ?? 0
}

/** One older log is kept. Only a start turns it over: a running server writes a few lines a day. */
async function openLog(place: Place) {
  if ((await logSize(place)) > 1 << 20) await rename(logOf(place), `${logOf(place)}.1`)
  return open(logOf(place), 'a', 0o600)
}

async function logSince(place: Place, offset: number): Promise<string> {
  const text = await readFile(logOf(place))
  return text.subarray(offset > text.length ? 0 : offset).toString('utf8')
}
