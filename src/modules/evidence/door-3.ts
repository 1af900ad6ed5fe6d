import { SKEW } from '#platform/clock'
import type { ItemRef } from '#exchange'
import { covers, sameItems, within } from './papers.ts'
import type { Evidence, Fault } from './reading.ts'
import type { Entry, Notice, Receipt } from './records.ts'

/** The longest a disclosure may be on its way (docs/formats/statement.md). */
const TRANSIT_SECONDS = 72 * 3600

/** The ICO's word that it keeps what a disclosure brought. */
export function takenIn(e: Pick<Evidence, 'receipts'>): Entry<Receipt>[] {
  return e.receipts.filter(({ record }) => record.about === 'disclosure')
}

/** [consent-before-disclosure] Every notice, and everything the ICO says it took, rests on a permission in the bundle. */
export function consentFaults(e: Evidence): Fault[] {
  const acknowledged = acknowledgements(e)
  const notices = e.notices.map((notice) => ({
    about: notice.record.id,
    detail: noticeFault(e, notice, acknowledged.get(notice.record.permission)),
  }))
  const taken = takenIn(e).map((receipt) => ({ about: receipt.record.id, detail: takenFault(e, receipt) }))
  return [...notices, ...taken].flatMap(({ about, detail }) => (detail === undefined ? [] : [{ about, detail }]))
}

/** The NCSC's word that a permission ended: it was withdrawn, or another took its place. */
export function isEnd({ about, left }: Receipt): boolean {
  return about === 'withdrawal' || (about === 'permission' && left !== undefined)
}

/** Where in the NCSC's chain it acknowledged each permission. */
function acknowledgements(e: Evidence): Map<string, number> {
  const accepted = e.receipts.filter(({ record }) => record.about === 'permission' && record.state === 'accepted' && !isEnd(record))
  return new Map(accepted.map(({ record, checked }) => [record.permission!, checked.n ?? Infinity]))
}

function noticeFault(e: Evidence, { record, logTime, checked }: Entry<Notice>, acknowledged: number | undefined): string | undefined {
  const permission = e.by.granted.get(record.permission)?.permission
  if (!permission) return 'it rests on a permission that is not in the bundle'
  const [detail] = permission.claims.authorization_details
  if (!covers(permission.items, record.items)) return 'it names items that the permission does not cover'
  if (record.purpose !== permission.purpose) return 'it is for another purpose than was permitted'
  if (record.recipient !== detail.to) return 'it went to somebody else than was permitted'
  if (!within(logTime, permission.claims.nbf, permission.claims.exp)) return 'it was logged outside the term of the permission'
  if (acknowledged === undefined || acknowledged >= (checked.n ?? 0))
    return 'it stands in the NCSC\u2019s books before the NCSC acknowledged the permission'
  return undefined
}

function takenFault(e: Evidence, { record, logTime }: Entry<Receipt>): string | undefined {
  const permission = record.permission === undefined ? undefined : e.by.granted.get(record.permission)?.permission
  if (!permission || record.via !== 'permission') return 'it rests on a permission that is not in the bundle'
  if (!covers(permission.items, record.items)) return 'it names items that the permission does not cover'
  const late = permission.claims.exp + TRANSIT_SECONDS
  return within(logTime, permission.claims.nbf, late) ? undefined : 'it was logged outside the term of the permission'
}

/** One disclosure as each side tells of it, in the parts that rest on one permission each. */
type Told = { notices: Entry<Notice>[]; taken: Entry<Receipt>[] }

function disclosures(e: Evidence): Map<string, Told> {
  const all = new Map<string, Told>()
  const of = (id: string): Told => {
    const told = all.get(id) ?? { notices: [], taken: [] }
    all.set(id, told)
    return told
  }
  for (const notice of e.notices) of(notice.record.disclosure).notices.push(notice)
  for (const receipt of takenIn(e)) of(receipt.record.for).taken.push(receipt)
  return all
}

/** Both sides of door 3 agree: what the ICO took the NCSC told of, item by item. */
export function agreementOfBothFaults(e: Evidence): Fault[] {
  const both = [...disclosures(e)].flatMap(([about, told]) => {
    const detail = bothFault(told)
    return detail === undefined ? [] : [{ about, detail }]
  })
  return [...both, ...endingFaults(e)]
}

/** What ended otherwise than was said is something that notice was given of, before, in the same words; and the ICO does not have it. */
function endingFaults(e: Evidence): Fault[] {
  const seen = new Set<string>()
  return e.endings.flatMap((ending) => {
    const { id, disclosure, permission } = ending.record
    const again = seen.size === seen.add(`${disclosure} ${permission}`).size
    const detail = again ? 'the NCSC said twice how this disclosure ended' : endingFault(e, ending)
    return detail === undefined ? [] : [{ about: id, detail }]
  })
}

