import { join } from 'node:path'
import type { Actor, Ctx } from '../context.ts'
import { fits } from '../http/callers.ts'
import { view, type Page } from '../pages.ts'

/** What a node says of itself to anybody. `node`: as in 'The NCSC’s node, for trying out'. */
export type BriefStatus = { node: string; runBy: string; version: string }

/** What it says to those who look after it: nothing that depends on what it was told. */
export type NodeStatus = {
  parts: { name: string; running: boolean }[]
  database: { answers: boolean; version?: string }
  ledger?: { size: number; at: Date; cosignedBy: string[] }
  peers: { name: string; reachable: boolean }[]
  agreement?: { name: string; hash: string; signedBy: string[]; byItself: boolean }
}

export type Description = { name: string; roles: string; organisation?: string }

export type StatusOptions = {
  brief: BriefStatus
  details(ctx: Ctx): Promise<NodeStatus>
  describe(actor: Actor): Promise<Description | undefined>
}

const template = join(import.meta.dirname, 'status.njk')

/** Who sees more than that it is up: how a node is built and whom it reaches helps whoever would break in. */
export const seesDetails = ['administrator', 'auditor'] as const

export function statusPage({ brief, details, describe }: StatusOptions): Page {
  return {
    path: '/status',
    who: 'anyone',
    show: async ({ ctx }) => {
      const sections = [
        { heading: 'This node', rows: [row('State', 'Up'), row('Version', brief.version)] },
        { heading: 'You', rows: rowsOfYou(await describe(ctx.actor)) },
        ...(fits(seesDetails, ctx.actor) ? inDetail(await details(ctx)) : []),
      ]
      return view(template, { title: brief.node, runBy: brief.runBy, sections })
    },
  }
}

type Section = { heading: string; rows: Row[] }

function inDetail(now: NodeStatus): Section[] {
  const sections = [
    { heading: 'What runs here', rows: rowsOfParts(now) },
    { heading: 'Other nodes', rows: rowsOfPeers(now) },
    { heading: 'Ledger', rows: rowsOfLedger(now) },
    { heading: 'Agreement', rows: rowsOfAgreement(now) },
  ]
  return sections.filter(({ rows }) => rows.length > 0)
}

type Row = { key: { text: string }; value: { text: string } }

function row(key: string, text: string): Row {
  return { key: { text: key }, value: { text } }
}

function rowsOfYou(you: Description | undefined): Row[] {
  if (you === undefined) return [row('Signed in as', 'Nobody')]
  const rows = [row('Signed in as', you.name), row('Roles', you.roles)]
  return you.organisation === undefined ? rows : [...rows, row('Organisation', you.organisation)]
}

function rowsOfParts({ parts, database }: NodeStatus): Row[] {
  const version = database.version === undefined ? '' : ` (${database.version})`
  return [
    ...parts.map(({ name, running }) => row(name, running ? 'Running' : 'Not running')),
    row('Database', database.answers ? `Answers${version}` : 'Does not answer'),
  ]
}

function rowsOfPeers({ peers }: NodeStatus): Row[] {
  return peers.map(({ name, reachable }) => row(name, reachable ? 'Can be reached' : 'Cannot be reached; what is for it waits'))
}

function rowsOfLedger({ ledger }: NodeStatus): Row[] {
  if (ledger === undefined) return []
  const cosigned = ledger.cosignedBy.length === 0 ? 'Nobody yet' : inWords(ledger.cosignedBy)
  return [
    row('Size', `${ledger.size.toLocaleString('en-GB')} ${ledger.size === 1 ? 'interval' : 'intervals'}`),
    row('Latest head', inTime(ledger.at)),
    row('Cosigned by', cosigned),
  ]
}

function rowsOfAgreement({ agreement }: NodeStatus): Row[] {
  if (agreement === undefined) return []
  const signed = agreement.byItself
    ? 'This node itself, because it is for trying out. In earnest both bodies sign'
    : inWords(agreement.signedBy)
  return [row('Name', agreement.name), row('Hash of the text and its rules', agreement.hash), row('Signed by', signed)]
}

function inWords(names: string[]): string {
  return new Intl.ListFormat('en-GB').format(names)
}

/** GOV.UK style, in the time of the United Kingdom: 25 November 2026 at 9:30:00am. */
function inTime(at: Date): string {
  const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'Europe/London' }).format(at)
  const time = new Intl.DateTimeFormat('en-GB', {
    hour: 'numeric',
    minute: '2-digit',
    second: '2-digit',
    hour12: true,
    timeZone: 'Europe/London',
  }).format(at)
  return `${day} at ${time.replace(/\s?([ap])\.?m\.?/i, (_, letter: string) => `${letter.toLowerCase()}m`)}`
}
