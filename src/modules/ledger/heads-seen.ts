import type { Db } from '#platform/db'
import { inconsistentRows, lastNotes, seenNotes } from './seen-store.ts'
import { cosignatureLines, lastSignedHead } from './store.ts'

/** Every head worth comparing with what somebody else was shown, as notes. Needs no more than the desk's rights. */
export async function headsSeen(db: Db, since: string): Promise<string[]> {
  const own = await lastSignedHead(db)
  const accused = await inconsistentRows(db)
  return [
    ...(await seenNotes(db, since)),
    ...(await lastNotes(db)),
    ...(own ? [own.note + (await cosignatureLines(db, own.size))] : []),
    ...accused.flatMap(({ note, known_note }) => (known_note === '' ? [note] : [known_note, note])),
  ]
}
