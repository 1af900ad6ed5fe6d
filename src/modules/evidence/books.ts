import { equal, fromB64u, type Bytes } from '#platform/bytes'
import { hashOf } from '#platform/canonical'
import { fromInstant, SKEW } from '#platform/clock'
import type { AuthorityId, MessageRecord } from '#exchange'
import { chainOf, commitmentOf } from '#ledger'
import type { Link } from './bundle.ts'
import { entriesIn } from './papers.ts'
import type { Evidence, Fault } from './reading.ts'
import type { Entry } from './records.ts'

export const authorities = ['ncsc', 'ico'] as const satisfies AuthorityId[]

/** Zero for none; not by spreading, which a chain of a hundred thousand would be too long for. */
export const largest = (numbers: number[]): number => numbers.reduce((most, n) => Math.max(most, n), 0)

/** One entry of an authority's chain for the organisation: shown whole, or only linked. */
type ChainEntry = { n: number; about: string; commitment(previous: Bytes): Bytes; previous?: Bytes }

/** What each authority entered and the bundle shows. */
export function shownOf(e: Evidence, authority: AuthorityId): Entry<MessageRecord>[] {
  return entriesIn(e).filter(({ record }) => record.from === authority)
}

/** Entries of each authority are numbered from 1 without gap or repetition, and each names the one before. */
export function chainFaults(e: Evidence): Fault[] {
  return authorities.flatMap((authority) => {
    const shown = shownOf(e, authority)
    const closed = shown.filter(({ checked }) => checked.n === undefined)
    if (closed.length > 0)
      return closed.map(({ record }) => ({ about: record.id, detail: 'it does not show where it stands in the chain' }))
    return walk(e, authority).faults
  })
}

/** The commitment of each entry of an authority's chain, by its number, as far as the chain holds. */
export function commitmentsOf(e: Evidence, authority: AuthorityId): Map<number, Bytes> {
  return walk(e, authority).commitments
}

function walk(e: Evidence, authority: AuthorityId): Walked {
  const shown = shownOf(e, authority).filter(({ checked }) => checked.n !== undefined)
  const links = e.others.filter((link) => link.from === authority)
  return walkChain([...shown.map(shownEntry), ...links.map(linkedEntry)], authority, largest(shown.map(({ checked }) => checked.n!)))
}

function shownEntry({ record, checked }: Entry<MessageRecord>): ChainEntry {
  return { n: checked.n!, about: record.id, commitment: () => checked.commitment, previous: checked.previous! }
}

/** docs/formats/statement.md: a commitment is worked out from the record's hash as well as from the record. */
function linkedEntry({ from, n, record, salt, salt2 }: Link): ChainEntry {
  const recordHash = typeof record === 'string' ? fromB64u(record) : hashOf(record)
  const commitment = (previous: Bytes): Bytes =>
    commitmentOf({ recordHash, salt: fromB64u(salt), chain: chainOf(fromB64u(salt2), n, previous) })
  return { n, about: `${from} entry ${n}`, commitment }
}

type Walked = { commitments: Map<number, Bytes>; faults: Fault[] }

function walkChain(entries: ChainEntry[], authority: string, last: number): Walked {
  const commitments = new Map<number, Bytes>()
  const broken = (about: string, detail: string): Walked => ({ commitments, faults: [{ about, detail }] })
  let previous: Bytes = Buffer.alloc(32)
  let expected = 1
  for (const entry of entries.sort((a, b) => a.n - b.n)) {
    if (entry.n < expected) return broken(entry.about, `entry ${entry.n} of this authority stands in the bundle twice`)
    if (entry.n > expected) return broken(authority, `entry ${expected} of this authority is missing; it may still be on its way`)
    if (entry.previous && !equal(entry.previous, previous)) return broken(entry.about, `entry ${entry.n} does not follow the one before it`)
    previous = entry.commitment(previous)
    commitments.set(entry.n, previous)
    expected += 1
  }
  // Nothing would bind it: a chain vouches for what comes before its last entry shown.
  return expected - 1 > last ? broken(authority, 'an entry after the last one shown is linked to nothing') : { commitments, faults: [] }
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
