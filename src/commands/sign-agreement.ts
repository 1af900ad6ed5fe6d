import { readConfig } from '#platform/config'
import type { Env } from './command.ts'

/** Signs the agreement's folder as it stands, for both bodies: only where both bodies' trying-out keys lie in one home. */
export async function signAgreementCommand(argv: string[], env: Env): Promise<number> {
  const json = argv.includes('--json')
  if (argv.some((word) => word !== '--json')) {
    process.stderr.write('usage: concordat sign-agreement [--json]\n')
    return 2
  }
  const config = readConfig(env)
  if (config.environment === 'production') {
    process.stderr.write('In production each body signs with its own key on its own machine.\n')
    return 1
  }
  const { signItself } = await import('../nodes/founding.ts')
  const signed = await signItself(config)
  process.stdout.write(
    json
      ? `${JSON.stringify(signed)}\n`
      : `Signed ${signed.id} as it stands, hash ${signed.hash}, with both bodies' trying-out keys. Start again to work under it.\n`,
  )
  return 0
}
