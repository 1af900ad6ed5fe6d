import { fromInstant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { caseByReference } from '#casework'
import { returnedRecords } from '#exchange'
import { insertAskedItems } from './offer-store.ts'
import { askedById, insertAskedAgain } from './store.ts'

/**
 * At the sending body, after a restore: what it had asked, from the requests that the organisation was sent. Without these a permission that
 * answers one would be nobody's. Who asked and why stood in the lost database alone.
 */
export async function restoreAsked(tx: Tx, ctx: Ctx): Promise<void> {
  for (const record of await returnedRecords(tx, 'permission-request')) {
    if (await askedById(tx, record.id)) continue
    const found = await caseByReference(tx, record['reference'] as string)
    if (!found) continue
    const [recipient, purpose] = [record['recipient'] as string, record['purpose'] as string]
    const items = record.items!.map(({ id }) => id)
    const until = fromInstant(record['until'] as string)
    const asked = { id: record.id, case_id: found.id, organisation: record.organisation!, recipient, purpose, until, items }
    await insertAskedItems(tx, {
      organisation: asked.organisation,
      purpose,
      request: record.id,
      items: items.map((item) => ({ item, nth: 1 })),
    })
    await insertAskedAgain(tx, { ...asked, reason: '', asked_by: '', asked_at: fromInstant(record.at) })
  }
  ctx.log.info({ event: 'asked-restored' })
}
