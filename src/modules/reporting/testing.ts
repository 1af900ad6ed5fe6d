import fc from 'fast-check'
import type { Answer } from './incident.ts'
import { authorities, questions, type Question } from './questions.ts'

type Values = Record<Question['type'], (question: Question) => fc.Arbitrary<unknown>>

/** What people type, with the signs and scripts that make trouble; never controls, never half a character. */
const words = fc.oneof(
  { weight: 4, arbitrary: fc.stringMatching(/^[a-z ]{0,40}[a-z]$/) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('Ångström & Söhne', '<b>bold</b>', '“quoted”, it’s', '数据泄露', '🔒 locked', '{{ 7 * 7 }}', "'; drop"),
  },
)
const values: Values = {
  'text': ({ lines }) => (lines === 'many' ? fc.array(words, { minLength: 1, maxLength: 3 }).map((some) => some.join('\n')) : words),
  'email': () => fc.constantFrom('a@b.example', 'first.last@mail.example.org'),
  'telephone': () => fc.constantFrom('+44 1632 960 141', '01632 960141'),
  'identifier': () => fc.record({ scheme: fc.constantFrom('companies-house', 'charity'), id: fc.stringMatching(/^[0-9]{8}$/) }),
  'date-time': () =>
    fc.date({ min: new Date('2020-01-01'), max: new Date('2030-01-01'), noInvalidDate: true }).map((date) => date.toISOString()),
  'whole-number': () => fc.nat(),
  'choice': ({ choices = [] }) => fc.constantFrom(...choices),
  'choices': ({ choices = [] }) => fc.subarray(choices, { minLength: 1 }),
  'list': () => fc.uniqueArray(words, { minLength: 1, maxLength: 5 }),
}

/** Answers that a question takes, "not yet known" among them where it is honest. */
export function arbitraryValue(question: Question): fc.Arbitrary<unknown> {
  const value = values[question.type](question)
  return question.notYetKnown ? fc.oneof({ weight: 4, arbitrary: value }, fc.constant({ notYetKnown: true })) : value
}

function answerTo(question: Question, bodies: readonly string[]): fc.Arbitrary<Answer> {
  return fc.record({
    question: fc.constant(question.id),
    value: arbitraryValue(question),
    audience: fc.subarray([...bodies], { minLength: 1 }),
  })
}

/** Any question to any set of bodies, allowed or not. */
export const arbitraryAnswer: fc.Arbitrary<Answer> = fc.oneof(...questions.map((question) => answerTo(question, authorities)))

const toEach = new Map(questions.map((question) => [question.id, answerTo(question, question.authorities)]))

/** A report that holds: each question once, to bodies that may be told. */
export const arbitraryReport: fc.Arbitrary<Answer[]> = fc
  .subarray([...questions], { minLength: 1 })
  .chain((asked) => fc.tuple(...asked.map(({ id }) => toEach.get(id)!)))
