import { timeInWords } from '#platform/uk-time'
import type { Question } from './questions.ts'

/** An answer as a person reads it: never JSON, never an empty place. */
export function valueInWords(value: unknown, question?: Pick<Question, 'type'>): string[] {
  if (typeof value === 'object' && value !== null && 'notYetKnown' in value) return ['Not yet known']
  if (typeof value === 'object' && value !== null && 'declined' in value)
    return ['Will not answer here', ...('reason' in value ? [String(value.reason)] : [])]
  if (Array.isArray(value)) return value.map(String)
  if (typeof value === 'object' && value !== null && 'scheme' in value && 'id' in value)
    return [`${registers[String(value.scheme)] ?? String(value.scheme)}: ${String(value.id)}`]
  if (typeof value === 'object' && value !== null && 'name' in value && 'sha256' in value)
    return [`File ${String(value.name)}`, `SHA-256 ${String(value.sha256)}`]
  if (typeof value === 'number') return [value.toLocaleString('en-GB')]
  if (question?.type === 'date-time' && typeof value === 'string') return [momentInWords(value)]
  return typeof value === 'string' ? value.split('\n') : [JSON.stringify(value)]
}

function momentInWords(value: string): string {
  try {
    return `${timeInWords(value)} (UK time)`
  } catch {
    return value
  }
}

/** Public registers whose numbers tell one organisation from another of its name. */
export const registers: Record<string, string> = {
  'companies-house': 'Companies House',
  'charity-commission': 'Charity Commission',
  'oscr': 'Scottish Charity Regulator',
  'ccni': 'Charity Commission for Northern Ireland',
  'nhs-ods': 'NHS organisation code',
  'urn': 'School (unique reference number)',
  'other': 'Another register',
}
