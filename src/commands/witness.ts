import { setTimeout as pause } from 'node:timers/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { TrustFile } from '#exchange'
import { createWitnessServer, lookAt, WitnessState, type Looked, type WitnessedLog, type WitnessKey } from '#ledger'
import { nodeItself, systemRandom, type Ctx } from '#platform/context'
import { homeAt, homeFolder, lockFile, makeFolder, nodeNames, type NodeName } from '#platform/home'
import { createLog, describeFault } from '#platform/log'
import type { Env } from './command.ts'
import { addressesOf, answering, readTrust, say, Usage } from './trusting.ts'

const HELP = `Usage: concordat witness --state DIR [--trust FILE] [--once | --every SECONDS] [--listen PORT]

Watches the public ledgers of all three nodes, cosigns each head that continues the last one it cosigned, and keeps evidence of one
that does not. It needs nothing but their public addresses, and has access to nothing else.
  --state DIR      its key, the last head of each ledger, evidence; made on first use
  --trust FILE     whose ledgers; else trust.json of this installation
  --once           look once and end
  --every SECONDS  otherwise how often it looks (10)
  --listen PORT    show its cosignatures on this port of 127.0.0.1: /witness/heads, /witness/<origin>
  --name NAME      what it is called in trust files; on first use alone
  --portal URL, --ncsc URL, --ico URL   where each node shows its ledger
  --json           with --once: one JSON document instead of text
Exit with --once: 0 nothing speaks against any ledger, 1 something does or none could be looked at, 2 wrong usage.
`

const flagForms = {
  help: { type: 'boolean', short: 'h' },
  once: { type: 'boolean' },
  json: { type: 'boolean' },
  state: { type: 'string' },
  trust: { type: 'string' },
  every: { type: 'string' },
  listen: { type: 'string' },
  name: { type: 'string' },
  portal: { type: 'string' },
  ncsc: { type: 'string' },
  ico: { type: 'string' },
} as const

type Flags = { state: string; trust: string; once: boolean; json: boolean; every: number; listen: number | undefined; name?: string }
type Watch = { log: WitnessedLog; node: NodeName; ctx: Ctx }

export function witness(argv: string[], env: Env): Promise<number> {
  return answering('witness', async () => {
    const { values } = parsed(argv)
    if (values.help) return say(HELP, 0)
    const flags = readFlags(values, env)
    const addresses = addressesOf(values, env)
    const trust = await readTrust(flags.trust)
    await makeFolder(flags.state)
    const lock = await lockFile(join(flags.state, 'lock'), flags.state)
    try {
      const state = new WitnessState(flags.state)
      const key = await state.key(flags.name)
      const watches = nodeNames.map((node) => watchOn(node, trust, addresses[node], env))
      return await (flags.once ? once(watches, state, key, flags.json) : onAndOn(watches, state, key, flags))
    } finally {
      lock.release()
    }
  })
}

function parsed(argv: string[]) {
  try {
    return parseArgs({ args: argv, options: flagForms })
  } catch (error) {
    throw new Usage((error as Error).message)
  }
}

function readFlags(values: ReturnType<typeof parsed>['values'], env: Env): Flags {
  const { state, trust = homeAt(homeFolder(env)).trustFile, once: one = false, json = false, name } = values
  if (state === undefined) throw new Usage('--state DIR says where it keeps what it has signed (--help says more)')
  if (one && (values.every !== undefined || values.listen !== undefined)) throw new Usage('--once neither waits nor listens')
  const [every, listen] = [whole(values.every, '--every', 1, 86_400) ?? 10, whole(values.listen, '--listen', 1, 65_535)]
  return { state, trust, once: one, json, every, listen, ...(name !== undefined && { name }) }
}

function whole(text: string | undefined, flag: string, least: number, most: number): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value > most) throw new Usage(`${flag} takes a whole number from ${least} to ${most}`)
  return value
}

