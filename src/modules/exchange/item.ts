import { b64u, fromB64u, sha256 } from '#platform/bytes'
import { hashOf } from '#platform/canonical'
import type { ItemRef, OpenItem } from './message.ts'

/** SHA-256(salt ‖ SHA-256(canonical {id, question, value})): docs/formats/statement.md. */
export function itemCommitment(item: OpenItem): string {
  return b64u(sha256(fromB64u(item.salt, 32), hashOf({ id: item.id, question: item.question, value: item.value })))
}

export function openItemRef(item: OpenItem): ItemRef {
  return { id: item.id, commitment: itemCommitment(item) }
}

/** True when the opened items are exactly the references: same ids, same commitments, nothing beside, nothing twice. */
export function itemsMatch(items: OpenItem[], refs: ItemRef[]): boolean {
  const commitments = new Map(refs.map((ref) => [ref.id, ref.commitment]))
  if (commitments.size !== refs.length || items.length !== refs.length) return false
  const seen = new Set<string>()
  for (const item of items) {
    if (seen.has(item.id) || commitments.get(item.id) !== itemCommitment(item)) return false
    seen.add(item.id)
  }
  return true
}
