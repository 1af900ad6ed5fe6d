import { originOf, type Config } from '#platform/config'
import { nodeNames, readJson, writeFileAtomically, type NodeName } from '#platform/home'
import type { PrivateJwk } from '#platform/jws'

export type TryPerson = {
  name: string
  roles: string[]
  organisation?: string
  node: NodeName
  token: string
  /** Organisations that gave this agent a mandate: `id` is what the header `on-behalf-of` takes. */
  clients?: { organisation: string; id: string }[]
  signingKey?: PrivateJwk & { kid: string }
}

/** What a script needs to act as anybody of the small world. Trying out only. */
export type TryFile = { nodes: Record<NodeName, { url: string }>; people: TryPerson[] }

export async function writeTryFile(config: Config, people: TryPerson[]): Promise<TryFile> {
  const nodes = Object.fromEntries(nodeNames.map((node) => [node, { url: originOf(config, node) }])) as TryFile['nodes']
  await writeFileAtomically(config.home.tryFile, `${JSON.stringify({ nodes, people }, null, 1)}\n`)
  return { nodes, people }
}

/** The addresses may have moved since the last start. */
export async function refreshTryFile(config: Config): Promise<TryFile> {
  return writeTryFile(config, ((await readJson(config.home.tryFile)) as TryFile).people)
}
