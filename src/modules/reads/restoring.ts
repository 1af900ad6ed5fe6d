import { fromInstant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { returnedRecords } from '#exchange'
import { insertMade, madeOf } from './store.ts'

/** After a restore: what was told stays told, and the next telling says that it comes after it. How many lines it had is not in the record. */
export async function restoreReads(tx: Tx, ctx: Ctx): Promise<void> {
  const returned = await returnedRecords(tx, 'reads')
  const known = new Set(
    await madeOf(
      tx,
      returned.map(({ id }) => id),
    ),
  )
  for (const record of returned.filter(({ id }) => !known.has(id)))
    await insertMade(
      tx,
      [{ record: record.id, organisation: record.organisation!, lines: 1 }],
      fromInstant(record['due'] as string),
      ctx.now(),
    )
}
