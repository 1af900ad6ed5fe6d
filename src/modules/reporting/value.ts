import { z } from 'zod'
import type { Question } from './questions.ts'

const ONE_LINE = 1_000
const MANY_LINES = 20_000
const LIST = { entries: 200, entry: 300 }

/** What is wrong with a value, in words for whoever typed it; undefined if nothing is. */
export function mistakeIn(value: unknown, question: Question): string | undefined {
  if (value === undefined || value === null || value === '') return 'Give an answer'
  if (saysNotYetKnown(value)) return notYetKnownMistake(value, question)
  return checks[question.type](value, question)
}

function saysNotYetKnown(value: unknown): value is object {
  return typeof value === 'object' && value !== null && 'notYetKnown' in value
}

/** A real value: the organisation says that it does not know yet, which is not the same as saying nothing. */
export function isNotYetKnown(value: unknown): boolean {
  return z.strictObject({ notYetKnown: z.literal(true) }).safeParse(value).success
}

/** Something was said, and more than that it is not yet known: some lists have a choice of their own for that. */
export function isKnown(value: unknown, question: Question | undefined): boolean {
  if (value === undefined || value === null || isNotYetKnown(value)) return false
  const unknown = question?.unknownChoice
  return unknown === undefined || [value].flat().some((one) => one !== unknown)
}

function notYetKnownMistake(value: object, question: Question): string | undefined {
  if (!isNotYetKnown(value)) return 'Write { "notYetKnown": true } and nothing else'
  return question.notYetKnown ? undefined : 'Leave this out if there is nothing to say'
}

type Check = (value: unknown, question: Question) => string | undefined

const checks: Record<Question['type'], Check> = {
  'text': (value, question) => textMistake(value, question.lines === 'many'),
  'email': (value) =>
    textMistake(value, false) ?? (z.email().safeParse(value).success ? undefined : 'Give an email address, for example name@example.com'),
  'telephone': (value) =>
    textMistake(value, false) ??
    (/^\+?[0-9 ()-]{5,50}$/.test(value as string) ? undefined : 'Give a telephone number, for example +44 1632 960 141'),
  'identifier': identifierMistake,
  'date-time': (value) => (isMoment(value) ? undefined : momentMistake(value)),
  'whole-number': (value) =>
    Number.isSafeInteger(value) && (value as number) >= 0
      ? undefined
      : 'Give a whole number in figures, for example 2140; an estimate will do',
  'choice': (value, question) =>
    typeof value === 'string' && question.choices?.includes(value) ? undefined : `Choose one of: ${question.choices?.join(' / ')}`,
  'choices': choicesMistake,
  'list': listMistake,
}

/** What is wrong with a few paragraphs somebody wrote. */
export function wordsMistake(value: unknown): string | undefined {
  return textMistake(value, true)
}

function textMistake(value: unknown, manyLines: boolean): string | undefined {
  if (typeof value !== 'string') return 'Write the answer as text'
  if (value.trim() === '') return 'Give an answer'
  const longest = manyLines ? MANY_LINES : ONE_LINE
  if (value.length > longest) return tooLong(value, longest)
  const control = controlIn(value)
  if (control >= 0 || !value.isWellFormed())
    return `There are characters here that are not text${control >= 0 ? ` (the first is number ${control + 1})` : ''}. Type them again`
  return manyLines || !/[\r\n]/.test(value) ? undefined : 'Write this on one line'
}

function tooLong(text: string, longest: number): string {
  return `Use no more than ${longest.toLocaleString('en-GB')} characters; there are ${text.length.toLocaleString('en-GB')}`
}

/** Where the first control character stands, other than tab and line ends: stores and screens take them for something else. */
function controlIn(text: string): number {
  return text.search(/[^\P{Cc}\t\n\r]/u)
}

function identifierMistake(value: unknown): string | undefined {
  const form = z.strictObject({ scheme: z.string().regex(/^[a-z][a-z0-9-]{1,39}$/), id: z.string() }).safeParse(value)
  if (!form.success) return 'Give register and number, for example { "scheme": "companies-house", "id": "01234567" }'
  if (form.data.id.length > 100) return tooLong(form.data.id, 100)
  return textMistake(form.data.id, false)
}

const MOMENT = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

function momentMistake(value: unknown): string {
  const example = 'for example 2026-11-23T22:15:00Z'
  if (typeof value !== 'string') return `Give date, time and zone, ${example}`
  if (isMoment(`${value}Z`)) return `Say the time zone too: end with Z for UTC, or with the difference from it, such as +01:00`
  if (/^\d{4}-\d\d-\d\d$/.test(value)) return `Give the time and zone too, ${example}; say beside it how sure you are`
  return MOMENT.test(value) ? 'There is no such day or time' : `Give date, time and zone, ${example}`
}

/** RFC 3339 with its zone, of a day that exists: `Date` would turn 31 February into March. */
function isMoment(value: unknown): boolean {
  const parts = typeof value === 'string' ? MOMENT.exec(value) : null
  if (!parts || Number.isNaN(Date.parse(parts[0]))) return false
  const [year, month, day] = [Number(parts[1]), Number(parts[2]), Number(parts[3])]
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate()
}

function choicesMistake(value: unknown, question: Question): string | undefined {
  const choices = question.choices ?? []
  const fits = Array.isArray(value) && value.length > 0 && value.every((one) => choices.includes(one))
  if (!fits) return `Choose from: ${choices.join(' / ')}`
  return new Set(value).size === value.length ? undefined : 'Choose each once'
}

function listMistake(value: unknown): string | undefined {
  if (!Array.isArray(value) || value.length === 0) return 'Give a list of lines, at least one'
  if (value.length > LIST.entries) return `Give no more than ${LIST.entries} lines; there are ${value.length.toLocaleString('en-GB')}`
  const mistakes = value.map(entryMistake)
  const first = mistakes.findIndex((mistake) => mistake !== undefined)
  if (first >= 0) return `Line ${first + 1}: ${mistakes[first]}`
  return new Set(value).size === value.length ? undefined : 'Write each line once'
}

function entryMistake(entry: unknown): string | undefined {
  return typeof entry === 'string' && entry.length > LIST.entry ? tooLong(entry, LIST.entry) : textMistake(entry, false)
}
