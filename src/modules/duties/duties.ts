import type { FolderAnswer } from '#reporting'
import { applies, type Applies, type Current } from './applies.ts'
import { against, durationOf, reading, readMoment, type Reading } from './clock.ts'
import { latestOf, OWN_DATE, zoneOf, type Moment, type Saying } from './moments.ts'
import { fallbacks, regimes, standingAt, type ClockRow, type Regime, type Standing } from './regimes.ts'

export const received = ['not-yet-received', 'received', 'not-sent', 'not-through-here'] as const
export type Received = (typeof received)[number]

/** How far what was reported to one body came. `at`: when the first report that was received had been filed. */
export type Told = { state: Exclude<Received, 'not-through-here'>; at?: Date }

/** All that an incident's duties follow from. `moments` and `answers` are oldest first. */
export type Sight = {
  now: Date
  answers: readonly FolderAnswer[]
  moments: readonly Moment[]
  awareness: Saying | undefined
  told: { ico: Told; ncsc: Told }
}

export type Clock = {
  stage: string
  from: string | null
  startedAt: Date | null
  dueAt: Date | null
  left: string | null
  overdue: boolean
  urgency: string
  note: string | null
}

export type Fallback = { body: string; form: string | null; note: string; helpline: { number: string; hours: string }; says: string }

export type Duty = Applies & {
  regime: string
  name: string
  paragraph: string
  jurisdiction: string
  standing: Standing
  status: string
  recipient: readonly string[]
  threshold: string | null
  thresholdSource: readonly string[]
  confidence: string
  unconfirmed: readonly string[]
  clocks: Clock[]
  contentKnown: boolean
  answered: string[]
  missing: string[]
  /** Of those missing, the ones answered with "not yet known". */
  notYetKnown: string[]
  received: Received
  notes: string | null
  /** Whether its ends are among the alerts. */
  alarmed: boolean
  rests: string
  fallback?: Fallback
}

export function dutiesOf(sight: Sight): Duty[] {
  const current = currentOf(sight.answers)
  return regimes.map((regime) => dutyOf(regime, current, sight))
}

/** The latest answer to each question; with a body, the latest that is for it. */
export function currentOf(answers: readonly FolderAnswer[], body?: 'ico' | 'ncsc'): Current {
  const own = body ? answers.filter(({ audience }) => audience.includes(body)) : answers
  return new Map(own.map(({ question, value }) => [question, value]))
}

function dutyOf(regime: Regime, current: Current, sight: Sight): Duty {
  const standing = standingAt(regime, sight.now)
  const aware = sight.awareness !== undefined && sight.awareness.at !== null
  const found = applies(regime, standing, current, aware)
  const told = regime.authority ? sight.told[regime.authority] : undefined
  const running = standing === 'in-force' && found.mayApply !== false
  const clocks = [...regime.clocks.map((clock) => clockOf(clock, { sight, told, running })), ...ownClocks(regime, standing, sight)]
  const late = clocks.some(({ overdue }) => overdue)
  const open = told !== undefined && running && told.state !== 'received'
  return {
    regime: regime.id,
    name: regime.name,
    paragraph: regime.paragraph,
    jurisdiction: regime.jurisdiction,
    ...found,
    standing,
    status: regime.status,
    recipient: regime.recipients ?? [],
    threshold: regime.threshold,
    thresholdSource: regime.source,
    confidence: regime.confidence,
    unconfirmed: regime.unconfirmed_fields,
    clocks,
    contentKnown: regime.questions !== null,
    ...contentOf(regime, sight.answers, late),
    received: told?.state ?? 'not-through-here',
    notes: regime.notes,
    alarmed: running && (found.mayApply === true || regime.alertWhileUnknown === true),
    rests: `This is not advice. It rests on: ${regime.paragraph}, as known here (${regime.confidence}).`,
    ...(open && regime.authority === 'ico' && { fallback: icoFallback(regime) }),
  }
}

type Place = { sight: Sight; told: Told | undefined; running: boolean }

function clockOf(clock: ClockRow, { sight, told, running }: Place): Clock {
  const { stage, from, note = null } = clock
  if (!running)
    return { stage, from, ...idle, urgency: 'Not counted: this does not stand, or does not point to you, as told so far.', note }
  const startedAt = startOf(from, sight)
  const now = reading(clock, startedAt, zoneOf(sight.moments), sight.now)
  const shown = told?.state === 'received' && now.dueAt ? settled(now.dueAt, told.at) : counting(now)
  return { stage, from, startedAt: startedAt ?? null, ...shown, urgency: urgencyOf(clock, now, told), note }
}

const idle = { startedAt: null, dueAt: null, left: null, overdue: false }

function counting({ dueAt, leftSeconds, overdue }: Omit<Reading, 'started'>): Pick<Clock, 'dueAt' | 'left' | 'overdue'> {
  return { dueAt, left: leftSeconds === null ? null : durationOf(leftSeconds), overdue }
}

/** Once it is received no time is left to count; late is what was filed after the end. */
function settled(dueAt: Date, filedAt: Date | undefined): Pick<Clock, 'dueAt' | 'left' | 'overdue'> {
  return { dueAt, left: null, overdue: filedAt !== undefined && filedAt.getTime() > dueAt.getTime() }
}

function startOf(from: ClockRow['from'], { awareness, moments }: Sight): Date | undefined {
  if (from === null) return undefined
  return readMoment(from === 'aware' ? awareness?.at : latestOf(moments).get(from)?.at)
}

