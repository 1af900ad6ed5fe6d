import { z } from 'zod'
import { b64u } from '#platform/bytes'
import { hashOf } from '#platform/canonical'
import { isUuid } from '#platform/ids'
import { fingerprintWords, type CountersignatureClaims } from '#enrolment'
import { isOpen, shownItemRef, type OpenItem, type ShownItem } from '#exchange'
import { claimsForm, type Claims } from '#permission'
import type { Openings } from '#reporting'

/** What somebody asked for cannot be signed: said in words, exit 1. */
export class CannotSign extends Error {}

const countersigned = z.strictObject({ iss: z.uuid(), deployment: z.uuid(), key: z.string(), iat: z.number().int() })
export type ToSign = { permission: Claims } | { countersignature: CountersignatureClaims }

/** Claims as the portal offers them: by themselves, in a request, or as the only request of a list. */
export function claimsIn(value: unknown): ToSign {
  const request = z.object({ claims: z.unknown() }).safeParse(value).data?.claims
  const only = z.object({ requests: z.tuple([z.object({ claims: z.unknown() })]) }).safeParse(value).data?.requests[0].claims
  const given = request ?? only ?? value
  const permission = claimsForm.safeParse(given).data
  if (permission) return { permission }
  const countersignature = countersigned.safeParse(given).data
  if (countersignature) return { countersignature }
  throw new CannotSign('there are no claims in this file that could be signed. Take one request of GET /api/v1/permission-requests')
}

export type Narrowing = { without: readonly string[]; until?: string | undefined }

/** Fewer items, an earlier end: what the organisation may change, and nothing else. */
export function narrowed(claims: Claims, { without, until }: Narrowing): Claims {
  const [detail] = claims.authorization_details
  const strange = without.find((id) => !detail.items.some((item) => item.id === id))
  if (strange !== undefined) throw new CannotSign(`${strange} is not among the items`)
  const items = detail.items.filter((item) => !without.includes(item.id))
  if (items.length === 0) throw new CannotSign('no item is left. To say no, refuse the request at the portal')
  return { ...claims, exp: until === undefined ? claims.exp : endOf(until, claims), authorization_details: [{ ...detail, items }] }
}

/** A day is meant whole, in UTC. */
function endOf(until: string, { nbf, exp }: Claims): number {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(until)
  const at = Date.parse(day ? `${until}T23:59:59Z` : until)
  if (Number.isNaN(at)) throw new CannotSign(`${until} is neither a day (2027-03-31) nor an instant (2027-03-31T17:00:00Z)`)
  const seconds = Math.floor(at / 1000)
  if (seconds > exp) throw new CannotSign('that is later than was asked for. You can give less, never more')
  if (seconds <= nbf) throw new CannotSign('that is before it would begin')
  return seconds
}

const wordsForm = z.strictObject({
  reason: z.string(),
  items: z.array(
    z.union([
      z.strictObject({ id: z.string().refine(isUuid), question: z.string(), value: z.json(), salt: z.string() }),
      z.strictObject({ id: z.string().refine(isUuid), commitment: z.string() }),
    ]),
  ),
  purpose: z.strictObject({ id: z.string(), label: z.string(), means: z.string(), may: z.array(z.string()), mayNot: z.array(z.string()) }),
  conditions: z.array(z.string()),
})
export type Words = z.infer<typeof wordsForm>

/**
 * The words beside the claims, if they are the very words that would be signed: their hash is the one in the claims, and every item is the
 * one its commitment stands for. A portal that shows one thing and has another signed is found out here.
 */
export function checkWords(value: unknown, claims: Claims): Words {
  const words = wordsForm.safeParse(value).data
  if (!words || b64u(hashOf(words)) !== claims.notice)
    throw new CannotSign('the words are not those that would be signed. Sign nothing, and ask the portal why')
  const opened = new Map(words.items.map((item) => [item.id, shownItemRef(item).commitment]))
  if (claims.authorization_details[0].items.some(({ id, commitment }) => opened.get(id) !== commitment))
    throw new CannotSign('an item is not the one that would be signed for. Sign nothing, and ask the portal why')
  return words
}

/**
 * What was sealed past the portal, by the reporter's own openings, and where there are words those too. What does not open the
 * commitment that would be signed for is not shown: it is refused.
 */
export function itemsKnown(claims: Claims, words: Words | undefined, openings: Openings | undefined): Map<string, OpenItem> {
  const signed = new Map(claims.authorization_details[0].items.map(({ id, commitment }) => [id, commitment]))
  const own = (openings?.reports ?? []).flatMap(({ items }) => items).filter(({ id }) => signed.has(id))
  if (own.some((item) => shownItemRef(item).commitment !== signed.get(item.id)))
    throw new CannotSign('your openings have other words for an item than would be signed for. Sign nothing, and ask the portal why')
  const shown: ShownItem[] = words?.items ?? []
  return new Map([...own, ...shown.filter(isOpen)].map((item) => [item.id, item]))
}

/** The exact claims in plain words. */
export function permissionInWords(
  claims: Claims,
  { words, items: known }: { words: Words | undefined; items: ReadonlyMap<string, OpenItem> },
  labels: ReadonlyMap<string, string>,
): string[] {
  const [{ items, purpose, to, conditions }] = claims.authorization_details
  return [
    `Organisation    ${claims.iss}`,
    `May send        ${claims.aud.toUpperCase()}`,
    `To              ${to.toUpperCase()}, and nobody else`,
    `What            ${items.length === 1 ? '1 item' : `${items.length} items`}:`,
    ...items.map((item) => itemInWords(item.id, known, words, labels)),
    `For             ${purpose}${words ? `: ${words.purpose.label}. ${words.purpose.means.trim()}` : ''}`,
    ...(words ? [`  it may serve    ${words.purpose.may.join('; ')}`, `  and not         ${words.purpose.mayNot.join('; ')}`] : []),
    `From            ${moment(claims.nbf)}`,
    `Until           ${moment(claims.exp)}`,
    `Conditions      ${conditions.join(', ') || 'none'}`,
    ...(words ? [`They say why    ${words.reason}`] : []),
    `Agreement       ${claims.agreement.id}, ${claims.agreement.hash}`,
    `Words, by hash  ${claims.notice}${words ? ' (checked: these are the words)' : ' (not checked: there is no file of words beside)'}`,
    `Permission      ${claims.jti}, in answer to ${claims.request}`,
  ]
}

function itemInWords(
  id: string,
  known: ReadonlyMap<string, OpenItem>,
  words: Words | undefined,
  labels: ReadonlyMap<string, string>,
): string {
  const item = known.get(id)
  if (!item) return `  ${id}${words ? '  sealed on your own machine: --openings FILE shows it' : ''}`
  const value = typeof item.value === 'string' ? item.value : JSON.stringify(item.value)
  return `  ${id}  ${labels.get(item.question) ?? item.question}: ${value}`
}

export function countersignatureInWords({ iss, key }: CountersignatureClaims): string[] {
  return [
    `Organisation    ${iss}`,
    `Lets in the key ${key}`,
    `Its words       ${fingerprintWords(key).join(' ')}`,
    'From then on that key signs for the organisation as yours does. Compare the words with whoever holds it.',
  ]
}

function moment(seconds: number): string {
  const at = new Date(seconds * 1000)
  return `${at.toLocaleString('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' })} UTC`
}
