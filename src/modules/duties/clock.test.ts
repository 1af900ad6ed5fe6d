import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { runs, seed } from '../../../checks/runs.ts'
import { against, dueAt, durationOf, isZone, offsetFits, readMoment, reading } from './clock.ts'
import { bankHolidays, isWorkingDay, type Region } from './holidays.ts'
import { regions, type ClockRow } from './regimes.ts'
import { Temporal } from 'temporal-polyfill'

// The other calculation: whole milliseconds of UTC, and wall clocks read from Intl. Nothing of it is the engine's.

const HOUR = 3_600_000
const DAY = 24 * HOUR
const zones = [
  'Europe/London',
  'Europe/Brussels',
  'UTC',
  'America/New_York',
  'America/St_Johns',
  'America/Havana',
  'America/Santiago',
  'Africa/Cairo',
  'Asia/Beirut',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Pacific/Auckland',
  'Pacific/Chatham',
  'Pacific/Apia',
]
const formats = new Map(
  zones.map((zone) => [
    zone,
    new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'gregory',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    }),
  ]),
)

/** What a clock on the wall shows, as if it were UTC. */
function wall(at: number, zone: string): number {
  const parts = Object.fromEntries(
    formats
      .get(zone)!
      .formatToParts(at)
      .map(({ type, value }) => [type, Number(value)]),
  )
  const { year, month, day, hour, minute, second } = parts as Record<string, number>
  return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!) + (((at % 1000) + 1000) % 1000)
}

/** The first moment at which the wall shows this; where it never does, the moment that many minutes after the jump. */
function moment(shown: number, zone: string): number {
  const offsets = [shown - DAY, shown + DAY].map((at) => wall(at, zone) - at)
  const fits = offsets.map((offset) => shown - offset).filter((at) => wall(at, zone) === shown)
  return fits.length > 0 ? Math.min(...fits) : shown - offsets[0]!
}

function monthsLater(at: number, months: number, zone: string): number {
  const shown = new Date(wall(at, zone))
  const index = shown.getUTCFullYear() * 12 + shown.getUTCMonth() + months
  const [year, month] = [Math.floor(index / 12), index % 12]
  const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate()
  const time = shown.getTime() - Math.floor(shown.getTime() / DAY) * DAY
  return moment(Date.UTC(year, month, Math.min(shown.getUTCDate(), last)) + time, zone)
}

// The holidays by their rules, not by the table: the table is checked against these.

const iso = (day: number): string => new Date(day).toISOString().slice(0, 10)
const weekday = (day: number): number => new Date(day).getUTCDay()

/** Easter Sunday (the anonymous Gregorian computus). */
function easter(year: number): number {
  const [a, b, c] = [year % 19, Math.floor(year / 100), year % 100]
  const h = (19 * a + b - Math.floor(b / 4) - Math.floor((b - Math.floor((b + 8) / 25) + 1) / 3) + 15) % 30
  const l = (32 + 2 * (b % 4) + 2 * Math.floor(c / 4) - h - (c % 4)) % 7
  const m = Math.floor((a + 11 * h + 22 * l) / 451)
  const n = h + l - 7 * m + 114
  return Date.UTC(year, Math.floor(n / 31) - 1, (n % 31) + 1)
}

function firstMonday(year: number, month: number): number {
  const first = Date.UTC(year, month - 1, 1)
  return first + ((8 - weekday(first)) % 7) * DAY
}

function lastMonday(year: number, month: number): number {
  const last = Date.UTC(year, month, 0)
  return last - ((weekday(last) + 6) % 7) * DAY
}

/** Days that fall on a weekend move to the next weekday that is not one of them already. */
function withSubstitutes(days: number[]): number[] {
  const taken = new Set<number>()
  for (const day of days.filter((one) => ![0, 6].includes(weekday(one)))) taken.add(day)
  for (const day of days.filter((one) => [0, 6].includes(weekday(one)))) {
    let next = day
    while ([0, 6].includes(weekday(next)) || taken.has(next)) next += DAY
    taken.add(next)
  }
  return [...taken]
}

