import { createHash } from 'node:crypto'
import { chmod, mkdir, readlink, realpath, rename, rm, rmdir, stat, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeFolder, syncFolder } from '../home.ts'
import { type Binaries, exists, installedBinaries, sharedBinaries } from './binaries.ts'
import { ClusterFault } from './fault.ts'
import { stopLeftOver } from './left-over.ts'
import { canRun, direct, endsWithUs, isKnownUser, namespace, otherUser, type Runner } from './runner.ts'

/** Where a cluster lies and how its programs run. `folder` is real, no link; `data` is its data folder, which need not exist yet. */
export type Place = { folder: string; data: string; runner: Runner; binaries: Binaries }

export type Wanted = { folder: string; namespaces: boolean; shared: string; say: (line: string) => void }

/**
 * Settles both, once and for all: whoever owns the data goes on owning it. Makes the folder (0700), or, for another user, the
 * folder under `shared` and the link to it. A crash between leaves an empty folder or a link to one, which the next start uses.
 */
export async function placeOf(wanted: Wanted): Promise<Place> {
  const binaries = await installedBinaries()
  const ending = await endsWithUs()
  const linked = await isSharedLink(wanted)
  const owner = (await stat(join(wanted.folder, 'data')).catch(() => undefined))?.uid
  const self = process.getuid!()
  if (linked || (owner !== undefined && owner !== self)) {
    if (self === 0) return placeOfOther(wanted, binaries, await otherUser(ending, owner))
    throw new ClusterFault(
      `The database in ${wanted.folder} belongs to another user. Start as that user, or set CONCORDAT_HOME to another folder.`,
    )
  }
  if (self !== 0 && isKnownUser()) return ownPlace(wanted, binaries, direct(ending))
  const within = await namespace(ending)
  if (wanted.namespaces && (await canRun(within, binaries.postgres, dirname(wanted.folder)))) return ownPlace(wanted, binaries, within)
  return placeWithoutNamespaces(wanted, binaries, ending, owner !== undefined)
}

async function placeWithoutNamespaces(wanted: Wanted, binaries: Binaries, ending: readonly string[], hasData: boolean): Promise<Place> {
  if (process.getuid!() !== 0)
    throw new ClusterFault(
      `PostgreSQL needs a user whom the passwd file knows, and this one (${process.getuid!()}) is not in it; user namespaces, which would do instead, are forbidden here.`,
    )
  if (hasData)
    throw new ClusterFault(
      `The database in ${wanted.folder} was made by root where user namespaces are allowed; here they are not. Start it there, or delete the folder to begin afresh.`,
    )
  const runner = await otherUser(ending)
  await makeSharedPlace(wanted, binaries, runner)
  return placeOfOther(wanted, binaries, runner)
}

async function ownPlace(wanted: Wanted, binaries: Binaries, runner: Runner): Promise<Place> {
  await makeFolder(wanted.folder)
  const folder = await realpath(wanted.folder)
  return { folder, data: join(folder, 'data'), runner, binaries }
}

async function placeOfOther(wanted: Wanted, binaries: Binaries, runner: Runner): Promise<Place> {
  const copy = await sharedBinaries(binaries, wanted.shared)
  const folder = await realpath(wanted.folder)
  if (await canRun(runner, copy.postgres, folder)) return { folder, data: join(folder, 'data'), runner, binaries: copy }
  throw new ClusterFault(
    `PostgreSQL cannot run as user ${runner.user?.uid}: either that user cannot enter ${folder}, or ${copy.folder} is broken (delete it: it is only a copy), or this process may not change its user.`,
  )
}

/** Is the folder our link? If it leads nowhere the data is lost or not mounted: beginning anew unasked would hide that. */
async function isSharedLink({ folder, shared }: Wanted): Promise<boolean> {
  const to = await readlink(folder).catch(() => undefined)
  if (to === undefined || dirname(to) !== shared) return false
  if (await exists(to)) return true
  throw new ClusterFault(`The database of ${folder} was in ${to}, which is gone. Bring it back, or delete ${folder} to begin afresh.`)
}

async function makeSharedPlace(wanted: Wanted, binaries: Binaries, runner: Runner): Promise<void> {
  const { folder, shared } = wanted
  const to = join(shared, createHash('sha256').update(folder).digest('hex').slice(0, 32))
  await mkdir(shared, { recursive: true, mode: 0o755 })
  await setAside(to, wanted, binaries, runner)
  await mkdir(to, { mode: 0o711 })
  // Whatever the umask: the other user must get through to the data, and see nothing else.
  await chmod(to, 0o711)
  await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT')
      throw new ClusterFault(`${folder} is in the way: it holds no database, and is no empty folder.`, { cause: error })
  })
  await symlink(to, folder)
  await syncFolder(dirname(folder))
}

/** No link leads there any more: its home was deleted, which starts afresh. The last one is kept, lest the home was only unmounted. */
async function setAside(path: string, wanted: Wanted, binaries: Binaries, runner: Runner): Promise<void> {
  if (!(await exists(path))) return
  const copy = await sharedBinaries(binaries, wanted.shared)
  await stopLeftOver({ folder: path, data: join(path, 'data'), runner, binaries: copy }, wanted.say)
  await rm(`${path}.old`, { recursive: true, force: true })
  await rename(path, `${path}.old`)
  wanted.say(`set aside a database whose home is gone: ${path}.old`)
}
