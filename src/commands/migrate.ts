import { nodeNames } from '#platform/home'
import { readConfig } from '#platform/config'
import type { Env } from './command.ts'

/** Brings the databases that the environment names up to date; `concordat node` does the same for its own before it starts. */
export async function migrateCommand(argv: string[], env: Env): Promise<number> {
  if (argv.length > 0) {
    process.stderr.write('usage: concordat migrate (with CONCORDAT_{PORTAL,NCSC,ICO}_DATABASE_URL)\n')
    return 2
  }
  const config = readConfig(env)
  const named = nodeNames.filter((node) => config.databaseUrls[node])
  if (named.length === 0) {
    process.stderr.write(
      'Set CONCORDAT_PORTAL_DATABASE_URL, CONCORDAT_NCSC_DATABASE_URL or CONCORDAT_ICO_DATABASE_URL. A node that keeps its own cluster migrates when it starts.\n',
    )
    return 2
  }
  const { prepareDatabase } = await import('../nodes/run.ts')
  for (const node of named) {
    await prepareDatabase(config, node, config.databaseUrls[node]!)
    process.stdout.write(`${node}: up to date\n`)
  }
  return 0
}
