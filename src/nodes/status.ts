import { createRequire } from 'node:module'
import { readLedgerFile } from '#ledger'
import type { Trust } from '#exchange'
import { originOf, type Config } from '#platform/config'
import { queryOne, type Db } from '#platform/db'
import { nodeNames, type NodeName } from '#platform/home'
import type { BriefStatus, NodeStatus } from '#platform/pages/status'
import type { Part } from '#platform/provision'
import { definitions, type Shared } from './shared.ts'

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }

export async function answers(db: Db): Promise<boolean> {
  return queryOne(db, 'select 1').then(
    () => true,
    () => false,
  )
}

export async function statusOf({ config, definition, standing, agreement, trust }: Shared, db: Db, parts: Part[]): Promise<NodeStatus> {
  const server = await queryOne<{ server_version: string }>(db, 'show server_version').catch(() => undefined)
  const checkpoint = await readLedgerFile(db, 'checkpoint').catch(() => undefined)
  const ledger = checkpoint && ledgerIn(Buffer.from(checkpoint.body).toString('utf8'), trust)
  const others = nodeNames.filter((name) => name !== definition.node)
  return {
    parts: [
      { name: 'Desk', running: parts.includes('desk') },
      { name: 'Gateway', running: parts.includes('gateway') },
    ],
    database: { answers: server !== undefined, ...(server && { version: `PostgreSQL ${server.server_version}` }) },
    ...(ledger && { ledger }),
    peers: await Promise.all(others.map(async (name) => ({ name: definitions[name].title, reachable: await reachable(config, name) }))),
    agreement: { name: agreement.file.title, hash: agreement.hash, signedBy: ['the NCSC', 'the ICO'], byItself: standing.byItself },
  }
}

/** Size and cosigners of a checkpoint as published, and the latest cosignature's time. */
function ledgerIn(note: string, trust: Trust): { size: number; at: Date; cosignedBy: string[] } {
  const [, size] = note.split('\n')
  const lines = note.split('\n').filter((line) => line.startsWith('\u2014 '))
  const names = new Map(Object.entries(trust.origins).map(([node, origin]) => [origin, definitions[node as NodeName].title]))
  const cosignatures = lines
    .map((line) => line.split(' '))
    .flatMap(([, name, signature]) => {
      const bytes = Buffer.from(signature!, 'base64')
      // C2SP tlog-cosignature: four bytes of key id, eight of time, sixty-four of signature.
      return bytes.length === 76 ? [{ by: names.get(name!) ?? name!, at: Number(bytes.readBigUInt64BE(4)) }] : []
    })
  return {
    size: Number(size),
    at: new Date(Math.max(0, ...cosignatures.map((one) => one.at)) * 1000),
    cosignedBy: cosignatures.map((one) => one.by),
  }
}

/** What anybody may see: that it is up, whose it is, and which version. */
export function briefStatus({ config, definition }: Shared): BriefStatus {
  return {
    node: `${definition.title}${config.environment === 'production' ? '' : ', for trying out'}`,
    runBy: definition.runBy,
    version,
  }
}

async function reachable(config: Config, node: NodeName): Promise<boolean> {
  const answer = await fetch(`${originOf(config, node)}/health/live`, { signal: AbortSignal.timeout(500) }).catch(() => undefined)
  return answer?.ok ?? false
}
