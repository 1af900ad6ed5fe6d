import { Temporal } from 'temporal-polyfill'

/** Times are asked and shown as clocks in the United Kingdom show them. */
export const ZONE = 'Europe/London'

export type Clock = { day: string; month: string; year: string; hour: string; minute: string }

/**
 * What was typed as RFC 3339 with its offset. In the hour that comes twice in autumn the earlier one is meant; the hour that spring
 * leaves out counts as the one after. What is no time at all comes back as it was typed, for the mistake to be pointed at.
 */
export function momentOf({ day, month, year, hour, minute }: Clock): string {
  const typed = [day, month, year, hour, minute].map((one) => one.trim())
  const [d, m, y, h, min] = typed.map((one) => (/^\d{1,4}$/.test(one) ? Number(one) : Number.NaN)) as [
    number,
    number,
    number,
    number,
    number,
  ]
  try {
    const local = Temporal.PlainDateTime.from({ year: y, month: m, day: d, hour: h, minute: min }, { overflow: 'reject' })
    return local.toZonedDateTime(ZONE, { disambiguation: 'compatible' }).toString({ timeZoneName: 'never', smallestUnit: 'second' })
  } catch {
    return typed.join(' ')
  }
}

export function clockOf(moment: string): Clock {
  try {
    const { day, month, year, hour, minute } = Temporal.Instant.from(moment).toZonedDateTimeISO(ZONE)
    return { day: `${day}`, month: `${month}`, year: `${year}`, hour: pad(hour), minute: pad(minute) }
  } catch {
    return { day: '', month: '', year: '', hour: '', minute: '' }
  }
}

/** "23 November 2026 at 2:30pm", in the style of GOV.UK. */
export function timeInWords(moment: Date | string): string {
  const at = Temporal.Instant.from(typeof moment === 'string' ? moment : moment.toISOString()).toZonedDateTimeISO(ZONE)
  const date = at.toPlainDate().toLocaleString('en-GB', { day: 'numeric', month: 'long', year: 'numeric' })
  const hour = at.hour % 12 === 0 ? 12 : at.hour % 12
  const minutes = at.minute === 0 ? '' : `:${pad(at.minute)}`
  return `${date} at ${hour}${minutes}${at.hour < 12 ? 'am' : 'pm'}`
}

export function dayInWords(moment: Date): string {
  return Temporal.Instant.from(moment.toISOString())
    .toZonedDateTimeISO(ZONE)
    .toPlainDate()
    .toLocaleString('en-GB', { day: 'numeric', month: 'long', year: 'numeric' })
}

/** "41 hours and 12 minutes": what is left, or how long it is past. */
export function spanInWords(milliseconds: number): string {
  const minutes = Math.floor(Math.abs(milliseconds) / 60_000)
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60]
  const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`
  if (hours >= 96) return plural(Math.floor(hours / 24), 'day')
  if (hours === 0) return plural(rest, 'minute')
  return rest === 0 ? plural(hours, 'hour') : `${plural(hours, 'hour')} and ${plural(rest, 'minute')}`
}

function pad(part: number): string {
  return `${part}`.padStart(2, '0')
}
