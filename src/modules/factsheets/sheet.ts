import { z } from 'zod'
import type { Mistake } from '#platform/errors'
import { mistakesIn, questions, type Answer } from '#reporting'

/** A controller as its processor knows it. It has not proved who it is; only its code opens the sheet. */
export type Controller = { name: string; identifier?: { scheme: string; id: string } | undefined; contact?: string | undefined }

/** What a controller is told: facts, in the words meant for it, and whose. */
export type Edition = { from: string; note?: string; answers: Fact[] }
export type Fact = { question: string; value: unknown }

/** Questions whose answers are about the processor itself or between it and one body: never part of what controllers are told. */
const OWN_BUSINESS = new Set(['q12', 'q13', 'q16', 'q48'])

export const controllerForm = z.strictObject({
  name: z.string().trim().min(1).max(1_000),
  identifier: z.strictObject({ scheme: z.string().max(40), id: z.string().max(100) }).optional(),
  contact: z.string().trim().min(1).max(1_000).optional(),
})

export const factForm = z.strictObject({ question: z.string(), value: z.unknown() })

/** Facts are checked as answers are; when somebody became aware, and what passed between them and a body, is each one's own. */
export function factMistakes(facts: readonly Fact[], field: string): Mistake[] {
  const audiences = new Map(questions.map(({ id, authorities }) => [id, [...authorities] as string[]]))
  const own = facts.flatMap(({ question }, i) =>
    OWN_BUSINESS.has(question.slice(0, 3))
      ? [{ field: `${field}.${i}.question`, message: 'This is each organisation\u2019s own: it is not part of a fact sheet' }]
      : [],
  )
  const answers = facts.map((fact): Answer => ({ ...fact, audience: audiences.get(fact.question) ?? ['ico'] }))
  const others = mistakesIn(answers, questions).map(({ field: at, message }) => ({ field: at.replace('answers', field), message }))
  return [...own, ...others]
}

/** Common facts, with what is this controller's alone in place of them. */
export function factsFor(common: readonly Fact[], own: readonly Fact[]): Fact[] {
  const special = new Set(own.map(({ question }) => question))
  return [...common.filter(({ question }) => !special.has(question)), ...own]
}

/** The facts as answers of the controller's own, to those bodies it names that may be told them. The choice is the controller's. */
export function answersFrom(facts: readonly Fact[], audience: readonly string[]): Answer[] {
  const allowed = new Map(questions.map(({ id, authorities }) => [id, authorities as readonly string[]]))
  return facts.flatMap(({ question, value }) => {
    const to = (allowed.get(question) ?? []).filter((body) => audience.includes(body))
    return to.length > 0 ? [{ question, value, audience: to }] : []
  })
}

/** Facts that the latest edition says otherwise than the one before, or for the first time. */
export function changedFacts(latest: readonly Fact[], before: readonly Fact[]): string[] {
  const known = new Map(before.map(({ question, value }) => [question, JSON.stringify(value)]))
  return latest.filter(({ question, value }) => known.get(question) !== JSON.stringify(value)).map(({ question }) => question)
}
