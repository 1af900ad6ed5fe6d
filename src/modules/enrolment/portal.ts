import { SKEW } from '#platform/clock'
import { z } from 'zod'
import { canonical, parseCanonical } from '#platform/canonical'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import type { Signer } from '#platform/jws'
import type { AgreementFile } from '#agreement'
import { requestSend, type Inbound, type Outbound, type Queue, type Trust } from '#exchange'
import { enrol, enrolmentOf, enrolmentsOf, lockKey, organisationById, suspendedSince } from '#identity'
import { checkEnrolment, checkHalf, complete, halfForm, readSigned, type EnrolmentRecord } from '#permission'
import type { FolderKeys } from '#reporting'
import {
  askedById,
  contactsOf,
  halvesWaiting,
  insertAsked,
  insertHalf,
  insertNotices,
  insertRefused,
  markCompleted,
  type AskedRow,
} from './portal-store.ts'
import { checkCountersignature, isRecordOf, readAsked, readCountersignature, waits, type Asked, type Ceremony } from './request.ts'

const CLAUSE = 'consent-before-disclosure'
const HOUR = 3_600_000

/** The key somebody asks to have enrolled for themselves, and how. */
export type Wish = Pick<Asked, 'kid' | 'key' | 'passkey' | 'rpId' | 'origin'> & { countersignature?: string | undefined; recovers: boolean }

/**
 * Asks the sending body to enrol a key of the actor's own. Everybody the organisation named is to be told of it, whichever way the key
 * comes in. Answers with the id under which it is followed.
 */
export async function ask(tx: Tx, wish: Wish, trust: Trust, ctx: Ctx): Promise<string> {
  const { organisation: org } = ctx.actor
  const organisation = org === undefined || ctx.actor.mandate !== undefined ? undefined : await organisationById(tx, org)
  if (!organisation) throw new Refusal('role-missing')
  const { countersignature, recovers, ...key } = wish
  await mustBeNew(tx, key.kid, organisation.id)
  const { id, name, identifiers } = organisation
  const asked: Asked = {
    organisation: { id, name, identifiers },
    person: ctx.actor.id,
    ...key,
    ...(await countersigned(tx, countersignature)),
  }
  if (asked.countersignature) await mustLetIn(tx, asked, trust)
  const ceremony = ceremonyOf(wish, (await enrolmentsOf(tx, id)).length > 0)
  const contacts = await contactsOf(tx, id)
  if (ceremony === 'notice' && contacts.length === 0) throw new Refusal('contact-missing')
  const request = await requestSend(tx, { kind: 'enrolment-request', to: 'ncsc', body: {} }, ctx)
  const payload = canonical(asked)
  await insertAsked(tx, { id: request, organisation: id, person: ctx.actor.id, kid: key.kid, ceremony, payload, asked_at: ctx.now() })
  const notices = contacts.map((contact) => ({ id: ctx.random.uuid(), organisation: id, request, contact: contact.id }))
  await insertNotices(tx, notices, ctx.now())
  return request
}

/** A key that was suspended never counts again: whoever had it may have it still. */
async function mustBeNew(tx: Tx, kid: string, org: string): Promise<void> {
  if (await enrolmentOf(tx, kid)) throw new Refusal('already-done')
  if (await suspendedSince(tx, { kid, org })) throw new Refusal('key-suspended')
}

async function countersigned(tx: Tx, signed: string | undefined): Promise<Pick<Asked, 'countersignature'>> {
  if (signed === undefined) return {}
  const enrolled = await enrolmentOf(tx, kidOf(signed))
  if (!enrolled) throw new Refusal('enrolment-invalid')
  return { countersignature: { signed, enrolment: enrolled.record as never } }
}

function kidOf(signed: string): string {
  try {
    readCountersignature(signed)
    return readSigned(signed).kid
  } catch {
    throw invalid({ field: 'countersignature', message: 'This is not a countersignature' })
  }
}

async function mustLetIn(tx: Tx, asked: Asked, trust: Trust): Promise<void> {
  const { kid, org } = checkCountersignature(asked, trust)
  if (await suspendedSince(tx, { kid, org })) throw new Refusal('key-suspended')
}

