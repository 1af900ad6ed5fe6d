import { fromB64u, sha256 } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { fromInstant, SKEW } from '#platform/clock'
import type { ItemRef, MessageRecord } from '#exchange'
import { keyCountsAt } from '#permission'
import { narrowingFaults } from './narrowing.ts'
import type { Evidence, Fault } from './reading.ts'
import type { DailyRecord, Entry, Receipt, Told } from './records.ts'

/** The question of an answer to an enquiry: this and the enquiry's id (docs/formats/statement.md). */
export const ASKED = 'asked-'

export function entriesIn(e: Evidence): Entry<MessageRecord>[] {
  return listsIn(e).flat()
}

function listsIn(e: Evidence): Entry<MessageRecord>[][] {
  return [
    e.submissions,
    e.requests,
    e.enquiries,
    e.reads,
    e.offers,
    e.refusals,
    e.permissions,
    e.withdrawals,
    e.told,
    e.receipts,
    e.statements,
  ]
}

/** Records shown by opened links. */
export function opened(e: Evidence): Told<DailyRecord | Receipt>[] {
  return [...e.earlier, ...e.elsewhere]
}

/** Same ids, same commitments, whatever the order; nothing twice. */
export function sameItems(a: ItemRef[], b: ItemRef[]): boolean {
  return a.length === b.length && covers(a, b) && covers(b, a)
}

export function covers(granted: ItemRef[], items: ItemRef[]): boolean {
  const known = new Map(granted.map((item) => [item.id, item.commitment]))
  return new Set(items.map((item) => item.id)).size === items.length && items.every((item) => known.get(item.id) === item.commitment)
}

/** Each list ordered by instant, then id; no record anywhere twice. */
export function orderFaults(e: Evidence): Fault[] {
  const places = listsIn(e).map((list) => list.map(({ record }) => `${record.at} ${record.id}`))
  const links = e.others.map(({ from, n }) => `${from} ${String(n).padStart(16, '0')}`)
  const hashes = e.bundle.holdings.map((list) => Buffer.from(sha256(fromB64u(list))).toString('hex'))
  const unordered = [...places, links, hashes, e.bundle.chosen ?? []].some((list) =>
    list.some((place, at) => at > 0 && place <= list[at - 1]!),
  )
  const seen = new Set<string>()
  const twice = [...entriesIn(e), ...opened(e)].filter(({ record }) => seen.size === seen.add(record.id).size)
  return [
    ...(unordered ? [{ detail: 'a list is not in order' }] : []),
    ...twice.map(({ record }) => ({ about: record.id, detail: 'this record stands in the bundle twice' })),
  ]
}

/** Every decision was made under an agreement that the trust file names. */
export function agreementFaults(e: Evidence): Fault[] {
  const known = new Set(e.trust.agreements.map(({ id, hash }) => canonical({ id, hash })))
  return [...entriesIn(e), ...opened(e)]
    .filter(({ record }) => !known.has(canonical(record.agreement)))
    .map(({ record }) => ({ about: record.id, detail: 'decided under an agreement that the trust file does not name' }))
}

/** One organisation, one matter: each authority knows it by one reference, and an item is the same wherever it is named. */
export function matterFaults(e: Evidence): Fault[] {
  const foreign = [...entriesIn(e), ...opened(e)].filter(({ record }) => record.organisation !== e.bundle.organisation.id)
  const references = (authority: string) =>
    new Set(
      [...e.submissions, ...e.requests, ...e.enquiries, ...e.offers].flatMap(({ record }) =>
        [record.to, record.from].includes(authority as never) ? [record.reference] : [],
      ),
    )
  const mixed = (['ncsc', 'ico'] as const).filter((authority) => references(authority).size > 1)
  const { id, name } = e.bundle.organisation
  const names = namesOf(e)
  return [
    ...foreign.map(({ record }) => ({ about: record.id, detail: 'this is about another organisation' })),
    ...mixed.map((authority) => ({ about: authority, detail: 'there is more than one reference of this authority: more than one matter' })),
    // Where items were chosen the report that names it may be one of those not shown.
    ...(names.size > 0 && !names.has(name) && e.bundle.chosen === undefined
      ? [{ about: id, detail: 'the organisation is called by a name that nothing in the bundle gives it' }]
      : []),
    ...itemFaults(e),
    ...correctionFaults(e),
  ]
}

