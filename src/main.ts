import { enableCompileCache } from 'node:module'
import { join, resolve } from 'node:path'
import type { Command } from './commands/command.ts'

// WebCrypto's post-quantum algorithms are stable in their standards and marked experimental in Node; the warning would be on every start.
process.removeAllListeners('warning')
process.on('warning', (warning) => {
  if (warning.name !== 'ExperimentalWarning') process.stderr.write(`${warning.name}: ${warning.message}\n`)
})
enableCompileCache(join(resolve(import.meta.dirname, '..'), 'node_modules/.cache/compile'))

const commands: Record<string, { load: () => Promise<Command>; about: string }> = {
  'start': {
    load: async () => (await import('./commands/start.ts')).start,
    about: 'run portal, NCSC and ICO on this machine, for trying out',
  },
  'node': { load: async () => (await import('./commands/node.ts')).node, about: 'run one node: portal|ncsc|ico [--part desk|gateway]' },
  'found': {
    load: async () => (await import('./commands/found.ts')).foundCommand,
    about: 'make keys, trust file and small world, where missing (trying out; start does it)',
  },
  'migrate': { load: async () => (await import('./commands/migrate.ts')).migrateCommand, about: 'bring named databases up to date' },
  'report': { load: async () => (await import('./commands/report.ts')).report, about: 'file a report from a YAML file' },
  'import': {
    load: async () => (await import('./commands/import.ts')).importCommand,
    about: 'make drafts of incidents from a file of VERIS records',
  },
  'verify': {
    load: async () => (await import('./commands/verify.ts')).verify,
    about: 'check a bundle offline against your own trust file',
  },
  'witness': {
    load: async () => (await import('./commands/witness.ts')).witness,
    about: 'watch and cosign all three ledgers, from outside',
  },
  'heads': {
    load: async () => (await import('./commands/heads.ts')).heads,
    about: 'compare the ledger heads that different people were shown',
  },
  'reconcile': {
    load: async () => (await import('./commands/reconcile.ts')).reconcile,
    about: 'check a house: store, ledger, signed statements; or compare two exports',
  },
  'sign': {
    load: async () => (await import('./commands/sign.ts')).sign,
    about: 'see and sign a permission away from the portal; make a signing key',
  },
  'sign-agreement': {
    load: async () => (await import('./commands/sign-agreement.ts')).signAgreementCommand,
    about: 'sign the agreement as it stands (trying out)',
  },
}

const [name, ...argv] = process.argv.slice(2)
const known = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined

if (known) {
  process.exitCode = await run(known)
  // Whatever a command leaves open ends with it.
  if (process.connected) process.disconnect()
} else {
  const lines = Object.entries(commands).map(([command, { about }]) => `  ${command.padEnd(16)}${about}`)
  const help = name === undefined || name === 'help' || name === '--help'
  ;(help ? process.stdout : process.stderr).write(`usage: concordat <command>\n${lines.join('\n')}\n`)
  process.exitCode = help ? 0 : 2
}

async function run({ load }: { load: () => Promise<Command> }): Promise<number> {
  try {
    return await (await load())(argv, process.env)
  } catch (error) {
    process.stderr.write(`concordat: ${spoken(error as Error) ?? (error as Error).stack ?? error}\n`)
    return (error as { code?: string }).code === 'config-invalid' ? 2 : 1
  }
}

/** Errors that say what to do are told in one line; anything else is a fault of ours and shows where. */
function spoken(error: Error & { code?: string; port?: number }): string | undefined {
  if (error.code === 'EADDRINUSE')
    return `port ${error.port} is taken. Stop what uses it, or set CONCORDAT_PORT to the first of other ports.`
  const codes = [
    'already-running',
    'cluster-fault',
    'config-invalid',
    'agreement-unsigned',
    'migration-edited',
    'policy-invalid',
    'key-refused',
    'witness-state-broken',
  ]
  return codes.includes(error.code ?? '') ? error.message : undefined
}
