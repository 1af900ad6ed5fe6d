import { canonical } from '#platform/canonical'
import { instant } from '#platform/clock'
import { awarenessHistory, type Moment, type Saying } from '#duties'
import type { AuthorityId } from '#exchange'
import type { FolderAnswer, IncidentKind } from '#reporting'
import { standingOf, type Addition, type Change, type Written } from './addition.ts'
import { inWords, isNotYetKnown, labelOf, typeOf } from './words.ts'

/** `own`: all of it. `ico`: as if the NCSC had never been told anything, for the organisation to hand over. */
export const copies = ['own', 'ico'] as const
export type Copy = (typeof copies)[number]

/** One thing the register says, for whom it was written and whether it went there. */
export type Said = {
  question?: string
  label: string
  value: unknown
  words: string[]
  writtenFor: AuthorityId | 'register'
  sent: boolean
  /** Privilege is claimed, and counsel has not let it go. */
  privileged?: true
  /** By name; where only an id is known, left out. */
  by?: string
  at: string
}

export type Reported = {
  body: AuthorityId
  at: string
  reference: string
  stage: string
  state: 'not-yet-received' | 'received' | 'refused'
  receipt: string | null
}

export type Entry = {
  id: string
  reference: string
  title: string
  kind: IncidentKind
  openedAt: string
  discovered?: Said
  aware?: Pick<Saying, 'decidedBy' | 'why' | 'by'> & { at: string; saidAt: string }
  facts: Said[]
  effects: Partial<Record<Effect, Said>>
  remedialAction: Said[]
  reportedTo: Reported[]
  /** Only where the ICO was not told. */
  notReportedBecause?: Said
  closed?: NonNullable<Change['closed']> & { by: string; at: string }
}

/** An answer, and whether it is waiting for counsel. */
export type Answered = FolderAnswer & { privileged?: true }

/** Everything a folder knows that belongs into the register. Lists are oldest first. */
export type Known = {
  incident: Pick<Entry, 'id' | 'reference' | 'title' | 'kind' | 'openedAt'>
  answers: readonly Answered[]
  additions: readonly Addition[]
  reports: readonly Reported[]
  moments: readonly Moment[]
}

// UK GDPR Art 33(5): the facts, the effects, the remedial action. Which answers are which is this project's reading.
export const facts = (
  'q05 q14-from q14-to q19 q20 q21 q22-category q22-type q23-affected q23-which q24-cause q24-route q25-demanded q25-paid ' +
  'q27 q28 q38 q39-taken q39-published q17'
).split(' ')
export const effects = {
  people: 'q36-people',
  records: 'q36-records',
  counted: 'q36-counted',
  certainty: 'q36-certainty',
  categories: 'q34',
  otherCategories: 'q34-other',
  whose: 'q35',
  otherPeople: 'q35-other',
  vulnerable: 'q37',
  consequences: 'q40',
  likelihood: 'q41',
} as const
export type Effect = keyof typeof effects | 'own'
export const remedies = ['q42', 'q43', 'q46-prevention', 'q47-told', 'q47-when', 'q47-how', 'q47-why-not']
const DISCOVERED = 'q15'

export function entryOf(known: Known, copy: Copy): Entry {
  const answers = copy === 'ico' ? known.answers.filter(mayBeShownToIco) : known.answers
  const reports = copy === 'ico' ? known.reports.filter(({ body }) => body === 'ico') : known.reports
  const found = (question: string): Said[] => [saidOf(answers, question) ?? []].flat()
  const [discovered] = found(DISCOVERED)
  const { notReportedBecause, effects: own, remedialAction, closed } = standingOf(known.additions)
  const aware = awarenessHistory(known.moments, answers).at(-1)
  const toldIco = reports.some(({ body }) => body === 'ico')
  return {
    ...known.incident,
    ...(discovered && { discovered }),
    ...(aware?.at && { aware: { at: aware.at, decidedBy: aware.decidedBy, why: aware.why, by: aware.by, saidAt: instant(aware.saidAt) } }),
    facts: facts.flatMap(found),
    effects: effectsOf(found, own),
    remedialAction: [...remedies.flatMap(found), ...(remedialAction ? [ownWords('Remedial action', remedialAction)] : [])],
    reportedTo: [...reports],
    ...(notReportedBecause && !toldIco && { notReportedBecause: ownWords('Why the ICO was not told', notReportedBecause) }),
    ...(closed && { closed: { ...closed.value, by: closed.by, at: instant(closed.at) } }),
  }
}

