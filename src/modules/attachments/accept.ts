import { Readable } from 'node:stream'
import { z } from 'zod'
import { Download } from '#platform/api'
import { fromB64u } from '#platform/bytes'
import type { Credential, Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { isUuid } from '#platform/ids'
import { caseFor, caseOfItem, itemsOfCase, recordOpening, type BlobOfItem, type ReadingRules } from '#casework'
import { NotYet, type AuthorityId } from '#exchange'
import { ATTACHMENT, nameToSave } from './attachment.ts'
import { acceptedOf, insertAccepted, quarantineById } from './authority-store.ts'
import { blobOf, openBlob, sizeOf } from './blob.ts'
import { blobFile, linkFile, openFile, sizeOnDisk } from './files.ts'
import { acceptedIn, quarantineIn } from './quarantine.ts'

const value = z.strictObject({ name: z.string(), mediaType: z.string(), length: z.int().min(1), sha256: z.string() })

/**
 * Accepts the blobs that a report speaks of, in the report's transaction: all of them, or the report is not kept. One that is not whole
 * yet puts the report off; one that is another than the report says refuses it. A crash or a rollback leaves a second name of a file that
 * no row knows, and the next try finds it there.
 */
export function acceptBlobs(blobs: string) {
  return async (tx: Tx, report: { case: string; blobs: BlobOfItem[] }, ctx: Ctx): Promise<void> => {
    const items = new Map(
      (
        await itemsOfCase(
          tx,
          report.case,
          report.blobs.map(({ item }) => item),
        )
      ).map((item) => [item.id, item]),
    )
    for (const blob of report.blobs) {
      const item = items.get(blob.item)
      const told = value.safeParse(item?.value)
      const fits = item?.question === ATTACHMENT && told.data?.length === blob.length && sizeOf(blob.length) === blob.size
      if (!fits) throw new Refusal('envelope-invalid')
      await acceptBlob(tx, blobs, blob, ctx)
    }
  }
}

async function acceptBlob(tx: Tx, blobs: string, { item, id, key, length, size, sha256 }: BlobOfItem, ctx: Ctx): Promise<void> {
  const row = await quarantineById(tx, id)
  if (!row) throw new NotYet()
  if (row.sender !== 'portal' || row.size !== size || row.sha256 !== sha256) throw new Refusal('envelope-invalid')
  const path = blobFile(quarantineIn(blobs), id)
  if (row.whole_at === null || (await sizeOnDisk(path)) !== size) throw new NotYet()
  await linkFile(path, blobFile(acceptedIn(blobs), id))
  if (!(await insertAccepted(tx, { item, blob: id, key, length }, ctx.now()))) throw new Refusal('replayed-differently')
}

/** `reading`: what a file may be opened for. */
export type DownloadDeps = { db: Db; node: AuthorityId; reading: ReadingRules; blobs: string }
export type Wanted = { item: string; purpose: string | undefined; credential: Credential | undefined }

/** An attachment's bytes for somebody who may read the case it is in, once it is recorded that they do. They are checked as they pass: what was changed ends the answer short. */
export async function openAttachment({ db, node, reading: rules, blobs }: DownloadDeps, wanted: Wanted, ctx: Ctx): Promise<Download> {
  const { item, purpose, credential } = wanted
  const found = isUuid(item) ? await caseOfItem(db, item) : undefined
  const held = await caseFor(db, { id: found?.id ?? '', right: 'read', node }, ctx)
  const [row, accepted] = [(await itemsOfCase(db, held.id, [item]))[0], await acceptedOf(db, item)]
  if (!row || !accepted) throw new Refusal('not-found')
  await recordOpening(db, { case: held.id, items: [item], node, rules, purpose, credential }, ctx)
  const file = await openFile(blobFile(acceptedIn(blobs), accepted.blob))
  if (!file) throw new Refusal('unavailable')
  const { length, blob: id } = accepted
  const content = Readable.from(openBlob(blobOf({ id, key: fromB64u(accepted.key, 32), length }), file.read), { objectMode: false })
  content.once('close', () => void file.close())
  return new Download(nameToSave(node, value.parse(row.value).name), length, content)
}
