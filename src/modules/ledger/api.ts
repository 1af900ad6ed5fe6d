import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import type { Db } from '#platform/db'
import { invalid } from '#platform/errors'
import { headsFile } from './heads-file.ts'
import { headsSeen } from './heads-seen.ts'

const reply = z.object({ v: z.literal(1), kind: z.literal('concordat-heads'), heads: z.array(z.string()) })

export function api({ db }: { db: Db }): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/heads',
      summary:
        'The heads of all ledgers that this node saw: of each day the first, the newest, and any that contradict each other. `?since=YYYY-MM-DD`',
      who: 'anyone',
      reply,
      handle: async ({ query }) => headsFile(await headsSeen(db, sinceOf(query['since']))),
    }),
  ]
}

function sinceOf(day: string | undefined): string {
  if (day === undefined) return ''
  if (!z.iso.date().safeParse(day).success) throw invalid({ field: 'since', message: 'Enter a day as YYYY-MM-DD' })
  return day
}
