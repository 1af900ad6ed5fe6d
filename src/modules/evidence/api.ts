import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import type { Ctx } from '#platform/context'
import { transact, type Db } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { isUuid } from '#platform/ids'
import { decisionOn, requestSend, type Trust } from '#exchange'
import { incidentForActor, type FolderKeys } from '#reporting'
import { gather, heldIn } from './assemble.ts'
import { bundle, sealed, sealHash, type Bundle } from './bundle.ts'
import { onlyChosen } from './choice.ts'
import { composeBundle, newestIn } from './compose.ts'
import type { Held } from './holdings.ts'

/** `poke` wakes this node's gateway where it runs in the same process; `waitMilliseconds`: how long a bundle waits for its seal. */
export type EvidenceDeps = { db: Db; trust: Trust; folders: FolderKeys; poke?: () => void; waitMilliseconds: number }

const authority = z.enum(['ncsc', 'ico'])
const item = { authority, question: z.string(), item: z.uuid(), door: z.literal([1, 2, 3]), clause: z.string(), since: z.iso.datetime() }
const holdings = z.object({
  holdings: z.array(
    z.object({
      ...item,
      permission: z.uuid().optional(),
      receipt: z.string(),
      restricted: z.iso.datetime().optional(),
      deleted: z.iso.datetime().optional(),
      kept: z.object({ since: z.iso.datetime(), ground: z.string() }).optional(),
      finding: z.literal(true).optional(),
    }),
  ),
  /** The newest daily statement of each authority, a line a page. */
  statements: z.array(
    z.object({
      authority,
      due: z.iso.datetime(),
      entries: z.int(),
      page: z.int(),
      pages: z.int(),
      held: z.int(),
      missed: z.int().optional(),
      ending: z.string().optional(),
      statement: z.string(),
    }),
  ),
  notYetConfirmed: z.array(z.object({ ...item, permission: z.uuid(), disclosure: z.uuid(), state: z.literal('sent, not yet confirmed') })),
  notYetReceived: z.array(z.object({ to: authority, reference: z.string(), envelope: z.uuid() })),
})

export function api(deps: EvidenceDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/incidents/:id/holdings',
      who: 'signed-in',
      summary: 'Who holds which of your answers, by their own signed receipts',
      reply: holdings,
      handle: ({ params, ctx }) => holdingsAndStatements(deps, params['id']!, ctx),
    }),
    endpoint({
      method: 'GET',
      path: '/incidents/:id/bundle',
      who: 'signed-in',
      summary: 'Everything signed about an incident, to keep and to check offline: concordat verify. ?items=a,b shows these items alone',
      reply: bundle,
      handle: ({ params, query, ctx }) => bundleFor(deps, params['id']!, ctx, chosenIn(query['items'])),
    }),
  ]
}

/** Who holds what of the actor's own incident. */
export async function holdingsFor(deps: Pick<EvidenceDeps, 'db' | 'trust' | 'folders'>, id: string, ctx: Ctx): Promise<Held> {
  return heldIn(await gather(deps, await incidentForActor(deps.db, id, ctx), ctx))
}

async function holdingsAndStatements(deps: EvidenceDeps, id: string, ctx: Ctx) {
  const folder = await gather(deps, await incidentForActor(deps.db, id, ctx), ctx)
  return { ...heldIn(folder), statements: newestIn(folder.gathered) }
}

/** Separated by commas; undefined where nothing was chosen. */
function chosenIn(items: string | undefined): string[] | undefined {
  if (items === undefined) return undefined
  const ids = items.split(',').map((id) => id.trim())
  if (!ids.every(isUuid)) throw invalid({ field: 'items', message: 'Give ids of items, separated by commas' })
  return ids
}

/** Nothing is kept here but that a seal was asked for. `items`: these alone are shown. */
export async function bundleFor(deps: EvidenceDeps, id: string, ctx: Ctx, items?: string[]): Promise<Bundle> {
  const incident = await incidentForActor(deps.db, id, ctx)
  const { gathered } = await gather(deps, incident, ctx)
  const whole = composeBundle(gathered, ctx.now())
  const unsealed = items ? onlyChosen(whole, items) : whole
  const request = await transact(deps.db, (tx) =>
    requestSend(tx, { kind: 'seal-bundle', to: 'portal', body: { hash: sealHash(unsealed) } }, ctx),
  )
  deps.poke?.()
  const seal = (await decisionOn(deps.db, request, deps.waitMilliseconds))?.result
  if (seal === undefined) throw new Refusal('unavailable')
  // Parsed from the canonical text, so that it is written again member for member as it was sealed.
  return JSON.parse(sealed(unsealed, seal)) as Bundle
}