function namesOf(e: Evidence): Set<string> {
  return new Set([
    ...e.submissions.flatMap(({ content }) => content.organisation?.name ?? []),
    ...e.permissions.map(({ permission }) => permission.enrolment.organisation.name),
  ])
}

function itemFaults(e: Evidence): Fault[] {
  const commitments = new Map<string, string>()
  const differs = ({ id, commitment }: ItemRef): boolean => {
    const known = commitments.get(id) ?? commitment
    commitments.set(id, known)
    return known !== commitment
  }
  return entriesIn(e).flatMap(({ record }) =>
    (record.items ?? []).filter(differs).map(({ id }) => ({ about: id, detail: 'two records commit to different contents of this item' })),
  )
}

/** Of what the bundle shows: what is corrected was told to the same authority, in answer to the same question, in another report. */
function correctionFaults(e: Evidence): Fault[] {
  const told = new Map(
    e.submissions.flatMap(({ record, content }) =>
      content.items.map((item) => [item.id, { question: item.question, report: record.id, to: record.to }] as const),
    ),
  )
  return e.submissions.flatMap(({ record, content }) =>
    (content.corrections ?? []).flatMap(({ item, corrects }) => {
      const [now, before] = [told.get(item)!, told.get(corrects)]
      const fits = !before || (before.to === record.to && before.question === now.question && before.report !== record.id)
      return fits ? [] : [{ about: item, detail: 'it corrects what this authority was not told in answer to this question' }]
    }),
  )
}

/**
 * What takes an enquiry back names one that its own authority asked before, once. What answers one goes to the authority that asked, and
 * not before it asked.
 */
export function enquiryFaults(e: Evidence): Fault[] {
  const seen = new Set<string>()
  const takenBack = e.enquiries.flatMap(({ record, checked }) => {
    if (record.withdraws === undefined) return []
    const asked = e.by.enquiries.get(record.withdraws)
    const again = seen.size === seen.add(record.withdraws).size
    const fits =
      asked !== undefined &&
      asked.record.withdraws === undefined &&
      asked.record.from === record.from &&
      (asked.checked.n ?? 0) < (checked.n ?? 0)
    return fits && !again ? [] : [{ about: record.id, detail: 'it takes back what this authority did not ask, or took back before' }]
  })
  return [...takenBack, ...e.submissions.flatMap((submission) => answerFaults(e, submission))]
}

function answerFaults(e: Evidence, submission: Evidence['submissions'][number]): Fault[] {
  return submission.content.items.flatMap(({ id, question }) => {
    if (!question.startsWith(ASKED)) return []
    const enquiry = e.by.enquiries.get(question.slice(ASKED.length))
    if (!enquiry || enquiry.record.withdraws !== undefined || enquiry.record.from !== submission.record.to)
      return [{ about: id, detail: 'it answers an enquiry that the bundle does not have of this authority' }]
    const detail = orderFault(enquiry, submission)
    return detail === undefined ? [] : [{ about: id, detail }]
  })
}

/** What each receipt answers: a record in the bundle, sent to whom the receipt is from; for what it says, and once. */
export function receiptFaults(e: Evidence): Fault[] {
  const seen = new Set<string>()
  const hidden = e.elsewhere.filter(({ record }) => e.by.granted.has(record.permission ?? ''))
  const linked = hidden.map(({ record }) => ({
    about: record.id,
    detail: 'it is about this matter, and stands here as if it were about another',
  }))
  const faults = e.receipts.flatMap((receipt) => {
    const { id } = receipt.record
    const again = placesOf(receipt.record).some((place) => seen.size === seen.add(place).size)
    const detail = again ? 'this authority already gave a receipt for the same record' : answerFault(e, receipt)
    return detail === undefined ? [] : [{ about: id, detail }]
  })
  return [...linked, ...faults]
}

