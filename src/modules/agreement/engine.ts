import { createRequire } from 'node:module'
import type { Json } from '#platform/canonical'
import { refusals, type RefusalCode } from '#platform/errors'

type Cedar = typeof import('@cedar-policy/cedar-wasm/nodejs')
type EntityJson = import('@cedar-policy/cedar-wasm/nodejs').EntityJson

/** One policy of the folder as its annotations describe it. */
export type PolicyNote = { id: string; effect: string; clause: string; code?: RefusalCode; door?: string }

export type Engine = { name: string; notes: Map<string, PolicyNote>; order: RefusalCode[]; cedar: Cedar }

export type Entity = { type: string; id: string; attrs?: Record<string, Json> }
export type Question = { principal: Entity; action: string; resource: Entity; context: Record<string, Json>; others?: Entity[] }
export type Verdict = { allowed: true; clauses: string[] } | { allowed: false; code: RefusalCode; clause?: string }

/** Raised when the folder's policy does not parse or does not fit its schema; the node does not start. */
export class PolicyInvalid extends Error {
  readonly code = 'policy-invalid'
}

/**
 * Parses and validates once; later questions only name the set. `name` must be new for each text: the engine keeps parsed sets
 * by name, so the policy's hash is used. `order` is the order in which reasons are named when several hold.
 */
export function createEngine(name: string, policies: string, schema: string, order: RefusalCode[]): Engine {
  const cedar: Cedar = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs')
  const parts = cedar.policySetTextToParts(policies)
  if (parts.type !== 'success') throw new PolicyInvalid('the policy text does not parse')
  if (parts.policy_templates.length > 0) throw new PolicyInvalid('templates are not used here')
  const named = Object.fromEntries(parts.policies.map((text, index) => [`policy${index}`, text]))
  const notes = new Map(Object.entries(named).map(([id, text]) => [id, noteOf(cedar, id, text as string)]))
  const set = { staticPolicies: named }
  const validation = cedar.validate({ schema, policies: set, validationSettings: { mode: 'strict' } })
  if (validation.type !== 'success' || validation.validationErrors.length > 0) throw new PolicyInvalid('the policy does not fit its schema')
  if (cedar.preparseSchema(name, schema).type !== 'success') throw new PolicyInvalid('the schema does not parse')
  if (cedar.preparsePolicySet(name, set).type !== 'success') throw new PolicyInvalid('the policy set does not parse')
  return { name, notes, order, cedar }
}

function noteOf(cedar: Cedar, id: string, text: string): PolicyNote {
  const parsed = cedar.policyToJson(text)
  if (parsed.type !== 'success') throw new PolicyInvalid('a policy does not parse')
  const { clause, code, door } = parsed.json.annotations ?? {}
  if (!clause) throw new PolicyInvalid('every policy names the clause it carries out: @clause("…")')
  if (code !== undefined && !(code in refusals)) throw new PolicyInvalid('a policy gives a code that the error table does not have')
  return { id, effect: parsed.json.effect, clause, ...(code && { code: code as RefusalCode }), ...(door && { door }) }
}

/**
 * The one place where the engine is asked. Nothing wraps it and it fails closed: an answer that is not a plain allow without
 * a single diagnostic is a refusal (Cedar skips a policy that errs, which would let a broken `forbid` through).
 */
export function ask(engine: Engine, question: Question): Verdict {
  const answer = engine.cedar.statefulIsAuthorized({
    principal: uid(question.principal),
    action: { type: 'Concordat::Action', id: question.action },
    resource: uid(question.resource),
    context: question.context,
    preparsedSchemaName: engine.name,
    preparsedPolicySetId: engine.name,
    validateRequest: true,
    entities: [question.principal, question.resource, ...(question.others ?? [])].map(entity),
  })
  if (answer.type !== 'success' || answer.warnings.length > 0) return { allowed: false, code: 'policy-error' }
  const { decision, diagnostics } = answer.response
  if (diagnostics.errors.length > 0) return { allowed: false, code: 'policy-error' }
  const notes = diagnostics.reason.map((id) => engine.notes.get(id))
  if (decision === 'allow' && notes.length > 0 && notes.every((note) => note?.effect === 'permit'))
    return { allowed: true, clauses: [...new Set(notes.map((note) => note!.clause))] }
  return reasonOf(engine, notes)
}

function reasonOf(engine: Engine, notes: (PolicyNote | undefined)[]): Verdict {
  const rank = (note: PolicyNote) => engine.order.indexOf(note.code!)
  const coded = notes.filter((note): note is PolicyNote => note?.code !== undefined)
  const first = coded.sort((a, b) => rank(a) - rank(b))[0]
  return first ? { allowed: false, code: first.code!, clause: first.clause } : { allowed: false, code: 'flow-not-allowed' }
}

function uid({ type, id }: Entity): { type: string; id: string } {
  return { type: `Concordat::${type}`, id }
}

function entity(one: Entity): EntityJson {
  return { uid: uid(one), attrs: (one.attrs ?? {}) as EntityJson['attrs'], parents: [] }
}

/** How a value that is another entity is written in attributes and context. */
export function reference(type: string, id: string): Json {
  return { __entity: { type: `Concordat::${type}`, id } }
}
