import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { isNode, LineCounter, parseDocument, type Document } from 'yaml'
import { z } from 'zod'
import { systemRandom } from '#platform/context'
import { homeAt, homeFolder, readJson } from '#platform/home'

const HELP = `Usage: concordat report FILE [--portal URL] [--token TOKEN | --anonymous] [--wait SECONDS] [--json]

Files the report in FILE (see examples/README.md), and waits for each body's acknowledgement.
  --portal URL     the portal; else the one of this installation
  --token TOKEN    of the person who reports; else a reporter of the file's organisation, from try.json
  --anonymous      without an account; prints the token that reopens the folder
  --wait SECONDS   how long to wait for acknowledgements (10)
  --json           one JSON document instead of text
`

const bodies: Record<string, string> = { ico: 'ICO', ncsc: 'NCSC' }

/** Wrong usage: exit 2. */
class Usage extends Error {}
/** Nobody knows what became of it: exit 1. */
class NoAnswer extends Error {}

type Options = { file: string; portal: string; token: string | undefined; wait: number; json: boolean }
type Source = { path: string; document: Document; lines: LineCounter; report: ReportFile }

const reportFile = z.strictObject({
  organisation: z.string().optional(),
  title: z.string(),
  stage: z.string().default('initial'),
  answers: z.array(z.unknown()),
})
type ReportFile = z.infer<typeof reportFile>

type Problem = { code: string; title: string; status: number; mistakes?: { field: string; message: string }[] }
type Submission = {
  to: string
  reference: string
  envelope: string
  receipt: string | null
  state: 'not-yet-received' | 'received' | 'refused'
  code?: string
}
type Opened = { id: string; reference: string; resume?: string }

/** `concordat report`: 0 filed, 1 refused, 2 wrong usage. What is filed is in nobody's hands but the portal's until each body acknowledges. */
export async function report(argv: string[], env: Record<string, string | undefined>): Promise<number> {
  try {
    const flags = readFlags(argv)
    if (flags.help) return say(HELP)
    if (flags.seal) throw new Usage('--seal is not there yet: reports cannot be sealed on this machine so far. Nothing was sent.')
    const source = await readSource(flags.file)
    const options = { ...flags, ...(await whereAndWho(flags, source.report, env)) }
    return await fileIt(source, options)
  } catch (error) {
    if (!(error instanceof Usage || error instanceof NoAnswer)) throw error
    complain(`concordat report: ${error.message}`)
    return error instanceof Usage ? 2 : 1
  }
}

type Flags = {
  help: boolean
  seal: boolean
  file: string
  portal: string | undefined
  token: string | undefined
  anonymous: boolean
  wait: number
  json: boolean
}

const flagForms = {
  help: { type: 'boolean', short: 'h' },
  seal: { type: 'boolean' },
  portal: { type: 'string' },
  token: { type: 'string' },
  anonymous: { type: 'boolean' },
  wait: { type: 'string' },
  json: { type: 'boolean' },
} as const

function readFlags(argv: string[]): Flags {
  const { values, positionals } = parsed(argv)
  const help = values.help ?? false
  const wait = Number(values.wait ?? 10)
  if (!help && positionals.length !== 1) throw new Usage('name one file to report from (--help says more)')
  if (!(wait >= 0 && wait <= 3600)) throw new Usage('--wait takes seconds, 0 to 3600')
  if (values.anonymous && values.token !== undefined) throw new Usage('--anonymous and --token exclude each other')
  const { seal = false, portal, token, anonymous = false, json = false } = values
  return { help, seal, file: positionals[0] ?? '', portal, token, anonymous, wait, json }
}

function parsed(argv: string[]) {
  try {
    return parseArgs({ args: argv, options: flagForms, allowPositionals: true })
  } catch (error) {
    throw new Usage((error as Error).message)
  }
}

async function readSource(path: string): Promise<Source> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Usage(`${path} cannot be read (${error.code})`)
  })
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const broken = document.errors[0]
  if (broken) throw new Usage(`${path}:${lines.linePos(broken.pos[0]).line}: this is not YAML: ${broken.message.split('\n')[0]}`)
  const form = reportFile.safeParse(document.toJS())
  if (form.success) return { path, document, lines, report: form.data }
  const issue = form.error.issues[0]!
  throw new Usage(
    `${path}:${lineOf(document, lines, issue.path)}: ${issue.path.join('.') || 'the file'}: ${issue.message} (examples/README.md shows the form)`,
  )
}

