import { z } from 'zod'
import type { Bytes } from '#platform/bytes'
import { canonical, parseCanonical } from '#platform/canonical'
import { fromInstant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { NotYet, outcomesOf, shownItemsMatch, type Inbound, type Outbound, type Trust } from '#exchange'
import type { AgreementFile } from '#agreement'
import { incidentOfReference, openFor, sealFor, type FolderKeys, type Owner } from '#reporting'
import { asGiven } from './giving.ts'
import type { Claims } from './permission.ts'
import { insertCall, startById } from './start-store.ts'
import { grantById, insertRequest, requestById } from './store.ts'
import { claimsOffered, wordsOf, type Words } from './words.ts'

const CLAUSE = 'consent-before-disclosure'

const content = z.strictObject({
  reason: z.string(),
  items: z
    .array(
      z.union([
        z.strictObject({ id: z.string(), question: z.string(), value: z.unknown(), salt: z.string() }),
        z.strictObject({ id: z.string(), commitment: z.string() }),
      ]),
    )
    .min(1),
})

/**
 * Keeps a request in the organisation's folder, after checking that the words are the very ones the commitments stand for. Of what was
 * sealed past this portal there are no words, but the commitment alone.
 */
export function keepRequest(keys: FolderKeys, agreement: AgreementFile, trust: Trust): Inbound {
  return async (tx, message, _queue, ctx) => {
    const { record } = message
    const sent = content.parse(parseCanonical(Buffer.from(message.payload).toString('utf8')))
    if (!shownItemsMatch(sent.items, record.items!)) throw new Refusal('envelope-invalid')
    const incident = await incidentOfReference(tx, record.from, record['reference'] as string)
    if (!incident || incident.organisation !== record.organisation) throw new Refusal('not-found')
    const start = await startAnswered(tx, record['offer'] as string | undefined, incident.id)
    const words = wordsOf(sent, record['purpose'] as string, agreement)
    const terms = {
      organisation: record.organisation!,
      recipient: record['recipient'] as string,
      until: fromInstant(record['until'] as string),
      request: record.id,
      items: record.items!,
      agreement: record.agreement,
      deployment: trust.deployment,
      words,
    }
    const offered = claimsOffered(terms, agreement, { now: ctx.now(), jti: ctx.random.uuid() })
    await insertRequest(tx, {
      id: record.id,
      incident: incident.id,
      organisation: record.organisation!,
      sender: record.from,
      recipient: terms.recipient,
      purpose: words.purpose.id,
      until: new Date(offered.exp * 1000),
      words: await sealFor(incident.owner, record.id, Buffer.from(canonical(words)), keys),
      claims: canonical(offered),
      received_at: ctx.now(),
      start,
    })
  }
}

async function startAnswered(tx: Tx, offer: string | undefined, incident: string): Promise<string | null> {
  if (offer === undefined) return null
  const start = await startById(tx, offer)
  if (start?.incident !== incident || start.enquiry === null) throw new Refusal('not-found')
  return start.id
}

/** Tells the sender what the organisation started. Claims are for the organisation to sign; of an enquiry the words go along. */
export function prepareOffer(keys: FolderKeys): Outbound {
  return async (tx, request) => {
    const start = await startById(tx, request.id)
    if (!start) throw new Refusal('not-found')
    const { organisation, reference, recipient, purpose, until, enquiry, narrows, claims } = start
    const items = claims === null ? [] : (JSON.parse(claims) as Claims).authorization_details[0].items
    const members = {
      ...{ organisation, reference, recipient, purpose, until: until.toISOString(), items },
      ...(enquiry !== null && { enquiry }),
      ...(narrows !== null && { narrows }),
    }
    if (enquiry === null) return { clause: CLAUSE, members, chain: organisation }
    const incident = await incidentOfReference(tx, 'ncsc', reference)
    return { clause: CLAUSE, members, payload: await keys.open(incident!.owner, start.id, start.words), chain: organisation }
  }
}

/** What answers an organisation's own start goes once the sender knows of that. */
export const preparePermission: Outbound = async (tx, request) => {
  const grant = await grantById(tx, (request.body as { permission: string }).permission)
  if (!grant) throw new Refusal('not-found')
  const start = await startById(tx, grant.request)
  if (start) await mustBeKnown(tx, start.id)
  const signed = await asGiven(tx, grant)
  return {
    clause: CLAUSE,
    members: { organisation: grant.organisation, permission: grant.id, ...(grant.narrows !== null && { narrows: grant.narrows }) },
    payload: Buffer.from(canonical(signed)),
    chain: grant.organisation,
  }
}

async function mustBeKnown(tx: Tx, offer: string): Promise<void> {
  const outcome = (await outcomesOf(tx, [offer])).get(offer)
  if (outcome?.state === 'accepted') return
  if (outcome?.state === 'refused') throw new Refusal('permission-invalid')
  throw new NotYet()
}

export const prepareWithdrawal: Outbound = async (tx, request) => {
  const grant = await grantById(tx, (request.body as { permission: string }).permission)
  if (!grant) throw new Refusal('not-found')
  const by = grant.withdrawal_signed ? 'signature' : 'session'
  const payload = grant.withdrawal_signed ? { payload: Buffer.from(canonical({ withdrawal: grant.withdrawal_signed })) } : {}
  return { clause: CLAUSE, members: { organisation: grant.organisation, permission: grant.id, by }, ...payload, chain: grant.organisation }
}

export const prepareRefusal: Outbound = async (tx, request) => {
  const asked = await requestById(tx, (request.body as { request: string }).request)
  if (!asked) throw new Refusal('not-found')
  return { clause: CLAUSE, members: { organisation: asked.organisation, request: asked.id }, chain: asked.organisation }
}

const called = z.strictObject({ caller: z.string(), number: z.string(), numberFrom: z.string(), at: z.string(), words: z.string() })
export type Called = z.infer<typeof called>

export function readCall(payload: Bytes): Called {
  return called.parse(parseCanonical(Buffer.from(payload).toString('utf8')))
}

/** Keeps a withdrawal that the sender took by telephone. It has taken effect there: whatever is kept here, nothing more leaves. */
export function keepCall(keys: FolderKeys): Inbound {
  return async (tx, { record, payload }, _queue, ctx) => {
    readCall(payload)
    const grant = await grantById(tx, record['permission'] as string)
    if (!grant || grant.organisation !== record.organisation) throw new Refusal('not-found')
    const { incident, organisation } = grant
    // Whoever permits has an account: the folder is the organisation's.
    const sealed = await sealFor({ organisation }, record.id, payload, keys)
    await insertCall(tx, { id: record.id, permission: grant.id, incident, organisation, payload: sealed, received_at: ctx.now() })
  }
}

/** For the owner's own session alone. */
export async function openWords(row: { id: string; words: Bytes }, owner: Owner, keys: FolderKeys, ctx: Ctx): Promise<Words> {
  return JSON.parse(Buffer.from(await openFor(owner, row.id, row.words, keys, ctx)).toString('utf8'))
}
