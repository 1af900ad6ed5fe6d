import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import type { Ctx } from '#platform/context'
import type { Db } from '#platform/db'
import { Refusal } from '#platform/errors'
import { isUuid } from '#platform/ids'
import { incidentForActor, type FolderKeys } from '#reporting'
import { openWords } from './portal.ts'
import { startById } from './start-store.ts'
import { requestById } from './store.ts'
import type { Words } from './words.ts'

const words = z.looseObject({ reason: z.string(), items: z.array(z.unknown()), purpose: z.unknown(), conditions: z.array(z.string()) })

/** For whoever signs away from the portal and wants to see for themselves what they sign. */
export function wordsApi(deps: { db: Db; keys: FolderKeys }): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/permission-requests/:id/words',
      who: ['reporter', 'signatory', 'dpo', 'counsel'],
      summary:
        'The exact words that would be signed, with what opens each item; `notice` in the claims is the hash of their canonical form',
      reply: words,
      handle: ({ params, ctx }) => {
        if (!isUuid(params['id']!)) throw new Refusal('not-found')
        return wordsOfRequest(deps, params['id']!, ctx)
      },
    }),
  ]
}

/** The exact words that a signature is over, by their hash: with the salts, so that whoever signs elsewhere can check each item. */
async function wordsOfRequest({ db, keys }: { db: Db; keys: FolderKeys }, id: string, ctx: Ctx): Promise<Words> {
  const row = (await requestById(db, id)) ?? (await startById(db, id))
  if (!row || row.organisation !== ctx.actor.organisation) throw new Refusal('not-found')
  const { owner } = await incidentForActor(db, row.incident, ctx)
  return openWords(row, owner, keys, ctx)
}
