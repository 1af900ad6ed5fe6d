import { ruledOutBy, type Given } from './asked.ts'
import { authorities, questionById, type Authority, type Question } from './questions.ts'
import { isKnown, mistakeIn } from './value.ts'
import { vocabularies } from './vocabularies.ts'
import { noEvidence, remarksOn, type Place, type WordingCode } from './wording.ts'

export type AdviceCode =
  | WordingCode
  | 'in-the-future'
  | 'long-ago'
  | 'large-number'
  | 'out-of-order'
  | 'contradiction'
  | 'ruled-out'
  | 'told-differently'
  | 'number-fell'
  | 'known-before'
  | 'time-moved'
  | 'kind-dropped'

/** Something to think over. `places`: where in the text of the answer; the lines of a list count as lines of one text. */
export type Advice = { field: string; question: string; code: AdviceCode; message: string; places?: Place[] }

export type Advised = Given & { privileged?: true | undefined; correction?: { why: string } | undefined }

/**
 * What somebody should think over before sending. It blocks nothing, is kept nowhere and goes to nobody but whoever is writing.
 * `at`: now. `earlier`: what was told before, oldest first. Answers with mistakes are left to those who find mistakes.
 */
export function adviseOn(answers: readonly Advised[], at: Date, earlier: readonly Given[] = []): Advice[] {
  const now = answers.flatMap((answer, nth) => (isRight(answer) ? [{ ...answer, nth }] : []))
  const before = earlier.filter(isRight)
  const across = authorities.flatMap((body) => onView(viewOf(body, now, before), at))
  return withoutRepeats([...now.flatMap((answer) => onAnswer(answer, at)), ...across, ...toldDifferently(now)])
}

type Numbered = Advised & { nth: number }

function isRight({ question: id, value }: Given): boolean {
  const question = questionById.get(id)
  return question !== undefined && mistakeIn(value, question) === undefined
}

function withoutRepeats(advice: readonly Advice[]): Advice[] {
  return [...new Map(advice.map((one) => [JSON.stringify([one.field, one.code, one.message]), one])).values()]
}

function onAnswer({ question: id, value, privileged, nth }: Numbered, at: Date): Advice[] {
  const question = questionById.get(id)
  if (!question || !isKnown(value, question)) return []
  const answer = { field: `answers.${nth}.value`, question: id }
  const say = (code: AdviceCode, message: string): Advice => ({ ...answer, code, message })
  const words = textOf(value, question)
  if (words !== undefined)
    return remarksOn(words, { people: question.namesPeople ?? false, at })
      .filter(({ code }) => code !== 'may-be-privileged' || !privileged)
      .map((remark) => ({ ...answer, ...remark }))
  if (id === 'q39-taken' && value === 'Not that we have seen') return [say('no-evidence-of-theft', noEvidence)]
  if (question.type === 'choices' && saysBoth(value, question))
    return [say('contradiction', `You chose “${question.unknownChoice}” and something else. Leave one of them out`)]
  if (typeof value === 'number' && value > MOST)
    return [say('large-number', 'This is a very large number. Check that no figure is there twice')]
  return question.type === 'date-time' ? onMoment(id, value, at).map(({ code, message }) => say(code, message)) : []
}

const MOST = 100_000_000
const HOUR = 3_600_000
const YEARS_10 = 10 * 365.25 * 24 * HOUR
/** Clocks differ by a little. */
const TOLERANCE = HOUR / 12
/** Times that may well lie ahead. */
const ahead = ['q47-when', 'q49-when', 'q49-embargo']

function onMoment(id: string, value: unknown, at: Date): { code: AdviceCode; message: string }[] {
  const moment = timeOf(value)
  if (moment > at.getTime() + TOLERANCE && !ahead.includes(id))
    return [{ code: 'in-the-future', message: 'This time is still to come. Check day and zone' }]
  return moment < at.getTime() - YEARS_10 ? [{ code: 'long-ago', message: 'This is more than ten years ago. Check the year' }] : []
}

function timeOf(value: unknown): number {
  return typeof value === 'string' ? Date.parse(value) : Number.NaN
}

function textOf(value: unknown, { type }: Question): string | undefined {
  if (type === 'text' && typeof value === 'string') return value
  return type === 'list' && Array.isArray(value) ? value.join('\n') : undefined
}

