import type { Ctx } from '#platform/context'
import { transact, type Db, type Tx } from '#platform/db'
import type { Signer } from '#platform/jws'
import { LedgerBroken } from './interval.ts'
import { cosignersOf, own, type LedgerTrust } from './log-member.ts'
import { cosignatureLine, cosignedBy, hashFromBase64, parseCheckpoint, signedBy, sizeFrom, toBase64, type Checkpoint } from './note.ts'
import { consistencyFrom } from './proofs.ts'
import * as store from './store.ts'
import { insertInconsistent, insertSeen } from './seen-store.ts'
import { consistencyHolds, emptyRoot, sharedRoots } from './tree.ts'
import { equal, type Bytes } from '#platform/bytes'

/** Both sides of C2SP tlog-witness `add-checkpoint`: asking for a cosignature, and giving one. */

// C2SP tlog-witness: "The client MUST NOT send more than 63 consistency proof lines".
const MAX_PROOF = 63
const MAX_BODY = 32_768

/**
 * The body that asks a cosigner, whose last size of this log is `old`, for its signature on the newest signed head; undefined while none is
 * signed. Throws LedgerBroken `peer-is-ahead` where the cosigner knows a larger head than stands here: this house was rolled back.
 */
export async function cosignRequest(db: Db, old: number): Promise<{ size: number; body: string } | undefined> {
  const head = await store.lastSignedHead(db)
  if (!head) return undefined
  if (old > head.size) throw new LedgerBroken('peer-is-ahead')
  const proof = await consistencyFrom(db, old, head.size)
  return { size: head.size, body: `old ${old}\n${proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n${head.note}` }
}

/**
 * Keeps what a cosigner answered: signature lines on our head of this size. Durable once it returns; answers with the names of the
 * cosigners kept. C2SP tlog-witness: lines of unknown keys are ignored. Throws SyntaxError, and keeps nothing, for lines that cannot be
 * read or a known cosigner's that does not hold, or if no such head is signed.
 */
export async function addCosignature(db: Db, size: number, lines: string, trust: LedgerTrust): Promise<string[]> {
  const head = await store.headAt(db, size)
  if (!head?.note) throw new SyntaxError('no signed head of this size')
  const checkpoint = parseCheckpoint(head.note + lines)
  const kept = new Map<string, string>()
  let at: Date | undefined
  for (const [name, key] of cosignersOf(checkpoint.origin, trust)) {
    const alone = linesOf(lines, name).find((line) => cosignedBy(parseCheckpoint(head.note + line), name, key))
    if (alone === undefined) continue
    kept.set(name, alone)
    at ??= cosignedBy(parseCheckpoint(head.note + alone), name, key)
  }
  await transact(db, async (tx) => {
    await store.insertCosignatures(tx, size, kept)
    if (at) await insertSeen(tx, { origin: checkpoint.origin, size, note: head.note + [...kept.values()].join('') }, at)
  })
  return [...kept.keys()]
}

/** The same for a checkpoint of ours as somebody publishes it, cosignatures below it. Undefined, and nothing kept, for one of another log. */
export async function takeCosigned(db: Db, origin: string, note: string, trust: LedgerTrust): Promise<number | undefined> {
  const checkpoint = parseCheckpoint(note)
  if (checkpoint.origin !== origin) return undefined
  const kept = await addCosignature(db, checkpoint.size, note.slice(checkpoint.text.length + 1), trust)
  return kept.length > 0 ? checkpoint.size : undefined
}

const linesOf = (lines: string, name: string): string[] => lines.split(/(?<=\n)/).filter((line) => line.startsWith(`— ${name} `))

/** Who cosigns: under which key name, with which key, and which logs it knows. */
export type Cosigner = { name: string; signer: Signer; trust: LedgerTrust }
/** For 409 the body is our size and a newline, of type text/x.tlog.size; for 200 it is signature lines; else a word. */
export type CosignReply = { status: 200 | 400 | 403 | 404 | 409 | 422; body: string }

