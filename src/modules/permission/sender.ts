import { z } from 'zod'
import { canonical, parseCanonical } from '#platform/canonical'
import { fromInstant, SKEW } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import type { Arrived, Inbound, ItemRef, MessageRecord, Outbound, ShownItem, Trust } from '#exchange'
import type { AgreementFile } from '#agreement'
import { caseByReference, itemsForDisclosure, itemsNamed, questionsOf, type ItemForDisclosure } from '#casework'
import { narrow } from './ending.ts'
import { heldById, withdrawnBefore } from './ending-store.ts'
import { declinedById, insertOffer, offerById } from './offer-store.ts'
import {
  checkPermission,
  keyCountsAt,
  readClaims,
  signedPermission,
  takesPlaceOf,
  type Permission,
  type SignedPermission,
} from './permission.ts'
import { mustBeSignedByTwo } from './second.ts'
import { askedById, closeAsked, insertHeld } from './store.ts'
import { mustNotBeSuspended } from './suspending.ts'
import { insertSecond } from './suspension-store.ts'

const CLAUSE = 'consent-before-disclosure'

/** The request an officer made, with the exact words that would be sent, for the organisation to read before it signs. */
export const prepareRequest: Outbound = async (tx, request) => {
  const asked = await askedById(tx, request.id)
  if (!asked) throw new Refusal('not-found')
  const items = await itemsForDisclosure(tx, asked.case_id, asked.items)
  // Whoever is asked reads the words: they are shown to nobody they did not come from, whatever a desk wrote.
  if (!items.every((item) => item.origins.includes(asked.organisation))) throw new Refusal('not-found')
  const words = items.map(wordsOf)
  const { reference } = request.body as { reference: string }
  return {
    clause: CLAUSE,
    members: {
      organisation: asked.organisation,
      reference,
      recipient: asked.recipient,
      purpose: asked.purpose,
      until: asked.until.toISOString(),
      items: items.map(({ id, commitment }) => ({ id, commitment })),
      ...(asked.offer !== null && { offer: asked.offer }),
    },
    payload: Buffer.from(canonical({ reason: asked.reason, items: words })),
    chain: asked.organisation,
  }
}

/** What was sealed past the portal stays so: its reporter has what opens it. */
function wordsOf({ id, question, value, salt, commitment, sealed }: ItemForDisclosure): ShownItem {
  return sealed ? { id, commitment } : { id, question, value, salt }
}

/** What the recipient asked the organisation, in its words: docs/formats/statement.md. */
const question = z.strictObject({
  text: z.string().min(1).max(20_000),
  about: z.string().optional(),
  neededBy: z.string().optional(),
  urgent: z.literal(true).optional(),
})

/**
 * Keeps what an organisation started: items that it says may go, each its own and known here by these very words, or a question that this
 * body may answer for it. Nothing is permitted by it.
 */
export function keepOffer({ purposes }: AgreementFile): Inbound {
  return async (tx, { record, payload }, queue, ctx) => {
    const organisation = record.organisation!
    const found = await caseByReference(tx, record['reference'] as string)
    if (found?.organisation !== organisation) throw new Refusal('not-found')
    const { recipient, purpose, until, enquiry, narrows } = record as MessageRecord & OfferMembers
    if (recipient !== 'ico' || !purposes.some(({ id }) => id === purpose)) throw new Refusal('flow-not-allowed')
    const items = record.items!
    if ((enquiry === undefined) !== items.length > 0 || (enquiry === undefined) !== (payload.length === 0))
      throw new Refusal('envelope-invalid')
    const asked = enquiry === undefined ? null : canonical(question.parse(parseCanonical(Buffer.from(payload).toString('utf8'))))
    await mustBeItsOwn(tx, organisation, items)
    await insertOffer(tx, {
      ...{ id: record.id, case_id: found.id, organisation, recipient, purpose, until: fromInstant(until), question: asked },
      ...{ items: items.map(({ id }) => id), narrows: narrows ?? null, received_at: ctx.now() },
    })
    const answer = { organisation, for: record.id, about: 'offer', state: 'accepted', items }
    await queue(tx, 'portal', 'receipt', { clause: CLAUSE, members: answer, chain: organisation }, ctx)
  }
}

type OfferMembers = { recipient: string; purpose: string; until: string; enquiry?: string; narrows?: string }

async function mustBeItsOwn(tx: Tx, organisation: string, items: ItemRef[]): Promise<void> {
  const known = new Map(
    (
      await itemsNamed(
        tx,
        items.map(({ id }) => id),
      )
    ).map((item) => [item.id, item]),
  )
  const own = items.every(({ id, commitment }) => known.get(id)?.commitment === commitment && known.get(id)!.origins.includes(organisation))
  if (!own || new Set(items.map(({ id }) => id)).size !== items.length) throw new Refusal('not-found')
}

/** An officer's no to an offer. The organisation is told that, and no more: the reason stays here. */
export const prepareDecline: Outbound = async (tx, request) => {
  if (request.to !== 'portal') throw new Refusal('flow-not-allowed', { clause: CLAUSE })
  const declined = await declinedById(tx, request.id)
  const offer = declined && (await offerById(tx, declined.offer))
  if (!offer) throw new Refusal('not-found')
  const answer = { organisation: offer.organisation, for: offer.id, about: 'offer', state: 'refused', code: 'not-necessary', items: [] }
  return { clause: CLAUSE, members: answer, chain: offer.organisation }
}

