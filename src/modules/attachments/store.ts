import type { Bytes } from '#platform/bytes'
import { query, queryOne, type Db, type Tx } from '#platform/db'
import type { AuthorityId } from '#exchange'
import type { UploadState } from './attachment.ts'

// At the portal.

export type UploadRow = {
  id: string
  incident: string
  folder: string
  audience: AuthorityId[]
  length: number
  by_hash: boolean
  about: Bytes
  received: number
  tail: Bytes | null
  state: UploadState
  outcome: Bytes | null
  created_by: string
  created_at: Date
}

const uploadColumns = 'id, incident, folder, audience, length, by_hash, about, received, tail, state, outcome, created_by, created_at'

export async function insertUpload(tx: Tx, row: Omit<UploadRow, 'received' | 'tail'>): Promise<void> {
  await query(
    tx,
    `insert into attachments.uploads
       (id, incident, folder, audience, length, by_hash, about, state, outcome, created_by, created_at, touched_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)`,
    [
      row.id,
      row.incident,
      row.folder,
      row.audience,
      row.length,
      row.by_hash,
      row.about,
      row.state,
      row.outcome,
      row.created_by,
      row.created_at,
    ],
  )
}

export function uploadById(db: Db | Tx, id: string): Promise<UploadRow | undefined> {
  return queryOne(db, `select ${uploadColumns} from attachments.uploads where id = $1 and state <> 'dropped'`, [id])
}

/** Filing and dropping of one upload queue here. */
export function lockUpload(tx: Tx, id: string): Promise<UploadRow | undefined> {
  return queryOne(tx, `select ${uploadColumns} from attachments.uploads where id = $1 and state <> 'dropped' for update`, [id])
}

export function uploadsOfIncident(db: Db, incident: string): Promise<UploadRow[]> {
  return query(
    db,
    `select ${uploadColumns}
     from attachments.uploads
     where incident = $1 and state <> 'dropped'
     order by created_at, id`,
    [incident],
  )
}

/** How many a folder holds, and how many bytes they are or will be, for each body apart. */
export async function heldInFolder(tx: Tx, folder: string): Promise<{ count: number; bytes: number }> {
  const row = await queryOne<{ count: number; bytes: string }>(
    tx,
    `select count(*)::integer as count,
       coalesce(sum(case when by_hash then 0 else length * cardinality(audience) end), 0)::text as bytes
     from attachments.uploads
     where folder = $1 and state in ('receiving', 'whole', 'filed')`,
    [folder],
  )
  return { count: row!.count, bytes: Number(row!.bytes) }
}

/** False where somebody else came further meanwhile. */
export async function keepProgress(
  tx: Tx,
  { id, from, received, tail }: { id: string; from: number; received: number; tail: Bytes | null },
  at: Date,
): Promise<boolean> {
  const rows = await query(
    tx,
    `update attachments.uploads
     set received = $3, tail = $4, touched_at = $5
     where id = $1 and received = $2 and state = 'receiving'
     returning id`,
    [id, from, received, tail, at],
  )
  return rows.length === 1
}

export type BlobRow = { id: string; upload: string; recipient: AuthorityId; key: Bytes; sha256: string | null }

export async function insertBlob(tx: Tx, { id, upload, recipient, key }: Omit<BlobRow, 'sha256'>): Promise<void> {
  await query(tx, 'insert into attachments.blobs (id, upload, recipient, key) values ($1, $2, $3, $4)', [id, upload, recipient, key])
}

export function blobsOfUpload(db: Db | Tx, upload: string): Promise<BlobRow[]> {
  return query(db, 'select id, upload, recipient, key, sha256 from attachments.blobs where upload = $1 order by recipient', [upload])
}

export async function keepBlobHash(tx: Tx, id: string, sha256: string): Promise<void> {
  await query(tx, 'update attachments.blobs set sha256 = $2 where id = $1', [id, sha256])
}

/** False where it had left that state. */
export async function moveUpload(
  tx: Tx,
  { id, from, to, outcome }: { id: string; from: UploadState[]; to: UploadState; outcome?: Bytes },
  at: Date,
): Promise<boolean> {
  const rows = await query(
    tx,
    `update attachments.uploads
     set state = $3, outcome = coalesce($4, outcome), tail = null, touched_at = $5
     where id = $1 and state = any($2)
     returning id`,
    [id, from, to, outcome ?? null, at],
  )
  return rows.length === 1
}

export type SendRow = { record: string; upload: string; recipient: AuthorityId; blob: string | null }

export async function insertSend(tx: Tx, { record, upload, recipient, blob }: SendRow, at: Date): Promise<void> {
  await query(tx, 'insert into attachments.sends (record, upload, recipient, blob, filed_at) values ($1, $2, $3, $4, $5)', [
    record,
    upload,
    recipient,
    blob,
    at,
  ])
}

export function sendsOfUpload(db: Db | Tx, upload: string): Promise<SendRow[]> {
  return query(db, 'select record, upload, recipient, blob from attachments.sends where upload = $1 order by recipient', [upload])
}

// The portal's gateway.

export type OpenSend = { record: string; blob: string; length: number; sha256: string; delivered_at: Date | null }

export function openSends(db: Db, recipient: AuthorityId, limit: number): Promise<OpenSend[]> {
  return query(
    db,
    `select s.record, s.blob, u.length, b.sha256, s.delivered_at
     from attachments.sends s
     join attachments.blobs b on b.id = s.blob
     join attachments.uploads u on u.id = s.upload
     where s.recipient = $1 and s.settled_at is null
     order by s.filed_at, s.record
     limit $2`,
    [recipient, limit],
  )
}

/** Undefined where no blob goes ahead of this record. */
export function blobAhead(tx: Tx, record: string): Promise<{ delivered_at: Date | null } | undefined> {
  return queryOne(tx, 'select delivered_at from attachments.sends where record = $1 and blob is not null', [record])
}

export async function keepDelivered(tx: Tx, record: string, at: Date): Promise<void> {
  await query(tx, 'update attachments.sends set delivered_at = $2 where record = $1', [record, at])
}

export async function keepSettled(tx: Tx, record: string, at: Date): Promise<void> {
  await query(tx, 'update attachments.sends set settled_at = $2 where record = $1', [record, at])
}

const FORGOTTEN = "state = 'dropped' or (state in ('receiving', 'refused') and touched_at < $1)"

/** Takes away what was dropped, and what is half here or refused and was not touched since. How many. */
export async function forgetUploads(tx: Tx, untouchedSince: Date): Promise<number> {
  await query(tx, `delete from attachments.blobs where upload in (select id from attachments.uploads where ${FORGOTTEN})`, [untouchedSince])
  const gone = await query(tx, `delete from attachments.uploads where ${FORGOTTEN} returning id`, [untouchedSince])
  return gone.length
}

/** Of these, the blobs whose file is still needed. */
export async function neededBlobs(db: Db, ids: string[]): Promise<Set<string>> {
  const rows = await query<{ id: string }>(
    db,
    `select b.id
     from attachments.blobs b
     join attachments.uploads u on u.id = b.upload
     left join attachments.sends s on s.blob = b.id
     where b.id = any($1::uuid[]) and u.state in ('receiving', 'whole', 'filed') and s.settled_at is null`,
    [ids],
  )
  return new Set(rows.map(({ id }) => id))
}
