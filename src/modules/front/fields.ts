import type { Mistake } from '#platform/errors'
import { answer, answers, type Form } from '#platform/pages'
import { mistakesIn, questions, type Answer, type Authority, type Question, registers } from '#reporting'
import { clockOf, momentOf, type Clock } from '#platform/uk-time'

/** One part of a question for one set of bodies: `name` is what its inputs are called. */
export type Asked = { part: Question; name: string; to: Authority[] }
type Choice = { value: string; text: string; checked: boolean }
/** What the template needs, by kind of input; `params` go to the design system's own macro. */
export type Field = {
  kind: 'input' | 'textarea' | 'date' | 'radios' | 'checkboxes' | 'identifier'
  heading: string
  params: Record<string, unknown>
  register?: Record<string, unknown>
  unknown?: Record<string, unknown>
  privilege?: Record<string, unknown>
}

const UNKNOWN = '--unknown'
const PRIVILEGED = '--privileged'

/** `apart`: a set of inputs a body, so that each is told in other words. */
export function askedIn(parts: readonly Question[], bodies: readonly Authority[], apart: boolean): Asked[] {
  return parts.flatMap((part) => {
    const to = part.authorities.filter((body) => bodies.includes(body))
    if (!apart || to.length < 2) return [{ part, name: part.id, to }]
    return to.map((body) => ({ part, name: `${part.id}--${body}`, to: [body] }))
  })
}

/** The answer as typed; undefined where nothing was. A value that cannot be right is kept as it is, for its mistake to be pointed at. */
export function typed(form: Form, { part, name }: Asked): unknown {
  if (answer(form, name + UNKNOWN) !== '') return { notYetKnown: true }
  const text = answer(form, name).replaceAll('\r\n', '\n').trim()
  if (part.type === 'date-time') return momentTyped(form, name)
  if (part.type === 'identifier') return identifierTyped(form, name)
  if (part.type === 'choices') return someOrNothing(answers(form, name).filter((one) => one !== ''))
  if (text === '') return undefined
  if (part.type === 'list') return someOrNothing([...new Set(text.split('\n').map((line) => line.trim()))].filter((line) => line !== ''))
  if (part.type === 'whole-number') return /^[\d,\s]+$/.test(text) ? Number(text.replaceAll(/[,\s]/g, '')) : text
  return text
}

function someOrNothing(list: readonly string[]): readonly string[] | undefined {
  return list.length > 0 ? list : undefined
}

const units = ['day', 'month', 'year', 'hour', 'minute'] as const

function momentTyped(form: Form, name: string): string | undefined {
  const clock = Object.fromEntries(units.map((unit) => [unit, answer(form, `${name}-${unit}`)])) as Clock
  return units.every((unit) => clock[unit].trim() === '') ? undefined : momentOf(clock)
}

function identifierTyped(form: Form, name: string): unknown {
  const id = answer(form, name).trim()
  return id === '' ? undefined : { scheme: answer(form, `${name}-register`) || 'other', id }
}

export function privilegedIn(form: Form, { name }: Asked): boolean {
  return answer(form, name + PRIVILEGED) !== ''
}

/** What is wrong with what was typed, at the input where it can be put right. */
export function mistakesTyped(asked: readonly Asked[], given: readonly Answer[]): Mistake[] {
  return mistakesIn(given, questions).map(({ field, message }) => {
    const nth = Number(field.split('.')[1])
    const one = asked.find(({ part, to }) => part.id === given[nth]?.question && to.every((body) => given[nth]?.audience.includes(body)))
    return { field: one ? anchorOf(one) : '', message: one?.part.type === 'date-time' ? REAL_TIME : message }
  })
}

const REAL_TIME = 'Enter a real date and time, for example 24 11 2026, and 14 30 for half past two'

function anchorOf({ part, name }: Asked): string {
  return part.type === 'date-time' ? `${name}-day` : name
}

export type Shown = { value: unknown; privileged: boolean }

/** `known`: what is written so far; `form`: what was just typed, where the page comes again with a mistake. */
export function fieldOf(asked: Asked, known: Shown | undefined, mistakes: readonly Mistake[], form: Form, title: string): Field {
  const { part, name } = asked
  const again = form.size > 0
  const value = again ? typed(form, asked) : known?.value
  const unknown = typeof value === 'object' && value !== null && 'notYetKnown' in value
  const message = mistakes.find(({ field }) => field === anchorOf(asked))?.message
  const common = { ...(message !== undefined && { errorMessage: { text: message } }) }
  const heading = headingOf(asked, title)
  const field = inputOf(asked, unknown ? undefined : value, common, again ? form : undefined, heading)
  return {
    ...field,
    heading,
    ...(part.notYetKnown && { unknown: tickbox(name + UNKNOWN, 'Not yet known', unknown) }),
    ...(part.sensitivity.includes('privilege') && {
      privilege: tickbox(
        name + PRIVILEGED,
        'Privilege is claimed: counsel must agree before this is sent',
        again ? privilegedIn(form, asked) : (known?.privileged ?? false),
      ),
    }),
  }
}

