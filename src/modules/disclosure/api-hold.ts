import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import { transact, type Db } from '#platform/db'
import { holdShown, release, releasers } from './holding.ts'

const moment = z.iso.datetime()
const hold = z.object({
  state: z.enum(['open', 'recovering', 'recovered']),
  foundAt: moment.optional(),
  /** What came or went from then on may have been missing. */
  since: moment.optional(),
  recoveredAt: moment.optional(),
  /** What others had and could not be taken back. */
  gaps: z.array(z.object({ record: z.uuid(), peer: z.string(), kind: z.string(), code: z.string() })),
  releases: z.array(z.object({ by: z.string(), role: z.string(), reason: z.string(), at: moment })),
})

/** Whether this house holds after a restore, and how two people let it go on. `poke` wakes the gateway where it runs in the same process. */
export function holdApi({ db, poke }: { db: Db; poke?: () => void }): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/hold',
      summary: 'Whether every outward door and the log signer are shut after a restore, what was taken back and what was not',
      who: [...releasers, 'auditor'],
      reply: hold,
      handle: () => holdShown(db),
    }),
    endpoint({
      method: 'POST',
      path: '/hold/release',
      summary: 'Lets this house go on, with the reason: a records officer and an administrator, two people',
      who: releasers,
      stepUp: true,
      body: z.strictObject({ reason: z.string() }),
      reply: hold,
      handle: async ({ body, ctx }) => {
        await transact(db, (tx) => release(tx, body, ctx))
        poke?.()
        return holdShown(db)
      },
    }),
  ]
}
