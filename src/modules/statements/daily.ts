import { z } from 'zod'
import { fromB64u, type Bytes } from '#platform/bytes'
import { canonical, parseCanonical } from '#platform/canonical'
import { fromInstant, instant } from '#platform/clock'
import { isUuid } from '#platform/ids'
import type { AuthorityId } from '#exchange'

/** [consent-before-disclosure] What either body holds from the other is what this clause is about. */
export const CLAUSE = 'consent-before-disclosure'

/** Always there, so that it says nothing: whether a notice is deferred cannot be told from it. */
export const ENDING = 'except anything whose notice is lawfully deferred'

export const endingOf = (authority: AuthorityId): string | undefined => (authority === 'ncsc' ? ENDING : undefined)

/** Lines on one page: well below what an envelope takes. */
export const LINES = 1000

const reads = (read: (text: string) => unknown) => (text: string) => {
  try {
    read(text)
    return true
  } catch {
    return false
  }
}
const hash = z.string().refine(reads((text) => fromB64u(text, 32)))
const moment = z.string().refine(reads(fromInstant))
const id = z.string().refine(isUuid)
const count = z.int().min(1)

/** docs/formats/statement.md: the members of a daily statement's record beside those of every record. */
export const dailyMembers = {
  organisation: id,
  due: moment,
  before: moment.optional(),
  missed: count.optional(),
  entries: count,
  head: hash,
  page: count,
  pages: count,
  held: z.int().min(0),
  ending: z.literal(ENDING).optional(),
}

const line = z.strictObject({
  item: id,
  commitment: hash,
  record: id,
  via: z.string().min(1),
  since: moment,
  restricted: moment.optional(),
  deleted: moment.optional(),
})
const list = z.strictObject({ holdings: z.array(line).max(LINES) })

/** One copy that a body holds of an organisation's, and that no report of the organisation's brought it. */
export type Line = z.infer<typeof line>

export function writeList(lines: readonly Line[]): Bytes {
  return Buffer.from(canonical({ holdings: lines }))
}

/** Throws SyntaxError or ZodError for anything but a list in its one spelling and order. */
export function readList(bytes: Bytes): Line[] {
  const { holdings } = list.parse(parseCanonical(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)))
  const places = holdings.map(placeOf)
  if (places.some((place, at) => at > 0 && place <= places[at - 1]!)) throw new SyntaxError('a list of holdings is not in order')
  return holdings
}

const placeOf = ({ since, item, record }: Line): string => `${since} ${item} ${record}`

/** In order, as many pages as it takes; one even where nothing is held. */
export function pagesOf(lines: readonly Line[]): Line[][] {
  const sorted = lines.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1))
  const pages = Array.from({ length: Math.ceil(sorted.length / LINES) }, (_, nth) => sorted.slice(nth * LINES, (nth + 1) * LINES))
  return pages.length > 0 ? pages : [[]]
}

/** The last instant at which statements fell due: whole periods of the calendar, so that a daily one falls due at midnight UTC. */
export function dueBy(now: Date, everySeconds: number): Date {
  const period = everySeconds * 1000
  return new Date(Math.floor(now.getTime() / period) * period)
}

/** How many fell due after `since` and before `due`, and were not made. `since` is when the last fell due, or the organisation came into the books. */
export function missedBetween(since: Date, due: Date, everySeconds: number): number {
  const period = everySeconds * 1000
  return Math.max(0, Math.round((due.getTime() - dueBy(since, everySeconds).getTime()) / period) - 1)
}

/** What a daily statement says of an organisation's chain: how long it is before it, and where it ends. */
export type Chain = { n: number; head: string }
export type Statement = {
  organisation: string
  authority: AuthorityId
  due: Date
  before?: Date
  missed: number
  chain: Chain
  lines: readonly Line[]
}

/** Every page of a statement, in order: the members of its record, and its list. */
export function writeStatement({ organisation, authority, due, before, missed, chain, lines }: Statement) {
  const pages = pagesOf(lines)
  const ending = endingOf(authority)
  return pages.map((page, nth) => ({
    list: writeList(page),
    members: {
      organisation,
      due: instant(due),
      ...(before && { before: instant(before) }),
      ...(missed > 0 && { missed }),
      entries: chain.n + pages.length,
      head: chain.head,
      page: nth + 1,
      pages: pages.length,
      held: lines.length,
      ...(ending !== undefined && { ending }),
    },
  }))
}
