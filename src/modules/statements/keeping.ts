import { payloadHash, type AuthorityId, type Inbound } from '#exchange'
import { chainsOf } from '#ledger'
import { Refusal } from '#platform/errors'
import { fromB64u } from '#platform/bytes'
import { CLAUSE, endingOf, readList } from './daily.ts'
import { insertList } from './store.ts'

/**
 * At the portal: the statement stands in the inbox, and what it lists is kept once however many days it stays the same. Whoever never
 * had anything reported from here has no folder to keep it for.
 */
export const keepStatement: Inbound = async (tx, { record, payload }) => {
  const organisation = record.organisation!
  if (record.clause !== CLAUSE) throw new Refusal('flow-not-allowed')
  if (record['ending'] !== endingOf(record.from as AuthorityId)) throw new Refusal('envelope-invalid')
  readList(payload)
  if ((await chainsOf(tx, [organisation])).length === 0) throw new Refusal('not-found')
  await insertList(tx, organisation, fromB64u(payloadHash(payload)), payload)
}
