import { instant } from '#platform/clock'
import { PADDING, type AuthorityId } from '#exchange'
import { SEALED } from '#reporting'
import type { Notice, Receipt, Report, Request, Stated, Submitted, Words } from './records.ts'

/** What is known of one incident, from an organisation's side. Everything here was said by somebody who signed it. */
export type Matter = {
  submissions: { record: Report; content: Pick<Submitted, 'items'> & { sealed?: true } }[]
  offers?: { words?: Pick<Words, 'items'> }[]
  endings: Stated<Notice>[]
  requests: (Stated<Request> & { words: Pick<Words, 'items'> })[]
  notices: Stated<Notice>[]
  receipts: Stated<Receipt>[]
}

/** Who holds one item, since when, and in what words they said so. */
export type Holding = {
  authority: AuthorityId
  question: string
  item: string
  door: 1 | 2 | 3
  clause: string
  permission?: string
  /** Log time of the receipt. */
  since: string
  receipt: string
  /** Set where the ICO says that this copy is shown to nobody any more; and what it then decided, which ends the holding or names a ground. */
  restricted?: string
  deleted?: string
  kept?: { since: string; ground: string }
  /** Set where the authority found it out itself. */
  finding?: true
}

/** What the NCSC says it sent, and the ICO has not confirmed yet: to be counted as held until it is known. */
export type Unconfirmed = Omit<Holding, 'permission' | 'receipt' | 'restricted' | 'deleted' | 'kept' | 'finding'> & {
  permission: string
  disclosure: string
  state: 'sent, not yet confirmed'
}
export type NotYetReceived = { to: AuthorityId; reference: string; envelope: string }
export type Held = { holdings: Holding[]; notYetConfirmed: Unconfirmed[]; notYetReceived: NotYetReceived[] }

export function holdingsOf(matter: Matter): Held {
  const questions = questionsIn(matter)
  return {
    holdings: [...reported(matter, questions), ...found(matter), ...disclosed(matter, questions)],
    notYetConfirmed: unconfirmed(matter, questions),
    notYetReceived: notYetReceived(matter),
  }
}

type Questions = Map<string, string>

function questionsIn({ submissions, requests }: Matter): Questions {
  const items = [...submissions.flatMap(({ content }) => content.items), ...requests.flatMap((request) => request.words.items)]
  const sealed = submissions.filter(({ content }) => content.sealed).flatMap(({ record }) => record.items)
  // Opened where openings were given; those that only make up the number say nothing.
  return new Map([...sealed.map(({ id }) => [id, SEALED] as const), ...items.map(({ id, question }) => [id, question] as const)])
}

function accepted({ receipts }: Matter, about: Receipt['about']): Stated<Receipt>[] {
  return receipts.filter(({ record }) => record.about === about && record.state === 'accepted')
}

/** What the organisation itself told either authority, by door 1 or 2. */
function reported(matter: Matter, questions: Questions): Holding[] {
  return accepted(matter, 'report').flatMap(({ record, statement, logTime }) =>
    record.items
      .filter(({ id }) => questions.get(id) !== PADDING)
      .map(({ id }) => ({
        authority: record.from,
        question: questions.get(id) ?? '',
        item: id,
        door: record.from === 'ncsc' ? 1 : 2,
        clause: record.clause,
        since: instant(logTime),
        receipt: statement,
      })),
  )
}

/** What the NCSC found out in its engagement; the organisation learns of it when asked whether it may be sent. */
function found({ submissions, requests }: Matter): Holding[] {
  const seen = new Set(submissions.flatMap(({ record }) => record.items.map(({ id }) => id)))
  return requests.flatMap(({ record, words, statement, logTime }) =>
    words.items
      .filter(({ id }) => seen.size < seen.add(id).size)
      .map(({ id, question }) => ({
        authority: record.from,
        question,
        item: id,
        door: 1,
        clause: 'encourage-engagement',
        since: instant(logTime),
        receipt: statement,
        finding: true,
      })),
  )
}

/** What the ICO says it took from the NCSC, each item once a permission. */
function disclosed(matter: Matter, questions: Questions): Holding[] {
  const recalls = new Map(
    accepted(matter, 'recall')
      .filter(({ record }) => record.decision === undefined)
      .flatMap(({ record, logTime }) => record.items.map(({ id }) => [`${record.permission} ${id}`, logTime])),
  )
  const seen = new Set<string>()
  return accepted(matter, 'disclosure').flatMap(({ record, statement, logTime }) =>
    record.items
      .filter(({ id }) => seen.size < seen.add(`${record.permission} ${id}`).size)
      .map(({ id }) => {
        const restricted = recalls.get(`${record.permission} ${id}`)
        return {
          authority: record.from,
          question: questions.get(id) ?? '',
          item: id,
          door: 3,
          clause: record.clause,
          ...(record.permission !== undefined && { permission: record.permission }),
          since: instant(logTime),
          receipt: statement,
          ...(restricted && { restricted: instant(restricted), ...decidedOn(matter, `${record.permission} ${id}`) }),
        }
      }),
  )
}

/** What the ICO decided about a copy it had restricted; what was kept may have been deleted later. */
function decidedOn(matter: Matter, place: string): Pick<Holding, 'deleted' | 'kept'> {
  const about = accepted(matter, 'recall').filter(({ record }) => record.items.some(({ id }) => `${record.permission} ${id}` === place))
  const deleted = about.find(({ record }) => record.decision === 'deleted')
  if (deleted) return { deleted: instant(deleted.logTime) }
  const kept = about.find(({ record }) => record.decision === 'kept')
  return kept ? { kept: { since: instant(kept.logTime), ground: kept.record.ground! } } : {}
}

function unconfirmed(matter: Matter, questions: Questions): Unconfirmed[] {
  const settled = new Set([
    ...accepted(matter, 'disclosure').flatMap(({ record }) => record.items.map(({ id }) => `${record.for} ${id}`)),
    ...matter.receipts.flatMap(({ record }) => record.stopped ?? []),
    ...matter.endings.map(({ record }) => record.disclosure),
  ])
  return matter.notices.flatMap(({ record, logTime }) =>
    record.items
      .filter(({ id }) => !settled.has(record.disclosure) && !settled.has(`${record.disclosure} ${id}`))
      .map(({ id }) => ({
        authority: 'ico',
        question: questions.get(id) ?? '',
        item: id,
        door: 3,
        clause: record.clause,
        permission: record.permission,
        since: instant(logTime),
        disclosure: record.disclosure,
        state: 'sent, not yet confirmed',
      })),
  )
}

function notYetReceived({ submissions, receipts }: Matter): NotYetReceived[] {
  const answered = new Set(receipts.map(({ record }) => record.for))
  return submissions
    .filter(({ record }) => !answered.has(record.id))
    .map(({ record }) => ({ to: record.to, reference: record.reference, envelope: record.id }))
}
