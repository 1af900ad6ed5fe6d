import type { Readable } from 'node:stream'
import type { Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import type { Ctx } from '#platform/context'
import { transact, type Db, type Tx } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { isUuid } from '#platform/ids'
import { incidentForActor, incidentForFiling, type FolderKeys, type Incident, type Owner } from '#reporting'
import {
  checkAnnounced,
  FOLDER_SHARE,
  LONGEST_PIECE,
  MOST_IN_FOLDER,
  offsetDiffers,
  refusedFor,
  type About,
  type Announced,
  type Found,
} from './attachment.ts'
import type { Blob } from './blob.ts'
import { BEGINNING, fitsEnding, seeming, type Reason } from './content.ts'
import { blobFile, requireRoom, Torn } from './files.ts'
import { blobIn, closeSealing, inspect, newKey, openSealing, padOut, removeBlobs, takeIn, type Inspected } from './sealing.ts'
import {
  blobsOfUpload,
  heldInFolder,
  insertBlob,
  insertUpload,
  keepBlobHash,
  keepProgress,
  lockUpload,
  moveUpload,
  uploadById,
  type BlobRow,
  type UploadRow,
} from './store.ts'

export type UploadDeps = {
  db: Db
  folders: FolderKeys
  /** Where the portal's blobs lie. */
  blobs: string
  /** Bytes of the largest attachment. */
  limit: number
}

/** An upload with whose it is. */
export type Owned = { row: UploadRow; owner: Owner }

export function ownerId(owner: Owner): string {
  return 'organisation' in owner ? owner.organisation : owner.folder
}

/** Somebody else's, and one that does not exist, are refused alike. */
export async function uploadFor(db: Db | Tx, id: string, right: 'read' | 'file', ctx: Ctx): Promise<Owned> {
  const row = isUuid(id) ? await uploadById(db, id) : undefined
  if (!row) throw new Refusal('not-found')
  const incident = await (right === 'file' ? incidentForFiling : incidentForActor)(db, row.incident, ctx)
  return { row, owner: incident.owner }
}

/** Says what will come. Nothing is on the disk yet. Returns its id. */
export async function announce(deps: UploadDeps, incidentId: string, announced: Announced, ctx: Ctx): Promise<string> {
  const incident = await incidentForFiling(deps.db, incidentId, ctx)
  const about = checkAnnounced(announced, deps.limit, incident.kind === 'near-miss')
  return transact(deps.db, async (tx) => {
    const id = await keepAnnounced(tx, deps, { incident, announced, about }, ctx)
    const held = await heldInFolder(tx, ownerId(incident.owner))
    if (held.count > MOST_IN_FOLDER || held.bytes > FOLDER_SHARE * deps.limit)
      throw invalid({ field: 'length', message: 'This folder holds as many attachments as it may: name this one by its hash (byHash)' })
    return id
  })
}

type Announcement = { incident: Incident; announced: Announced; about: About }

async function keepAnnounced(tx: Tx, { folders }: UploadDeps, { incident, announced, about }: Announcement, ctx: Ctx): Promise<string> {
  const { owner } = incident
  const id = ctx.random.uuid()
  const { length, audience, byHash = false } = announced
  await insertUpload(tx, {
    id,
    incident: incident.id,
    folder: ownerId(owner),
    audience,
    length,
    by_hash: byHash,
    about: await folders.seal(owner, id, Buffer.from(canonical(about))),
    state: byHash ? 'whole' : 'receiving',
    outcome: byHash ? await sealOutcome(folders, { id, owner }, { sha256: about.sha256! }) : null,
    created_by: ctx.actor.id,
    created_at: ctx.now(),
  })
  for (const recipient of byHash ? [] : audience) {
    const blob = ctx.random.uuid()
    await insertBlob(tx, { id: blob, upload: id, recipient, key: await newKey(blob, owner, folders) })
  }
  return id
}

type Outcome = Found | { reason: Reason }

function sealOutcome(folders: FolderKeys, { id, owner }: { id: string; owner: Owner }, outcome: Outcome): Promise<Bytes> {
  return folders.seal(owner, `${id} outcome`, Buffer.from(canonical(outcome)))
}

export async function aboutOf({ row, owner }: Owned, folders: FolderKeys): Promise<About> {
  return JSON.parse(Buffer.from(await folders.open(owner, row.id, row.about)).toString('utf8'))
}

export async function outcomeOf({ row, owner }: Owned, folders: FolderKeys): Promise<Outcome | undefined> {
  if (row.outcome === null) return undefined
  return JSON.parse(Buffer.from(await folders.open(owner, `${row.id} outcome`, row.outcome)).toString('utf8'))
}

async function tailOf({ row, owner }: Owned, folders: FolderKeys): Promise<Bytes> {
  return row.tail === null ? new Uint8Array() : folders.open(owner, `${row.id} tail`, row.tail)
}

type Open = Owned & { blobs: (BlobRow & { blob: Blob })[] }

async function withBlobs(deps: UploadDeps, owned: Owned): Promise<Open> {
  const rows = await blobsOfUpload(deps.db, owned.row.id)
  const blobs = await Promise.all(
    rows.map(async (row) => ({ ...row, blob: await blobIn(row, owned.row.length, owned.owner, deps.folders) })),
  )
  return { ...owned, blobs }
}

/**
 * Takes bytes from an offset on. What it answers with is durable: a crash, or a connection that ends, at any byte leaves what counted
 * before, or more of it, and never a torn chunk. What cannot go to the ICO is refused as soon as its first bytes show it.
 */
export async function receivePiece(deps: UploadDeps, { id, offset, body }: { id: string; offset: number; body: Readable }, ctx: Ctx) {
  const owned = await uploadFor(deps.db, id, 'file', ctx)
  const { row } = owned
  if (row.by_hash) throw invalid({ field: 'content', message: 'This is named by its hash: its bytes are not sent' })
  if (row.state === 'refused') throw await refusalOf(owned, deps.folders)
  if (row.state !== 'receiving' || offset !== row.received) throw offsetDiffers(row.received)
  await requireRoom(deps.blobs, LONGEST_PIECE * row.audience.length)
  const open = await withBlobs(deps, owned)
  const further = await takePiece(deps, open, body, ctx).catch(orDamaged(deps, open, ctx))
  await finishIfThere(deps, further, ctx)
}

export async function refusalOf(owned: Owned, folders: FolderKeys): Promise<Refusal> {
  return refusedFor(((await outcomeOf(owned, folders)) as { reason: Reason }).reason)
}

const orDamaged =
  (deps: UploadDeps, open: Open, ctx: Ctx) =>
  async (error: unknown): Promise<never> => {
    throw error instanceof Torn || error instanceof SyntaxError ? await refuse(deps, open, 'damaged', ctx) : error
  }

async function takePiece(deps: UploadDeps, open: Open, body: Readable, ctx: Ctx): Promise<Open> {
  const { row, owner, blobs } = open
  const tail = await tailOf(open, deps.folders)
  const sealing = await openSealing(deps.blobs, blobs, row.received)
  const mayTake = (taken: number): void => {
    if (taken > LONGEST_PIECE || row.received + taken > row.length) throw new Refusal('too-large')
  }
  const taken = await takeIn(sealing, { length: row.length, received: row.received, tail }, body, mayTake).finally(() =>
    closeSealing(sealing),
  )
  const { received } = taken
  const sealed = taken.tail.length === 0 ? null : await deps.folders.seal(owner, `${row.id} tail`, taken.tail)
  const kept = await transact(deps.db, (tx) => keepProgress(tx, { id: row.id, from: row.received, received, tail: sealed }, ctx.now()))
  if (!kept) throw offsetDiffers((await uploadById(deps.db, row.id))?.received ?? row.received)
  const further = { ...open, row: { ...row, received, tail: sealed } }
  const reason = await lookEarly(deps, further, taken.start)
  if (reason) throw await refuse(deps, further, reason, ctx)
  if (taken.broken !== undefined) throw taken.broken
  return further
}

/** Once its beginning is there; a second look costs nothing. */
async function lookEarly(deps: UploadDeps, open: Open, start: Bytes | undefined): Promise<Reason | undefined> {
  const { row } = open
  const enough = Math.min(BEGINNING, row.length)
  if (!row.audience.includes('ico') || start === undefined || start.length < enough) return undefined
  const seems = await seeming(start.subarray(0, enough), enough === row.length)
  if ('refused' in seems) return seems.refused
  const { name } = await aboutOf(open, deps.folders)
  return 'kind' in seems && !fitsEnding(seems.kind, name) ? 'ending-differs' : undefined
}

/** Nothing of it is kept: neither body gets what one of them must not have been sent in the same breath. */
async function refuse(deps: UploadDeps, { row, owner, blobs }: Open, reason: Reason, ctx: Ctx): Promise<Refusal> {
  const outcome = await sealOutcome(deps.folders, { id: row.id, owner }, { reason })
  await transact(deps.db, (tx) => moveUpload(tx, { id: row.id, from: ['receiving'], to: 'refused', outcome }, ctx.now()))
  await removeBlobs(deps.blobs, blobs)
  return refusedFor(reason)
}

/** Where all has arrived: pads, reads everything back from the disk, looks through it and only then calls it whole. A crash before leaves it to be done again. */
export async function finishIfThere(deps: UploadDeps, owned: Owned, ctx: Ctx): Promise<void> {
  if (owned.row.state !== 'receiving' || owned.row.received < owned.row.length) return
  const open = await withBlobs(deps, owned)
  await finish(deps, open, ctx).catch(orDamaged(deps, open, ctx))
}

async function finish(deps: UploadDeps, open: Open, ctx: Ctx): Promise<void> {
  const { row, owner, blobs } = open
  const sealing = await openSealing(deps.blobs, blobs, row.received)
  const upload = { length: row.length, received: row.received, tail: await tailOf(open, deps.folders) }
  await padOut(sealing, upload).finally(() => closeSealing(sealing))
  const about = await aboutOf(open, deps.folders)
  const inspected: (BlobRow & { found: Inspected })[] = []
  for (const one of blobs) inspected.push({ ...one, found: await inspect(blobFile(deps.blobs, one.id), one.blob, one.recipient, about) })
  const { sha256 } = inspected[0]!.found
  const looked = inspected.find(({ found }) => found.looked)?.found.looked
  const differs = about.sha256 !== undefined && about.sha256 !== sha256
  const reason = differs ? 'hash-differs' : looked && 'refused' in looked ? looked.refused : undefined
  if (reason) throw await refuse(deps, open, reason, ctx)
  const outcome = await sealOutcome(
    deps.folders,
    { id: row.id, owner },
    { sha256, ...(looked && 'kind' in looked && { kind: looked.kind }) },
  )
  await transact(deps.db, async (tx) => {
    for (const { id, found } of inspected) await keepBlobHash(tx, id, found.stored)
    await moveUpload(tx, { id: row.id, from: ['receiving'], to: 'whole', outcome }, ctx.now())
  })
}

/** Before it is filed it can be taken back: it is nobody's from then on, and its files go. */
export async function dropUpload(deps: UploadDeps, id: string, ctx: Ctx): Promise<void> {
  const { row } = await uploadFor(deps.db, id, 'file', ctx)
  await transact(deps.db, async (tx) => {
    const locked = await lockUpload(tx, row.id)
    if (locked?.state === 'filed') throw new Refusal('already-done')
    await moveUpload(tx, { id: row.id, from: ['receiving', 'whole', 'refused'], to: 'dropped' }, ctx.now())
  })
  await removeBlobs(deps.blobs, await blobsOfUpload(deps.db, row.id))
}
