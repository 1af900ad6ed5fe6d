import { query, queryOne, type Db, type Tx } from '#platform/db'
import type { HeldRow } from './store.ts'

/** At a sending body: how permissions end. */

/** Undefined where no such permission is held. Takes the row for itself: nobody decides under it until this transaction ends. */
export async function withdrawHeld(tx: Tx, id: string, organisation: string, at: Date): Promise<HeldRow | undefined> {
  return queryOne(
    tx,
    `update permission.held
     set withdrawn_at = coalesce(withdrawn_at, $3)
     where id = $1 and organisation = $2
     returning id, organisation, recipient, purpose, begins, ends, permission, enrolment, withdrawn_at`,
    [id, organisation, at],
  )
}

/** Takes the permission's row: a withdrawal at the same moment waits for this transaction, or is seen by it. */
export async function withdrawnBefore(tx: Tx, permission: string, organisation: string): Promise<Date | null> {
  await query(
    tx,
    `insert into permission.standing (permission, organisation)
     values ($1, $2)
     on conflict on constraint standing_pk do nothing`,
    [permission, organisation],
  )
  const row = await queryOne<{ withdrawn_at: Date | null }>(
    tx,
    'select withdrawn_at from permission.standing where permission = $1 and organisation = $2 for update',
    [permission, organisation],
  )
  return row!.withdrawn_at
}

export async function rememberWithdrawal(tx: Tx, permission: string, organisation: string, at: Date): Promise<void> {
  await query(
    tx,
    `insert into permission.standing (permission, organisation, withdrawn_at)
     values ($1, $2, $3)
     on conflict on constraint standing_pk do update set withdrawn_at = coalesce(standing.withdrawn_at, $3)`,
    [permission, organisation, at],
  )
}

export type WithdrawalRow = {
  /** Of the record that ended the permission. */
  id: string
  permission: string
  organisation: string
  received_at: Date
  stopped: string[]
  /** The permission that takes its place, where it was narrowed and not withdrawn. */
  narrowed_by: string | null
}

export async function insertWithdrawal(tx: Tx, row: WithdrawalRow): Promise<void> {
  await query(
    tx,
    `insert into permission.withdrawals (id, permission, organisation, received_at, stopped, narrowed_by)
     values ($1, $2, $3, $4, $5, $6)`,
    [row.id, row.permission, row.organisation, row.received_at, row.stopped, row.narrowed_by],
  )
}

export function openWithdrawals(tx: Tx): Promise<WithdrawalRow[]> {
  return query(
    tx,
    `select id, permission, organisation, received_at, stopped, narrowed_by
     from permission.withdrawals
     where settled_at is null
     order by received_at
     for update skip locked`,
  )
}

export async function settleWithdrawal(tx: Tx, id: string, at: Date): Promise<void> {
  await query(tx, 'update permission.withdrawals set settled_at = $2 where id = $1', [id, at])
}

/** A permission as held, without waiting for anybody: its items, and the one whose place it took. */
export type HeldPermission = HeldRow & { narrows: string | null; received_at: Date; items: { id: string; commitment: string }[] }

const heldPermission = `
  select h.id, h.organisation, h.recipient, h.purpose, h.begins, h.ends, h.permission, h.enrolment, h.withdrawn_at, h.narrows, h.received_at,
    (select coalesce(jsonb_agg(jsonb_build_object('id', i.item, 'commitment', i.commitment) order by i.item), '[]')
     from permission.held_items as i
     where i.permission = h.id) as items
  from permission.held as h`

export function heldById(db: Db | Tx, id: string): Promise<HeldPermission | undefined> {
  return queryOne(db, `${heldPermission} where h.id = $1`, [id])
}

export function heldOfOrganisation(db: Db, organisation: string): Promise<HeldPermission[]> {
  return query(db, `${heldPermission} where h.organisation = $1 order by h.received_at, h.id`, [organisation])
}

/** This permission and every one whose place it took, itself first. */
export async function lineageOf(tx: Tx, id: string): Promise<string[]> {
  const rows = await query<{ id: string }>(
    tx,
    `with recursive line as (
       select id, narrows, 0 as far
       from permission.held
       where id = $1
       union all
       select h.id, h.narrows, line.far + 1
       from permission.held as h
       join line on line.narrows = h.id
     )
     select id
     from line
     order by far`,
    [id],
  )
  return rows.length > 0 ? rows.map((row) => row.id) : [id]
}

// What was told by telephone

export type TelephonedRow = {
  id: string
  permission: string
  organisation: string
  caller: string
  number: string
  number_from: string
  words: string
  taken_by: string
  taken_at: Date
}

export async function insertTelephoned(tx: Tx, row: TelephonedRow): Promise<void> {
  await query(
    tx,
    `insert into permission.telephoned (id, permission, organisation, caller, number, number_from, words, taken_by, taken_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [row.id, row.permission, row.organisation, row.caller, row.number, row.number_from, row.words, row.taken_by, row.taken_at],
  )
}

export function telephonedById(tx: Tx, id: string): Promise<TelephonedRow | undefined> {
  return queryOne(tx, 'select * from permission.telephoned where id = $1', [id])
}
