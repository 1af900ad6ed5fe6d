import { webcrypto } from 'node:crypto'

/**
 * Test helper: a stranger's check of a log, from its public files alone. Written from RFC 6962 section 2.1's recursive definitions and the
 * C2SP pages, with Node's webcrypto. It imports nothing of this project, so that it cannot share a mistake with it.
 */

type Octets = Uint8Array<ArrayBuffer>
export type Read = (path: string) => Promise<Uint8Array | undefined>
export type Party = { name: string; publicKey: Uint8Array }
export type Audited = { size: number; root: string; leaves: Octets[]; times: Record<string, number> }

const { subtle } = webcrypto
const join = (...parts: Uint8Array[]): Octets => new Uint8Array(parts.flatMap((part) => [...part]))
const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
const text = (value: string): Octets => new TextEncoder().encode(value)
const sha256 = async (bytes: Octets): Promise<Octets> => new Uint8Array(await subtle.digest('SHA-256', bytes))
const base64 = (value: string): Octets => Uint8Array.from(atob(value), (character) => character.charCodeAt(0))

function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(`audit: ${what}`)
}

const same = (a: Uint8Array, b: Uint8Array): boolean => hex(a) === hex(b)

function largestPowerBelow(n: number): number {
  let k = 1
  while (k * 2 < n) k = k * 2
  return k
}

/** "Given an ordered list of n inputs, D[n] = {d(0), d(1), ..., d(n-1)}, the Merkle Tree Hash (MTH) is thus defined as follows". */
export async function treeHash(d: Octets[]): Promise<Octets> {
  if (d.length === 0) return sha256(join())
  if (d.length === 1) return sha256(join(text('\u0000'), d[0]!))
  const k = largestPowerBelow(d.length)
  return sha256(join(text('\u0001'), await treeHash(d.slice(0, k)), await treeHash(d.slice(k))))
}

/** "PATH(m, D[n])", section 2.1.1. */
export async function auditPath(m: number, d: Octets[]): Promise<Octets[]> {
  if (d.length === 1) return []
  const k = largestPowerBelow(d.length)
  return m < k
    ? [...(await auditPath(m, d.slice(0, k))), await treeHash(d.slice(k))]
    : [...(await auditPath(m - k, d.slice(k))), await treeHash(d.slice(0, k))]
}

/** "PROOF(m, D[n])", section 2.1.2. */
export async function consistency(m: number, d: Octets[]): Promise<Octets[]> {
  const subproof = async (at: number, part: Octets[], complete: boolean): Promise<Octets[]> => {
    if (at === part.length) return complete ? [] : [await treeHash(part)]
    const k = largestPowerBelow(part.length)
    return at <= k
      ? [...(await subproof(at, part.slice(0, k), complete)), await treeHash(part.slice(k))]
      : [...(await subproof(at - k, part.slice(k), false)), await treeHash(part.slice(0, k))]
  }
  return subproof(m, d, true)
}

async function ed25519(publicKey: Uint8Array, signature: Octets, message: Octets): Promise<boolean> {
  const key = await subtle.importKey('raw', join(publicKey), 'Ed25519', false, ['verify'])
  return subtle.verify('Ed25519', key, signature, message)
}

/** The signatures of this type by this party on a note: what follows the four bytes of key id. */
async function signaturesOf(lines: string[], party: Party, type: number): Promise<Octets[]> {
  const id = (await sha256(join(text(`${party.name}\n`), Uint8Array.of(type), party.publicKey))).slice(0, 4)
  return lines
    .filter((line) => line.startsWith(`\u2014 ${party.name} `))
    .map((line) => base64(line.split(' ')[2]!))
    .filter((bytes) => same(bytes.slice(0, 4), id))
    .map((bytes) => bytes.slice(4))
}

