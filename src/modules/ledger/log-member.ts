import { b64u, equal, fromB64u, sha256, uint64, type Bytes } from '#platform/bytes'
import { hashOf } from '#platform/canonical'
import type { PublicJwk } from '#platform/jws'
import { cosignedBy, parseCheckpoint, signedBy } from './note.ts'
import { climb, inclusionHolds, leafHash } from './tree.ts'

/** The member `log` of a statement, as docs/formats/statement.md has it: hashes and salts are base64url. */
export type LogMember = {
  salt: string
  chain: string
  opening?: { n: number; previous: string; salt2: string }
  slot: number
  path: string[]
  index: number
  proof: string[]
  checkpoint: string
}

/**
 * Whom a reader believes: logs by origin, witnesses by key name. Every log may also cosign the others, under its origin as name.
 * `required`: where it names anybody, only cosignatures by these witnesses count.
 */
export type LedgerTrust = { origins: Record<string, PublicJwk>; witnesses: Record<string, PublicJwk>; required?: readonly string[] }

export type CheckedLog = {
  /** The earliest cosignature that counts, never the log's own: the time that counts. */
  logTime: Date
  size: number
  /** Base64url. Two different roots of one size and origin are a fork. */
  root: string
  index: number
  commitment: Bytes
  /** Both only where the member opens its chain. */
  n?: number
  previous?: Bytes
}

/** A checkpoint whose log and cosigners were checked. */
export type CheckedCheckpoint = { size: number; root: Bytes; logTime: Date }
/** Checkpoints already checked, so that a thousand statements of one interval cost one check. Keep one for each trust. */
export type CheckpointCache = Map<string, CheckedCheckpoint>

export type ProofFault = 'origin-unknown' | 'not-signed-by-log' | 'not-cosigned' | 'other-origin' | 'not-included' | 'chain-does-not-open'

/** The member has the right form and proves nothing. What has not even the form throws SyntaxError. */
export class LogProofInvalid extends Error {
  readonly code: ProofFault
  constructor(code: ProofFault) {
    super(code)
    this.name = 'LogProofInvalid'
    this.code = code
  }
}

/** docs/formats/statement.md: SHA-256(salt2 ‖ n ‖ previous). Hides from all but the organisation that there is a chain at all. */
export function chainOf(salt2: Bytes, n: number, previous: Bytes): Bytes {
  return sha256(salt2, uint64(n), previous)
}

/** docs/formats/statement.md: SHA-256(salt ‖ SHA-256(canonical record) ‖ chain). */
export function commitmentOf({ recordHash, salt, chain }: { recordHash: Bytes; salt: Bytes; chain: Bytes }): Bytes {
  return sha256(salt, recordHash, chain)
}

/** What comes before the first entry of a chain. */
export const chainStart = (): Bytes => Buffer.alloc(32)

// 2^20 slots: far beyond any interval, and no work for a liar to cause.
const MAX_PATH = 20

/**
 * Proves, or throws, that `record` stands in the log `origin`, and since when. Reads nothing but its arguments.
 * Throws SyntaxError for a member that is not of the form, LogProofInvalid for one that does not hold.
 */
export function checkLog(record: object, log: LogMember, origin: string, trust: LedgerTrust, cache?: CheckpointCache): CheckedLog {
  const { salt, chain, path, proof, opening } = readMember(log)
  if (opening && !equal(chainOf(opening.salt2, opening.n, opening.previous), chain)) throw new LogProofInvalid('chain-does-not-open')
  const commitment = commitmentOf({ recordHash: hashOf(record), salt, chain })
  const { size, root, logTime } = checkCheckpoint(log.checkpoint, origin, trust, cache)
  // docs/formats/ledger.md: the log's leaf is the interval's root.
  const leaf = leafHash(climb(commitment, log.slot, path))
  if (!inclusionHolds(leaf, log.index, size, proof, root)) throw new LogProofInvalid('not-included')
  return { logTime, size, root: b64u(root), index: log.index, commitment, ...(opening && { n: opening.n, previous: opening.previous }) }
}