/** Keeps a permission that holds and answers with a receipt; anything else is refused and not kept. */
export function keepPermission(trust: Trust, agreement: AgreementFile): Inbound {
  return async (tx, arrived, queue, ctx) => {
    const { record, payload } = arrived
    const signed = signedPermission.safeParse(parseCanonical(Buffer.from(payload).toString('utf8'))).data
    if (!signed) throw new Refusal('permission-invalid')
    const permission = checkPermission(signed, trust)
    mustCountNow(arrived, permission)
    await mustNotBeSuspended(tx, permission, arrived.logTime)
    mustBeSignedByTwo(
      agreement,
      permission,
      await questionsOf(
        tx,
        permission.items.map(({ id }) => id),
      ),
    )
    await mustBeAnswer(tx, permission, agreement)
    const narrows = (record['narrows'] as string | undefined) ?? null
    if (narrows !== null) await mustTakeItsPlace(tx, permission, narrows)
    const { claims, items } = permission
    // Its withdrawal may have overtaken it on the way.
    const withdrawn = await withdrawnBefore(tx, claims.jti, claims.iss)
    await hold(tx, { record, signed, permission, narrows, withdrawn }, ctx)
    const told = { organisation: claims.iss, for: record.id, about: 'permission', state: 'accepted', items, permission: claims.jti }
    await queue(tx, 'portal', 'receipt', { clause: CLAUSE, members: told, chain: claims.iss }, ctx)
    if (narrows !== null) await narrow(tx, { record: record.id, permission: narrows, by: claims.jti, organisation: claims.iss }, ctx)
  }
}

function mustCountNow({ record, logTime }: Arrived, permission: Permission): void {
  const { claims } = permission
  if (claims.iss !== record.organisation || claims.jti !== record['permission'] || claims.agreement.hash !== record.agreement.hash)
    throw new Refusal('permission-invalid')
  if (logTime.getTime() >= claims.exp * 1000) throw new Refusal('permission-expired')
  if (logTime.getTime() < claims.nbf * 1000 - SKEW || !keyCountsAt(permission, logTime)) throw new Refusal('permission-invalid')
}

type Answered = { organisation: string; items: string[]; purpose: string; recipient: string }

/** Only what was asked of this organisation, or what it offered itself, can be granted; a permission for somebody else's request is nobody's. */
async function mustBeAnswer(tx: Tx, { claims, items, purpose }: Permission, agreement: AgreementFile): Promise<void> {
  const answered: Answered | undefined = (await askedById(tx, claims.request)) ?? (await offerById(tx, claims.request))
  const [{ to, conditions }] = claims.authorization_details
  const fits = answered?.organisation === claims.iss && answered.purpose === purpose && answered.recipient === to
  if (!fits || items.some((item) => !answered.items.includes(item.id))) throw new Refusal('permission-invalid')
  const known = agreement.conditions.map(({ id }) => id)
  const binding = agreement.conditions.filter(({ always }) => always).map(({ id }) => id)
  if (!conditions.every((one) => known.includes(one)) || !binding.every((one) => conditions.includes(one)))
    throw new Refusal('permission-invalid')
}

/** The offer that it answers says the same of what it narrows: neither the signed claims nor the recipient know. */
async function mustTakeItsPlace(tx: Tx, { claims }: Permission, narrows: string): Promise<void> {
  const earlier = await heldById(tx, narrows)
  const offer = await offerById(tx, claims.request)
  if (!earlier || offer?.narrows !== narrows || !takesPlaceOf(claims, readClaims(earlier.permission)))
    throw new Refusal('permission-invalid')
  if (earlier.withdrawn_at) throw new Refusal('permission-withdrawn')
}

type ToHold = { record: MessageRecord; signed: SignedPermission; permission: Permission; narrows: string | null; withdrawn: Date | null }

async function hold(tx: Tx, { record, signed, permission, narrows, withdrawn }: ToHold, ctx: Ctx): Promise<void> {
  const { claims, items, purpose } = permission
  const row = {
    id: claims.jti,
    organisation: claims.iss,
    recipient: claims.authorization_details[0].to,
    purpose,
    begins: new Date(claims.nbf * 1000),
    ends: new Date(claims.exp * 1000),
    permission: signed.permission,
    enrolment: signed.enrolment,
    withdrawn_at: withdrawn,
  }
  if (!(await insertHeld(tx, { ...row, record: record.id, received_at: ctx.now(), narrows }, items))) throw new Refusal('already-done')
  if (signed.second) await insertSecond(tx, claims.jti, signed.second)
  await closeAsked(tx, claims.request, 'granted')
}

/** The organisation said no. The request is closed for good; nobody else learns of it. */
export const keepRefusal: Inbound = async (tx, { record }, queue, ctx) => {
  const asked = await askedById(tx, record['request'] as string)
  if (!asked || asked.organisation !== record.organisation) throw new Refusal('not-found')
  await closeAsked(tx, asked.id, 'refused')
  await queue(
    tx,
    'portal',
    'receipt',
    {
      clause: CLAUSE,
      members: { organisation: asked.organisation, for: record.id, about: 'refusal', state: 'accepted', items: [] },
      chain: asked.organisation,
    },
    ctx,
  )
}
