import { instant } from '#platform/clock'
import type { Db } from '#platform/db'
import { Refusal } from '#platform/errors'
import type { Ctx } from '#platform/context'
import { outcomesOf } from '#exchange'
import { enrolmentsOf, suspendedSince, type Enrolment } from '#identity'
import type { FolderKeys } from '#reporting'
import { fingerprintWords } from './fingerprint.ts'
import { askedOf, noticesFor, refusedAmong, type AskedRow, type NoticeRow } from './portal-store.ts'

export const states = ['waiting-for-call-back', 'waiting-24-hours', 'waiting-for-signatures', 'in-force', 'refused', 'suspended'] as const
export type State = (typeof states)[number]

export type Standing = {
  /** Of the request; a key made while trying out was never asked for. */
  id?: string
  kid: string
  state: State
  fingerprintWords: string[]
  person?: string
  ceremony?: AskedRow['ceremony']
  askedAt?: string
  from?: string
  suspendedSince?: string
  reason?: string
  /** Whom to tell, and whether that was done: while one is open the key does not count. */
  notices: { channel: NoticeRow['channel']; told: boolean }[]
}

/** Every key of the actor's organisation, and every one that was asked for. */
export async function listKeys(db: Db, folders: FolderKeys, ctx: Ctx): Promise<Standing[]> {
  const { organisation, mandate } = ctx.actor
  if (organisation === undefined || mandate !== undefined) throw new Refusal('role-missing')
  const rows = await askedOf(db, organisation)
  const ids = rows.map(({ id }) => id)
  const keys = await enrolmentsOf(db, organisation)
  const outcomes = await outcomesOf(db, ids)
  const notices = Map.groupBy(await noticesFor(db, ids), ({ request }) => request)
  const refused = new Map((await refusedAmong(db, ids)).map(({ request, reason }) => [request, reason]))
  const asked = rows.map(async (row) => {
    const key = keys.find(({ kid }) => kid === row.kid)
    const since = key?.suspendedSince ?? (await suspendedSince(db, { kid: row.kid, org: organisation }))
    const no = refused.get(row.id)
    const outcome = outcomes.get(row.id)
    const reason = no && Buffer.from(await folders.open({ organisation }, row.id, no)).toString('utf8')
    return {
      id: row.id,
      ...described(row.kid, key, since),
      state: stateOf({
        row,
        isEnrolled: key !== undefined,
        isSuspended: since !== undefined,
        isRefused: no !== undefined || outcome?.state === 'refused',
      }),
      person: row.person,
      ceremony: row.ceremony,
      askedAt: instant(row.asked_at),
      ...((reason ?? outcome?.code) && { reason: reason ?? outcome!.code! }),
      notices: (notices.get(row.id) ?? []).map(({ channel, told }) => ({ channel, told })),
    }
  })
  const known = new Set(rows.map(({ kid }) => kid))
  const founded = keys.filter(({ kid }) => !known.has(kid))
  return [
    ...founded.map((key) => ({ ...described(key.kid, key, key.suspendedSince), state: stateOfKey(key), notices: [] })),
    ...(await Promise.all(asked)),
  ]
}

function described(kid: string, key: Enrolment | undefined, since: Date | undefined) {
  return {
    kid,
    fingerprintWords: fingerprintWords(kid),
    ...(key?.person !== undefined && { person: key.person }),
    ...(key && { from: instant(key.effectiveFrom) }),
    ...(since && { suspendedSince: instant(since) }),
  }
}

function stateOfKey({ suspendedSince: since }: Enrolment): State {
  return since ? 'suspended' : 'in-force'
}

type Facts = { row: AskedRow; isEnrolled: boolean; isSuspended: boolean; isRefused: boolean }

function stateOf({ row, isEnrolled, isSuspended, isRefused }: Facts): State {
  if (isSuspended) return 'suspended'
  if (isEnrolled) return 'in-force'
  if (isRefused) return 'refused'
  const waiting = {
    'call-back': 'waiting-for-call-back',
    'countersigned': 'waiting-for-signatures',
    'notice': 'waiting-24-hours',
    'recovery': 'waiting-24-hours',
  } as const
  return waiting[row.ceremony]
}
