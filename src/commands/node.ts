import { nodeNames, type NodeName } from '#platform/home'
import { readConfig } from '#platform/config'
import type { Part } from '#platform/provision'
import type { Env } from './command.ts'

/** `concordat node portal|ncsc|ico [--part desk|gateway]`: runs until it is asked to stop, until whoever started it is gone, or until its database is. */
export async function node(argv: string[], env: Env): Promise<number> {
  const [name, flag, part, ...rest] = argv
  const parts: Part[] | undefined =
    flag === undefined ? ['desk', 'gateway'] : flag === '--part' && (part === 'desk' || part === 'gateway') ? [part] : undefined
  if (!nodeNames.includes(name as NodeName) || parts === undefined || rest.length > 0) {
    process.stderr.write('usage: concordat node portal|ncsc|ico [--part desk|gateway]\n')
    return 2
  }
  const asked = askedToStop()
  const { runNode } = await import('../nodes/run.ts')
  const running = await runNode(readConfig(env), name as NodeName, { parts })
  if (process.connected) process.send!('ready')
  else process.stdout.write(`${name} is ready\n`)
  const fault = await Promise.race([asked, running.ended])
  await running.stop()
  if (fault) throw fault
  return 0
}

/** Asked for before anything is begun, so that what ends during the start is not missed. */
function askedToStop(): Promise<undefined> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(undefined))
    process.on('disconnect', () => resolve(undefined))
  })
}
