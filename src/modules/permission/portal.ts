import { z } from 'zod'
import { b64u, type Bytes } from '#platform/bytes'
import { canonical, hashOf, parseCanonical } from '#platform/canonical'
import { fromInstant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import { Refusal } from '#platform/errors'
import { itemsMatch, type Arrived, type Inbound, type OpenItem, type Outbound, type Trust } from '#exchange'
import type { AgreementFile } from '#agreement'
import { incidentOfReference, openFor, sealFor, type FolderKeys, type Owner } from '#reporting'
import { claims, type Claims } from './permission.ts'
import { grantById, insertRequest, requestById } from './store.ts'

const CLAUSE = 'consent-before-disclosure'

/** What the signatory reads before signing; its hash goes into what is signed. */
export type Words = {
  reason: string
  items: OpenItem[]
  purpose: { id: string; label: string; means: string; may: string[]; mayNot: string[] }
  conditions: string[]
}

const content = z.strictObject({
  reason: z.string(),
  items: z.array(z.strictObject({ id: z.string(), question: z.string(), value: z.unknown(), salt: z.string() })).min(1),
})

/** Keeps a request in the organisation's folder, after checking that the words are the very ones the commitments stand for. */
export function keepRequest(keys: FolderKeys, agreement: AgreementFile, trust: Trust): Inbound {
  return async (tx, message, _queue, ctx) => {
    const { record } = message
    const sent = content.parse(parseCanonical(Buffer.from(message.payload).toString('utf8')))
    if (!itemsMatch(sent.items, record.items!)) throw new Refusal('envelope-invalid')
    const incident = await incidentOfReference(tx, record.from, record['reference'] as string)
    if (!incident || incident.organisation !== record.organisation) throw new Refusal('not-found')
    const words = wordsOf(sent, record['purpose'] as string, agreement)
    const offered = offer(message, words, agreement, trust, ctx)
    await insertRequest(tx, {
      id: record.id,
      incident: incident.id,
      organisation: record.organisation!,
      sender: record.from,
      recipient: record['recipient'] as string,
      purpose: words.purpose.id,
      until: new Date(offered.exp * 1000),
      words: await sealFor(incident.owner, record.id, Buffer.from(canonical(words)), keys),
      claims: canonical(offered),
      received_at: ctx.now(),
    })
  }
}

function wordsOf(sent: { reason: string; items: OpenItem[] }, purpose: string, agreement: AgreementFile): Words {
  const known = agreement.purposes.find((one) => one.id === purpose)
  if (!known) throw new Refusal('flow-not-allowed')
  const { id, label, means, may, mayNot } = known
  const conditions = agreement.conditions.filter((condition) => condition.always).map((condition) => condition.id)
  return { reason: sent.reason, items: sent.items, purpose: { id, label, means, may, mayNot }, conditions }
}

/** The claims offered for signature. Nobody signs them but the organisation; it may take items away or bring the end forward. */
function offer({ record }: Arrived, words: Words, agreement: AgreementFile, trust: Trust, ctx: Ctx): Claims {
  const now = Math.floor(ctx.now().getTime() / 1000)
  const longest = now + agreement.permission.maxDays * 86_400
  const until = Math.floor(fromInstant(record['until'] as string).getTime() / 1000)
  return claims.parse({
    iss: record.organisation!,
    aud: 'ncsc',
    jti: ctx.random.uuid(),
    iat: now,
    nbf: now,
    exp: Math.max(now + 1, Math.min(until, longest)),
    deployment: trust.deployment,
    agreement: record.agreement,
    request: record.id,
    notice: b64u(hashOf(words)),
    authorization_details: [
      {
        type: 'concordat-disclosure',
        from: 'ncsc',
        to: record['recipient'],
        purpose: words.purpose.id,
        items: record.items!,
        conditions: words.conditions,
      },
    ],
  })
}

export const preparePermission: Outbound = async (tx, request) => {
  const grant = await grantById(tx, (request.body as { permission: string }).permission)
  if (!grant) throw new Refusal('not-found')
  const signed = { permission: grant.permission, enrolment: grant.enrolment }
  return {
    clause: CLAUSE,
    members: { organisation: grant.organisation, permission: grant.id },
    payload: Buffer.from(canonical(signed)),
    chain: grant.organisation,
  }
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

/** For the owner's own session alone. */
export async function openWords(row: { id: string; words: Bytes }, owner: Owner, keys: FolderKeys, ctx: Ctx): Promise<Words> {
  return JSON.parse(Buffer.from(await openFor(owner, row.id, row.words, keys, ctx)).toString('utf8'))
}