function watchOn(node: NodeName, trust: TrustFile, url: string, env: Env): Watch {
  const { origin, key } = trust.nodes[node].log
  const log = createLog(env['CONCORDAT_LOG_LEVEL'] ?? 'warn', 'witness', node)
  return { node, log: { origin, key, url }, ctx: { now: () => new Date(), random: systemRandom, actor: nodeItself('witness'), log } }
}

const accusing: ReadonlySet<Looked['outcome']> = new Set(['smaller', 'fork', 'accused', 'unproved', 'not-signed'])
const meanings: Record<Looked['outcome'], string> = {
  'cosigned': 'cosigned',
  'unchanged': 'unchanged since it was cosigned',
  'away': 'does not answer',
  'not-signed': 'SHOWS NO HEAD SIGNED BY ITS OWN KEY',
  'unproved': 'SHOWS TILES THAT ARE NOT OF ITS OWN HEAD; not cosigned',
  'smaller': 'SHOWS A SMALLER HEAD THAN IT DID; not cosigned, both are kept as evidence',
  'fork': 'IS FORKED: two heads that cannot both be of it; not cosigned, both are kept as evidence',
  'accused': 'not cosigned: there is evidence against it',
}

async function once(watches: Watch[], state: WitnessState, key: WitnessKey, json: boolean): Promise<number> {
  const looked = await Promise.all(watches.map(async ({ log, node, ctx }) => ({ node, ...(await lookAt(log, state, key, ctx)) })))
  const ok = !looked.some(({ outcome }) => accusing.has(outcome)) && looked.some(({ outcome }) => outcome !== 'away')
  const lines = looked.map((one) => `${one.node.padEnd(8)}${sizeOf(one)}${meanings[one.outcome]}`)
  const document = { ok, witness: { name: key.name, key: key.signer.jwk }, logs: looked }
  return say(json ? `${JSON.stringify(document, null, 2)}\n` : `${introduction(key)}${lines.join('\n')}\n`, ok ? 0 : 1)
}

const sizeOf = (one: Looked): string => ('size' in one && one.size !== undefined ? `size ${one.size}: ` : '')

/** What goes into trust files, to be carried there over another channel. */
function introduction({ name, signer }: WitnessKey): string {
  return `As a trust file has it: ${JSON.stringify({ name, key: signer.jwk })}\n`
}

async function onAndOn(watches: Watch[], state: WitnessState, key: WitnessKey, { every, listen }: Flags): Promise<number> {
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort())
  const logs = watches.map(({ log }) => log)
  const server = listen === undefined ? undefined : createWitnessServer(logs, state)
  await server?.listen({ host: '127.0.0.1', port: listen! })
  process.stdout.write(`${introduction(key)}witness is ready\n`)
  const loop = async (watch: Watch): Promise<void> => {
    let before: string | undefined
    while (!stopping.signal.aborted) {
      before = await tell(watch, before, state, key)
      await pause(every * 1000, undefined, { signal: stopping.signal }).catch(() => {})
    }
  }
  await Promise.all(watches.map(loop))
  await server?.close()
  return 0
}

/** Loud where it matters, once a change: a log that is accused stays so until people have looked. */
async function tell({ log, ctx }: Watch, before: string | undefined, state: WitnessState, key: WitnessKey): Promise<string> {
  try {
    const looked = await lookAt(log, state, key, ctx)
    const { outcome } = looked
    if (outcome === before || (outcome === 'accused' && (before === 'fork' || before === 'smaller'))) return outcome
    const count = 'size' in looked && looked.size !== undefined ? { count: looked.size } : {}
    if (accusing.has(outcome)) ctx.log.error({ event: 'ledger-not-cosigned', code: outcome, ...count })
    else if (outcome === 'away') ctx.log.warn({ event: 'ledger-away' })
    return outcome
  } catch (error) {
    ctx.log.error({ event: 'witness-fault', ...describeFault(error) })
    return 'fault'
  }
}
