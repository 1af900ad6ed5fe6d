import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { isUuid } from '#platform/ids'
import type { AuthorityId, NodeId } from '#exchange'
import type { FolderKeys, Owner } from './folder.ts'
import { readPayload, type IncidentKind, type Stage } from './incident.ts'
import { requireRight } from './rights.ts'
import { sealedItems } from './sealed-report.ts'
import {
  incidentById,
  incidentByReference,
  submissionsOfIncident,
  submissionsWithItems,
  type IncidentRow,
  type SubmissionRow,
} from './store.ts'

/** An incident without what was typed into it. */
export type Incident = { id: string; owner: Owner; organisation?: string; reference: string; kind: IncidentKind; createdAt: Date }

export type Submission = {
  id: string
  incident: string
  owner: Owner
  to: AuthorityId
  reference: string
  envelope: string
  stage: Stage
  submittedAt: Date
  /** On the reporter's own machine: what is in it cannot be read here. */
  sealed: boolean
}

export type OpenedItem = {
  id: string
  question: string
  value: unknown
  incident: string
  to: AuthorityId
  reference: string
  envelope: string
}

export function ownerOf(row: { folder: string; organisation: string | null }): Owner {
  return row.folder === row.organisation ? { organisation: row.folder } : { folder: row.folder }
}

export function incidentOf(row: IncidentRow): Incident {
  return {
    id: row.id,
    owner: ownerOf(row),
    ...(row.organisation && { organisation: row.organisation }),
    reference: row.reference,
    kind: row.kind,
    createdAt: row.created_at,
  }
}

/** The actor's own incident. Another's, and one that does not exist, are refused alike, after the same query. */
export async function incidentForActor(db: Db | Tx, id: string, ctx: Ctx): Promise<Incident> {
  const row = await rowForActor(db, id, ctx)
  return incidentOf(row)
}

/** As `incidentForActor`, for somebody who may file in it. */
export async function incidentForFiling(db: Db | Tx, id: string, ctx: Ctx): Promise<Incident> {
  const incident = await incidentForActor(db, id, ctx)
  requireRight('file', incident.owner, ctx.actor)
  return incident
}

export async function rowForActor(db: Db | Tx, id: string, ctx: Ctx): Promise<IncidentRow> {
  const row = isUuid(id) ? await incidentById(db, id) : undefined
  if (!row) throw new Refusal('not-found')
  requireRight('read', ownerOf(row), ctx.actor)
  return row
}

/** For what arrives from a body, which knows an incident only by the reference of its own view. For the node, not for a session. */
export async function incidentOfReference(db: Db | Tx, to: NodeId, reference: string): Promise<Incident | undefined> {
  const row = await incidentByReference(db, to, reference)
  return row && incidentOf(row)
}

export async function submissionsOf(db: Db | Tx, incident: Incident): Promise<Submission[]> {
  return (await submissionsOfIncident(db, incident.id)).map(submissionOf)
}

export function submissionOf(row: SubmissionRow): Submission {
  const { id, incident, recipient: to, reference, record: envelope, stage, filed_at: submittedAt, sealed } = row
  return { id, incident, owner: ownerOf(row), to, reference, envelope, stage, submittedAt, sealed }
}

/** The bytes as they were sent, for the owner's own bundle. */
export async function submissionPayload(db: Db | Tx, submission: Submission, folders: FolderKeys, ctx: Ctx): Promise<Uint8Array> {
  requireRight('read', submission.owner, ctx.actor)
  const row = (await submissionsOfIncident(db, submission.incident)).find((one) => one.id === submission.id)
  if (!row) throw new Refusal('not-found')
  return folders.open(ownerOf(row), row.id, row.payload)
}

/** The actor's own among these items, opened; those of others are left out, like those that do not exist. */
export async function itemsByIds(db: Db | Tx, ids: string[], folders: FolderKeys, ctx: Ctx): Promise<OpenedItem[]> {
  const rows = await submissionsWithItems(db, ids.filter(isUuid))
  const own = rows.filter((row) => isReader(row, ctx))
  const opened = await Promise.all(own.map((row) => openItems(row, folders)))
  return opened.flat().filter((item) => ids.includes(item.id))
}

function isReader(row: SubmissionRow, ctx: Ctx): boolean {
  try {
    requireRight('read', ownerOf(row), ctx.actor)
    return true
  } catch {
    return false
  }
}

async function openItems(row: SubmissionRow, folders: FolderKeys): Promise<OpenedItem[]> {
  const bytes = await folders.open(ownerOf(row), row.id, row.payload)
  const { incident, recipient: to, reference, record: envelope } = row
  const items = row.sealed ? sealedItems(bytes) : readPayload(bytes).items
  return items.map(({ id, question, value }) => ({ id, question, value, incident, to, reference, envelope }))
}
