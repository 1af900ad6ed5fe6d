import type { Bytes } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'

export const nodeIds = ['portal', 'ncsc', 'ico'] as const
export type NodeId = (typeof nodeIds)[number]
export type AuthorityId = Exclude<NodeId, 'portal'>

/** Kinds of record, docs/formats/statement.md. */
export const kinds = [
  'report',
  'receipt',
  'permission-request',
  'permission',
  'refusal',
  'withdrawal',
  'disclosure',
  'notice',
  'recall',
  'statement',
  'reads',
  'enquiry',
  'offer',
  'enrolment-request',
  'enrolment',
  'suspension',
] as const
export type Kind = (typeof kinds)[number]

export type ItemRef = { id: string; commitment: string }

/** An item with what opens its commitment. */
export type OpenItem = { id: string; question: string; value: unknown; salt: string }

/** Members every record has; the kind's own members stand beside them. */
export type RecordHead = {
  v: 1
  kind: Kind
  id: string
  deployment: string
  from: NodeId
  to: NodeId
  at: string
  agreement: { id: string; hash: string }
  clause: string
  payload: string
}
export type MessageRecord = RecordHead & { organisation?: string; items?: ItemRef[]; [member: string]: unknown }

/** What a desk asks its gateway to send. `body` names what to send; it never carries what is sent to another body. */
export type SendRequest = { kind: Kind | SignKind; to: NodeId; body: { [member: string]: unknown } }
/** What a gateway signs and does not send; the signature is the request's result. */
export type SignKind = 'seal-bundle'

export function isKind(kind: Kind | SignKind): kind is Kind {
  return (kinds as readonly string[]).includes(kind)
}

export type QueuedRequest = SendRequest & { id: string; actor: { id: string; roles: string[]; organisation?: string } }

/** What a module answers when its kind is asked for: the kind's own members of the record, and the payload that travels beside it. */
export type Prepared = {
  clause: string
  members: { [member: string]: unknown }
  payload?: Bytes
  /** The organisation whose chain in this node's ledger the entry joins. */
  chain?: string
  /** Ids of the permissions it rests on; a withdrawal finds it by them. */
  permissions?: string[]
  /** What else goes out because this does, in the same transaction (door 3: a notice to every origin). */
  follow?: (tx: Tx, record: { id: string; text: string }, queue: Queue, ctx: Ctx) => Promise<void>
}

/** Decides and prepares inside the gateway's transaction; throws Refusal when it may not be sent. */
export type Outbound = (tx: Tx, request: QueuedRequest, ctx: Ctx) => Promise<Prepared>

/** A statement that arrived, its signature, log proof and agreement already checked. */
export type Arrived = { record: MessageRecord; statement: string; payload: Bytes; logTime: Date }

/** What a handler may put on the way out in the same transaction (receipts, notices, recalls). Returns the record's id. */
export type Queue = (tx: Tx, to: NodeId, kind: Kind, prepared: Prepared, ctx: Ctx) => Promise<string>

/** Keeps what arrived, in the inbox's transaction; throws Refusal to refuse it (recorded, acknowledged as refused, nothing kept). */
export type Inbound = (tx: Tx, message: Arrived, queue: Queue, ctx: Ctx) => Promise<void>
