import type { Mistake } from '#platform/errors'
import type { FolderAnswer } from '#reporting'
import { HOME_ZONE, isZone, offsetFits, readMoment } from './clock.ts'
import { regimes, startEvents, type StartEvent } from './regimes.ts'

export const OWN_DATE = 'own date'
export type MomentEvent = StartEvent | typeof OWN_DATE
export const momentEvents: readonly MomentEvent[] = [...startEvents, OWN_DATE]

/** As it is typed. `at` null takes an earlier one back: it did not happen, or not yet. */
export type MomentInput = {
  event: MomentEvent
  at: string | null
  zone: string
  decidedBy: string
  why?: string | undefined
  regime?: string | undefined
}

/** As it was recorded: what was typed, by whom and when. */
export type Moment = {
  event: MomentEvent
  at: string | null
  zone: string
  decidedBy: string
  why: string
  regime?: string
  by: string
  recordedAt: Date
}

const LONGEST = { decidedBy: 1_000, why: 20_000 }

/** Every fault, with a pointer to it. Nothing is kept while there is one. */
export function mistakesIn(input: MomentInput, earlier: readonly Moment[], now: Date): Mistake[] {
  const correction = latestOf(earlier).has(keyOf(input))
  return [
    ...regimeMistakes(input),
    ...timeMistakes(input, now),
    ...(isZone(input.zone) ? [] : [{ field: 'zone', message: 'Name the time zone, for example Europe/London' }]),
    ...textMistakes('decidedBy', input.decidedBy, 'Say who decided that this was the time', true),
    ...textMistakes('why', input.why ?? '', 'Say why: this changes what was recorded before', correction || input.at === null),
  ]
}

function regimeMistakes({ event, regime }: MomentInput): Mistake[] {
  if (event !== OWN_DATE) return regime === undefined ? [] : [{ field: 'regime', message: 'Only a date of your own belongs to one regime' }]
  return regimes.some(({ id }) => id === regime) ? [] : [{ field: 'regime', message: 'Say which regime this date is for' }]
}

function timeMistakes({ event, at }: MomentInput, now: Date): Mistake[] {
  if (at === null) return []
  const time = readMoment(at)
  if (!time) return [{ field: 'at', message: 'Give date, time and offset, for example 2026-11-23T22:15:00+00:00' }]
  if (event === OWN_DATE || time.getTime() <= now.getTime()) return []
  return [{ field: 'at', message: 'This lies in the future. Record it when it has happened' }]
}

function textMistakes(field: keyof typeof LONGEST, text: string, missing: string, needed: boolean): Mistake[] {
  if (text.trim() === '') return needed ? [{ field, message: missing }] : []
  if (text.length > LONGEST[field]) return [{ field, message: `Use no more than ${LONGEST[field].toLocaleString('en-GB')} characters` }]
  if (!text.isWellFormed() || /[^\P{Cc}\t\n\r]/u.test(text)) return [{ field, message: 'There are characters here that are not text' }]
  return []
}

function keyOf({ event, regime }: Pick<MomentInput, 'event' | 'regime'>): string {
  return event === OWN_DATE ? `${event} ${regime}` : event
}

/** The latest recorded counts; one taken back is kept here with `at` null. `moments` are oldest first. */
export function latestOf(moments: readonly Moment[]): Map<string, Moment> {
  return new Map(moments.map((moment) => [keyOf(moment), moment]))
}

/** Where the organisation counts its time: the zone it last named. */
export function zoneOf(moments: readonly Moment[]): string {
  return moments.at(-1)?.zone ?? HOME_ZONE
}

export type Saying = {
  at: string | null
  zone: string
  decidedBy: string
  why: string
  via: 'moment' | 'draft' | 'filed'
  by: string
  saidAt: Date
}

/**
 * Whatever was said of awareness, by a moment or in answer to `q16-…`, oldest first and each saying once: the answers that a moment put
 * into the draft, and a report that repeats them, say nothing new. An answer "not yet known" is no saying and stops no clock; only a
 * moment taken back, with a reason, does.
 */
