import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { promisify } from 'node:util'
import { ClusterFault } from './fault.ts'

const run = promisify(execFile)

/**
 * How PostgreSQL's programs are run. They refuse root and a user whom the passwd file does not know, so:
 * - `direct`: an ordinary user, as is;
 * - `namespace`: under another uid in a user namespace of its own. To the kernel that uid is still us: files stay ours, any
 *   folder that we may enter will do;
 * - `other-user`: root where namespaces are forbidden, as a user without rights: only in folders that user can enter.
 */
export type Runner = { kind: 'direct' | 'namespace' | 'other-user'; prefix: readonly string[]; user?: { uid: number; gid: number } }

/** What to give to `spawn`. */
export function commandOf(
  runner: Runner,
  program: string,
  args: readonly string[],
): { file: string; args: string[]; uid?: number; gid?: number } {
  const [file, ...rest] = [...runner.prefix, program, ...args]
  return { file: file!, args: rest, ...runner.user }
}

/** A clean environment: PGDATA, PGOPTIONS and their like belong to somebody else's server. */
export function environment(): Record<string, string> {
  return { PATH: `${process.env['PATH'] ?? ''}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`, LC_ALL: 'C', TZ: 'UTC' }
}

/**
 * Where setpriv(1) is at hand the kernel interrupts the program when we die, however we die. It comes last before the program:
 * a change of user or namespace clears it (prctl(2), PR_SET_PDEATHSIG).
 */
export async function endsWithUs(): Promise<readonly string[]> {
  const prefix = ['setpriv', '--pdeathsig', 'INT']
  return (await succeeds({ kind: 'direct', prefix }, 'true', [])) ? prefix : []
}

export function direct(ending: readonly string[]): Runner {
  return { kind: 'direct', prefix: ending }
}

export async function namespace(ending: readonly string[]): Promise<Runner> {
  const uid = (await unprivilegedUser())?.uid ?? 65534
  return { kind: 'namespace', prefix: ['unshare', '--user', `--map-user=${uid}`, `--map-group=${uid}`, ...ending] }
}

/** Root alone can run it. `uid` is whose files are there already; by default nobody's. */
export async function otherUser(ending: readonly string[], uid?: number): Promise<Runner> {
  const users = await passwdUsers()
  const user = uid === undefined ? await unprivilegedUser() : users.find((one) => one.uid === uid)
  if (user === undefined)
    throw new ClusterFault(
      `PostgreSQL does not run as root, and the passwd file knows no ${uid === undefined ? 'other user' : `user ${uid}, who owns the database`}.`,
    )
  return { kind: 'other-user', prefix: ending, user }
}

/** By trying: can it enter the folder and run the program? */
export async function canRun(runner: Runner, postgres: string, folder: string): Promise<boolean> {
  return succeeds(runner, 'sh', ['-c', 'test -x "$1" && exec "$2" --version', 'sh', folder, postgres])
}

/** The C library can look us up: the passwd file, a directory service, whatever it is set to ask. */
export function isKnownUser(): boolean {
  try {
    return userInfo().username !== ''
  } catch {
    return false
  }
}

/**
 * Reads links below `/proc`, given as a shell pattern; those that cannot be read are left out. Asked as the program's own user:
 * the kernel may tell nobody else, root included (a container without CAP_SYS_PTRACE).
 */
export async function readLinks(runner: Runner, pattern: string): Promise<string[]> {
  const asked = commandOf({ ...runner, prefix: [] }, 'sh', ['-c', `for path in ${pattern}; do readlink "$path"; done; true`])
  const { file, args, ...user } = asked
  const { stdout } = await run(file, args, { ...user, env: environment(), cwd: '/', maxBuffer: 16 << 20 })
  return stdout.split('\n').slice(0, -1)
}

async function succeeds(runner: Runner, program: string, args: string[]): Promise<boolean> {
  const { file, args: all, ...user } = commandOf(runner, program, args)
  return run(file, all, { ...user, env: environment(), cwd: '/', timeout: 20_000 }).then(
    () => true,
    () => false,
  )
}

type User = { uid: number; gid: number }

/** 65534, nobody almost everywhere, if the passwd file has it; else the last that is not root. */
async function unprivilegedUser(): Promise<User | undefined> {
  const users = (await passwdUsers()).filter(({ uid }) => uid > 0)
  return users.find(({ uid }) => uid === 65534) ?? users.at(-1)
}

async function passwdUsers(): Promise<User[]> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const users = text.split('\n').map((line) => line.split(':'))
  return users.filter((fields) => fields.length >= 4).map((fields) => ({ uid: Number(fields[2]), gid: Number(fields[3]) }))
}
