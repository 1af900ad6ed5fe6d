import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { invalid } from '#platform/errors'
import { newReference } from '#platform/ids'
import { issueToken } from '#identity'
import type { FolderKeys, Owner } from './folder.ts'
import type { IncidentKind } from './incident.ts'
import { requireRole } from './rights.ts'
import { insertIncident } from './store.ts'

/** Opens a folder, for whoever has no token one of its own, with the secret that reopens it. The title is checked. */
export async function openIncident(
  tx: Tx,
  typed: { title: string; kind: IncidentKind },
  folders: FolderKeys,
  ctx: Ctx,
): Promise<{ id: string; reference: string; resume?: string }> {
  const title = checkTitle(typed.title)
  const id = ctx.random.uuid()
  const owner = newOwner(id, ctx)
  const organisation = 'organisation' in owner ? owner.organisation : null
  const reference = newReference('INC', ctx.random)
  const sealed = await folders.seal(owner, id, Buffer.from(title))
  await insertIncident(
    tx,
    { id, folder: organisation ?? id, organisation, reference, title: sealed, kind: typed.kind },
    organisation && ctx.actor.id,
    ctx.now(),
  )
  return { id, reference, ...(organisation === null && { resume: await issueToken(tx, { folder: id }, ctx) }) }
}

function checkTitle(typed: string): string {
  const title = typed.trim()
  if (title === '') throw invalid({ field: 'title', message: 'Give the incident a title' })
  if (title.length > 200) throw invalid({ field: 'title', message: 'Use no more than 200 characters' })
  return title
}

/** Whoever belongs to an organisation files for it; whoever comes without a token gets a folder of its own. */
function newOwner(id: string, { actor }: Ctx): Owner {
  if (actor.organisation === undefined && actor.roles.length === 0) return { folder: id }
  requireRole('file', actor)
  return actor.organisation === undefined ? { folder: id } : { organisation: actor.organisation }
}
