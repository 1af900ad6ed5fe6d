import { canonical } from '#platform/canonical'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import type { AgreementFile } from '#agreement'
import {
  acuteUntil,
  caseFor,
  casesOfOrganisation,
  itemsForDisclosure,
  namesOfOrganisations,
  type CaseRow,
  type ItemForDisclosure,
} from '#casework'
import { outcomesOf, requestSend } from '#exchange'
import { askedBefore, insertAskedItems, isDeclined, offerById, type OfferRow } from './offer-store.ts'
import { insertAsked } from './store.ts'
import { namesAny, refuseMistakes, termMistakes } from './words.ts'

export type Ask = {
  case: string
  items: string[]
  to: 'ico'
  purpose: string
  until: string
  reason: string
  /** Which of the organisations that the items came from is asked; needed where there are several. */
  origin?: string | undefined
  /** The case of that organisation under whose reference it is asked; needed where it has several. */
  under?: string | undefined
  /** What the organisation started, where this answers that. */
  offer?: string | undefined
}

/**
 * Asks one organisation whether these items may be sent, once for each item and purpose, and not in the acute phase. Where several
 * organisations must permit, each is asked for itself, in words of its own that name no other. Returns the request's id.
 */
export async function askPermission(tx: Tx, wish: Ask, agreement: AgreementFile, ctx: Ctx): Promise<string> {
  const found = await caseFor(tx, { id: wish.case, right: 'ask', node: 'ncsc' }, ctx)
  refuseMistakes(termMistakes(wish, agreement, ctx.now()))
  const items = await itemsForDisclosure(tx, found.id, wish.items)
  const organisation = originAsked(items, wish.origin)
  const known = await knownAs(tx, found, organisation, wish.under)
  const offer = wish.offer === undefined ? undefined : await offerAnswered(tx, wish, organisation)
  if (!offer) await mustNotBeAcute(tx, [found, known], ctx)
  await mustNameNobodyElse(tx, { items, organisation, reason: wish.reason })
  const id = await requestSend(tx, { kind: 'permission-request', to: 'portal', body: { reference: known.reference } }, ctx)
  if (!offer) await mustBeNew(tx, { organisation, items: wish.items, purpose: wish.purpose, request: id })
  const { to: recipient, purpose, reason } = wish
  const asking = { asked_by: ctx.actor.id, asked_at: ctx.now(), offer: offer?.id ?? null }
  const kept = await insertAsked(tx, {
    ...{ id, case_id: found.id, organisation, recipient, purpose, until: new Date(wish.until), items: wish.items, reason },
    ...asking,
  })
  if (!kept) throw new Refusal('already-done')
  return id
}

/** One request goes to one organisation. */
function originAsked(items: { origins: string[] }[], named: string | undefined): string {
  const [first, ...others] = items
  const shared = first!.origins.filter((one) => others.every(({ origins }) => origins.includes(one)))
  if (named !== undefined && shared.includes(named)) return named
  const everyone = new Set(items.flatMap((item) => item.origins))
  if (named === undefined && everyone.size === 1) return shared[0]!
  throw named === undefined
    ? invalid({ field: 'origin', message: 'These came from several organisations: say which of them you ask, each for itself' })
    : invalid({ field: 'origin', message: 'Not all of these came from that organisation' })
}

/** The case whose reference the organisation itself was given: another's would mean nothing to it, and tell it of another. */
async function knownAs(tx: Tx, found: CaseRow, organisation: string, under: string | undefined): Promise<CaseRow> {
  if (under === undefined && found.organisation === organisation) return found
  const own = (await casesOfOrganisation(tx, organisation)).filter((one) => one.opened_by_door !== 3)
  if (own.length === 0) throw new Refusal('not-reported')
  const chosen = under === undefined && own.length === 1 ? own[0] : own.find((one) => one.id === under)
  if (!chosen) throw invalid({ field: 'under', message: 'Name the case of that organisation under which you ask it' })
  return chosen
}

async function offerAnswered(tx: Tx, { offer: id, purpose, until }: Ask, organisation: string): Promise<OfferRow> {
  const offer = await offerById(tx, id!)
  if (!offer || offer.organisation !== organisation || offer.question === null) throw new Refusal('not-found')
  if (await isDeclined(tx, offer.id)) throw new Refusal('already-done')
  if (purpose !== offer.purpose || new Date(until) > offer.until)
    throw invalid({ field: 'purpose', message: 'Answer for the purpose, and until no later than, the organisation named' })
  return offer
}

async function mustNotBeAcute(tx: Tx, cases: CaseRow[], ctx: Ctx): Promise<void> {
  for (const { id } of cases) if (await acuteUntil(tx, id, ctx)) throw new Refusal('acute-phase')
}

async function mustNameNobodyElse(tx: Tx, asked: { items: ItemForDisclosure[]; organisation: string; reason: string }): Promise<void> {
  const { items, organisation, reason } = asked
  const others = [...new Set(items.flatMap((item) => item.origins))].filter((one) => one !== organisation)
  if (others.length === 0) return
  const own = await namesOfOrganisations(tx, [organisation])
  const names = (await namesOfOrganisations(tx, others)).filter((name) => !namesAny(own.join(' '), [name]))
  const words = [reason, ...items.map(({ value }) => (typeof value === 'string' ? value : canonical(value)))]
  if (namesAny(words.join(' . '), names)) throw new Refusal('names-another')
}

type ToAsk = { organisation: string; items: string[]; purpose: string; request: string }

/** What was asked before is closed, whatever came of it, unless it never reached the organisation. */
async function mustBeNew(tx: Tx, { organisation, items, purpose, request }: ToAsk): Promise<void> {
  const before = await askedBefore(tx, { organisation, items, purpose })
  const outcomes = await outcomesOf(tx, [...new Set(before.map((one) => one.request))])
  const closed = before.filter((one) => outcomes.get(one.request)?.state !== 'refused').map(({ item }) => item)
  if (closed.length > 0) throw new Refusal('already-asked', { items: [...new Set(closed)] })
  const nth = (item: string) => before.reduce((most, one) => (one.item === item ? Math.max(most, one.nth) : most), 0) + 1
  const fresh = [...new Set(items)].map((item) => ({ item, nth: nth(item) }))
  const kept = await insertAskedItems(tx, { organisation, purpose, request, items: fresh })
  if (kept !== fresh.length) throw new Refusal('already-asked')
}

/** An offer, for somebody who may read the case it was made in. */
export async function offerInCase(tx: Tx, caseId: string, offer: string, ctx: Ctx): Promise<OfferRow> {
  const found = await caseFor(tx, { id: caseId, right: 'read', node: 'ncsc' }, ctx)
  const row = await offerById(tx, offer)
  if (row?.case_id !== found.id) throw new Refusal('not-found')
  return row
}