/** What was written for the NCSC alone stays out, and so does what waits for counsel. */
function mayBeShownToIco({ audience, privileged }: Answered): boolean {
  return audience.includes('ico') && !privileged
}

/** The ICO's words before the NCSC's, and something known before "not yet known". */
function saidOf(answers: readonly Answered[], question: string): Said | undefined {
  const candidates = [latestFor(answers, question, 'ico'), latestFor(answers, question, 'ncsc')].filter((one) => one !== undefined)
  return candidates.find(({ value }) => !isNotYetKnown(value)) ?? candidates[0]
}

/** What was written last for one body. A draft that says what was sent is the same answer, and names whoever wrote it. */
function latestFor(answers: readonly Answered[], question: string, body: AuthorityId): Said | undefined {
  const ours = answers.filter((answer) => answer.question === question && answer.audience.includes(body))
  const drafted = ours.findLast(({ from }) => from === 'draft')
  const filed = ours.findLast(({ from }) => from === 'filed')
  if (!drafted || !filed) return said(body, drafted ?? filed)
  if (canonical(drafted.value) === canonical(filed.value)) return { ...said(body, filed)!, by: drafted.by }
  return said(body, filed.at > drafted.at ? filed : drafted)
}

/** A report names its sender by an id; whoever wrote a draft stands in it by name. */
function said(body: AuthorityId, answer: Answered | undefined): Said | undefined {
  if (answer === undefined) return undefined
  const { question, value, from, privileged, by, at } = answer
  return {
    question,
    label: labelOf(question),
    value,
    words: inWords(value, typeOf(question)),
    writtenFor: body,
    sent: from === 'filed',
    ...(privileged && { privileged }),
    ...(from === 'draft' && { by }),
    at: instant(at),
  }
}

function effectsOf(found: (question: string) => Said[], own: Written<string> | undefined): Entry['effects'] {
  const answered = Object.entries(effects).flatMap(([name, question]) => found(question).map((one) => [name, one]))
  return { ...Object.fromEntries(answered), ...(own && { own: ownWords('Effects, in your own words', own) }) }
}

function ownWords(label: string, { value, by, at }: Written<string>): Said {
  return { label, value, words: inWords(value), writtenFor: 'register', sent: false, by, at: instant(at) }
}

export type Register = {
  organisation?: { id: string; name: string }
  asAt: string
  copy: Copy
  basis: typeof basis
  notes: string[]
  entries: Entry[]
  /** Told to the NCSC alone, so in no copy for the ICO. */
  nearMisses: Entry[]
}

export const basis = {
  law: 'UK GDPR Art 33(5)',
  text: 'The controller documents any personal data breaches, comprising the facts, the effects and the remedial action taken.',
  confidence: 'unconfirmed',
} as const

const notes: Record<Copy, string[]> = {
  own: [
    'Only people of your organisation, and whoever acts for it under a mandate, can see this. Neither the ICO nor the NCSC can.',
    'Each line says for whom it was written and whether it was sent. Where you answered both bodies, these are your words to the ICO; where you answered only the NCSC, your words to the NCSC.',
    'Every incident is here, reported or not. Which of them are personal data breaches is for your organisation to decide.',
    'The ICO may ask for this register. If you hand it over, use the copy for the ICO: it has nothing that you wrote for the NCSC alone, and does not say whether you told the NCSC anything.',
  ],
  ico: [
    'This copy has what your organisation wrote for the ICO and for this register. Answers for which privilege is claimed, and that counsel has not let go, are left out.',
    'Titles, reasons and other words of your own stand as you wrote them. Read them before you hand this over.',
  ],
}

/** `known`: oldest first; the newest comes first here. */
export function registerOf(known: readonly Known[], about: Pick<Register, 'organisation' | 'asAt' | 'copy'>): Register {
  const entries = known.map((one) => entryOf(one, about.copy)).toReversed()
  return {
    ...about,
    basis,
    notes: notes[about.copy],
    entries: entries.filter(({ kind }) => kind === 'incident'),
    nearMisses: about.copy === 'ico' ? [] : entries.filter(({ kind }) => kind === 'near-miss'),
  }
}
