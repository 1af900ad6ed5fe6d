import { b64u } from '#platform/bytes'
import { hashOf } from '#platform/canonical'
import { invalid, Refusal, type Mistake } from '#platform/errors'
import type { AgreementFile } from '#agreement'
import type { ItemRef, ShownItem } from '#exchange'
import { claims, type Claims } from './permission.ts'

/** What the signatory reads before signing; its hash goes into what is signed. */
export type Words = {
  reason: string
  /** Those that were sealed past the portal stand closed. */
  items: ShownItem[]
  purpose: { id: string; label: string; means: string; may: string[]; mayNot: string[] }
  conditions: string[]
}

/** Stands where a body gives its reason, when nobody asked. */
export const OWN_START = 'Nobody asked for this: your organisation started it.'

/** The words for this purpose, with the conditions that always bind and those chosen besides. */
export function wordsOf(
  sent: { reason: string; items: ShownItem[] },
  purpose: string,
  { purposes, conditions }: AgreementFile,
  chosen: readonly string[] = [],
): Words {
  const known = purposes.find((one) => one.id === purpose)
  if (!known) throw new Refusal('flow-not-allowed')
  const { id, label, means, may, mayNot } = known
  const binding = conditions.filter((condition) => condition.always || chosen.includes(condition.id)).map((condition) => condition.id)
  return { reason: sent.reason, items: sent.items, purpose: { id, label, means, may, mayNot }, conditions: binding }
}

export type Terms = {
  organisation: string
  recipient: string
  until: Date
  /** Id of the request or of the organisation's own start. */
  request: string
  items: ItemRef[]
  agreement: { id: string; hash: string }
  deployment: string
  words: Words
}

/** The claims offered for signature. Nobody signs them but the organisation. */
export function claimsOffered(terms: Terms, { permission }: AgreementFile, at: { now: Date; jti: string }): Claims {
  const now = Math.floor(at.now.getTime() / 1000)
  const longest = now + permission.maxDays * 86_400
  const until = Math.floor(terms.until.getTime() / 1000)
  return claims.parse({
    iss: terms.organisation,
    aud: 'ncsc',
    jti: at.jti,
    iat: now,
    nbf: now,
    exp: Math.max(now + 1, Math.min(until, longest)),
    deployment: terms.deployment,
    agreement: terms.agreement,
    request: terms.request,
    notice: b64u(hashOf(terms.words)),
    authorization_details: [
      {
        type: 'concordat-disclosure',
        from: 'ncsc',
        to: terms.recipient,
        purpose: terms.words.purpose.id,
        items: terms.items,
        conditions: terms.words.conditions,
      },
    ],
  })
}

/** The words of a condition. */
export function conditionsInWords(ids: readonly string[], { conditions }: AgreementFile): { id: string; label: string }[] {
  return ids.map((id) => ({ id, label: conditions.find((one) => one.id === id)?.label ?? id }))
}

/** What is wrong with a purpose and an end that somebody typed. */
export function termMistakes({ purpose, until }: { purpose: string; until: string }, agreement: AgreementFile, now: Date): Mistake[] {
  const end = new Date(until)
  const known = agreement.purposes.some((one) => one.id === purpose)
  return [
    ...(known ? [] : [{ field: 'purpose', message: 'Choose a purpose the agreement names' }]),
    ...(!Number.isNaN(end.getTime()) && end > now
      ? []
      : [{ field: 'until', message: 'Give a time in the future, such as 2027-03-31T17:00:00Z' }]),
  ]
}

export function refuseMistakes(mistakes: Mistake[]): void {
  if (mistakes.length > 0) throw invalid(...mistakes)
}

/** What a company is called beside its legal form. */
const FORM = /\b(ltd|limited|plc|llp|lp|inc|cic|cio)\b\.?/g

function plain(text: string): string {
  return ` ${text
    .toLowerCase()
    .replace(FORM, ' ')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()} `
}

/** Whether words that one organisation is to read name one of these others, whatever the case, the spaces or the legal form. */
export function namesAny(words: string, names: readonly string[]): boolean {
  const read = plain(words)
  return names.map(plain).some((name) => name.trim() !== '' && read.includes(name))
}
