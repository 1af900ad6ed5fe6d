import { z } from 'zod'
import { fromB64u } from '#platform/bytes'
import { isUuid } from '#platform/ids'

const id = z.string().refine(isUuid)

/** What a reporter keeps who sealed on their own machine: docs/formats/sealed-report.md. */
export const openings = z.strictObject({
  v: z.literal(1),
  kind: z.literal('concordat-openings'),
  deployment: id,
  organisation: id,
  incident: z.strictObject({ id, reference: z.string(), title: z.string().optional() }),
  reports: z.array(
    z.strictObject({
      to: z.enum(['ncsc', 'ico']),
      reference: z.string(),
      stage: z.enum(['initial', 'update', 'final']),
      items: z
        .array(
          z.strictObject({ id, question: z.string(), value: z.json(), salt: z.string().refine((text) => fromB64u(text).length === 32) }),
        )
        .min(1),
    }),
  ),
})
export type Openings = z.infer<typeof openings>
