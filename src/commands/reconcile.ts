import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { trustOf, type TrustFile } from '#exchange'
import { headsSeen } from '#ledger'
import { compareExports, readExport, reconcileHouse, writeExport, type Compared, type Reconciled } from '#reconcile'
import { readConfig } from '#platform/config'
import { homeAt, homeFolder, nodeNames, writeFileAtomically, type NodeName } from '#platform/home'
import { readGatewayKeys } from '#platform/keys'
import type { Env } from './command.ts'
import { answering, readTrust, say, Unable, Usage } from './trusting.ts'

const HELP = `Usage: concordat reconcile portal|ncsc|ico [--export FILE --with NODE] [--json]
       concordat reconcile A.export B.export [--trust FILE] [--json]

The first checks one house from within, with the node's own configuration: everything kept that claims to have arrived, everything sent,
its ledger, and what the others signed. It reads one instant and writes nothing; the node may run meanwhile.
  --export FILE    also write what this house exchanged with one other, by hashes alone, sealed by this house, for an auditor
  --with NODE      with which other. An export tells that there were messages: the NCSC's with the portal is not for the ICO
The second compares the exports of two houses with each other, offline.
  --trust FILE     the trust file; else trust.json of this installation
  --json           one JSON document instead of text
Exit: 0 the books agree, 1 they do not, or could not be checked, 2 wrong usage.
`

const flagForms = {
  help: { type: 'boolean', short: 'h' },
  json: { type: 'boolean' },
  export: { type: 'string' },
  with: { type: 'string' },
  trust: { type: 'string' },
} as const

type Flags = { json: boolean; export: string | undefined; with: NodeName | undefined; trust: string }

export function reconcile(argv: string[], env: Env): Promise<number> {
  return answering('reconcile', async () => {
    const { values, positionals } = parsed(argv)
    if (values.help) return say(HELP, 0)
    const flags = readFlags(values, env)
    const trust = await readTrust(flags.trust)
    const [first, second, ...more] = positionals
    if (first !== undefined && second === undefined && isNode(first)) return await house(first, trust, flags, env)
    if (first === undefined || second === undefined || more.length > 0 || flags.export !== undefined)
      throw new Usage('name one node, or two exports (--help says more)')
    return await between([first, second], trust, flags.json)
  })
}

function parsed(argv: string[]) {
  try {
    return parseArgs({ args: argv, options: flagForms, allowPositionals: true })
  } catch (error) {
    throw new Usage((error as Error).message)
  }
}

const isNode = (name: string): name is NodeName => nodeNames.includes(name as NodeName)

function readFlags(values: ReturnType<typeof parsed>['values'], env: Env): Flags {
  const { json = false, trust = homeAt(homeFolder(env)).trustFile, with: other } = values
  if ((values.export === undefined) !== (other === undefined)) throw new Usage('--export FILE and --with NODE go together')
  if (other !== undefined && !isNode(other)) throw new Usage('--with takes portal, ncsc or ico')
  return { json, export: values.export, with: other, trust }
}

async function house(node: NodeName, trustFile: TrustFile, flags: Flags, env: Env): Promise<number> {
  if (flags.with === node) throw new Usage('--with names another node')
  const config = readConfig(env)
  const trust = trustOf(trustFile)
  const { openBooks } = await import('../nodes/books.ts')
  const { db, close } = await openBooks(config, node).catch((error: Error) => {
    throw new Unable(`the database of the ${node} node cannot be opened: ${error.message}`)
  })
  try {
    const at = new Date()
    const found = await reconcileHouse(db, { node, trust })
    if (flags.export !== undefined && flags.with !== undefined) {
      const keys = await readGatewayKeys(config.home.nodes[node].keys, config.environment === 'production')
      const lists = { sent: found.sent.values(), received: found.received.values(), placed: found.placed, heads: await headsSeen(db, '') }
      const text = writeExport({ node, with: flags.with, trust, signer: keys.statement, ...lists }, at)
      await writeFileAtomically(flags.export, text)
    }
    return say(flags.json ? houseAsJson(node, found) : houseAsText(node, found), found.findings.length === 0 ? 0 : 1)
  } finally {
    await close()
  }
}

function houseAsJson(node: NodeName, { findings, counted }: Reconciled): string {
  return `${JSON.stringify({ ok: findings.length === 0, node, counted, findings }, null, 2)}\n`
}

function houseAsText(node: NodeName, { findings, counted }: Reconciled): string {
  const looked = Object.entries(counted).map(([table, rows]) => `  ${table.padEnd(22)}${rows.toLocaleString('en-GB').padStart(12)}`)
  const wrong = findings.map(({ table, id, code, about }) => `  ${code.padEnd(24)}${table} ${id}: ${about}`)
  const end = wrong.length === 0 ? ['The books of this house agree.'] : ['THE BOOKS DO NOT AGREE:', ...wrong]
  return `${[`${node}: looked at`, ...looked, ...end].join('\n')}\n`
}

async function between(paths: [string, string], trustFile: TrustFile, json: boolean): Promise<number> {
  const trust = trustOf(trustFile)
  const read = async (path: string) => {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new Usage(`${path} cannot be read (${error.code})`)
    })
    return refusing(`${path} is not an export under the seal of the house it names`, () => readExport(text, trust))
  }
  const [one, other] = [await read(paths[0]), await read(paths[1])]
  const compared = refusing('these are not the exports of two houses, each with the other', () => compareExports(one, other, trust))
  const ok = compared.differences.length === 0
  return say(json ? `${JSON.stringify({ ok, ...compared }, null, 2)}\n` : comparedAsText(compared), ok ? 0 : 1)
}

function refusing<T>(why: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof SyntaxError) throw new Unable(why)
    throw error
  }
}

function comparedAsText({ differences, both, onTheirWay }: Compared): string {
  const wrong = differences.map(({ code, id, kind, at, about }) => `  ${code.padEnd(24)}${kind} ${id}, ask ${at}: ${about}`)
  const lines = [
    `${both.toLocaleString('en-GB')} messages are in the books of both; ${onTheirWay.toLocaleString('en-GB')} were on their way.`,
    ...(wrong.length === 0 ? ['The books of the two houses agree.'] : ['THE BOOKS DO NOT AGREE:', ...wrong]),
  ]
  return `${lines.join('\n')}\n`
}
