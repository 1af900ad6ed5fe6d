import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { verifyBundle, type Finding, type Verdict } from '#evidence'
import { checkTrustFile, fingerprints, type TrustFile } from '#exchange'
import { homeAt, homeFolder, readJson } from '#platform/home'
import type { Openings } from '#reporting'
import type { Env } from './command.ts'
import { NoOpenings, readOpenings } from './openings.ts'

const HELP = `Usage: concordat verify BUNDLE [--trust FILE] [--since OLDBUNDLE] [--openings FILE] [--json]

Checks a bundle offline, against keys that did not come with it.
  --trust FILE     the trust file; else trust.json of this installation
  --since FILE     an older bundle of the same incident: nothing it showed may be gone or changed
  --openings FILE  shows what was sealed on your own machine: the file that concordat report --seal wrote
  --json           one JSON document instead of text
Exit: 0 every check passed, 1 a check failed or there is no trust file, 2 wrong usage.
`

/** Wrong usage: exit 2. */
class Usage extends Error {}
/** Nothing to check against: exit 1. */
class NoTrust extends Error {}

type Flags = {
  help: boolean
  json: boolean
  file: string
  trust: string | undefined
  since: string | undefined
  openings: string | undefined
}
type Trusted = { path: string; file: TrustFile }

export async function verify(argv: string[], env: Env): Promise<number> {
  try {
    const flags = readFlags(argv)
    if (flags.help) return say(HELP, 0)
    const text = await readBundleFile(flags.file)
    const trusted = await readTrust(flags.trust ?? homeAt(homeFolder(env)).trustFile)
    const since = flags.since === undefined ? {} : { since: await readBundleFile(flags.since) }
    const opened = flags.openings === undefined ? {} : { openings: await openingsAt(flags.openings) }
    const verdict = verifyBundle(text, trusted.file, { ...since, ...opened })
    return say(flags.json ? asJson(trusted, verdict) : asText(flags.file, trusted, verdict), verdict.ok ? 0 : 1)
  } catch (error) {
    if (!(error instanceof Usage || error instanceof NoTrust || error instanceof NoOpenings)) throw error
    process.stderr.write(`concordat verify: ${error.message}\n`)
    return error instanceof Usage ? 2 : 1
  }
}

const flagForms = {
  help: { type: 'boolean', short: 'h' },
  json: { type: 'boolean' },
  trust: { type: 'string' },
  since: { type: 'string' },
  openings: { type: 'string' },
} as const

function readFlags(argv: string[]): Flags {
  const { values, positionals } = parsed(argv)
  const { help = false, json = false, trust, since, openings } = values
  if (!help && positionals.length !== 1) throw new Usage('name one bundle to check (--help says more)')
  return { help, json, file: positionals[0] ?? '', trust, since, openings }
}

function parsed(argv: string[]) {
  try {
    return parseArgs({ args: argv, options: flagForms, allowPositionals: true })
  } catch (error) {
    throw new Usage((error as Error).message)
  }
}

/** Bytes that are no UTF-8 are a bundle that does not hold; a file that cannot be read is none. */
async function readBundleFile(path: string): Promise<string> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new Usage(`${path} cannot be read (${error.code})`)
  })
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return ''
  }
}

async function openingsAt(path: string): Promise<Openings> {
  const found = await readOpenings(path)
  if (!found) throw new Usage(`${path} cannot be read (ENOENT)`)
  return found
}

/** Never from the bundle: keys that come with what they are to prove prove nothing. */
async function readTrust(path: string): Promise<Trusted> {
  const value = await readJson(path).catch(() => {
    throw new NoTrust(`${path} is not a trust file that can be read, so nothing can be checked`)
  })
  if (value === undefined)
    throw new NoTrust(
      `there is no trust file at ${path}, so nothing can be checked. Get it from the bodies themselves, not with the bundle: --trust FILE`,
    )
  try {
    return { path, file: checkTrustFile(value) }
  } catch {
    throw new NoTrust(`${path} is not a trust file, so nothing can be checked`)
  }
}

function asJson(trusted: Trusted, verdict: Verdict): string {
  const trust = {
    file: trusted.path,
    deployment: trusted.file.deployment,
    environment: trusted.file.environment,
    keys: fingerprints(trusted.file),
  }
  return `${JSON.stringify({ ...verdict, trust }, null, 2)}\n`
}

function asText(file: string, trusted: Trusted, verdict: Verdict): string {
  const keys = fingerprints(trusted.file).map(({ node, use, fingerprint }) => `  ${node.padEnd(8)}${use.padEnd(12)}${fingerprint}`)
  const tryingOut = trusted.file.environment === 'trying-out' ? ', set up for trying out' : ''
  return sections(
    [`${file}: ${verdict.ok ? 'every check passed' : 'DOES NOT HOLD'}`, []],
    [`Trusted keys, from ${trusted.path} (deployment ${trusted.file.deployment}${tryingOut}). Compare them over another channel:`, keys],
    ['Checks', verdict.findings.map(findingLine)],
    ['Who holds what', verdict.ok ? heldLines(verdict) : []],
    ['New since the older bundle', (verdict.news ?? []).map(bullet)],
    ['What this proves', verdict.proved.map(bullet)],
    ['What it does not prove', verdict.notProved.map(bullet)],
    ['Who would have to be lying', verdict.liars.map(bullet)],
    [
      verdict.ok
        ? 'It holds.'
        : 'It does not hold: take nothing in it as proved. A bundle made a moment ago may lack entries still on their way; ask for it again.',
      [],
    ],
  )
}

function sections(...all: [title: string, lines: string[]][]): string {
  const last = all.length - 1
  const shown = all.filter(([, lines], at) => lines.length > 0 || at === 0 || at === last)
  return `${shown.map(([title, lines]) => [title, ...lines].join('\n')).join('\n\n')}\n`
}

const bullet = (line: string): string => `  - ${line}`

function findingLine({ check, ok, about, detail }: Finding): string {
  return `  ${ok ? 'ok  ' : 'FAIL'}  ${check.padEnd(14)}${about === undefined ? '' : `${about}: `}${detail}`
}

function heldLines({ held }: Verdict): string[] {
  const line = (authority: string, question: string, standing: string) =>
    `  ${authority.toUpperCase().padEnd(6)}${(question || '(not shown)').padEnd(20)}${standing}`
  return [
    ...held.holdings.map(({ authority, question, door, since, restricted, deleted, kept }) =>
      line(
        authority,
        question,
        `by door ${door} since ${since}${deleted === undefined ? (restricted === undefined ? '' : `, restricted since ${restricted}`) : `, deleted on ${deleted}`}${kept === undefined ? '' : `, kept on the ground ${kept.ground}`}`,
      ),
    ),
    ...held.notYetConfirmed.map(({ authority, question, since, state }) => line(authority, question, `${state} (${since})`)),
    ...held.notYetReceived.map(({ to, reference }) => line(to, reference, 'a report, not yet received')),
  ]
}

/** What a bundle says of itself must not steer the terminal it is shown on. */
function say(text: string, code: number): number {
  process.stdout.write(text.replace(/[^\P{Cc}\n]|\p{Bidi_C}/gu, '\ufffd'))
  return code
}
