import type { Ctx } from '#platform/context'
import { transact, type Db } from '#platform/db'
import { FORGOTTEN_AFTER } from './attachment.ts'
import { forgetQuarantine, knownAccepted, knownInQuarantine } from './authority-store.ts'
import { sweep } from './files.ts'
import { acceptedIn, quarantineIn } from './quarantine.ts'
import { forgetUploads, neededBlobs } from './store.ts'

type Needs = { db: Db; makeCtx: () => Ctx }

const REST = 60_000
/** A file is made before its row is durable: a moment later it is known, or nobody's. */
const NOBODYS_AFTER = 3_600_000

const ago = (now: Date, milliseconds: number): Date => new Date(now.getTime() - milliseconds)

/** At the portal: what is half here and forgotten, dropped or refused goes, rows first; a file that no row needs goes after it. */
export function tidyUploads(blobs: string): (gateway: Needs) => Promise<number> {
  return async ({ db, makeCtx }) => {
    const now = makeCtx().now()
    await transact(db, (tx) => forgetUploads(tx, ago(now, FORGOTTEN_AFTER)))
    await sweep(blobs, ago(now, NOBODYS_AFTER), (ids) => neededBlobs(db, ids))
    return REST
  }
}

/** At an authority: what no report ever spoke of goes, and the first name of what was accepted. */
export function tidyQuarantine(blobs: string): (gateway: Needs) => Promise<number> {
  return async ({ db, makeCtx }) => {
    const now = makeCtx().now()
    await transact(db, (tx) => forgetQuarantine(tx, ago(now, FORGOTTEN_AFTER)))
    await sweep(quarantineIn(blobs), ago(now, NOBODYS_AFTER), (ids) => knownInQuarantine(db, ids))
    await sweep(acceptedIn(blobs), ago(now, NOBODYS_AFTER), (ids) => knownAccepted(db, ids))
    return REST
  }
}
