import { b64u, fromB64u, sha256 } from '#platform/bytes'
import { hashOf } from '#platform/canonical'
import type { ItemRef, OpenItem } from './message.ts'
import { isOpen, type ShownItem } from './sealed-report.ts'

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

/** Of an item that is not shown its commitment stands for it. */
export function shownItemRef(item: ShownItem): ItemRef {
  return isOpen(item) ? openItemRef(item) : { id: item.id, commitment: item.commitment }
}

/** As `itemsMatch`, where some items may stand closed. */
export function shownItemsMatch(items: ShownItem[], refs: ItemRef[]): boolean {
  const commitments = new Map(refs.map((ref) => [ref.id, ref.commitment]))
  const given = items.map(shownItemRef)
  const same = given.every(({ id, commitment }) => commitments.get(id) === commitment)
  return (
    same && new Set(given.map(({ id }) => id)).size === given.length && given.length === refs.length && commitments.size === refs.length
  )
}
