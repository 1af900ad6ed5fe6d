import { b64u, equal, type Bytes } from '#platform/bytes'
import { own, type LedgerTrust } from './log-member.ts'
import { parseCheckpoint, signedBy, type Checkpoint } from './note.ts'
import { sharedRoots } from './tree.ts'

/** Whether heads that different people were shown can all be of one log. Pure: whoever calls brings the hashes. */

/** A head under its log's own signature, and who showed it. */
export type ShownHead = { origin: string; size: number; root: Bytes; note: string; source: string }

/** Two heads of one log, each signed by it, that cannot both be of it. */
export type SplitView = { origin: string; heads: [ShownHead, ShownHead] }

/** Throws SyntaxError for what no log of `trust` signed. */
export function readHead(note: string, source: string, trust: LedgerTrust): ShownHead {
  const checkpoint = parseCheckpoint(note)
  const key = own(trust.origins, checkpoint.origin)
  if (!key || !signedBy(checkpoint, checkpoint.origin, key)) throw new SyntaxError('not signed by a log of the trust file')
  return { origin: checkpoint.origin, size: checkpoint.size, root: checkpoint.root, note: bareNote(note, checkpoint), source }
}

/** The note with its log's own signature alone: cosignatures differ from copy to copy and say nothing of the tree. */
export function bareNote(note: string, { origin, text }: Pick<Checkpoint, 'origin' | 'text'>): string {
  const lines = note.slice(text.length + 1).split(/(?<=\n)/)
  return `${text}\n${lines.filter((line) => line.startsWith(`— ${origin} `)).join('')}`
}

/** Each head once, as the first showed it, in order of size. */
export function distinctHeads(heads: readonly ShownHead[]): ShownHead[] {
  const each = new Map<string, ShownHead>()
  for (const head of heads) {
    const name = `${head.origin}\n${head.size}\n${b64u(head.root)}`
    if (!each.has(name)) each.set(name, head)
  }
  return [...each.values()].sort((a, b) => (a.origin < b.origin ? -1 : a.origin > b.origin ? 1 : a.size - b.size))
}

/** What needs no proof: two roots of one size. `heads` are distinct and in order. */
export function sameSizeSplits(heads: readonly ShownHead[]): SplitView[] {
  return heads.flatMap((head, at): SplitView[] => {
    const next = heads[at + 1]
    return next && next.origin === head.origin && next.size === head.size ? [{ origin: head.origin, heads: [head, next] }] : []
  })
}

/**
 * Whether a larger tree begins with a smaller one, by the hashes of `sharedRanges`. `unproved`: these hashes are not the larger tree's,
 * so that nothing follows; `split`: they are, and its first leaves are not the smaller tree's, whoever brought the hashes.
 */
export function compareHeads(
  smaller: Pick<ShownHead, 'size' | 'root'>,
  larger: Pick<ShownHead, 'size' | 'root'>,
  path: readonly Bytes[],
): 'consistent' | 'split' | 'unproved' {
  if (smaller.size === 0) return 'consistent'
  if (smaller.size === larger.size) return equal(smaller.root, larger.root) ? 'consistent' : 'split'
  const roots = smaller.size < larger.size ? sharedRoots(smaller.size, larger.size, path) : undefined
  if (!roots || !equal(roots.newer, larger.root)) return 'unproved'
  return equal(roots.older, smaller.root) ? 'consistent' : 'split'
}
