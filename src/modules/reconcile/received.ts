import { SKEW } from '#platform/clock'
import { b64u, equal, sha256 } from '#platform/bytes'
import { Refusal } from '#platform/errors'
import type { CheckpointCache } from '#ledger'
import { checkStatement, type InboxPageRow, type Kind, type NodeId, type Trust } from '#exchange'
import { readClaims, type Claims } from '#permission'
import { finding, type Finding } from './findings.ts'

/** What the house's own configuration says, and what was checked before. */
export type Checks = { node: NodeId; trust: Trust; heads: CheckpointCache }

/** A message that arrived, as far as the books need it: what the signed record says, none of it what anybody wrote. */
export type Received = {
  id: string
  kind: Kind
  from: NodeId
  state: 'accepted' | 'refused'
  receivedAt: Date
  record: string
  /** All that follows only where the statement was kept and holds. */
  proved?: {
    statement: string
    at: string
    organisation: string | undefined
    logTime: Date
    index: number
    items: ReadonlyMap<string, string>
    /** By their own ids, each with the items it covers. */
    permissions: ReadonlyMap<string, ReadonlySet<string>>
    /** Of a recall. */
    disclosure: string | undefined
    /** Of a permission or withdrawal: the permission's own id. */
    permission: string | undefined
  }
}

const TABLE = 'exchange.inbox'

/** One row of the inbox against the statement in it. What was refused is kept without its statement. Pure. */
export function readReceived(row: InboxPageRow, { node, trust, heads }: Checks): { received: Received; findings: Finding[] } {
  const { id, kind, sender, state } = row
  const received: Received = { id, kind, from: sender, state, receivedAt: row.received_at, record: b64u(row.record_hash) }
  if (state === 'refused') return { received, findings: [] }
  const checked = statementOf(row, trust, heads)
  if (!checked) return { received, findings: [finding(TABLE, id, 'statement-invalid')] }
  const { record } = checked
  const named = record.id === id && record.kind === kind && record.from === sender && record.to === node
  const beside = (record.organisation ?? null) === row.organisation && ((record['for'] as string | undefined) ?? null) === row.answers
  const hashed = equal(checked.recordHash, row.record_hash)
  const { logTime, index } = checked.checked
  const timed = row.log_time?.getTime() === logTime.getTime() && row.received_at.getTime() >= logTime.getTime() - SKEW
  const proved = {
    statement: b64u(sha256(row.statement)),
    at: record.at,
    organisation: record.organisation,
    logTime,
    index,
    items: new Map((record.items ?? []).map((item) => [item.id, item.commitment])),
    permissions: permissionsIn(record),
    disclosure: record['disclosure'] as string | undefined,
    permission: record['permission'] as string | undefined,
  }
  const findings = [
    ...(named && beside && hashed ? [] : [finding(TABLE, id, 'statement-differs')]),
    ...(timed ? [] : [finding(TABLE, id, 'dated-otherwise')]),
  ]
  return { received: { ...received, proved }, findings }
}

function statementOf(row: InboxPageRow, trust: Trust, heads: CheckpointCache) {
  try {
    return checkStatement(row.statement, trust, heads)
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof Refusal) return undefined
    throw error
  }
}

/** They were checked when the disclosure came; one that cannot be read covers nothing. */
function permissionsIn(record: { [member: string]: unknown }): Map<string, ReadonlySet<string>> {
  const signed = Array.isArray(record['permissions']) ? (record['permissions'] as { permission: string }[]) : []
  const claims = signed.flatMap(({ permission }) => claimsIn(permission) ?? [])
  return new Map(claims.map(({ jti, authorization_details: [{ items }] }) => [jti, new Set(items.map(({ id }) => id))]))
}

function claimsIn(permission: string): Claims | undefined {
  try {
    return readClaims(permission)
  } catch (error) {
    if (error instanceof Refusal) return undefined
    throw error
  }
}
