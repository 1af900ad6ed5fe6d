import { z } from 'zod'
import { fromB64u } from '#platform/bytes'
import { thumbprint, verifyKeyOf, type VerifyKey } from '#platform/jws'
import { sealingKey, type SealingKey } from '#platform/seal'
import type { LedgerTrust } from '#ledger'
import { nodeIds, type NodeId } from './message.ts'

const jwk = z.strictObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() })
const nodeTrust = z.strictObject({
  statement: jwk,
  log: z.strictObject({ origin: z.string(), key: jwk }),
  seal: z.strictObject({ kid: z.string(), key: z.string() }),
  agreement: jwk.optional(),
})

/** The trust file, docs/formats/bundle.md: it never travels with what it is used to check. */
export const trustFile = z.strictObject({
  v: z.literal(1),
  deployment: z.uuid(),
  environment: z.enum(['trying-out', 'production']),
  agreements: z.array(z.strictObject({ id: z.string(), hash: z.string() })).min(1),
  nodes: z.strictObject({ portal: nodeTrust, ncsc: nodeTrust, ico: nodeTrust }),
  witnesses: z.array(z.strictObject({ name: z.string(), key: jwk, required: z.boolean().optional() })),
})
export type TrustFile = z.infer<typeof trustFile>

export type Trust = {
  deployment: string
  environment: TrustFile['environment']
  agreements: { id: string; hash: string }[]
  statementKeys: Record<NodeId, VerifyKey>
  origins: Record<NodeId, string>
  /** As the ledger wants it: who may sign which log, who else may cosign, whose cosignature alone counts. */
  ledger: LedgerTrust
}

export function trustOf(file: TrustFile): Trust {
  const each = <T>(read: (node: NodeId) => T) => Object.fromEntries(nodeIds.map((node) => [node, read(node)])) as Record<NodeId, T>
  return {
    deployment: file.deployment,
    environment: file.environment,
    agreements: file.agreements,
    statementKeys: each((node) => verifyKeyOf(file.nodes[node].statement)),
    origins: each((node) => file.nodes[node].log.origin),
    ledger: {
      origins: Object.fromEntries(nodeIds.map((node) => [file.nodes[node].log.origin, file.nodes[node].log.key])),
      witnesses: Object.fromEntries(file.witnesses.map((witness) => [witness.name, witness.key])),
      required: file.witnesses.filter(({ required }) => required).map(({ name }) => name),
    },
  }
}

/** Sealing keys of the other nodes, ready for use. */
export async function sealingKeysOf(file: TrustFile): Promise<Record<NodeId, SealingKey>> {
  const entries = await Promise.all(
    nodeIds.map(async (node) => [node, await sealingKey(file.nodes[node].seal.kid, file.nodes[node].seal.key)]),
  )
  return Object.fromEntries(entries)
}

/** Key by key, as `verify` prints them, to be compared over another channel. */
export function fingerprints(file: TrustFile): { node: string; use: string; fingerprint: string }[] {
  return [
    ...nodeIds.flatMap((node) => [
      { node, use: 'statements', fingerprint: thumbprint(file.nodes[node].statement) },
      { node, use: 'ledger', fingerprint: thumbprint(file.nodes[node].log.key) },
    ]),
    ...file.witnesses.map((witness) => ({
      node: witness.name,
      use: witness.required ? 'witness, required' : 'witness',
      fingerprint: thumbprint(witness.key),
    })),
  ]
}

export function checkTrustFile(value: unknown): TrustFile {
  const file = trustFile.parse(value)
  for (const node of nodeIds) fromB64u(file.nodes[node].seal.kid, 32)
  return file
}
