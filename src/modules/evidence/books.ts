import { equal, fromB64u, type Bytes } from '#platform/bytes'
import { fromInstant } from '#platform/clock'
import type { AuthorityId, MessageRecord } from '#exchange'
import { chainOf, commitmentOf } from '#ledger'
import type { Link } from './bundle.ts'
import { entriesIn, SKEW } from './papers.ts'
import type { Evidence, Fault } from './reading.ts'
import type { Entry } from './records.ts'

export const authorities = ['ncsc', 'ico'] as const satisfies AuthorityId[]

/** Zero for none; not by spreading, which a chain of a hundred thousand would be too long for. */
export const largest = (numbers: number[]): number => numbers.reduce((most, n) => Math.max(most, n), 0)

/** One entry of an authority's chain for the organisation: shown whole, or only linked. */
type ChainEntry = { n: number; about: string; commitment(previous: Bytes): Bytes; previous?: Bytes }

/** Entries of each authority are numbered from 1 without gap or repetition, and each names the one before. */
export function chainFaults(e: Evidence): Fault[] {
  return authorities.flatMap((authority) => {
    const shown = [...e.requests, ...e.enquiries, ...e.notices, ...e.receipts].filter(({ record }) => record.from === authority)
    const closed = shown.filter(({ checked }) => checked.n === undefined)
    if (closed.length > 0)
      return closed.map(({ record }) => ({ about: record.id, detail: 'it does not show where it stands in the chain' }))
    const links = e.others.filter((link) => link.from === authority)
    return chainFault([...shown.map(shownEntry), ...links.map(linkedEntry)], authority, largest(shown.map(({ checked }) => checked.n!)))
  })
}

function shownEntry({ record, checked }: Entry<MessageRecord>): ChainEntry {
  return { n: checked.n!, about: record.id, commitment: () => checked.commitment, previous: checked.previous! }
}

/** docs/formats/statement.md: a commitment is worked out from the record's hash as well as from the record. */
function linkedEntry({ from, n, record, salt, salt2 }: Link): ChainEntry {
  const commitment = (previous: Bytes): Bytes =>
    commitmentOf({ recordHash: fromB64u(record), salt: fromB64u(salt), chain: chainOf(fromB64u(salt2), n, previous) })
  return { n, about: `${from} entry ${n}`, commitment }
}

function chainFault(entries: ChainEntry[], authority: string, last: number): Fault[] {
  let previous: Bytes = Buffer.alloc(32)
  let expected = 1
  for (const entry of entries.sort((a, b) => a.n - b.n)) {
    if (entry.n < expected) return [{ about: entry.about, detail: `entry ${entry.n} of this authority stands in the bundle twice` }]
    if (entry.n > expected)
      return [{ about: authority, detail: `entry ${expected} of this authority is missing; it may still be on its way` }]
    if (entry.previous && !equal(entry.previous, previous))
      return [{ about: entry.about, detail: `entry ${entry.n} does not follow the one before it` }]
    previous = entry.commitment(previous)
    expected += 1
  }
  // Nothing would bind it: a chain vouches for what comes before its last entry shown.
  return expected - 1 > last ? [{ about: authority, detail: 'an entry after the last one shown is linked to nothing' }] : []
}

/** Heads are consistent where they can be compared: two roots of one size and log are a fork. */
export function headFaults(e: Evidence): Fault[] {
  const roots = new Map<string, string>()
  return entriesIn(e).flatMap(({ record, checked }) => {
    const place = `${record.from} ${checked.size}`
    const known = roots.get(place) ?? checked.root
    roots.set(place, known)
    return known === checked.root
      ? []
      : [{ about: record.id, detail: `the log of ${record.from} shows two heads of size ${checked.size}: it is forked` }]
  })
}

/** Nothing in a bundle was logged after the bundle was made. */
export function timeFaults(e: Evidence): Fault[] {
  const made = fromInstant(e.bundle.at).getTime()
  return entriesIn(e)
    .filter(({ logTime }) => logTime.getTime() > made + SKEW)
    .map(({ record }) => ({ about: record.id, detail: 'it was logged after the bundle was made' }))
}
