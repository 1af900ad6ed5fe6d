import type { Actor, Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { isUuid } from '#platform/ids'
import {
  insertMandate,
  insertRevocation,
  selectAgent,
  selectMandate,
  selectMandateInForce,
  selectMandatesGiven,
  selectMandatesHeld,
  type MandateRow,
} from './mandate-store.ts'
import { mandateState, termMistakes, type MandateState, type Scope, type Term } from './mandate.ts'
import { mandateGivers, ownPeople } from './roles.ts'
import { joinQueue, teamOf } from './team.ts'

export type Mandate = {
  id: string
  organisation: { id: string; name: string }
  agent: { name: string; organisation?: string }
  scope: Scope[]
  from: Date
  until: Date
  givenBy: string
  givenAt: Date
  state: MandateState
  revokedAt?: Date
  revokedBy?: string
}

export type NewMandate = { agent: string; scope: Scope[]; from?: Date; until: Date }

/**
 * What the client's dpo or signatory lets one person outside do in its name. `agent` is the code that the agent told them (their id
 * here, 122 random bits): there is no way to look for one, and a code that is nobody's is refused like that of a colleague.
 */
export async function giveMandate(tx: Tx, input: NewMandate, ctx: Ctx): Promise<Mandate> {
  const organisation = await giversOrganisation(tx, ctx)
  const term: Term = { from: latest(input.from, ctx.now()), until: input.until }
  const mistakes = termMistakes(term, ctx.now())
  if (mistakes.length > 0) throw invalid(...mistakes)
  const agent = isUuid(input.agent) ? await selectAgent(tx, input.agent) : undefined
  if (!agent || agent.organisation === organisation) throw invalid({ field: 'agent', message: 'No agent has told you this code' })
  const id = ctx.random.uuid()
  const { from: begins, until: ends } = term
  const scope = [...new Set(input.scope)]
  await insertMandate(tx, { id, organisation, agent: agent.id, scope, begins, ends, given_by: ctx.actor.id, given_at: ctx.now() })
  return mandateOf((await selectMandate(tx, id))!, ctx.now())
}

/** By the client, or by the agent who gives it up. From its commit on nothing is begun under it. Any other's does not exist. */
export async function revokeMandate(tx: Tx, id: string, ctx: Ctx): Promise<Mandate> {
  const known = isUuid(id) ? await selectMandate(tx, id) : undefined
  if (!known || !(isAgentOf(known, ctx.actor) || isClientOf(known, ctx.actor))) throw new Refusal('not-found')
  if (!isAgentOf(known, ctx.actor)) await giversOrganisation(tx, ctx)
  if (!(await insertRevocation(tx, id, ctx.actor.id, ctx.now()))) throw new Refusal('already-done')
  return mandateOf((await selectMandate(tx, id))!, ctx.now())
}

/** `code`: what an agent tells a client. `given`: by the actor's organisation, to its own people. `held`: by the actor. */
export async function mandatesOf(db: Db | Tx, ctx: Ctx): Promise<{ code: string; given: Mandate[]; held: Mandate[] }> {
  const { actor } = ctx
  if (actor.folder !== undefined || actor.mandate !== undefined) throw new Refusal('role-missing')
  const isOwn = actor.organisation !== undefined && holdsOne(actor, ownPeople)
  const given = isOwn ? await selectMandatesGiven(db, actor.organisation!) : []
  const held = await selectMandatesHeld(db, actor.id)
  const shown = (rows: MandateRow[]): Mandate[] => rows.map((row) => mandateOf(row, ctx.now()))
  return { code: actor.id, given: shown(given), held: shown(held) }
}

/**
 * The same person, acting for the client: with an agent's role alone, whatever they are at home. Whether there is no such organisation
 * or no mandate in force is refused alike, after the same query.
 */
export async function underMandate(db: Db | Tx, agent: Actor, client: string, at: Date): Promise<Actor> {
  const isPerson = agent.folder === undefined && agent.mandate === undefined
  const mandate = isPerson && isUuid(client) ? await selectMandateInForce(db, agent.id, client, at) : undefined
  if (!mandate) throw new Refusal('mandate-missing')
  return { id: agent.id, name: agent.name, organisation: client, roles: ['agent'], mandate: mandate.id, scope: mandate.scope }
}

async function giversOrganisation(tx: Tx, ctx: Ctx): Promise<string> {
  if ('folder' in teamOf(ctx.actor) || !holdsOne(ctx.actor, mandateGivers)) throw new Refusal('role-missing')
  return ((await joinQueue(tx, ctx)) as { organisation: string }).organisation
}

function holdsOne({ roles }: Actor, wanted: readonly string[]): boolean {
  return roles.some((role) => wanted.includes(role))
}

function isAgentOf(row: MandateRow, actor: Actor): boolean {
  return row.agent === actor.id && actor.mandate === undefined
}

function isClientOf(row: MandateRow, actor: Actor): boolean {
  return row.organisation === actor.organisation && actor.mandate === undefined
}

function latest(from: Date | undefined, now: Date): Date {
  return from !== undefined && from > now ? from : now
}

function mandateOf(row: MandateRow, now: Date): Mandate {
  return {
    id: row.id,
    organisation: { id: row.organisation, name: row.organisation_name },
    agent: { name: row.agent_name, ...(row.agent_organisation_name !== null && { organisation: row.agent_organisation_name }) },
    scope: row.scope,
    from: row.begins,
    until: row.ends,
    givenBy: row.given_by_name,
    givenAt: row.given_at,
    state: mandateState({ from: row.begins, until: row.ends, revoked: row.revoked_at !== null }, now),
    ...(row.revoked_at && { revokedAt: row.revoked_at }),
    ...(row.revoked_by_name !== null && { revokedBy: row.revoked_by_name }),
  }
}
