import type { Endpoint } from '#platform/api'
import type { Ctx } from '#platform/context'
import { transact, type Db, type Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { describeFault } from '#platform/log'
import type { Page } from '#platform/pages'
import { incidentForActor, type FolderKeys, type Incident } from '#reporting'
import { alarmsOf, dutiesOf } from './duties.ts'
import { acceptedAmong, sightOf, type Seen } from './sight.ts'
import { deleteAlarm, dueAlarms, insertAlert, lockWatched, setAlarms, type AlarmRow } from './store.ts'

/** Sets the alarms of an incident as they follow from what was just seen. The caller has locked it, and looked after that. */
export async function keepAlarms(tx: Tx, incident: Incident, seen: Seen): Promise<void> {
  await setAlarms(tx, incident.id, alarmsOf(dutiesOf(seen), seen.now), seen.reports)
}

/** Looks at an incident anew, in its owner's session, and sets its alarms by that. A near miss has none. */
export async function lookAnew(db: Db, incident: Incident, folders: FolderKeys, ctx: Ctx): Promise<Seen> {
  return transact(db, async (tx) => {
    await lockWatched(tx, incident.id)
    const seen = await sightOf(tx, incident, folders, ctx)
    await keepAlarms(tx, incident, seen)
    return seen
  })
}

/**
 * The same endpoints; whatever changes one incident's folder sets its alarms anew, in the session that changed it, so that no folder is
 * ever opened for the sake of an alarm. What was answered stands even where that fails: the next change, or look, makes it good.
 */
export function keepingAlarms(endpoints: Endpoint[], db: Db, folders: FolderKeys): Endpoint[] {
  return endpoints.map((one) => (one.method !== 'GET' && isOfOneIncident(one) ? endpointThenLooking(one, db, folders) : one))
}

/** As `keepingAlarms`, for what is answered on a page. */
export function pagesKeepingAlarms(pages: Page[], db: Db, folders: FolderKeys): Page[] {
  return pages.map((one) => (one.submit && isOfOneIncident(one) ? pageThenLooking(one, one.submit, db, folders) : one))
}

const isOfOneIncident = ({ path }: { path: string }): boolean => path.startsWith('/incidents/:id/')

function endpointThenLooking(endpoint: Endpoint, db: Db, folders: FolderKeys): Endpoint {
  return {
    ...endpoint,
    handle: async (call) => {
      const answer = await endpoint.handle(call)
      await look(call.params['id']!, db, folders, call.ctx)
      return answer
    },
  }
}

function pageThenLooking(page: Page, submit: NonNullable<Page['submit']>, db: Db, folders: FolderKeys): Page {
  return {
    ...page,
    submit: async (visit) => {
      const outcome = await submit(visit)
      if (!(outcome instanceof Refusal)) await look(visit.params['id']!, db, folders, visit.ctx)
      return outcome
    },
  }
}

async function look(id: string, db: Db, folders: FolderKeys, ctx: Ctx): Promise<void> {
  try {
    const incident = await incidentForActor(db, id, ctx)
    if (incident.kind !== 'near-miss') await lookAnew(db, incident, folders, ctx)
  } catch (error) {
    ctx.log.error({ event: 'alarms-not-set', ...describeFault(error) })
  }
}

/**
 * The gateway's chore: records each alert once, when its time has come, and opens no folder. An alarm that the ICO's receipt settles is
 * put away unrung once that receipt is here. A crash before commit rings again next time, after it never.
 */
export async function ringAlarms(tx: Tx, ctx: Ctx): Promise<number> {
  const now = ctx.now()
  const due = await dueAlarms(tx, now)
  for (const alarm of due) {
    if (!(await isSettled(tx, alarm))) await insertAlert(tx, alarm, now)
    await deleteAlarm(tx, alarm)
  }
  return due.length
}

async function isSettled(tx: Tx, { settles, reports }: AlarmRow): Promise<boolean> {
  return settles && (await acceptedAmong(tx, reports)).size > 0
}
