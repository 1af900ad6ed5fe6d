import { readJws } from '#platform/jws'
import { parseCheckpoint } from './note.ts'

/** docs/formats/ledger.md, "Heads file": notes as they were shown, each once. */
export function headsFile(notes: readonly string[]): { v: 1; kind: 'concordat-heads'; heads: string[] } {
  return { v: 1, kind: 'concordat-heads', heads: [...new Set(notes)] }
}

/**
 * Every head that a text shows, unchecked: one note, a heads file, an export, or the log proofs of every statement in a bundle. Throws
 * SyntaxError for a text that shows none.
 */
export function notesIn(text: string): string[] {
  if (isNote(text)) return [text]
  const found = new Set<string>()
  walk(JSON.parse(text), (leaf) => {
    if (isNote(leaf)) found.add(leaf)
    const checkpoint = checkpointOf(leaf)
    if (checkpoint !== undefined) found.add(checkpoint)
  })
  if (found.size === 0) throw new SyntaxError('no head in it')
  return [...found]
}

function walk(value: unknown, visit: (leaf: string) => void): void {
  if (typeof value === 'string') visit(value)
  else if (typeof value === 'object' && value !== null) for (const member of Object.values(value)) walk(member, visit)
}

function isNote(text: string): boolean {
  try {
    return text.includes('\n\n— ') && parseCheckpoint(text).size >= 0
  } catch {
    return false
  }
}

function checkpointOf(jws: string): string | undefined {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(jws)) return undefined
  try {
    const { log } = Object(JSON.parse(readJws(jws).text)) as { log?: { checkpoint?: unknown } }
    return typeof log?.checkpoint === 'string' && isNote(log.checkpoint) ? log.checkpoint : undefined
  } catch {
    return undefined
  }
}
