import { b64u } from '#platform/bytes'
import { fromInstant, instant } from '#platform/clock'
import type { AuthorityId } from '#exchange'
import { endingOf } from '#statements'
import { authorities, commitmentsOf, shownOf } from './books.ts'
import { isTaken } from './days.ts'
import type { Evidence } from './reading.ts'
import type { Fault, Page, Receipt, Told } from './records.ts'

/** The oldest that the newest statement of an authority may be when a bundle is made. */
const OLDEST = 48 * 3_600_000

/** One statement of an authority: all its pages, in the order of its chain. */
export type Day = { pages: Page[]; lines: Page['lines'] }

/** Every statement of an authority that the bundle shows, oldest first. */
export function daysOf(e: Evidence, authority: AuthorityId): Day[] {
  const signed = e.statements.map(({ record, lines, checked }) => ({ record, lines, n: checked.n ?? 0 }))
  const pages = [...signed, ...e.earlier].filter(({ record }) => record.from === authority).sort((a, b) => a.n - b.n)
  return [...Map.groupBy(pages, ({ record }) => record.due).values()].map((all) => ({
    pages: all,
    lines: all.flatMap(({ lines }) => lines),
  }))
}

export const headOf = ({ pages }: Day): Page['record'] => pages[0]!.record

/** When the newest statement of an authority was logged; undefined where there is none. */
export function newestOf(e: Evidence, authority: AuthorityId): Date | undefined {
  const times = e.statements.filter(({ record }) => record.from === authority).map(({ logTime }) => logTime.getTime())
  return times.length > 0 ? new Date(Math.max(...times)) : undefined
}

/**
 * [consent-before-disclosure] Each authority said every day how many entries there are and what it holds: no statement is missing, the
 * newest is not old, and what it names is what receipts account for.
 */
export function completenessFaults(e: Evidence): Fault[] {
  return authorities.flatMap((authority) => {
    const days = daysOf(e, authority)
    return [...ageFaults(e, authority), ...seriesFaults(e, authority, days), ...holdingFaults(e, authority, days)]
  })
}

function ageFaults(e: Evidence, authority: AuthorityId): Fault[] {
  const made = fromInstant(e.bundle.at).getTime()
  const newest = newestOf(e, authority)
  const name = authority.toUpperCase()
  if (newest)
    return made - newest.getTime() <= OLDEST
      ? []
      : [
          {
            about: authority,
            detail: `the newest statement of the ${name} is of ${instant(newest)}, more than 48 hours before this bundle`,
          },
        ]
  const first = shownOf(e, authority).reduce((least, { logTime }) => Math.min(least, logTime.getTime()), Infinity)
  return made - first <= OLDEST
    ? []
    : [{ about: authority, detail: `the bundle has no statement of the ${name}, whose entries reach back more than 48 hours` }]
}

/** Nothing stands between two statements of an authority: each names the one before it, and where it stands in the chain. */
function seriesFaults(e: Evidence, authority: AuthorityId, days: Day[]): Fault[] {
  const commitments = commitmentsOf(e, authority)
  const faults = days.flatMap((day, at) => {
    const detail = formFault(day, commitments) ?? orderFault(day, days[at - 1])
    return detail === undefined ? [] : [{ about: headOf(day).id, detail }]
  })
  const newest = days.at(-1)
  const signed = new Set(e.statements.filter(({ record }) => record.from === authority).map(({ record }) => record.id))
  const whole = newest
    ? newest.pages.length === signed.size && newest.pages.every(({ record }) => signed.has(record.id))
    : signed.size === 0
  return whole ? faults : [...faults, { about: authority, detail: 'its newest statement, and no other, must be there as it was signed' }]
}

/** What every page of one statement says alike. */
const alikeIn = ({ due, before, missed, entries, head, pages, held, ending }: Page['record']): string =>
  JSON.stringify([due, before, missed, entries, head, pages, held, ending])

function formFault({ pages, lines }: Day, commitments: Map<number, Uint8Array>): string | undefined {
  const { record, n } = pages[0]!
  const isPage = (page: Page, nth: number): boolean =>
    page.record.page === nth + 1 && page.n === n + nth && alikeIn(page.record) === alikeIn(record)
  if (pages.length !== record.pages || !pages.every(isPage)) return 'the pages of this statement are not all there, one after another'
  if (lines.length !== record.held) return 'its pages do not list as much as it says is held'
  if (record.entries !== n + pages.length - 1) return 'it does not say how many entries there are'
  // Where the chain is broken before it, that is said of the chain.
  const before = n === 1 ? Buffer.alloc(32) : commitments.get(n - 1)
  if (before && record.head !== b64u(before)) return 'it names another entry before it than the bundle has'
  return record.ending === endingOf(record.from) ? undefined : 'it does not end as a statement of this authority does'
}

