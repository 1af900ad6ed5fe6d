import { z } from 'zod'
import { endpoint, Reply, type Endpoint } from '#platform/api'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import { transact } from '#platform/db'
import { octetStream } from '#platform/octets'
import { receiptsFor } from '#exchange'
import { incidentForActor } from '#reporting'
import { LONGEST_PIECE, offsetDiffers, readOffset } from './attachment.ts'
import { reasons, type Reason } from './content.ts'
import { sendsOfUpload, uploadsOfIncident } from './store.ts'
import { submitAttachment } from './submission.ts'
import { aboutOf, announce, dropUpload, finishIfThere, outcomeOf, receivePiece, uploadFor, type Owned, type UploadDeps } from './upload.ts'

const announced = z.strictObject({
  name: z.string(),
  mediaType: z.string(),
  length: z.int().min(0),
  sha256: z.string().optional(),
  audience: z.array(z.enum(['ico', 'ncsc'])),
  byHash: z.literal(true).optional(),
})

const reasonIds = Object.keys(reasons) as [Reason, ...Reason[]]
const attachment = z.object({
  id: z.uuid(),
  name: z.string(),
  mediaType: z.string(),
  length: z.int(),
  audience: z.array(z.enum(['ico', 'ncsc'])),
  byHash: z.boolean(),
  /** How many bytes are durable here: where to go on. */
  offset: z.int(),
  state: z.enum(['receiving', 'whole', 'refused', 'filed']),
  sha256: z.string().optional(),
  reason: z.enum(reasonIds).optional(),
  createdAt: z.iso.datetime(),
  submissions: z.array(z.object({ to: z.enum(['ico', 'ncsc']), envelope: z.uuid(), receipt: z.string().nullable() })),
})
type Shown = z.infer<typeof attachment>

export type PortalDeps = UploadDeps & { poke: () => void }

/** How an organisation sends files in. Bytes are read only once it is known whose they are. */
export function portalApi(deps: PortalDeps): Endpoint[] {
  return [...ofIncident(deps), ...ofAttachment(deps, oneAtATime(deps))]
}

function ofIncident(deps: PortalDeps): Endpoint[] {
  return [
    endpoint({
      method: 'POST',
      path: '/incidents/:id/attachments',
      summary: 'Announces a file; its bytes follow in pieces of any size up to `chunk`. Or names it by its hash alone',
      who: 'signed-in',
      status: 201,
      body: announced,
      reply: z.object({ id: z.uuid(), offset: z.int(), chunk: z.int() }),
      handle: async ({ params, body, ctx }) => ({ id: await announce(deps, params['id']!, body, ctx), offset: 0, chunk: LONGEST_PIECE }),
    }),
    endpoint({
      method: 'GET',
      path: '/incidents/:id/attachments',
      summary: 'The attachments of an incident, and how far each came',
      who: 'signed-in',
      reply: z.object({ attachments: z.array(attachment) }),
      handle: async ({ params, ctx }) => ({ attachments: await attachmentsOf(deps, params['id']!, ctx) }),
    }),
  ]
}

function ofAttachment(deps: PortalDeps, alone: Alone): Endpoint[] {
  return [
    endpoint({
      method: 'PUT',
      path: '/attachments/:id/:offset',
      summary: 'Takes the bytes from an offset on; what it answers with is durable. 409 offset-differs names the offset to go on from',
      who: 'signed-in',
      body: octetStream,
      reply: attachment,
      handle: ({ params, body, ctx }) =>
        alone(params['id']!, ctx, async (id) => {
          await receivePiece(deps, { id, offset: readOffset(params['offset']!), body }, ctx)
          return shownById(deps, id, ctx)
        }),
    }),
    endpoint({
      method: 'GET',
      path: '/attachments/:id',
      summary: 'How far an attachment came',
      who: 'signed-in',
      reply: attachment,
      handle: ({ params, ctx }) => shownById(deps, params['id']!, ctx),
    }),
    endpoint({
      method: 'DELETE',
      path: '/attachments/:id',
      summary: 'Takes an attachment back before it is filed',
      who: 'signed-in',
      reply: z.object({ id: z.uuid() }),
      handle: ({ params, ctx }) =>
        alone(params['id']!, ctx, async (id) => {
          await dropUpload(deps, id, ctx)
          return { id }
        }),
    }),
    endpoint({
      method: 'POST',
      path: '/attachments/:id/submission',
      summary: 'Files an attachment that is whole; 202 while a receipt is still on its way. Again, it files nothing twice',
      who: 'signed-in',
      status: 201,
      reply: attachment,
      handle: ({ params, ctx }) => alone(params['id']!, ctx, (id) => submit(deps, id, ctx)),
    }),
  ]
}

async function submit(deps: PortalDeps, id: string, ctx: Ctx): Promise<Reply<Shown>> {
  await finishIfThere(deps, await uploadFor(deps.db, id, 'file', ctx), ctx)
  await transact(deps.db, (tx) => submitAttachment(tx, id, deps.folders, ctx))
  deps.poke()
  const shown = await shownById(deps, id, ctx)
  return new Reply(shown.submissions.every(({ receipt }) => receipt !== null) ? 201 : 202, shown)
}

type Alone = <T>(id: string, ctx: Ctx, work: (id: string) => Promise<T>) => Promise<T>

/** Two that write one file at once would tear it. There is one desk process a portal; across two, the row tells the second that it lost. */
function oneAtATime({ db }: PortalDeps): Alone {
  const busy = new Set<string>()
  return async (id, ctx, work) => {
    if (busy.has(id)) throw offsetDiffers((await uploadFor(db, id, 'file', ctx)).row.received)
    busy.add(id)
    return work(id).finally(() => busy.delete(id))
  }
}

async function attachmentsOf(deps: UploadDeps, incidentId: string, ctx: Ctx): Promise<Shown[]> {
  const { id, owner } = await incidentForActor(deps.db, incidentId, ctx)
  const rows = await uploadsOfIncident(deps.db, id)
  return Promise.all(rows.map((row) => shown(deps, { row, owner })))
}

async function shownById(deps: UploadDeps, id: string, ctx: Ctx): Promise<Shown> {
  return shown(deps, await uploadFor(deps.db, id, 'read', ctx))
}

async function shown({ db, folders }: UploadDeps, owned: Owned): Promise<Shown> {
  const { row } = owned
  const [{ name, mediaType }, outcome, sends] = [
    await aboutOf(owned, folders),
    await outcomeOf(owned, folders),
    await sendsOfUpload(db, row.id),
  ]
  const receipts = await receiptsFor(
    db,
    sends.map(({ record }) => record),
  )
  return {
    id: row.id,
    name,
    mediaType,
    length: row.length,
    audience: row.audience,
    byHash: row.by_hash,
    offset: row.received,
    state: row.state as Shown['state'],
    ...(outcome && ('reason' in outcome ? { reason: outcome.reason } : { sha256: outcome.sha256 })),
    createdAt: instant(row.created_at),
    submissions: sends.map(({ record, recipient: to }) => ({ to, envelope: record, receipt: receipts.get(record)?.statement ?? null })),
  }
}
