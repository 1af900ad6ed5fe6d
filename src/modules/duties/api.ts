import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import { transact, type Db } from '#platform/db'
import { incidentForActor, type FolderKeys, type Incident } from '#reporting'
import { lookAnew } from './alarms.ts'
import { alertKinds, alertsAt, dutiesOf, received, type Alert, type Duty } from './duties.ts'
import { latestOf, momentEvents, warningsOn, zoneOf, type Moment, type MomentEvent, type Saying } from './moments.ts'
import { recordMoment, timesIn } from './recording.ts'
import { regime, regimes, standingAt } from './regimes.ts'
import type { Seen } from './sight.ts'
import { alertRows, type AlertRow } from './store.ts'

export type DutiesDeps = { db: Db; folders: FolderKeys }

const NOTICE =
  'This is not advice and no verdict. It lists what may apply, by what you have answered so far, and says what each rests on and how sure that is. It speaks for neither the ICO nor the NCSC. A report to one body never counts as a report to another.'
const NEAR_MISS = 'A near miss is told to the NCSC only. Nothing happened that a duty to report could start from, so no clock runs.'

const standing = z.enum(['in-force', 'coming', 'voluntary', 'note'])
const time = z.iso.datetime()
const texts = z.array(z.string())
const warning = z.object({ code: z.string(), message: z.string() })

const moment = z.strictObject({
  event: z.enum(momentEvents as [MomentEvent, ...MomentEvent[]]),
  at: z.string().nullable(),
  zone: z.string(),
  decidedBy: z.string(),
  why: z.string().optional(),
  regime: z.string().optional(),
})

const said = z.object({ at: z.string().nullable(), zone: z.string(), decidedBy: z.string(), why: z.string() })
const saying = said.extend({ via: z.enum(['moment', 'draft', 'filed']), by: z.string(), saidAt: time })
const momentLine = said.extend({ event: z.string(), regime: z.string().optional(), by: z.string(), recordedAt: time, counts: z.boolean() })
const clock = z.object({
  stage: z.string(),
  from: z.string().nullable(),
  startedAt: time.nullable(),
  dueAt: time.nullable(),
  left: z.string().nullable(),
  overdue: z.boolean(),
  urgency: z.string(),
  note: z.string().nullable(),
})
const fallback = z.object({
  body: z.string(),
  form: z.url().nullable(),
  note: z.string(),
  helpline: z.object({ number: z.string(), hours: z.string() }),
  says: z.string(),
})
const duty = z.object({
  regime: z.string(),
  name: z.string(),
  paragraph: z.string(),
  jurisdiction: z.string(),
  mayApply: z.union([z.boolean(), z.literal('unknown')]),
  why: z.string(),
  changes: z.string(),
  standing,
  status: z.string(),
  recipient: texts,
  threshold: z.string().nullable(),
  thresholdSource: texts,
  confidence: z.string(),
  unconfirmed: texts,
  clocks: z.array(clock),
  contentKnown: z.boolean(),
  answered: texts,
  missing: texts,
  notYetKnown: texts,
  received: z.enum(received),
  notes: z.string().nullable(),
  alarmed: z.boolean(),
  rests: z.string(),
  fallback: fallback.optional(),
})
const alert = z.object({
  regime: z.string(),
  stage: z.string(),
  kind: z.enum(alertKinds),
  dueAt: time,
  text: z.string(),
  recordedAt: time.nullable(),
})
const page = z.object({
  notice: z.string(),
  nearMiss: z.string().optional(),
  zone: z.string(),
  awareness: saying.partial().extend({ history: z.array(saying), warnings: z.array(warning) }),
  moments: z.array(momentLine),
  duties: z.array(duty),
  alerts: z.array(alert),
})
type Page = z.infer<typeof page>

const regimeLine = regime.extend({ standing })

export function api({ db, folders }: DutiesDeps): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/regimes',
      summary: 'Every reporting regime known here, with its source and how sure it is',
      who: 'anyone',
      reply: z.object({ notice: z.string(), regimes: z.array(regimeLine) }),
      handle: async ({ ctx }) => ({ notice: NOTICE, regimes: regimes.map((one) => ({ ...one, standing: standingAt(one, ctx.now()) })) }),
    }),
    endpoint({
      method: 'POST',
      path: '/incidents/:id/moments',
      summary: 'Records when something happened that starts a clock, or a date of one\u2019s own; again corrects it',
      who: 'signed-in',
      status: 201,
      body: moment,
      reply: z.object({ id: z.uuid(), warnings: z.array(warning) }),
      handle: ({ params, body, ctx }) => transact(db, (tx) => recordMoment(tx, { ...body, incident: params['id']! }, folders, ctx)),
    }),
    endpoint({
      method: 'GET',
      path: '/incidents/:id/duties',
      summary: 'Which duties may apply, by when, and what each still lacks',
      who: 'signed-in',
      reply: page,
      handle: async ({ params, ctx }) => shown({ db, folders }, await incidentForActor(db, params['id']!, ctx), ctx),
    }),
  ]
}

async function shown({ db, folders }: DutiesDeps, incident: Incident, ctx: Ctx): Promise<Page> {
  if (incident.kind === 'near-miss')
    return {
      notice: NOTICE,
      nearMiss: NEAR_MISS,
      zone: zoneOf([]),
      awareness: { history: [], warnings: [] },
      moments: [],
      duties: [],
      alerts: [],
    }
  const seen = await lookAnew(db, incident, folders, ctx)
  const duties = dutiesOf(seen)
  const rang = await alertRows(db, incident.id)
  return {
    notice: NOTICE,
    zone: zoneOf(seen.moments),
    awareness: awarenessShown(seen),
    moments: momentsShown(seen.moments),
    duties: duties.map(dutyShown),
    alerts: alertsAt(duties, seen.now).map((one) => alertShown(one, rang)),
  }
}

function awarenessShown({ awareness, history, answers }: Seen): Page['awareness'] {
  return {
    ...(awareness && sayingShown(awareness)),
    history: history.map(sayingShown),
    warnings: warningsOn(awareness, timesIn(answers)),
  }
}

function sayingShown({ saidAt, ...rest }: Saying): z.infer<typeof saying> {
  return { ...rest, saidAt: instant(saidAt) }
}

function momentsShown(moments: readonly Moment[]): Page['moments'] {
  const counting = new Set(latestOf(moments).values())
  return moments.map((one) => ({ ...one, recordedAt: instant(one.recordedAt), counts: counting.has(one) }))
}

function dutyShown({ clocks, recipient, thresholdSource, unconfirmed, ...rest }: Duty): z.infer<typeof duty> {
  const at = (date: Date | null): string | null => (date === null ? null : instant(date))
  return {
    ...rest,
    recipient: [...recipient],
    thresholdSource: [...thresholdSource],
    unconfirmed: [...unconfirmed],
    clocks: clocks.map((one) => ({ ...one, startedAt: at(one.startedAt), dueAt: at(one.dueAt) })),
  }
}

function alertShown({ ringAt, dueAt, ...rest }: Alert, rang: readonly AlertRow[]): z.infer<typeof alert> {
  const row = rang.find(({ kind, ring_at }) => kind === rest.kind && ring_at.getTime() === ringAt.getTime())
  return { ...rest, dueAt: instant(dueAt), recordedAt: row ? instant(row.recorded_at) : null }
}
