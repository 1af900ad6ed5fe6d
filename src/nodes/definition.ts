import type { Agreement } from '#agreement'
import type { GatewayConfig } from '#disclosure'
import type { Trust } from '#exchange'
import type { FolderKeys } from '#reporting'
import type { Endpoint } from '#platform/api'
import type { Db } from '#platform/db'
import type { Signer } from '#platform/jws'
import type { NodeName } from '#platform/home'
import type { NavigationLink } from '#platform/http/layout'
import type { Page } from '#platform/pages'
import type { OpeningKey } from '#platform/seal'

/** Where this node's blobs lie, and how many bytes the largest attachment may have. */
export type AttachmentNeeds = { blobs: string; limit: number }
export type DeskNeeds = {
  db: Db
  agreement: Agreement
  trust: Trust
  folders: FolderKeys
  attachments: AttachmentNeeds
  poke: () => void
  waitMilliseconds: number
  /** As browsers know the node: what a passkey is bound to. */
  origin: string
}
export type GatewayNeeds = {
  /** The node's statement key: an enrolment record takes the signatures of two. */
  signer: Signer
  /** What is sealed to this node is opened with it. */
  opening: OpeningKey
  agreement: Agreement
  trust: Trust
  folders: FolderKeys
  attachments: AttachmentNeeds
  graceMilliseconds: number
  /** Between two statements to an organisation. */
  statementSeconds: number
}

/** What runs at a node: which modules keep tables there, what its desk offers, what its gateway sends and takes. Nothing else. */
export type NodeDefinition = {
  node: NodeName
  title: string
  runBy: string
  /** In the order their tables are made; each a folder of migrations below src/modules. */
  migrations: string[]
  /** Routes that no limit on requests may close: what a genuine first report needs. */
  neverLimited: string[]
  desk(needs: DeskNeeds): { endpoints: Endpoint[]; pages: Page[]; navigation?: NavigationLink[]; home?: string }
  gateway(
    needs: GatewayNeeds,
  ): Pick<GatewayConfig, 'outbound' | 'inbound' | 'mayNotLeave' | 'chores' | 'signOnly' | 'errands' | 'peerRoutes' | 'restoreOwn'>
}