/** A checkpoint: signed by its log (type 0x01), and when by each cosigner that signed it (type 0x04). */
export async function auditCheckpoint(
  note: string,
  log: Party,
  cosigners: Party[],
): Promise<{ size: number; root: Octets; times: Record<string, number> }> {
  const [body, signatures] = [note.slice(0, note.indexOf('\n\n') + 1), note.slice(note.indexOf('\n\n') + 2)]
  const [origin, size, root] = body.split('\n')
  demand(origin === log.name, 'another origin')
  const lines = signatures.trimEnd().split('\n')
  const own = await signaturesOf(lines, log, 1)
  demand(own.length === 1 && (await ed25519(log.publicKey, own[0]!, text(body))), 'not signed by the log')
  const times: Record<string, number> = {}
  for (const cosigner of cosigners)
    for (const signature of await signaturesOf(lines, cosigner, 4)) {
      const seconds = Number(new DataView(signature.buffer).getBigUint64(0))
      demand(await ed25519(cosigner.publicKey, signature.slice(8), text(`cosignature/v1\ntime ${seconds}\n${body}`)), 'cosignature fails')
      times[cosigner.name] = seconds
    }
  return { size: Number(size), root: base64(root!), times }
}

const tilePath = (level: string, n: number, width: number): string => {
  const digits = String(n)
    .padStart(Math.ceil(String(n).length / 3) * 3, '0')
    .match(/.{3}/g)!
  const groups = digits.map((group, at) => (at < digits.length - 1 ? `x${group}` : group)).join('/')
  return `tile/${level}/${groups}${width < 256 ? `.p/${width}` : ''}`
}

async function readTiles(read: Read, level: string, hashes: number): Promise<Octets> {
  const tiles: Uint8Array[] = []
  for (let n = 0; n * 256 < hashes; n += 1) {
    const path = tilePath(level, n, Math.min(256, hashes - n * 256))
    const tile = await read(path)
    demand(tile !== undefined, `${path} is missing`)
    tiles.push(tile!)
  }
  return join(...tiles)
}

function entriesOf(bundle: Octets): Octets[] {
  const entries: Octets[] = []
  for (let at = 0; at < bundle.length; ) {
    const length = bundle[at]! * 256 + bundle[at + 1]!
    entries.push(bundle.slice(at + 2, at + 2 + length))
    at += 2 + length
  }
  return entries
}

/** The whole log: the checkpoint's signatures, every entry, every hash of every tile of every level, and the root. */
export async function auditLog(read: Read, log: Party, cosigners: Party[]): Promise<Audited> {
  const note = new TextDecoder().decode(await read('checkpoint'))
  const { size, root, times } = await auditCheckpoint(note, log, cosigners)
  const leaves = entriesOf(await readTiles(read, 'entries', size))
  demand(leaves.length === size && leaves.every((leaf) => leaf.length === 32), 'entries are not one root an interval')
  demand(same(await treeHash(leaves), root), 'root differs')
  for (let level = 0, span = 1; Math.floor(size / span) > 0; level += 1, span *= 256) {
    const hashes = await readTiles(read, String(level), Math.floor(size / span))
    for (let at = 0; at * span + span <= size; at += 1)
      demand(
        same(hashes.slice(at * 32, at * 32 + 32), await treeHash(leaves.slice(at * span, at * span + span))),
        `tile hash ${level}/${at}`,
      )
  }
  return { size, root: hex(root), leaves, times }
}

type Member = { salt: string; chain: string; slot: number; path: string[]; index: number; proof: string[]; checkpoint: string }
const base64url = (value: string): Octets => base64(value.replaceAll('-', '+').replaceAll('_', '/'))

/** One record's proof: commitment, interval, leaf, audit path and checkpoint, against a log already audited. */
export async function auditMember(record: string, member: Member, audited: Audited, log: Party, cosigners: Party[]): Promise<void> {
  let hash = await sha256(join(base64url(member.salt), await sha256(text(record)), base64url(member.chain)))
  hash = await sha256(join(text('\u0000'), hash))
  let slot = member.slot
  for (const sibling of member.path.map(base64url)) {
    hash = await sha256(slot % 2 === 0 ? join(text('\u0001'), hash, sibling) : join(text('\u0001'), sibling, hash))
    slot = Math.floor(slot / 2)
  }
  demand(slot === 0 && same(hash, audited.leaves[member.index]!), 'interval root differs')
  const { size, root, times } = await auditCheckpoint(member.checkpoint, log, cosigners)
  const then = audited.leaves.slice(0, size)
  demand(same(await treeHash(then), root), 'root of the proof differs')
  const path = await auditPath(member.index, then)
  demand(path.map(hex).join() === member.proof.map((item) => hex(base64url(item))).join(), 'audit path differs')
  demand(Object.keys(times).length > 0, 'nobody cosigned')
}
