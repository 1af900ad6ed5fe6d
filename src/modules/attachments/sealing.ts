import { createHash, randomBytes } from 'node:crypto'
import { b64u, type Bytes } from '#platform/bytes'
import type { AuthorityId } from '#exchange'
import type { FolderKeys, Owner } from '#reporting'
import { chunksIn, type About } from './attachment.ts'
import { blobOf, CHUNK, openBlob, placeOf, readPlain, sealChunk, type Blob } from './blob.ts'
import type { Plain } from './content.ts'
import { appendTo, blobFile, openFile, removeFile, Torn, type Appender } from './files.ts'
import { lookThrough, type Looked } from './look.ts'
import type { BlobRow } from './store.ts'

/** One blob that is being written: what seals it, and its file. */
type Sealing = { blob: Blob; file: Appender }

/** A blob's own key, sealed for its row. Drawn from the system's source: two blobs must never share one. */
export function newKey(id: string, owner: Owner, folders: FolderKeys): Promise<Bytes> {
  return folders.seal(owner, id, randomBytes(32))
}

export async function blobIn(row: BlobRow, length: number, owner: Owner, folders: FolderKeys): Promise<Blob> {
  return blobOf({ id: row.id, key: await folders.open(owner, row.id, row.key), length })
}

export type Upload = { length: number; received: number; tail: Bytes }

/** Every blob of an upload, one a body, open for what comes after the bytes that count. */
export async function openSealing(folder: string, blobs: { id: string; blob: Blob }[], received: number): Promise<Sealing[]> {
  const { whole } = chunksIn(received)
  const opened: Sealing[] = []
  try {
    for (const { id, blob } of blobs) opened.push({ blob, file: await appendTo(blobFile(folder, id), durableIn(blob, whole)) })
    return opened
  } catch (error) {
    await closeSealing(opened)
    throw error
  }
}

function durableIn(blob: Blob, whole: number): number {
  return whole === 0 ? 0 : placeOf(blob, whole - 1).at + placeOf(blob, whole - 1).length
}

export async function closeSealing(opened: Sealing[]): Promise<void> {
  for (const { file } of opened) await file.close()
}

/**
 * Takes bytes in as they come, each chunk sealed for every body before it is written. `taken` counts them; when it ends, however it ends,
 * what counts is on the disk and the rest, less than a chunk, is `tail`.
 */
export async function takeIn(
  opened: Sealing[],
  { received, tail }: Upload,
  body: AsyncIterable<Bytes>,
  mayTake: (taken: number) => void,
): Promise<{ received: number; tail: Bytes; start: Bytes | undefined; broken: unknown }> {
  const chunk = Buffer.allocUnsafe(CHUNK)
  let index = chunksIn(received).whole
  let filled = Buffer.from(tail).copy(chunk)
  let taken = 0
  let start: Bytes | undefined
  let broken: unknown
  const put = async (piece: Buffer): Promise<void> => {
    for (let at = 0; at < piece.length; ) {
      const some = piece.copy(chunk, filled, at)
      at += some
      filled += some
      taken += some
      if (filled < CHUNK) continue
      if (index === 0) start = Buffer.from(chunk)
      for (const { blob, file } of opened) await file.append(sealChunk(blob, index, chunk))
      index += 1
      filled = 0
    }
  }
  try {
    for await (const piece of body) {
      mayTake(taken + piece.length)
      await put(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength))
    }
  } catch (error) {
    if (error instanceof Torn) throw error
    broken = error
  }
  for (const { file } of opened) await file.sync()
  const rest = Buffer.from(chunk.subarray(0, filled))
  return { received: received + taken, tail: rest, start: start ?? (index === 0 ? rest : undefined), broken }
}

/** Seals what is left and the padding. Again, it writes the same. */
export async function padOut(opened: Sealing[], { received, tail }: Upload): Promise<void> {
  const { whole } = chunksIn(received)
  for (const { blob, file } of opened) {
    for (let index = whole; index < blob.chunks; index += 1)
      await file.append(sealChunk(blob, index, index === whole ? tail : new Uint8Array()))
    await file.sync()
  }
}

export type Inspected = { sha256: string; stored: string; looked?: Looked }

/** Reads a whole blob back from the disk: its hash, its file's hash and, for the ICO, what is in it. Throws where it is not as it was sealed. */
export async function inspect(path: string, blob: Blob, to: AuthorityId, { name }: Pick<About, 'name'>): Promise<Inspected> {
  const file = await openFile(path)
  if (!file || file.size !== blob.size) {
    await file?.close()
    throw new Torn()
  }
  const [stored, own] = [createHash('sha256'), createHash('sha256')]
  const plain: Plain = {
    length: blob.length,
    read: readPlain(blob, file.read),
    pieces: () => openBlob(blob, file.read, (bytes) => stored.update(bytes)),
  }
  const seen = (piece: Bytes) => void own.update(piece)
  try {
    const looked = to === 'ico' ? await lookThrough(plain, name, seen) : await readAll(plain, seen)
    return { sha256: b64u(own.digest()), stored: b64u(stored.digest()), ...(looked && { looked }) }
  } finally {
    await file.close()
  }
}

async function readAll(plain: Plain, seen: (piece: Bytes) => void): Promise<undefined> {
  for await (const piece of plain.pieces()) seen(piece)
}

export async function removeBlobs(folder: string, blobs: Pick<BlobRow, 'id'>[]): Promise<void> {
  for (const { id } of blobs) await removeFile(blobFile(folder, id))
}
