import { dirname, join } from 'node:path'
import { z } from 'zod'
import { checkTrustFile, sealingKeysOf, type AuthorityId, type NodeId, type SealedReport, type TrustFile } from '#exchange'
import type { Random } from '#platform/context'
import type { Mistake } from '#platform/errors'
import { readJson, writeFileAtomically } from '#platform/home'
import type { SealingKey } from '#platform/seal'
import {
  answerForm,
  isAuthority,
  makeSealed,
  mistakesIn,
  missingFrom,
  questions,
  toldIn,
  uncorrectable,
  viewsOf,
  type IncidentKind,
  type Openings,
  type SealingTerms,
} from '#reporting'
import { readOpenings } from './openings.ts'
import { call, isProblem, Usage, type Portal, type Problem } from './report-portal.ts'
import type { Source } from './report-source.ts'

/** What the portal is told an incident is called. The title that was written stays here. */
export const SEALED_TITLE = 'Sealed on our own machine'

/** Whose keys it is sealed to: a file that the reporter has from the bodies, not from the portal. */
export type Pinned = { path: string; trust: TrustFile; keys: Record<NodeId, SealingKey> }
export type Opened = { id: string; reference: string; kind?: IncidentKind }
type Sealing = { source: Source; opened: Opened; pinned: Pinned; path: string | undefined }
/** `who`: as the portal tells each body of the reporter. */
export type Sealed = { sealed: SealedReport[]; path: string; before: Openings | undefined; who: string }

export async function readPinned(path: string): Promise<Pinned> {
  const value = await readJson(path).catch(() => undefined)
  if (value === undefined) throw new Usage(`there is no trust file at ${path}, so there is no key to seal to: --trust FILE`)
  try {
    const trust = checkTrustFile(value)
    return { path, trust, keys: await sealingKeysOf(trust) }
  } catch {
    throw new Usage(`${path} is not a trust file, so there is no key to seal to`)
  }
}

/** To be compared over another channel before anything rests on it. */
export function keysInWords({ path, trust, keys }: Pinned, bodies: readonly AuthorityId[]): string[] {
  return [
    `Sealing to keys from ${path} (deployment ${trust.deployment}). Compare them over another channel:`,
    ...bodies.map((body) => `  ${body.padEnd(6)}${keys[body].kid}`),
  ]
}

export function bodiesIn({ report }: Source): AuthorityId[] {
  const named = report.answers.flatMap((one) => (one as { audience?: unknown } | null)?.audience ?? [])
  return (['ico', 'ncsc'] as const).filter((body) => named.includes(body))
}

/** Everything that the portal would find wrong, and cannot see in what is sealed. Nothing has been sent. */
export function mistakesToSeal({ report }: Source, kind: IncidentKind, unknown: boolean): Mistake[] {
  const form = z.array(answerForm).min(1).safeParse(report.answers)
  if (!form.success) return form.error.issues.map(({ path, message }) => ({ field: ['answers', ...path].map(String).join('.'), message }))
  const answers = form.data
  const privileged = answers.flatMap((answer, i) =>
    answer.privileged
      ? [{ field: `answers.${i}.privileged`, message: 'Privilege is claimed for this answer: counsel cannot agree to what is sealed here' }]
      : [],
  )
  const missing = unknown
    ? Object.entries(viewsOf(answers)).flatMap(([body, view]) => (isAuthority(body) ? missingFrom(view, body) : []))
    : []
  return [...mistakesIn(answers, questions, kind), ...privileged, ...missing]
}

/**
 * Seals one report a body, and writes down what opens them before anything is sent: a crash afterwards loses nothing that was told. The
 * portal's words on who reports go outside the seal, so they are compared with what is known here.
 */
export async function sealHere(
  { source, opened, pinned, path: given }: Sealing,
  portal: Portal,
  random: Random,
): Promise<Sealed | Problem> {
  const path = given ?? join(dirname(source.path), `${opened.reference}.openings.json`)
  const before = await readOpenings(path)
  if (before && (before.incident.id !== opened.id || before.deployment !== pinned.trust.deployment))
    throw new Usage(`${path} has the openings of another incident: name another file with --openings`)
  const told = await call<{ terms: SealingTerms[] }>('POST', `/incidents/${opened.id}/references`, { to: bodiesIn(source) }, portal)
  if (isProblem(told)) return told
  for (const terms of told.terms) mustBeWhoItIs(terms, source, before)
  const answers = z.array(answerForm).parse(source.report.answers)
  const views = viewsOf(answers)
  const made = []
  for (const { to, reference, told: heard, organisation } of told.terms) {
    const [view, earlier] = [views[to]!, toldIn(before?.reports ?? [], to)]
    mustBeCorrectable(uncorrectable(view, earlier), path)
    const { stage } = z.object({ stage: z.enum(['initial', 'update', 'final']) }).parse(source.report)
    const { deployment } = pinned.trust
    const { sector, ...rest } = organisation
    const whole = { ...rest, ...(sector !== undefined && { sector }) }
    const nearMiss = opened.kind === 'near-miss'
    made.push(
      await makeSealed(
        { to, deployment, reference, organisation: whole, told: heard, stage, nearMiss, answers: view, before: earlier },
        pinned.keys[to],
        random,
      ),
    )
  }
  const { title = before?.incident.title } = source.report
  const kept: Openings = {
    v: 1,
    kind: 'concordat-openings',
    deployment: pinned.trust.deployment,
    organisation: told.terms[0]!.organisation.id,
    incident: { id: opened.id, reference: opened.reference, ...(title !== undefined && { title }) },
    reports: [...(before?.reports ?? []), ...made.map(({ opening }) => opening as Openings['reports'][number])],
  }
  await writeOpenings(path, kept)
  const { name, verified } = told.terms[0]!.organisation
  return { sealed: made.map(({ report }) => report), path, before, who: verified ? name : `${name} (not proved)` }
}

export async function writeOpenings(path: string, kept: Openings): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify(kept, null, 2)}\n`, 0o600)
}

/** A portal that files a report under somebody else's name is found out before anything is sealed. */
function mustBeWhoItIs({ to, reference, organisation }: SealingTerms, { report }: Source, before: Openings | undefined): void {
  const named = report.organisation
  // Whoever proved nothing has no name there but the one that is inside the seal.
  if (organisation.verified && named !== undefined && organisation.name !== named)
    throw new Usage(`the portal would file this for "${organisation.name}", and the report is of "${named}". Nothing was sent`)
  const earlier = before?.reports.find((one) => one.to === to)
  if (before && (before.organisation !== organisation.id || (earlier && earlier.reference !== reference)))
    throw new Usage('the portal says something else of who reports, or of the reference, than at the stage before. Nothing was sent')
}

function mustBeCorrectable(strange: string[], path: string): void {
  if (strange.length > 0)
    throw new Usage(`${path} has no earlier answer to ${strange.join(', ')}, so there is nothing to correct. Nothing was sent`)
}
