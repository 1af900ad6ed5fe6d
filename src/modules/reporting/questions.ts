import { z } from 'zod'
import list from './questions.json' with { type: 'json' }

export const questionTypes = ['text', 'email', 'telephone', 'identifier', 'date-time', 'whole-number', 'choice', 'choices'] as const
export const authorities = ['ico', 'ncsc'] as const
export type Authority = (typeof authorities)[number]

/** One atomic question. `first` marks the first report; `notYetKnown` says that not knowing yet is an honest answer to it. */
export const question = z.strictObject({
  id: z.string().regex(/^q\d\d(-[a-z]+)*$/),
  label: z.string().min(1),
  help: z.string(),
  type: z.enum(questionTypes),
  choices: z.array(z.string()).min(1).optional(),
  /** A text of several paragraphs. */
  lines: z.literal('many').optional(),
  /** The bodies that may be told the answer; the organisation chooses among them. */
  authorities: z.array(z.enum(authorities)).min(1),
  first: z.boolean(),
  stage: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  notYetKnown: z.boolean(),
  sensitivity: z.array(z.enum(['personal', 'commercial', 'privilege', 'security'])),
  source: z.string(),
})
export type Question = z.infer<typeof question>

/** The merged list: data, checked as it is read. */
export const questions: readonly Question[] = z.array(question).parse(list)
