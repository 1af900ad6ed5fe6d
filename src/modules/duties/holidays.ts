import type { Temporal } from 'temporal-polyfill'
import { z } from 'zod'
import list from './bank-holidays.json' with { type: 'json' }
import { regions } from './regimes.ts'

export type Region = (typeof regions)[number]

const holiday = z.strictObject({
  date: z.iso.date(),
  name: z.string().min(1),
  /** A day of its own, by no rule. */
  proclaimed: z.strictObject({ source: z.string(), confidence: z.string() }).optional(),
})

/** Data, checked as it is read. Years outside `from`–`to` are not known, which is not the same as having no holidays. */
export const bankHolidays = z
  .strictObject({
    source: z.string(),
    confidence: z.enum(['confirmed', 'derived', 'unconfirmed']),
    note: z.string(),
    from: z.int(),
    to: z.int(),
    regions: z.record(z.enum(regions), z.array(holiday)),
  })
  .parse(list)

const off = new Map(regions.map((region) => [region, new Set(bankHolidays.regions[region].map(({ date }) => date))]))

/** Undefined where the bank holidays of that year are not known. */
export function isWorkingDay(day: Temporal.PlainDate, region: Region): boolean | undefined {
  if (day.year < bankHolidays.from || day.year > bankHolidays.to) return undefined
  return day.dayOfWeek <= 5 && !off.get(region)!.has(day.toString())
}
