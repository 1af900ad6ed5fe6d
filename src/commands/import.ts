import { parseArgs } from 'node:util'
import { draftOfVeris, type VerisDraft } from '#reporting'
import type { Env } from './command.ts'
import { doneIn, type Done } from './import-done.ts'
import { linesOf, type Line } from './import-lines.ts'
import { newTally, type Became, type Outcome } from './import-tally.ts'
import { call, isProblem, NoAnswer, Usage, whereAndWho, type Portal, type Problem } from './report-portal.ts'

const HELP = `Usage: concordat import veris FILE [--to ico|ncsc|both] [--check | --token TOKEN | --as NAME] [--portal URL] [--done FILE] [--json]

Makes of each VERIS incident in FILE (one JSON object a line, plain or gzip) an incident with a draft. Nothing is filed.
  --to BODY        whom the answers are for: ico, ncsc or both (ncsc); answers that a body is not asked are left
  --check          only says what would become of each line; needs no portal
  --token TOKEN    of the person who imports, for their organisation
  --as NAME        a person of this installation's try.json, instead of a token
  --portal URL     the portal; else the one of this installation
  --done FILE      notes what was imported and leaves out what is noted already: to go on after a break
  --json           one JSON object a line: an outcome for each line of FILE, and the sum last
Exit: 0 every line imported, 1 a line was refused or the portal did not answer, 2 wrong usage.
`

type Body = 'ico' | 'ncsc'
/** `concordat import veris`: drafts only, so that a person reads each before anything leaves. */
export async function importCommand(argv: string[], env: Env): Promise<number> {
  // Whoever read our words has gone, as `| head` does: nobody would learn what is imported from now on.
  process.stdout.on('error', () => process.exit(1))
  try {
    const flags = readFlags(argv)
    if (flags.help) return say(HELP)
    const portal = flags.check ? undefined : await whereAndWho(flags, env)
    return await importAll(flags, { to: flags.to, portal, done: await doneIn(flags.done) })
  } catch (error) {
    if (!(error instanceof Usage)) throw error
    process.stderr.write(`concordat import: ${shown(error.message)}\n`)
    return 2
  }
}

type Flags = {
  help: boolean
  file: string
  to: Body[]
  check: boolean
  portal: string | undefined
  token: string | undefined
  as: string | undefined
  done: string | undefined
  json: boolean
}

const flagForms = {
  help: { type: 'boolean', short: 'h' },
  to: { type: 'string' },
  check: { type: 'boolean' },
  portal: { type: 'string' },
  token: { type: 'string' },
  as: { type: 'string' },
  done: { type: 'string' },
  json: { type: 'boolean' },
} as const

const audiences = new Map<string, Body[]>([
  ['ico', ['ico']],
  ['ncsc', ['ncsc']],
  ['both', ['ico', 'ncsc']],
])

function readFlags(argv: string[]): Flags {
  const { values, positionals } = parsed(argv)
  const { help = false, check = false, portal, token, as, done, json = false } = values
  const to = audiences.get(values.to ?? 'ncsc')
  const [form, file = '', ...more] = positionals
  if (to === undefined) throw new Usage('--to takes ico, ncsc or both')
  const flags = { help, file, to, check, portal, token, as, done, json }
  if (help) return flags
  if (form !== 'veris' || file === '' || more.length > 0)
    throw new Usage('name the form and one file: concordat import veris FILE (--help says more)')
  const calling = [portal, token, as, done].some((one) => one !== undefined)
  if (check && calling) throw new Usage('--check asks no portal: it excludes --portal, --token, --as and --done')
  if (!check && (token === undefined) === (as === undefined)) throw new Usage('say who imports, by --token or by --as; or only --check')
  return flags
}

function parsed(argv: string[]) {
  try {
    return parseArgs({ args: argv, options: flagForms, allowPositionals: true })
  } catch (error) {
    throw new Usage((error as Error).message)
  }
}

type Importing = { to: Body[]; portal: Portal | undefined; done: Done }

/** Nothing more can be imported: what it was, for whoever waits. */
type Stop = { stop: string }

/** Lines under way at once: enough that the portal never waits for us, few enough that it has time for people. */
const AT_ONCE = 4

