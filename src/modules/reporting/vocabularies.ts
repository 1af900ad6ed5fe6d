import { z } from 'zod'
import lists from './vocabularies.json' with { type: 'json' }

/** `confirmed`: seen in a public source. `derived`: follows from confirmed facts. `unconfirmed`: a person must check it before anyone relies on it. */
export const confidence = z.enum(['confirmed', 'derived', 'unconfirmed'])

/** A list to choose from, with its source. The values of a body's list are exact strings; the list may grow. */
const vocabulary = z.strictObject({
  source: z.string(),
  confidence,
  note: z.string().optional(),
  /** The choice that says no more than "not yet known". */
  unknown: z.string().optional(),
  choices: z.array(z.string()).min(1),
  about: z
    .record(
      z.string(),
      z.strictObject({
        meaning: z.string().optional(),
        category: z.enum(['Cyber', 'Non Cyber', 'both']).optional(),
        confidence: confidence.optional(),
        note: z.string().optional(),
      }),
    )
    .optional(),
})
export type Vocabulary = z.infer<typeof vocabulary>

export const vocabularies: Readonly<Record<string, Vocabulary>> = z.record(z.string(), vocabulary).parse(lists)
