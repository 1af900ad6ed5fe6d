import { stages, type ItemKind, type Stage, type Via } from './case.ts'

export type ItemState = 'current' | 'superseded' | 'corrected'

/** What folding needs to know of an item. `stage` and `madeAt` are those of the report it came in; nothing else has them. */
export type Foldable = {
  id: string
  record: string
  question: string
  kind: ItemKind
  via: Via
  stage?: Stage
  madeAt?: Date
  corrects?: string
}

/** One answer as it now stands, and every item that was told for it, oldest first. */
export type FoldedAnswer = { question: string; via: Via; current: string; history: string[] }
export type Fold = { answers: FoldedAnswer[]; states: Map<string, ItemState> }

// Each attachment is one of its own: a second one takes nobody's place.
const NEVER_FOLDED = 'attachment'

/**
 * Lays what an organisation told by the same door in answer to the same question over one another: what was told later counts. Nothing is
 * left out: every item stands in exactly one history. What came by permission, and what this body found, is never laid over or under
 * anything: it is another's word. Which of them arrived first makes no difference.
 */
export function fold(items: readonly Foldable[]): Fold {
  const groups = Map.groupBy(items, keyOf)
  const histories = [...groups.values()].map(historyOf)
  const folded = histories.map((history) => ({ history, current: currentIn(history) }))
  const answers = folded.map(({ history, current }) => ({
    question: current.question,
    via: current.via,
    current: current.id,
    history: history.map(({ id }) => id),
  }))
  return { answers: answers.sort(byQuestion), states: new Map(folded.flatMap(({ history, current }) => statesIn(history, current))) }
}

function keyOf({ id, question, kind, via }: Foldable): string {
  const alone = via === 'permission' || kind === 'finding' || question === NEVER_FOLDED
  return alone ? id : `${via} ${question}`
}

/** By when the organisation's portal made it; what corrects another stands after it, whatever a clock said. */
function historyOf(group: Foldable[]): Foldable[] {
  const known = new Map(group.map((item) => [item.id, item]))
  const placed = group.map((item) => ({ item, ...placeOf(item, known, new Set()) }))
  return placed.sort(byPlace).map(({ item }) => item)
}

type Place = { time: number; depth: number }

/** Not before what it corrects, and what that corrects. `seen`: a circle, which no report can make, ends nowhere. */
function placeOf(item: Foldable, known: ReadonlyMap<string, Foldable>, seen: Set<string>): Place {
  const own = item.madeAt?.getTime() ?? 0
  const before = item.corrects === undefined ? undefined : known.get(item.corrects)
  if (!before || seen.has(item.id)) return { time: own, depth: 0 }
  const { time, depth } = placeOf(before, known, seen.add(item.id))
  return { time: Math.max(own, time), depth: depth + 1 }
}

function byPlace(a: Place & { item: Foldable }, b: Place & { item: Foldable }): number {
  const identity = compare(`${a.item.record} ${a.item.id}`, `${b.item.record} ${b.item.id}`)
  return a.time - b.time || a.depth - b.depth || rank(a.item) - rank(b.item) || identity
}

function rank({ stage }: Foldable): number {
  return stage === undefined ? -1 : stages.indexOf(stage)
}

function correctedIn(history: readonly Foldable[]): Set<string> {
  return new Set(history.flatMap(({ corrects }) => corrects ?? []))
}

function currentIn(history: readonly Foldable[]): Foldable {
  const corrected = correctedIn(history)
  return history.findLast(({ id }) => !corrected.has(id)) ?? history.at(-1)!
}

function statesIn(history: readonly Foldable[], current: Foldable): [string, ItemState][] {
  const corrected = correctedIn(history)
  return history.map(({ id }) => [id, id === current.id ? 'current' : corrected.has(id) ? 'corrected' : 'superseded'])
}

function byQuestion(a: FoldedAnswer, b: FoldedAnswer): number {
  return compare(`${a.question} ${a.via} ${a.current}`, `${b.question} ${b.via} ${b.current}`)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export type DoorOfItem = { number: 1 | 2 | 3; clause: string }

const doors: Record<Via, DoorOfItem> = {
  'in-confidence': { number: 1, clause: 'encourage-engagement' },
  'statutory': { number: 2, clause: 'regimes' },
  'permission': { number: 3, clause: 'consent-before-disclosure' },
}

export function doorOf(via: Via): DoorOfItem {
  return doors[via]
}

const handlingByVia = {
  'in-confidence': 'NCSC only; leaves only by door 3 with signed permission',
  'statutory': 'ICO only, bound by Data Protection Act 2018 s.132; leaves only by doors 5, 6 and 7',
}

/** The rules that bind a copy, in words: those of its door or, where it came by permission, the conditions it was permitted under. */
export function handlingOf(
  { via, rules, restricted }: { via: Via; rules: readonly string[] | null; restricted: boolean },
  conditions: ReadonlyMap<string, string>,
): string[] {
  if (via !== 'permission') return [handlingByVia[via]]
  const permitted = (rules ?? []).map((rule) => conditions.get(rule) ?? rule)
  return restricted ? ['Restricted: shown to nobody', ...permitted] : permitted
}
