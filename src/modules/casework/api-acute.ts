import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import { transact, type Db } from '#platform/db'
import type { AuthorityId } from '#exchange'
import { acuteOf, endAcute, markAcute } from './acute.ts'
import { rights } from './rights.ts'

const acute = z.object({ until: z.iso.datetime(), why: z.string(), by: z.string(), role: z.string(), at: z.iso.datetime() })

/** [incident-response-breathing-space] The acute phase of a case, as people mark it. */
export function acuteApi({ db, node }: { db: Db; node: AuthorityId }): Endpoint[] {
  return [
    endpoint({
      method: 'POST',
      path: '/cases/:id/acute',
      summary: 'Marks the case as in its acute phase until then: the organisation is not asked for permissions meanwhile. No clock stops',
      who: rights[node].acute,
      status: 201,
      body: z.strictObject({ until: z.string(), why: z.string() }),
      reply: z.object({ acute }),
      handle: async ({ params, body, ctx }) => ({
        acute: await transact(db, (tx) => markAcute(tx, { case: params['id']!, node, ...body }, ctx)),
      }),
    }),
    endpoint({
      method: 'POST',
      path: '/cases/:id/acute/end',
      summary: 'Says that the acute phase is over before its time',
      who: rights[node].acute,
      body: z.strictObject({ why: z.string() }),
      reply: z.object({ acute: z.null() }),
      handle: async ({ params, body, ctx }) => {
        await transact(db, (tx) => endAcute(tx, { case: params['id']!, node, why: body.why }, ctx))
        return { acute: null }
      },
    }),
    endpoint({
      method: 'GET',
      path: '/cases/:id/acute',
      summary: 'Whether the case is in its acute phase, until when, and who said so',
      who: rights[node].read,
      reply: z.object({ acute: acute.nullable() }),
      handle: async ({ params, ctx }) => ({ acute: (await acuteOf(db, { case: params['id']!, node }, ctx)) ?? null }),
    }),
  ]
}
