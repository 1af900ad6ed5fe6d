import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import { transact, type Tx } from '#platform/db'
import { markReadsTold, takeUntold } from '#casework'
import { posting, type Errand, type RunningGateway } from '#disclosure'
import type { AuthorityId, Queue } from '#exchange'
import { dueBy } from '#statements'
import { clauseFor, ENDING, listsToTell, writeReads } from './list.ts'
import { insertMade, lastTold } from './store.ts'

/** Openings taken up in one transaction. */
const TOGETHER = 200
/** Between two of those: what is more urgent is not to wait. */
const BREATH = 500
/** How often it is asked whether anything has fallen due: an answer from memory. */
const LOOK = 250

export type Telling = { node: AuthorityId; everySeconds: number }

/**
 * Tells organisations what was opened of theirs, when a telling falls due, by the clock alone. What was opened and what was told of it
 * change in one transaction: a crash leaves openings to be told, and tells none twice.
 */
export function tellReads(telling: Telling): Errand {
  let done = 0
  return async (gateway) => {
    const due = dueBy(gateway.makeCtx().now(), telling.everySeconds)
    if (due.getTime() === done) return LOOK
    const told = await tellUntil(gateway, telling, due)
    if (told === TOGETHER) return BREATH
    done = due.getTime()
    return LOOK
  }
}

/** How many openings were taken up. */
export function tellUntil(gateway: RunningGateway, { node }: Pick<Telling, 'node'>, due: Date): Promise<number> {
  const ctx = gateway.makeCtx()
  return transact(gateway.db, async (tx) => {
    const { reads, opened } = await takeUntold(tx, due, TOGETHER)
    if (reads.length === 0) return 0
    const lists = listsToTell(opened)
    if (lists.length > 0) await posting(tx, gateway, (_put, queue) => tellAll(tx, { node, due, lists, queue }, ctx), ctx)
    await markReadsTold(tx, reads, ctx.now())
    return reads.length
  })
}

type ToTell = { node: AuthorityId; due: Date; lists: ReturnType<typeof listsToTell>; queue: Queue }

async function tellAll(tx: Tx, { node, due, lists, queue }: ToTell, ctx: Ctx): Promise<void> {
  const organisations = [...new Set(lists.map(({ organisation }) => organisation))]
  const last = new Map((await lastTold(tx, organisations, due)).map((row) => [row.organisation, row.due]))
  const made: { record: string; organisation: string; lines: number }[] = []
  for (const { organisation, lines } of lists) {
    const after = last.get(organisation)
    const members = { organisation, due: instant(due), ...(after && { after: instant(after) }), ending: ENDING }
    const prepared = { clause: clauseFor(node), members, payload: writeReads(lines), chain: organisation }
    made.push({ record: await queue(tx, 'portal', 'reads', prepared, ctx), organisation, lines: lines.length })
  }
  await insertMade(tx, made, due, ctx.now())
}
