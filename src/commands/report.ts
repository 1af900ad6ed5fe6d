import { rm } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { systemRandom } from '#platform/context'
import { homeAt, homeFolder } from '#platform/home'
import type { Env } from './command.ts'
import { NoOpenings } from './openings.ts'
import { call, isProblem, NoAnswer, Usage, whereAndWho, type Portal, type Problem } from './report-portal.ts'
import {
  bodiesIn,
  keysInWords,
  mistakesToSeal,
  readPinned,
  SEALED_TITLE,
  sealHere,
  writeOpenings,
  type Opened as OpenedBefore,
  type Pinned,
  type Sealed,
} from './report-sealed.ts'
import { at, placeOf, readSource, type ReportFile, type Source } from './report-source.ts'

const HELP = `Usage: concordat report FILE [--incident REF] [--portal URL] [--token TOKEN | --as WHO | --anonymous] [--wait SECONDS] [--json]
                        [--seal [--trust FILE] [--openings FILE]]

Files the report in FILE (see examples/README.md), and waits for each body's acknowledgement.
  --incident REF   an incident opened before, by its own reference or id: the report is a later stage of it
  --portal URL     the portal; else the one of this installation
  --token TOKEN    of the person who reports
  --as WHO         a name or a role in the file's organisation, as try.json has it; else its reporter
  --anonymous      without an account; prints the token that reopens the folder
  --wait SECONDS   how long to wait for acknowledgements (10)
  --json           one JSON document instead of text
  --seal           seals it on this machine, to each body: the portal relays what it cannot open (docs/formats/sealed-report.md)
  --trust FILE     whose keys it is sealed to; else trust.json of this installation. Not from the portal
  --openings FILE  where what opens it is kept, for you alone; else NUMBER-OF-THE-INCIDENT.openings.json beside FILE
`

const bodies: Record<string, string> = { ico: 'ICO', ncsc: 'NCSC' }

type Options = Portal & {
  incident: string | undefined
  wait: number
  json: boolean
  pinned: Pinned | undefined
  openings: string | undefined
}
type Submission = {
  to: string
  reference: string
  envelope: string
  receipt: string | null
  state: 'not-yet-received' | 'received' | 'refused'
  code?: string
}
type Opened = OpenedBefore & { title: string; resume?: string }

/** `concordat report`: 0 filed, 1 refused, 2 wrong usage. What is filed is in nobody's hands but the portal's until each body acknowledges. */
export async function report(argv: string[], env: Env): Promise<number> {
  try {
    const flags = readFlags(argv)
    if (flags.help) return say(HELP)
    const source = await readSource(flags.file)
    const { organisation, as } = source.report
    const where = await whereAndWho({ ...flags, organisation, as: flags.as ?? as }, env)
    const incident = flags.incident ?? source.report.incident
    checkOpening(source, incident)
    const pinned = flags.seal ? await readPinned(flags.trust ?? homeAt(homeFolder(env)).trustFile) : undefined
    return await fileIt(source, { ...flags, ...where, incident, pinned })
  } catch (error) {
    if (!(error instanceof Usage || error instanceof NoAnswer || error instanceof NoOpenings)) throw error
    complain(`concordat report: ${error.message}`)
    return error instanceof Usage ? 2 : 1
  }
}

type Flags = {
  help: boolean
  seal: boolean
  file: string
  incident: string | undefined
  portal: string | undefined
  token: string | undefined
  as: string | undefined
  anonymous: boolean
  wait: number
  json: boolean
  trust: string | undefined
  openings: string | undefined
}

const flagForms = {
  help: { type: 'boolean', short: 'h' },
  seal: { type: 'boolean' },
  incident: { type: 'string' },
  portal: { type: 'string' },
  token: { type: 'string' },
  as: { type: 'string' },
  anonymous: { type: 'boolean' },
  wait: { type: 'string' },
  json: { type: 'boolean' },
  trust: { type: 'string' },
  openings: { type: 'string' },
} as const

