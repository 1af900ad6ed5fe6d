import { Temporal } from 'temporal-polyfill'
import { isWorkingDay, type Region } from './holidays.ts'
import type { ClockRow } from './regimes.ts'

/** `leftSeconds` is negative once the time has passed; null where there is no end to count to. */
export type Reading = { started: boolean; dueAt: Date | null; leftSeconds: number | null; overdue: boolean }

/** When nobody said another. */
export const HOME_ZONE = 'Europe/London'

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

/** RFC 3339 with its offset, of a day that exists; undefined for anything else. */
export function readMoment(text: unknown): Date | undefined {
  if (typeof text !== 'string' || !MOMENT.test(text)) return undefined
  try {
    return new Date(Temporal.Instant.from(text).epochMilliseconds)
  } catch {
    return undefined
  }
}

/** The name of a zone in the IANA database, not an offset: only a zone knows when its clocks change. */
export function isZone(text: string): boolean {
  if (!/^[A-Za-z]+([/_+-][A-Za-z0-9]+)*$/.test(text)) return false
  try {
    return new Intl.DateTimeFormat('en-GB', { timeZone: text }) !== undefined
  } catch {
    return false
  }
}

/** False where somebody wrote an offset that the zone did not have at that moment; `Z` says nothing of where one was. */
export function offsetFits(text: string, zone: string): boolean {
  const offset = /[+-]\d\d:\d\d$/.exec(text)?.[0]
  return offset === undefined || Temporal.Instant.from(text).toZonedDateTimeISO(zone).offset === offset
}

/**
 * When this stage ends, counted from `start`; null where the law names no figure, or where it cannot be counted. Three rules, all
 * derived from how the regimes word it:
 * hours are elapsed time, through nights, weekends and changes of the clocks;
 * a month ends at the same time of day on the corresponding date in `zone` (Dodds v Walker [1981] 1 WLR 1027), or on the last day of
 * a month that has no such date;
 * working days leave out the day of the start and end with the last of them, at midnight in `zone`.
 */
export function dueAt(clock: ClockRow, start: Date, zone: string): Date | null {
  if (clock.workingDays) return afterWorkingDays(start, clock.workingDays, zone)
  if (clock.hours !== null) return new Date(start.getTime() + clock.hours * 3_600_000)
  const months = clock.duration === null ? null : /^P(\d+)M$/.exec(clock.duration)
  return months ? afterMonths(start, Number(months[1]), zone) : null
}

function local(start: Date, zone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(start.getTime()).toZonedDateTimeISO(zone)
}

function dateOf(moment: Temporal.ZonedDateTime): Date {
  return new Date(moment.epochMilliseconds)
}

/** A time of day that the clocks skip on that date is the one an hour later; one that they repeat is the first. */
function afterMonths(start: Date, months: number, zone: string): Date {
  return dateOf(local(start, zone).add({ months }, { overflow: 'constrain' }))
}

function afterWorkingDays(start: Date, { days, of }: { days: number; of: Region }, zone: string): Date | null {
  let day = local(start, zone).toPlainDate()
  for (let counted = 0; counted < days; ) {
    day = day.add({ days: 1 })
    const working = isWorkingDay(day, of)
    if (working === undefined) return null
    if (working) counted += 1
  }
  return dateOf(day.add({ days: 1 }).toZonedDateTime(zone))
}

/** What the clock shows now. At its very last moment it is not yet overdue. */
export function reading(clock: ClockRow, start: Date | undefined, zone: string, now: Date): Reading {
  if (start === undefined) return { started: false, dueAt: null, leftSeconds: null, overdue: false }
  return { started: true, ...against(dueAt(clock, start, zone), now) }
}

export function against(due: Date | null, now: Date): Omit<Reading, 'started'> {
  if (due === null) return { dueAt: null, leftSeconds: null, overdue: false }
  const left = due.getTime() - now.getTime()
  return { dueAt: due, leftSeconds: Math.trunc(left / 1000), overdue: left < 0 }
}

/** ISO 8601, in hours and less: a day of a deadline is 24 hours and is not called a day. */
export function durationOf(seconds: number): string {
  return Temporal.Duration.from({ seconds }).round({ largestUnit: 'hours' }).toString()
}
