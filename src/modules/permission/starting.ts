import type { Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import { transact, type Db, type Tx } from '#platform/db'
import { invalid, Refusal, type Mistake } from '#platform/errors'
import type { Agreement, AgreementFile } from '#agreement'
import { enquiriesIn } from '#enquiries'
import { isOpen, requestSend, shownItemRef, type ShownItem, type Trust } from '#exchange'
import { incidentForActor, sealFor, submissionPayload, submissionsOf, type FolderKeys, type Incident } from '#reporting'
import { readClaims, takesPlaceOf, type Claims } from './permission.ts'
import { openWords } from './portal.ts'
import { standingOfGrant } from './standing.ts'
import { insertStart, startsInIncident } from './start-store.ts'
import { grantById, requestsOf, type GrantRow } from './store.ts'
import { claimsOffered, OWN_START, refuseMistakes, termMistakes, wordsOf, type Words } from './words.ts'

export type Start = {
  incident: string
  items?: string[] | undefined
  enquiry?: string | undefined
  purpose: string
  /** Left out where a permission is narrowed: then it ends as that one would have. */
  until?: string | undefined
  conditions?: string[] | undefined
  /** The permission whose place the new one is to take. */
  narrows?: string | undefined
}
export type StartDeps = { db: Db; agreement: Agreement; trust: Trust; keys: FolderKeys }
export type Started = { id: string; words?: Words; claims?: Claims }

/**
 * The organisation starts: it names items of its own that the NCSC has, and gets the claims to sign; or it lets the NCSC answer what
 * the ICO asked it, and gets them once the NCSC has found the words. The NCSC is told either way; nothing is permitted by it.
 */
export async function startPermission(deps: StartDeps, typed: Start, ctx: Ctx): Promise<Started> {
  const incident = await incidentForActor(deps.db, typed.incident, ctx)
  refuseMistakes(mistakesIn(typed, deps.agreement.file, ctx.now()))
  const reference = await referenceAtNcsc(deps.db, incident)
  if (typed.enquiry !== undefined) return letAnswer(deps, { typed, enquiry: typed.enquiry, incident, reference }, ctx)
  return nameItems(deps, { typed, items: typed.items!, incident, reference }, ctx)
}

function mistakesIn(typed: Start, agreement: AgreementFile, now: Date): Mistake[] {
  const { items, enquiry, conditions = [], narrows } = typed
  const known = new Set(agreement.conditions.map(({ id }) => id))
  const wrong: [boolean, Mistake][] = [
    [(items === undefined) === (enquiry === undefined), { field: 'items', message: 'Name either items or one enquiry' }],
    [items !== undefined && new Set(items).size !== items.length, { field: 'items', message: 'Name each item once' }],
    [!conditions.every((one) => known.has(one)), { field: 'conditions', message: 'Choose from the conditions the agreement names' }],
    [
      enquiry !== undefined && (conditions.length > 0 || narrows !== undefined),
      { field: 'enquiry', message: 'Conditions are chosen when the words are there, and a permission is narrowed by naming its items' },
    ],
  ]
  const term = { purpose: typed.purpose, until: typed.until ?? (narrows === undefined ? '' : instant(new Date(now.getTime() + 1))) }
  return [...wrong.filter(([is]) => is).map(([, mistake]) => mistake), ...termMistakes(term, agreement, now)]
}

/** How the NCSC knows the matter. What it was never told of it cannot send. */
async function referenceAtNcsc(db: Db, incident: Incident): Promise<string> {
  const told = (await submissionsOf(db, incident)).find(({ to }) => to === 'ncsc')
  if (!told || incident.organisation === undefined) throw new Refusal('not-reported')
  return told.reference
}

type Naming = { typed: Start; items: string[]; incident: Incident; reference: string }

async function nameItems(deps: StartDeps, { typed, items, incident, reference }: Naming, ctx: Ctx): Promise<Started> {
  const { agreement, trust, db } = deps
  const known = await itemsAtNcsc(deps, incident, items, ctx)
  const unknown = items.filter((id) => !known.has(id))
  if (unknown.length > 0) throw new Refusal('not-found', { items: unknown })
  const named = items.map((id) => known.get(id)!)
  const earlier = typed.narrows === undefined ? undefined : await toNarrow(db, typed.narrows, incident, ctx)
  const words = wordsOf({ reason: OWN_START, items: named }, typed.purpose, agreement.file, conditionsOf(typed, earlier))
  return transact(db, async (tx) => {
    const id = await requestSend(tx, { kind: 'offer', to: 'ncsc', body: {} }, ctx)
    const terms = {
      organisation: incident.organisation!,
      recipient: 'ico',
      until: earlier && typed.until === undefined ? earlier.ends : new Date(typed.until!),
      request: id,
      items: named.map(shownItemRef),
      agreement: { id: agreement.id, hash: agreement.hash },
      deployment: trust.deployment,
      words,
    }
    const claims = claimsOffered(terms, agreement.file, { now: ctx.now(), jti: ctx.random.uuid() })
    if (earlier && !takesPlaceOf(claims, readClaims(earlier.permission))) throw narrowsNothing()
    const kept = { claims: canonical(claims), enquiry: null, narrows: earlier?.id ?? null, until: new Date(claims.exp * 1000) }
    await keep(tx, { id, typed, incident, reference, ...kept }, Buffer.from(canonical(words)), deps.keys, ctx)
    return { id, words, claims }
  })
}

/** A narrower permission keeps the conditions of the one whose place it takes. */
function conditionsOf({ conditions = [] }: Start, earlier: GrantRow | undefined): string[] {
  const before = earlier ? readClaims(earlier.permission).authorization_details[0].conditions : []
  return [...new Set([...before, ...conditions])]
}

async function toNarrow(db: Db, id: string, incident: Incident, ctx: Ctx): Promise<GrantRow> {
  const grant = await grantById(db, id)
  if (grant?.incident !== incident.id) throw new Refusal('not-found')
  if (grant.withdrawal !== null || grant.narrowed_by !== null) throw new Refusal('permission-withdrawn')
  if (grant.ends <= ctx.now()) throw new Refusal('permission-expired')
  // The sender must know of it before it can put another in its place.
  if ((await standingOfGrant(db, grant, ctx)).state !== 'in-force')
    throw invalid({ field: 'narrows', message: 'The NCSC has not acknowledged that permission yet' })
  return grant
}

function narrowsNothing(): Refusal {
  return invalid({
    field: 'narrows',
    message: 'A permission is narrowed for the same purpose, to some of its items, and to no later an end',
  })
}

/**
 * Items the NCSC has of this organisation, as far as the organisation can know: what it told the NCSC itself, and what it was shown
 * when it was asked.
 */
async function itemsAtNcsc(deps: StartDeps, incident: Incident, wanted: string[], ctx: Ctx): Promise<Map<string, ShownItem>> {
  const found = new Map<string, ShownItem>()
  const add = (items: ShownItem[]) => {
    for (const item of items) if (wanted.includes(item.id)) found.set(item.id, plain(item))
  }
  const isComplete = () => wanted.every((id) => found.has(id))
  for (const submission of (await submissionsOf(deps.db, incident)).filter(({ to }) => to === 'ncsc')) {
    add(itemsIn(await submissionPayload(deps.db, submission, deps.keys, ctx)))
    if (isComplete()) return found
  }
  const asked = (await requestsOf(deps.db, incident.organisation!)).filter((row) => row.incident === incident.id)
  for (const row of asked) {
    add((await openWords(row, incident.owner, deps.keys, ctx)).items)
    if (isComplete()) return found
  }
  return found
}

/** What was sealed past the portal stands closed in the words that are signed. */
function plain(item: ShownItem): ShownItem {
  if (!isOpen(item)) return shownItemRef(item)
  const { id, question, value, salt } = item
  return { id, question, value, salt }
}

function itemsIn(payload: Bytes): ShownItem[] {
  return (JSON.parse(Buffer.from(payload).toString('utf8')) as { items: ShownItem[] }).items
}

type Letting = { typed: Start; enquiry: string; incident: Incident; reference: string }

/** The ICO's question goes to the NCSC by the organisation's own choice; the ICO hears nothing of that. */
async function letAnswer(deps: StartDeps, { typed, enquiry, incident, reference }: Letting, ctx: Ctx): Promise<Started> {
  const asked = (await enquiriesIn(deps.db, incident.id, deps.keys, ctx)).find((one) => one.id === enquiry && one.from === 'ico')
  if (!asked) throw new Refusal('not-found')
  const before = await startsInIncident(deps.db, incident.id)
  if (asked.state === 'withdrawn' || before.some((one) => one.enquiry === enquiry)) throw new Refusal('already-done')
  return transact(deps.db, async (tx) => {
    const id = await requestSend(tx, { kind: 'offer', to: 'ncsc', body: {} }, ctx)
    const kept = { claims: null, enquiry, narrows: null, until: new Date(typed.until!) }
    await keep(tx, { id, typed, incident, reference, ...kept }, Buffer.from(canonical(asked.words)), deps.keys, ctx)
    return { id }
  })
}

type Keeping = {
  id: string
  typed: Start
  incident: Incident
  reference: string
  claims: string | null
  enquiry: string | null
  narrows: string | null
  until: Date
}

async function keep(tx: Tx, one: Keeping, words: Bytes, keys: FolderKeys, ctx: Ctx): Promise<void> {
  const { id, typed, incident, reference, claims, enquiry, narrows, until } = one
  await insertStart(tx, {
    ...{ id, incident: incident.id, organisation: incident.organisation!, reference, recipient: 'ico', purpose: typed.purpose, until },
    ...{ claims, enquiry, narrows, started_by: ctx.actor.id, started_at: ctx.now() },
    words: await sealFor(incident.owner, id, words, keys),
  })
}
