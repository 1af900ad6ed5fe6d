import { join } from 'node:path'
import { view, type Form, type View } from '../pages.ts'
import { advice } from './advice.ts'
import { rowOf, type ProblemCode } from './problems.ts'

const template = join(import.meta.dirname, '../views/kept-form.njk')

const DEEDS: Partial<Record<ProblemCode, string>> = { 'not-signed-in': 'Sign in', 'step-up-needed': 'Confirm that it is you' }
const SIGNED_OUT = 'You were signed out before this was sent, so nothing was done.'

/**
 * What somebody sent and could not: it goes back in the page, hidden, and is kept nowhere else. They put right what was missing in
 * another tab and send it again from here.
 */
export function keptForm(code: ProblemCode, remedy: string, form: Form): View {
  const fields = [...form].flatMap(([name, values]) => values.map((value) => ({ name, value })))
  const deed = remedy === '' ? '' : (DEEDS[code] ?? '')
  const why = code === 'not-signed-in' ? SIGNED_OUT : advice[code]
  return view(template, { title: rowOf(code).title, why, remedy, deed, fields, typed: fields.length > 1 })
}
