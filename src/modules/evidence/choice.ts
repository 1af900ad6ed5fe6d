import { parseCanonical } from '#platform/canonical'
import { fromB64u } from '#platform/bytes'
import { invalid } from '#platform/errors'
import { readJws } from '#platform/jws'
import { readReads } from '#reads'
import { isOpen, itemsMatch, readSealed, type ItemRef, type OpenItem, type ShownItem } from '#exchange'
import type { Bundle, Unsealed } from './bundle.ts'
import { ASKED } from './papers.ts'
import type { Fault } from './records.ts'

type WithItems = { record: { id: string; items: ItemRef[] } }

/** Of a record the chosen items alone, each of which opens its commitment in it. */
export function openPart({ record }: WithItems, { items }: { items: OpenItem[] }): { items: OpenItem[] } {
  const shown = new Set(items.map(({ id }) => id))
  const refs = record.items.filter(({ id }) => shown.has(id))
  if (refs.length === record.items.length) throw new SyntaxError('all of its items are shown, so its payload belongs here')
  if (!itemsMatch(items, refs)) throw new SyntaxError('the items do not open the commitments')
  return { items }
}

type Choosable = {
  bundle: Bundle
  submissions: (WithItems & { content: { items: OpenItem[]; sealed?: true } })[]
  requests: (WithItems & { words: { items: OpenItem[] } })[]
  offers: (WithItems & { words?: { items: OpenItem[] } })[]
}

/** What is shown is what was chosen, neither more nor less; and where nothing was chosen, everything is shown. */
export function choiceFaults({ bundle, submissions, requests, offers }: Choosable): Fault[] {
  const cut = [...bundle.submissions, ...bundle.requests, ...bundle.offers].filter((one) => 'items' in one).length
  const unsaid = bundle.offers.filter((one) => !('words' in one || 'items' in one)).length
  const silent = [...bundle.enquiries, ...(bundle.reads ?? [])].filter((one) => !('payload' in one)).length + unsaid
  if (bundle.chosen === undefined)
    return cut + silent === 0 ? [] : [{ detail: 'not everything is shown, and the bundle does not say that it was chosen from' }]
  const chosen = new Set(bundle.chosen)
  const parts = [
    // What the portal cannot open it cannot choose from.
    ...submissions.filter(({ content }) => !content.sealed).map((one) => ({ ...one, ...one.content })),
    ...requests.map((one) => ({ ...one, ...one.words })),
    ...offers.flatMap(({ words, ...one }) => (words ? [{ ...one, ...words }] : [])),
  ]
  const named = new Set(parts.flatMap(({ record }) => record.items.map(({ id }) => id)))
  return [
    ...bundle.chosen
      .filter((id) => !named.has(id))
      .map((about) => ({ about, detail: 'it was chosen, and nothing in the bundle names it' })),
    ...parts
      .filter((part) => !isAsChosen(part, chosen))
      .map(({ record }) => ({ about: record.id, detail: 'it does not show exactly what was chosen of it' })),
  ]
}

function isAsChosen({ record, items }: WithItems & { items: OpenItem[] }, chosen: ReadonlySet<string>): boolean {
  const shown = new Set(items.map(({ id }) => id))
  return record.items.every(({ id }) => chosen.has(id) === shown.has(id))
}

const idsIn = ({ items }: { items: { id: string }[] }): string[] => items.map(({ id }) => id)

/** Items that the records name and the bundle does not show, though the portal could. */
export function withheldIn({ submissions, requests, offers }: Omit<Choosable, 'bundle'>): number {
  const named = [...submissions, ...requests, ...offers].flatMap(({ record }) => record.items.map(({ id }) => id))
  const words = [...requests, ...offers].flatMap((one) => one.words ?? [])
  const sealed = submissions.filter(({ content }) => content.sealed).map(({ record }) => record)
  const shown = new Set([...submissions.map(({ content }) => content), ...words, ...sealed].flatMap(idsIn))
  return new Set(named.filter((id) => !shown.has(id))).size
}

/** The same bundle with these items alone: of every other the record's commitment stays, and of a payload that holds any of them nothing. */
export function onlyChosen(bundle: Unsealed, ids: string[]): Unsealed {
  const chosen = new Set(ids)
  const questions = new Map<string, string>()
  const chosenOf = <O extends { statement: string }>(one: O, payload: string): O | Part => {
    const items = itemsIn(payload)
    const shown = items.filter(isOpen).filter(({ id }) => chosen.has(id))
    for (const { id, question } of shown) questions.set(id, question)
    return shown.length === items.length ? one : { statement: one.statement, items: shown as Part['items'] }
  }
  const submissions = bundle.submissions.map((one) => ('payload' in one && !isSealed(one.payload) ? chosenOf(one, one.payload) : one))
  const requests = bundle.requests.map((one) => ('words' in one ? chosenOf(one, one.words) : one))
  const offers = bundle.offers.map((one) => ('words' in one ? offerChosen(one, chosenOf) : one))
  const unknown = [...chosen].filter((id) => !questions.has(id))
  if (unknown.length > 0) throw invalid({ field: 'items', message: `There is no such item in this incident: ${unknown.join(', ')}` })
  const answered = new Set(
    [...questions.values()].flatMap((question) => (question.startsWith(ASKED) ? [question.slice(ASKED.length)] : [])),
  )
  const enquiries = bundle.enquiries.map((one) => (answered.has(idOf(one.statement)) || isEmpty(one) ? one : { statement: one.statement }))
  const reads = bundle.reads?.map((one) => ('payload' in one && onlyOf(one.payload, chosen) ? one : { statement: one.statement }))
  return { ...bundle, chosen: [...chosen].sort(), submissions, requests, offers, enquiries, ...(reads && { reads }) }
}

/** Whether what was opened is nothing but what was chosen. */
function onlyOf(list: string, chosen: ReadonlySet<string>): boolean {
  return readReads(fromB64u(list)).every(({ item }) => chosen.has(item))
}

type OfferShown = Extract<Unsealed['offers'][number], { words: string }>

/** Of a question that the organisation let be answered nothing is shown: it is no item. */
function offerChosen(one: OfferShown, chosenOf: (one: OfferShown, payload: string) => OfferShown | Part): Unsealed['offers'][number] {
  const read = parseCanonical(Buffer.from(fromB64u(one.words)).toString('utf8')) as { items?: unknown }
  return read.items === undefined ? { statement: one.statement } : chosenOf(one, one.words)
}

type Part = Extract<Unsealed['submissions'][number], { items: unknown }>

const isSealed = (payload: string): boolean => readSealed(fromB64u(payload)) !== undefined

function itemsIn(payload: string): ShownItem[] {
  return (parseCanonical(Buffer.from(fromB64u(payload)).toString('utf8')) as unknown as { items: ShownItem[] }).items
}

const idOf = (statement: string): string => (JSON.parse(readJws(statement).text) as { id: string }).id
/** What takes an enquiry back says nothing that could be withheld. */
const isEmpty = (one: Unsealed['enquiries'][number]): boolean => 'payload' in one && one.payload === ''