/**
 * C2SP tlog-witness `add-checkpoint`, in the order it lays down. Never signs a head that does not continue the last one it signed:
 * the row of that log is locked from the check to the commit, and the signature is given only after the commit.
 *
 * | a crash after | leaves |
 * |---|---|
 * | anything before the commit | the head before |
 * | the commit | the new head, its cosignature not given; the log asks again, is told 409 with that size, and gets it |
 */
export async function cosign(db: Db, body: string, cosigner: Cosigner, ctx: Ctx): Promise<CosignReply> {
  const request = readRequest(body)
  if (!request) return { status: 400, body: 'malformed\n' }
  const { old, proof, checkpoint, note } = request
  // Nobody is their own witness.
  const key = checkpoint.origin === cosigner.name ? undefined : own(cosigner.trust.origins, checkpoint.origin)
  if (!key) return { status: 404, body: 'unknown origin\n' }
  if (!holds(() => signedBy(checkpoint, checkpoint.origin, key))) return { status: 403, body: 'not signed by its log\n' }
  if (old > checkpoint.size) return { status: 400, body: 'old size is larger\n' }
  const at = ctx.now()
  const line = cosignatureLine(checkpoint.text, cosigner.name, cosigner.signer, at)
  const refused = await transact(db, (tx) => advance(tx, { old, proof, checkpoint, note, line }, at))
  if (refused) {
    if (refused.status === 422) ctx.log.error({ event: 'ledger-inconsistent-head', code: 'refused', count: checkpoint.size })
    return refused
  }
  return { status: 200, body: line }
}

type Offered = { old: number; proof: Bytes[]; checkpoint: Checkpoint; note: string; line: string }

/** Moves what we know of this log forward, or says why not. What its log signed and does not continue what we know is kept as evidence. */
async function advance(tx: Tx, { old, proof, checkpoint, note, line }: Offered, at: Date): Promise<CosignReply | undefined> {
  const { origin, size, root } = checkpoint
  const known = await store.lockWitnessed(tx, origin, { size: 0, root: emptyRoot() })
  if (known.size !== old) return { status: 409, body: `${known.size}\n` }
  if (!consistencyHolds(known.size, known.root, size, root, proof) || !emptyIsEmpty(checkpoint)) {
    await insertInconsistent(tx, { origin, size, root, note, known, proved: isProved(known, checkpoint, proof) }, at)
    return { status: 422, body: 'inconsistent\n' }
  }
  await store.storeWitnessed(tx, origin, { size, root, note })
  await insertSeen(tx, { origin, size, note: note + line }, at)
  return undefined
}

/** Whether the two heads cannot both be of one log; a proof that is merely wrong says nothing, for anybody can bring one. */
function isProved(known: store.Head, { size, root }: Checkpoint, proof: readonly Bytes[]): boolean {
  if (size === known.size) return !equal(root, known.root)
  const roots = known.size > 0 && known.size < size ? sharedRoots(known.size, size, proof) : undefined
  return roots !== undefined && equal(roots.newer, root) && !equal(roots.older, known.root)
}

/** C2SP tlog-witness: a checkpoint of size zero must have the root of the empty tree. */
function emptyIsEmpty({ size, root }: Checkpoint): boolean {
  return size > 0 || Buffer.compare(root, emptyRoot()) === 0
}

/** C2SP tlog-witness: old size line, proof lines, an empty line, the checkpoint. Undefined for anything else. */
function readRequest(body: string): { old: number; proof: Bytes[]; checkpoint: Checkpoint; note: string } | undefined {
  const end = typeof body === 'string' && body.length <= MAX_BODY ? body.indexOf('\n\n') : -1
  if (end < 0) return undefined
  const [first = '', ...lines] = body.slice(0, end).split('\n')
  if (!first.startsWith('old ') || lines.length > MAX_PROOF) return undefined
  const note = body.slice(end + 2)
  try {
    return { old: sizeFrom(first.slice(4)), proof: lines.map(hashFromBase64), checkpoint: parseCheckpoint(note), note }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function holds(check: () => boolean): boolean {
  try {
    return check()
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}