function ceremonyOf({ countersignature, recovers }: Wish, hasKeys: boolean): Ceremony {
  if (countersignature !== undefined) return 'countersigned'
  if (!hasKeys) return 'call-back'
  return recovers ? 'recovery' : 'notice'
}

export const prepareEnrolmentRequest: Outbound = async (tx, request) => {
  const asked = await askedById(tx, request.id)
  if (!asked) throw new Refusal('not-found')
  const { organisation, kid, ceremony, payload } = asked
  return { clause: CLAUSE, members: { organisation, key: kid, ceremony }, payload: Buffer.from(payload), chain: organisation }
}

const refusal = z.strictObject({ reason: z.string() })

/** Keeps the sending body's word, if it is about exactly what was asked. A no is kept with its reason, for the organisation to read. */
export function keepAnswer(trust: Trust, folders: FolderKeys): Inbound {
  return async (tx, { record, payload }, _queue, ctx) => {
    const row = await askedById(tx, record['request'] as string)
    if (!row || row.organisation !== record.organisation || row.kid !== record['key']) throw new Refusal('not-found')
    const content = parseCanonical(Buffer.from(payload).toString('utf8'))
    if (record['state'] === 'refused') {
      const { reason } = refusal.parse(content)
      const sealed = await folders.seal({ organisation: row.organisation }, row.id, Buffer.from(reason))
      return insertRefused(tx, row.id, sealed, ctx.now())
    }
    const said = checkHalf(content, trust.statementKeys.ncsc)
    mustBeAsAsked(row, said, trust)
    if (!(await insertHalf(tx, row.id, canonical(content), ctx.now()))) throw new Refusal('already-done')
  }
}

function mustBeAsAsked(row: AskedRow, said: EnrolmentRecord, { deployment }: Trust): void {
  if (!isRecordOf(readAsked(row.payload), said, { deployment, ceremony: row.ceremony })) throw new Refusal('enrolment-invalid')
}

export type Completing = { trust: Trust; agreement: AgreementFile; signer: Signer }

/**
 * Adds the portal's signature to what the sending body signed and nothing holds back: the time is over, everybody has been told, and
 * nobody has stopped the key. From this transaction on the key counts here. Answers with how many.
 */
export async function completeEnrolments(tx: Tx, completing: Completing, queue: Queue, ctx: Ctx): Promise<number> {
  let done = 0
  for (const row of await halvesWaiting(tx)) if (await completeOne(tx, row, completing, queue, ctx)) done += 1
  return done
}

type Waiting = Awaited<ReturnType<typeof halvesWaiting>>[number]

async function completeOne(tx: Tx, row: Waiting, { trust, agreement, signer }: Completing, queue: Queue, ctx: Ctx): Promise<boolean> {
  const ready = row.asked_at.getTime() + agreement.enrolment.waitHours * HOUR
  if (waits(row.ceremony) && (ctx.now().getTime() < ready || !row.all_told)) return false
  if (await lockKey(tx, { kid: row.kid, org: row.organisation })) return markCompleted(tx, row.id, ctx.now())
  const half = halfForm.parse(JSON.parse(row.half))
  const record = complete(half, signer)
  const said = checkEnrolment(record, trust)
  // What counts from a time that is still to come, or from before anybody could have been told, is left alone.
  const from = new Date(said.from).getTime()
  if (from > ctx.now().getTime() + SKEW || (waits(row.ceremony) && from < ready - SKEW)) return false
  if (!(await markCompleted(tx, row.id, ctx.now()))) return false
  await enrol(tx, keyOf(record, said), ctx)
  const members = { organisation: row.organisation, key: row.kid, request: row.id, state: 'complete' }
  await queue(tx, 'ncsc', 'enrolment', { clause: CLAUSE, members, payload: Buffer.from(canonical(record)), chain: row.organisation }, ctx)
  return true
}

/** As the houses keep it. */
export function keyOf(record: ReturnType<typeof complete>, said: EnrolmentRecord): Parameters<typeof enrol>[1] {
  const { kid, org, from, person, ceremony } = said
  const letInBy = ceremony.kind === 'countersigned' ? { letInBy: ceremony.by } : {}
  return { kid, org, record, effectiveFrom: new Date(from), person, ...letInBy }
}