function byRule(year: number, region: Region): string[] {
  const on = (month: number, day: number): number => Date.UTC(year, month - 1, day)
  const christmas = [on(12, 25), on(12, 26)]
  const common = [easter(year) - 2 * DAY, firstMonday(year, 5), lastMonday(year, 5)]
  const own = {
    'england-and-wales': [on(1, 1), easter(year) + DAY, lastMonday(year, 8), ...christmas],
    'scotland': [on(1, 1), on(1, 2), firstMonday(year, 8), on(11, 30), ...christmas],
    'northern-ireland': [on(1, 1), on(3, 17), easter(year) + DAY, on(7, 12), lastMonday(year, 8), ...christmas],
  }
  return withSubstitutes([...common, ...own[region]])
    .sort((a, b) => a - b)
    .map(iso)
}

const proclaimed = new Set(['scotland 2026-06-15'])

test('the bank holidays are those that the rules give, and the one that was proclaimed', () => {
  const years = Array.from({ length: bankHolidays.to - bankHolidays.from + 1 }, (_, i) => bankHolidays.from + i)
  for (const region of regions) {
    const listed = bankHolidays.regions[region]
    const ruled = listed.filter((one) => one.proclaimed === undefined).map(({ date }) => date)
    assert.deepEqual(
      ruled,
      years.flatMap((year) => byRule(year, region)),
    )
    for (const { date } of listed.filter((one) => one.proclaimed)) assert.ok(proclaimed.has(`${region} ${date}`), date)
    for (const { date, name } of listed) assert.equal(name.includes('substitute'), isMoved(date, name), `${date} ${name}`)
  }
  assert.equal(
    Object.values(bankHolidays.regions)
      .flat()
      .filter((one) => one.proclaimed).length,
    proclaimed.size,
  )
})

/** Known fixed dates, by name; where a day bears another date it was moved. */
function isMoved(date: string, name: string): boolean {
  const fixed: [string, string][] = [
    ['New Year', '01-01'],
    ['2nd January', '01-02'],
    ['St Patrick', '03-17'],
    ['Battle of the Boyne', '07-12'],
    ['St Andrew', '11-30'],
    ['Christmas', '12-25'],
    ['Boxing', '12-26'],
  ]
  const day = fixed.find(([start]) => name.startsWith(start))?.[1]
  return day !== undefined && date.slice(5) !== day
}

test('Easter by rule is Easter as it was', () => {
  const known = ['2000-04-23', '2008-03-23', '2011-04-24', '2024-03-31', '2025-04-20', '2026-04-05', '2027-03-28', '2038-04-25']
  assert.deepEqual(
    known.map((day) => iso(easter(Number(day.slice(0, 4))))),
    known,
  )
})

const clock = (change: Partial<ClockRow>): ClockRow => ({ stage: 'report', hours: null, duration: null, from: 'aware', ...change })
const hours = (n: number): ClockRow => clock({ hours: n, duration: `PT${n}H` })
const month = (n: number): ClockRow => clock({ duration: `P${n}M` })
const working = (days: number, of: Region): ClockRow => clock({ workingDays: { days, of } })

/** Any moment of those years, moments around the changes of London's and Brussels' clocks, and the ends of months. */
const anyMoment = (from: number, to: number): fc.Arbitrary<number> => {
  const years = fc.integer({ min: from, max: to })
  const lastSunday = (year: number, monthNumber: number): number => {
    const last = Date.UTC(year, monthNumber, 0)
    return last - weekday(last) * DAY
  }
  const change = fc.tuple(years, fc.constantFrom(3, 10)).map(([year, monthNumber]) => lastSunday(year, monthNumber) + HOUR)
  const end = fc.tuple(years, fc.integer({ min: 1, max: 12 })).map(([year, monthNumber]) => Date.UTC(year, monthNumber, 1))
  const near = fc.tuple(fc.oneof(change, end), fc.integer({ min: -4 * DAY, max: 4 * DAY })).map(([at, by]) => at + by)
  return fc.oneof(fc.integer({ min: Date.UTC(from, 0, 6), max: Date.UTC(to, 11, 20) }), near)
}
const anyZone = fc.constantFrom(...zones)
const often = { numRuns: runs(400), seed }

