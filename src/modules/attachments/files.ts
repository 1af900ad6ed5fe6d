import { constants, createReadStream, type ReadStream } from 'node:fs'
import { link, mkdir, open, readdir, rm, stat, statfs, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Bytes } from '#platform/bytes'
import { Refusal } from '#platform/errors'
import { syncFolder } from '#platform/home'
import { isUuid } from '#platform/ids'
import { RESERVE } from './attachment.ts'
import type { ReadAt } from './blob.ts'

/** Desk and gateway may run as two users of one group: one writes, the other reads. */
const MODE = 0o640

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o750 })
}

/** What lies on the disk is not what was written there: shorter, or other bytes. */
export class Torn extends Error {
  constructor() {
    super('a blob is not as it was left')
    this.name = 'Torn'
  }
}

export function blobFile(folder: string, id: string): string {
  if (!isUuid(id)) throw new TypeError('not the id of a blob')
  return join(folder, id)
}

export type Appender = {
  append(bytes: Bytes): Promise<void>
  /** Everything appended is durable once it returns, and nothing lies behind it. */
  sync(): Promise<void>
  close(): Promise<void>
}

/**
 * Goes on writing a file of which `durable` bytes count. What lies behind them was written and never counted: it must begin as what is
 * written now does, or `Torn` is thrown, because two texts under one key and number must never exist. A file that is too short is `Torn` too.
 */
export async function appendTo(path: string, durable: number): Promise<Appender> {
  await makeFolder(dirname(path))
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, MODE)
  try {
    const { size } = await file.stat()
    if (size < durable) throw new Torn()
    return appender(file, path, durable, size)
  } catch (error) {
    await file.close()
    throw error
  }
}

function appender(file: FileHandle, path: string, durable: number, size: number): Appender {
  let at = durable
  return {
    append: async (bytes) => {
      if (at < size) await mustAgree(file, at, bytes.subarray(0, size - at))
      await writeAll(file, bytes, at)
      at += bytes.length
    },
    sync: async () => {
      if (size > at) await file.truncate(at)
      await file.sync()
      if (durable === 0) await syncFolder(dirname(path))
    },
    close: () => file.close(),
  }
}

async function mustAgree(file: FileHandle, at: number, bytes: Bytes): Promise<void> {
  const there = Buffer.alloc(bytes.length)
  await file.read(there, 0, there.length, at)
  if (Buffer.compare(there, bytes) !== 0) throw new Torn()
}

async function writeAll(file: FileHandle, bytes: Bytes, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

export type OpenFile = { size: number; read: ReadAt; close(): Promise<void> }

/** Undefined where there is no such file. */
export async function openFile(path: string): Promise<OpenFile | undefined> {
  const file = await open(path, 'r').catch(unlessMissing)
  if (!file) return undefined
  const { size } = await file.stat()
  const read: ReadAt = async (position, length) => {
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - position)))
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done)
      if (bytesRead === 0) return bytes.subarray(0, done)
      done += bytesRead
    }
    return bytes
  }
  return { size, read, close: () => file.close() }
}

export function readPart(path: string, start: number, length: number): ReadStream {
  return createReadStream(path, { start, end: start + length - 1 })
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

export async function sizeOnDisk(path: string): Promise<number> {
  return (await stat(path).catch(unlessMissing))?.size ?? 0
}

export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true })
}

/** The same bytes under a second name, durably. Again, it changes nothing. */
export async function linkFile(from: string, to: string): Promise<void> {
  await makeFolder(dirname(to))
  await link(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  await syncFolder(dirname(to))
}

/** Removes every blob last written before then that nobody knows. `known`: which of these ids are. How many went. */
export async function sweep(folder: string, before: Date, known: (ids: string[]) => Promise<Set<string>>): Promise<number> {
  const names = await readdir(folder).catch(unlessMissing)
  const ids = (names ?? []).filter(isUuid)
  if (ids.length === 0) return 0
  const needed = await known(ids)
  let gone = 0
  for (const id of ids) {
    const path = blobFile(folder, id)
    const found = needed.has(id) ? undefined : await stat(path).catch(unlessMissing)
    if (!found || found.mtime >= before) continue
    await removeFile(path)
    gone += 1
  }
  return gone
}

/** Throws `unavailable` where so many bytes more would leave too little room for everything else. */
export async function requireRoom(folder: string, bytes: number): Promise<void> {
  await makeFolder(folder)
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize < bytes + RESERVE) throw new Refusal('unavailable')
}
