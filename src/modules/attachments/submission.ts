import { b64u, fromB64u } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import type { Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { NotYet, type Outbound } from '#exchange'
import { fileAnswers, submissionsFiled, type BlobRef, type FolderKeys } from '#reporting'
import { ATTACHMENT, valueFor, type Found } from './attachment.ts'
import { sizeOf } from './blob.ts'
import { blobAhead, blobsOfUpload, insertSend, lockUpload, moveUpload, type BlobRow } from './store.ts'
import { aboutOf, outcomeOf, refusalOf, uploadFor, type Owned } from './upload.ts'

/**
 * Files an attachment that is whole: to each body it is for a report of its own, with nothing in it but this item. In the caller's
 * transaction; again, it files nothing twice.
 */
export async function submitAttachment(tx: Tx, id: string, folders: FolderKeys, ctx: Ctx): Promise<void> {
  const { owner } = await uploadFor(tx, id, 'file', ctx)
  const row = await lockUpload(tx, id)
  if (!row) throw new Refusal('not-found')
  const owned = { row, owner }
  if (row.state === 'filed') return
  if (row.state === 'refused') throw await refusalOf(owned, folders)
  if (row.state !== 'whole') throw new Refusal('attachment-incomplete', { offset: row.received })
  const blobs = await blobsOfUpload(tx, id)
  for (const to of row.audience) {
    const blob = blobs.find(({ recipient }) => recipient === to)
    const answer = { question: ATTACHMENT, ...(await answerFor(owned, to, blob, folders)) }
    const filing = await fileAnswers(tx, { incident: row.incident, to, answers: [answer] }, folders, ctx)
    const [submission] = await submissionsFiled(tx, filing)
    await insertSend(tx, { record: submission!.envelope, upload: id, recipient: to, blob: blob?.id ?? null }, ctx.now())
  }
  await moveUpload(tx, { id, from: ['whole'], to: 'filed' }, ctx.now())
}

async function answerFor(owned: Owned, to: BlobRow['recipient'], blob: BlobRow | undefined, folders: FolderKeys) {
  const { length } = owned.row
  const found = (await outcomeOf(owned, folders)) as Found
  const value = valueFor(to, await aboutOf(owned, folders), length, found)
  if (!blob) return { value }
  const key = b64u(await folders.open(owned.owner, blob.id, blob.key))
  const ref: BlobRef = { id: blob.id, key, length, size: sizeOf(length), sha256: b64u(fromB64u(blob.sha256!, 32)) }
  return { value, blob: ref }
}

/** A report that speaks of a blob leaves once that blob is whole at its recipient; until then it is put off, and holds up no other. */
export function afterItsBlob(prepare: Outbound): Outbound {
  return async (tx, request, ctx) => {
    const ahead = await blobAhead(tx, request.id)
    if (ahead && ahead.delivered_at === null) throw new NotYet()
    return prepare(tx, request, ctx)
  }
}
