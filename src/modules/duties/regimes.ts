import { z } from 'zod'
import fallbackList from './fallbacks.json' with { type: 'json' }
import list from './regimes.json' with { type: 'json' }

/** What starts a clock: something the organisation says happened, and when. */
export const startEvents = [
  'aware',
  'classified as major',
  'reasonably believes',
  'payment made',
  'corrective measure available',
  'threshold reasonably appears met',
  'inside information arises',
  'request by the authority',
] as const
export type StartEvent = (typeof startEvents)[number]

export const regions = ['england-and-wales', 'scotland', 'northern-ireland'] as const

/** One stage of a duty. `hours` null means that no figure is set; `from` null that what starts it is not established. */
export const clockRow = z.strictObject({
  stage: z.string().min(1),
  hours: z.number().positive().nullable(),
  duration: z
    .string()
    .regex(/^(PT\d+H|P\d+D|P\d+M)$/)
    .nullable(),
  /** A duration that counts days on which people work, of the named part of the United Kingdom. */
  workingDays: z.strictObject({ days: z.int().positive(), of: z.enum(regions) }).optional(),
  from: z.enum(startEvents).nullable(),
  note: z.string().optional(),
})
export type ClockRow = z.infer<typeof clockRow>

/**
 * What an answer says of whether a regime may apply. `yes` and `maybe` are choices of the question (`any`: whatever was chosen); a
 * choice in neither speaks against it. `orAware`: that somebody recorded awareness stands for an answer that was not given.
 */
const condition = z.strictObject({
  question: z.string(),
  yes: z.union([z.array(z.string()), z.literal('any')]),
  maybe: z.array(z.string()).optional(),
  orAware: z.literal(true).optional(),
})
export type Condition = z.infer<typeof condition>

const confidence = z.enum(['confirmed', 'derived', 'unconfirmed'])
const texts = z.array(z.string().min(1))

export const regime = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  name: z.string(),
  jurisdiction: z.enum(['UK', 'EU', 'US', 'CH', 'any']),
  who: texts.nullable(),
  start_event: z.string().nullable(),
  clocks: z.array(clockRow),
  threshold: z.string().nullable(),
  recipients: texts.nullable(),
  content: texts.nullable(),
  status: z.string(),
  notes: z.string().nullable(),
  source: texts.min(1),
  confidence,
  unconfirmed_fields: texts,
  // From here on the project's own reading of the row: all of it derived.
  standing: z.enum(['in-force', 'coming', 'voluntary', 'note']),
  /** The day from which the row's own status says that it is in force. */
  inForceFrom: z.iso.date().optional(),
  paragraph: z.string(),
  /** The body that hears of it through this platform; null where it must be told elsewhere. */
  authority: z.enum(['ico', 'ncsc']).nullable(),
  /** All must hold. None at all: it may apply to anyone. */
  appliesWhen: z.array(condition),
  never: z.string().optional(),
  unasked: z.string().optional(),
  changes: z.string(),
  /** Our questions that make up what it asks for; null where that is not established. */
  questions: texts.nullable(),
  /** Asked for as well once the time has passed. */
  ifLate: texts.optional(),
  /** Most who report are under this duty: alarms are set also while the role is not yet said. */
  alertWhileUnknown: z.literal(true).optional(),
})
export type Regime = z.infer<typeof regime>
export type Standing = Regime['standing']

/** The table: data, checked as it is read. */
export const regimes: readonly Regime[] = z.array(regime).parse(list)

/** A row that names its day stands in force from that day on, and is coming law until then. */
export function standingAt({ standing, inForceFrom }: Regime, now: Date): Standing {
  return inForceFrom !== undefined && now.getTime() >= Date.parse(inForceFrom) ? 'in-force' : standing
}

const ownForm = z.strictObject({
  name: z.string(),
  form: z.url(),
  formFor: texts,
  formNote: z.string(),
  otherForm: z.string(),
  helpline: z.strictObject({ number: z.string(), hours: z.string() }),
  source: z.string(),
  confidence,
  unconfirmed: texts,
})

/** Where a body can be told without this platform. */
export const fallbacks = z.strictObject({ ico: ownForm }).parse(fallbackList)
