import type { Mistake } from '#platform/errors'
import { isAsked } from './asked.ts'
import type { Answer, IncidentKind } from './incident.ts'
import { questionById, type Authority, type Question } from './questions.ts'
import { mistakeIn } from './value.ts'
import { findingsIn } from './veris-answers.ts'
import type { Finding, Left, Said } from './veris-finding.ts'
import { readVeris, type Veris } from './veris-form.ts'

/** A draft from somebody's VERIS record: nothing is filed, and what no question asks is listed. */
export type VerisDraft = { id: string; title: string; kind: IncidentKind; answers: Answer[]; left: Left[] }

const names: Record<Authority, string> = { ico: 'the ICO', ncsc: 'the NCSC' }

/**
 * The record's facts as answers for the bodies in `to`, of those that may be told each. What the record calls unknown is "not yet
 * known"; nothing is answered that it does not say. Mistakes point into the record; where there is one, there is no draft.
 */
export function draftOfVeris(record: unknown, to: readonly Authority[]): { draft: VerisDraft } | { mistakes: Mistake[] } {
  const read = readVeris(record)
  if ('mistakes' in read) return read
  const { veris } = read
  const nearMiss = veris.security_incident === 'Near miss'
  const audience = nearMiss ? to.filter((body) => body === 'ncsc') : to
  if (veris.security_incident === 'False positive') return wrong('security_incident', 'A false positive is no incident')
  if (audience.length === 0) return wrong('security_incident', 'A near miss is told to the NCSC alone')
  const findings = findingsIn(veris)
  const { answers, left } = placed(findings, audience)
  if (answers.length === 0) return wrong('', `Nothing in it answers a question of ${audience.map((body) => names[body]).join(' or of ')}`)
  const all = [...left, ...unread(veris, findings)]
  return { draft: { id: veris.incident_id, title: titleOf(veris), kind: nearMiss ? 'near-miss' : 'incident', answers, left: all } }
}

function wrong(field: string, message: string): { mistakes: Mistake[] } {
  return { mistakes: [{ field, message }] }
}

function titleOf({ incident_id: id, timeline }: Veris): string {
  const { year, month, day } = timeline?.incident ?? {}
  if (year === undefined) return `VERIS ${id}`
  const known = month === undefined ? [] : day === undefined ? [month] : [month, day]
  const date = [String(year).padStart(4, '0'), ...known.map((part) => String(part).padStart(2, '0'))]
  return `VERIS ${id} (${date.join('-')})`
}

/** Answers as they may be saved; those that may not are left, with the reason. */
function placed(findings: readonly Finding[], audience: readonly Authority[]): { answers: Answer[]; left: Left[] } {
  const said = findings.filter((one): one is Said => 'question' in one)
  const left = findings.filter((one): one is Left => 'reason' in one)
  const answers: Answer[] = []
  for (const one of said) {
    const question = questionById.get(one.question)!
    const to = audience.filter((body) => question.authorities.includes(body))
    const reason = hindrance(one, question, said) ?? (to.length === 0 ? `${one.question} is no question of ${named(audience)}` : undefined)
    if (reason === undefined) answers.push({ question: one.question, value: one.value, audience: to })
    else left.push({ path: one.from, reason })
  }
  return { answers, left }
}

function hindrance({ value }: Said, question: Question, said: readonly Said[]): string | undefined {
  const mistake = mistakeIn(value, question)
  if (mistake !== undefined) return `Does not fit ${question.id}: ${mistake}`
  return isAsked(question, said) ? undefined : `${question.id} is not asked, other answers being what they are`
}

function named(audience: readonly Authority[]): string {
  return audience.map((body) => names[body]).join(' or of ')
}

const MOST_LEFT = 200
const DEEPEST = 5

/** Every member of the record that no answer says and for which no reason was given yet. */
function unread(veris: Veris, findings: readonly Finding[]): Left[] {
  const accounted = findings.flatMap((one) => ('reason' in one ? [one.path] : (one.says ?? [one.from])))
  const isAccounted = (path: string): boolean => accounted.some((one) => path === one || path.startsWith(`${one}.`))
  const rest = leaves(veris, [])
    .filter((path) => path !== 'incident_id' && !isAccounted(path))
    .map((path) => ({ path, reason: reasonFor(path) }))
  if (rest.length <= MOST_LEFT) return rest
  return [...rest.slice(0, MOST_LEFT), { path: '', reason: `And ${rest.length - MOST_LEFT} members more, which no question asks` }]
}

function leaves(value: unknown, path: string[]): string[] {
  const inside = typeof value === 'object' && value !== null && !Array.isArray(value) && path.length < DEEPEST ? Object.entries(value) : []
  if (inside.length > 0) return inside.flatMap(([name, member]) => leaves(member, [...path, name]))
  return path.length === 0 ? [] : [path.join('.')]
}

const reasons: [RegExp, string][] = [
  [/^(schema_(version|name)|source_id|confidence|reference|plus)(\.|$)/, 'About the record, not the incident'],
  [/^security_incident$/, 'A report says this by being made'],
  [/(^|\.)notes$/, 'Notes of whoever coded it: read them before they go anywhere'],
  [/^actor\./, 'No question asks who it may have been'],
  [/^(impact|victim\.revenue|cost_corrective_action)/, 'No question asks for money'],
  [/^victim\.(country|region|state)/, 'Where the organisation is, which q32 does not ask'],
  [/^victim\.secondary/, 'Others affected, who need not be clients (q06-clients): each reports for itself'],
]

function reasonFor(path: string): string {
  return reasons.find(([pattern]) => pattern.test(path))?.[1] ?? 'No question asks this'
}