test('hours run in elapsed time, through nights, weekends and changes of the clocks', () => {
  const inUse = fc.constantFrom(4, 24, 72, 96, 336, 672)
  fc.assert(
    fc.property(anyMoment(1990, 2040), anyZone, fc.oneof(inUse, fc.integer({ min: 1, max: 2000 })), (at, zone, n) => {
      assert.equal(dueAt(hours(n), new Date(at), zone)!.getTime(), at + n * HOUR)
    }),
    often,
  )
})

test('a month ends at the same time of day on the corresponding date, or on the last day where there is none', () => {
  fc.assert(
    fc.property(anyMoment(2007, 2037), anyZone, fc.constantFrom(1, 1, 1, 2, 3, 6, 12), (at, zone, n) => {
      assert.equal(dueAt(month(n), new Date(at), zone)!.getTime(), monthsLater(at, n, zone))
    }),
    often,
  )
})

test('working days leave out the day of the start, weekends and bank holidays, and end at midnight', () => {
  fc.assert(
    fc.property(anyMoment(2024, 2026), anyZone, fc.constantFrom(...regions), fc.integer({ min: 1, max: 30 }), (at, zone, region, n) => {
      const off = new Set([2024, 2025, 2026, 2027].flatMap((year) => byRule(year, region)))
      const isOff = (day: number): boolean => [0, 6].includes(weekday(day)) || off.has(iso(day)) || proclaimed.has(`${region} ${iso(day)}`)
      let day = Math.floor(wall(at, zone) / DAY) * DAY
      fc.pre(new Date(day).getUTCFullYear() >= 2024)
      for (let left = n; left > 0; left -= isOff(day) ? 0 : 1) day += DAY
      assert.equal(dueAt(working(n, region), new Date(at), zone)!.getTime(), moment(day + DAY, zone))
    }),
    often,
  )
})

test('the reading says how long is left, to the second, and when it is over', () => {
  fc.assert(
    fc.property(
      anyMoment(2007, 2037),
      anyZone,
      fc.integer({ min: 1, max: 800 }),
      fc.integer({ min: -5 * DAY, max: 40 * DAY }),
      (at, zone, n, later) => {
        const shown = reading(hours(n), new Date(at), zone, new Date(at + later))
        const left = n * HOUR - later
        assert.deepEqual(
          [shown.started, shown.dueAt!.getTime(), shown.leftSeconds, shown.overdue],
          [true, at + n * HOUR, left < 0 ? -Math.floor(-left / 1000) + 0 : Math.floor(left / 1000), left < 0],
        )
        const total = Math.abs(shown.leftSeconds!)
        const [h, m, s] = [Math.floor(total / 3600), Math.floor((total % 3600) / 60), total % 60]
        const text = `${h ? `${h}H` : ''}${m ? `${m}M` : ''}${s || total === 0 ? `${s}S` : ''}`
        assert.equal(durationOf(shown.leftSeconds!), `${shown.leftSeconds! < 0 ? '-' : ''}PT${text}`)
      },
    ),
    often,
  )
})

const at = (text: string): Date => new Date(text)
const due = (row: ClockRow, start: string, zone = 'Europe/London'): string | undefined => dueAt(row, at(start), zone)?.toISOString()

test('72 hours over the change of the clocks are 72 hours, and another time of day', () => {
  assert.equal(due(hours(72), '2026-10-24T12:00:00+01:00'), '2026-10-27T11:00:00.000Z')
  assert.equal(due(hours(72), '2026-03-27T12:00:00Z'), '2026-03-30T12:00:00.000Z')
  assert.equal(due(hours(24), '2026-12-24T17:00:00Z'), '2026-12-25T17:00:00.000Z')
})