function saysBoth(value: unknown, { unknownChoice }: Question): boolean {
  return unknownChoice !== undefined && Array.isArray(value) && value.length > 1 && value.includes(unknownChoice)
}

/** What one body will have been told: the answers that are new to it, and what stood before. */
type View = { told: Map<string, Standing>; before: Map<string, unknown> }
type Standing = { value: unknown; nth?: number; corrects?: boolean }

function viewOf(body: Authority, answers: readonly Numbered[], earlier: readonly Given[]): View {
  const forBody = ({ audience }: Given): boolean => audience?.includes(body) ?? true
  const before = new Map(earlier.filter(forBody).map(({ question, value }) => [question, value]))
  const told = new Map<string, Standing>([...before].map(([question, value]) => [question, { value }]))
  for (const answer of answers.filter(forBody))
    told.set(answer.question, { value: answer.value, nth: answer.nth, corrects: answer.correction !== undefined })
  return { told, before }
}

function onView(view: View, at: Date): Advice[] {
  return [...ordered(view), ...contradictions(view), ...hadHappened(view, at), ...ruledOut(view), ...sinceBefore(view)]
}

/** Only the new answers are spoken of: of the two, the later named if it is new. */
function onPair(view: View, [one, other]: [string, string], code: AdviceCode, message: string): Advice[] {
  const question = view.told.get(other)?.nth === undefined ? one : other
  const nth = view.told.get(question)?.nth
  return nth === undefined ? [] : [{ field: `answers.${nth}.value`, question, code, message }]
}

function labelOf(id: string): string {
  return `“${questionById.get(id)?.label ?? id}”`
}

/** The first is not after the second. */
const order: [string, string][] = [
  ['q14-from', 'q14-to'],
  ['q14-from', 'q15'],
  ['q14-from', 'q39-when'],
  ['q15', 'q16-time'],
  ['q15', 'q16-nis'],
  ['q15', 'q47-when'],
]

function ordered(view: View): Advice[] {
  const time = (id: string): number => timeOf(view.told.get(id)?.value)
  return order
    .filter(([first, second]) => time(first) > time(second))
    .flatMap((pair) =>
      onPair(view, pair, 'out-of-order', `The answer to ${labelOf(pair[0])} is later than that to ${labelOf(pair[1])}. Check both`),
    )
}

const typesOf = (category: 'Cyber' | 'Non Cyber'): string[] =>
  Object.entries(vocabularies['incident-type']?.about ?? {}).flatMap(([type, about]) => (about.category === category ? [type] : []))

/** Answers that do not go together. */
const clashes: { one: [string, string[] | RegExp]; other: [string, string[]]; message: string }[] = [
  {
    one: ['q22-type', typesOf('Cyber')],
    other: ['q21', ['No']],
    message: 'You say that it was not a cyber incident; the type you chose is one',
  },
  {
    one: ['q22-type', typesOf('Non Cyber')],
    other: ['q21', ['Yes']],
    message: 'You say that it was a cyber incident; the ICO counts the type you chose as non-cyber',
  },
  { one: ['q22-type', typesOf('Cyber')], other: ['q22-category', ['Non Cyber']], message: 'The ICO counts the type you chose as cyber' },
  {
    one: ['q22-type', typesOf('Non Cyber')],
    other: ['q22-category', ['Cyber']],
    message: 'The ICO counts the type you chose as non-cyber',
  },
  {
    one: ['q39-published', ['Yes']],
    other: ['q39-taken', ['Not that we have seen']],
    message: 'Data that was published or offered was taken first',
  },
  {
    one: ['q25-demanded', ['Yes']],
    other: ['q21', ['No']],
    message: 'You say that it was not a cyber incident, and that a ransom was demanded',
  },
  ...['q19', 'q20', 'q24-cause'].map((text): (typeof clashes)[number] => ({
    one: [text, /\b(?:ransomware|malware|phish(?:ed|ing)|hack(?:ed|ers?|ing))\b/i],
    other: ['q21', ['No']],
    message: `You say that it was not a cyber incident; the answer to ${labelOf(text)} reads as if it was`,
  })),
]

