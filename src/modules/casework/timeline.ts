import type { Stage, Via } from './case.ts'

/** In the order in which those of one instant are told. */
export const happenings = ['report', 'correction', 'note', 'finding', 'enquiry', 'enquiry-withdrawn', 'disclosure', 'recall'] as const

export type Happening = {
  at: Date
  kind: (typeof happenings)[number]
  /** Of the record, note, finding or enquiry it is about. */
  id: string
  by?: string
  role?: string
  text?: string
  stage?: Stage
  nearMiss?: true
  items?: { id: string; question: string }[]
  permissions?: string[]
  corrects?: string
  why?: string
}

type Copy = {
  id: string
  record: string
  question: string
  via: Via
  permission: string | null
  added_at: Date
  restricted_since: Date | null
  corrects: string | null
  why: string | null
}

/** What a body asked the organisation in a case, as the module that asks tells it. */
export type AskedInCase = { id: string; text: string; by: string; role: string; at: Date; withdrawn?: { by: string; at: Date } }

export type Happened = {
  reports: { record: string; stage: Stage; near_miss: boolean; received_at: Date }[]
  copies: Copy[]
  notes: { id: string; text: string; author: string; author_role: string; written_at: Date }[]
  findings: { id: string; question: string; found_by: string; found_at: Date }[]
  asked: AskedInCase[]
}

/** Everything that happened in a case, oldest first. What was recalled is told by its question alone. */
export function timelineOf({ reports, copies, notes, findings, asked }: Happened): Happening[] {
  const byRecord = Map.groupBy(copies, ({ record }) => record)
  const all = [
    ...reports.map((report) => reported(report, byRecord.get(report.record) ?? [])),
    ...copies.flatMap(corrected),
    ...[...byRecord.values()].flatMap(disclosed),
    ...notes.map(
      ({ id, text, author, author_role, written_at }): Happening => ({
        at: written_at,
        kind: 'note',
        id,
        by: author,
        role: author_role,
        text,
      }),
    ),
    ...findings.map(
      ({ id, question, found_by, found_at }): Happening => ({ at: found_at, kind: 'finding', id, by: found_by, items: [{ id, question }] }),
    ),
    ...asked.flatMap(enquired),
  ]
  return all.sort((a, b) => a.at.getTime() - b.at.getTime() || rank(a) - rank(b) || (a.id < b.id ? -1 : 1))
}

function rank({ kind }: Happening): number {
  return happenings.indexOf(kind)
}

const named = (copies: readonly Copy[]): { id: string; question: string }[] => copies.map(({ id, question }) => ({ id, question }))

function reported({ record, stage, near_miss, received_at }: Happened['reports'][number], copies: readonly Copy[]): Happening {
  return { at: received_at, kind: 'report', id: record, stage, ...(near_miss && { nearMiss: true as const }), items: named(copies) }
}

function corrected(copy: Copy): Happening[] {
  if (copy.corrects === null || copy.why === null) return []
  return [{ at: copy.added_at, kind: 'correction', id: copy.record, items: named([copy]), corrects: copy.corrects, why: copy.why }]
}

function disclosed(copies: readonly Copy[]): Happening[] {
  const [first] = copies
  if (first?.via !== 'permission') return []
  const permissions = [...new Set(copies.flatMap(({ permission }) => permission ?? []))]
  const recalls = Map.groupBy(
    copies.filter(({ restricted_since }) => restricted_since !== null),
    ({ restricted_since }) => restricted_since!.getTime(),
  )
  return [
    { at: first.added_at, kind: 'disclosure', id: first.record, items: named(copies), permissions },
    ...[...recalls].map(([at, some]): Happening => ({ at: new Date(at), kind: 'recall', id: first.record, items: named(some) })),
  ]
}

function enquired({ id, text, by, role, at, withdrawn }: AskedInCase): Happening[] {
  const asked: Happening = { at, kind: 'enquiry', id, by, role, text }
  return withdrawn ? [asked, { at: withdrawn.at, kind: 'enquiry-withdrawn', id, by: withdrawn.by }] : [asked]
}
