import { checkTrustFile, type TrustFile } from '#exchange'
import { nodeNames, readJson, type NodeName } from '#platform/home'
import { originOf, readConfig } from '#platform/config'
import type { Env } from './command.ts'

/** Wrong usage: exit 2. */
export class Usage extends Error {}
/** Nothing to check against, or nothing to check: exit 1. */
export class Unable extends Error {}

/** Keys never come with what they are to prove. */
export async function readTrust(path: string): Promise<TrustFile> {
  const value = await readJson(path).catch(() => undefined)
  if (value === undefined) throw new Unable(`there is no trust file at ${path}, so nothing can be checked: --trust FILE`)
  try {
    return checkTrustFile(value)
  } catch {
    throw new Unable(`${path} is not a trust file, so nothing can be checked`)
  }
}

/** Where each node shows its public ledger: as given, else as this installation has it. */
export function addressesOf(given: Partial<Record<NodeName, string>>, env: Env): Record<NodeName, string> {
  const config = readConfig(env)
  const addresses = nodeNames.map((node) => {
    const url = given[node] ?? originOf(config, node)
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw new Usage(`--${node} takes an address`)
    return [node, url.replace(/\/$/, '')]
  })
  return Object.fromEntries(addresses)
}

/** Text of others must not steer the terminal it is shown on. */
export function say(text: string, code: number): number {
  process.stdout.write(text.replace(/[^\P{Cc}\n]|\p{Bidi_C}/gu, '\ufffd'))
  return code
}

/** Runs a command's work and turns its two kinds of no into exit codes. */
export async function answering(command: string, work: () => Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Usage || error instanceof Unable)) throw error
    process.stderr.write(`concordat ${command}: ${error.message}\n`)
    return error instanceof Usage ? 2 : 1
  }
}
