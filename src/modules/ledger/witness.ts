import type { Bytes } from '#platform/bytes'
import { fetchCheckpoint, LogAway, pathsFrom } from './tile-client.ts'
import { compareHeads, readHead, type ShownHead } from './heads.ts'
import type { Ctx } from '#platform/context'
import { cosignatureLine, parseCheckpoint } from './note.ts'
import type { WitnessedLog, WitnessKey, WitnessState } from './witness-state.ts'

/** What one look at a log came to. */
export type Looked =
  | { origin: string; outcome: 'cosigned' | 'unchanged'; size: number }
  /** Nothing follows: the log does not answer, shows no head of its own, or its tiles do not hash to its head. */
  | { origin: string; outcome: 'away' | 'not-signed' | 'unproved' }
  /** Evidence is kept. `accused`: it was there before, and the log was not looked at. */
  | { origin: string; outcome: 'smaller' | 'fork' | 'accused'; size?: number }

/**
 * Looks at a log as anybody can, and cosigns its head if it continues the last one cosigned: proved from tiles, kept on disk, and only
 * then shown. A log against which there is evidence is not cosigned again. Only one look at a time.
 *
 * | a crash after | leaves |
 * |---|---|
 * | anything before `remember` | the head before; nothing was shown |
 * | `remember` | the new head and its cosignature, shown at the next start |
 * | evidence was found, before it is written | the head before; the next look finds it again |
 */
export async function lookAt(log: WitnessedLog, state: WitnessState, key: WitnessKey, ctx: Ctx): Promise<Looked> {
  const { origin } = log
  if (await state.isAccused(origin)) return { origin, outcome: 'accused' }
  const trust = { origins: { [origin]: log.key }, witnesses: {} }
  const before = await state.last(origin)
  const last = before === undefined ? undefined : readHead(before, key.name, trust)
  try {
    const head = headShown(await fetchCheckpoint(log.url), log, trust)
    if (!head) return { origin, outcome: 'not-signed' }
    if (!last) return await sign(head, state, key, ctx)
    const path = head.size > last.size ? await pathsFrom(log.url, head.size)(last.size) : []
    return await continued(last, head, path, state, key, ctx)
  } catch (error) {
    if (error instanceof LogAway) return { origin, outcome: 'away' }
    throw error
  }
}

function headShown(note: string, { origin, url }: WitnessedLog, trust: Parameters<typeof readHead>[2]): ShownHead | undefined {
  try {
    const head = readHead(note, url, trust)
    return head.origin === origin ? head : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

async function continued(
  last: ShownHead,
  head: ShownHead,
  path: readonly Bytes[],
  state: WitnessState,
  key: WitnessKey,
  ctx: Ctx,
): Promise<Looked> {
  const { origin, size } = head
  const why = size < last.size ? 'smaller' : compareHeads(last, head, path)
  if (why === 'unproved') return { origin, outcome: 'unproved' }
  if (why === 'consistent') return size === last.size ? { origin, outcome: 'unchanged', size } : sign(head, state, key, ctx)
  const accusation = why === 'split' ? 'fork' : why
  await state.accuse({ origin, why: accusation, found: ctx.now().toISOString(), heads: [last, head], path })
  return { origin, outcome: accusation, size }
}

async function sign(head: ShownHead, state: WitnessState, { name, signer }: WitnessKey, ctx: Ctx): Promise<Looked> {
  const { origin, size, note } = head
  await state.remember(origin, note + cosignatureLine(parseCheckpoint(note).text, name, signer, ctx.now()))
  return { origin, outcome: 'cosigned', size }
}
