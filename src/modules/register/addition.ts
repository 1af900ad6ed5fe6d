import { z } from 'zod'
import type { Mistake } from '#platform/errors'

/** What the organisation writes beside its answers. What is left out stays; `null` takes back what was written. */
export const change = z.strictObject({
  notReportedBecause: z.string().nullable().optional(),
  effects: z.string().nullable().optional(),
  remedialAction: z.string().nullable().optional(),
  closed: z.strictObject({ on: z.iso.date(), outcome: z.string() }).nullable().optional(),
})
export type Change = z.infer<typeof change>

/** A change as it was written: by whom, and when. */
export type Addition = Change & { by: string; at: Date }

const LONGEST = 20_000
const texts = ['notReportedBecause', 'effects', 'remedialAction'] as const

/** Every fault, with a pointer to it. `today`: no day after it has come yet. */
export function mistakesIn(input: Change, today: string): Mistake[] {
  if (Object.values(input).every((member) => member === undefined)) return [{ field: '', message: 'Say what is to be added' }]
  const written = texts.flatMap((field) => textMistakes(field, input[field]))
  const { closed } = input
  if (!closed) return written
  const early = closed.on <= today ? [] : [{ field: 'closed.on', message: 'Give a day that has come' }]
  return [...written, ...early, ...textMistakes('closed.outcome', closed.outcome)]
}

function textMistakes(field: string, text: string | null | undefined): Mistake[] {
  if (text === null || text === undefined) return []
  if (text.trim() === '') return [{ field, message: 'Write something, or leave this out' }]
  if (text.length > LONGEST) return [{ field, message: `Use no more than ${LONGEST.toLocaleString('en-GB')} characters` }]
  if (!text.isWellFormed() || /[^\P{Cc}\t\n\r]/u.test(text)) return [{ field, message: 'There are characters here that are not text' }]
  return []
}

export type Written<T> = { value: T; by: string; at: Date }
export type Standing = {
  notReportedBecause?: Written<string>
  effects?: Written<string>
  remedialAction?: Written<string>
  closed?: Written<NonNullable<Change['closed']>>
}

/** What stands now: of each part the latest, unless it was taken back. `additions` are oldest first. */
export function standingOf(additions: readonly Addition[]): Standing {
  const latest = <K extends keyof Change>(member: K): Written<NonNullable<Change[K]>> | undefined => {
    const last = additions.findLast((addition) => addition[member] !== undefined)
    const value = last?.[member]
    return last && value !== null && value !== undefined ? { value, by: last.by, at: last.at } : undefined
  }
  const standing = {
    notReportedBecause: latest('notReportedBecause'),
    effects: latest('effects'),
    remedialAction: latest('remedialAction'),
    closed: latest('closed'),
  }
  return Object.fromEntries(Object.entries(standing).filter(([, written]) => written !== undefined))
}
