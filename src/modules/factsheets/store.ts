import type { Bytes } from '#platform/bytes'
import { query, queryOne, type Db, type Tx } from '#platform/db'

export type SheetRow = {
  id: string
  incident: string
  folder: string
  content: Bytes
  added_at: Date
  opened_incident: string | null
  opened_at: Date | null
  closed_at: Date | null
}

const sheetColumns = 'id, incident, folder, content, added_at, opened_incident, opened_at, closed_at'

export type NewSheet = Pick<SheetRow, 'id' | 'incident' | 'folder' | 'content'> & { codeHash: Bytes }

export async function insertSheet(tx: Tx, row: NewSheet, by: string, at: Date): Promise<void> {
  await query(
    tx,
    `insert into factsheets.sheets (id, incident, folder, content, code_hash, added_by, added_at) values ($1, $2, $3, $4, $5, $6, $7)`,
    [row.id, row.incident, row.folder, row.content, row.codeHash, by, at],
  )
}

export function sheetsOf(db: Db | Tx, incident: string): Promise<SheetRow[]> {
  return query(db, `select ${sheetColumns} from factsheets.sheets where incident = $1 order by added_at, id`, [incident])
}

/** Telling and opening queue here, so that a sheet that is opened while it is told misses nothing. In one order: no two wait for each other. */
export function lockSheets(tx: Tx, incident: string): Promise<SheetRow[]> {
  return query(tx, `select ${sheetColumns} from factsheets.sheets where incident = $1 order by id for update`, [incident])
}

export function lockSheetByCode(tx: Tx, codeHash: Bytes): Promise<SheetRow | undefined> {
  return queryOne(tx, `select ${sheetColumns} from factsheets.sheets where code_hash = $1 for update`, [codeHash])
}

export function sheetOpenedAs(db: Db | Tx, incident: string): Promise<SheetRow | undefined> {
  return queryOne(db, `select ${sheetColumns} from factsheets.sheets where opened_incident = $1`, [incident])
}

export async function setOpened(tx: Tx, sheet: string, opened: { incident: string; folder: string }, at: Date): Promise<void> {
  await query(tx, 'update factsheets.sheets set opened_incident = $2, folder = $3, opened_at = $4 where id = $1', [
    sheet,
    opened.incident,
    opened.folder,
    at,
  ])
}

export async function setClosed(tx: Tx, sheet: string, at: Date): Promise<void> {
  await query(tx, 'update factsheets.sheets set closed_at = $2 where id = $1', [sheet, at])
}

export type EditionRow = { id: string; sheet: string; number: number; told: Bytes; kept: Bytes; published_at: Date }

export async function insertEdition(tx: Tx, row: Omit<EditionRow, 'published_at'>, by: string, at: Date): Promise<void> {
  await query(
    tx,
    `insert into factsheets.editions (id, sheet, number, told, kept, published_by, published_at) values ($1, $2, $3, $4, $5, $6, $7)`,
    [row.id, row.sheet, row.number, row.told, row.kept, by, at],
  )
}

/** Oldest first. */
export function editionsOf(db: Db | Tx, sheets: string[]): Promise<EditionRow[]> {
  return query(
    db,
    `select id, sheet, number, told, kept, published_at from factsheets.editions where sheet = any($1::uuid[]) order by sheet, number`,
    [sheets],
  )
}

export async function setTold(tx: Tx, edition: string, told: Bytes): Promise<void> {
  await query(tx, 'update factsheets.editions set told = $2 where id = $1', [edition, told])
}
