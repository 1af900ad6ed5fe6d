import { questionById, questions, type Authority, type Condition, type Question, type RegimeId, type SimpleCondition } from './questions.ts'
import { isKnown } from './value.ts'

/** An answer as it stands, told or drafted. Without an audience it is taken for everybody's. Of several, the last counts. */
export type Given = { question: string; value: unknown; audience?: readonly string[] }

/** Whether a question arises, other answers being what they are. `at`: when the report is filed; without it nothing is late. */
export function isAsked({ askedWhen = [] }: Question, answers: readonly Given[], at?: Date): boolean {
  return askedWhen.every((condition) => holds(condition, answers, at))
}

function holds(condition: Condition, answers: readonly Given[], at: Date | undefined): boolean {
  return 'any' in condition ? condition.any.some((one) => holdsFor(one, answers, at)) : holdsFor(condition, answers, at)
}

/** Two bodies may be told differently: it is enough that one answer calls for the question. */
function holdsFor(condition: SimpleCondition, answers: readonly Given[], at: Date | undefined): boolean {
  const values = standing(condition.question, answers)
  if ('in' in condition) return values.some((value) => chosen(value).some((choice) => condition.in.includes(choice)))
  if ('notIn' in condition)
    return values.length === 0 || values.some((value) => !chosen(value).some((one) => condition.notIn.includes(one)))
  if ('known' in condition) return !values.some((value) => isKnown(value, questionById.get(condition.question)))
  return at !== undefined && values.some((value) => hoursBetween(value, at) > condition.laterThanHours)
}

/** Answers that say that a question does not arise, though it may have been answered too: the ids of their questions. */
export function ruledOutBy({ askedWhen = [] }: Question, answers: readonly Given[]): string[] {
  const rulesOut = (condition: SimpleCondition): boolean =>
    ('in' in condition || 'notIn' in condition) &&
    standing(condition.question, answers).length > 0 &&
    !holdsFor(condition, answers, undefined)
  return askedWhen
    .map((condition) => ('any' in condition ? condition.any : [condition]))
    .filter((alternatives) => alternatives.every(rulesOut))
    .flatMap((alternatives) => alternatives.map(({ question }) => question))
}

function chosen(value: unknown): string[] {
  return [value].flat().filter((one) => typeof one === 'string')
}

function hoursBetween(value: unknown, at: Date): number {
  return typeof value === 'string' ? (at.getTime() - Date.parse(value)) / 3_600_000 : 0
}

/** The answers to one question that still stand: the last to each audience. */
function standing(question: string, answers: readonly Given[]): unknown[] {
  const last = new Map<string, unknown>()
  for (const answer of answers) if (answer.question === question) for (const body of answer.audience ?? ['']) last.set(body, answer.value)
  return [...last.values()]
}

/** `regimes`: whose list of contents asks for it. */
export type Outstanding = { question: string; label: string; state: 'unanswered' | 'not-yet-known'; regimes: RegimeId[] }

/**
 * What one body has still not been told: of a first report, and of a complete one (UK GDPR Art 33(3), NIS reg 12(5), the NCSC's own
 * list). Reads only what is for that body, so it comes out the same whatever the other was told. Blocks nothing.
 */
export function outstanding(answers: readonly Given[], body: Authority, at?: Date): { first: Outstanding[]; complete: Outstanding[] } {
  const told = answers.filter(({ audience }) => audience?.includes(body) ?? true)
  const regimes = contentsFor(body, told)
  const open = questions
    .filter((question) => question.authorities.includes(body) && isAsked(question, told, at))
    .flatMap((question) => {
      const state = stateOf(question, told)
      return state === 'known' ? [] : [{ question, state }]
    })
  const line = ({ question, state }: (typeof open)[number]): Outstanding => ({
    question: question.id,
    label: question.label,
    state,
    regimes: contentOf(question, regimes),
  })
  return {
    first: open.filter(({ question }) => question.first || question.firstWhenAsked).map(line),
    complete: open.filter(({ question }) => contentOf(question, regimes).length > 0).map(line),
  }
}

function stateOf(question: Question, told: readonly Given[]): Outstanding['state'] | 'known' {
  const values = standing(question.id, told)
  if (values.length === 0) return 'unanswered'
  return values.some((value) => isKnown(value, question)) ? 'known' : 'not-yet-known'
}

const DIGITAL = 'Relevant digital service provider'

/** Operators of essential services report to the competent authority of their sector (NIS reg 11), which is neither body. */
function contentsFor(body: Authority, told: readonly Given[]): RegimeId[] {
  if (body === 'ncsc') return ['uk-ncsc-voluntary']
  const roles = standing('q05', told).flatMap(chosen)
  const digitalAlone = roles.length > 0 && roles.every((role) => role === DIGITAL)
  return [...(digitalAlone ? [] : ['uk-gdpr-33' as const]), ...(roles.includes(DIGITAL) ? ['uk-nis-12' as const] : [])]
}

function contentOf({ content = [] }: Question, regimes: readonly RegimeId[]): RegimeId[] {
  return content.filter((regime) => regimes.includes(regime))
}
