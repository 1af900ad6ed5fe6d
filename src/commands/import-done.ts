import { appendFile, readFile } from 'node:fs/promises'
import { z } from 'zod'
import { Usage } from './report-portal.ts'

/** `opened`: there is a folder, and perhaps no draft in it yet. */
const entry = z.strictObject({ incident: z.string(), id: z.uuid(), reference: z.string(), state: z.enum(['opened', 'imported']) })
export type Entry = z.infer<typeof entry>

/** What was imported before, and a way to note more of it: an entry a line, the last of an incident counting. */
export type Done = { of(incident: string): Entry | undefined; note(entry: Entry): Promise<void> }

/** Nothing is noted where no file is named. */
export async function doneIn(path: string | undefined): Promise<Done> {
  if (path === undefined) return { of: () => undefined, note: async () => {} }
  const known = new Map<string, Entry>()
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw new Usage(`${path} cannot be read (${error.code})`)
  })
  const lines = text.split('\n')
  // Where a last line was cut off in the middle of writing, its incident counts as it stood before.
  const cut = lines.pop()!
  for (const [at, line] of lines.entries()) {
    const read = readEntry(line)
    if (!read && at === 0) throw new Usage(`${path} is no list of what was imported; nothing was written into it`)
    if (read) known.set(read.incident, read)
  }
  if (cut !== '' && lines.length === 0 && !cut.startsWith('{"incident":'))
    throw new Usage(`${path} is no list of what was imported; nothing was written into it`)
  if (cut !== '') await appendFile(path, '\n')
  return {
    of: (incident) => known.get(incident),
    note: async (one) => {
      known.set(one.incident, one)
      await appendFile(path, `${JSON.stringify(one)}\n`)
    },
  }
}

function readEntry(line: string): Entry | undefined {
  try {
    return entry.parse(JSON.parse(line))
  } catch {
    return undefined
  }
}
