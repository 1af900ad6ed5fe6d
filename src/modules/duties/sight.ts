import { canonical } from '#platform/canonical'
import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { receiptsFor, type AuthorityId } from '#exchange'
import { answersOf, openFor, submissionsOf, type FolderAnswer, type FolderKeys, type Incident, type Submission } from '#reporting'
import type { Sight, Told } from './duties.ts'
import { awarenessHistory, type Moment, type Saying } from './moments.ts'
import { momentRows } from './store.ts'

/** Only the owner's session opens them. Oldest first. */
export async function momentsOf(db: Db | Tx, incident: Incident, folders: FolderKeys, ctx: Ctx): Promise<Moment[]> {
  const rows = await momentRows(db, incident.id)
  return Promise.all(
    rows.map(async ({ id, content, recorded_at: recordedAt }) => {
      const opened = await openFor(incident.owner, id, content, folders, ctx)
      return { ...(JSON.parse(Buffer.from(opened).toString('utf8')) as Omit<Moment, 'recordedAt'>), recordedAt }
    }),
  )
}

export function contentOf({ recordedAt: _, ...moment }: Moment): Buffer {
  return Buffer.from(canonical(moment))
}

export type Seen = Sight & { history: Saying[]; reports: string[] }

/** All that an incident's duties follow from, for its owner's session. `known`: its answers, where they have been opened already. */
export async function sightOf(
  db: Db | Tx,
  incident: Incident,
  folders: FolderKeys,
  ctx: Ctx,
  known?: readonly FolderAnswer[],
): Promise<Seen> {
  const moments = await momentsOf(db, incident, folders, ctx)
  const answers = known ?? (await answersOf(db, incident, folders, ctx))
  const submissions = await submissionsOf(db, incident)
  const received = await receivedAmong(db, submissions)
  const history = awarenessHistory(moments, answers)
  const told = (body: AuthorityId): Told =>
    toldOf(
      submissions.filter(({ to }) => to === body),
      received,
    )
  return {
    now: ctx.now(),
    answers,
    moments,
    awareness: history.at(-1),
    told: { ico: told('ico'), ncsc: told('ncsc') },
    history,
    reports: submissions.filter(({ to }) => to === 'ico').map(({ envelope }) => envelope),
  }
}

/** A report counts when the body's own signed receipt is back. */
async function receivedAmong(db: Db | Tx, submissions: readonly Submission[]): Promise<Set<string>> {
  return acceptedAmong(
    db,
    submissions.map(({ envelope }) => envelope),
  )
}

export async function acceptedAmong(db: Db | Tx, envelopes: readonly string[]): Promise<Set<string>> {
  const receipts = await receiptsFor(db, [...envelopes])
  return new Set(envelopes.filter((envelope) => receipts.get(envelope)?.state === 'accepted'))
}

/** `submissions` are oldest first. */
function toldOf(submissions: readonly Submission[], received: ReadonlySet<string>): Told {
  const first = submissions.find(({ envelope }) => received.has(envelope))
  if (first) return { state: 'received', at: first.submittedAt }
  return { state: submissions.length > 0 ? 'not-yet-received' : 'not-sent' }
}
