import { b64u } from '#platform/bytes'
import type { Random } from '#platform/context'
import { openItemRef, PADDING, paddingFor, sealReport, type AuthorityId, type OpenItem, type SealedReport } from '#exchange'
import type { SealingKey } from '#platform/seal'
import { correctionsOf, itemsOf, payloadOf, stageTold, toldBy, type Stage, type ToldOrganisation, type ViewAnswer } from './incident.ts'

/** What the reporter keeps of one report: it opens the commitments, and nothing else does. */
export type Opening = { to: AuthorityId; reference: string; stage: Stage; items: OpenItem[] }

export type ToSeal = {
  to: AuthorityId
  deployment: string
  reference: string
  organisation: ToldOrganisation
  told: boolean
  stage: Stage
  nearMiss: boolean
  answers: ViewAnswer[]
  /** Item told last in answer to each question, by the reporter's own openings. */
  before: ReadonlyMap<string, string>
}

/**
 * One body's view, sealed to that body alone: ids, salts and the order of items are drawn here, and the number is made round. Pure but
 * for the seal's own randomness.
 */
export async function makeSealed(given: ToSeal, key: SealingKey, random: Random): Promise<{ report: SealedReport; opening: Opening }> {
  const { to, deployment, reference, organisation, answers, before } = given
  const stage = stageTold(given.stage, !given.told)
  const own = itemsOf(answers, random)
  const items = shuffled([...own, ...paddingItems(paddingFor(own.length), random)], random)
  const payload = payloadOf({
    organisation: organisation.verified ? organisation : toldBy(answers, organisation.id, organisation),
    stage,
    items,
    ...(given.nearMiss && { nearMiss: true }),
    corrections: correctionsOf(answers, own, before),
  })
  const head = { to, deployment, reference, organisation, stage, items: items.map(openItemRef) }
  return { report: await sealReport(payload, head, key), opening: { to, reference, stage, items } }
}

function paddingItems(count: number, random: Random): OpenItem[] {
  return Array.from({ length: count }, () => ({ id: random.uuid(), question: PADDING, value: null, salt: b64u(random.bytes(32)) }))
}

/** Where an item stands must not say whether it says anything. */
function shuffled(items: OpenItem[], random: Random): OpenItem[] {
  const rest = [...items]
  return items.map(() => rest.splice(random.below(rest.length), 1)[0]!)
}

/** Corrections that have nothing to correct, by the reporter's own openings: the body would refuse the report. */
export function uncorrectable(answers: readonly ViewAnswer[], before: ReadonlyMap<string, string>): string[] {
  return answers.filter(({ question, correction }) => correction && !before.has(question)).map(({ question }) => question)
}

/** Item told last in answer to each question, as the openings of earlier stages have it. */
export function toldIn(openings: readonly Opening[], to: AuthorityId): Map<string, string> {
  const own = openings.filter((one) => one.to === to).flatMap(({ items }) => items)
  return new Map(own.filter(({ question }) => question !== PADDING).map(({ question, id }) => [question, id]))
}
