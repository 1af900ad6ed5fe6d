import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import { transact, type Db } from '#platform/db'
import { Refusal } from '#platform/errors'
import { isUuid } from '#platform/ids'
import type { FolderKeys } from '#reporting'
import { call, confirm, listRequests, mustBeApart, refuse, requestStateNames, type ToCall } from './calling.ts'
import { suspend } from './suspending.ts'

export type SenderDeps = { db: Db; folders: FolderKeys; poke: () => void }

const officer = ['enrolment-officer'] as const

const request = z.object({
  id: z.string(),
  state: z.enum(requestStateNames),
  organisation: z.object({ id: z.string(), name: z.string(), identifiers: z.array(z.object({ scheme: z.string(), id: z.string() })) }),
  kid: z.string(),
  ceremony: z.enum(['call-back', 'countersigned', 'notice', 'recovery']),
  fingerprintWords: z.array(z.string()),
  askedAt: z.string(),
  dueAt: z.string(),
})

export function senderApi(deps: SenderDeps): Endpoint[] {
  const { db, folders, poke } = deps
  const decided = async (id: string): Promise<ToCall> => {
    poke()
    return (await listRequests(db)).find((one) => one.id === id)!
  }
  return [
    endpoint({
      method: 'GET',
      path: '/enrolments',
      who: officer,
      summary: 'Keys that organisations ask to have enrolled, newest first',
      reply: z.object({ requests: z.array(request) }),
      handle: async () => ({ requests: await listRequests(db) }),
    }),
    endpoint({
      method: 'POST',
      path: '/enrolments/:id/call',
      who: officer,
      stepUp: true,
      status: 201,
      summary: 'Record the call to a number from a public register; the key is then signed for when it is due',
      body: call,
      reply: request,
      handle: async ({ params, body, ctx }) => {
        await transact(db, (tx) => confirm(tx, known(params['id']), body, folders, ctx))
        return decided(params['id']!)
      },
    }),
    endpoint({
      method: 'POST',
      path: '/enrolments/:id/refusal',
      who: officer,
      status: 201,
      summary: 'Refuse a key, with the reason the organisation will read',
      body: z.strictObject({ reason: z.string().trim().min(1).max(2000) }),
      reply: request,
      handle: async ({ params, body, ctx }) => {
        await transact(db, (tx) => refuse(tx, known(params['id']), body.reason, folders, ctx))
        return decided(params['id']!)
      },
    }),
    suspensionEndpoint(deps),
  ]
}

const telephoned = z.strictObject({
  organisation: z.uuid(),
  since: z.iso.datetime({ offset: true }),
  reason: z.string().trim().min(1).max(2000),
  caller: z.string().trim().min(1).max(200),
})

function suspensionEndpoint({ db, folders, poke }: SenderDeps): Endpoint {
  return endpoint({
    method: 'POST',
    path: '/enrolments/:kid/suspension',
    who: officer,
    status: 201,
    summary: 'Suspend a key because the organisation telephoned: what it signed since permits nothing any more',
    body: telephoned,
    reply: z.object({ id: z.string() }),
    handle: async ({ params, body, ctx }) => {
      const id = await transact(db, async (tx) => {
        await mustBeApart(tx, body.organisation, ctx)
        return suspend(tx, suspensionOf(params['kid']!, body), { node: 'ncsc', folders }, ctx)
      })
      poke()
      return { id }
    },
  })
}

function suspensionOf(kid: string, { organisation, since, reason, caller }: z.infer<typeof telephoned>) {
  return { organisation, kid, since: new Date(since), by: 'telephone' as const, reason: `${reason} (told by telephone: ${caller})` }
}

/** An id that can be none is nobody's, like one that is not there. */
function known(id: string | undefined): string {
  if (!isUuid(id ?? '')) throw new Refusal('not-found')
  return id!
}
