import { strToU8, zipSync } from 'fflate'
import type { Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import type { FolderDocument } from './document.ts'
import { readMe } from './read-me.ts'

/** A ZIP of the folder: to read, for programs, and to check. The bundle is spelled as it was sealed. */
export function archiveOf(folder: FolderDocument): Bytes {
  const files = {
    'read-me.html': strToU8(readMe(folder)),
    'folder.json': strToU8(`${JSON.stringify(folder, null, 2)}\n`),
    'bundle.json': strToU8(canonical(folder.bundle)),
  }
  return zipSync(files, { mtime: folder.at })
}
