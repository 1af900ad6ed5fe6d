import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { originOf, type Config } from '#platform/config'
import { lockHome, makeFolder, nodeNames, writeFileAtomically, type NodeName } from '#platform/home'
import { tellStories } from './stories.ts'
import { refreshTryFile } from './try-file.ts'

const main = resolve(import.meta.dirname, '../main.ts')

/**
 * `concordat start`: the three nodes on this machine, each its own process with its own cluster, keys and ledger. This process
 * holds nothing of theirs but their lives: when it ends, however it ends, they end.
 */
export async function start(config: Config, print: (line: string) => void): Promise<number> {
  if (config.environment === 'production') {
    print('start runs all three bodies on one machine, for trying out. In production each runs its own: concordat node portal|ncsc|ico')
    return 2
  }
  await makeFolder(config.home.folder)
  const lock = await lockHome(config.home.folder)
  try {
    const agreement = await founded()
    if (agreement === undefined) return 1
    const known = await refreshTryFile(config)
    print(`Concordat, for trying out, on Node ${process.version} (${process.execPath})`)
    return await supervise(print, async () => {
      announce(config, agreement, print)
      const told = join(config.home.folder, 'stories-told')
      if (config.seed === 'people' || existsSync(told)) return
      await tellStories(known)
      await writeFileAtomically(told, '')
    })
  } finally {
    lock.release()
  }
}

type Known = { id: string; hash: string; byItself: boolean }

/** In a process of its own: what founding needs is large, and this one stays. Undefined where it refused, and said why. */
async function founded(): Promise<Known | undefined> {
  const child = spawn(process.execPath, [...process.execArgv, main, 'found', '--json'], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  const ended = once(child, 'exit')
  const said = await text(child.stdout!)
  return (await ended)[0] === 0 ? (JSON.parse(said) as Known) : undefined
}

function announce(config: Config, { id, hash, byItself }: Known, print: (line: string) => void): void {
  for (const node of nodeNames) print(`  ${node.padEnd(7)}${originOf(config, node)}`)
  print(`  agreement ${id}, hash ${hash}${byItself ? ', signed by itself because this is for trying out' : ''}`)
  print(`  people and tokens: ${config.home.tryFile}`)
  print('Ready. Ctrl-C stops everything.')
}

type Child = { node: NodeName; process: ChildProcess; ready: Promise<void> }

async function supervise(print: (line: string) => void, whenReady: () => Promise<void>): Promise<number> {
  const children = nodeNames.map((node) => begin(node))
  const ended = Promise.race(children.map(async (child) => ({ child, code: (await once(child.process, 'exit'))[0] as number | null })))
  const asked = Promise.withResolvers<'asked'>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => asked.resolve('asked'))
  const first = await Promise.race([Promise.all(children.map((child) => child.ready)).then(() => 'ready' as const), ended, asked.promise])
  const stories =
    first === 'ready'
      ? whenReady().catch(() => print('The stories of the small world could not all be told; everything else works.'))
      : undefined
  const last = first === 'ready' ? await Promise.race([ended, asked.promise]) : first
  await Promise.all(children.map(stopChild))
  await Promise.race([stories, Promise.resolve()])
  if (last === 'asked') return 0
  if (typeof last === 'object') print(`The ${last.child.node} node ended (${last.code ?? 'by a signal'}); everything was stopped.`)
  return 1
}

/** A child that finds its parent gone (the channel closes) ends by itself. */
function begin(node: NodeName): Child {
  const child = spawn(process.execPath, [...process.execArgv, main, 'node', node], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const ready = new Promise<void>((resolveReady) => {
    child.on('message', (message) => {
      if (message === 'ready') resolveReady()
    })
  })
  return { node, process: child, ready }
}

async function stopChild({ process: child }: Child): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await gone
  clearTimeout(timer)
}
