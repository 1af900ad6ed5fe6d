import type { Bytes } from '#platform/bytes'

/** What lies under a folder's own key: names in a folder are typed by somebody who has no account, and are nowhere in clear. */
export type FolderSeal = {
  seal(owner: { folder: string }, id: string, bytes: Bytes): Promise<Bytes>
  open(owner: { folder: string }, id: string, sealed: Bytes): Promise<Bytes>
}

/** The name of whoever holds a folder's first token: nobody asked for theirs. */
export const FIRST_HOLDER = 'Holder of the resume token'

export function sealName(folders: FolderSeal, folder: string, id: string, name: string): Promise<Bytes> {
  return folders.seal({ folder }, id, Buffer.from(name))
}

export async function openName(folders: FolderSeal, row: { folder: string; id: string; name: Bytes }): Promise<string> {
  return Buffer.from(await folders.open({ folder: row.folder }, row.id, row.name)).toString('utf8')
}
