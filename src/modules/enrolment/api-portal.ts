import { z } from 'zod'
import { endpoint, Reply, type Endpoint } from '#platform/api'
import { fromB64u } from '#platform/bytes'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import { transact, type Db } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { isUuid } from '#platform/ids'
import { waitFor, type Trust } from '#exchange'
import { formOf, keyId, keyOfCose, passkeyForm, publicKeyOf, type SigningJwk } from '#permission'
import type { FolderKeys } from '#reporting'
import { ask, type Wish } from './portal.ts'
import { listKeys, states, type Standing } from './standing.ts'
import { suspend } from './suspending.ts'
import { addContact, listContacts, listNotices, recordAttempt } from './telling.ts'

export type PortalDeps = { db: Db; trust: Trust; folders: FolderKeys; origin: string; waitMilliseconds: number; poke: () => void }

/** The organisation's own people. Whoever acts for it under a mandate never signs, and so neither enrols nor suspends. */
const members = ['reporter', 'signatory', 'dpo', 'counsel', 'client-contact'] as const
/** Who may speak for the organisation about its keys. */
const keepers = ['reporter', 'signatory', 'dpo', 'counsel'] as const

const standing = z.object({
  id: z.string().optional(),
  kid: z.string(),
  state: z.enum(states),
  fingerprintWords: z.array(z.string()).meta({ description: 'Read these out when the key is called back.' }),
  person: z.string().optional(),
  ceremony: z.string().optional(),
  askedAt: z.string().optional(),
  from: z.string().optional(),
  suspendedSince: z.string().optional(),
  reason: z.string().optional(),
  notices: z.array(z.object({ channel: z.string(), told: z.boolean() })),
})

const passkey = z.strictObject({
  credentialId: z.string().max(2000),
  publicKey: z.string().max(1000),
  rpId: z.string(),
  origin: z.string(),
})
const wish = z.strictObject({
  kid: z.string().optional(),
  key: z.looseObject({ kty: z.string(), crv: z.string(), x: z.string() }).optional(),
  passkey: passkey.optional(),
  for: z.literal('signatory').optional(),
  countersignature: z.union([z.string().max(20_000), passkeyForm]).optional(),
  recovers: z.boolean().optional(),
})

export function portalApi(deps: PortalDeps): Endpoint[] {
  return [...keysApi(deps), ...contactsApi(deps), ...noticesApi(deps)]
}

function keysApi(deps: PortalDeps): Endpoint[] {
  const { db, folders } = deps
  return [
    endpoint({
      method: 'POST',
      path: '/enrolments',
      who: members,
      stepUp: true,
      status: 201,
      summary: 'Ask for a signing key of your own to be enrolled: it counts only when the NCSC and the portal have both signed for it',
      body: wish,
      reply: standing,
      handle: async ({ body, ctx }) => {
        const id = await transact(db, (tx) => ask(tx, readWish(body, deps.origin), deps.trust, ctx))
        deps.poke()
        return asked(deps, id, body.countersignature !== undefined, ctx)
      },
    }),
    endpoint({
      method: 'GET',
      path: '/enrolments',
      who: members,
      summary: 'Your organisation\u2019s signing keys, and those that were asked for',
      reply: z.object({
        enrolments: z.array(standing),
        countersign: z.object({ iss: z.string(), deployment: z.string() }).meta({
          description:
            'To let a key in, sign these with `key` (its kid) and `iat`, as concordat-countersignature+jws: concordat sign does it.',
        }),
      }),
      handle: async ({ ctx }) => ({
        enrolments: await listKeys(db, folders, ctx),
        countersign: { iss: ctx.actor.organisation!, deployment: deps.trust.deployment },
      }),
    }),
    endpoint({
      method: 'GET',
      path: '/enrolments/:id',
      who: members,
      summary: 'How a key stands',
      reply: standing,
      handle: ({ params, ctx }) => own(deps, (one) => one.id === params['id'], ctx),
    }),
    endpoint({
      method: 'POST',
      path: '/enrolments/:kid/suspension',
      who: keepers,
      status: 201,
      summary:
        'Suspend a key since a time, or stop one that is asked for: it never counts again, nor does what it signed since, nor any key it let in',
      body: z.strictObject({ since: z.iso.datetime({ offset: true }), reason: z.string().trim().min(1).max(2000) }),
      reply: standing,
      handle: async ({ params, body, ctx }) => {
        const { kid } = await own(deps, (one) => one.kid === params['kid'], ctx)
        const suspension = { organisation: ctx.actor.organisation!, kid, since: new Date(body.since), reason: body.reason }
        await transact(db, (tx) => suspend(tx, { ...suspension, by: 'session' }, { node: 'portal', folders }, ctx))
        deps.poke()
        return own(deps, (one) => one.kid === kid, ctx)
      },
    }),
  ]
}

/** A key that another lets in counts as soon as both houses have signed: a moment is waited for that. */
async function asked(deps: PortalDeps, id: string, atOnce: boolean, ctx: Ctx): Promise<Reply<Standing>> {
  const look = async () => {
    const found = await own(deps, (one) => one.id === id, ctx)
    return found.state === 'waiting-for-signatures' ? undefined : found
  }
  const settled = atOnce ? await waitFor(look, deps.waitMilliseconds) : await look()
  return settled ? new Reply(201, settled) : new Reply(202, await own(deps, (one) => one.id === id, ctx))
}

