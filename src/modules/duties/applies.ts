import { questions } from '#reporting'
import type { Condition, Regime, Standing } from './regimes.ts'

/** Never a verdict: `true` means that it may apply. */
export type Applies = { mayApply: true | false | 'unknown'; why: string; changes: string }

/** The latest answer to each question, whoever it was for. */
export type Current = ReadonlyMap<string, unknown>

const labels = new Map(questions.map(({ id, label }) => [id, label]))

type Finding = Pick<Applies, 'mayApply' | 'why'>

export function applies(regime: Regime, standing: Standing, answers: Current, aware: boolean): Applies {
  return { ...finding(regime, standing, answers, aware), changes: regime.changes }
}

function finding(regime: Regime, standing: Standing, answers: Current, aware: boolean): Finding {
  if (regime.never !== undefined) return { mayApply: false, why: regime.never }
  if (standing === 'coming') return { mayApply: false, why: `This is not in force. Its status as known here: ${regime.status}.` }
  if (regime.unasked !== undefined) return { mayApply: 'unknown', why: regime.unasked }
  const found = regime.appliesWhen.map((condition) => weigh(condition, answers.get(condition.question), aware))
  if (found.length === 0) return { mayApply: true, why: 'This is open to anyone, or may bind anyone: no answer decides it.' }
  const against = found.find(({ mayApply }) => mayApply === false)
  if (against) return against
  const open = found.filter(({ mayApply }) => mayApply === 'unknown')
  const told = open.length > 0 ? open : found
  return { mayApply: open.length > 0 ? 'unknown' : true, why: told.map(({ why }) => why).join(' ') }
}

function weigh({ question, yes, maybe = [], orAware }: Condition, value: unknown, aware: boolean): Finding {
  const asked = `\u201c${labels.get(question)}\u201d (${question})`
  const chosen = choicesIn(value)
  const deciding = chosen.filter((choice) => (yes === 'any' ? !maybe.includes(choice) : yes.includes(choice)))
  if (deciding.length > 0) return { mayApply: true, why: `To ${asked} you answered: ${deciding.join('; ')}.` }
  if (orAware && aware) return { mayApply: true, why: 'You recorded when you became aware that personal data was involved.' }
  if (chosen.length === 0) return { mayApply: 'unknown', why: `${asked} is not answered yet.` }
  if (chosen.some((choice) => maybe.includes(choice)))
    return { mayApply: 'unknown', why: `To ${asked} you answered: ${chosen.join('; ')}. That leaves it open.` }
  return { mayApply: false, why: `To ${asked} you answered: ${chosen.join('; ')}. That does not point to this.` }
}

/** A choice, several, or none where nothing was chosen or it is not yet known. */
function choicesIn(value: unknown): string[] {
  const list = Array.isArray(value) ? value : [value]
  return list.filter((one): one is string => typeof one === 'string')
}