function headingOf({ part, name, to }: Asked, title: string): string {
  const label = part.label === title ? '' : part.label
  if (!name.includes('--')) return label
  const whom = to[0] === 'ico' ? 'What the ICO is told' : 'What the NCSC is told, in confidence'
  return label === '' ? whom : `${label} ${whom}`
}

function tickbox(name: string, text: string, checked: boolean): Record<string, unknown> {
  return { name, idPrefix: name, classes: 'govuk-checkboxes--small', items: [{ value: 'yes', text, checked }] }
}

type Inputs = Pick<Field, 'kind' | 'params' | 'register'>

function inputOf({ part, name }: Asked, value: unknown, common: object, form: Form | undefined, heading: string): Inputs {
  const hint = { text: part.help }
  const label = heading === '' ? { text: part.label, classes: 'govuk-visually-hidden' } : { text: heading, classes: 'govuk-label--s' }
  const legend =
    heading === '' ? { text: part.label, classes: 'govuk-visually-hidden' } : { text: heading, classes: 'govuk-fieldset__legend--s' }
  const base = { ...common, hint, id: name, name }
  switch (part.type) {
    case 'choice':
      return { kind: 'radios', params: { ...common, hint, name, idPrefix: name, fieldset: { legend }, items: choicesOf(part, [value]) } }
    case 'choices':
      return {
        kind: 'checkboxes',
        params: { ...common, hint, name, idPrefix: name, fieldset: { legend }, items: choicesOf(part, Array.isArray(value) ? value : []) },
      }
    case 'date-time':
      return {
        kind: 'date',
        params: {
          ...common,
          hint,
          id: name,
          namePrefix: name,
          fieldset: { legend },
          items: clockItems(name, value, form, 'errorMessage' in common),
        },
      }
    case 'identifier':
      return identifierInputs(base, label, value, name)
    case 'list':
      return { kind: 'textarea', params: { ...base, label, rows: 4, value: Array.isArray(value) ? value.join('\n') : (value ?? '') } }
    default:
      return part.lines === 'many'
        ? { kind: 'textarea', params: { ...base, label, rows: 7, value: value ?? '' } }
        : { kind: 'input', params: { ...base, label, value: value ?? '', ...keyboards[part.type] } }
  }
}

/** Which keyboard a telephone shows, and what a browser may fill in. */
const keyboards: Partial<Record<Question['type'], Record<string, unknown>>> = {
  'email': { type: 'email', autocomplete: 'email', spellcheck: false },
  'telephone': { type: 'tel', autocomplete: 'tel', classes: 'govuk-input--width-20' },
  'whole-number': { inputmode: 'numeric', classes: 'govuk-input--width-10' },
}

function choicesOf({ choices = [] }: Question, chosen: readonly unknown[]): Choice[] {
  return choices.map((text) => ({ value: text, text, checked: chosen.includes(text) }))
}

function clockItems(name: string, value: unknown, form: Form | undefined, wrong: boolean): Record<string, unknown>[] {
  const clock = typeof value === 'string' ? clockOf(value) : clockOf('')
  const labels = { day: 'Day', month: 'Month', year: 'Year', hour: 'Hour (0 to 23)', minute: 'Minute' }
  return units.map((unit) => ({
    name: unit,
    label: labels[unit],
    value: form ? answer(form, `${name}-${unit}`) : clock[unit],
    classes: `govuk-input--width-${unit === 'year' ? 4 : 2}${wrong ? ' govuk-input--error' : ''}`,
  }))
}

function identifierInputs(base: object, label: object, value: unknown, name: string): Inputs {
  const { scheme = 'companies-house', id = '' } =
    typeof value === 'object' && value !== null ? (value as { scheme?: string; id?: string }) : {}
  return {
    kind: 'identifier',
    params: { ...base, label, value: id, classes: 'govuk-input--width-20' },
    register: {
      id: `${name}-register`,
      name: `${name}-register`,
      label: { text: 'Register' },
      items: Object.entries(registers).map(([one, text]) => ({ value: one, text, selected: one === scheme })),
    },
  }
}
