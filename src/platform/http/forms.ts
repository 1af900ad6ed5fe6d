import type { FastifyInstance } from 'fastify'
import type { Mistake } from '../errors.ts'
import type { Form } from '../pages.ts'
import { isReadable } from './readable.ts'

export const emptyForm: Form = new Map()

/** Pages take forms and nothing else. */
export function readForms(web: FastifyInstance): void {
  web.removeAllContentTypeParsers()
  web.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, text, done) => {
    done(null, parseForm(text as string))
  })
}

function parseForm(text: string): Form {
  const form = new Map<string, string[]>()
  for (const [field, value] of new URLSearchParams(text)) form.set(field, [...(form.get(field) ?? []), value])
  return form
}

export function unreadableFields(form: Form): Mistake[] {
  return [...form]
    .filter(([, values]) => !values.every(isReadable))
    .map(([field]) => ({ field, message: 'This holds characters that are not text' }))
}
