import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import type { Ctx } from '#platform/context'
import type { Db } from '#platform/db'
import { rolesInWords } from '#identity'
import { incidentForActor, type FolderKeys } from '#reporting'
import { ENDING } from './list.ts'
import { readsIn } from './showing.ts'

/** `purposes`: those of the agreement. */
export type ReadsDeps = { db: Db; folders: FolderKeys; purposes: readonly { id: string; label: string }[] }

const line = z.object({
  authority: z.enum(['ncsc', 'ico']),
  item: z.uuid(),
  question: z.string().optional(),
  /** The day (UTC). */
  on: z.iso.date(),
  purpose: z.string(),
  purposeLabel: z.string(),
  role: z.string(),
  roleLabel: z.string(),
  times: z.int(),
  export: z.literal(true).optional(),
  /** The signed record that says so. */
  record: z.uuid(),
})
const reply = z.object({ reads: z.array(line), ending: z.string() })

/** What the organisation is told of who opened what: the role, the day and the purpose, never a name. */
export function api(deps: ReadsDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/incidents/:id/reads',
      summary: 'Which of your items people at the ICO and the NCSC opened, on which day and what for, as each of them signed',
      who: 'signed-in',
      reply,
      handle: ({ params, ctx }) => readsShown(deps, params['id']!, ctx),
    }),
  ]
}

async function readsShown({ db, folders, purposes }: ReadsDeps, id: string, ctx: Ctx): Promise<z.infer<typeof reply>> {
  const incident = await incidentForActor(db, id, ctx)
  const labels = new Map(purposes.map((purpose) => [purpose.id, purpose.label]))
  const told = await readsIn(db, incident, folders, ctx)
  const lines = told.flatMap(({ authority, record, lines }) =>
    lines.map((one) => ({
      ...one,
      authority,
      record,
      purposeLabel: labels.get(one.purpose) ?? one.purpose,
      roleLabel: rolesInWords([one.role]) || one.role,
    })),
  )
  return { reads: lines.sort((a, b) => (a.on === b.on ? (a.item < b.item ? -1 : 1) : a.on < b.on ? -1 : 1)), ending: ENDING }
}
