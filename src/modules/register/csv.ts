import { bodies, inDay, inTime, kindInWords, stateInWords } from './words.ts'
import type { Effect, Entry, Register, Reported, Said } from './register.ts'

type Column = { title: string; cell(entry: Entry): string; whoseCopy?: 'own' }

const said = (one: Said | undefined): string => one?.words.join('\n') ?? ''
const labelled = (all: readonly Said[]): string => all.map(({ label, words }) => `${label} ${words.join('\n')}`).join('\n')

const columns: Column[] = [
  { title: 'Reference', cell: ({ reference }) => reference },
  { title: 'Title', cell: ({ title }) => title },
  { title: 'Kind', cell: ({ kind }) => kindInWords[kind] },
  { title: 'Discovered', cell: ({ discovered }) => said(discovered) },
  { title: 'Aware', cell: ({ aware }) => (aware ? inTime(aware.at) : '') },
  { title: 'Who decided on that time', cell: ({ aware }) => aware?.decidedBy ?? '' },
  { title: 'Why that time', cell: ({ aware }) => aware?.why ?? '' },
  { title: 'Facts', cell: ({ facts }) => labelled(facts) },
  { title: 'People affected', cell: ({ effects }) => said(effects.people) },
  { title: 'Records affected', cell: ({ effects }) => said(effects.records) },
  { title: 'Kinds of personal data', cell: ({ effects }) => said(effects.categories) },
  { title: 'Likely consequences', cell: ({ effects }) => said(effects.consequences) },
  { title: 'Likelihood', cell: ({ effects }) => said(effects.likelihood) },
  { title: 'More about the effects', cell: ({ effects }) => labelled(otherEffects(effects)) },
  { title: 'Remedial action', cell: ({ remedialAction }) => labelled(remedialAction) },
  { title: 'Told the ICO', cell: (entry) => told(entry, 'ico') },
  { title: 'Told the NCSC', cell: (entry) => told(entry, 'ncsc'), whoseCopy: 'own' },
  { title: 'Why the ICO was not told', cell: ({ notReportedBecause }) => said(notReportedBecause) },
  { title: 'Closed', cell: ({ closed }) => (closed ? `${inDay(closed.on)}: ${closed.outcome}` : '') },
]

const columned: readonly string[] = ['people', 'records', 'categories', 'consequences', 'likelihood'] satisfies Effect[]

/** What has no column of its own. */
function otherEffects(effects: Entry['effects']): Said[] {
  return Object.entries(effects).flatMap(([name, one]) => (columned.includes(name) ? [] : [one]))
}

function told({ reportedTo }: Entry, body: Reported['body']): string {
  return reportedTo
    .filter((report) => report.body === body)
    .map(({ at, reference, stage, state }) => `${inTime(at)}, ${stage} report, ${reference}, ${stateInWords[state]} by ${bodies[body]}`)
    .join('\n')
}

/** RFC 4180, a line an incident, in UTF-8 with the mark that spreadsheets look for. */
export function csvOf({ entries, nearMisses, copy }: Register): string {
  const shown = columns.filter(({ whoseCopy }) => copy === 'own' || whoseCopy !== 'own')
  const lines = [...entries, ...nearMisses].map((entry) => shown.map(({ cell }) => cell(entry)))
  return `\uFEFF${[shown.map(({ title }) => title), ...lines].map(lineOf).join('')}`
}

function lineOf(cells: string[]): string {
  return `${cells.map((cell) => quoted(harmless(cell))).join(',')}\r\n`
}

/** A spreadsheet takes what begins so for a formula, whoever typed it; with an apostrophe before it, it stays text. */
function harmless(text: string): string {
  return /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/u.test(text) ? `'${text}` : text
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}
