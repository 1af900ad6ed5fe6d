import { decideDisclosure, type Agreement, type PermissionFacts } from '#agreement'
import { caseById, itemsForDisclosure } from '#casework'
import { canonical, hashOf, parseCanonical } from '#platform/canonical'
import { b64u } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import type { NodeId, Outbound, OutboxRow, Trust } from '#exchange'
import { checkPermission, heldByIds, heldFor, type Held } from '#permission'
import { proposalById, type ProposalRow } from './store.ts'

const CLAUSE = 'consent-before-disclosure'

/** A permission as it was signed; of what our own database says about it only the withdrawal counts. */
type Standing = Held & { facts: PermissionFacts | undefined }

/** Checked again at every decision: a row that somebody wrote into the store, or widened there, opens nothing. */
function signedPart(held: Held, agreement: Agreement, trust: Trust): Standing {
  try {
    const { claims, items, purpose } = checkPermission({ permission: held.permission, enrolment: held.enrolment }, trust)
    const { from, to } = claims.authorization_details[0]
    // What was signed under another text of the agreement was not signed for this one.
    if (claims.jti !== held.id || claims.agreement.hash !== agreement.hash) return { ...held, facts: undefined }
    const facts = {
      origin: claims.iss,
      from,
      to,
      purpose,
      items: items.map((item) => item.id),
      begins: claims.nbf,
      ends: claims.exp,
      withdrawn: held.withdrawn_at !== null,
    }
    return { ...held, items, facts }
  } catch {
    return { ...held, facts: undefined }
  }
}

type Item = Awaited<ReturnType<typeof itemsForDisclosure>>[number]
/** One item under one origin's permission. */
type Pair = { item: Item; origin: string; permission: Standing }

/**
 * Decides a proposal: the engine is asked once for every item and every origin of it, and the disclosure goes only if every
 * answer is allow. Nothing of a refused proposal is prepared. A notice to each origin goes out with it.
 */
export function prepareDisclosure(agreement: Agreement, trust: Trust, node: NodeId): Outbound {
  return async (tx, request, ctx) => {
    const proposal = await proposalById(tx, request.id)
    if (!proposal) throw new Refusal('not-found')
    // What was proposed is decided, and goes where it was proposed to go: a desk says both, in two places.
    if (proposal.recipient !== request.to) throw new Refusal('flow-not-allowed', { clause: CLAUSE })
    const items = await itemsForDisclosure(tx, proposal.case_id, proposal.items)
    const held = await heldFor(tx, [...new Set(items.flatMap((item) => item.origins))], proposal.recipient)
    const pairs = decideAll(
      agreement,
      node,
      proposal,
      items,
      held.map((one) => signedPart(one, agreement, trust)),
      ctx,
    )
    const found = (await caseById(tx, proposal.case_id))!
    return prepared(proposal, items, pairs, {
      id: found.organisation,
      name: found.organisation_name,
      verified: found.organisation_verified,
    })
  }
}

function decideAll(agreement: Agreement, node: NodeId, proposal: ProposalRow, items: Item[], held: Standing[], ctx: Ctx): Pair[] {
  const refusals: { item: string; code: RefusalCode }[] = []
  const pairs: Pair[] = []
  for (const item of items) {
    // An item that holds nobody's confidence does not come from an engaged organisation, and has no business at this door.
    if (item.origins.length === 0) refusals.push({ item: item.id, code: 'flow-not-allowed' })
    for (const origin of item.origins) {
      const permission = bestFor(item, origin, proposal, held, ctx)
      if (permission && !permission.facts) {
        refusals.push({ item: item.id, code: 'permission-invalid' })
        continue
      }
      const verdict = decideDisclosure(agreement, {
        officer: { id: proposal.officer, node, roles: proposal.roles },
        item,
        origin,
        from: node,
        to: proposal.recipient,
        purpose: proposal.purpose,
        necessity: proposal.necessity,
        time: Math.floor(ctx.now().getTime() / 1000),
        // The words that were signed for: an id with other words under it is another item.
        permission: permission?.facts && { ...permission.facts, items: covers(permission, item) ? [item.id] : [] },
      })
      if (verdict.allowed) pairs.push({ item, origin, permission: permission! })
      else refusals.push({ item: item.id, code: verdict.code })
    }
  }
  if (refusals.length > 0) throw refusalFor(agreement, refusals)
  return pairs
}