/** Checks form alone; a member not known is refused (docs/formats/README.md). */
function readMember(log: LogMember) {
  const { opening, path, proof } = log
  members(log, ['chain', 'checkpoint', 'index', 'path', 'proof', 'salt', 'slot'], ['opening'])
  if (!isIndex(log.index) || !isIndex(log.slot) || !Array.isArray(path) || !Array.isArray(proof)) throw new SyntaxError('log member')
  if (path.length > MAX_PATH || log.slot >= 2 ** path.length || proof.length > 53) throw new SyntaxError('log member')
  return {
    salt: fromB64u(log.salt, 32),
    chain: fromB64u(log.chain, 32),
    path: path.map((hash) => fromB64u(hash, 32)),
    proof: proof.map((hash) => fromB64u(hash, 32)),
    opening: opening === undefined ? undefined : readOpening(opening),
  }
}

function readOpening(opening: NonNullable<LogMember['opening']>) {
  members(opening, ['n', 'previous', 'salt2'])
  const previous = fromB64u(opening.previous, 32)
  // docs/formats/statement.md: 32 zero bytes before the first, and only there.
  if (!isIndex(opening.n) || opening.n < 1 || (opening.n === 1) !== equal(previous, chainStart())) throw new SyntaxError('chain opening')
  return { n: opening.n, previous, salt2: fromB64u(opening.salt2, 32) }
}

function members(value: object, required: string[], optional: string[] = []): void {
  if (typeof value !== 'object' || value === null) throw new SyntaxError('log member')
  const names = Object.keys(value)
  const known = names.every((name) => required.includes(name) || optional.includes(name))
  if (!known || !required.every((name) => names.includes(name))) throw new SyntaxError('log member')
}

const isIndex = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 0

const MAX_CACHED = 4_096

/**
 * A checkpoint of this origin, signed by its log and cosigned by at least one other party, or a throw.
 * Remembers what it found in `cache`; what fails is never remembered.
 */
export function checkCheckpoint(note: string, origin: string, trust: LedgerTrust, cache?: CheckpointCache): CheckedCheckpoint {
  const name = `${origin}\n${note}`
  const known = cache?.get(name)
  if (known) return known
  const checkpoint = parseCheckpoint(note)
  if (checkpoint.origin !== origin) throw new LogProofInvalid('other-origin')
  const key = own(trust.origins, origin)
  if (!key) throw new LogProofInvalid('origin-unknown')
  if (!signedBy(checkpoint, origin, key)) throw new LogProofInvalid('not-signed-by-log')
  const times = [...countingOf(origin, trust)].flatMap(([cosigner, jwk]) => cosignedBy(checkpoint, cosigner, jwk)?.getTime() ?? [])
  if (times.length === 0) throw new LogProofInvalid('not-cosigned')
  const checked = { size: checkpoint.size, root: checkpoint.root, logTime: new Date(Math.min(...times)) }
  if (cache && cache.size >= MAX_CACHED) cache.clear()
  cache?.set(name, checked)
  return checked
}

/** Whose cosignature makes a head of this log count: the witnesses that are required, or, where none is, every cosigner. */
function countingOf(origin: string, trust: LedgerTrust): Map<string, PublicJwk> {
  const known = cosignersOf(origin, trust)
  const { required = [] } = trust
  return required.length === 0 ? known : new Map([...known].filter(([name]) => required.includes(name)))
}

/**
 * Who may cosign a log: every witness and every other log, by key name. Never the log itself, under whatever name:
 * an Ed25519 cosignature does not say its cosigner's name (C2SP tlog-cosignature), so the log's own key is left out too.
 */
export function cosignersOf(origin: string, trust: LedgerTrust): Map<string, PublicJwk> {
  const all = [...Object.entries(trust.witnesses), ...Object.entries(trust.origins)]
  const self = own(trust.origins, origin)?.x
  return new Map(all.filter(([name, key]) => name !== origin && key.x !== self))
}

/** A member the table has itself: an origin named `constructor` must not find what every object inherits. */
export function own<T>(table: Record<string, T>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}