/**
 * What a receipt is given once of. One disclosure has as many as permissions it rests on; a permission one more where another took its
 * place; an offer one more where it was declined; and what was called back is decided copy by copy.
 */
function placesOf({ from, about, for: answers, permission = '', state, decision, items }: Receipt): string[] {
  const place = `${from} ${about} ${answers}`
  if (about === 'offer') return [`${place} ${state}`]
  if (about === 'recall' && decision !== undefined) return items.map(({ id }) => `${place} ${permission} ${decision} ${id}`)
  return ['disclosure', 'recall', 'permission'].includes(about) ? [`${place} ${permission}`] : [place]
}

function answerFault(e: Evidence, receipt: Entry<Receipt>): string | undefined {
  const { about, from, state, code } = receipt.record
  if ((state === 'refused') !== (code !== undefined)) return 'a receipt that refuses names a code, and no other does'
  if (about === 'disclosure' || about === 'recall')
    return from === 'ico' && state === 'accepted' ? undefined : 'only the ICO can have taken a disclosure or a recall'
  if (about === 'report') return reportAnswerFault(e, receipt)
  return from === 'ncsc' ? ncscAnswerFault(e, receipt) : 'only the NCSC is told of permissions'
}

function reportAnswerFault(e: Evidence, receipt: Entry<Receipt>): string | undefined {
  const { for: answers, from, items, reference } = receipt.record
  const submission = e.by.submissions.get(answers)
  if (!submission || submission.record.to !== from) return 'it answers a report that is not in the bundle'
  if (!sameItems(items, submission.record.items) || reference !== submission.record.reference)
    return 'it does not name exactly what was submitted'
  return orderFault(submission, receipt)
}

function ncscAnswerFault(e: Evidence, receipt: Entry<Receipt>): string | undefined {
  const { about, for: answers, items, permission } = receipt.record
  if (about === 'refusal') {
    const found = e.by.refusals.get(answers)
    return found ? orderFault(found, receipt) : 'it answers a refusal that is not in the bundle'
  }
  if (about === 'withdrawal') {
    const found = e.by.withdrawals.get(answers)
    if (!found || found.record.permission !== permission) return 'it answers a withdrawal that is not in the bundle'
    return orderFault(found, receipt)
  }
  if (about === 'offer') {
    const found = e.by.offers.get(answers)
    if (!found) return 'it answers an offer that is not in the bundle'
    const fits = receipt.record.state === 'refused' ? items.length === 0 : sameItems(items, found.record.items)
    return fits ? orderFault(found, receipt) : 'it does not name exactly what was offered'
  }
  const given = e.by.permissions.get(answers)
  if (given && permission !== undefined && given.record.narrows === permission) return endOfEarlierFault(given, receipt)
  if (!given || given.record.permission !== permission) return 'it answers a permission that is not in the bundle'
  return sameItems(items, given.permission.items) ? orderFault(given, receipt) : 'it does not name exactly what was permitted'
}

/** The NCSC's word on the permission whose place another took. */
function endOfEarlierFault(given: Entry<MessageRecord>, receipt: Entry<Receipt>): string | undefined {
  const { items, stopped, left, mayHaveLeft } = receipt.record
  if (items.length > 0 || !stopped || !left || !mayHaveLeft) return 'it does not say what became of the permission whose place was taken'
  return orderFault(given, receipt)
}

/** Nobody answers what was not yet logged. */
function orderFault(question: Entry<MessageRecord>, answer: Entry<MessageRecord>): string | undefined {
  return answer.logTime.getTime() < question.logTime.getTime() - SKEW ? 'it was logged before what it answers' : undefined
}

