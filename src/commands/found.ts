import { readConfig } from '#platform/config'
import type { Env } from './command.ts'

/** Makes what trying out needs, where it is missing, and says which agreement the nodes will work under; refuses one that is not signed as it stands. */
export async function foundCommand(argv: string[], env: Env): Promise<number> {
  const json = argv.includes('--json')
  if (argv.some((word) => word !== '--json')) {
    process.stderr.write('usage: concordat found [--json]\n')
    return 2
  }
  const config = readConfig(env)
  if (config.environment === 'production') {
    process.stderr.write('In production each body makes its own keys on its own machine.\n')
    return 1
  }
  // Whoever started this holds the home's lock for it. Once they are gone somebody else may be founding.
  const orphaned = (): never => process.exit(1)
  process.once('disconnect', orphaned)
  const { found, signedAgreement } = await import('../nodes/founding.ts')
  await found(config)
  const { folder, byItself } = await signedAgreement(config)
  process.off('disconnect', orphaned)
  const agreement = { id: folder.file.id, hash: folder.hash, byItself }
  process.stdout.write(
    json ? `${JSON.stringify(agreement)}\n` : `${config.home.folder} is founded, under ${agreement.id}, hash ${agreement.hash}\n`,
  )
  return 0
}
