import type { Ctx } from '#platform/context'
import type { Db } from '#platform/db'
import type { Trust } from '#exchange'
import {
  authorities,
  ownIncident,
  writingOf,
  type Authority,
  type Draft,
  type FiledAnswer,
  type FolderKeys,
  type OwnIncident,
} from '#reporting'
import { stepsFor, type Step } from './steps.ts'
import { aimOf } from './store.ts'

export type FrontDeps = { db: Db; folders: FolderKeys; trust: Trust }

/** All that a page of one incident starts from, for its owner's session; to anyone else it is not found. */
export type Place = {
  incident: OwnIncident
  bodies: Authority[]
  draft: Draft
  filed: FiledAnswer[]
  steps: Step[]
}

export async function placeOf({ db, folders }: FrontDeps, id: string, ctx: Ctx): Promise<Place> {
  const incident = await ownIncident(db, id, folders, ctx)
  const { draft, filed } = await writingOf(db, incident, folders, ctx)
  const bodies = await bodiesOf(db, incident, draft, filed)
  return { incident, bodies, draft, filed, steps: stepsFor(bodies, draft.slots, ctx.now()) }
}

/** Whom it is for: as chosen, and whoever was told already; where nobody chose (a report by the API), both. A near miss is the NCSC's. */
async function bodiesOf(db: Db, incident: OwnIncident, draft: Draft, filed: readonly FiledAnswer[]): Promise<Authority[]> {
  if (incident.kind === 'near-miss') return ['ncsc']
  const aim = await aimOf(db, incident.id)
  const told = new Set([...filed, ...draft.slots].map(({ body }) => body))
  const chosen = authorities.filter((body) => aim?.[body] || told.has(body))
  return chosen.length > 0 ? chosen : [...authorities]
}
