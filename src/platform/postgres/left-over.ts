import { readFile, realpath, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { endsWithin, startOf } from '../processes.ts'
import { ClusterFault } from './fault.ts'
import type { Place } from './place.ts'
import { readLinks } from './runner.ts'

/**
 * A server that outlived the process which started it is stopped: only if it runs our program and works in this very folder.
 * The caller holds the cluster's lock, so no living process of ours wants that server. Once this returns nothing uses the folder.
 */
export async function stopLeftOver(place: Place, say: (line: string) => void): Promise<void> {
  const file = join(place.data, 'postmaster.pid')
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0])
  if (!(pid > 0)) return
  const start = startOf(pid)
  if (start !== undefined && (await isServerOf(place, pid))) await stopServer(pid, start, say)
  else await forget(place, file, pid)
}

/** PostgreSQL works in its data folder, under the owner of that folder: a process that does neither has but inherited the pid. */
async function isServerOf(place: Place, pid: number): Promise<boolean> {
  const data = await realpath(place.data)
  const [folder] = await readLinks(place.runner, `/proc/${pid}/cwd`)
  const [program] = await readLinks(place.runner, `/proc/${pid}/exe`)
  if (folder === undefined && (await uidOf(`/proc/${pid}`)) !== (await uidOf(data))) return false
  if (folder !== undefined && folder !== data) return false
  // A reinstalled package leaves the running program without its file.
  if (program?.replace(/ \(deleted\)$/, '') === (await realpath(place.binaries.postgres))) return true
  throw new ClusterFault(
    `Process ${pid} (${program ?? 'program unknown'}) has the database in ${place.folder} open, and we did not start it. Stop it first.`,
  )
}

async function uidOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.uid
}

async function stopServer(pid: number, start: number, say: (line: string) => void): Promise<void> {
  say(`stopping a PostgreSQL left over from an earlier start (process ${pid})`)
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    send(pid, signal)
    if (await endsWithin(pid, start, 10_000)) return
  }
  throw new ClusterFault(`A PostgreSQL left over from an earlier start (process ${pid}) does not stop.`)
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/**
 * PostgreSQL would take the pid in the file for a rival if anything bears it: another program, or its own dead predecessor that
 * nobody reaped. The file also guards against orphans of a killed server, so it goes only when nothing works in the folder.
 */
async function forget(place: Place, file: string, pid: number): Promise<void> {
  if ((await uidOf(`/proc/${pid}`)) === undefined) return
  const data = await realpath(place.data)
  for (const deadline = Date.now() + 10_000; (await readLinks(place.runner, '/proc/[0-9]*/cwd')).includes(data); await delay(100)) {
    if (Date.now() >= deadline) throw new ClusterFault(`Some process still works in ${data}. End it first.`)
  }
  await rm(file, { force: true })
}
