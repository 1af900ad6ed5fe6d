import { b64u, sha256 } from '#platform/bytes'
import { fromInstant, SKEW } from '#platform/clock'
import { Refusal } from '#platform/errors'
import {
  readDelivery,
  readStatement,
  type Delivery,
  type Kind,
  type MessageRecord,
  type NodeId,
  type OutboxPageRow,
  type Trust,
} from '#exchange'
import type { Permission, SignedPermission } from '#permission'
import { apart, finding, type Finding } from './findings.ts'

/** A message that was put on its way, as far as the books need it. */
export type Sent = {
  id: string
  kind: Kind
  to: NodeId
  state: OutboxPageRow['state']
  entry: string
  queuedAt: Date
  record: string
  statement: string | undefined
  acknowledgement: string | undefined
  /** Of a receipt: what it answers. */
  answers: string | undefined
}

const TABLE = 'exchange.outbox'

export type Acknowledged = (jws: string, by: NodeId) => Delivery | undefined

/** Reads each acknowledgement once, though a carrier's stands beside every row it carried. */
export function acknowledgementReader(trust: Trust): Acknowledged {
  const known = new Map<string, Delivery | undefined>()
  return (jws, by) => {
    const name = `${by} ${jws}`
    if (!known.has(name)) {
      // A carrier's rows do not lie together: a few thousand remembered cover those under way.
      if (known.size > 5_000) known.clear()
      known.set(name, readOrNot(jws, by, trust))
    }
    return known.get(name)
  }
}

function readOrNot(jws: string, by: NodeId, trust: Trust): Delivery | undefined {
  try {
    const delivery = readDelivery(jws, trust.statementKeys[by])
    return delivery.from === by && delivery.deployment === trust.deployment ? delivery : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

export type SentChecks = { node: NodeId; trust: Trust; acknowledged: Acknowledged }

/** One row of the outbox against itself: its columns, its record, what its recipient signed. Its entry is for `books.ts`. Pure. */
export function readSent(row: OutboxPageRow, checks: SentChecks): { sent: Sent; record: MessageRecord; findings: Finding[] } {
  const { id, kind, peer, state, entry } = row
  const record = recordIn(row)
  const sent: Sent = {
    id,
    kind,
    to: peer,
    state,
    entry,
    queuedAt: row.queued_at,
    record: b64u(sha256(row.record)),
    statement: row.statement === null ? undefined : b64u(sha256(row.statement)),
    acknowledgement: row.acknowledgement ?? undefined,
    answers: record['for'] as string | undefined,
  }
  const named = record.id === id && record.kind === kind && record.to === peer && record.from === checks.node
  const findings = [
    ...(named ? [] : [finding(TABLE, id, 'record-differs')]),
    ...(named && apart(fromInstant(record.at), row.queued_at) ? [finding(TABLE, id, 'dated-otherwise')] : []),
    ...settlementFindings(row, sent.record, checks),
  ]
  return { sent, record, findings }
}

/** What is no record at all is one with no members: then nothing of it is as it should be. */
function recordIn({ record }: OutboxPageRow): MessageRecord {
  try {
    return Object(JSON.parse(record)) as MessageRecord
  } catch {
    return {} as MessageRecord
  }
}

/** A settled row has its recipient's word for it, and the statement that was sent. */
function settlementFindings(row: OutboxPageRow, record: string, { node, trust, acknowledged }: SentChecks): Finding[] {
  const { id, state, acknowledgement, statement } = row
  if (state !== 'accepted' && state !== 'refused') return []
  if (acknowledgement === null || statement === null) return [finding(TABLE, id, 'not-acknowledged')]
  const told = acknowledged(acknowledgement, row.peer)
  const result = told?.to === node ? told.results.find((one) => one.id === id) : undefined
  return [
    ...(result?.state === state ? [] : [finding(TABLE, id, 'acknowledgement-invalid')]),
    ...(recordOfStatement(statement, trust) === record ? [] : [finding(TABLE, id, 'record-differs')]),
  ]
}

function recordOfStatement(statement: string, trust: Trust): string | undefined {
  try {
    return b64u(readStatement(statement, trust).recordHash)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Everything but the permissions that a disclosure's covering is decided on. */
export type Disclosed = { row: OutboxPageRow; record: MessageRecord; origins: ReadonlyMap<string, ReadonlySet<string>> }

/**
 * Whether signed permissions in the record cover every item of it for everybody it came from, at the time it was queued. `withdrawn` is
 * when each permission held here was withdrawn. Pure.
 */
export function disclosureFindings(
  { row, record, origins }: Disclosed,
  check: (signed: SignedPermission) => Permission,
  withdrawn: ReadonlyMap<string, Date | null>,
): Finding[] {
  const permissions = permissionsOf(record, check).filter((one) => counts(one, row, record, withdrawn))
  const covered = (record.items ?? []).every(({ id, commitment }) =>
    [...new Set([record.organisation, ...(origins.get(id) ?? [])])].every((origin) =>
      permissions.some(
        ({ claims, items }) => claims.iss === origin && items.some((item) => item.id === id && item.commitment === commitment),
      ),
    ),
  )
  const some = (record.items ?? []).length > 0
  return some && covered ? [] : [finding(TABLE, row.id, 'permission-missing')]
}

function counts(
  { claims, purpose }: Permission,
  row: OutboxPageRow,
  record: MessageRecord,
  withdrawn: ReadonlyMap<string, Date | null>,
): boolean {
  const at = row.queued_at.getTime()
  const until = withdrawn.get(claims.jti)
  const { to } = claims.authorization_details[0]
  const inTerm = claims.nbf * 1000 <= at + SKEW && at < claims.exp * 1000
  return until !== undefined && (until === null || until.getTime() >= at) && inTerm && purpose === record['purpose'] && to === row.peer
}

function permissionsOf(record: MessageRecord, check: (signed: SignedPermission) => Permission): Permission[] {
  const signed = Array.isArray(record['permissions']) ? (record['permissions'] as SignedPermission[]) : []
  return signed.flatMap((one) => {
    try {
      return [check(one)]
    } catch (error) {
      if (error instanceof Refusal) return []
      throw error
    }
  })
}
