import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import type { Ctx } from '#platform/context'
import { transact, type Db } from '#platform/db'
import { Refusal } from '#platform/errors'
import { decisionOn, requestSend, type Trust } from '#exchange'
import { incidentForActor, type FolderKeys } from '#reporting'
import { gather, heldIn } from './assemble.ts'
import { bundle, sealed, sealHash, type Bundle } from './bundle.ts'
import { composeBundle } from './compose.ts'
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
      finding: z.literal(true).optional(),
    }),
  ),
  // Daily statements stand here once authorities send them.
  statements: z.array(z.string()),
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
      handle: async ({ params, ctx }) => ({ ...(await holdingsFor(deps, params['id']!, ctx)), statements: [] }),
    }),
    endpoint({
      method: 'GET',
      path: '/incidents/:id/bundle',
      who: 'signed-in',
      summary: 'Everything signed about an incident, to keep and to check offline: concordat verify',
      reply: bundle,
      handle: ({ params, ctx }) => bundleFor(deps, params['id']!, ctx),
    }),
  ]
}

/** Who holds what of the actor's own incident. */
export async function holdingsFor(deps: Pick<EvidenceDeps, 'db' | 'trust' | 'folders'>, id: string, ctx: Ctx): Promise<Held> {
  return heldIn(await gather(deps, await incidentForActor(deps.db, id, ctx), ctx))
}

/** Nothing is kept here but that a seal was asked for. */
export async function bundleFor(deps: EvidenceDeps, id: string, ctx: Ctx): Promise<Bundle> {
  const incident = await incidentForActor(deps.db, id, ctx)
  const { gathered } = await gather(deps, incident, ctx)
  const unsealed = composeBundle(gathered, ctx.now())
  const request = await transact(deps.db, (tx) =>
    requestSend(tx, { kind: 'seal-bundle', to: 'portal', body: { hash: sealHash(unsealed) } }, ctx),
  )
  deps.poke?.()
  const seal = (await decisionOn(deps.db, request, deps.waitMilliseconds))?.result
  if (seal === undefined) throw new Refusal('unavailable')
  // Parsed from the canonical text, so that it is written again member for member as it was sealed.
  return JSON.parse(sealed(unsealed, seal)) as Bundle
}
