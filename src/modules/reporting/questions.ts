import { z } from 'zod'
import list from './questions.json' with { type: 'json' }
import { confidence, vocabularies } from './vocabularies.ts'

export const questionTypes = ['text', 'email', 'telephone', 'identifier', 'date-time', 'whole-number', 'choice', 'choices', 'list'] as const
export const authorities = ['ico', 'ncsc'] as const
export type Authority = (typeof authorities)[number]

export const groups = { A: 'Who', B: 'When', C: 'What', D: 'Impact', E: 'Personal data', F: 'Response' } as const

export const regimeIds = ['uk-gdpr-33', 'uk-gdpr-34', 'uk-pecr-5a', 'uk-nis-11', 'uk-nis-12', 'uk-ncsc-voluntary'] as const
export type RegimeId = (typeof regimeIds)[number]

/** What another answer must be. `in`: one of these was chosen. `notIn`: none of these was chosen, or nothing was answered yet. */
const simpleCondition = z.union([
  z.strictObject({ question: z.string(), in: z.array(z.string()).min(1) }),
  z.strictObject({ question: z.string(), notIn: z.array(z.string()).min(1) }),
  z.strictObject({ question: z.string(), known: z.literal(false) }),
  z.strictObject({ question: z.string(), laterThanHours: z.number().positive() }),
])
const condition = z.union([simpleCondition, z.strictObject({ any: z.array(simpleCondition).min(2) })])
export type SimpleCondition = z.infer<typeof simpleCondition>
export type Condition = z.infer<typeof condition>

const written = z.strictObject({
  id: z.string().regex(/^q\d\d(-[a-z]+)*$/),
  label: z.string().min(1),
  help: z.string(),
  type: z.enum(questionTypes),
  /** The vocabulary that is chosen from. */
  list: z.string().optional(),
  /** A text of several paragraphs. */
  lines: z.literal('many').optional(),
  group: z.enum(['A', 'B', 'C', 'D', 'E', 'F']),
  /** The bodies that may be told the answer; the organisation chooses among them. */
  authorities: z.array(z.enum(authorities)).min(1),
  first: z.boolean(),
  /** Belongs into the first report too, but only where it is asked. */
  firstWhenAsked: z.literal(true).optional(),
  stage: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  notYetKnown: z.boolean(),
  sensitivity: z.array(z.enum(['personal', 'commercial', 'privilege', 'security'])),
  /** Whom the answer may serve; whether there is a duty is decided elsewhere. */
  regimes: z.array(z.enum(regimeIds)).min(1),
  /** The regimes whose list of contents names it. */
  content: z.array(z.enum(regimeIds)).min(1).optional(),
  /** Every condition must hold. Without conditions it is always asked. */
  askedWhen: z.array(condition).min(1).optional(),
  /** Names people at work, as it should: no warning of personal data. */
  namesPeople: z.literal(true).optional(),
  source: z.string(),
  confidence,
})

/** One atomic question. `first` marks the first report; `notYetKnown` says that not knowing yet is an honest answer to it. */
export const question = written.extend({
  choices: z.array(z.string()).min(1).optional(),
  choicesConfidence: confidence.optional(),
  /** The choice that says no more than "not yet known". */
  unknownChoice: z.string().optional(),
})
export type Question = z.infer<typeof question>

/** The merged list: data, checked as it is read. */
export const questions: readonly Question[] = z.array(written).parse(list).map(withChoices)

export const questionById: ReadonlyMap<string, Question> = new Map(questions.map((one) => [one.id, one]))

function withChoices(one: z.infer<typeof written>): Question {
  if (one.list === undefined) return one
  const { choices, confidence, unknown } = vocabularies[one.list]!
  return { ...one, choices, choicesConfidence: confidence, ...(unknown !== undefined && { unknownChoice: unknown }) }
}
