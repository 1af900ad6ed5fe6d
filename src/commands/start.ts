import { readConfig } from '#platform/config'
import type { Env } from './command.ts'

export async function start(argv: string[], env: Env): Promise<number> {
  if (argv.length > 0) {
    process.stderr.write('usage: concordat start\n')
    return 2
  }
  const { start: together } = await import('../nodes/together.ts')
  return together(readConfig(env), (line) => process.stdout.write(`${line}\n`))
}
