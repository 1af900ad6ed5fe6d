import type { Moment } from '#duties'
import type { Received } from '#enquiries'
import type { Bundle, Held, Holding } from '#evidence'
import { isOpen, type AuthorityId, type SealedReport, type ShownItem } from '#exchange'
import type { IncidentKind, Payload } from '#reporting'
import type { Kept } from './keeping.ts'
import { isAttachment } from './words.ts'

/** docs/formats/folder.md, version 1. Instants are text; what was typed stands as it was typed. */
export type FolderDocument = {
  v: 1
  kind: 'concordat-folder'
  deployment: string
  at: string
  organisation?: { id: string; name: string; verified: boolean }
  incident: { id: string; reference: string; title: string; kind: IncidentKind; openedAt: string }
  draft: { version: number; answers: DraftAnswer[] }
  submissions: Submitted[]
  attachments: Attachment[]
  enquiries: Enquiry[]
  requests: Asked[]
  permissions: Permitted[]
  holdings: Omit<Holding, 'receipt'>[]
  notYetConfirmed: Held['notYetConfirmed']
  moments: (Omit<Moment, 'recordedAt'> & { recordedAt: string })[]
  register: Kept
  bundle: Bundle
}

export type DraftAnswer = {
  question: string
  body: AuthorityId
  value: unknown
  by: string
  at: string
  privileged?: true
  counsel?: { decision: string; reason?: string; by: string; at: string }
}

export type Submitted = {
  id: string
  to: AuthorityId
  reference: string
  envelope: string
  stage: string
  at: string
  state: 'not-yet-received' | 'received' | 'refused'
  receipt: string | null
  code?: string
  payload: Payload | SealedReport
}

/** What was sent of a file: the bytes themselves are not here. */
export type Attachment = { to: AuthorityId; item: string; name: string; mediaType: string; length: number; sha256: string }

export type Enquiry = Omit<Received, 'askedAt' | 'answers'> & {
  askedAt: string
  answers: { item?: string; value: unknown; at: string }[]
}

export type Words = {
  reason: string
  /** Closed where they were sealed past the portal. */
  items: ({ id: string; question: string; value: unknown } | { id: string; commitment: string })[]
  purpose: { id: string; label: string; means: string }
  conditions: string[]
}

export type Asked = {
  id: string
  from: string
  to: string
  until: string
  receivedAt: string
  state: 'open' | 'granted' | 'refused'
  refusedAt?: string
  words: Words
}

export type Permitted = {
  id: string
  request: string
  givenAt: string
  until: string
  items: string[]
  signed: string
  acknowledgement: string | null
  /** `receipt`: null while the NCSC has not acknowledged it. */
  withdrawal: { signed: string | null; receipt: string | null } | null
}

/** Files that went out are items of a report; what they are called and their hashes stand in it. */
export function attachmentsIn(submissions: readonly Submitted[]): Attachment[] {
  return submissions.flatMap(({ to, payload }) =>
    (payload.items as ShownItem[])
      .filter(isOpen)
      .flatMap(({ id: item, question, value }) => (question === 'attachment' && isAttachment(value) ? [{ to, item, ...value }] : [])),
  )
}
