import { createPrivateKey, sign } from 'node:crypto'
import { b64u, fromB64u, sha256, uint64, type Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { randomFrom, type Random } from '#platform/context'
import { signerOf, type PrivateJwk, type Signer } from '#platform/jws'
import type { LogMember } from '#ledger'

/**
 * For tests and vectors: a ledger in memory, written from docs/formats/ledger.md and RFC 6962 and sharing no code with the real one,
 * so that a verifier that agrees with it agrees with the page. Keys and chance follow from a word, so that all of it can be made again.
 */

/** RFC 8410 section 7: an Ed25519 private key in PKCS #8 is this prefix and the seed. */
export function keyFrom(word: string): PrivateJwk {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), sha256(`concordat key: ${word}`)])
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' }) as unknown as PrivateJwk
}

export const signerFrom = (word: string): Signer => signerOf(keyFrom(word))

export function randomFromWord(word: string): Random {
  let drawn = 0
  const block = () => Buffer.from(sha256(`${word} ${drawn++}`))
  return randomFrom((length) => Buffer.concat(Array.from({ length: Math.ceil(length / 32) || 1 }, block)).subarray(0, length))
}

const leaf = (content: Bytes): Bytes => sha256(Buffer.of(0), content)
const inner = (left: Bytes, right: Bytes): Bytes => sha256(Buffer.of(1), left, right)

/** RFC 6962 section 2.1: k, the largest power of two smaller than n. */
const half = (n: number): number => 2 ** Math.floor(Math.log2(n - 1))

function treeHash(leaves: Bytes[]): Bytes {
  if (leaves.length === 1) return leaf(leaves[0]!)
  const k = half(leaves.length)
  return inner(treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k)))
}

function auditPath(at: number, leaves: Bytes[]): Bytes[] {
  if (leaves.length === 1) return []
  const k = half(leaves.length)
  if (at < k) return [...auditPath(at, leaves.slice(0, k)), treeHash(leaves.slice(k))]
  return [...auditPath(at - k, leaves.slice(k)), treeHash(leaves.slice(0, k))]
}

/** Every level of a full tree, slots first. */
function levelsOf(slots: Bytes[]): Bytes[][] {
  const levels = [slots.map(leaf)]
  while (levels.at(-1)!.length > 1) {
    const below = levels.at(-1)!
    levels.push(below.flatMap((left, at) => (at % 2 === 0 ? [inner(left, below[at + 1]!)] : [])))
  }
  return levels
}

function noteLine(name: string, type: number, signer: Signer, signed: Bytes): string {
  const id = sha256(name, '\n', Buffer.of(type), fromB64u(signer.jwk.x)).subarray(0, 4)
  return `\u2014 ${name} ${Buffer.concat([id, signed]).toString('base64')}\n`
}

export type Cosigner = { name: string; signer: Signer }

/** C2SP tlog-checkpoint and tlog-cosignature/v1. */
export function checkpointOf(head: { origin: string; size: number; root: Bytes }, log: Signer, cosigners: Cosigner[], at: Date): string {
  const text = `${head.origin}\n${head.size}\n${Buffer.from(head.root).toString('base64')}\n`
  const seconds = Math.floor(at.getTime() / 1000)
  const cosigned = cosigners.map(({ name, signer }) => {
    const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`), signer.key)
    return noteLine(name, 4, signer, Buffer.concat([uint64(seconds), signature]))
  })
  return `${text}\n${noteLine(head.origin, 1, log, sign(null, Buffer.from(text), log.key))}${cosigned.join('')}`
}

/** An entry; `log` is there once its interval is closed. */
export type Entered = { text: string; log?: LogMember; n?: number; commitment: Bytes }
type Waiting = { entered: Entered; salt: Bytes; chain: Bytes; opening: LogMember['opening'] }

export type ToyLedger = {
  enter(record: object, organisation?: string): Entered
  /** How many entries an organisation has, and the commitment of the last. */
  chain(organisation: string): { n: number; previous: Bytes }
  /** One leaf more; whatever was entered gets its proof under the new head. */
  close(at: Date): void
}

export function toyLedger(options: { origin: string; slots: number; log: Signer; cosigners: Cosigner[]; random: Random }): ToyLedger {
  const { origin, slots, log, cosigners, random } = options
  const leaves: Bytes[] = []
  const chains = new Map<string, { n: number; previous: Bytes }>()
  let waiting: Waiting[] = []
  return {
    chain: (organisation) => chains.get(organisation) ?? { n: 0, previous: Buffer.alloc(32) },
    enter: (record, organisation) => {
      const text = canonical(record)
      const [salt, second] = [random.bytes(32), random.bytes(32)]
      const last = organisation === undefined ? undefined : (chains.get(organisation) ?? { n: 0, previous: Buffer.alloc(32) })
      const opening = last && { n: last.n + 1, previous: b64u(last.previous), salt2: b64u(second) }
      const chain = last ? sha256(second, uint64(last.n + 1), last.previous) : second
      const entered: Entered = { text, commitment: sha256(salt, sha256(text), chain), ...(last && { n: last.n + 1 }) }
      if (last) chains.set(organisation!, { n: last.n + 1, previous: entered.commitment })
      waiting.push({ entered, salt, chain, opening })
      return entered
    },
    close: (at) => {
      const content: Bytes[] = Array.from({ length: slots }, () => random.bytes(32))
      const places = shuffled(slots, waiting.length, random)
      waiting.forEach(({ entered }, nth) => {
        content[places[nth]!] = entered.commitment
      })
      const levels = levelsOf(content)
      leaves.push(levels.at(-1)![0]!)
      const index = leaves.length - 1
      const checkpoint = checkpointOf({ origin, size: leaves.length, root: treeHash(leaves) }, log, cosigners, at)
      const proof = auditPath(index, leaves).map(b64u)
      waiting.forEach(({ entered, salt, chain, opening }, nth) => {
        const slot = places[nth]!
        const path = levels.slice(0, -1).map((level, height) => b64u(level[(slot >> height) ^ 1]!))
        entered.log = { salt: b64u(salt), chain: b64u(chain), ...(opening && { opening }), slot, path, index, proof, checkpoint }
      })
      waiting = []
    },
  }
}

function shuffled(slots: number, wanted: number, random: Random): number[] {
  if (wanted > slots) throw new RangeError('more entries than slots')
  const all = Array.from({ length: slots }, (_, slot) => slot)
  for (let at = 0; at < wanted; at += 1) {
    const other = at + random.below(slots - at)
    ;[all[at], all[other]] = [all[other]!, all[at]!]
  }
  return all.slice(0, wanted)
}
