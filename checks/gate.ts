// What `npm test` runs: types, then lint, then every test, with one set of closing lines as the last thing printed.
//   --long          many more runs of every property, race and fault
//   --server        store tests and journeys on the server that CONCORDAT_TEST_DATABASE_URL names (a superuser's address)
//   WORD …          only test files whose path contains one of the words
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { run } from 'node:test'
import { spec, type TestEvent } from 'node:test/reporters'
import { seed } from './runs.ts'
import { setUp, tearDown } from './setup.ts'

const project = resolve(import.meta.dirname, '..')
const LONGEST_FILE = { gate: 10 * 60_000, long: 6 * 3_600_000 }
// The Chromium that npm brings is built for x64 alone.
const hasBrowser = process.arch === 'x64'
const CLOSING = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/

type Options = { long: boolean; server: boolean; words: string[] }
type Files = { together: string[]; apart: string[]; needs: { database: boolean; browser: boolean } }

function readOptions(given: string[]): Options {
  const words = given.filter((word) => !word.startsWith('--'))
  const unknown = given.filter((word) => word.startsWith('--') && word !== '--long' && word !== '--server')
  if (unknown.length > 0) stop(2, `unknown option ${unknown.join(' ')}`)
  const server = given.includes('--server')
  if (server && !process.env['CONCORDAT_TEST_DATABASE_URL']) stop(2, '--server needs CONCORDAT_TEST_DATABASE_URL')
  return { long: given.includes('--long'), server, words }
}

function stop(code: number, reason: string): never {
  console.error(`gate: ${reason}`)
  process.exit(code)
}

/**
 * A file's name says what it needs, and so where it runs: `*.store.test.ts` (a database), `*.browser.test.ts`, `*.process.test.ts`
 * (starts programs), `journeys/` (nodes). All else, rules and pages, runs together.
 */
function sortFiles(words: string[]): Files {
  const all = globSync('{src,checks,contracts,journeys,bench}/**/*.test.ts', { cwd: project }).sort()
  const chosen = all.filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  const needsOwnProcess = (file: string): boolean => /\.(store|browser|process)\.test\.ts$/.test(file) || file.startsWith('journeys/')
  const apart = chosen.filter((file) => needsOwnProcess(file) && (hasBrowser || !file.endsWith('.browser.test.ts')))
  const together = chosen.filter((file) => !needsOwnProcess(file))
  if (!hasBrowser) console.log(`browser tests are left out: there is no Chromium for ${process.arch}`)
  const browser = apart.some((file) => file.endsWith('.browser.test.ts'))
  const database = apart.some((file) => file.endsWith('.store.test.ts') || file.startsWith('journeys/'))
  const absolute = (file: string): string => join(project, file)
  return { together: together.map(absolute), apart: apart.map(absolute), needs: { database, browser } }
}

function tier(name: string, command: string[]): void {
  const began = performance.now()
  const { status, error } = spawnSync(process.execPath, command, { cwd: project, stdio: 'inherit' })
  if (error || status !== 0) stop(1, `${name} failed; no test was run`)
  console.log(`${name}: nothing found (${Math.round(performance.now() - began)} ms)`)
}

function prepareEnvironment(options: Options, files: Files): void {
  process.env['CONCORDAT_TEST_FILES'] = JSON.stringify(files.together)
  process.env['CONCORDAT_TEST_SEED'] = String(seed)
  if (options.long) process.env['CONCORDAT_RUNS'] ??= '2000'
  if (options.server) process.env['CONCORDAT_TEST_SERVER'] = process.env['CONCORDAT_TEST_DATABASE_URL']
}

/** One run and one report, whatever ran together or apart. True if every test passed, and there were some. */
async function runTests(options: Options, files: Files): Promise<boolean> {
  const together = files.together.length > 0 ? [join(import.meta.dirname, 'together.ts')] : []
  const timeout = options.long ? LONGEST_FILE.long : LONGEST_FILE.gate
  const execArgv = ['--import', join(import.meta.dirname, 'guard.ts')]
  const events = run({ files: [...together, ...files.apart], concurrency: 2, isolation: 'process', execArgv, timeout, cwd: project })
  const outcome = await report(events)
  await tearDown()
  for (const file of outcome.empty) console.log(`\u2716 ${file} holds no test`)
  for (const line of outcome.closing) process.stdout.write(`ℹ ${line}\n`)
  return outcome.good && outcome.empty.length === 0
}

type Outcome = { good: boolean; empty: string[]; closing: string[] }

/** The spec reporter prints its closing lines before the failures; here they are held back, so that they come last. */
async function report(events: AsyncIterable<TestEvent>): Promise<Outcome> {
  const outcome: Outcome = { good: false, empty: [], closing: [] }
  const withoutClosing = async function* (all: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
    for await (const event of all) {
      if (isClosing(event)) outcome.closing.push(event.data.message)
      else yield event
      // A file without tests passes as one test of its own name.
      if (event.type === 'test:pass' && event.data.nesting === 0 && event.data.name === event.data.file) outcome.empty.push(event.data.name)
      // A file's own summary names the file; the last one is about them all.
      if (event.type === 'test:summary' && event.data.file === undefined) outcome.good = event.data.success && event.data.counts.passed > 0
    }
  }
  await pipeline(events, withoutClosing, new spec(), process.stdout, { end: false })
  return outcome
}

type Diagnostic = Extract<TestEvent, { type: 'test:diagnostic' }>
const isClosing = (event: TestEvent): event is Diagnostic =>
  event.type === 'test:diagnostic' && event.data.nesting === 0 && CLOSING.test(event.data.message)

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void tearDown().finally(() => process.exit(1)))
const options = readOptions(process.argv.slice(2))
const files = sortFiles(options.words)
// A run narrowed to some tests is for whoever is in the middle of a change.
if (options.words.length === 0) {
  tier('types', [join(project, 'node_modules/typescript/bin/tsc'), '--noEmit'])
  tier('lint', [join(project, 'node_modules/@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '.'])
}
prepareEnvironment(options, files)
console.log(`tests: ${files.together.length} files together, ${files.apart.length} apart; seed ${seed}${options.long ? '; long' : ''}`)
const good = await setUp(files.needs)
  .then(() => runTests(options, files))
  .finally(tearDown)
process.exitCode = good ? 0 : 1
// Whatever a test left open must not keep the gate from ending; what was printed is out before this runs.
process.stdout.write('', () => process.exit())