test('a month over the change of the clocks keeps the time of day, and the ends of months are kept', () => {
  assert.equal(due(month(1), '2026-10-10T09:00:00+01:00'), '2026-11-10T09:00:00.000Z')
  assert.equal(due(month(1), '2026-01-31T23:30:00Z'), '2026-02-28T23:30:00.000Z')
  assert.equal(due(month(1), '2028-01-31T23:30:00Z'), '2028-02-29T23:30:00.000Z')
  assert.equal(due(month(1), '2026-02-28T01:30:00Z'), '2026-03-28T01:30:00.000Z')
  assert.equal(due(month(1), '2026-11-30T22:00:00-05:00', 'America/New_York'), '2026-12-31T03:00:00.000Z')
  // On 29 March 2026 there is no 01:30 in London: it is 02:30 of summer time, the same moment as 01:30 of winter time.
  assert.equal(due(month(2), '2026-01-29T01:30:00Z'), '2026-03-29T01:30:00.000Z')
})

test('two working days from Christmas Eve differ from one part of the country to another', () => {
  const start = '2026-12-24T15:00:00Z'
  assert.deepEqual(
    regions.map((region) => due(working(2, region), start)),
    Array(3).fill('2026-12-31T00:00:00.000Z'),
  )
  assert.equal(due(working(1, 'england-and-wales'), '2026-12-31T15:00:00Z'), '2027-01-05T00:00:00.000Z')
  assert.equal(due(working(1, 'scotland'), '2026-12-31T15:00:00Z'), '2027-01-06T00:00:00.000Z')
  assert.equal(due(working(1, 'scotland'), '2026-06-12T10:00:00+01:00'), '2026-06-16T23:00:00.000Z')
  assert.equal(due(working(1, 'england-and-wales'), '2026-06-12T10:00:00+01:00'), '2026-06-15T23:00:00.000Z')
})

test('what cannot be counted is not: no figure, or years whose holidays are not known', () => {
  assert.equal(dueAt(clock({}), at('2026-11-23T10:00:00Z'), 'Europe/London'), null)
  assert.equal(due(working(1, 'scotland'), '2027-12-31T10:00:00Z'), undefined)
  assert.equal(isWorkingDay(Temporal.PlainDate.from('2023-06-01'), 'scotland'), undefined)
  assert.deepEqual(reading(hours(72), undefined, 'Europe/London', at('2026-11-23T10:00:00Z')), {
    started: false,
    dueAt: null,
    leftSeconds: null,
    overdue: false,
  })
})

test('at its very end a clock is not yet overdue, a moment later it is', () => {
  const end = at('2026-11-26T10:00:00Z')
  assert.deepEqual(against(end, end), { dueAt: end, leftSeconds: 0, overdue: false })
  assert.equal(against(end, new Date(end.getTime() + 1)).overdue, true)
})

test('a moment is read to the millisecond whatever its offset, and nothing else is one', () => {
  const offset = fc.integer({ min: -14 * 60, max: 14 * 60 })
  fc.assert(
    fc.property(anyMoment(1990, 2040), offset, (when, minutes) => {
      const sign = minutes < 0 ? '-' : '+'
      const two = (n: number): string => String(n).padStart(2, '0')
      const zone = `${sign}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`
      const text = `${new Date(when + minutes * 60_000).toISOString().slice(0, -1)}${zone}`
      assert.equal(readMoment(text)?.getTime(), when, text)
    }),
    often,
  )
  const wrong = ['', '2026-11-23', '2026-11-23T10:00:00', '2026-02-30T10:00:00Z', '2026-11-23T25:00:00Z', '2026-11-23 10:00:00Z', 7, null]
  for (const text of wrong) assert.equal(readMoment(text), undefined, String(text))
})

test('a zone is a name, and an offset that it did not have is noticed', () => {
  for (const zone of zones) assert.ok(isZone(zone), zone)
  for (const text of ['', '+01:00', 'Europe/Camelot', 'London', '../etc', 'Europe/London ', 'x'.repeat(50)]) assert.ok(!isZone(text), text)
  assert.ok(offsetFits('2026-07-01T10:00:00+01:00', 'Europe/London'))
  assert.ok(!offsetFits('2026-07-01T10:00:00+00:00', 'Europe/London'))
  assert.ok(offsetFits('2026-07-01T10:00:00Z', 'Europe/London'))
})
