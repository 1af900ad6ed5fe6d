import { heldOtherwise, organisationsKnown, type HeldRow } from '#casework'
import { posting, type Errand, type RunningGateway } from '#disclosure'
import { b64u } from '#platform/bytes'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import { transact, type Tx } from '#platform/db'
import type { AuthorityId, Queue } from '#exchange'
import { chainsBegun, chainsOf, lockChains } from '#ledger'
import { CLAUSE, dueBy, missedBetween, writeStatement, type Line, type Statement } from './daily.ts'
import { insertMade, lastDue } from './store.ts'

/** Organisations told in one transaction. */
const TOGETHER = 500
/** Between two of those: what is more urgent than a statement is not to wait for ten thousand of them, nor for their slots in the ledger. */
const BREATH = 2_000
/** How often it is asked whether anything has fallen due: an answer from memory. */
const LOOK = 250

/** Under which a body keeps what an organisation reports to it itself. */
const ownVia: Record<AuthorityId, string> = { ncsc: 'in-confidence', ico: 'statutory' }

type Known = { organisation: string; since: Date }
export type Daily = { node: AuthorityId; everySeconds: number }

/**
 * Sends each organisation in this body's books its statement when one falls due, by the clock and by nothing else. A crash leaves those
 * of whole transactions sent and the others to be made at the next start; days that passed meanwhile are made up for by one statement.
 */
export function sendStatements(daily: Daily): Errand {
  let reached = { due: 0, after: '', done: false }
  return async (gateway) => {
    const due = dueBy(gateway.makeCtx().now(), daily.everySeconds)
    if (due.getTime() !== reached.due) reached = { due: due.getTime(), after: '', done: false }
    if (reached.done) return LOOK
    const page = await transact(gateway.db, (tx) => inBooks(tx, reached.after, due))
    const made = await stateTo(gateway, daily, due, page)
    reached = { due: due.getTime(), after: page.at(-1)?.organisation ?? '', done: page.length < TOGETHER }
    return made > 0 && !reached.done ? BREATH : 0
  }
}

/** Whoever has an entry, a case or an item here since before that instant, in order, after the one named. */
async function inBooks(tx: Tx, after: string, due: Date): Promise<Known[]> {
  const known = [...(await chainsBegun(tx, after, due, TOGETHER)), ...(await organisationsKnown(tx, after, due, TOGETHER))]
  const since = new Map<string, Date>()
  for (const one of known) {
    const before = since.get(one.organisation)
    if (!before || one.since < before) since.set(one.organisation, one.since)
  }
  const sorted = [...since].map(([organisation, at]) => ({ organisation, since: at }))
  return sorted.sort((a, b) => (a.organisation < b.organisation ? -1 : 1)).slice(0, TOGETHER)
}

/**
 * Their statements, all or none, in one transaction. The chains are locked before it is looked what is held: what a record before the
 * statement brought is in it, what one after it brings is not. Returns how many were made.
 */
export function stateTo(gateway: RunningGateway, daily: Daily, due: Date, known: readonly Known[]): Promise<number> {
  const ctx = gateway.makeCtx()
  const organisations = known.map(({ organisation }) => organisation)
  return transact(gateway.db, async (tx) => {
    const before = chainsIn(await lockChains(tx, organisations))
    const last = new Map((await lastDue(tx, organisations)).map((row) => [row.organisation, row.due]))
    const open = known.filter(({ organisation }) => (last.get(organisation)?.getTime() ?? 0) < due.getTime())
    if (open.length === 0) return 0
    const held = Map.groupBy(await heldOtherwise(tx, organisations, ownVia[daily.node]), (row) => row.organisation)
    const statements = open.map(({ organisation, since }): Statement => {
      const told = last.get(organisation)
      return {
        organisation,
        authority: daily.node,
        due,
        ...(told && { before: told }),
        missed: missedBetween(told ?? since, due, daily.everySeconds),
        chain: before.get(organisation) ?? { n: 0, head: b64u(Buffer.alloc(32)) },
        lines: (held.get(organisation) ?? []).map(lineOf),
      }
    })
    await write(tx, gateway, statements, ctx)
    return statements.length
  })
}

async function write(tx: Tx, gateway: RunningGateway, statements: Statement[], ctx: Ctx): Promise<void> {
  const written = statements.map((statement) => ({ organisation: statement.organisation, pages: writeStatement(statement) }))
  const queueAll = async (queue: Queue): Promise<void> => {
    for (const { organisation, pages } of written)
      for (const { members, list } of pages)
        await queue(tx, 'portal', 'statement', { clause: CLAUSE, members, payload: list, chain: organisation }, ctx)
  }
  await posting(tx, gateway, (_put, queue) => queueAll(queue), ctx)
  const rows = written.map(({ organisation, pages }) => {
    const { entries, held } = pages[0]!.members
    return { organisation, entries, held, pages: pages.length }
  })
  await insertMade(tx, statements[0]!.due, rows, ctx.now())
  const after = chainsIn(
    await chainsOf(
      tx,
      rows.map(({ organisation }) => organisation),
    ),
  )
  // A chain that did not exist could not be locked: somebody else's first entry may have come before ours.
  if (rows.some(({ organisation, entries }) => after.get(organisation)?.n !== entries)) throw new Error('a chain was begun meanwhile')
}

function chainsIn(rows: Awaited<ReturnType<typeof lockChains>>): Map<string, { n: number; head: string }> {
  return new Map(rows.map(({ organisation, n, head }) => [organisation, { n, head: b64u(head) }]))
}

function lineOf({ item, commitment, record, via, since, restricted, deleted }: HeldRow): Line {
  const gone = { ...(restricted && { restricted: instant(restricted) }), ...(deleted && { deleted: instant(deleted) }) }
  return { item, commitment, record, via, since: instant(since), ...gone }
}
