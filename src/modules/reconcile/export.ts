import { z } from 'zod'
import { b64u, sha256 } from '#platform/bytes'
import { canonical, parseCanonical, type Json } from '#platform/canonical'
import { instant } from '#platform/clock'
import { openJws, signJws, type Signer } from '#platform/jws'
import { kinds, nodeIds, type NodeId, type Trust } from '#exchange'
import type { Received } from './received.ts'
import type { Sent } from './sent.ts'

const TYP = 'concordat-export+jws'

const text = z.string()
const sent = z.strictObject({
  id: z.uuid(),
  kind: z.enum(kinds),
  record: text,
  commitment: text.optional(),
  index: z.int().nonnegative().optional(),
  queuedAt: z.iso.datetime(),
  state: z.enum(['waiting', 'claimed', 'accepted', 'refused', 'cancelled', 'may-have-left']),
  statement: text.optional(),
  acknowledgement: text.optional(),
})
const received = z.strictObject({
  id: z.uuid(),
  kind: z.enum(kinds),
  record: text,
  index: z.int().nonnegative().optional(),
  /** By the sender's clock, as its record says. */
  at: z.iso.datetime().optional(),
  logTime: z.iso.datetime().optional(),
  receivedAt: z.iso.datetime(),
  state: z.enum(['accepted', 'refused']),
  statement: text.optional(),
})
const form = z.strictObject({
  v: z.literal(1),
  kind: z.literal('concordat-export'),
  deployment: z.uuid(),
  node: z.enum(nodeIds),
  with: z.enum(nodeIds),
  at: z.iso.datetime(),
  heads: z.array(text),
  sent: z.array(sent),
  received: z.array(received),
  seal: text,
})

/** docs/formats/export.md: what one house exchanged with one other, by hashes alone. */
export type Export = z.infer<typeof form>
export type SentLine = z.infer<typeof sent>
export type ReceivedLine = z.infer<typeof received>

export type Exported = {
  node: NodeId
  with: NodeId
  trust: Trust
  sent: Iterable<Sent>
  received: Iterable<Received>
  placed: ReadonlyMap<string, { index: number | undefined; commitment: Uint8Array }>
  heads: string[]
  signer: Signer
}

/** The file, sealed by the house whose books it is of. Nothing that anybody wrote is in it, and no name. Pure. */
export function writeExport({ node, with: peer, trust, signer, ...books }: Exported, at: Date): string {
  const inOrder = <T extends { id: string }>(lines: T[]): T[] => lines.sort((a, b) => (a.id < b.id ? -1 : 1))
  const unsealed = {
    v: 1,
    kind: 'concordat-export',
    deployment: trust.deployment,
    node,
    with: peer,
    at: instant(at),
    heads: books.heads,
    sent: inOrder([...books.sent].filter(({ to }) => to === peer).map((one) => sentLine(one, books.placed.get(one.entry)))),
    received: inOrder([...books.received].filter(({ from }) => from === peer).map(receivedLine)),
  }
  return canonical({ ...unsealed, seal: signJws(TYP, { v: 1, hash: hashOf(unsealed) }, signer) })
}

function sentLine(one: Sent, place: { index: number | undefined; commitment: Uint8Array } | undefined): SentLine {
  const { id, kind, record, state, statement, acknowledgement } = one
  return {
    id,
    kind,
    record,
    ...(place && { commitment: b64u(place.commitment) }),
    ...(place?.index !== undefined && { index: place.index }),
    queuedAt: instant(one.queuedAt),
    state,
    ...(statement !== undefined && { statement }),
    ...(acknowledgement !== undefined && { acknowledgement }),
  }
}

function receivedLine({ id, kind, record, state, receivedAt, proved }: Received): ReceivedLine {
  const shown = proved && { at: proved.at, index: proved.index, logTime: instant(proved.logTime), statement: proved.statement }
  return { id, kind, record, receivedAt: instant(receivedAt), state, ...shown }
}

const hashOf = (unsealed: unknown): string => b64u(sha256(canonical(unsealed)))

/** Throws SyntaxError for anything but an export under the seal of the house it names. */
export function readExport(content: string, trust: Trust): Export {
  const parsed = form.safeParse(parseCanonical(content))
  if (!parsed.success) throw new SyntaxError('not an export')
  const { seal, ...unsealed } = parsed.data
  const sealed = openJws(seal, TYP, trust.statementKeys[unsealed.node]) as { [member: string]: Json }
  if (sealed['v'] !== 1 || sealed['hash'] !== hashOf(unsealed) || unsealed.deployment !== trust.deployment)
    throw new SyntaxError('not as it was sealed')
  return parsed.data
}