async function own({ db, folders }: PortalDeps, is: (one: Standing) => boolean, ctx: Ctx): Promise<Standing> {
  const found = (await listKeys(db, folders, ctx)).find(is)
  if (!found) throw new Refusal('not-found')
  return found
}

function readWish(body: z.infer<typeof wish>, origin: string): Wish {
  const rpId = new URL(origin).hostname
  if ((body.key === undefined) === (body.passkey === undefined)) throw invalid({ field: 'key', message: 'Give a public key or a passkey' })
  const key = body.passkey ? keyOfPasskey(body.passkey, { rpId, origin }) : keyOfJwk(body.key!)
  const kid = keyId(key)
  if (body.kid !== undefined && body.kid !== kid)
    throw invalid({ field: 'kid', message: 'This is not the thumbprint of the key (RFC 7638)' })
  return {
    kid,
    key,
    ...(body.passkey && { passkey: { credentialId: body.passkey.credentialId } }),
    rpId,
    origin,
    recovers: body.recovers === true,
    ...(body.countersignature !== undefined && { countersignature: formOf(body.countersignature) }),
  }
}

/** A private key has no business here: it is refused, and with it the key, which is no secret any more. */
function keyOfJwk(given: NonNullable<z.infer<typeof wish>['key']>): SigningJwk {
  if ('d' in given)
    throw invalid({ field: 'key', message: 'This is a private key. Do not use it any more; make another and give its public part' })
  const { kty, crv, x } = given
  if (kty !== 'OKP' || crv !== 'Ed25519') throw invalid({ field: 'key', message: 'Give an Ed25519 public key (RFC 8037)' })
  return usable({ kty, crv, x }, 'key')
}

function keyOfPasskey(given: z.infer<typeof passkey>, here: { rpId: string; origin: string }): SigningJwk {
  if (given.rpId !== here.rpId || given.origin !== here.origin)
    throw invalid({ field: 'passkey', message: `This passkey was made for another page than ${here.origin}` })
  try {
    fromB64u(given.credentialId)
    return usable(keyOfCose(fromB64u(given.publicKey)), 'passkey')
  } catch {
    throw invalid({ field: 'passkey', message: 'Give a passkey with an ES256 or Ed25519 key, its parts in base64url' })
  }
}

function usable(key: SigningJwk, field: string): SigningJwk {
  try {
    publicKeyOf(key)
    return key
  } catch {
    throw invalid({ field, message: 'This is not a public key' })
  }
}

const contact = z.object({
  id: z.string(),
  channel: z.enum(['telephone', 'letter']),
  contact: z.string(),
  addedAt: z.string(),
  seenByOperator: z.array(z.string()),
})

function contactsApi({ db, folders }: PortalDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/contacts',
      who: members,
      summary: 'Who is told by telephone or letter when a signing key is asked for, and when the operator looked them up',
      reply: z.object({ contacts: z.array(contact) }),
      handle: async ({ ctx }) => ({
        contacts: (await listContacts(db, folders, ctx)).map((one) => ({
          ...one,
          addedAt: instant(one.addedAt),
          seenByOperator: one.seenByOperator.map(instant),
        })),
      }),
    }),
    endpoint({
      method: 'POST',
      path: '/contacts',
      who: keepers,
      stepUp: true,
      status: 201,
      summary: 'Add somebody to be told by telephone or letter. None can be taken away here',
      body: z.strictObject({ channel: z.enum(['telephone', 'letter']), contact: z.string().max(500) }),
      reply: z.object({ id: z.string() }),
      handle: async ({ body, ctx }) => ({ id: await transact(db, (tx) => addContact(tx, body, folders, ctx)) }),
    }),
  ]
}

const notice = z.object({
  id: z.string(),
  organisation: z.string(),
  channel: z.enum(['telephone', 'letter']),
  contact: z.string(),
  fingerprintWords: z.array(z.string()),
  madeAt: z.string(),
})

function noticesApi({ db, folders, poke }: PortalDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/notices',
      who: ['notice-desk'],
      summary: 'Whom to tell that a signing key was asked for. Each contact shown is recorded for its organisation',
      reply: z.object({ notices: z.array(notice) }),
      handle: async ({ ctx }) => ({
        notices: (await transact(db, (tx) => listNotices(tx, folders, ctx))).map((one) => ({ ...one, madeAt: instant(one.madeAt) })),
      }),
    }),
    endpoint({
      method: 'POST',
      path: '/notices/:id',
      who: ['notice-desk'],
      stepUp: true,
      status: 201,
      summary: 'What came of telling somebody; whoever was reached can stop the key',
      body: z.strictObject({
        outcome: z.enum(['reached', 'posted', 'not-reached']),
        spokenTo: z.string().trim().min(1).max(500),
        stop: z.boolean().optional(),
      }),
      reply: z.object({ id: z.string() }),
      handle: async ({ params, body, ctx }) => {
        const id = params['id']!
        if (!isUuid(id)) throw new Refusal('not-found')
        await transact(db, (tx) => recordAttempt(tx, { ...body, notice: id, stop: body.stop === true }, folders, ctx))
        poke()
        return { id }
      },
    }),
  ]
}
