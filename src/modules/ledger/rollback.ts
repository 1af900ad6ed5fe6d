import { equal } from '#platform/bytes'
import type { Db } from '#platform/db'
import type { LedgerIdentity } from './interval.ts'
import { parseCheckpoint, signedBy } from './note.ts'
import { headAt, lastHead, witnessedNote } from './store.ts'

/** The newest checkpoint of another log that this node cosigned: evidence for that log's own keeper. */
export function witnessedCheckpoint(db: Db, origin: string): Promise<string | undefined> {
  return witnessedNote(db, origin)
}

/**
 * True where a checkpoint under our own signature says what our database does not know: it is ahead of us, or differs at the
 * same size. Then this house was rolled back or restored, and whatever it signs next could be a second head of one size.
 * Nobody can make it true but the holder of our log key; a note of anybody else says nothing.
 */
export async function isRolledBack(db: Db, ledger: LedgerIdentity, note: string): Promise<boolean> {
  const checkpoint = readOwn(ledger, note)
  if (!checkpoint) return false
  const last = await lastHead(db)
  if (checkpoint.size > last.size) return true
  const ours = await headAt(db, checkpoint.size)
  return !ours || !equal(ours.root, checkpoint.root)
}

function readOwn(ledger: LedgerIdentity, note: string) {
  try {
    const checkpoint = parseCheckpoint(note)
    return checkpoint.origin === ledger.origin && signedBy(checkpoint, ledger.origin, ledger.signer.jwk) ? checkpoint : undefined
  } catch {
    return undefined
  }
}
