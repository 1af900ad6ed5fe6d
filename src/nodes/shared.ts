import { join } from 'node:path'
import type { Agreement } from '#agreement'
import type { GatewayConfig } from '#disclosure'
import type { Trust } from '#exchange'
import { FolderKeys } from '#reporting'
import type { Config } from '#platform/config'
import { nodeItself, systemRandom, type Actor, type Ctx } from '#platform/context'
import type { NodeName } from '#platform/home'
import { createLog, type Log } from '#platform/log'
import type { Part } from '#platform/provision'
import type { AttachmentNeeds, NodeDefinition } from './definition.ts'
import type { Standing } from './founding.ts'
import { ico } from './ico.ts'
import { ncsc } from './ncsc.ts'
import { portal } from './portal.ts'

export const definitions: Record<NodeName, NodeDefinition> = { portal, ncsc, ico }

/** `databases`: made and migrated already. `connections`: how many each part keeps at most. `gateway`: changes to its configuration, so that a test can make a sender misbehave. */
export type RunOptions = {
  parts?: Part[]
  now?: () => Date
  log?: Log
  databases?: Urls
  connections?: Record<Part, number>
  gateway?: (config: GatewayConfig) => GatewayConfig
}

export type Stop = () => Promise<void>

/** What both parts of a node stand on. */
export type Shared = {
  config: Config
  definition: NodeDefinition
  standing: Standing
  agreement: Agreement
  trust: Trust
  options: RunOptions
}
export type Urls = { desk: string; gateway: string; owner: string }

export function ctxMaker({ config, definition, options }: Shared, part: Part): { log: Log; makeCtx: (actor?: Actor) => Ctx } {
  const log = options.log ?? createLog(config.logLevel, definition.node, part)
  const now = options.now ?? (() => new Date())
  return { log, makeCtx: (actor = nodeItself(definition.node)) => ({ now, random: systemRandom, actor, log }) }
}

/** Each house seals under keys of its own: the portal an organisation's folder, the NCSC what its officers note of a call. */
export function foldersOf({ config, definition }: Shared): FolderKeys {
  return new FolderKeys(join(config.home.nodes[definition.node].keys, 'folders'))
}

export function attachmentsOf({ config, definition }: Shared): AttachmentNeeds {
  return { blobs: config.home.nodes[definition.node].blobs, limit: config.attachmentLimit }
}
