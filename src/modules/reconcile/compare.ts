import { SKEW } from '#platform/clock'
import { distinctHeads, readHead, sameSizeSplits, type ShownHead } from '#ledger'
import type { NodeId, Trust } from '#exchange'
import type { Export, ReceivedLine, SentLine } from './export.ts'

import { acknowledgementReader, type Acknowledged } from './sent.ts'

/** What an auditor finds between the exports of two houses, with a sentence each; `at` is the house to ask. */
const sentences = {
  'gone-at-recipient': 'the recipient signed that it arrived, and does not show it',
  'gone-at-sender': 'the recipient holds the sender’s signed statement, and the sender does not show it',
  'acknowledgement-invalid': 'the sender shows no acknowledgement of the recipient for what it says was settled',
  'record-differs': 'the two houses hold different records of it',
  'kind-differs': 'the two houses hold it to be of different kinds',
  'states-differ': 'one house says it was accepted, the other that it was not',
  'stopped-and-arrived': 'the sender says it was stopped, and the recipient has it',
  'entry-differs': 'it stands at another place of the sender’s ledger than its signed statement proves',
  'dated-otherwise': 'its times at the two houses do not fit together',
  'split-view': 'a ledger signed two heads that cannot both be of it',
  'rolled-back': 'the other house saw a larger head of this ledger before this export was made',
} as const

export type DifferenceCode = keyof typeof sentences
export type Difference = { code: DifferenceCode; id: string; kind: string; at: NodeId; about: string }
/** `onTheirWay`: left, or taken, after the other export was made, or not settled yet. */
export type Compared = { differences: Difference[]; both: number; onTheirWay: number }

/** Throws SyntaxError where the two are not each other's. */
export function compareExports(one: Export, other: Export, trust: Trust): Compared {
  if (one.node === other.node || one.with !== other.node || other.with !== one.node)
    throw new SyntaxError('these are not the exports of two houses, each with the other')
  const acknowledged = acknowledgementReader(trust)
  const ways = [compareWay(one, other, acknowledged), compareWay(other, one, acknowledged)]
  return {
    differences: [...ways.flatMap(({ differences }) => differences), ...headDifferences([one, other], trust)],
    both: ways.reduce((sum, { both }) => sum + both, 0),
    onTheirWay: ways.reduce((sum, { onTheirWay }) => sum + onTheirWay, 0),
  }
}

/** What one house sent the other, in the books of both. */
function compareWay(from: Export, to: Export, acknowledged: Acknowledged): Compared {
  const arrived = new Map(to.received.map((line) => [line.id, line]))
  const compared: Compared = { differences: [], both: 0, onTheirWay: 0 }
  for (const line of from.sent) {
    const there = arrived.get(line.id)
    arrived.delete(line.id)
    const codes = there ? codesOf(line, there) : codesOfMissing(line, from, to, acknowledged)
    if (there) compared.both += 1
    if (codes === undefined) compared.onTheirWay += 1
    for (const code of codes ?? []) compared.differences.push(difference(code, line, code === 'gone-at-recipient' ? to.node : from.node))
  }
  for (const line of arrived.values()) {
    // Decided on after the sender's export was made: it cannot be there yet.
    if (line.at === undefined ? isAfter(line.receivedAt, from.at, -SKEW) : isAfter(line.at, from.at, -MOMENT)) compared.onTheirWay += 1
    else compared.differences.push(difference('gone-at-sender', line, from.node))
  }
  return compared
}

// How long a transaction may take that was under way as an export was made; both times are of one clock.
const MOMENT = 60_000

const time = (instant: string): number => Date.parse(instant)
const isAfter = (one: string, other: string, by = 0): boolean => time(one) > time(other) + by

/** Undefined for what need not have arrived when the other export was made. */
function codesOfMissing(line: SentLine, from: Export, to: Export, acknowledged: Acknowledged): DifferenceCode[] | undefined {
  if (line.state !== 'accepted' && line.state !== 'refused') return undefined
  const told = line.acknowledgement === undefined ? undefined : acknowledged(line.acknowledgement, to.node)
  const named = told?.to === from.node && told.results.some(({ id, state }) => id === line.id && state === line.state)
  if (!told || !named) return ['acknowledgement-invalid']
  return isAfter(told.at, to.at, -MOMENT) ? undefined : ['gone-at-recipient']
}

// An entry waits for the next interval; longer than a day only in a house that stood still.
const LONGEST_WAIT = 86_400_000

function codesOf(here: SentLine, there: ReceivedLine): DifferenceCode[] {
  const settled = here.state === 'accepted' || here.state === 'refused'
  const logged = there.logTime === undefined ? undefined : time(there.logTime) - time(here.queuedAt)
  const early = logged !== undefined && (logged < -SKEW || logged > LONGEST_WAIT)
  const late = there.logTime !== undefined && time(there.receivedAt) < time(there.logTime) - SKEW
  const codes: [DifferenceCode, boolean][] = [
    ['record-differs', here.record !== there.record],
    ['kind-differs', here.kind !== there.kind],
    ['states-differ', settled && here.state !== there.state],
    ['stopped-and-arrived', here.state === 'cancelled' && there.state === 'accepted'],
    ['entry-differs', there.index !== undefined && !standsThere(here, there.index, settled)],
    ['dated-otherwise', early || late],
  ]
  return codes.flatMap(([code, found]) => (found ? [code] : []))
}

/** An entry that waited for its interval as the sender's books were read had no place yet. */
function standsThere({ commitment, index }: SentLine, proved: number, settled: boolean): boolean {
  return commitment !== undefined && (index === proved || (index === undefined && !settled))
}

function difference(code: DifferenceCode, { id, kind }: { id: string; kind: string }, at: NodeId): Difference {
  return { code, id, kind, at, about: sentences[code] }
}

/** Heads of one size with two roots, and a ledger that shows less than the other house has seen of it. */
function headDifferences(both: [Export, Export], trust: Trust): Difference[] {
  const shown = both.map((one) => one.heads.map((note) => readHead(note, one.node, trust.ledger)))
  const nodeOf = (origin: string): NodeId => both.map(({ node }) => node).find((node) => trust.origins[node] === origin) ?? both[0].node
  const splits = sameSizeSplits(distinctHeads(shown.flat()))
  const behind = both.filter((one, nth) => {
    const origin = trust.origins[one.node]
    return largest(shown[nth]!, origin) < largest(shown[1 - nth]!, origin) && time(one.at) >= time(both[1 - nth]!.at)
  })
  return [
    ...splits.map(({ origin, heads }) => difference('split-view', { id: `${origin} ${heads[0].size}`, kind: 'head' }, nodeOf(origin))),
    ...behind.map(({ node }) => difference('rolled-back', { id: trust.origins[node], kind: 'head' }, node)),
  ]
}

function largest(heads: readonly ShownHead[], origin: string): number {
  return heads.reduce((most, head) => (head.origin === origin ? Math.max(most, head.size) : most), 0)
}
