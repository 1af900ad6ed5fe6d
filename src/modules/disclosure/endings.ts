import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { endingsToTell, markTold, noticesOf, type MessageRecord, type Queue } from '#exchange'

const CLAUSE = 'consent-before-disclosure'
const TOGETHER = 50

/**
 * Every organisation that had notice of a disclosure is told when it ended otherwise: it was not sent after all, or the recipient
 * refused it. The same words go to each, whosever doing it was: an organisation learns nothing of another. Told once, and again never:
 * it commits with the mark that it was.
 */
export async function tellEndings(tx: Tx, queue: Queue, ctx: Ctx): Promise<number> {
  const ended = await endingsToTell(tx, TOGETHER)
  for (const { id, state } of ended) {
    const how = state === 'refused' ? 'refused' : 'not-sent'
    for (const notice of await noticesOf(tx, id)) await tell(tx, JSON.parse(notice) as MessageRecord, how, queue, ctx)
  }
  if (ended.length > 0)
    await markTold(
      tx,
      ended.map(({ id }) => id),
    )
  return ended.length
}

async function tell(tx: Tx, told: MessageRecord, ended: 'not-sent' | 'refused', queue: Queue, ctx: Ctx): Promise<void> {
  if (told['ended'] !== undefined) return
  const { organisation, items } = told
  const same = {
    organisation,
    disclosure: told['disclosure'],
    record: told['record'],
    recipient: told['recipient'],
    purpose: told['purpose'],
  }
  const members = { ...same, items, permission: told['permission'], ended }
  await queue(tx, 'portal', 'notice', { clause: CLAUSE, members, chain: organisation! }, ctx)
}
