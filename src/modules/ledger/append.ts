import { sha256, type Bytes } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { chainOf, chainStart, commitmentOf } from './log-member.ts'
import { countChains, insertEntries, type NewEntry } from './store.ts'

/** `record` is the record's canonical text (RFC 8785); `organisation` is set where the entry belongs in that organisation's chain. */
export type Append = { record: string; organisation?: string }

/**
 * Puts a record into the log: durable with the caller's transaction, and not there at all if that rolls back. Two statements.
 * The organisation's chain stays locked until the transaction ends. The entry has no place in the log until an interval closes.
 */
export async function append(tx: Tx, input: Append, ctx: Ctx): Promise<string> {
  const [id] = await appendMany(tx, [input], ctx)
  return id!
}

/**
 * The same for several records at once, in two statements however many; answers with their ids in their order. Whoever appends for more
 * than one organisation in one transaction does it here, in one call: the chains are then locked in one order and nobody deadlocks.
 */
export async function appendMany(tx: Tx, inputs: readonly Append[], ctx: Ctx): Promise<string[]> {
  const counts = new Map<string, number>()
  for (const { organisation } of inputs) if (organisation !== undefined) counts.set(organisation, (counts.get(organisation) ?? 0) + 1)
  const heads = new Map<string, { n: number; head: Bytes }>()
  if (counts.size > 0)
    for (const { organisation, n, head } of await countChains(tx, counts, chainStart()))
      heads.set(organisation, { n: n - counts.get(organisation)!, head })
  const entries = inputs.map((input) => nextEntry(input, heads, ctx))
  await insertEntries(tx, entries, new Map([...heads].map(([organisation, { head }]) => [organisation, head])), ctx.now())
  return entries.map((entry) => entry.id)
}

/** Draws the same from `ctx.random` whether or not there is a chain, so that two worlds stay alike. */
function nextEntry(input: Append, heads: Map<string, { n: number; head: Bytes }>, ctx: Ctx): NewEntry {
  const id = ctx.random.uuid()
  const salt = ctx.random.bytes(32)
  const second = ctx.random.bytes(32)
  const recordHash = sha256(input.record)
  const link = input.organisation === undefined ? undefined : heads.get(input.organisation)
  if (input.organisation === undefined || !link)
    return { id, recordHash, salt, chain: second, commitment: commitmentOf({ recordHash, salt, chain: second }) }
  const { n, head: previous } = { n: link.n + 1, head: link.head }
  const chain = chainOf(second, n, previous)
  const commitment = commitmentOf({ recordHash, salt, chain })
  heads.set(input.organisation, { n, head: commitment })
  return { id, recordHash, salt, chain, commitment, organisation: input.organisation, n, previous, salt2: second }
}