/** Each permission answers a request in the bundle, gives no more than was asked, and was signed by a key in force over the words shown. */
export function permissionFaults(e: Evidence): Fault[] {
  const seen = new Set<string>()
  return e.permissions.flatMap((given) => {
    const again = seen.size === seen.add(given.record.permission).size
    const detail = again ? 'this permission stands in the bundle twice' : permissionFault(e, given)
    return detail === undefined ? [] : [{ about: given.record.permission, detail }]
  })
}

function permissionFault(e: Evidence, given: Evidence['permissions'][number]): string | undefined {
  const { claims, items, purpose } = given.permission
  const [detail] = claims.authorization_details
  const asked: AskedFor | undefined = e.by.requests.get(claims.request) ?? e.by.offers.get(claims.request)
  if (claims.iss !== given.record.organisation || claims.jti !== given.record.permission)
    return 'the permission is another organisation\u2019s, or another one'
  if (canonical(claims.agreement) !== canonical(given.record.agreement)) return 'it was signed under another agreement'
  if (!asked) return 'it answers a request, or an offer, that is not in the bundle'
  if (!covers(asked.record.items, items) || purpose !== asked.record.purpose || detail.to !== asked.record.recipient)
    return 'it gives what was not asked'
  if (claims.exp > Math.max(claims.nbf + 1, Math.floor(fromInstant(asked.record.until).getTime() / 1000)))
    return 'it runs longer than was asked'
  // Of words that are not all shown neither the hash nor the conditions can be compared; it is said that they were not.
  const whole = asked.notice !== undefined
  if (whole && (claims.notice !== asked.notice || !bindsAsShown(detail.conditions, asked.words?.conditions ?? [])))
    return 'other words were shown than were signed'
  if (!within(given.logTime, claims.nbf, claims.exp)) return 'it was logged outside its own term'
  if (!keyCountsAt(given.permission, given.logTime)) return 'its key was not yet enrolled'
  return orderFault(asked, given)
}

type AskedFor = Entry<MessageRecord & { items: ItemRef[]; purpose: string; recipient: string; until: string }> & {
  words?: { conditions?: string[] }
  notice?: string
}

/** Conditions may be added to those shown; none of them may be missing. */
function bindsAsShown(signed: string[], shown: string[]): boolean {
  return new Set(signed).size === signed.length && shown.every((one) => signed.includes(one))
}

/** Log time in a term in seconds, with five minutes at either end. */
export function within(time: Date, begins: number, ends: number): boolean {
  return time.getTime() >= begins * 1000 - SKEW && time.getTime() < ends * 1000 + SKEW
}

/**
 * A refused request has no permission; what is withdrawn was given before, and is withdrawn once by each of those who may say so; what
 * takes the place of a permission gives no more than that did.
 */
export function decisionFaults(e: Evidence): Fault[] {
  const answered = new Set(e.permissions.map(({ permission }) => permission.claims.request))
  const seen = new Set<string>()
  const refusals = e.refusals.flatMap(({ record }) => {
    if (!e.by.requests.has(record.request)) return [{ about: record.id, detail: 'it refuses a request that is not in the bundle' }]
    return answered.has(record.request) ? [{ about: record.id, detail: 'the same request was granted and refused' }] : []
  })
  const withdrawals = e.withdrawals.flatMap((withdrawn) => {
    const { id, permission } = withdrawn.record
    const given = e.by.granted.get(permission)
    if (!given) return [{ about: id, detail: 'it withdraws a permission that is not in the bundle' }]
    if (withdrawn.record.by !== 'telephone' && seen.size === seen.add(permission).size)
      return [{ about: id, detail: 'the permission is withdrawn twice' }]
    const detail = orderFault(given, withdrawn)
    return detail === undefined ? [] : [{ about: id, detail }]
  })
  return [...refusals, ...withdrawals, ...narrowingFaults(e)]
}
