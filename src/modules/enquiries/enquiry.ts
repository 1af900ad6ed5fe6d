import { z } from 'zod'
import { sha256, type Bytes } from '#platform/bytes'
import { parseCanonical } from '#platform/canonical'
import { invalid, Refusal } from '#platform/errors'
import { checkText, questionId } from '#casework'
import type { AuthorityId } from '#exchange'

/** So many may be open in one case at once: more is not a question but a burden. */
export const MOST_OPEN = 20

const LONGEST = 5_000

/** What travels beside an enquiry: docs/formats/statement.md. */
const words = z.strictObject({
  text: z.string(),
  about: questionId.optional(),
  neededBy: z.iso.date().optional(),
  urgent: z.literal(true).optional(),
})
export type EnquiryWords = z.infer<typeof words>

/** By which of the agreement's clauses each body asks; both by the door that the report came by. */
export function clauseFor(node: AuthorityId): string {
  return clauses[node].clause
}

const clauses = { ncsc: { clause: 'encourage-engagement' }, ico: { clause: 'regimes' } } as const

/** What it means for whoever is asked; said in nobody's voice but the portal's. */
export const means: Record<AuthorityId, string> = {
  ncsc: 'Answering is voluntary: the NCSC is not a regulator. What you answer, or that you will not, goes to the NCSC alone.',
  ico: 'You need not answer here. That you will not is recorded, and told to the ICO alone. The ICO can require information by an information notice (Data Protection Act 2018 s.142); this question is none, and this is not advice on whether to answer.',
}

export type NewEnquiry = { text: string; about?: string | undefined; neededBy?: string | undefined; urgent?: boolean | undefined }

/** What an officer typed, as it will travel. Throws the mistake at its field. `known`: the questions there are. */
export function checkEnquiry(typed: NewEnquiry, today: string, known: ReadonlySet<string>): EnquiryWords {
  const text = checkText(typed.text, 'text').trim()
  if (text.length > LONGEST) throw invalid({ field: 'text', message: `Use no more than ${LONGEST.toLocaleString('en-GB')} characters` })
  const { about, neededBy, urgent } = typed
  if (about !== undefined && !known.has(about)) throw invalid({ field: 'about', message: 'There is no such question' })
  if (neededBy !== undefined && neededBy < today) throw invalid({ field: 'neededBy', message: 'Give a day that is not past' })
  return { text, ...(about !== undefined && { about }), ...(neededBy !== undefined && { neededBy }), ...(urgent && { urgent: true }) }
}

/** Throws `envelope-invalid` for what no officer could have had sent. */
export function readWords(payload: Bytes): EnquiryWords {
  try {
    const read = words.parse(parseCanonical(new TextDecoder('utf-8', { fatal: true }).decode(payload)))
    checkEnquiry(read, '', new Set(read.about === undefined ? [] : [read.about]))
    return read
  } catch {
    throw new Refusal('envelope-invalid')
  }
}

/** The same words whatever the spaces between them, and however large the letters. */
export function samenessOf({ text }: EnquiryWords): Bytes {
  return sha256(text.trim().replace(/\s+/g, ' ').toLowerCase())
}

// Answers

const notYetKnown = z.strictObject({ notYetKnown: z.literal(true) })
const declined = z.strictObject({ declined: z.literal(true), reason: z.string().optional() })

export const answerValue = z.union([z.string(), notYetKnown])

export function checkAnswer(value: z.infer<typeof answerValue>): z.infer<typeof answerValue> {
  return typeof value === 'string' ? checkText(value, 'value') : value
}

export function declineOf(reason: string | undefined): z.infer<typeof declined> {
  return { declined: true, ...(reason !== undefined && { reason: checkText(reason, 'reason') }) }
}

export const states = ['open', 'answered', 'declined', 'withdrawn'] as const
export type EnquiryState = (typeof states)[number]

/** By the answer that came last: whoever first said no may still answer, and an answer may be put right. */
export function stateOf(answers: readonly { value: unknown }[], withdrawn: boolean): EnquiryState {
  if (withdrawn) return 'withdrawn'
  const last = answers.at(-1)
  if (last === undefined) return 'open'
  return declined.safeParse(last.value).success ? 'declined' : 'answered'
}

export const answerShown = {
  value: z.unknown().optional(),
  declined: z.literal(true).optional(),
  reason: z.string().optional(),
}

/** The value, or that the organisation will not answer here. */
export function shown(value: unknown): { value: unknown } | z.infer<typeof declined> {
  const no = declined.safeParse(value)
  return no.success ? no.data : { value }
}
