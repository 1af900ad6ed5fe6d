// What `npm run bench` runs: every bench, or those named, one after another; a table for people and, with --json FILE, the same as JSON.
//   NAME …        disclosures reports attachments ledger witness statements verify reconcile restore import start install
//   --json FILE   also write everything there
//   --runs N      how often a bench repeats what it measures (each has its own default)
//   others        --disclosures N, --reporters N, --mebibytes N, --messages N, --leaves N, --install, … : see the bench
import { writeFile } from 'node:fs/promises'
import { attachments } from './attachments.ts'
import { disclosures } from './disclosures.ts'
import { importing } from './import.ts'
import { install } from './install.ts'
import { ledger } from './ledger.ts'
import { conditions, type Bench, type Figure, type Measurement, type Options } from './measure.ts'
import { reconcile } from './reconcile.ts'
import { reports } from './reports.ts'
import { restore } from './restore.ts'
import { start } from './start.ts'
import { statements } from './statements.ts'
import { verify } from './verify.ts'
import { witness } from './witness.ts'

const benches: Record<string, Bench> = {
  disclosures,
  reports,
  attachments,
  ledger,
  witness,
  statements,
  verify,
  reconcile,
  restore,
  import: importing,
  start,
  install,
}

const given = process.argv.slice(2)
const wordAfter = (name: string): string | undefined => {
  const at = given.indexOf(`--${name}`)
  return at < 0 ? undefined : given[at + 1]
}
const options: Options = {
  number: (name, otherwise) => Number(wordAfter(name) ?? otherwise),
  flag: (name) => given.includes(`--${name}`),
  text: wordAfter,
}
const named = given.filter((word, at) => !word.startsWith('--') && !(given[at - 1]?.startsWith('--') && !(given[at - 1] === '--install')))
const unknown = named.filter((name) => !Object.hasOwn(benches, name))
if (unknown.length > 0) {
  console.error(`bench: there is no ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}

const around = conditions()
const results: Record<string, Measurement | { skipped: string }> = {}
for (const name of named.length > 0 ? named : Object.keys(benches)) {
  console.error(`${name} …`)
  results[name] = await benches[name]!(options)
  print(name, results[name])
}
const everything = { at: new Date().toISOString(), conditions: around, results }
const file = wordAfter('json')
if (file) await writeFile(file, `${JSON.stringify(everything, null, 1)}\n`)
else console.log(`\n${JSON.stringify(everything)}`)
process.exit(0)

function print(name: string, result: Measurement | { skipped: string }): void {
  if ('skipped' in result) {
    console.log(`\n${name}: left out, ${result.skipped}`)
    return
  }
  const own = Object.entries({ ...around, ...result.conditions }).map(([what, value]) => `${what} ${value}`)
  console.log(`\n${name}: ${result.about}\n  ${own.join(' · ')}`)
  for (const line of table(result.figures)) console.log(`  ${line}`)
  if (result.checks) console.log(`  For every one counted:\n${result.checks.map((check) => `    · ${check}`).join('\n')}`)
  for (const note of result.notes ?? []) console.log(`  ${note}`)
}

function table(figures: readonly Figure[]): string[] {
  const rows = figures.map((one) => [one.name, `${short(one.value)} ${one.unit}`, spreadOf(one), one.aim ? `aim ${one.aim}` : ''])
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function spreadOf({ spread, runs }: Figure): string {
  return spread ? `(${short(spread[0])} to ${short(spread[1])} in ${runs})` : ''
}

function short(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en-GB')
  return value.toLocaleString('en-GB', { maximumFractionDigits: Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 1 : 3 })
}
