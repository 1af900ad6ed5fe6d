import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { syncFolder, writeFileAtomically } from '../home.ts'
import { exists } from './binaries.ts'
import { ClusterFault } from './fault.ts'
import type { Place } from './place.ts'
import { commandOf, environment } from './runner.ts'

export const superuser = 'postgres'

/**
 * Makes the cluster if there is none; returns the superuser's password, which lies in `secret` (0600) and nowhere else. The
 * secret is durable before the data; the data is made beside and renamed, so `data` is whole or absent. A crash leaves a folder
 * `new-…` with the password's copy in it (closed to others), which the next start removes.
 */
export async function initialise(place: Place, fsync: boolean): Promise<string> {
  await removeUnfinished(place.folder)
  const isNew = !(await exists(place.data))
  const password = await secretOf(join(place.folder, 'secret'), isNew)
  if (isNew) await makeCluster(place, password, fsync)
  return password
}

async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    // An initdb whose starter was killed a moment ago may still be writing there.
    if (/^new-[0-9a-f]{12}$/.test(name)) await rm(join(folder, name), { recursive: true, force: true, maxRetries: 12, retryDelay: 50 })
  }
}

async function secretOf(path: string, isNew: boolean): Promise<string> {
  const kept = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    return undefined
  })
  if (kept !== undefined) return kept.trim()
  if (!isNew)
    throw new ClusterFault(`The password of the database is missing: ${path}. Bring it back, or delete its folder to begin afresh.`)
  const password = randomBytes(24).toString('base64url')
  await writeFileAtomically(path, `${password}\n`)
  return password
}

async function makeCluster(place: Place, password: string, fsync: boolean): Promise<void> {
  const beside = join(place.folder, `new-${randomBytes(6).toString('hex')}`)
  const passwordFile = join(beside, 'password')
  try {
    await mkdir(beside, { mode: 0o700 })
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' })
    await giveTo(place, beside, passwordFile)
    await runInitdb(place, join(beside, 'data'), passwordFile, fsync)
    await rename(join(beside, 'data'), place.data)
    await syncFolder(place.folder)
  } finally {
    await rm(beside, { recursive: true, force: true })
  }
}

async function giveTo({ runner }: Place, ...paths: string[]): Promise<void> {
  if (runner.user === undefined) return
  for (const path of paths) await chown(path, runner.user.uid, runner.user.gid)
}

async function runInitdb(place: Place, data: string, passwordFile: string, fsync: boolean): Promise<void> {
  const where = [`--pgdata=${data}`, `--username=${superuser}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--no-instructions']
  // The built-in locale sorts alike on every machine, whatever its C library.
  const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
  const { file, args, ...user } = commandOf(place.runner, place.binaries.initdb, [...where, ...locale, ...(fsync ? [] : ['--no-sync'])])
  await promisify(execFile)(file, args, { ...user, env: environment(), cwd: '/' }).catch((cause: Error & { stderr?: string }) => {
    throw new ClusterFault(`The database could not be made in ${place.folder}: ${(cause.stderr ?? cause.message).trim().slice(-1000)}`)
  })
}
