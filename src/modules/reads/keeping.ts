import { Refusal } from '#platform/errors'
import type { AuthorityId, Inbound } from '#exchange'
import { chainsOf } from '#ledger'
import { clauseFor, ENDING, readReads } from './list.ts'
import { insertReceived } from './store.ts'

/** At the portal: the statement stands in the inbox, and what it lists beside it. Whoever never had anything reported from here has no folder. */
export const keepReads: Inbound = async (tx, { record, payload }, _queue, ctx) => {
  const organisation = record.organisation!
  const sender = record.from as AuthorityId
  if (record.clause !== clauseFor(sender)) throw new Refusal('flow-not-allowed')
  if (record['ending'] !== ENDING) throw new Refusal('envelope-invalid')
  readReads(payload)
  if ((await chainsOf(tx, [organisation])).length === 0) throw new Refusal('not-found')
  await insertReceived(tx, { record: record.id, organisation, sender, list: payload }, ctx.now())
}
