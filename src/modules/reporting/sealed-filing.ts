import { z } from 'zod'
import { sha256, type Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { requestSend, sealedBytes, type AuthorityId, type SealedReport } from '#exchange'
import { ownerOf } from './access.ts'
import { itemsTold, organisationTold, sameFiling, viewFor, withOrganisation } from './filing.ts'
import type { FolderKeys } from './folder.ts'
import { refuseMistakes, type Stage, type ToldOrganisation } from './incident.ts'
import { requireRight } from './rights.ts'
import { SEALED, sealedMistakes, type KnownView } from './sealed-report.ts'
import {
  filingByKey,
  insertFiling,
  insertItems,
  insertSubmission,
  lockIncident,
  submissionsWithItems,
  viewOf,
  type IncidentRow,
  type ViewRow,
} from './store.ts'

/** What a machine has to know before it can seal a report to a body: all of it goes outside the seal. */
export const sealingTerms = z.object({
  to: z.enum(['ncsc', 'ico']),
  reference: z.string(),
  /** Whether this body was told anything of the incident before: then it is no initial report. */
  told: z.boolean(),
  organisation: z.object({
    id: z.uuid(),
    name: z.string(),
    identifiers: z.array(z.object({ scheme: z.string(), id: z.string() })),
    sector: z.string().optional(),
    verified: z.boolean(),
  }),
})
export type SealingTerms = z.infer<typeof sealingTerms>

type Owned = IncidentRow & { organisation: string }

/** Draws each body's reference, where there is none yet, and says how that body is told who reports. Nothing is sent by it. */
export async function termsForSealing(
  tx: Tx,
  input: { incident: string; to: AuthorityId[] },
  folders: FolderKeys,
  ctx: Ctx,
): Promise<SealingTerms[]> {
  const incident = await incidentToFileIn(tx, input.incident, ctx)
  if (incident.kind === 'near-miss' && input.to.includes('ico')) throw new Refusal('flow-not-allowed')
  // An organisation that nobody proved says nothing of itself here.
  const owned = await withOrganisation(tx, incident, [], ctx)
  const terms: SealingTerms[] = []
  for (const to of new Set(input.to)) {
    const view = await viewFor(tx, owned, to, ctx)
    terms.push({ to, ...(await knownOf(tx, owned, view, folders)) })
  }
  return terms
}

async function incidentToFileIn(tx: Tx, id: string, ctx: Ctx): Promise<IncidentRow> {
  const incident = await lockIncident(tx, id)
  if (!incident) throw new Refusal('not-found')
  requireRight('file', ownerOf(incident), ctx.actor)
  return incident
}

async function knownOf(tx: Tx, incident: Owned, view: ViewRow, folders: FolderKeys): Promise<KnownView> {
  const { id, name, identifiers, sector, verified }: ToldOrganisation = await organisationTold(tx, { incident, view, answers: [] }, folders)
  const organisation = { id, name, identifiers, ...(sector && { sector }), verified }
  return { reference: view.reference, organisation, told: (await itemsTold(tx, view.id)).size > 0 }
}

export type SealedFiling = { incident: string; stage: Stage; sealed: SealedReport[]; idempotencyKey?: string | undefined }

/**
 * Files reports that were sealed elsewhere, each to its body: kept, logged and sent as any other, and opened by nobody here. All of it
 * commits with the caller's transaction or none of it. The same `idempotencyKey` again finds the filing it made. Returns the filing's id.
 */
export async function fileSealed(tx: Tx, input: SealedFiling, folders: FolderKeys, ctx: Ctx): Promise<string> {
  const incident = await incidentToFileIn(tx, input.incident, ctx)
  const { stage, sealed } = input
  const hash = sha256(canonical({ stage, sealed }))
  const key = input.idempotencyKey === undefined ? null : sha256(input.idempotencyKey)
  const earlier = key && (await filingByKey(tx, incident.id, key))
  if (earlier) return sameFiling(earlier, incident, hash, folders)
  const views = await viewsTold(tx, incident, sealed)
  const known = new Map<AuthorityId, KnownView>()
  for (const [to, view] of views) known.set(to, await knownOf(tx, { ...incident, organisation: incident.organisation! }, view, folders))
  refuseMistakes(sealedMistakes(sealed, known, { stage, kind: incident.kind }))
  await mustBeNew(tx, sealed)
  const filing = ctx.random.uuid()
  const answers = await folders.seal(ownerOf(incident), filing, hash)
  await insertFiling(tx, { id: filing, incident: incident.id, stage, key, answers }, ctx.actor, ctx.now())
  for (const report of sealed) await submitSealed(tx, { filing, incident, view: views.get(report.to)!, report }, folders, ctx)
  return filing
}

/** Views that this incident has: whoever seals has asked for their references before. */
async function viewsTold(tx: Tx, incident: IncidentRow, sealed: SealedReport[]): Promise<Map<AuthorityId, ViewRow>> {
  const views = new Map<AuthorityId, ViewRow>()
  for (const { to } of sealed) {
    const view = await viewOf(tx, incident.id, to)
    if (view) views.set(to, view)
  }
  return views
}

/** The same item in two reports would be refused by its body: whoever sends bytes again is told so at once. */
async function mustBeNew(tx: Tx, sealed: SealedReport[]): Promise<void> {
  const ids = sealed.flatMap(({ items }) => items.map(({ id }) => id))
  const twice = new Set(ids).size !== ids.length
  if (twice || (await submissionsWithItems(tx, ids)).length > 0) throw new Refusal('replayed-differently')
}

type Submitting = { filing: string; incident: IncidentRow; view: ViewRow; report: SealedReport }

async function submitSealed(tx: Tx, { filing, incident, view, report }: Submitting, folders: FolderKeys, ctx: Ctx): Promise<void> {
  const id = ctx.random.uuid()
  const payload: Bytes = await folders.seal(ownerOf(incident), id, sealedBytes(report))
  const record = await requestSend(tx, { kind: 'report', to: report.to, body: { submission: id } }, ctx)
  await insertSubmission(tx, { id, filing, view: view.id, record, stage: report.stage, payload, sealed: true })
  await insertItems(
    tx,
    id,
    report.items.map((item) => ({ ...item, question: SEALED })),
  )
}
