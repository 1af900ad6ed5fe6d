import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { incidentOf, ownerOf, rowForActor, type Incident } from './access.ts'
import type { Draft } from './draft.ts'
import { draftOf } from './drafts.ts'
import type { FolderKeys } from './folder.ts'
import { requireRole } from './rights.ts'
import { incidentsInFolder, type IncidentRow } from './store.ts'

export type OwnIncident = Incident & { title: string }

/** Every incident of the actor's organisation, or the one of their folder, oldest first. */
export async function ownIncidents(db: Db, folders: FolderKeys, ctx: Ctx): Promise<OwnIncident[]> {
  requireRole('read', ctx.actor)
  const folder = ctx.actor.folder ?? ctx.actor.organisation
  const rows = folder === undefined ? [] : await incidentsInFolder(db, folder)
  return Promise.all(rows.map((row) => withTitle(row, folders)))
}

export async function ownIncident(db: Db | Tx, id: string, folders: FolderKeys, ctx: Ctx): Promise<OwnIncident> {
  return withTitle(await rowForActor(db, id, ctx), folders)
}

/** What is written so far, with what counsel has said of it. */
export async function ownDraft(db: Db | Tx, id: string, folders: FolderKeys, ctx: Ctx): Promise<Draft> {
  return draftOf(db, await rowForActor(db, id, ctx), folders)
}

async function withTitle(row: IncidentRow, folders: FolderKeys): Promise<OwnIncident> {
  const title = await folders.open(ownerOf(row), row.id, row.title)
  return { ...incidentOf(row), title: Buffer.from(title).toString('utf8') }
}
