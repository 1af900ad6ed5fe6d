import { itemCommitment } from '#exchange'
import type { ItemPageRow, ReportPageRow, Via } from '#casework'
import { apart, finding, type Finding } from './findings.ts'
import type { Received } from './received.ts'

/** Casework against what was signed: everything that claims to have come by a door, and everything that did. Pure. */

const kindOf: Record<Via, 'report' | 'disclosure'> = { 'in-confidence': 'report', 'statutory': 'report', 'permission': 'disclosure' }
const ITEMS = 'casework.items'
const REPORTS = 'casework.reports'

export type Arrivals = ReadonlyMap<string, Received>

/** One copy of an item. `recalled`: what a recall that was accepted called back, named `<item> in <record>`. */
export function itemFindings(row: ItemPageRow, arrivals: Arrivals, recalled: ReadonlySet<string>): Finding[] {
  const name = `${row.id} in ${row.record}`
  const found = (code: Finding['code']): Finding => finding(ITEMS, name, code)
  const arrived = arrivals.get(row.record)
  if (arrived?.state !== 'accepted' || !arrived.proved) return [found('statement-missing')]
  const { items, organisation, permissions } = arrived.proved
  const signed = items.get(row.id)
  const permitted = row.permission === null || permissions.has(row.permission)
  const restricted = (row.restricted_since !== null) === (row.via === 'permission' && recalled.has(name))
  return [
    ...(kindOf[row.via] === arrived.kind ? [] : [found('door-differs')]),
    ...(signed === undefined || (arrived.kind === 'report' && organisation !== row.organisation) || !permitted
      ? [found('not-of-record')]
      : []),
    ...(signed !== undefined && !opens(row, signed) ? [found('value-differs')] : []),
    ...(row.value === null && !row.deleted ? [found('erased-undecided')] : []),
    ...(apart(row.added_at, arrived.receivedAt) ? [found('dated-otherwise')] : []),
    ...(restricted ? [] : [found('restriction-differs')]),
  ]
}

/** What was erased has nothing left that could open. */
function opens({ id, question, value, salt, commitment }: ItemPageRow, signed: string): boolean {
  if (commitment !== signed) return false
  if (value === null || salt === null) return value === salt
  try {
    return itemCommitment({ id, question, value: JSON.parse(value), salt }) === signed
  } catch {
    return false
  }
}

export function reportFindings(row: ReportPageRow, arrivals: Arrivals): Finding[] {
  const arrived = arrivals.get(row.record)
  if (arrived?.state !== 'accepted' || arrived.kind !== 'report' || !arrived.proved)
    return [finding(REPORTS, row.record, 'statement-missing')]
  const { organisation, at } = arrived.proved
  return [
    ...(organisation === row.organisation ? [] : [finding(REPORTS, row.record, 'statement-differs')]),
    ...(row.made_at.toISOString() !== at || apart(row.received_at, arrived.receivedAt)
      ? [finding(REPORTS, row.record, 'dated-otherwise')]
      : []),
  ]
}

export type KeptRows = { items: ReadonlySet<string>; reports: ReadonlySet<string> }

/** What a signed record brought and is not there any more. `items` are named `<item> in <record>`. */
export function goneFindings(arrivals: Iterable<Received>, kept: KeptRows): Finding[] {
  return [...arrivals].flatMap(({ id, kind, state, proved }) => {
    if (state !== 'accepted' || !proved || (kind !== 'report' && kind !== 'disclosure')) return []
    const items = [...proved.items.keys()].map((item) => `${item} in ${id}`).filter((name) => !kept.items.has(name))
    return [
      ...items.map((name) => finding(ITEMS, name, 'row-missing')),
      ...(kind === 'report' && !kept.reports.has(id) ? [finding(REPORTS, id, 'row-missing')] : []),
    ]
  })
}

/** What was called back: of a disclosure all that rests on the permission that was withdrawn, or the items of it that the recall names. */
export function recalledIn(arrivals: Arrivals): Set<string> {
  return new Set(
    [...arrivals.values()].flatMap(({ kind, state, proved }) => {
      if (kind !== 'recall' || state !== 'accepted' || !proved?.disclosure) return []
      const under = arrivals.get(proved.disclosure)?.proved?.permissions.get(proved.permission ?? '') ?? new Set()
      const named = [...under].filter((item) => proved.items.size === 0 || proved.items.has(item))
      return named.map((item) => `${item} in ${proved.disclosure}`)
    }),
  )
}
