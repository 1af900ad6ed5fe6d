import { randomBytes } from 'node:crypto'
import type { Bytes } from './bytes.ts'
import type { Log } from './log.ts'

/** Who acts: a person with the roles they hold at this node, or the node itself. */
export type Actor = {
  id: string
  name: string
  roles: readonly string[]
  /** Id of the organisation the person belongs to. */
  organisation?: string
  /** Set for the holder of a folder's resume token and nobody else: the one incident they may open. */
  folder?: string
  /** Id of the mandate under which a person acts for `organisation`, which is then not their own. */
  mandate?: string
  /** What that mandate covers; whoever acts without one is bound by roles alone. */
  scope?: readonly string[]
}

/**
 * By what a caller showed who they are. A session: when its person last proved it, unknown where nobody said. A token: what it may be
 * used for, whatever roles its holder has.
 */
export type Credential = { kind: 'session'; provedAt?: Date } | { kind: 'token'; id: string; scopes: readonly TokenScope[]; expires: Date }

/** `read`: see. `file`: change. `act`: sign, release, approve. One does not bring another. */
export const tokenScopes = ['read', 'file', 'act'] as const
export type TokenScope = (typeof tokenScopes)[number]

export type Recognised = { actor: Actor; credential: Credential }

/** Made at the edge, passed down; nothing else reads a clock or draws a random number. */
export type Ctx = { now: () => Date; random: Random; actor: Actor; log: Log }

/** Ids, salts and slots come from here, so that two worlds can be run alike (keys and HPKE use the system's source directly). */
export type Random = { bytes(length: number): Bytes; below(limit: number): number; uuid(): string }

export function randomFrom(bytes: (length: number) => Bytes): Random {
  const below = (limit: number): number => {
    // Rejection sampling: a remainder alone would favour small numbers.
    const ceiling = Math.floor(0x1_0000_0000 / limit) * limit
    for (;;) {
      const draw = Buffer.from(bytes(4)).readUInt32BE()
      if (draw < ceiling) return draw % limit
    }
  }
  const uuid = (): string => {
    const b = Buffer.from(bytes(16))
    b[6] = (b[6]! & 0x0f) | 0x40
    b[8] = (b[8]! & 0x3f) | 0x80
    const hex = b.toString('hex')
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  }
  return { bytes, below, uuid }
}

export const systemRandom: Random = randomFrom((length) => randomBytes(length))

export function actingAs(ctx: Ctx, actor: Actor): Ctx {
  return { ...ctx, actor }
}

export const nodeItself = (node: string): Actor => ({ id: node, name: node, roles: [] })
