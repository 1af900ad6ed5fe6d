import { b64u } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import type { Random } from '#platform/context'
import { invalid, Refusal, type Mistake } from '#platform/errors'
import type { OpenItem } from '#exchange'
import { authorities, type Authority, type Question } from './questions.ts'
import { isNotYetKnown, mistakeIn } from './value.ts'

export const stages = ['initial', 'update', 'final'] as const
export type Stage = (typeof stages)[number]

/** As it is typed: one value for one or both bodies. */
export type Answer = { question: string; value: unknown; audience: string[] }
export type ViewAnswer = { question: string; value: unknown }
export type Views = Partial<Record<Authority, ViewAnswer[]>>

/** The organisation as one body is told of it. */
export type ToldOrganisation = { id: string; name: string; identifiers: Identifier[]; sector?: string; verified: boolean }
export type Identifier = { scheme: string; id: string }
export type Payload = { organisation: ToldOrganisation; stage: Stage; items: OpenItem[] }

/** Leaves room for statement and padding in the largest envelope, 1 MiB (docs/formats/envelope.md). */
export const LONGEST_PAYLOAD = 900_000

const names: Record<Authority, string> = { ico: 'the ICO', ncsc: 'the NCSC' }

/** Every fault with a pointer to it; nothing is kept while there is one. */
export function mistakesIn(answers: Answer[], questions: readonly Question[]): Mistake[] {
  const known = new Map(questions.map((question) => [question.id, question]))
  const given = new Set<string>()
  return answers.flatMap((answer, i) => {
    const question = known.get(answer.question)
    if (!question) return [{ field: `answers.${i}.question`, message: 'There is no such question' }]
    return [...audienceMistakes(answer, question, i), ...valueMistakes(answer, question, i), ...repeats(answer, given, i)]
  })
}

function audienceMistakes({ audience }: Answer, question: Question, i: number): Mistake[] {
  const field = `answers.${i}.audience`
  if (audience.length === 0) return [{ field, message: 'Say who is to be told this answer' }]
  if (new Set(audience).size !== audience.length) return [{ field, message: 'Name each body once' }]
  const foreign = audience.filter((body) => !(question.authorities as string[]).includes(body))
  return foreign.map((body) => ({
    field,
    message: isAuthority(body) ? `This is not a question of ${names[body]}` : 'There is no such body',
  }))
}

function valueMistakes({ value }: Answer, question: Question, i: number): Mistake[] {
  const message = mistakeIn(value, question)
  return message === undefined ? [] : [{ field: `answers.${i}.value`, message }]
}

/** The same question may be answered in other words to each body, but once to each. */
function repeats({ question, audience }: Answer, given: Set<string>, i: number): Mistake[] {
  const again = new Set(audience)
    .values()
    .filter((body) => given.has(`${question} ${body}`))
    .toArray()
  for (const body of audience) given.add(`${question} ${body}`)
  return again.map((body) => ({
    field: `answers.${i}.question`,
    message: `This question is already answered to ${isAuthority(body) ? names[body] : 'this body'}`,
  }))
}

function isAuthority(body: string): body is Authority {
  return (authorities as readonly string[]).includes(body)
}

/** One complete view a body: the answer for two bodies stands in both, and nothing says that there is another view. */
export function viewsOf(answers: Answer[]): Views {
  const told = authorities.filter((body) => answers.some(({ audience }) => audience.includes(body)))
  const viewFor = (body: Authority): ViewAnswer[] =>
    answers.filter(({ audience }) => audience.includes(body)).map(({ question, value }) => ({ question, value }))
  return Object.fromEntries(told.map((body) => [body, viewFor(body)]))
}

/** The same answer to two bodies becomes two items: their ids and salts are drawn apart, so nothing links them. */
export function itemsOf(answers: ViewAnswer[], random: Random): OpenItem[] {
  return answers.map(({ question, value }) => ({ id: random.uuid(), question, value, salt: b64u(random.bytes(32)) }))
}

/** What a reporter who has not signed in must say: who reports and for whom. "Not yet known" is an answer, and blocks nothing. */
export function missingFrom(view: ViewAnswer[], body: Authority): Mistake[] {
  const asked = { 'q01-name': 'Say which organisation this is about', 'q07-name': 'Say who is reporting' }
  return Object.entries(asked)
    .filter(([id]) => !view.some((answer) => answer.question === id))
    .map(([id, message]) => ({ field: 'answers', message: `${message} (${id}, to ${names[body]}); "not yet known" is an answer` }))
}

/** An organisation nobody has verified is to each body what that body was told, now or before: never what only the other was told. */
export function toldBy(view: ViewAnswer[], id: string, before: ToldOrganisation | undefined): ToldOrganisation {
  const name = known(view, 'q01-name') as string | undefined
  const identifier = known(view, 'q01-identifier') as Identifier | undefined
  return {
    id,
    name: name ?? before?.name ?? 'Not yet known',
    identifiers: identifier ? [identifier] : (before?.identifiers ?? []),
    verified: false,
  }
}

function known(view: ViewAnswer[], question: string): unknown {
  const value = view.find((answer) => answer.question === question)?.value
  return isNotYetKnown(value) ? undefined : value
}

/** The bytes that travel. Frozen when the report is filed, so that statement, delivery and bundle speak of the same ones. */
export function payloadOf(payload: Payload): Buffer {
  const bytes = Buffer.from(canonical(payload))
  if (bytes.length > LONGEST_PAYLOAD) throw new Refusal('too-large')
  return bytes
}

export function readPayload(bytes: Uint8Array): Payload {
  return JSON.parse(Buffer.from(bytes).toString('utf8'))
}

export function refuseMistakes(mistakes: Mistake[]): void {
  if (mistakes.length > 0) throw invalid(...mistakes)
}