/** The first reason in the agreement's order, with every item it holds for. */
function refusalFor(agreement: Agreement, refusals: { item: string; code: RefusalCode }[]): Refusal {
  const order = agreement.file.refusalOrder as RefusalCode[]
  const rank = (code: RefusalCode) => (order.includes(code) ? order.indexOf(code) : -1)
  const first = refusals.map((one) => one.code).sort((a, b) => rank(a) - rank(b))[0]!
  const items = [...new Set(refusals.filter((one) => one.code === first).map((one) => one.item))]
  return new Refusal(first, { clause: CLAUSE, items })
}

/**
 * The permission to put before the engine: the one that fits most, so that the reason given for a refusal is the nearest one.
 * It decides nothing: a worse choice can only refuse.
 */
function bestFor(item: Item, origin: string, proposal: ProposalRow, held: Standing[], ctx: Ctx): Standing | undefined {
  const fit = (one: Standing) =>
    Number(one.facts !== undefined) * 16 +
    Number(covers(one, item)) * 8 +
    Number(one.purpose === proposal.purpose) * 4 +
    Number(!one.withdrawn_at) * 2 +
    Number(one.ends > ctx.now())
  return held.filter((one) => one.organisation === origin).sort((a, b) => fit(b) - fit(a))[0]
}

function covers(held: Held, item: { id: string; commitment: string }): boolean {
  return held.items.some((one) => one.id === item.id && one.commitment === item.commitment)
}

function prepared(
  proposal: ProposalRow,
  items: Item[],
  pairs: Pair[],
  organisation: { id: string; name: string; verified: boolean },
): Awaited<ReturnType<Outbound>> {
  const permissions = [...new Map(pairs.map(({ permission }) => [permission.id, permission])).values()]
  const officer = { id: proposal.officer, role: 'releasing-officer' }
  const content = items.map(({ id, question, value, salt, kind, origins }) => ({ id, question, value, salt, kind, origins }))
  return {
    clause: CLAUSE,
    members: {
      organisation: organisation.id,
      purpose: proposal.purpose,
      items: items.map(refOf),
      necessity: proposal.necessity,
      officer,
      permissions: permissions.map(({ permission, enrolment }) => ({ permission, enrolment })),
    },
    payload: Buffer.from(canonical({ organisation, items: content })),
    permissions: permissions.map((permission) => permission.id),
    follow: async (tx, record, queue, ctx) => {
      for (const permission of permissions) {
        const its = pairs.filter((pair) => pair.permission.id === permission.id).map((pair) => refOf(pair.item))
        await queue(
          tx,
          'portal',
          'notice',
          {
            clause: CLAUSE,
            members: {
              organisation: permission.organisation,
              disclosure: record.id,
              record: b64u(hashOf(parseCanonical(record.text))),
              recipient: proposal.recipient,
              purpose: proposal.purpose,
              items: its,
              permission: permission.id,
            },
            chain: permission.organisation,
          },
          ctx,
        )
      }
    },
  }
}

const refOf = ({ id, commitment }: { id: string; commitment: string }) => ({ id, commitment })

/** Asked in the transaction that claims a disclosure for sending: each permission it rests on must still stand. */
export async function mayLeave(tx: Tx, row: OutboxRow, ctx: Ctx): Promise<void> {
  if (row.kind !== 'disclosure') return
  const held = await heldByIds(tx, row.permissions)
  if (row.permissions.length === 0 || held.length !== row.permissions.length) throw new Refusal('permission-missing')
  if (held.some((one) => one.withdrawn_at)) throw new Refusal('permission-withdrawn')
  if (held.some((one) => one.ends <= ctx.now())) throw new Refusal('permission-expired')
}