function contradictions(view: View): Advice[] {
  const pairs = clashes
    .filter(({ one, other }) => says(view, one) && says(view, other))
    .flatMap(({ one, other, message }) =>
      onPair(view, [one[0], other[0]], 'contradiction', `${message}. Change one of the two if it is wrong`),
    )
  const [people, records] = ['q36-people', 'q36-records'].map((id) => view.told.get(id)?.value)
  const fewer = typeof people === 'number' && typeof records === 'number' && records < people
  return fewer
    ? [...pairs, ...onPair(view, ['q36-people', 'q36-records'], 'contradiction', 'There are fewer records than people. Check both numbers')]
    : pairs
}

function says({ told }: View, [question, what]: [string, string[] | RegExp]): boolean {
  const values = [told.get(question)?.value].flat().filter((value) => typeof value === 'string')
  return values.some((value) => (what instanceof RegExp ? what.test(value) : what.includes(value)))
}

/** Told as done, and dated ahead. */
const happened: [string, string, string][] = [
  ['q47-told', 'Yes', 'q47-when'],
  ['q49-statement', 'Made', 'q49-when'],
]

function hadHappened(view: View, at: Date): Advice[] {
  return happened
    .filter(([done, word, when]) => says(view, [done, [word]]) && timeOf(view.told.get(when)?.value) > at.getTime() + TOLERANCE)
    .flatMap(([done, , when]) =>
      onPair(view, [done, when], 'in-the-future', 'You say that this is done, and give a time still to come. Check both'),
    )
}

function ruledOut({ told }: View): Advice[] {
  const given = [...told].map(([question, { value }]) => ({ question, value }))
  return [...told].flatMap(([id, { value, nth }]) => {
    const question = questionById.get(id)
    if (nth === undefined || !question || !isKnown(value, question)) return []
    return ruledOutBy(question, given).map((by) => ({
      field: `answers.${nth}.value`,
      question: id,
      code: 'ruled-out' as const,
      message: `Your answer to ${labelOf(by)} says that this does not arise. Change one of the two if it is wrong`,
    }))
  })
}

/** What counted against organisations is content that shifts without a word; a correction says its word. */
const SHIFTING = 'If that was wrong, make this a correction and say why'

function sinceBefore({ told, before }: View): Advice[] {
  return [...told].flatMap(([id, { value, nth, corrects }]) => {
    const question = questionById.get(id)
    if (nth === undefined || corrects || !question || !isKnown(before.get(id), question)) return []
    const changed = shifted(question, before.get(id), value)
    return changed ? [{ field: `answers.${nth}.value`, question: id, code: changed.code, message: `${changed.message}. ${SHIFTING}` }] : []
  })
}

function shifted(question: Question, was: unknown, is: unknown): { code: AdviceCode; message: string } | undefined {
  if (!isKnown(is, question))
    return { code: 'known-before', message: 'You gave an answer to this before, and now say that it is not known' }
  if (typeof was === 'number' && typeof is === 'number' && is < was)
    return { code: 'number-fell', message: `You said ${was.toLocaleString('en-GB')} before, and now ${is.toLocaleString('en-GB')}` }
  if (question.type === 'date-time' && !ahead.includes(question.id) && timeOf(was) !== timeOf(is))
    return { code: 'time-moved', message: `You said ${String(was)} before` }
  const dropped = question.type === 'choices' ? [was].flat().filter((one) => ![is].flat().includes(one)) : []
  return dropped.length > 0 ? { code: 'kind-dropped', message: `Before, you also said: ${dropped.join(', ')}` } : undefined
}

/** Words may differ from body to body; facts seldom do. Said to the organisation alone, who knows of both answers anyway. */
function toldDifferently(answers: readonly Numbered[]): Advice[] {
  const first = new Map<string, unknown>()
  return answers.flatMap(({ question: id, value, nth }) => {
    const question = questionById.get(id)
    if (!question || question.type === 'text' || question.type === 'list' || !isKnown(value, question)) return []
    if (!first.has(id)) first.set(id, value)
    if (sameFact(question, first.get(id), value)) return []
    return [
      {
        field: `answers.${nth}.value`,
        question: id,
        code: 'told-differently' as const,
        message: 'You tell the two bodies different things here. Leave it if both are right',
      },
    ]
  })
}

function sameFact({ type }: Question, one: unknown, other: unknown): boolean {
  return type === 'date-time' ? timeOf(one) === timeOf(other) : JSON.stringify(one) === JSON.stringify(other)
}
