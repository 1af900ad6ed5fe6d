import { equal } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { fromInstant } from '#platform/clock'
import type { MessageRecord } from '#exchange'
import { authorities, commitmentsOf } from './books.ts'
import { entriesIn, opened } from './papers.ts'
import type { Evidence } from './reading.ts'
import type { Fault } from './records.ts'

/** What an older bundle of the same matter showed is still there, unchanged and at its place; both were checked by themselves. */
export function sinceFaults(now: Evidence, then: Evidence): Fault[] {
  const same = now.bundle.organisation.id === then.bundle.organisation.id && now.bundle.incident.id === then.bundle.incident.id
  if (!same) return [{ detail: 'the older bundle is of another matter' }]
  if (fromInstant(now.bundle.at) < fromInstant(then.bundle.at)) return [{ detail: 'the older bundle is the newer one' }]
  return [...bookFaults(now, then), ...goneFaults(now, then), ...forkFaults(now, then)]
}

/** The chain of each authority goes on from where it was: what was linked, too, is the same record at the same number. */
function bookFaults(now: Evidence, then: Evidence): Fault[] {
  return authorities.flatMap((authority) => {
    const entries = commitmentsOf(now, authority)
    const other = [...commitmentsOf(then, authority)].find(([n, commitment]) => !equal(commitment, entries.get(n) ?? Buffer.alloc(0)))
    if (!other) return []
    const [n] = other
    const detail = entries.has(n) ? `entry ${n} is another one than it was` : `entry ${n}, which was there, is not there any more`
    return [{ about: authority, detail }]
  })
}

function recordsOf(e: Evidence): Map<string, MessageRecord> {
  const all = [...entriesIn(e), ...opened(e)].map(({ record }) => record as unknown as MessageRecord)
  return new Map(all.map((record) => [record.id, record]))
}

/** What was shown then is shown now, in the same words. */
function goneFaults(now: Evidence, then: Evidence): Fault[] {
  const known = recordsOf(now)
  return [...recordsOf(then)].flatMap(([about, record]) => {
    const here = known.get(about)
    if (!here) return [{ about, detail: `this ${record.kind} was shown and is not shown any more` }]
    return canonical(here) === canonical(record) ? [] : [{ about, detail: `this ${record.kind} says something else than it did` }]
  })
}

/** One log never has two roots of one size, in whichever bundle each is shown. */
function forkFaults(now: Evidence, then: Evidence): Fault[] {
  const roots = new Map(entriesIn(then).map(({ record, checked }) => [`${record.from} ${checked.size}`, checked.root]))
  return entriesIn(now)
    .filter(({ record, checked }) => (roots.get(`${record.from} ${checked.size}`) ?? checked.root) !== checked.root)
    .map(({ record, checked }) => ({
      about: record.id,
      detail: `the log of ${record.from} shows another head of size ${checked.size} than it did`,
    }))
}

const plurals: Record<string, [one: string, many: string]> = {
  'report': ['report', 'reports'],
  'permission-request': ['request for a permission', 'requests for a permission'],
  'enquiry': ['question', 'questions'],
  'offer': ['start', 'starts'],
  'refusal': ['refusal', 'refusals'],
  'permission': ['permission', 'permissions'],
  'withdrawal': ['withdrawal', 'withdrawals'],
  'notice': ['notice', 'notices'],
  'receipt': ['receipt', 'receipts'],
  'statement': ['daily statement', 'daily statements'],
}

/** In words, what is there now and was not then. */
export function newsSince(now: Evidence, then: Evidence): string[] {
  const known = recordsOf(then)
  const fresh = [...recordsOf(now).values()].filter(({ id }) => !known.has(id))
  const lines = [...Map.groupBy(fresh, ({ kind, from }) => `${kind} ${from}`).values()].map((group) => {
    const { kind, from } = group[0]!
    const [one, many] = plurals[kind] ?? [kind, kind]
    return `${group.length} ${group.length === 1 ? one : many} ${from === 'portal' ? 'of the organisation' : `of the ${from.toUpperCase()}`}`
  })
  const links = (e: Evidence) => e.others.filter(({ record }) => typeof record === 'string').length
  const more = links(now) - links(then)
  const linked = more > 0 ? [`${more} more ${more === 1 ? 'entry' : 'entries'} linked and not shown`] : []
  const all = [...lines, ...linked]
  return all.length > 0 ? all : ['nothing']
}