function readFlags(argv: string[]): Flags {
  const { values, positionals } = parsed(argv)
  const help = values.help ?? false
  const wait = Number(values.wait ?? 10)
  if (!help && positionals.length !== 1) throw new Usage('name one file to report from (--help says more)')
  if (!(wait >= 0 && wait <= 3600)) throw new Usage('--wait takes seconds, 0 to 3600')
  const { seal = false, incident, portal, token, as, anonymous = false, json = false, trust, openings } = values
  if ([anonymous, token !== undefined, as !== undefined].filter(Boolean).length > 1)
    throw new Usage('--anonymous, --token and --as exclude each other')
  if (!seal && (trust ?? openings) !== undefined) throw new Usage('--trust and --openings go with --seal')
  return { help, seal, file: positionals[0] ?? '', incident, portal, token, as, anonymous, wait, json, trust, openings }
}

function parsed(argv: string[]) {
  try {
    return parseArgs({ args: argv, options: flagForms, allowPositionals: true })
  } catch (error) {
    throw new Usage((error as Error).message)
  }
}

/** What is said once, when the folder is opened, and what belongs to one that is open already. */
function checkOpening(source: Source, incident: string | undefined): void {
  const { title, kind, stage } = source.report
  if (incident === undefined && title === undefined) throw at(source, ['title'], 'a new incident needs a title')
  if (incident === undefined && (stage === 'update' || stage === 'final'))
    throw at(source, ['stage'], 'a later stage belongs to an incident: name it with --incident, or in the file')
  if (incident !== undefined && kind !== undefined)
    throw at(source, ['kind'], 'the kind is said when an incident is opened, and this one was opened before')
}

async function fileIt(source: Source, options: Options): Promise<number> {
  const faults = faultsHere(source, options)
  if (faults.length > 0)
    return refuse({ code: 'invalid', title: 'Something is missing or wrong', status: 400, mistakes: faults }, source, options)
  const opened = await folderFor(source.report, options)
  if (isProblem(opened)) return refuse(opened, source, options)
  const reporting = { ...options, token: opened.resume ?? options.token }
  const what = await toFile(source, opened, reporting)
  if (isProblem(what)) return refuse(what, source, options)
  const { sealed } = what
  // One key for every try: a repeat after a lost answer files nothing twice.
  const filing = {
    stage: source.report.stage,
    ...(sealed ? { sealed: sealed.sealed } : { answers: source.report.answers }),
    submit: true,
    idempotencyKey: systemRandom.uuid(),
  }
  const filed = await call<{ id: string; submissions: Submission[] }>('POST', `/incidents/${opened.id}/reports`, filing, reporting)
  if (isProblem(filed)) {
    if (sealed) await forget(sealed)
    return refuse(filed, source, options)
  }
  return follow(opened, filed.submissions, source, reporting)
}

function faultsHere(source: Source, { pinned, token, incident }: Options): { field: string; message: string }[] {
  if (!pinned) return []
  return mistakesToSeal(source, source.report.kind ?? 'incident', token === undefined && incident === undefined)
}

/** The answers as they are; or sealed, with the place where what opens them is kept. */
async function toFile(source: Source, opened: Opened, options: Options): Promise<{ sealed?: Sealed } | Problem> {
  const { pinned, openings: path, json } = options
  if (!pinned) return {}
  if (!json) say(`${keysInWords(pinned, bodiesIn(source)).join('\n')}\n`)
  const made = await sealHere({ source, opened, pinned, path }, options, systemRandom)
  if (isProblem(made)) return made
  if (!json)
    say(
      `The portal says it is from ${made.who}.\nWhat opens it is in ${made.path}: keep it, and let nobody else have it.\nThe portal cannot watch deadlines for what it cannot read: watch your own.\n`,
    )
  return { sealed: made }
}

/** What was refused was told to nobody: it must not count as told at the next stage. */
async function forget({ path, before }: Sealed): Promise<void> {
  await (before ? writeOpenings(path, before) : rm(path))
}

async function folderFor({ title: written = '', kind }: ReportFile, options: Options): Promise<Opened | Problem> {
  const { incident, pinned } = options
  const title = pinned ? SEALED_TITLE : written
  if (incident !== undefined) return openBefore(incident, options)
  const opened = await call<Opened>('POST', '/incidents', { title, ...(kind && { kind }) }, options)
  return isProblem(opened) ? opened : { ...opened, title, kind: kind ?? 'incident' }
}

