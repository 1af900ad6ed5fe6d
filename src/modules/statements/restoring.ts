import { fromInstant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { returnedRecords } from '#exchange'
import { insertMade, lastDue } from './store.ts'

/** After a restore: an organisation that was sent its statement is not sent another of the same day. Again, it changes nothing. */
export async function restoreStatements(tx: Tx, ctx: Ctx): Promise<void> {
  const made = (await returnedRecords(tx, 'statement')).filter((record) => record['page'] === record['pages'])
  for (const record of made) {
    const organisation = record.organisation!
    const due = fromInstant(record['due'] as string)
    const [last] = await lastDue(tx, [organisation])
    if (last && last.due >= due) continue
    const [entries, pages, held] = ['entries', 'pages', 'held'].map((name) => record[name] as number)
    await insertMade(tx, due, [{ organisation, entries: entries!, pages: pages!, held: held! }], ctx.now())
  }
}
