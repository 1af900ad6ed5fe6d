import type { Agent } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Agreement } from '#agreement'
import type { Bytes } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import type { RefusalCode } from '#platform/errors'
import type { Signer } from '#platform/jws'
import type { OpeningKey, SealingKey } from '#platform/seal'
import type { DueRow, Inbound, Kind, NodeId, Outbound, Queue, Trust } from '#exchange'
import type { LedgerIdentity } from '#ledger'

/** Signs something that is not sent (a bundle's seal); the answer is kept with the request. */
export type SignOnly = (tx: Tx, body: { [member: string]: unknown }, signer: Signer, ctx: Ctx) => Promise<string>

/** The gateway's own configuration: everything a desk must never have. */
export type GatewayConfig = {
  node: NodeId
  /** Connected as the gateway's database role. */
  db: Db
  trust: Trust
  agreement: Agreement
  ledger: LedgerIdentity
  signer: Signer
  opening: OpeningKey
  sealing: Record<NodeId, SealingKey>
  /** Key for payloads that wait in the outbox; kept out of the database. */
  restKey: Bytes
  /** Where the other gateways listen. */
  peers: Partial<Record<NodeId, string>>
  /** Where witnesses show what they cosigned. A witness is no peer: it is read, and sends nothing. */
  witnesses?: readonly string[]
  outbound: Partial<Record<Kind, Outbound>>
  inbound: Partial<Record<Kind, Inbound>>
  signOnly?: Record<string, SignOnly>
  /** Asked again at the moment of sending: which of these rows may no longer leave, and why. */
  mayNotLeave?: (tx: Tx, rows: readonly DueRow[], ctx: Ctx) => Promise<Map<string, RefusalCode>>
  /** After a restore, once reports are there again: what modules keep beside records of this house's own, made again from `exchange.returned`. */
  restoreOwn?: (tx: Tx, ctx: Ctx) => Promise<void>
  /** Work of modules that goes with the clock, in its own transaction (a withdrawal's receipt). */
  chores?: (tx: Tx, queue: Queue, ctx: Ctx) => Promise<number>
  /** Work that takes long, each with a loop of its own, so that no message waits behind it. Answers with how many milliseconds to rest. */
  errands?: readonly Errand[]
  /** What a module takes from other gateways beside envelopes, on the same listener. It lets in whom it knows. */
  peerRoutes?: (app: FastifyInstance, config: GatewayConfig) => void
  times: {
    claimMilliseconds: number
    retryCapMilliseconds: number
    transitMilliseconds: number
    skewMilliseconds: number
    timeoutMilliseconds: number
    /** For how long what a peer accepted stays, encrypted, in case its house is restored. */
    redeliveryMilliseconds: number
  }
  makeCtx: () => Ctx
  /** Set by the gateway itself: what waits for a peer when it stops waits no longer. */
  ending?: AbortSignal
}

export type Errand = (gateway: RunningGateway) => Promise<number>

/** What a gateway that runs has besides: connections to its peers that stay open. */
export type RunningGateway = GatewayConfig & { agent: Agent }

/** A limit on waiting for a peer, which the end of the gateway cuts short. */
export function patience(config: GatewayConfig, milliseconds: number): AbortSignal {
  const limit = AbortSignal.timeout(milliseconds)
  return config.ending ? AbortSignal.any([limit, config.ending]) : limit
}
