import { canonical } from '#platform/canonical'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { momentsOf } from '#duties'
import { organisationById } from '#identity'
import {
  answersOf,
  openFor,
  ownDraft,
  ownIncident,
  ownIncidents,
  progressOf,
  sealFor,
  submissionsOf,
  type FolderKeys,
  type Incident,
  type OwnIncident,
} from '#reporting'
import { mistakesIn, type Addition, type Change } from './addition.ts'
import { entryOf, registerOf, type Answered, type Copy, type Entry, type Known, type Register, type Reported } from './register.ts'
import { additionsOf, insertAddition } from './store.ts'

/** Who reads the register: the organisation's people who answer for it, and whoever acts for it under a mandate. */
export const readers = ['reporter', 'dpo', 'counsel', 'signatory', 'agent'] as const
/** What the organisation did not report, and why, it says itself. */
export const writers = ['reporter', 'dpo', 'counsel', 'signatory'] as const

export type Keeping = { db: Db; folders: FolderKeys }

/** The register of the actor's own organisation, made anew from what its folders say. */
export async function registerFor(keeping: Keeping, copy: Copy, ctx: Ctx): Promise<Register> {
  requireReader(ctx)
  const incidents = await ownIncidents(keeping.db, keeping.folders, ctx)
  const known: Known[] = []
  // One after another: a register of years would otherwise take every connection there is.
  for (const incident of incidents) known.push(await knownOf(keeping, incident, ctx))
  const { organisation: id } = ctx.actor
  const organisation = id === undefined ? undefined : await organisationById(keeping.db, id)
  return registerOf(known, {
    ...(organisation && { organisation: { id: organisation.id, name: organisation.name } }),
    asAt: instant(ctx.now()),
    copy,
  })
}

async function knownOf({ db, folders }: Keeping, incident: OwnIncident, ctx: Ctx): Promise<Known> {
  const { id, reference, title, kind, createdAt } = incident
  return {
    incident: { id, reference, title, kind, openedAt: instant(createdAt) },
    answers: await answered(db, incident, folders, ctx),
    additions: await additionsIn(db, incident, folders, ctx),
    reports: await reportsOf(db, incident),
    moments: await momentsOf(db, incident, folders, ctx),
  }
}

export type Kept = { entry: Entry; history: (Change & { by: string; at: string })[] }

/** One incident of the actor's own as the register has it, and everything that was ever added to it. */
export async function keptFor(keeping: Keeping, id: string, ctx: Ctx): Promise<Kept> {
  const incident = await ownIncident(keeping.db, id, keeping.folders, ctx)
  requireReader(ctx)
  const known = await knownOf(keeping, incident, ctx)
  return { entry: entryOf(known, 'own'), history: known.additions.map(({ at, ...rest }) => ({ ...rest, at: instant(at) })) }
}

async function answered(db: Db, incident: Incident, folders: FolderKeys, ctx: Ctx): Promise<Answered[]> {
  const { slots } = await ownDraft(db, incident.id, folders, ctx)
  const waiting = slots.filter(({ privileged, tick }) => privileged && tick?.decision !== 'may-be-sent')
  const waits = new Set(waiting.map(({ question, body }) => `${question} ${body}`))
  const answers = await answersOf(db, incident, folders, ctx)
  return answers.map((answer) => ({
    ...answer,
    ...(answer.from === 'draft' && waits.has(`${answer.question} ${answer.audience[0]}`) && { privileged: true as const }),
  }))
}

async function reportsOf(db: Db, incident: Incident): Promise<Reported[]> {
  const submissions = await submissionsOf(db, incident)
  const progress = await progressOf(db, submissions)
  return submissions.map(({ to, reference, envelope, stage, submittedAt }) => {
    const { state, receipt } = progress.get(envelope)!
    return { body: to, at: instant(submittedAt), reference, stage, state, receipt }
  })
}

/** Oldest first; only the owner's session opens them. */
async function additionsIn(db: Db | Tx, incident: Incident, folders: FolderKeys, ctx: Ctx): Promise<Addition[]> {
  const rows = await additionsOf(db, incident.id)
  return Promise.all(
    rows.map(async ({ id, content, written_at: at }) => {
      const opened = await openFor(incident.owner, id, content, folders, ctx)
      return { ...(JSON.parse(Buffer.from(opened).toString('utf8')) as Omit<Addition, 'at'>), at }
    }),
  )
}

/** Keeps what the organisation adds in its own words. Nothing kept before is changed, and no body is told. */
export async function addToRegister(
  tx: Tx,
  input: { incident: string; change: Change },
  folders: FolderKeys,
  ctx: Ctx,
): Promise<OwnIncident> {
  const incident = await ownIncident(tx, input.incident, folders, ctx)
  requireOneOf(writers, ctx)
  const mistakes = mistakesIn(input.change, today.format(ctx.now()))
  if (mistakes.length > 0) throw invalid(...mistakes)
  const id = ctx.random.uuid()
  const content = await sealFor(incident.owner, id, Buffer.from(canonical({ ...input.change, by: ctx.actor.name })), folders)
  await insertAddition(tx, { id, incident: incident.id, content, written_by: ctx.actor.id, written_at: ctx.now() })
  return incident
}

export function requireReader(ctx: Ctx): void {
  requireOneOf(readers, ctx)
}

function requireOneOf(roles: readonly string[], { actor }: Ctx): void {
  if (!actor.roles.some((role) => roles.includes(role))) throw new Refusal('role-missing')
}

/** The day it is in the United Kingdom, as 2026-11-25. */
const today = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/London' })
