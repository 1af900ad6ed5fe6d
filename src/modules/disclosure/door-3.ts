import { decideDisclosure, type Agreement, type PermissionFacts } from '#agreement'
import { caseForDisclosure, type ItemForDisclosure } from '#casework'
import { canonical } from '#platform/canonical'
import { b64u, sha256 } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import type { DueRow, ItemRef, NodeId, Outbound, Trust } from '#exchange'
import { heldFor, heldOver, lackSecond, permissionChecker, signedIn, standingOf, type HeldRow, type Permission } from '#permission'
import { calledOff, proposalById, type ProposalRow } from './store.ts'

const CLAUSE = 'consent-before-disclosure'

/** A permission as it was signed; of what our own database says about it only the withdrawal counts. */
type Standing = HeldRow & { items: ItemRef[]; facts: PermissionFacts | undefined; checked?: Permission }

/** Checked again at every decision: a row that somebody wrote into the store, or widened there, opens nothing. */
function signedPart(held: HeldRow, agreement: Agreement, check: ReturnType<typeof permissionChecker>): Standing {
  const invalid = { ...held, items: [], facts: undefined }
  try {
    const checked = check(signedIn(held))
    const { claims, items, purpose } = checked
    const { from, to } = claims.authorization_details[0]
    // What was signed under another text of the agreement was not signed for this one.
    if (claims.jti !== held.id || claims.agreement.hash !== agreement.hash) return invalid
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
    return { ...held, items, facts, checked }
  } catch {
    return invalid
  }
}

type Item = ItemForDisclosure
/** One item under one origin's permission. */
type Pair = { item: Item; origin: string; permission: Standing }

/**
 * Decides a proposal: the engine is asked once for every item and every origin of it, and the disclosure goes only if every
 * answer is allow. Nothing of a refused proposal is prepared. A notice to each origin goes out with it.
 */
export function prepareDisclosure(agreement: Agreement, trust: Trust, node: NodeId): Outbound {
  const check = permissionChecker(trust)
  return async (tx, request, ctx) => {
    const proposal = await proposalById(tx, request.id)
    if (!proposal) throw new Refusal('not-found')
    // What was proposed is decided, and goes where it was proposed to go: a desk says both, in two places.
    if (proposal.recipient !== request.to) throw new Refusal('flow-not-allowed', { clause: CLAUSE })
    const { case: found, items } = await caseForDisclosure(tx, proposal.case_id, proposal.items)
    const origins = [...new Set(items.flatMap((item) => item.origins))]
    const decide = (held: HeldRow[]) => {
      const standing = held.map((one) => signedPart(one, agreement, check))
      return decideAll(agreement, node, proposal, items, standing, ctx)
    }
    let decided = decide(await heldOver(tx, origins, proposal.recipient, proposal.items))
    // A refusal names the nearest reason, and that may stand in a permission over other items.
    if ('refused' in decided) decided = decide(await heldFor(tx, origins, proposal.recipient))
    if ('refused' in decided) throw decided.refused
    const organisation = { id: found.organisation, name: found.organisation_name, verified: found.organisation_verified }
    return prepared(proposal, items, decided.pairs, organisation)
  }
}

type Decided = { pairs: Pair[] } | { refused: Refusal }

function decideAll(agreement: Agreement, node: NodeId, proposal: ProposalRow, items: Item[], held: Standing[], ctx: Ctx): Decided {
  const refusals: { item: string; code: RefusalCode }[] = []
  const pairs: Pair[] = []
  for (const item of items) {
    // An item that holds nobody's confidence does not come from an engaged organisation, and has no business at this door.
    if (item.origins.length === 0) refusals.push({ item: item.id, code: 'flow-not-allowed' })
    for (const origin of item.origins) {
      const permission = bestFor(item, origin, proposal, held, ctx)
      const code = refusalOf(agreement, node, { proposal, item, origin, permission }, ctx)
      if (code === undefined) pairs.push({ item, origin, permission: permission! })
      else refusals.push({ item: item.id, code })
    }
  }
  return refusals.length > 0 ? { refused: refusalFor(agreement, refusals) } : { pairs }
}

type Asked = { proposal: ProposalRow; item: Item; origin: string; permission: Standing | undefined }

/** Why one item may not go by one origin's permission; undefined where it may. */
function refusalOf(agreement: Agreement, node: NodeId, { proposal, item, origin, permission }: Asked, ctx: Ctx): RefusalCode | undefined {
  if (permission && !permission.facts) return 'permission-invalid'
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
  if (!verdict.allowed) return verdict.code
  return lackSecond(agreement.file, permission!.checked!, [item]).length > 0 ? 'second-signature-missing' : undefined
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

function covers(held: Standing, item: { id: string; commitment: string }): boolean {
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
      permissions: permissions.map(signedIn),
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
              record: b64u(sha256(record.text)),
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

/**
 * Asked in the transaction that claims disclosures for sending: each permission they rest on must still stand, and nobody have called
 * them off. Answers with those that may not leave.
 */
export async function mayNotLeave(tx: Tx, rows: readonly DueRow[], ctx: Ctx): Promise<Map<string, RefusalCode>> {
  const disclosures = rows.filter((row) => row.kind === 'disclosure')
  if (disclosures.length === 0) return new Map()
  const off = await calledOff(
    tx,
    disclosures.map(({ id }) => id),
  )
  const standing = new Map((await standingOf(tx, [...new Set(disclosures.flatMap((row) => row.permissions))])).map((one) => [one.id, one]))
  const reason = ({ id, permissions }: DueRow): RefusalCode | undefined => {
    if (off.has(id)) return 'called-off'
    const held = permissions.flatMap((id) => standing.get(id) ?? [])
    if (permissions.length === 0 || held.length !== permissions.length) return 'permission-missing'
    if (held.some((one) => one.withdrawn_at)) return 'permission-withdrawn'
    return held.some((one) => one.ends <= ctx.now()) ? 'permission-expired' : undefined
  }
  return new Map(disclosures.flatMap((row) => (reason(row) ? [[row.id, reason(row)!]] : [])))
}
