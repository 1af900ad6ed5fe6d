import { b64u } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import type { Random } from '#platform/context'
import { invalid, Refusal, type Mistake } from '#platform/errors'
import type { OpenItem } from '#exchange'
import { authorities, type Authority, type Question } from './questions.ts'
import { isNotYetKnown, mistakeIn, wordsMistake } from './value.ts'

export const stages = ['initial', 'update', 'final'] as const
export type Stage = (typeof stages)[number]

export const incidentKinds = ['incident', 'near-miss'] as const
/** A near miss is told to the NCSC alone, and no clock runs for it. */
export type IncidentKind = (typeof incidentKinds)[number]

/**
 * As it is typed: one value for one or both bodies. `privileged`: privilege is claimed, so it waits for counsel. `correction`: what
 * was told before was wrong, and why.
 */
export type Answer = {
  question: string
  value: unknown
  audience: string[]
  privileged?: true | undefined
  correction?: { why: string } | undefined
}
export type ViewAnswer = { question: string; value: unknown; correction?: { why: string } | undefined }
export type Views = Partial<Record<Authority, ViewAnswer[]>>

/** The organisation as one body is told of it. */
export type ToldOrganisation = { id: string; name: string; identifiers: Identifier[]; sector?: string; verified: boolean }
export type Identifier = { scheme: string; id: string }
/** An item of this payload takes the place of an earlier one that was wrong. Nothing that was filed is ever changed or withdrawn. */
export type Correction = { item: string; corrects: string; why: string }
/** Where an attachment's bytes are: docs/formats/attachment.md. */
export type BlobRef = { id: string; key: string; length: number; size: number; sha256: string }
export type Payload = {
  organisation: ToldOrganisation
  stage: Stage
  items: OpenItem[]
  nearMiss?: true
  corrections?: Correction[]
  blobs?: (BlobRef & { item: string })[]
}

/** Leaves room for statement and padding in the largest envelope, 1 MiB (docs/formats/envelope.md). */
export const LONGEST_PAYLOAD = 900_000

const names: Record<Authority, string> = { ico: 'the ICO', ncsc: 'the NCSC' }

/** Every fault with a pointer to it; nothing is kept while there is one. */
export function mistakesIn(answers: readonly Answer[], questions: readonly Question[], kind: IncidentKind = 'incident'): Mistake[] {
  const known = new Map(questions.map((question) => [question.id, question]))
  const given = new Set<string>()
  return answers.flatMap((answer, i) => {
    const question = known.get(answer.question)
    if (!question) return [{ field: `answers.${i}.question`, message: 'There is no such question' }]
    return [...audienceMistakes(answer, question, kind, i), ...valueMistakes(answer, question, i), ...repeats(answer, given, i)]
  })
}

function audienceMistakes({ audience }: Answer, question: Question, kind: IncidentKind, i: number): Mistake[] {
  const field = `answers.${i}.audience`
  if (kind === 'near-miss' && audience.includes('ico'))
    return [{ field, message: 'A near miss is told to the NCSC alone. If it was an incident after all, say so first' }]
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

export function isAuthority(body: string): body is Authority {
  return (authorities as readonly string[]).includes(body)
}

/** One complete view a body: the answer for two bodies stands in both, and nothing says that there is another view. */
export function viewsOf(answers: readonly Answer[]): Views {
  const told = authorities.filter((body) => answers.some(({ audience }) => audience.includes(body)))
  const viewFor = (body: Authority): ViewAnswer[] =>
    answers
      .filter(({ audience }) => audience.includes(body))
      .map(({ question, value, correction }) => ({ question, value, ...(correction && { correction }) }))
  return Object.fromEntries(told.map((body) => [body, viewFor(body)]))
}

/** The same answer to two bodies becomes two items: their ids and salts are drawn apart, so nothing links them. */
export function itemsOf(answers: ViewAnswer[], random: Random): OpenItem[] {
  return answers.map(({ question, value }) => ({ id: random.uuid(), question, value, salt: b64u(random.bytes(32)) }))
}

/** Told to each body apart: the first that it hears is `initial`, whatever another was told before. */
export function stageTold(asked: Stage, first: boolean): Stage {
  if (first) return 'initial'
  return asked === 'initial' ? 'update' : asked
}

/** Which earlier item each correction stands for. `before`: what this body was told last, by question. */
export function correctionsOf(
  answers: readonly ViewAnswer[],
  items: readonly OpenItem[],
  before: ReadonlyMap<string, string>,
): Correction[] {
  return answers.flatMap(({ question, correction }, nth) => {
    const corrects = before.get(question)
    return correction && corrects ? [{ item: items[nth]!.id, corrects, why: correction.why }] : []
  })
}

/** A correction needs something that was told to this body before, and a reason. */
export function correctionMistakes(answers: readonly Answer[], told: ReadonlyMap<Authority, ReadonlyMap<string, string>>): Mistake[] {
  return answers.flatMap(({ question, audience, correction }, i) => {
    if (!correction) return []
    const field = `answers.${i}.correction`
    const message = wordsMistake(correction.why)
    if (message !== undefined) return [{ field: `${field}.why`, message }]
    const fresh = audience.filter(isAuthority).filter((body) => !told.get(body)?.has(question))
    return fresh.map((body) => ({
      field,
      message: `${capital(names[body])} has not been told this before, so there is nothing to correct`,
    }))
  })
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1)
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
export function payloadOf({ corrections = [], blobs = [], ...payload }: Payload): Buffer {
  const bytes = Buffer.from(canonical({ ...payload, ...(corrections.length > 0 && { corrections }), ...(blobs.length > 0 && { blobs }) }))
  if (bytes.length > LONGEST_PAYLOAD) throw new Refusal('too-large')
  return bytes
}

export function readPayload(bytes: Uint8Array): Payload {
  return JSON.parse(Buffer.from(bytes).toString('utf8'))
}

export function refuseMistakes(mistakes: Mistake[]): void {
  if (mistakes.length > 0) throw invalid(...mistakes)
}
