import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import { instant } from '#platform/clock'
import { tokenScopes } from '#platform/context'
import { transact, type Db } from '#platform/db'
import { makeToken, listTokens, revokeToken, type OrganisationSeal } from './tokens.ts'

const scopes = z
  .array(z.enum(tokenScopes))
  .min(1)
  .meta({ description: 'read: see. file: change. act: sign, release, approve, make tokens. One does not bring another.' })
const newToken = z.strictObject({
  name: z.string(),
  scopes,
  roles: z.array(z.string().max(50)).min(1).max(20).optional().meta({ description: 'Some of your own; left out, all of them.' }),
  expires: z.iso.datetime({ offset: true }).meta({ description: 'A year from now at most.' }),
})
const token = z.object({
  id: z.uuid(),
  name: z.string().optional(),
  scopes: z.array(z.enum(tokenScopes)),
  roles: z.array(z.string()).optional(),
  createdAt: z.iso.datetime(),
  expires: z.iso.datetime(),
  lastUsed: z.iso.date().optional(),
})

/** Everybody's own. Whoever holds a folder's token, or acts under a mandate, is refused within. */
export function tokensApi({ db, seal }: { db: Db; seal?: OrganisationSeal }): Endpoint[] {
  return [
    endpoint({
      method: 'POST',
      path: '/tokens',
      summary: 'A token of your own for a script, shown this once: for what you say, until when you say',
      who: 'signed-in',
      stepUp: true,
      status: 201,
      body: newToken,
      reply: z.object({ id: z.uuid(), token: z.string(), expires: z.iso.datetime() }),
      handle: async ({ body: { roles, expires, ...rest }, ctx, credential }) => {
        const input = { ...rest, expires: new Date(expires), ...(roles && { roles }) }
        const made = await transact(db, (tx) => makeToken(tx, input, { credential: credential!, seal }, ctx))
        return { ...made, expires: instant(made.expires) }
      },
    }),
    endpoint({
      method: 'GET',
      path: '/tokens',
      summary: 'Your tokens that hold, with the day each was last used; one without a name was handed to you',
      who: 'signed-in',
      reply: z.object({ tokens: z.array(token) }),
      handle: async ({ ctx }) => ({
        tokens: (await listTokens(db, seal, ctx)).map(({ createdAt, expires, ...one }) => ({
          ...one,
          createdAt: instant(createdAt),
          expires: instant(expires),
        })),
      }),
    }),
    endpoint({
      method: 'DELETE',
      path: '/tokens/:id',
      summary: 'Ends one of your tokens at once, and every token that was made with it',
      who: 'signed-in',
      reply: z.object({ id: z.uuid() }),
      handle: async ({ params, ctx }) => {
        await transact(db, (tx) => revokeToken(tx, params['id']!, ctx))
        return { id: params['id']! }
      },
    }),
  ]
}