function orderFault(day: Day, before: Day | undefined): string | undefined {
  const record = headOf(day)
  if (record.before !== (before && headOf(before).due)) return 'the statement it follows is not the one before it here'
  if (record.before === undefined) return undefined
  const passed = fromInstant(record.due).getTime() - fromInstant(record.before).getTime()
  if (passed <= 0) return 'it fell due before the one it follows'
  return passed > OLDEST && record.missed === undefined ? 'days are missing before it, and it does not say so' : undefined
}

/** What an authority signed that it took of one copy. */
type Taken = { about: string; item: string; record: string; commitment: string; permission: string | undefined; n: number }

/** Each statement lists what the receipts before it account for: no more, no less, and restricted or deleted where a receipt says so. */
function holdingFaults(e: Evidence, authority: AuthorityId, days: Day[]): Fault[] {
  if (days.length === 0) return []
  const receipts = receiptsOf(e, authority)
  const taken = receipts.filter(({ record }) => record.about === 'disclosure').flatMap(takenBy)
  const recalled = receipts.filter(({ record }) => record.about === 'recall')
  const seen = new Set<string>()
  return days
    .flatMap((day) => {
      const before = ({ n }: { n: number }): boolean => n < day.pages[0]!.n
      return [...listFaults(day, authority, taken.filter(before)), ...recallFaults(day, taken.filter(before), recalled.filter(before))]
    })
    .filter(({ about, detail }) => seen.size < seen.add(`${about} ${detail}`).size)
}

function receiptsOf(e: Evidence, authority: AuthorityId): Told<Receipt>[] {
  const shown = e.receipts.map(({ record, checked }) => ({ record, n: checked.n ?? Infinity }))
  return [...shown, ...e.elsewhere].filter(({ record }) => record.from === authority && isTaken(record) && record.state === 'accepted')
}

function takenBy({ record, n }: Told<Receipt>): Taken[] {
  const { id: about, permission, for: disclosure } = record
  return record.items.map(({ id, commitment }) => ({ about, item: id, record: disclosure, commitment, permission, n }))
}

const placeOf = ({ item, record }: { item: string; record: string }): string => `${record} ${item}`

function listFaults(day: Day, authority: AuthorityId, taken: Taken[]): Fault[] {
  const name = authority.toUpperCase()
  const accounted = new Map(taken.map((one) => [placeOf(one), one.commitment]))
  const listed = new Set(day.lines.map(placeOf))
  return [
    ...day.lines
      .filter((line) => accounted.get(placeOf(line)) !== line.commitment)
      .map(({ item, since }) => ({
        about: item,
        detail: `the ${name} says it holds this item since ${since}, and no receipt, notice or permission accounts for it: the promise is broken`,
      })),
    ...taken
      .filter((one) => !listed.has(placeOf(one)))
      .map(({ item }) => ({ about: item, detail: `the ${name} signed that it took this item, and its later statement does not name it` })),
  ]
}

/** A copy that was called back is listed as restricted, and one that was deleted as deleted. */
function recallFaults(day: Day, taken: Taken[], recalled: Told<Receipt>[]): Fault[] {
  const lines = new Map(day.lines.map((line) => [placeOf(line), line]))
  return recalled.flatMap(({ record, n }) =>
    record.items.flatMap(({ id }) => {
      const copies = taken.filter((one) => one.item === id && one.permission === record.permission && one.n < n)
      const states = copies.flatMap((copy) => lines.get(placeOf(copy)) ?? [])
      const deleted = (record as { decision?: string }).decision === 'deleted'
      const agrees =
        states.length === 0 || states.some((line) => (deleted ? line.deleted : (line.restricted ?? line.deleted)) !== undefined)
      return agrees
        ? []
        : [{ about: id, detail: 'a receipt says that this copy was restricted or deleted, and a later statement says otherwise' }]
    }),
  )
}

/** Lines of the newest statement that no receipt in this matter accounts for: those of the organisation's other matters. */
export function elsewhereIn(e: Evidence): number {
  const here = new Set(
    e.receipts
      .filter(({ record }) => isTaken(record))
      .flatMap(({ record }) => record.items.map(({ id }) => placeOf({ item: id, record: record.for }))),
  )
  return authorities.flatMap((authority) => daysOf(e, authority).at(-1)?.lines ?? []).filter((line) => !here.has(placeOf(line))).length
}
