import { equal, type Bytes } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import { transact, type Db, type Tx } from '#platform/db'
import type { Cosigner, CosignReply } from './cosigning.ts'
import { LedgerBroken } from './interval.ts'
import { own } from './log-member.ts'
import { insertMirrored, lockMirror, mirroredLeaves, mirrorRow, ownLeaves, signedHeadFrom, storeMirror } from './mirror-store.ts'
import { cosignatureLine, hashFromBase64, parseCheckpoint, signedBy, sizeFrom, toBase64, type Checkpoint } from './note.ts'
import { entriesOf, grown, peaksIn, rootOfPeaks, type Peaks } from './peaks.ts'
import { insertInconsistent, insertSeen } from './seen-store.ts'
import * as store from './store.ts'
import { emptyRoot } from './tree.ts'

/**
 * Cosigning between nodes: each gives the others its leaves with the head that covers them, and a node cosigns no head of which it does
 * not keep every leaf. So whatever anybody outside ever saw of a log, another house can give back.
 */

// With at most 10,000 leaves passed over at a time (restore.ts), a body stays below the longest that is taken.
const TOGETHER = 8192
const MOST_LEAVES = 20_000

/**
 * The body that gives a node which keeps our log up to `from` the leaves after that, with a signed head over them: at most some thousands
 * at once. Undefined while none is signed. Throws LedgerBroken `peer-is-ahead` where it keeps more than stands here: this house was rolled back.
 */
export async function extendRequest(db: Db, from: number): Promise<{ size: number; newest: boolean; body: string } | undefined> {
  const last = await store.lastSignedHead(db)
  if (!last) return undefined
  if (from > last.size) throw new LedgerBroken('peer-is-ahead')
  const head = (await signedHeadFrom(db, Math.min(from + TOGETHER, last.size))) ?? last
  const leaves = entriesOf(await ownLeaves(db, from, head.size))
  const body = `from ${from}\n${leaves.map((leaf) => `${toBase64(leaf)}\n`).join('')}\n${head.note}`
  return { size: head.size, newest: head.size === last.size, body }
}

/**
 * Takes leaves of another log and cosigns the head over them. Leaves, head and what we witnessed move together, and the signature is given
 * only after the commit. Never signs a head that does not continue the last one of that log that was signed here.
 *
 * | a crash after | leaves |
 * |---|---|
 * | anything before the commit | what was kept before |
 * | the commit | the leaves kept, the cosignature not given; the log asks again, is told 409 with our size, and gets it |
 */
export async function cosignExtended(db: Db, body: string, cosigner: Cosigner, ctx: Ctx): Promise<CosignReply> {
  const request = readRequest(body)
  if (!request || request.from + request.leaves.length !== request.checkpoint.size) return { status: 400, body: 'malformed\n' }
  const { checkpoint } = request
  // Nobody is their own witness.
  const key = checkpoint.origin === cosigner.name ? undefined : own(cosigner.trust.origins, checkpoint.origin)
  if (!key) return { status: 404, body: 'unknown origin\n' }
  if (!isSigned(checkpoint, key)) return { status: 403, body: 'not signed by its log\n' }
  const at = ctx.now()
  const line = cosignatureLine(checkpoint.text, cosigner.name, cosigner.signer, at)
  const refused = await transact(db, (tx) => advance(tx, { ...request, line }, at))
  if (refused?.status === 422) ctx.log.error({ event: 'ledger-inconsistent-head', code: 'refused', count: checkpoint.size })
  return refused ?? { status: 200, body: line }
}

type Offered = { from: number; leaves: Bytes[]; checkpoint: Checkpoint; note: string }

async function advance(
  tx: Tx,
  { from, leaves, checkpoint, note, line }: Offered & { line: string },
  at: Date,
): Promise<CosignReply | undefined> {
  const { origin, size, root } = checkpoint
  const known = await store.lockWitnessed(tx, origin, { size: 0, root: emptyRoot() })
  const mirror = await lockMirror(tx, origin)
  const isFork = size === known.size && !equal(root, known.root)
  if (!isFork && mirror.size !== from) return { status: 409, body: `${mirror.size}\n` }
  const peaks = isFork ? undefined : continued(peaksIn(mirror.peaks), { from, leaves, known, root })
  if (!peaks) {
    await insertInconsistent(tx, { origin, size, root, note, known, proved: isFork }, at)
    return { status: 422, body: 'inconsistent\n' }
  }
  if (leaves.length > 0) await insertMirrored(tx, origin, from, leaves)
  await storeMirror(tx, origin, { size, peaks: Buffer.concat(peaks), note, taken_at: at })
  // Leaves of before what was witnessed otherwise: kept, and nothing signed.
  if (size < known.size) return { status: 409, body: `${size}\n` }
  await store.storeWitnessed(tx, origin, { size, root, note })
  await insertSeen(tx, { origin, size, note: note + line }, at)
  return undefined
}

type Continuation = { from: number; leaves: readonly Bytes[]; known: store.Head; root: Bytes }

/** The tree with these leaves, if it has this root and passes through what was witnessed. */
function continued(before: Peaks, { from, leaves, known, root }: Continuation): Peaks | undefined {
  let peaks = before
  for (const [nth, leaf] of leaves.entries()) {
    peaks = grown(from + nth, peaks, leaf)
    if (from + nth + 1 === known.size && !equal(rootOfPeaks(peaks), known.root)) return undefined
  }
  return equal(rootOfPeaks(peaks), root) ? peaks : undefined
}

/** As tlog-witness has it, but for leaves in the place of a proof. Undefined for anything else. */
function readRequest(body: string): Offered | undefined {
  const end = body.indexOf('\n\n')
  const [first = '', ...lines] = body.slice(0, Math.max(0, end)).split('\n')
  if (end < 0 || !first.startsWith('from ') || lines.length > MOST_LEAVES) return undefined
  const note = body.slice(end + 2)
  try {
    return { from: sizeFrom(first.slice(5)), leaves: lines.map(hashFromBase64), checkpoint: parseCheckpoint(note), note }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function isSigned(checkpoint: Checkpoint, key: Parameters<typeof signedBy>[2]): boolean {
  try {
    return signedBy(checkpoint, checkpoint.origin, key)
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

/** The newest head of another log whose every leaf is kept here, and for how many milliseconds it has been. */
export async function mirroredHead(db: Db, origin: string, ctx: Ctx): Promise<{ size: number; note: string; heldFor: number } | undefined> {
  const row = await mirrorRow(db, origin)
  return row && { size: row.size, note: row.note, heldFor: Math.max(0, ctx.now().getTime() - row.taken_at.getTime()) }
}

/** Leaves of another log from an index on, as a row; so many that one asks again from where they end. */
export function leavesOf(db: Db, origin: string, from: number): Promise<Bytes> {
  return mirroredLeaves(db, origin, from, TOGETHER)
}
