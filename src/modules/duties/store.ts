import type { Bytes } from '#platform/bytes'
import { query, type Db, type Tx } from '#platform/db'
import type { Alarm, AlertKind } from './duties.ts'

/** Whoever records a moment or sets alarms for one incident queues here, so that each reads what the one before wrote. */
export async function lockWatched(tx: Tx, incident: string): Promise<void> {
  await query(tx, 'insert into duties.watched (incident) values ($1) on conflict (incident) do nothing', [incident])
  await query(tx, 'select incident from duties.watched where incident = $1 for update', [incident])
}

export type MomentRow = { id: string; number: number; content: Bytes; recorded_at: Date }

export function momentRows(db: Db | Tx, incident: string): Promise<MomentRow[]> {
  return query(db, 'select id, number, content, recorded_at from duties.moments where incident = $1 order by number', [incident])
}

export async function insertMoment(tx: Tx, row: MomentRow & { incident: string; by: string }): Promise<void> {
  await query(tx, 'insert into duties.moments (id, incident, number, content, recorded_by, recorded_at) values ($1, $2, $3, $4, $5, $6)', [
    row.id,
    row.incident,
    row.number,
    row.content,
    row.by,
    row.recorded_at,
  ])
}

/** The caller has locked the incident. */
export async function setAlarms(tx: Tx, incident: string, alarms: Alarm[], reports: string[]): Promise<void> {
  await query(tx, 'update duties.watched set reports = $2 where incident = $1', [incident, reports])
  await query(tx, 'delete from duties.alarms where incident = $1', [incident])
  await query(
    tx,
    `insert into duties.alarms (incident, kind, ring_at, settles)
     select $1, a.kind, a.ring_at, a.settles
     from jsonb_to_recordset($2::jsonb) as a (kind text, ring_at timestamptz, settles boolean)`,
    [incident, JSON.stringify(alarms.map(({ kind, ringAt, settles }) => ({ kind, ring_at: ringAt, settles })))],
  )
}

export type AlarmRow = { incident: string; kind: AlertKind; ring_at: Date; settles: boolean; reports: string[] }

export function dueAlarms(tx: Tx, now: Date): Promise<AlarmRow[]> {
  return query(
    tx,
    `select a.incident, a.kind, a.ring_at, a.settles, w.reports
     from duties.alarms a join duties.watched w on w.incident = a.incident
     where a.ring_at <= $1
     order by a.ring_at, a.incident
     limit 200`,
    [now],
  )
}

export async function insertAlert(tx: Tx, { incident, kind, ring_at }: AlarmRow, at: Date): Promise<void> {
  await query(
    tx,
    `insert into duties.alerts (incident, kind, ring_at, recorded_at) values ($1, $2, $3, $4)
     on conflict (incident, kind, ring_at) do nothing`,
    [incident, kind, ring_at, at],
  )
}

export async function deleteAlarm(tx: Tx, { incident, kind, ring_at, settles }: AlarmRow): Promise<void> {
  await query(tx, 'delete from duties.alarms where incident = $1 and kind = $2 and ring_at = $3 and settles = $4', [
    incident,
    kind,
    ring_at,
    settles,
  ])
}

export type AlertRow = { kind: AlertKind; ring_at: Date; recorded_at: Date }

export function alertRows(db: Db | Tx, incident: string): Promise<AlertRow[]> {
  return query(db, 'select kind, ring_at, recorded_at from duties.alerts where incident = $1 order by ring_at, kind', [incident])
}
