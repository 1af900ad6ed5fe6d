import { SKEW } from '#platform/clock'
import { z } from 'zod'
import { decideDisclosure, type Agreement } from '#agreement'
import { keepDisclosed, restrict } from '#casework'
import { parseCanonical } from '#platform/canonical'
import { Refusal } from '#platform/errors'
import type { Tx } from '#platform/db'
import { readJws } from '#platform/jws'
import { itemsMatch, keptStatement, type Arrived, type Inbound, type ItemRef, type Trust } from '#exchange'
import {
  keyCountsAt,
  mustBeSignedByTwo,
  permissionChecker,
  readClaims,
  type Claims,
  type Permission,
  type SignedPermission,
} from '#permission'
import { isRecalled, rememberRecall } from './store.ts'

const CLAUSE = 'consent-before-disclosure'
const SKEW_SECONDS = SKEW / 1000

const content = z.strictObject({
  organisation: z.strictObject({ id: z.uuid(), name: z.string(), verified: z.boolean() }),
  items: z
    .array(
      z.strictObject({
        id: z.uuid(),
        question: z.string(),
        value: z.unknown(),
        salt: z.string(),
        kind: z.enum(['answer', 'finding']),
        origins: z.array(z.uuid()).min(1),
      }),
    )
    .min(1),
})
type Content = z.infer<typeof content>

/**
 * The fourth lock: the recipient believes nothing it can check. Permission, enrolment, commitment and log proof travel inside;
 * it decides again, item by item and origin by origin, at the log's time, and keeps nothing unless all of it may be kept.
 */
export function keepDisclosure(agreement: Agreement, trust: Trust): Inbound {
  const check = permissionChecker(trust)
  return async (tx, message, queue, ctx) => {
    const { record } = message
    const sent = content.parse(parseCanonical(Buffer.from(message.payload).toString('utf8')))
    if (!itemsMatch(sent.items, record.items!) || sent.organisation.id !== record.organisation) throw new Refusal('envelope-invalid')
    const permissions = (record['permissions'] as SignedPermission[]).map(check)
    const counts = (one: Permission) => one.claims.agreement.hash === agreement.hash && keyCountsAt(one, message.logTime)
    if (!permissions.every(counts)) throw new Refusal('permission-invalid')
    const under = decideAgain(agreement, message, sent, permissions)
    if (await isRecalled(tx, record.id)) throw new Refusal('permission-withdrawn')
    const rules = [...new Set(permissions.flatMap((permission) => permission.claims.authorization_details[0].conditions))]
    const items = sent.items.map((item) => ({ ...item, permission: under.get(item.id)! }))
    await keepDisclosed(tx, { record: record.id, organisation: organisationIn(permissions, sent.organisation.id), items, rules }, ctx)
    for (const permission of permissions) {
      const its = record.items!.filter((ref) => permission.items.some((one) => one.id === ref.id))
      await queue(
        tx,
        'portal',
        'receipt',
        {
          clause: CLAUSE,
          members: {
            organisation: permission.claims.iss,
            for: record.id,
            about: 'disclosure',
            state: 'accepted',
            items: its,
            via: 'permission',
            permission: permission.claims.jti,
          },
          chain: permission.claims.iss,
        },
        ctx,
      )
    }
  }
}

/** The organisation by the name its key was enrolled under: what the sender calls it is nobody's word but the sender's. */
function organisationIn(permissions: Permission[], id: string): Content['organisation'] {
  const { name } = permissions.find(({ claims }) => claims.iss === id)!.enrolment.organisation
  return { id, name, verified: true }
}