export function awarenessHistory(moments: readonly Moment[], answers: readonly FolderAnswer[]): Saying[] {
  const recorded = moments.filter(({ event }) => event === 'aware').map(sayingOf)
  const answered = answeredSayings(answers, zoneOf(moments))
  const inTime = [...recorded, ...answered].sort((a, b) => a.saidAt.getTime() - b.saidAt.getTime())
  const history: Saying[] = []
  let known: Pick<Saying, 'at' | 'decidedBy' | 'why'> = { at: null, decidedBy: '', why: '' }
  for (const { at, decidedBy, why, ...rest } of inTime) {
    const whole = { at: at ?? null, decidedBy: decidedBy ?? known.decidedBy, why: why ?? known.why }
    const said = rest.via === 'moment' || at !== undefined ? whole : { ...whole, at: known.at }
    const news = rest.via === 'moment' || (said.at !== null && !sameSaying(said, known))
    if (news) history.push({ ...rest, ...said })
    known = said
  }
  return history
}

type Part = Partial<Pick<Saying, 'decidedBy' | 'why'>> & { at?: string | null } & Omit<Saying, 'at' | 'decidedBy' | 'why'>

function sayingOf({ at, zone, decidedBy, why, by, recordedAt }: Moment): Part {
  return { at, zone, decidedBy, why, via: 'moment', by, saidAt: recordedAt }
}

/** The three answers that came together are one saying. */
function answeredSayings(answers: readonly FolderAnswer[], zone: string): Part[] {
  const ours = answers.filter(({ question }) => question.startsWith('q16-'))
  const groups = Map.groupBy(ours, ({ at, from, by }) => JSON.stringify([at.getTime(), from, by]))
  return [...groups.values()].map((group) => {
    const { from, by, at: saidAt } = group[0]!
    const text = (question: string): string | undefined => {
      const value = group.find((answer) => answer.question === question)?.value
      return typeof value === 'string' ? value : undefined
    }
    const [time, decidedBy, why] = [text('q16-time'), text('q16-decided-by'), text('q16-why')]
    return {
      zone,
      via: from,
      by,
      saidAt,
      ...(readMoment(time) && { at: time! }),
      ...(decidedBy !== undefined && { decidedBy }),
      ...(why !== undefined && { why }),
    }
  })
}

function sameSaying(one: Pick<Saying, 'at' | 'decidedBy' | 'why'>, other: Pick<Saying, 'at' | 'decidedBy' | 'why'>): boolean {
  const time = ({ at }: Pick<Saying, 'at'>): number | undefined => readMoment(at)?.getTime()
  return time(one) === time(other) && one.decidedBy === other.decidedBy && one.why === other.why
}

export type Warning = { code: 'aware-before-discovery' | 'offset-differs'; message: string }

/** What may be a slip of the pen. It is said and stops nothing. */
export function warningsOn(
  said: Pick<Saying, 'at' | 'zone' | 'why'> | undefined,
  times: { discovered: unknown; happened: unknown },
): Warning[] {
  const aware = readMoment(said?.at)
  if (!said || !aware) return []
  const before = (time: Date | undefined): boolean => time !== undefined && aware.getTime() < time.getTime()
  const early = before(readMoment(times.discovered)) || before(readMoment(times.happened))
  const warnings: Warning[] = []
  if (early && said.why.trim() === '')
    warnings.push({
      code: 'aware-before-discovery',
      message: 'You were aware before the incident was discovered or began, and no reason is given. Check the times, or say why.',
    })
  if (!offsetFits(said.at!, said.zone)) warnings.push(offsetWarning(said.zone))
  return warnings
}

export function offsetWarning(zone: string): Warning {
  return { code: 'offset-differs', message: `The time was not so many hours from UTC in ${zone} then. The offset you gave was used.` }
}
