import { randomBytes } from 'node:crypto'
import { link, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { closeAtRest, openAtRest } from '#platform/at-rest'
import type { Bytes } from '#platform/bytes'
import type { Actor, Ctx } from '#platform/context'
import { Refusal } from '#platform/errors'
import { makeFolder, syncFolder } from '#platform/home'
import { isUuid } from '#platform/ids'

/** Whose folder: an organisation's, or, while nobody has proved who they are, that of one incident. */
export type Owner = { organisation: string } | { folder: string }

/**
 * A key an owner, each a file (0600) kept out of the database and its backups. Made where the program starts, from a path. Nothing is
 * held in memory: a key whose file is gone opens nothing from that moment.
 */
export class FolderKeys {
  readonly #path: string
  /** Keys this process has seen made durable: ids, never the keys. */
  readonly #durable = new Set<string>()

  constructor(path: string) {
    this.#path = path
  }

  /**
   * The ciphertext of bytes that will lie in the row `id`. The key is durable before this returns, so no row ever depends on a key
   * that a crash can lose; a crash before leaves a key that nothing uses.
   */
  async seal(owner: Owner, id: string, bytes: Bytes): Promise<Bytes> {
    return closeAtRest(await this.#keyToSeal(owner), id, bytes)
  }

  /** Throws where key, row or a single bit differs, and where the key is gone. Opens for the node; sessions go through `openFor`. */
  async open(owner: Owner, id: string, sealed: Bytes): Promise<Bytes> {
    return openAtRest(await readFile(this.#file(owner)), id, sealed)
  }

  #file(owner: Owner): string {
    const name = 'folder' in owner ? owner.folder : owner.organisation
    if (!isUuid(name)) throw new TypeError('not the id of a folder')
    return join(this.#path, name)
  }

  /** At first use the folder is synced even where the key is found: whoever made it a moment ago may not have come so far. */
  async #keyToSeal(owner: Owner): Promise<Bytes> {
    const file = this.#file(owner)
    const key = (await readIfThere(file)) ?? (await this.#make(file))
    if (!this.#durable.has(file)) await syncFolder(this.#path)
    this.#durable.add(file)
    return key
  }

  /** Written beside and linked: of several that make it at once one wins, and all use the winner's. */
  async #make(file: string): Promise<Bytes> {
    await makeFolder(this.#path)
    const beside = `${file}.${randomBytes(6).toString('hex')}.new`
    await writeKey(beside)
    await link(beside, file).catch(unlessThere)
    await rm(beside)
    return readFile(file)
  }
}

async function writeKey(path: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(randomBytes(32))
    await file.sync()
  } finally {
    await file.close()
  }
}

async function readIfThere(path: string): Promise<Bytes | undefined> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}

/** A folder is opened by its owner's own session and by nobody else. */
export function isOwner(actor: Actor, owner: Owner): boolean {
  return 'folder' in owner ? actor.folder === owner.folder : actor.organisation === owner.organisation && actor.folder === undefined
}

/** For what others send to an owner (the words of a request): anyone may put in. */
export function sealFor(owner: Owner, id: string, bytes: Bytes, folders: FolderKeys): Promise<Bytes> {
  return folders.seal(owner, id, bytes)
}

/** Only the owner's session takes out; to others it does not exist. */
export async function openFor(owner: Owner, id: string, sealed: Bytes, folders: FolderKeys, ctx: Ctx): Promise<Bytes> {
  if (!isOwner(ctx.actor, owner)) throw new Refusal('not-found')
  return folders.open(owner, id, sealed)
}
