import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import { instant } from '#platform/clock'
import { transact, type Db } from '#platform/db'
import type { NodeName } from '#platform/home'
import { selectAccessEvents, selectStaff } from './account-store.ts'
import { addStaff, giveRoles, inviteAgain, removeStaff } from './administration.ts'
import { rights } from './rights.ts'
import type { OrganisationSeal } from './tokens.ts'
import { tokensApi } from './api-tokens.ts'

/** `seal`: where there is a key for what an organisation's people type. */
export type AccessDeps = { db: Db; node: NodeName; seal?: OrganisationSeal }

/** At every node: its own people, and everybody's own tokens. */
export function accessApi(deps: AccessDeps): Endpoint[] {
  return [...peopleApi(deps), ...logApi(deps), ...tokensApi(deps)]
}

const invited = { invitation: z.string(), expires: z.iso.datetime() }
const person = z.object({
  id: z.uuid(),
  name: z.string(),
  roles: z.array(z.string()),
  since: z.iso.datetime().optional(),
  joined: z.boolean().meta({ description: 'Whether an account at the sign-in provider is theirs.' }),
})
const someRoles = z.array(z.string().max(50)).min(1).max(20)

function peopleApi({ db, node }: AccessDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/people',
      summary: 'This node\u2019s own people, with their roles; people of organisations are not among them',
      who: rights.seePeople,
      reply: z.object({ people: z.array(person) }),
      handle: async () => ({
        people: (await selectStaff(db)).map(({ since, ...one }) => ({ ...one, ...(since && { since: instant(since) }) })),
      }),
    }),
    endpoint({
      method: 'POST',
      path: '/people',
      summary: 'Lets somebody in with roles of this node; the code, shown this once, joins their account when they first sign in',
      who: rights.keepPeople,
      stepUp: true,
      status: 201,
      body: z.strictObject({ name: z.string(), roles: someRoles }),
      reply: z.object({ id: z.uuid(), ...invited }),
      handle: async ({ body, ctx }) => {
        const { expires, ...made } = await transact(db, (tx) => addStaff(tx, body, node, ctx))
        return { ...made, expires: instant(expires) }
      },
    }),
    endpoint({
      method: 'PUT',
      path: '/people/:id/roles',
      summary: 'Gives these roles in place of the ones they have; never one\u2019s own',
      who: rights.keepPeople,
      stepUp: true,
      body: z.strictObject({ roles: someRoles }),
      reply: z.object({ id: z.uuid(), roles: z.array(z.string()) }),
      handle: async ({ params, body: { roles }, ctx }) => {
        await transact(db, (tx) => giveRoles(tx, { person: params['id']!, roles }, node, ctx))
        return { id: params['id']!, roles }
      },
    }),
    endpoint({
      method: 'POST',
      path: '/people/:id/invitation',
      summary: 'Another code, for a first sign-in that was missed or a new account; the account before works until it is used',
      who: rights.keepPeople,
      stepUp: true,
      status: 201,
      reply: z.object(invited),
      handle: async ({ params, ctx }) => {
        const { invitation, expires } = await transact(db, (tx) => inviteAgain(tx, params['id']!, ctx))
        return { invitation, expires: instant(expires) }
      },
    }),
    endpoint({
      method: 'DELETE',
      path: '/people/:id',
      summary: 'Somebody leaves: account, tokens, sessions and codes of theirs show nobody from now on; never oneself',
      who: rights.keepPeople,
      stepUp: true,
      reply: z.object({ id: z.uuid() }),
      handle: async ({ params, ctx }) => {
        await transact(db, (tx) => removeStaff(tx, params['id']!, ctx))
        return { id: params['id']! }
      },
    }),
  ]
}

const MOST_EVENTS = 1000

const event = z.object({
  at: z.iso.datetime(),
  event: z.string(),
  by: z.string(),
  person: z.object({ id: z.uuid(), name: z.string() }).optional(),
  roles: z.array(z.string()).optional(),
})

function logApi({ db }: AccessDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/access-log',
      summary: 'Who let whom in, gave which roles, joined an account, took somebody out: the latest thousand',
      who: rights.seeAccessLog,
      reply: z.object({ events: z.array(event) }),
      handle: async () => ({
        events: (await selectAccessEvents(db, MOST_EVENTS)).map((row) => ({
          at: instant(row.at),
          event: row.event,
          by: row.actor_name ?? row.actor,
          ...(row.person !== null && { person: { id: row.person, name: row.person_name! } }),
          ...(row.roles !== null && { roles: row.roles }),
        })),
      }),
    }),
  ]
}