const HALF_A_DAY = 12 * 3600

function urgencyOf({ from, hours, duration, workingDays }: ClockRow, now: Reading, told: Told | undefined): string {
  if (told?.state === 'received' && now.dueAt) return 'A report is received. What it left out may still be owed.'
  const figure = hours !== null || duration !== null || workingDays !== undefined
  if (!figure) return 'No figure is set, so no time is shown. Act without delay.'
  if (from === null) return 'What starts this clock is not established here, so no time is shown. You can enter a date of your own.'
  if (!now.started) return `Not started: record the moment \u201c${from}\u201d once it has come.`
  if (now.dueAt === null) return 'This cannot be counted with what is known here. You can enter a date of your own.'
  return urgencyLeft(now)
}

function urgencyLeft({ overdue, leftSeconds }: Omit<Reading, 'started'>): string {
  if (overdue) return 'The time has passed. The duty has not: act now, and say why it is late.'
  if (leftSeconds! <= HALF_A_DAY) return '12 hours or less are left.'
  return 'The time runs through nights, weekends and holidays. Act without delay.'
}

/** A date the organisation entered is its own: nothing here says where it comes from. */
function ownClocks({ id }: Regime, standing: Standing, { moments, now }: Sight): Clock[] {
  const moment = latestOf(moments).get(`${OWN_DATE} ${id}`)
  const due = readMoment(moment?.at)
  if (!due || standing === 'coming') return []
  const left = against(due, now)
  return [{ stage: OWN_DATE, from: OWN_DATE, startedAt: null, ...counting(left), urgency: urgencyLeft(left), note: 'Your own date.' }]
}

function contentOf({ questions, ifLate = [], authority }: Regime, answers: readonly FolderAnswer[], late: boolean) {
  const asked = questions === null ? [] : [...questions, ...(late ? ifLate : [])]
  const given = currentOf(answers, authority ?? undefined)
  const known = (id: string): boolean => given.has(id) && !saysNotYetKnown(given.get(id))
  const missing = asked.filter((id) => !known(id))
  return { answered: asked.filter(known), missing, notYetKnown: missing.filter((id) => given.has(id)) }
}

/** "Not yet known" is an honest answer, and the fact is still owed. */
function saysNotYetKnown(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(saysNotYetKnown)
  return value === 'Not yet known' || (typeof value === 'object' && value !== null && 'notYetKnown' in value)
}

function icoFallback({ id }: Regime): Fallback {
  const { name, form, formFor, formNote, otherForm, helpline } = fallbacks.ico
  const own = formFor.includes(id)
  return {
    body: name,
    form: own ? form : null,
    note: own ? formNote : otherForm,
    helpline,
    says: 'Not yet received by the ICO. A report counts when the ICO\u2019s own signed receipt is back. If time is short, tell the ICO itself.',
  }
}

export const alertKinds = ['twelve-hours-left', 'time-passed'] as const
export type AlertKind = (typeof alertKinds)[number]
export type Alert = { regime: string; stage: string; kind: AlertKind; dueAt: Date; ringAt: Date; text: string }
/** `settles`: the ICO's receipt makes it idle. */
export type Alarm = { kind: AlertKind; ringAt: Date; settles: boolean }

type Ending = { duty: Duty; clock: Clock; dueAt: Date }

/** The ends that somebody must hear of: of duties that may apply and are not met through here, and of the organisation's own dates. */
function endings(duties: readonly Duty[]): Ending[] {
  return duties.flatMap((duty) =>
    duty.clocks.flatMap((clock) => {
      const own = clock.from === OWN_DATE
      const heard = own || (duty.alarmed && duty.received !== 'received')
      return heard && clock.dueAt ? [{ duty, clock, dueAt: clock.dueAt }] : []
    }),
  )
}

const ringAt = (dueAt: Date, kind: AlertKind): Date => new Date(dueAt.getTime() - (kind === 'twelve-hours-left' ? HALF_A_DAY * 1000 : 0))

/** What stands now: one for each end that has passed or is near. */
export function alertsAt(duties: readonly Duty[], now: Date): Alert[] {
  return endings(duties).flatMap(({ duty, clock, dueAt }) => {
    const kind = alertKinds.findLast((one) => ringAt(dueAt, one).getTime() <= now.getTime())
    if (!kind) return []
    const left = kind === 'time-passed' ? 'The time has passed' : '12 hours or less are left'
    const text = `${left}: ${duty.name} (${clock.stage}).${duty.fallback && clock.from !== OWN_DATE ? ` ${duty.fallback.says}` : ''}`
    return [{ regime: duty.regime, stage: clock.stage, kind, dueAt, ringAt: ringAt(dueAt, kind), text }]
  })
}

/** When to ring, each once. Twelve hours before an end that has already passed, nothing rings any more. */
export function alarmsOf(duties: readonly Duty[], now: Date): Alarm[] {
  const all = endings(duties).flatMap(({ duty, clock, dueAt }) => {
    const kinds = dueAt.getTime() <= now.getTime() ? (['time-passed'] as const) : alertKinds
    const settles = clock.from !== OWN_DATE && duty.received !== 'not-through-here'
    return kinds.map((kind): Alarm => ({ kind, ringAt: ringAt(dueAt, kind), settles }))
  })
  return [...new Map(all.map((alarm) => [JSON.stringify(alarm), alarm])).values()]
}
