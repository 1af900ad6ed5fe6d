import { join } from 'node:path'
import { view, type Outcome, type Page, type Visit } from '#platform/pages'
import { dayInWords, timeInWords } from '#platform/uk-time'
import { holdingsFor } from '#evidence'
import type { AuthorityId } from '#exchange'
import { readsIn, type ReadsTold } from '#reads'
import { ownIncident } from '#reporting'
import type { FrontDeps } from '../context.ts'
import { bodyTitles, labelOf } from '../words.ts'

const template = join(import.meta.dirname, 'held.njk')
type Holding = Awaited<ReturnType<typeof holdingsFor>>['holdings'][number]

/** Who holds what, by their own signatures, through which door; who opened it; and how to check all of it without us. */
export function heldPage(deps: FrontDeps): Page {
  return { path: '/incidents/:id/held', who: 'signed-in', show: (visit) => show(deps, visit) }
}

async function show(deps: FrontDeps, { params, ctx }: Visit): Promise<Outcome> {
  const incident = await ownIncident(deps.db, params['id']!, deps.folders, ctx)
  const held = await holdingsFor(deps, incident.id, ctx)
  const reads = await readsIn(deps.db, incident, deps.folders, ctx)
  const here = `/incidents/${incident.id}`
  return view(template, {
    title: 'Who holds what',
    wide: true,
    back: here,
    bodies: (['ico', 'ncsc'] as const).map((body) => ({
      title: `The ${bodyTitles[body]} holds`,
      items: held.holdings.filter(({ authority }) => authority === body).map(holdingShown),
    })),
    unconfirmed: held.notYetConfirmed.map(({ question }) => labelOf(question)),
    waiting: held.notYetReceived.map(({ to, reference }) => `${bodyTitles[to]}: ${reference}`),
    reads: reads.flatMap(({ authority, lines }) => lines.map((line) => readShown(authority, line))),
    bundle: `/api/v1${here}/bundle`,
    archive: `/api/v1${here}/archive`,
  })
}

const doors = { 1: 'Told by you, in confidence', 2: 'Reported by you', 3: 'Sent by the NCSC, with your signed permission' } as const

function holdingShown(holding: Holding) {
  const { question, door, since, finding } = holding
  return {
    label: finding ? 'A finding of the NCSC' : labelOf(question),
    door: doors[door],
    since: timeInWords(since),
    state: stateInWords(holding),
  }
}

function readShown(authority: AuthorityId, { question, on, times, role, purpose }: ReadsTold['lines'][number]): string {
  const what = question === undefined ? 'a finding' : labelOf(question)
  const often = times === 1 ? 'once' : `${times} times`
  return `${dayInWords(new Date(`${on}T12:00:00Z`))}: ${role.replaceAll('-', ' ')} of the ${bodyTitles[authority]} opened \u201c${what}\u201d ${often} (${purpose.replaceAll('-', ' ')})`
}

function stateInWords({ restricted, deleted, kept }: Holding): string {
  if (deleted !== undefined) return `Deleted ${timeInWords(deleted)}`
  if (kept !== undefined) return `Kept since ${timeInWords(kept.since)}: ${kept.ground}`
  return restricted === undefined ? '' : `Shown to nobody since ${timeInWords(restricted)}`
}