/** In the file's order, whichever is done first. No more of the file is held than the lines under way. */
async function importAll({ file, json }: Flags, importing: Importing): Promise<number> {
  const began = performance.now()
  const tally = newTally()
  const underWay: Promise<Outcome | Stop>[] = []
  let stop: string | undefined
  const settle = async () => {
    const result = await underWay.shift()!
    if ('stop' in result) stop ??= result.stop
    else {
      tally.count(result)
      say(json ? `${JSON.stringify(result)}\n` : `${shown(lineFor(result))}\n`)
    }
  }
  try {
    for await (const line of linesOf(file)) {
      if ('text' in line && line.text.trim() === '') continue
      underWay.push(become(line, importing))
      if (underWay.length >= AT_ONCE) await settle()
      if (stop !== undefined) break
    }
  } catch (error) {
    stop = readingFault(error as NodeJS.ErrnoException, file)
  }
  while (underWay.length > 0) await settle()
  const seconds = (performance.now() - began) / 1000
  say(json ? `${JSON.stringify({ ...tally.sum(seconds), ...(stop && { stopped: stop }) })}\n` : `${shown(tally.inWords(seconds))}\n`)
  if (stop !== undefined) process.stderr.write(`concordat import: ${shown(stop)}\n`)
  return stop !== undefined || tally.refused() > 0 ? 1 : 0
}

function readingFault(error: NodeJS.ErrnoException, file: string): string {
  if (error.code?.startsWith('Z_')) return `${file} is damaged: what came before the damage was read (${error.message})`
  if (error.syscall === undefined) throw error
  throw new Usage(`${file} cannot be read (${error.code})`)
}

async function become(line: Line, importing: Importing): Promise<Outcome | Stop> {
  const read = recordIn(line)
  if ('fault' in read) return { line: line.number, outcome: 'refused', reason: read.fault }
  const made = draftOfVeris(read.record, importing.to)
  if ('mistakes' in made) {
    const { field, message } = made.mistakes[0]!
    const incident = (read.record as { incident_id?: unknown } | null)?.incident_id
    return {
      line: line.number,
      ...(typeof incident === 'string' && { incident }),
      outcome: 'refused',
      reason: message,
      ...(field !== '' && { pointer: field }),
    }
  }
  const { id: incident, answers, left } = made.draft
  const about = { line: line.number, incident }
  if (!importing.portal) return { ...about, outcome: 'can-be-imported', answers: answers.length, left }
  try {
    return { ...about, ...(await send(made.draft, importing.portal, importing.done)) }
  } catch (error) {
    if (error instanceof NoAnswer) return { stop: error.message }
    throw error
  }
}

function recordIn(line: Line): { record: unknown } | { fault: string } {
  if ('fault' in line) return line
  try {
    return { record: JSON.parse(line.text) }
  } catch (error) {
    const place = /position \d+/.exec((error as Error).message)?.[0]
    return { fault: `This is not JSON${place ? ` (${place})` : ''}` }
  }
}

/** A break between opening and saving leaves a folder without a draft: with `done`, the next run saves into that one. */
async function send({ id: incident, title, kind, answers, left }: VerisDraft, portal: Portal, done: Done): Promise<Became | Stop> {
  const before = done.of(incident)
  if (before?.state === 'imported') return { outcome: 'done-before', id: before.id, reference: before.reference }
  const opened = before ?? (await call<{ id: string; reference: string }>('POST', '/incidents', { title, kind }, portal))
  if (isProblem(opened)) return refusedOrStop(opened)
  const { id, reference } = opened
  if (!before) await done.note({ incident, id, reference, state: 'opened' })
  const saved = await call('PUT', `/incidents/${id}/draft`, { base: 0, answers }, portal)
  if (isProblem(saved)) return refusedOrStop(saved, id)
  await done.note({ incident, id, reference, state: 'imported' })
  return { outcome: 'imported', id, reference, answers: answers.length, left }
}

const OF_THE_RECORD = [400, 409, 413, 422]

/** What the portal says of one record is told for that line; what it says of us would be said of every line. */
function refusedOrStop({ code, title, status, mistakes }: Problem, id?: string): Became | Stop {
  if (!OF_THE_RECORD.includes(status)) return { stop: `the portal refuses: ${title} (${code}). Nothing more was imported` }
  const first = mistakes?.[0]
  const reason = first ? first.message : `${title} (${code})`
  return { outcome: 'refused', reason, ...(first && { pointer: first.field }), ...(id && { id }) }
}

function lineFor(result: Outcome): string {
  const start = `${String(result.line).padStart(6)}  ${result.outcome.padEnd(15)}  ${result.incident ?? ''}`
  if (result.outcome === 'refused') return `${start}  ${result.pointer === undefined ? '' : `${result.pointer}: `}${result.reason}`
  if (result.outcome === 'done-before') return `${start}  ${result.reference}`
  const made = `${result.answers} answers, ${result.left.length} left`
  return result.outcome === 'imported' ? `${start}  ${result.reference}  ${result.id}  ${made}` : `${start}  ${made}`
}

/** What a record says of itself must not steer the terminal it is shown on. */
function shown(text: string): string {
  return text.replace(/[^\P{Cc}\n]|\p{Bidi_C}/gu, '\ufffd')
}

function say(text: string): 0 {
  process.stdout.write(text)
  return 0
}
