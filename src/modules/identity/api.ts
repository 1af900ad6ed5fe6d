import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import { instant } from '#platform/clock'
import { transact, type Db } from '#platform/db'
import { addColleague, listColleagues, removeColleague } from './colleagues.ts'
import type { FolderSeal } from './folder-names.ts'
import { mandateStates, scopes } from './mandate.ts'
import { giveMandate, mandatesOf, revokeMandate, type Mandate } from './mandates.ts'
import { changeProfile, ownOrganisation } from './organisations.ts'
import { sectors, sizeBands } from './profile.ts'
import { rights } from './rights.ts'
import { colleagueRoles } from './roles.ts'

/** Where organisations are at home: the portal. */
export type IdentityDeps = { db: Db; folders: FolderSeal }

export function api(deps: IdentityDeps): Endpoint[] {
  return [...colleaguesApi(deps), ...mandatesApi(deps), ...organisationApi(deps)]
}

const colleague = z.object({
  id: z.uuid(),
  name: z.string(),
  roles: z.array(z.string()),
  since: z.iso.datetime().optional(),
  you: z.literal(true).optional(),
})

function colleaguesApi({ db, folders }: IdentityDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/colleagues',
      summary: 'Who else belongs to your organisation, or holds a token of your folder',
      who: rights.seeColleagues,
      reply: z.object({ colleagues: z.array(colleague) }),
      handle: async ({ ctx }) => {
        const all = await listColleagues(db, folders, ctx)
        return { colleagues: all.map(({ since, ...one }) => ({ ...one, ...(since && { since: instant(since) }) })) }
      },
    }),
    endpoint({
      method: 'POST',
      path: '/colleagues',
      summary: 'Lets somebody more in, with a token that is shown this once; never as a signatory',
      who: rights.keepColleagues,
      stepUp: true,
      status: 201,
      body: z.strictObject({ name: z.string(), role: z.enum(colleagueRoles) }),
      reply: z.object({ id: z.uuid(), token: z.string() }),
      handle: ({ body, ctx }) => transact(db, (tx) => addColleague(tx, body, folders, ctx)),
    }),
    endpoint({
      method: 'DELETE',
      path: '/colleagues/:id',
      summary: 'Somebody leaves: their tokens and sessions open nothing from now on. Not oneself; a signatory only by a signatory',
      who: rights.keepColleagues,
      reply: z.object({ id: z.uuid() }),
      handle: async ({ params, ctx }) => {
        await transact(db, (tx) => removeColleague(tx, params['id']!, folders, ctx))
        return { id: params['id']! }
      },
    }),
  ]
}

const mandate = z.object({
  id: z.uuid(),
  organisation: z.object({ id: z.uuid(), name: z.string() }),
  agent: z.object({ name: z.string(), organisation: z.string().optional() }),
  scope: z.array(z.enum(scopes)),
  from: z.iso.datetime(),
  until: z.iso.datetime(),
  givenBy: z.string(),
  givenAt: z.iso.datetime(),
  state: z.enum(mandateStates),
  revokedAt: z.iso.datetime().optional(),
  revokedBy: z.string().optional(),
})

const newMandate = z.strictObject({
  agent: z.string().max(100).meta({ description: 'The code the agent told you: GET /mandates shows it to the agent.' }),
  scope: z.array(z.enum(scopes)).refine((all) => all.includes('read'), 'Whoever files must be able to read: add "read"'),
  from: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }),
})

function mandatesApi({ db }: IdentityDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/mandates',
      summary: 'Mandates your organisation gave, those you hold, and the code you tell a client as an agent',
      who: rights.seeMandates,
      reply: z.object({ code: z.string(), given: z.array(mandate), held: z.array(mandate) }),
      handle: async ({ ctx }) => {
        const { code, given, held } = await mandatesOf(db, ctx)
        return { code, given: given.map(shown), held: held.map(shown) }
      },
    }),
    endpoint({
      method: 'POST',
      path: '/mandates',
      summary: 'Lets an agent act for your organisation until a day: they never sign, invite or mandate for it',
      who: rights.giveMandates,
      stepUp: true,
      status: 201,
      body: newMandate,
      reply: mandate,
      handle: async ({ body: { from, until, ...rest }, ctx }) => {
        const input = { ...rest, until: new Date(until), ...(from !== undefined && { from: new Date(from) }) }
        return shown(await transact(db, (tx) => giveMandate(tx, input, ctx)))
      },
    }),
    endpoint({
      method: 'DELETE',
      path: '/mandates/:id',
      summary: 'Ends a mandate at once: by the client, or by the agent who gives it up',
      who: rights.seeMandates,
      reply: mandate,
      handle: async ({ params, ctx }) => shown(await transact(db, (tx) => revokeMandate(tx, params['id']!, ctx))),
    }),
  ]
}

function shown({ from, until, givenAt, revokedAt, ...rest }: Mandate): z.infer<typeof mandate> {
  const times = {
    from: instant(from),
    until: instant(until),
    givenAt: instant(givenAt),
    ...(revokedAt && { revokedAt: instant(revokedAt) }),
  }
  return { ...rest, ...times }
}

const identifier = z.strictObject({ scheme: z.string(), id: z.string() })
const organisation = z.object({
  id: z.uuid(),
  name: z.string(),
  identifiers: z.array(identifier),
  sector: z.string().optional(),
  sizeBand: z.string().optional(),
  verified: z.boolean(),
})

function organisationApi({ db }: IdentityDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/organisation',
      summary: 'The organisation you belong to, or act for',
      who: rights.seeProfile,
      reply: organisation,
      handle: ({ ctx }) => ownOrganisation(db, ctx),
    }),
    endpoint({
      method: 'PUT',
      path: '/organisation',
      summary:
        'Sector (the ICO\u2019s list) and size; what is left out stays. The name, and numbers that were proved, change only by proof',
      who: rights.keepProfile,
      body: z.strictObject({
        sector: z.enum(sectors).optional(),
        sizeBand: z.enum(sizeBands).optional(),
        identifiers: z.array(identifier).max(20).optional(),
      }),
      reply: organisation,
      handle: ({ body, ctx }) => transact(db, (tx) => changeProfile(tx, body, ctx)),
    }),
  ]
}
