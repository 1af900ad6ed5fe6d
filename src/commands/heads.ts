import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { trustOf, type Trust } from '#exchange'
import {
  compareHeads,
  distinctHeads,
  fetchCheckpoint,
  LogAway,
  notesIn,
  pathsFrom,
  readHead,
  sameSizeSplits,
  type ShownHead,
  type SplitView,
} from '#ledger'
import { fetchWithin } from '#platform/fetching'
import { homeAt, homeFolder, nodeNames, type NodeName } from '#platform/home'
import type { Env } from './command.ts'
import { addressesOf, answering, readTrust, say, Unable, Usage } from './trusting.ts'

const HELP = `Usage: concordat heads SOURCE... [--trust FILE] [--offline] [--json]

Compares the heads of the ledgers that different people were shown, and names every split view: two heads of one ledger, each signed by
it, that cannot both be of it. A SOURCE is a bundle, a heads file (a portal's /api/v1/heads, a witness's /witness/heads), a witness's
evidence, an export, or a single checkpoint; a file, or its address.
  --trust FILE     the trust file; else trust.json of this installation
  --offline        ask no ledger: then only heads of one size can be compared
  --portal URL, --ncsc URL, --ico URL   where each node shows its ledger
  --json           one JSON document instead of text
Exit: 0 no contradiction, 1 there is one, or a ledger does not show what it once signed, 2 wrong usage.
`

const flagForms = {
  help: { type: 'boolean', short: 'h' },
  json: { type: 'boolean' },
  offline: { type: 'boolean' },
  trust: { type: 'string' },
  portal: { type: 'string' },
  ncsc: { type: 'string' },
  ico: { type: 'string' },
} as const

// A bundle of a thousand disclosures is some ten megabytes.
const MOST = 200_000_000

type Found = { splits: SplitView[]; consistent: number; unproved: ShownHead[]; notCompared: number; strange: number }

export function heads(argv: string[], env: Env): Promise<number> {
  return answering('heads', async () => {
    const { values, positionals } = parsed(argv)
    if (values.help) return say(HELP, 0)
    if (positionals.length === 0) throw new Usage('name what to compare (--help says more)')
    const trust = trustOf(await readTrust(values.trust ?? homeAt(homeFolder(env)).trustFile))
    const notes = (await Promise.all(positionals.map(async (source) => (await notesOf(source)).map((note) => ({ note, source }))))).flat()
    const shown = notes.flatMap(({ note, source }) => headOf(note, source, trust) ?? [])
    const strange = notes.length - shown.length
    if (shown.length === 0) throw new Unable('no source shows a head of a ledger in the trust file')
    const found = await compare(distinctHeads(shown), values.offline ? undefined : addressesOf(values, env), trust)
    const all = { ...found, strange }
    return say(values.json ? asJson(all) : asText(all), all.splits.length + all.unproved.length === 0 ? 0 : 1)
  })
}

function parsed(argv: string[]) {
  try {
    return parseArgs({ args: argv, options: flagForms, allowPositionals: true })
  } catch (error) {
    throw new Usage((error as Error).message)
  }
}

async function notesOf(source: string): Promise<string[]> {
  const text = /^https?:\/\//.test(source) ? await fetched(source) : await fromDisk(source)
  try {
    return notesIn(text)
  } catch {
    throw new Unable(`${source} shows no head that can be read`)
  }
}

async function fromDisk(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Usage(`${path} cannot be read (${error.code})`)
  })
}

async function fetched(url: string): Promise<string> {
  const answer = await fetchWithin(url, MOST, AbortSignal.timeout(60_000)).catch(() => undefined)
  if (answer?.status !== 200) throw new Unable(`no answer from ${url}`)
  return answer.body.toString('utf8')
}

/** Undefined for a note that no ledger of the trust file signed. */
function headOf(note: string, source: string, trust: Trust): ShownHead | undefined {
  try {
    return readHead(note, source, trust.ledger)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

async function compare(all: ShownHead[], addresses: Record<NodeName, string> | undefined, trust: Trust): Promise<Omit<Found, 'strange'>> {
  const found = { splits: sameSizeSplits(all), consistent: 0, unproved: [] as ShownHead[], notCompared: 0 }
  for (const node of nodeNames) {
    const own = all.filter(({ origin }) => origin === trust.origins[node])
    await compareWithLog(own, addresses?.[node], trust, found)
  }
  return found
}

/** Each head against the one that the ledger itself shows now, by its own tiles. */
async function compareWithLog(own: ShownHead[], base: string | undefined, trust: Trust, found: Omit<Found, 'strange'>): Promise<void> {
  if (own.length === 0) return
  try {
    if (base === undefined) throw new LogAway('offline')
    const now = readHead(await fetchCheckpoint(base), base, trust.ledger)
    const pathTo = pathsFrom(base, now.size)
    for (const head of own) {
      const told = head.origin === now.origin ? compareHeads(head, now, await pathTo(head.size)) : 'unproved'
      if (told === 'consistent') found.consistent += 1
      else if (told === 'unproved') found.unproved.push(head)
      else found.splits.push({ origin: head.origin, heads: [head, now] })
    }
  } catch (error) {
    if (!(error instanceof LogAway || error instanceof SyntaxError)) throw error
    found.notCompared += own.length
  }
}

const asJson = (found: Found): string =>
  `${JSON.stringify({ ok: found.splits.length + found.unproved.length === 0, ...found, splits: found.splits.map(plainSplit), unproved: found.unproved.map(plainHead) }, null, 2)}\n`

const plainHead = ({ origin, size, note, source }: ShownHead) => ({ origin, size, source, note })
const plainSplit = ({ origin, heads: both }: SplitView) => ({ origin, heads: both.map(plainHead) })

function asText(found: Found): string {
  const { splits, consistent, unproved, notCompared, strange } = found
  const lines = [
    ...splits.flatMap(({ origin, heads: both }) => [
      `SPLIT VIEW of ${origin}: it signed two heads that cannot both be of one ledger.`,
      ...both.flatMap(({ source, note }) => [
        `  As shown in ${source}:`,
        ...note
          .trimEnd()
          .split('\n')
          .map((line) => `    ${line}`),
      ]),
    ]),
    ...unproved.map(
      ({ origin, size, source }) => `${origin} does not show now that it holds the head of size ${size} in ${source}, which it signed.`,
    ),
    `${consistent} heads are of the ledgers as they are shown now.`,
    ...(notCompared > 0 ? [`${notCompared} could be compared with nothing but heads of the same size: their ledger was not asked.`] : []),
    ...(strange > 0 ? [`${strange} are of no ledger in the trust file.`] : []),
    splits.length === 0 ? 'No contradiction was found.' : 'Keep the sources as they are: both notes together are the evidence.',
  ]
  return `${lines.join('\n')}\n`
}