type Person = { name: string; roles: string[]; organisation?: string; node: string; token: string }
type TryFile = { nodes: { portal: { url: string } }; people: Person[] }

async function whereAndWho(
  flags: Flags,
  file: ReportFile,
  env: Record<string, string | undefined>,
): Promise<{ portal: string; token: string | undefined }> {
  if (flags.portal !== undefined && (flags.anonymous || flags.token !== undefined)) return { portal: flags.portal, token: flags.token }
  const { tryFile } = homeAt(homeFolder(env))
  const known = (await readJson(tryFile)) as TryFile | undefined
  if (!known) throw new Usage(`${tryFile} is not there: run "npm start" first, or give --portal and --token`)
  const portal = flags.portal ?? known.nodes.portal.url
  return { portal, token: flags.anonymous ? undefined : (flags.token ?? reporterOf(known, file.organisation)) }
}

function reporterOf({ people }: TryFile, organisation: string | undefined): string {
  const own = people.filter(
    (person) => person.node === 'portal' && person.organisation !== undefined && person.organisation === organisation,
  )
  const reporter = own.find((person) => person.roles.includes('reporter'))
  if (reporter) return reporter.token
  const names = [
    ...new Set(people.flatMap((person) => (person.node === 'portal' && person.organisation !== undefined ? [person.organisation] : []))),
  ]
  throw new Usage(
    `no reporter of "${organisation ?? '(no organisation named)'}" is known here; known: ${names.join(', ')}. Or give --token or --anonymous`,
  )
}

async function fileIt(source: Source, options: Options): Promise<number> {
  const { title, stage, answers } = source.report
  const opened = await post<Opened>('/incidents', { title }, options)
  if ('code' in opened) return refuse(opened, source, options)
  const reporting = { ...options, token: opened.resume ?? options.token }
  // One key for every try: a repeat after a lost answer files nothing twice.
  const filing = { stage, answers, submit: true, idempotencyKey: systemRandom.uuid() }
  const filed = await post<{ id: string; submissions: Submission[] }>(`/incidents/${opened.id}/reports`, filing, reporting)
  if ('code' in filed) return refuse(filed, source, options)
  return follow(opened, filed.submissions, source, reporting)
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
  say(`Filed: ${file.title}\n  your own reference  ${opened.reference}\n`)
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
    if (!('code' in page)) latest = page.submissions.filter(({ envelope }) => ours.has(envelope))
  }
  return latest
}

function post<T extends object>(path: string, body: unknown, options: Options): Promise<T | Problem> {
  return call<T>('POST', path, body, options)
}

const TRIES = 3

/** The answer, or the problem document. Asks again where no answer came back. */
async function call<T extends object>(method: string, path: string, body: unknown, { portal, token }: Options): Promise<T | Problem> {
  const headers = {
    'accept': 'application/json',
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }
  const request = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
  for (let tries = 1; ; tries++) {
    try {
      return (await (await fetch(new URL(`/api/v1${path}`, portal), request)).json()) as T | Problem
    } catch {
      if (tries >= TRIES)
        throw new NoAnswer(`no answer from ${portal} to ${method} ${path} (is it running?): whether it did as asked is not known`)
      await pause(300 * tries)
    }
  }
}

function refuse(problem: Problem, source: Source, { json }: Options): number {
  const mistakes = (problem.mistakes ?? []).map(({ field, message }) => ({ ...placeOf(field, source), field, message }))
  if (json)
    say(`${JSON.stringify({ ...problem, mistakes: mistakes.map(({ field, message, line }) => ({ field, message, line })) }, null, 2)}\n`)
  else {
    complain(`Not filed: ${problem.title} (${problem.code})`)
    for (const { line, field, question, message } of mistakes)
      complain(`${source.path}:${line}: ${field}${question === undefined ? '' : ` (${question})`}: ${message}`)
  }
  return 1
}

/** Where in the file the answer at fault stands, so that an editor can jump there. */
function placeOf(field: string, { document, lines, report: { answers } }: Source): { line: number; question?: string } {
  const path = field.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part))
  const question =
    path[0] === 'answers' && typeof path[1] === 'number' ? (answers[path[1]] as { question?: unknown } | undefined)?.question : undefined
  return { line: lineOf(document, lines, path), ...(typeof question === 'string' && { question }) }
}

/** The line of the innermost part of the path that the file has. */
function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line
  }
  return 1
}

function say(text: string): 0 {
  process.stdout.write(text)
  return 0
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`)
}
