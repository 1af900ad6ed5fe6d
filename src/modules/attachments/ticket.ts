import { z } from 'zod'
import { fromB64u } from '#platform/bytes'
import { fromInstant, instant } from '#platform/clock'
import { Refusal } from '#platform/errors'
import { openJws, readJws, signJws, type Signer } from '#platform/jws'
import { nodeIds, type NodeId, type Trust } from '#exchange'

// docs/formats/attachment.md, "Delivery": what shows a gateway whose blob it is before a byte is read.

const TYPE = 'concordat-blob+jws'
const SCHEME = 'Concordat-Blob '
const AT_MOST_AWAY = 3_600_000

const ticket = z.strictObject({
  v: z.literal(1),
  deployment: z.string(),
  from: z.enum(nodeIds),
  to: z.enum(nodeIds),
  blob: z.uuidv4(),
  size: z.int().min(1),
  sha256: z.string().refine((text) => fromB64u(text, 32).length === 32),
  at: z.string(),
})
export type Ticket = { from: NodeId; to: NodeId; blob: string; size: number; sha256: string }

export function signTicket({ from, to, blob, size, sha256 }: Ticket, deployment: string, signer: Signer, at: Date): string {
  return `${SCHEME}${signJws(TYPE, { v: 1, deployment, from, to, blob, size, sha256, at: instant(at) }, signer)}`
}

/** Who sends reports to whom: nobody else has attachments to send. */
const senders: Partial<Record<NodeId, NodeId>> = { ncsc: 'portal', ico: 'portal' }

/** Throws `unknown-peer` where it is not a known sender's, for this node, about this blob, and of now. */
export function checkTicket(
  header: string | undefined,
  { node, blob, now }: { node: NodeId; blob: string; now: Date },
  trust: Trust,
): Ticket {
  try {
    const jws = header!.slice(SCHEME.length)
    const from = ticket.parse(JSON.parse(readJws(jws).text)).from
    const said = ticket.parse(openJws(jws, TYPE, trust.statementKeys[from]))
    const near = Math.abs(now.getTime() - fromInstant(said.at).getTime()) <= AT_MOST_AWAY
    const fits = said.to === node && senders[node] === from && said.blob === blob && said.deployment === trust.deployment
    if (header!.startsWith(SCHEME) && near && fits) return said
  } catch {
    // Told apart by nobody: what is wrong with it is no stranger's business.
  }
  throw new Refusal('unknown-peer')
}