/** By its reference it is sought among the reporter's own; to anybody else there is none of that name. */
async function openBefore(incident: string, options: Options): Promise<Opened | Problem> {
  const own = await call<{ incidents: Opened[] }>('GET', '/incidents', undefined, options)
  if (isProblem(own)) return own
  const found = own.incidents.find(({ id, reference }) => id === incident || reference === incident)
  return found ?? { code: 'not-found', title: `You have no incident "${incident}"`, status: 404 }
}

async function follow(opened: Opened, filed: Submission[], source: Source, options: Options): Promise<number> {
  if (!options.json) announce(opened, filed, source)
  const submissions = await acknowledged(opened.id, filed, options)
  if (options.json)
    say(
      `${JSON.stringify({ incident: { id: opened.id, reference: opened.reference }, ...(opened.resume && { resume: opened.resume }), submissions }, null, 2)}\n`,
    )
  else for (const submission of submissions) say(`${outcomeOf(submission)}\n`)
  return submissions.some(({ state }) => state === 'refused') ? 1 : 0
}

function announce(opened: Opened, filed: Submission[], { report: file }: Source): void {
  say(`Filed: ${opened.title}\n  your own reference  ${opened.reference}\n`)
  for (const { to, reference } of filed)
    say(`  to the ${bodies[to]!.padEnd(4)}         ${reference}  (${answersTo(file, to)} answers; not yet received)\n`)
  if (opened.resume)
    say(`  to come back to it  ${opened.resume}\n                      Keep this safe: whoever has it can open this folder.\n`)
}

function answersTo({ answers }: ReportFile, to: string): number {
  return (answers as { audience: string[] }[]).filter(({ audience }) => audience.includes(to)).length
}

function outcomeOf({ to, reference, state, code }: Submission): string {
  const outcomes = {
    'received': `received by the ${bodies[to]}, with its signed receipt`,
    'refused': `refused${code === undefined ? '' : ` (${code})`}: the ${bodies[to]} does not have it`,
    'not-yet-received': `not yet received by the ${bodies[to]}; it is kept and will be sent again`,
  }
  return `${reference}: ${outcomes[state]}`
}

const POLLS_A_SECOND = 4

async function acknowledged(incident: string, filed: Submission[], options: Options): Promise<Submission[]> {
  const ours = new Set(filed.map(({ envelope }) => envelope))
  let latest = filed
  for (let polls = options.wait * POLLS_A_SECOND; polls > 0 && latest.some(({ state }) => state === 'not-yet-received'); polls--) {
    await pause(1000 / POLLS_A_SECOND)
    const page = await call<{ submissions: Submission[] }>('GET', `/incidents/${incident}`, undefined, options)
    if (!isProblem(page)) latest = page.submissions.filter(({ envelope }) => ours.has(envelope))
  }
  return latest
}

function refuse(problem: Problem, source: Source, { json }: Options): number {
  const faults = problem.code === 'counsel-needed' ? privilegedIn(source) : (problem.mistakes ?? [])
  const mistakes = faults.map(({ field, message }) => ({ ...placeOf(field, source), field, message }))
  if (json)
    say(`${JSON.stringify({ ...problem, mistakes: mistakes.map(({ field, message, line }) => ({ field, message, line })) }, null, 2)}\n`)
  else {
    complain(`Not filed: ${problem.title} (${problem.code})`)
    for (const { line, field, question, message } of mistakes)
      complain(`${source.path}:${line}: ${field}${question === undefined ? '' : ` (${question})`}: ${message}`)
  }
  return 1
}

function privilegedIn({ report: { answers } }: Source): { field: string; message: string }[] {
  const message = 'Privilege is claimed for this answer: counsel files it, or agrees to it in the draft'
  return answers.flatMap((answer, i) =>
    (answer as { privileged?: unknown } | null)?.privileged ? [{ field: `answers.${i}.privileged`, message }] : [],
  )
}

function say(text: string): 0 {
  process.stdout.write(text)
  return 0
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`)
}
