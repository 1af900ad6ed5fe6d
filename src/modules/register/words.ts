import { questions, SEALED, type Question } from '#reporting'

const byId = new Map(questions.map((question) => [question.id, question]))

export function typeOf(question: string): Question['type'] | undefined {
  return byId.get(question)?.type
}

/** How a page or list calls what an answer answers: a question of the list, of a body, or none. */
export function labelOf(question: string): string {
  if (question === 'attachment') return 'Attachment'
  if (question === SEALED) return 'Sealed on your own machine: we cannot open it'
  if (question === 'finding') return 'What the NCSC found'
  return byId.get(question)?.label ?? (question.startsWith('asked-') ? 'Answer to a question of this body' : question)
}

export const bodies = { ico: 'the ICO', ncsc: 'the NCSC' } as const
export const kindInWords = { 'incident': 'Incident', 'near-miss': 'Near miss' } as const
export const stateInWords = { 'received': 'received', 'not-yet-received': 'not yet received', 'refused': 'refused' } as const

export function isNotYetKnown(value: unknown): boolean {
  return has(value, ['notYetKnown'])
}

/** An answer as somebody reads it, a paragraph each. What has no form of its own is shown as it is kept. */
export function inWords(value: unknown, type?: Question['type']): string[] {
  if (isNotYetKnown(value)) return ['Not yet known']
  if (Array.isArray(value)) return value.flatMap((one) => inWords(one))
  if (typeof value === 'number') return [value.toLocaleString('en-GB')]
  if (typeof value === 'string') return type === 'date-time' ? [inTime(value)] : paragraphs(value)
  if (isIdentifier(value)) return [`${value.scheme}: ${value.id}`]
  if (isAttachment(value)) return [`${value.name}, ${value.length.toLocaleString('en-GB')} bytes, SHA-256 ${value.sha256}`]
  if (isDecline(value)) return ['You said that you will not answer this here', ...paragraphs(value.reason ?? '')]
  return [JSON.stringify(value)]
}

function paragraphs(text: string): string[] {
  return text.split(/\r\n|\r|\n/).filter((line) => line.trim() !== '')
}

function isIdentifier(value: unknown): value is { scheme: string; id: string } {
  return has(value, ['scheme', 'id'])
}

function isDecline(value: unknown): value is { declined: true; reason?: string } {
  return has(value, ['declined'])
}

/** A file, as an item names it: docs/formats/attachment.md. */
export function isAttachment(value: unknown): value is { name: string; mediaType: string; length: number; sha256: string } {
  return has(value, ['name', 'mediaType', 'length', 'sha256'])
}

function has(value: unknown, members: string[]): boolean {
  return typeof value === 'object' && value !== null && members.every((member) => Object.hasOwn(value, member))
}

const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'Europe/London' })
const time = new Intl.DateTimeFormat('en-GB', { hour: 'numeric', minute: '2-digit', hour12: true, timeZone: 'Europe/London' })

/** GOV.UK style, in the time of the United Kingdom: 25 November 2026 at 9:30am. What is no time stays as it was typed. */
export function inTime(at: string | Date): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return String(at)
  return `${day.format(date)} at ${time.format(date).replace(/\s?([ap])\.?m\.?/i, (_, letter: string) => `${letter.toLowerCase()}m`)}`
}

export function inDay(date: string): string {
  return day.format(new Date(`${date}T12:00:00Z`))
}
