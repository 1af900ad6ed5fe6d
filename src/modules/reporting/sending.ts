import { Refusal } from '#platform/errors'
import { openItemRef, readSealed, type AuthorityId, type Outbound, type Prepared } from '#exchange'
import { ownerOf } from './access.ts'
import type { FolderKeys } from './folder.ts'
import { readPayload } from './incident.ts'
import { submissionByRecord } from './store.ts'

// ICO: the organisation's own duty. NCSC: engagement is encouraged, never required.
const clauses: Record<AuthorityId, string> = { ico: 'regimes', ncsc: 'encourage-engagement' }

/**
 * The gateway's side. It opens the one submission that this very request was made for, and only to the body it was filed to: a
 * request made by anyone else, or for another body, names nothing.
 */
export function prepareReport(folders: FolderKeys): Outbound {
  return async (tx, request): Promise<Prepared> => {
    const row = await submissionByRecord(tx, request.id)
    if (!row || row.recipient !== request.to || row.id !== request.body['submission']) throw new Refusal('flow-not-allowed')
    const bytes = await folders.open(ownerOf(row), row.id, row.payload)
    // What was sealed elsewhere says outside what its record needs: nobody here reads the rest.
    const sealed = row.sealed ? readSealed(bytes) : undefined
    const payload = sealed ?? readPayload(bytes)
    const organisation = payload.organisation.id
    const items = sealed ? sealed.items : readPayload(bytes).items.map(openItemRef)
    const members = { organisation, reference: row.reference, stage: payload.stage, items }
    return { clause: clauses[row.recipient], members, payload: bytes, chain: organisation }
  }
}
