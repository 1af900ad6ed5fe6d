import { z } from 'zod'
import type { Bytes } from '#platform/bytes'
import { canonical, parseCanonical } from '#platform/canonical'
import { fromInstant } from '#platform/clock'
import { isUuid } from '#platform/ids'
import type { AuthorityId } from '#exchange'

/** docs/formats/statement.md, kind `reads`: which of an organisation's items were opened at a body. */

/** Always there, so that it says nothing: whether anything is deferred cannot be told from it. */
export const ENDING = 'except anything whose notice is lawfully deferred'

/** Lines in one record: well below what an envelope takes. */
export const LINES = 1000

const clauses = { ncsc: { clause: 'encourage-engagement' }, ico: { clause: 'regimes' } } as const

/** By the door that what was opened came by. */
export function clauseFor(node: AuthorityId): string {
  return clauses[node].clause
}

const id = z.string().refine(isUuid)
const name = z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/)
const isMoment = (text: string): boolean => {
  try {
    return fromInstant(text) instanceof Date
  } catch {
    return false
  }
}
const moment = z.string().refine(isMoment)

/** The members of its record beside those of every record. */
export const readsMembers = { organisation: id, due: moment, after: moment.optional(), ending: z.literal(ENDING) }

const line = z.strictObject({
  item: id,
  on: z.iso.date(),
  purpose: name,
  role: name,
  times: z.int().min(1),
  export: z.literal(true).optional(),
})
const list = z.strictObject({ reads: z.array(line).min(1).max(LINES) })

/** One item, opened so many times on a day, by somebody in this role, for this. */
export type ReadLine = z.infer<typeof line>

const placeOf = (one: Omit<ReadLine, 'times'>): string =>
  `${one.item} ${one.on} ${one.purpose} ${one.role} ${one.export === true ? 'export' : ''}`

export function writeReads(lines: readonly ReadLine[]): Bytes {
  return Buffer.from(canonical({ reads: lines }))
}

/** Throws SyntaxError or ZodError for anything but a list in its one spelling and order. */
export function readReads(bytes: Bytes): ReadLine[] {
  const { reads } = list.parse(parseCanonical(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)))
  const places = reads.map(placeOf)
  if (places.some((place, at) => at > 0 && place <= places[at - 1]!)) throw new SyntaxError('a list of reads is not in order')
  return reads
}

export type Opened = {
  case_id: string
  organisation: string
  item: string
  role: string
  purpose: string
  export: string | null
  read_at: Date
}

/** What is to be told to each organisation, a list for each case and each thousand lines. Nobody is told of another's. */
export function listsToTell(opened: readonly Opened[]): { organisation: string; lines: ReadLine[] }[] {
  const groups = Map.groupBy(opened, ({ organisation, case_id }) => `${organisation} ${case_id}`)
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, some]) => pagesOf(linesOf(some)).map((lines) => ({ organisation: some[0]!.organisation, lines })))
}

function linesOf(opened: readonly Opened[]): ReadLine[] {
  const bare = opened.map((one) => ({
    ...{ item: one.item, on: one.read_at.toISOString().slice(0, 10), purpose: one.purpose, role: one.role },
    ...(one.export !== null && { export: true as const }),
  }))
  const counted = [...Map.groupBy(bare, placeOf)].map(([place, some]) => ({ place, line: { ...some[0]!, times: some.length } }))
  return counted.sort((a, b) => (a.place < b.place ? -1 : 1)).map(({ line }) => line)
}

function pagesOf(lines: readonly ReadLine[]): ReadLine[][] {
  return Array.from({ length: Math.ceil(lines.length / LINES) }, (_, nth) => lines.slice(nth * LINES, (nth + 1) * LINES))
}