/** Which permission each item came under. Throws the first refusal. */
function decideAgain(agreement: Agreement, { record, logTime }: Arrived, sent: Content, permissions: Permission[]): Map<string, string> {
  const officer = record['officer'] as { id: string; role: string }
  const refs = new Map(record.items!.map((ref) => [ref.id, ref]))
  const under = new Map<string, string>()
  for (const item of sent.items) {
    const ref = refs.get(item.id)!
    // The organisation it is filed under is an origin, whatever the sender wrote beside the item: that it was engaged is told too.
    for (const origin of new Set([sent.organisation.id, ...item.origins])) {
      const permission = permissionFor(ref, origin, permissions)
      const verdict = decideDisclosure(agreement, {
        officer: { id: officer.id, node: record.from, roles: [officer.role] },
        item,
        origin,
        from: record.from,
        to: record.to,
        purpose: record['purpose'] as string,
        necessity: record['necessity'] as string,
        time: Math.floor(logTime.getTime() / 1000),
        permission: permission && facts(permission, ref, Math.floor(logTime.getTime() / 1000)),
      })
      if (!verdict.allowed) throw new Refusal(verdict.code, { clause: CLAUSE, items: [item.id] })
      mustBeSignedByTwo(agreement.file, permission!, [item])
      // Shown with the copy: that of the organisation it is filed under, which comes first.
      if (!under.has(item.id)) under.set(item.id, permission!.claims.jti)
    }
  }
  return under
}

/** The one that covers the item, else any of that origin, so that the reason is the nearest one. */
function permissionFor(ref: ItemRef, origin: string, permissions: Permission[]): Permission | undefined {
  const own = permissions.filter((permission) => permission.claims.iss === origin)
  return own.find((permission) => covers(permission, ref)) ?? own[0]
}

/** The words that were signed for: an id with other words under it is another item. */
function covers({ items }: Permission, ref: ItemRef): boolean {
  return items.some((one) => one.id === ref.id && one.commitment === ref.commitment)
}

/** Clocks of two houses may differ by five minutes: the term is stretched to the log's time within that, never further. */
function facts(permission: Permission, ref: ItemRef, time: number) {
  const { claims } = permission
  const detail = claims.authorization_details[0]
  const begins = Math.abs(claims.nbf - time) <= SKEW_SECONDS ? Math.min(claims.nbf, time) : claims.nbf
  const ends = Math.abs(claims.exp - time) <= SKEW_SECONDS ? Math.max(claims.exp, time + 1) : claims.exp
  return {
    origin: claims.iss,
    from: detail.from,
    to: detail.to,
    purpose: detail.purpose,
    items: covers(permission, ref) ? [ref.id] : [],
    begins,
    ends,
    withdrawn: false,
  }
}

const recall = z.object({ disclosure: z.uuid(), permission: z.uuid(), items: z.array(z.object({ id: z.uuid() })) })

/**
 * What had left under that permission, all of it or the items named, is restricted at once; what is still on its way is refused when it
 * comes. Of the organisations it came from only the one that withdrew is told: to the others it is as if nothing had happened.
 */
export const keepRecall: Inbound = async (tx, { record }, queue, ctx) => {
  const { disclosure, permission, items } = recall.parse(record)
  await rememberRecall(tx, disclosure, permission, ctx.now())
  const claims = await claimsUnder(tx, disclosure, permission)
  if (!claims) return
  const named = new Set(items.map(({ id }) => id))
  const its = claims.authorization_details[0].items.map(({ id }) => id).filter((id) => named.size === 0 || named.has(id))
  const organisation = claims.iss
  const restricted = await restrict(tx, { disclosure, permission, organisation, items: its, recall: record.id }, ctx)
  if (restricted.length === 0) return
  const told = { organisation, for: record.id, about: 'recall', state: 'accepted', items: restricted, via: 'permission', permission }
  await queue(tx, 'portal', 'receipt', { clause: CLAUSE, members: told, chain: organisation }, ctx)
}

/** What was permitted by that permission, where a disclosure that was kept here rests on it; it was checked when that came. */
async function claimsUnder(tx: Tx, disclosure: string, permission: string): Promise<Claims | undefined> {
  const statement = await keptStatement(tx, disclosure)
  if (!statement) return undefined
  const record = JSON.parse(readJws(statement).text) as { permissions: SignedPermission[] }
  return record.permissions.map((signed) => readClaims(signed.permission)).find(({ jti }) => jti === permission)
}
