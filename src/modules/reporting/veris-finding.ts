import { UNKNOWN } from './veris-form.ts'

/** A fact that answers a question. `from`: where it stands in the record; `says`: what the answer says all of, else just that. */
export type Said = { question: string; value: unknown; from: string; says?: string[] }
/** A fact that answers none, and why. */
export type Left = { path: string; reason: string }
export type Finding = Said | Left

export const NOT_YET_KNOWN = { notYetKnown: true } as const

export function known(words: readonly string[] | undefined): string[] {
  return (words ?? []).filter((word) => word !== UNKNOWN && word !== 'NA')
}

/** A text as it is, or "not yet known" where the record says just that. */
export function asText(question: string, path: string, text: string | undefined): Finding[] {
  if (text === undefined || text.trim() === '') return []
  return [{ question, value: text.trim() === UNKNOWN ? NOT_YET_KNOWN : text.trim(), from: path }]
}
