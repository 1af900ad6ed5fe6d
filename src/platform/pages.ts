import type { Who } from './api.ts'
import type { Ctx } from './context.ts'
import type { Mistake, Refusal } from './errors.ts'

/** What a form sent. A field may come several times (checkboxes), so every field is a list. */
export type Form = ReadonlyMap<string, readonly string[]>

export type Visit = {
  params: Record<string, string>
  query: Record<string, string>
  /** What was typed: empty on a first visit, kept when the page is shown again with what is wrong. */
  form: Form
  mistakes: readonly Mistake[]
  ctx: Ctx
  /** The id in the session cookie, of a session that holds. */
  session?: string
  /** A secret that this visitor's browser alone holds: that session's, or the one its forms are tied to. */
  browser?: string
}

export type Model = { title: string; back?: string; wide?: boolean } & Record<string, unknown>
export type View = { kind: 'view'; template: string; model: Model }

/** `session` is the id of a session just opened; `null` takes the cookie away. */
export type Redirect = { kind: 'redirect'; to: string; session?: string | null }
/** To the sign-in provider: an absolute address at one of the origins that the node names. */
export type Away = { kind: 'away'; to: string }
export type Outcome = View | Redirect | Away

/**
 * One question a page. `show` answers GET, and an invalid POST once more with what was typed and what is wrong; it writes nothing.
 * `submit` answers a valid POST with a redirect, or returns (or throws) `invalid(...)`.
 */
export type Page = {
  /** Parameters as `:name`; one named `id`, or ending in `Id`, must be a UUID or the page does not exist. */
  path: string
  who: Who
  /** The visitor's own session is what it is about (signing in and out): it is theirs whatever mandate they act under, or have lost. */
  asOneself?: true
  /** As for an endpoint: shown and sent only by whoever has proved in the last ten minutes who they are. */
  stepUp?: true
  show(visit: Visit): Promise<Outcome>
  submit?(visit: Visit): Promise<Outcome | Refusal>
}

/** `template` is an absolute file name, `join(import.meta.dirname, 'sign-in.njk')`. The model holds finished strings. */
export function view(template: string, model: Model): View {
  return { kind: 'view', template, model }
}

/** `to` is a path of this node. */
export function redirect(to: string, change: { session?: string | null } = {}): Redirect {
  return { kind: 'redirect', to, ...change }
}

export function away(to: string): Away {
  return { kind: 'away', to }
}

/**
 * Where somebody wanted to go before they had to show who they are: a path of this node, in the spelling that browsers read so.
 * Anything that could lead elsewhere is nothing.
 */
export function localPath(wanted: string | undefined): string | undefined {
  const plain = wanted !== undefined && wanted.length <= 500 && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(wanted)
  const base = 'http://localhost'
  return plain && URL.parse(wanted, base)?.origin === base ? wanted : undefined
}

/** The one answer to a field, as typed; empty where nothing came. */
export function answer(form: Form, field: string): string {
  return form.get(field)?.[0] ?? ''
}

export function answers(form: Form, field: string): readonly string[] {
  return form.get(field) ?? []
}
