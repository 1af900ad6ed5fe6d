import { SKEW } from '#platform/clock'
import { canonical, parseCanonical } from '#platform/canonical'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import type { Signer } from '#platform/jws'
import type { AgreementFile } from '#agreement'
import type { Inbound, Queue, Trust } from '#exchange'
import { enrol, enrolmentOf, lockKey, upsertOrganisation } from '#identity'
import { checkEnrolment, signHalf, type EnrolmentRecord } from '#permission'
import type { FolderKeys } from '#reporting'
import { keyOf } from './portal.ts'
import { checkCountersignature, readAsked, recordOf, waits, type Asked } from './request.ts'
import { answerTo, callAbout, insertAnswer, insertRequest, requestById, requestsDue } from './sender-store.ts'

const CLAUSE = 'consent-before-disclosure'
const HOUR = 3_600_000

/**
 * Keeps what the portal asks. It counts from when the portal's ledger had it, whatever the portal says; time that must pass is counted
 * from there. A countersignature that does not hold is refused at once.
 */
export function keepEnrolmentRequest(trust: Trust, agreement: AgreementFile): Inbound {
  return async (tx, { record, payload, logTime }, _queue, ctx) => {
    const asked = readAsked(payload)
    const { kid, organisation } = asked
    if (organisation.id !== record.organisation || kid !== record['key']) throw new Refusal('enrolment-invalid')
    const ceremony = record['ceremony'] as Parameters<typeof waits>[0]
    if ((ceremony === 'countersigned') !== (asked.countersignature !== undefined)) throw new Refusal('enrolment-invalid')
    await mustBeFree(tx, asked)
    if (asked.countersignature) await mustLetIn(tx, asked, trust, logTime)
    const due = new Date(logTime.getTime() + (waits(ceremony) ? agreement.enrolment.waitHours * HOUR : 0))
    const text = Buffer.from(payload).toString('utf8')
    const row = { id: record.id, organisation: organisation.id, kid, ceremony, payload: text, logged_at: logTime, due_at: due }
    await insertRequest(tx, { ...row, received_at: ctx.now() })
  }
}

async function mustBeFree(tx: Tx, { kid, organisation }: Asked): Promise<void> {
  if (await enrolmentOf(tx, kid)) throw new Refusal('already-done')
  if (await lockKey(tx, { kid, org: organisation.id })) throw new Refusal('key-suspended')
}

/** The key that lets this one in was in force when it did. */
async function mustLetIn(tx: Tx, asked: Asked, trust: Trust, logTime: Date): Promise<void> {
  const { kid, org, from } = checkCountersignature(asked, trust)
  // Log time is whole seconds of another clock: as everywhere, a key counts from five minutes before it says (docs/formats/permission.md).
  if (new Date(from).getTime() > logTime.getTime() + SKEW) throw new Refusal('enrolment-invalid')
  if (await lockKey(tx, { kid, org })) throw new Refusal('key-suspended')
}

export type Answering = { trust: Trust; signer: Signer; folders: FolderKeys }

/**
 * Answers what can be answered: the sending body's half of the record, counting from now, or its no. A key that was suspended meanwhile is
 * refused. Answers with how many.
 */
export async function answerRequests(tx: Tx, answering: Answering, queue: Queue, ctx: Ctx): Promise<number> {
  const due = await requestsDue(tx, ctx.now())
  for (const row of due) await answerOne(tx, row, answering, queue, ctx)
  return due.length
}

type Due = Awaited<ReturnType<typeof requestsDue>>[number]

async function answerOne(tx: Tx, row: Due, { trust, signer, folders }: Answering, queue: Queue, ctx: Ctx): Promise<void> {
  const stopped = await stops(tx, row, folders)
  const half = stopped === undefined ? signHalf(recordFor(row, trust, ctx), signer) : undefined
  if (!(await insertAnswer(tx, row.id, half ? canonical(half) : null, ctx.now()))) return
  const members = { organisation: row.organisation, key: row.kid, request: row.id, state: half ? 'signed' : 'refused' }
  const payload = Buffer.from(canonical(half ?? { reason: stopped! }))
  await queue(tx, 'portal', 'enrolment', { clause: CLAUSE, members, payload, chain: row.organisation }, ctx)
}

/** Why it is refused; undefined where it is not. */
async function stops(tx: Tx, row: Due, folders: FolderKeys): Promise<string | undefined> {
  if (row.decision === 'refused') return reasonOf(tx, row, folders)
  const letIn = readAsked(row.payload).countersignature
  const kids = [row.kid, ...(letIn ? [keyOfRecord(letIn.enrolment).kid] : [])].sort()
  const since = []
  for (const kid of kids) since.push(await lockKey(tx, { kid, org: row.organisation }))
  return since.some(Boolean) ? 'The key was stopped before it counted.' : undefined
}

function keyOfRecord({ payload }: { payload: string }): EnrolmentRecord {
  return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as EnrolmentRecord
}

async function reasonOf(tx: Tx, { id, organisation }: Due, folders: FolderKeys): Promise<string> {
  const call = (await callAbout(tx, id))!
  const detail = JSON.parse(Buffer.from(await folders.open({ organisation }, call.id, call.detail)).toString('utf8')) as { reason: string }
  return detail.reason
}

function recordFor(row: Due, { deployment }: Trust, ctx: Ctx): EnrolmentRecord {
  const asked = readAsked(row.payload)
  const letInBy = asked.countersignature && keyOfRecord(asked.countersignature.enrolment).kid
  return recordOf(asked, { deployment, ceremony: row.ceremony, at: row.called_at ?? row.logged_at, from: ctx.now(), letInBy })
}

/** The record as both signed it. The key is known here from now on; it was worth nothing before. */
export function keepEnrolment(trust: Trust): Inbound {
  return async (tx, { record, payload }, _queue, ctx) => {
    const row = await requestById(tx, record['request'] as string)
    const own = row && (await answerTo(tx, row.id))
    const signed = parseCanonical(Buffer.from(payload).toString('utf8')) as never
    const said = checkEnrolment(signed, trust)
    const same = row && said.org === record.organisation && said.org === row.organisation && said.kid === record['key']
    if (!same || !own || (JSON.parse(own) as { payload: string }).payload !== (signed as { payload: string }).payload)
      throw new Refusal('enrolment-invalid')
    await upsertOrganisation(tx, { id: said.org, ...said.organisation, verified: true }, ctx)
    await enrol(tx, keyOf(signed, said), ctx)
  }
}
