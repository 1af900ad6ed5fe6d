import { canonical } from '#platform/canonical'
import { authorities, type Authority } from './questions.ts'
import { isAuthority, type Answer, type ViewAnswer, type Views } from './incident.ts'

/** Counsel's word on an answer for which privilege is claimed: it stands for that answer as it was, and falls when the answer changes. */
export type Tick = { decision: 'may-be-sent' | 'withhold'; reason?: string; name: string; at: string }

/** What is written in answer to one question for one body. `version` is the save that it came with. */
export type Slot = {
  question: string
  body: Authority
  value: unknown
  version: number
  name: string
  at: string
  privileged?: true
  tick?: Tick
}
/** A slot somebody emptied, in a save; it is in no draft. */
export type Emptied = { question: string; body: Authority; version: number; removed: true }
export type Save = (Slot | Emptied)[]
export type Draft = { version: number; slots: Slot[] }

/** An answer as it last went to a body. */
export type Filed = { question: string; body: Authority; value: unknown; item: string }

export const empty: Draft = { version: 0, slots: [] }

/** Who saves, and when: what every slot of a save bears. */
export type By = { name: string; at: string }

/** One slot a body: whoever answers both in the same words may later change one of them alone. */
export function slotsOf(answers: readonly Answer[], version: number, { name, at }: By): Slot[] {
  return answers.flatMap(({ question, value, audience, privileged }) =>
    audience.filter(isAuthority).map((body) => ({ question, body, value, version, name, at, ...(privileged && { privileged }) })),
  )
}

export function removalsOf(remove: readonly { question: string; audience: string[] }[], version: number): Emptied[] {
  return remove.flatMap(({ question, audience }) =>
    audience.filter(isAuthority).map((body): Emptied => ({ question, body, version, removed: true })),
  )
}

/** The draft after this save. */
export function applied(draft: Draft, save: Save, version: number): Draft {
  const slots = new Map(draft.slots.map((slot) => [key(slot), slot]))
  for (const slot of save) {
    if ('removed' in slot) slots.delete(key(slot))
    else slots.set(key(slot), slot)
  }
  return { version, slots: [...slots.values()] }
}

/** Which questions of this save somebody else changed after `base`, the version the writer had before them. */
export function overtaken(draft: Draft, save: Save, base: number): string[] {
  const changed = new Map(draft.slots.map((slot) => [key(slot), slot]))
  const lost = save.filter((slot) => {
    const now = changed.get(key(slot))
    return now !== undefined && now.version > base && !('value' in slot && same(now.value, slot.value))
  })
  return [...new Set(lost.map(({ question }) => question))]
}

export type SlotState = 'new' | 'changed' | 'filed'

export function stateOf(slot: Slot, filed: readonly Filed[]): SlotState {
  const last = filed.findLast((one) => key(one) === key(slot))
  if (last === undefined) return 'new'
  return same(last.value, slot.value) ? 'filed' : 'changed'
}

/** What a body has not yet been told; what counsel withholds is not sent, and that alone is not a reason to send nothing. */
export function toFile(draft: Draft, filed: readonly Filed[], bodies: readonly Authority[]): Slot[] {
  return draft.slots.filter((slot) => bodies.includes(slot.body) && stateOf(slot, filed) !== 'filed' && slot.tick?.decision !== 'withhold')
}

export function awaitingCounsel(slots: readonly Slot[]): Slot[] {
  return slots.filter((slot) => slot.privileged === true && slot.tick?.decision !== 'may-be-sent')
}

/** Slots as answers again: those of one question in the same words to both bodies are one answer. */
export function answersIn<T extends Slot>(slots: readonly T[]): (Answer & { slots: T[] })[] {
  const groups = Map.groupBy(slots, ({ question, value, privileged, tick }) => canonical({ question, value, privileged, tick }))
  return [...groups.values()].map((group) => ({
    question: group[0]!.question,
    value: group[0]!.value,
    audience: authorities.filter((body) => group.some((slot) => slot.body === body)),
    slots: group,
  }))
}

export function viewsIn(slots: readonly Slot[]): Views {
  const view = (body: Authority): ViewAnswer[] =>
    slots.filter((slot) => slot.body === body).map(({ question, value }) => ({ question, value }))
  return Object.fromEntries(authorities.map((body) => [body, view(body)] as const).filter(([, answers]) => answers.length > 0))
}

function key({ question, body }: { question: string; body: Authority }): string {
  return `${question} ${body}`
}

function same(one: unknown, other: unknown): boolean {
  return canonical(one) === canonical(other)
}
