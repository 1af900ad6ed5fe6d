import { groups, isAsked, questions, type Authority, type Question, type Slot } from '#reporting'

/** One page: the parts of one question, asked together. */
export type Step = { id: string; title: string; group: keyof typeof groups; parts: Question[] }

/** What a page with several parts is called; a page with one is called by its question. */
const titles: Record<string, string> = {
  q01: 'Which organisation is this about?',
  q04: 'How large is the organisation?',
  q06: 'Which other organisations are affected?',
  q07: 'Who is making this report?',
  q08: 'How can you be reached?',
  q10: 'Who can the ICO ask about this?',
  q11: 'Is somebody acting for you?',
  q12: 'Have you already spoken to somebody?',
  q13: 'Do you already have a reference for this?',
  q14: 'When did it happen?',
  q16: 'When did you become aware?',
  q18: 'Is it still going on?',
  q22: 'What kind of incident is it?',
  q23: 'What has been affected?',
  q24: 'What caused it?',
  q25: 'Has a ransom been demanded?',
  q26: 'What technical findings do you have?',
  q27: 'What is involved?',
  q28: 'Which services are affected?',
  q31: 'How many users are affected?',
  q32: 'Where are people affected?',
  q33: 'Is there a wider effect?',
  q36: 'How many people and records?',
  q39: 'Has data been taken?',
  q44: 'What was in place before?',
  q47: 'Have you told the people affected?',
  q48: 'Others you wish to mention',
  q49: 'Is there a public statement?',
}

const numberOf = ({ id }: Question): string => id.slice(0, 3)

export const steps: readonly Step[] = [...Map.groupBy(questions, numberOf)].map(([id, parts]) => ({
  id,
  title: parts.length === 1 ? parts[0]!.label : (titles[id] ?? parts[0]!.label),
  group: parts[0]!.group,
  parts,
}))

export function stepById(id: string): Step | undefined {
  return steps.find((step) => step.id === id)
}

/** What is to be asked of somebody who means to tell these bodies and has answered so much; a page without a part left is not asked. */
export function stepsFor(bodies: readonly Authority[], slots: readonly Slot[], now: Date): Step[] {
  const answers = slots.map(({ question, value, body }) => ({ question, value, audience: [body] }))
  return steps.flatMap((step) => {
    const parts = step.parts.filter((part) => part.authorities.some((body) => bodies.includes(body)) && isAsked(part, answers, now))
    return parts.length > 0 ? [{ ...step, parts }] : []
  })
}

/** The five minutes: ten questions, fewer to the NCSC alone, and two more only when called for. */
export function firstSteps(all: readonly Step[]): Step[] {
  return all.flatMap((step) => {
    const parts = step.parts.filter((part) => part.first || part.firstWhenAsked)
    return parts.length > 0 ? [{ ...step, parts }] : []
  })
}

export type Progress = 'done' | 'begun' | 'empty'

/** Of the bodies that a part is for, each has an answer; "not yet known" is one. */
export function progressOf(step: Step, slots: readonly Slot[], bodies: readonly Authority[]): Progress {
  const wanted = step.parts.flatMap((part) => part.authorities.filter((body) => bodies.includes(body)).map((body) => `${part.id} ${body}`))
  const there = new Set(slots.map(({ question, body }) => `${question} ${body}`))
  const answered = wanted.filter((one) => there.has(one)).length
  if (answered === 0) return 'empty'
  return answered === wanted.length ? 'done' : 'begun'
}

export function sectionsOf(all: readonly Step[]): { id: keyof typeof groups; title: string; steps: Step[] }[] {
  return Object.entries(groups).flatMap(([id, title]) => {
    const own = all.filter(({ group }) => group === id)
    return own.length > 0 ? [{ id: id as keyof typeof groups, title, steps: own }] : []
  })
}