function endingFault(e: Evidence, { record, checked }: Entry<Notice>): string | undefined {
  const same = ({ disclosure, permission }: Notice) => disclosure === record.disclosure && permission === record.permission
  const notice = e.notices.find((one) => same(one.record))
  if (!notice || (notice.checked.n ?? 0) >= (checked.n ?? 0)) return 'it says how a disclosure ended that the NCSC had not told of'
  const words = ({ record: hash, recipient, purpose, items }: Notice) => JSON.stringify([hash, recipient, purpose, items])
  if (words(notice.record) !== words(record)) return 'it speaks of another disclosure than the notice'
  const isTaken = takenIn(e).some((one) => one.record.for === record.disclosure && one.record.permission === record.permission)
  return isTaken ? 'the NCSC says it was not taken, and the ICO has it' : undefined
}

function bothFault({ notices, taken }: Told): string | undefined {
  const distinct = (values: (string | undefined)[]) => new Set(values).size
  if (distinct(notices.map(({ record }) => record.permission)) !== notices.length) return 'the NCSC told of it twice'
  if (distinct(notices.map(({ record }) => `${record.record} ${record.purpose} ${record.recipient}`)) > 1)
    return 'the NCSC told of it in two ways'
  const told = union(notices)
  const kept = union(taken)
  if (taken.length > 0 && notices.length === 0) return 'the ICO took it and the NCSC has not told of it'
  if (!covers(told, kept)) return 'the ICO took items that the NCSC has not told of'
  const complete = taken.length === notices.length
  if (complete && !sameItems(told, kept)) return 'the NCSC told of items that the ICO\u2019s receipt leaves out'
  if (taken.some((receipt) => notices.some((notice) => receipt.logTime.getTime() < notice.logTime.getTime() - SKEW)))
    return 'the ICO took it before the NCSC logged it'
  return undefined
}

function union(parts: { record: { items: ItemRef[] } }[]): ItemRef[] {
  return [...new Map(parts.flatMap(({ record }) => record.items).map((item) => [item.id, item])).values()]
}

/**
 * Nothing starts to leave after a withdrawal was acknowledged, except what the acknowledgement names: it names every disclosure
 * under the permission, once, and what it calls stopped the ICO does not have.
 */
export function withdrawalFaults(e: Evidence): Fault[] {
  const told = disclosures(e)
  const ended = e.receipts.filter(({ record }) => isEnd(record))
  const recalled = e.receipts.filter(({ record }) => record.about === 'recall')
  return [...ended.flatMap((receipt) => namingFaults(e, receipt, told)), ...recalled.flatMap((receipt) => recallFaults(e, receipt))]
}

function namingFaults(e: Evidence, { record, checked }: Entry<Receipt>, told: Map<string, Told>): Fault[] {
  const { stopped = [], left = [], mayHaveLeft = [], permission } = record
  const all = [...stopped, ...left, ...mayHaveLeft]
  const named = new Set(all)
  const gone = new Set([...left, ...mayHaveLeft])
  const under = e.notices.filter((notice) => notice.record.permission === permission)
  const noticed = new Set(under.map((notice) => notice.record.disclosure))
  const late = (notice: Entry<Notice>) => (notice.checked.n ?? 0) > (checked.n ?? 0)
  const unnamed = under.filter((notice) => !(late(notice) ? gone : named).has(notice.record.disclosure))
  const unsent = new Set(e.endings.filter((one) => one.record.ended === 'not-sent').map((one) => one.record.disclosure))
  const kept = stopped.filter((id) => told.get(id)?.taken.some((receipt) => receipt.record.permission === permission))
  return [
    ...(named.size === all.length ? [] : [{ about: record.id, detail: 'it names a disclosure twice' }]),
    ...all
      .filter((id) => !noticed.has(id))
      .map((about) => ({ about, detail: 'the acknowledgement of the withdrawal names it and no notice tells of it' })),
    ...unnamed.map((notice) => ({
      about: notice.record.id,
      detail: 'it was disclosed under a withdrawn permission and the acknowledgement does not name it',
    })),
    ...kept.map((about) => ({ about, detail: 'the NCSC says it was stopped, and the ICO has it' })),
    ...[...gone].filter((id) => unsent.has(id)).map((about) => ({ about, detail: 'the NCSC says that it was not sent, and that it left' })),
  ]
}

/** The ICO restricts what it had taken, and decides about what it had restricted; what was deleted it does not keep. */
function recallFaults(e: Evidence, { record, checked }: Entry<Receipt>): Fault[] {
  const { id, permission, items, decision, for: recall } = record
  const taken = union(takenIn(e).filter((one) => one.record.permission === permission))
  if (!covers(taken, items)) return [{ about: id, detail: 'the ICO restricted what it never said it had' }]
  if (decision === undefined) return []
  const before = ({ record: other, checked: at }: Entry<Receipt>) =>
    other.about === 'recall' && other.for === recall && other.permission === permission && (at.n ?? 0) < (checked.n ?? 0)
  const earlier = e.receipts.filter(before)
  const restricted = union(earlier.filter((one) => one.record.decision === undefined))
  if (!covers(restricted, items)) return [{ about: id, detail: 'the ICO decided about what it never said it had restricted' }]
  const deleted = union(earlier.filter((one) => one.record.decision === 'deleted'))
  const gone = items.some((item) => deleted.some((one) => one.id === item.id))
  return gone ? [{ about: id, detail: 'the ICO decided about what it had deleted' }] : []
}
