import { SKEW } from '#platform/clock'
import { b64u, equal, type Bytes } from '#platform/bytes'
import {
  chainOf,
  climb,
  commitmentOf,
  edgeRoot,
  extend,
  leafHash,
  parseCheckpoint,
  type Edge,
  type EntryPageRow,
  type LeafPageRow,
} from '#ledger'
import { apart, finding, type Finding } from './findings.ts'
import type { Sent } from './sent.ts'

/** Our own ledger against itself and against what was sent. Pure. */

const ENTRIES = 'ledger.entries'
const HEADS = 'ledger.heads'

// An entry waits for the next interval; longer than a day only in a house that stood still.
const LONGEST_WAIT = 86_400_000

/** One entry: its hashes, its place, its time, its record. `sent` is the message that names it. */
export function entryFindings(row: EntryPageRow, sent: Sent | undefined): Finding[] {
  const found = (code: Finding['code']): Finding => finding(ENTRIES, row.id, code)
  const record = b64u(row.record_hash)
  return [
    ...(sent === undefined ? [found('record-missing')] : []),
    ...(sent !== undefined && sent.record !== record ? [finding('exchange.outbox', sent.id, 'record-differs')] : []),
    ...(hashesHold(row) ? [] : [found('entry-differs')]),
    ...(placeHolds(row) ? [] : [found('entry-misplaced')]),
    ...(timesFit(row, sent) ? [] : [found('dated-otherwise')]),
  ]
}

function hashesHold({ record_hash, salt, chain, commitment, n, previous, salt2 }: EntryPageRow): boolean {
  const opened = n === null || equal(chainOf(salt2!, n, previous!), chain)
  return opened && equal(commitmentOf({ recordHash: record_hash, salt, chain }), commitment)
}

function placeHolds({ index, slot, path, leaf, commitment }: EntryPageRow): boolean {
  if (index === null) return true
  const hashes = Array.from({ length: path!.length / 32 }, (_, nth) => path!.subarray(nth * 32, (nth + 1) * 32))
  try {
    return leaf !== null && equal(climb(commitment, slot!, hashes), leaf)
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

function timesFit({ appended_at, covered_at }: EntryPageRow, sent: Sent | undefined): boolean {
  const waited = covered_at === null ? 0 : covered_at.getTime() - appended_at.getTime()
  return waited >= -SKEW && waited <= LONGEST_WAIT && (sent === undefined || !apart(appended_at, sent.queuedAt))
}

/** What each chain needs of an entry. */
export type Link = { n: number; previous: string; commitment: string }

/** Each organisation's entries are numbered from 1 without gap, each names the one before, and the last is the chain's head. */
export function chainFindings(
  links: ReadonlyMap<string, readonly Link[]>,
  chains: readonly { organisation: string; n: number; head: Bytes }[],
): Finding[] {
  const heads = new Map(chains.map((chain) => [chain.organisation, chain]))
  const names = new Set([...links.keys(), ...heads.keys()])
  return [...names].flatMap((organisation) => {
    const own = [...(links.get(organisation) ?? [])].sort((a, b) => a.n - b.n)
    const head = heads.get(organisation)
    const follows = own.every(({ n, previous }, at) => n === at + 1 && previous === (own[at - 1]?.commitment ?? b64u(Buffer.alloc(32))))
    const ends = head !== undefined && head.n === own.length && own.at(-1)?.commitment === b64u(head.head)
    return follows && ends ? [] : [finding('ledger.chains', organisation, 'chain-gap')]
  })
}

/** The tree so far. Begins with no leaf and no edge. */
export type Tree = { size: number; edge: Edge; newest: Date | undefined }

/**
 * The next page of leaves. Every head is compared with what was signed; that the leaves hash to it is worked out for the last of the
 * page, which no leaf before it can have changed without being seen.
 */
export function leafFindings(tree: Tree, rows: readonly LeafPageRow[], origin: string): Finding[] {
  const findings: Finding[] = []
  for (const row of rows) {
    if (row.index !== tree.size || row.root === null) findings.push(finding('ledger.leaves', String(tree.size), 'leaf-missing'))
    if (!headFits(row, tree, origin)) findings.push(finding(HEADS, String(row.index + 1), 'head-differs'))
    tree.edge = extend(row.index, tree.edge, leafHash(row.leaf)).edge
    tree.size = row.index + 1
    tree.newest = row.created_at ?? tree.newest
  }
  const last = rows.at(-1)
  if (last?.root && !equal(edgeRoot(tree.edge), last.root)) findings.push(finding(HEADS, String(last.index + 1), 'root-differs'))
  return findings
}

/** The last head of all may be waiting for its signature. */
function headFits({ index, root, note, created_at }: LeafPageRow, { newest }: Tree, origin: string): boolean {
  const later = !created_at || !newest || created_at.getTime() >= newest.getTime() - SKEW
  if (root === null || note === null) return later
  try {
    const signed = parseCheckpoint(note)
    return later && signed.origin === origin && signed.size === index + 1 && equal(signed.root, root)
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

export const linkOf = ({ n, previous, commitment }: EntryPageRow): Link => ({
  n: n!,
  previous: b64u(previous!),
  commitment: b64u(commitment),
})
