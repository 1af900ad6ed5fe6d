import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { newReference } from '#platform/ids'
import { openItemRef, type AuthorityId, type Inbound, type ItemRef, type OpenItem } from '#exchange'
import { caseToFileUnder, MARKING, openReport, ownReport, questionId, type ItemKind, type ReportPayload } from './case.ts'
import {
  caseByReference,
  casesOfOrganisation,
  copiesOf,
  insertCase,
  insertItems,
  insertReport,
  restrictItems,
  type CaseRow,
  type NewItem,
} from './store.ts'

/**
 * Keeps a report that arrived and answers it with a receipt, in one transaction: a crash leaves neither, and the sender sends again.
 * A record that arrives twice never reaches this (the inbox knows it).
 */
export function keepReport(node: AuthorityId): Inbound {
  return async (tx, { record, payload }, queue, ctx) => {
    if (record.from !== 'portal' || record.to !== node) throw new Refusal('flow-not-allowed')
    const report = openReport(record, payload, node)
    const opened = await caseForReport(tx, report, node, ctx)
    await insertReport(tx, { record: record.id, case: opened.id, stage: report.stage, organisation: report.organisation }, ctx.now())
    await keepAnswers(tx, { record: record.id, case: opened.id, report, node }, ctx)
    const organisation = report.organisation.id
    const answer = {
      organisation,
      for: record.id,
      about: 'report',
      state: 'accepted',
      reference: report.reference,
      items: record.items,
      via: ownReport[node].via,
    }
    await queue(tx, 'portal', 'receipt', { clause: record.clause, members: answer, chain: organisation }, ctx)
  }
}

async function caseForReport(
  tx: Tx,
  { reference, organisation }: ReportPayload & { reference: string },
  node: AuthorityId,
  ctx: Ctx,
): Promise<CaseRow> {
  const fresh = newCase(reference, organisation, ownReport[node].door, ctx)
  if (await insertCase(tx, fresh)) return fresh
  const known = await caseByReference(tx, reference)
  // A reference is one organisation's; whoever else names it, by mistake or by guessing, gets nothing into its case.
  if (known?.organisation !== organisation.id) throw new Refusal('envelope-invalid')
  return known
}

type CaseOrganisation = { id: string; name: string; verified: boolean }

function newCase(reference: string, organisation: CaseOrganisation, door: 1 | 2 | 3, ctx: Ctx): CaseRow {
  const { id, name, verified } = organisation
  return {
    id: ctx.random.uuid(),
    reference,
    organisation: id,
    organisation_name: name,
    organisation_verified: verified,
    opened_at: ctx.now(),
    opened_by_door: door,
  }
}

type Answers = { record: string; case: string; report: ReportPayload; node: AuthorityId }

async function keepAnswers(tx: Tx, { record, case: id, report, node }: Answers, ctx: Ctx): Promise<void> {
  const { via } = ownReport[node]
  const origins = [report.organisation.id]
  const items = report.items.map(
    (item): NewItem => ({ ...item, ...openItemRef(item), record, case: id, kind: 'answer', via, marking: MARKING, origins }),
  )
  await keepNew(tx, items, ctx)
}

/** An item whose id is already here would be hidden behind the one that came first, so the whole message is refused. */
async function keepNew(tx: Tx, items: NewItem[], ctx: Ctx): Promise<void> {
  const known = await copiesOf(
    tx,
    items.map((item) => item.id),
  )
  if (known.some((copy) => items.some((item) => item.id === copy.id && isAnother(item, copy)))) throw new Refusal('replayed-differently')
  if ((await insertItems(tx, items, ctx.now())) !== items.length) throw new Refusal('replayed-differently')
}

/** Only what came by permission may come again, by permission, and then with the same content. */
function isAnother(item: NewItem, copy: { commitment: string; via: string }): boolean {
  return item.via !== 'permission' || copy.via !== 'permission' || item.commitment !== copy.commitment
}

/** One item of a disclosure: which permission carries it, and every organisation it came from. */
export type DisclosedItem = OpenItem & { permission: string; origins: string[]; kind: ItemKind }

export type Disclosed = {
  /** Id of the disclosure's record. */
  record: string
  organisation: CaseOrganisation
  /** Already checked: opened against their commitments, permitted, decided again. */
  items: DisclosedItem[]
  /** Handling conditions that bind these copies. */
  rules: string[]
}

/** Files what was disclosed by door 3 under the organisation's case, or opens one. In the inbox's transaction. Returns the case's id. */
export async function keepDisclosed(tx: Tx, { record, organisation, items, rules }: Disclosed, ctx: Ctx): Promise<string> {
  if (!items.every((item) => questionId.safeParse(item.question).success)) throw new Refusal('envelope-invalid')
  const known = caseToFileUnder(await casesOfOrganisation(tx, organisation.id))
  const { id } = known ?? (await openByDisclosure(tx, organisation, ctx))
  const rows = items.map(({ id: item, question, value, salt, permission, kind, origins }): NewItem => {
    const { commitment } = openItemRef({ id: item, question, value, salt })
    const opened = { id: item, question, value, salt, commitment, kind, origins }
    return { ...opened, record, case: id, via: 'permission', permission, rules, marking: MARKING }
  })
  await keepNew(tx, rows, ctx)
  return id
}

async function openByDisclosure(tx: Tx, organisation: CaseOrganisation, ctx: Ctx): Promise<CaseRow> {
  for (;;) {
    const fresh = newCase(newReference('ICO', ctx.random), organisation, 3, ctx)
    if (await insertCase(tx, fresh)) return fresh
  }
}

/**
 * A recall: from this moment the copies that came in that disclosure are shown to nobody here; deleting or keeping them is a records
 * officer's decision. `items` narrows it. Again, it changes nothing. Returns what is restricted.
 */
export function restrict(tx: Tx, { disclosure, items }: { disclosure: string; items?: string[] }, ctx: Ctx): Promise<ItemRef[]> {
  return restrictItems(tx, disclosure, items ?? null, ctx.now())
}
