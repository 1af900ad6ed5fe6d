import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { b64u, type Bytes } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import { transact, type Db } from '#platform/db'
import { Refusal, refusals } from '#platform/errors'
import { isUuid } from '#platform/ids'
import type { NodeId, Trust } from '#exchange'
import { LONGEST_PIECE, offsetDiffers, readOffset } from './attachment.ts'
import { inQuarantine, keepReceived, knownAccepted, type QuarantineRow } from './authority-store.ts'
import { appendTo, blobFile, openFile, removeFile, requireRoom, sizeOnDisk } from './files.ts'
import { checkTicket } from './ticket.ts'

export type QuarantineNeeds = { node: NodeId; db: Db; trust: Trust; makeCtx: () => Ctx }

export const quarantineIn = (blobs: string): string => join(blobs, 'quarantine')
export const acceptedIn = (blobs: string): string => join(blobs, 'accepted')

type There = { offset: number; whole: boolean }
/** `accepted`: a report that spoke of it was kept, and nothing more comes. */
type Known = QuarantineRow & { accepted: boolean }

const READ_AT_ONCE = 1024 * 1024

/**
 * What a gateway takes ahead of the reports that speak of it, and keeps unopened. Nobody but the portal is let in, and that before a byte
 * is read; what is answered is durable.
 */
export function takeBlobs(blobs: string): (app: FastifyInstance, gateway: QuarantineNeeds) => void {
  const busy = new Set<string>()
  return (app, gateway) => {
    void app.register(async (scope) => {
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser('application/octet-stream', (_request, body, done) => done(null, body))
      scope.setErrorHandler((error, _request, reply) => answerError(error, reply))
      scope.get('/blobs/:id', async (request, reply) => {
        const row = await letIn(gateway, request)
        return reply.send(await standing(gateway, blobs, row))
      })
      scope.put('/blobs/:id/:offset', async (request, reply) => {
        const row = await letIn(gateway, request)
        if (busy.has(row.id)) throw offsetDiffers(row.received)
        busy.add(row.id)
        try {
          return await reply.send(await take(gateway, blobs, row, request))
        } finally {
          busy.delete(row.id)
        }
      })
    })
  }
}

function answerError(error: unknown, reply: FastifyReply): FastifyReply {
  if (!(error instanceof Refusal)) throw error
  const { status, title } = refusals[error.code]
  const { offset } = error.detail
  const problem = { type: 'about:blank', title, status, code: error.code, ...(offset !== undefined && { offset }) }
  return reply.code(status).type('application/problem+json').send(JSON.stringify(problem))
}

async function letIn({ node, db, trust, makeCtx }: QuarantineNeeds, request: FastifyRequest): Promise<Known> {
  const { id } = request.params as { id: string }
  const ctx = makeCtx()
  if (!isUuid(id)) throw new Refusal('unknown-peer')
  const ticket = checkTicket(request.headers.authorization, { node, blob: id, now: ctx.now() }, trust)
  return transact(db, async (tx) => {
    const told = { id, sender: ticket.from, size: ticket.size, sha256: ticket.sha256 }
    if ((await knownAccepted(tx, [id])).has(id)) return { ...told, received: ticket.size, whole_at: ctx.now(), accepted: true }
    const row = await inQuarantine(tx, told, ctx.now())
    const same = row.sender === told.sender && row.size === told.size && row.sha256 === told.sha256
    if (!same) throw new Refusal('replayed-differently')
    return { ...row, accepted: false }
  })
}

/** What the row says, unless the disk has less: then it begins anew. */
async function standing({ db, makeCtx }: QuarantineNeeds, blobs: string, row: Known): Promise<There> {
  const onDisk = row.accepted ? row.size : await sizeOnDisk(blobFile(quarantineIn(blobs), row.id))
  if (onDisk >= row.received) return { offset: row.received, whole: row.whole_at !== null }
  await transact(db, (tx) => keepReceived(tx, { id: row.id, from: row.received, received: 0, whole: false }, makeCtx().now()))
  return { offset: 0, whole: false }
}

async function take(gateway: QuarantineNeeds, blobs: string, row: Known, request: FastifyRequest): Promise<There> {
  const offset = readOffset((request.params as { offset: string }).offset)
  const { offset: from, whole } = await standing(gateway, blobs, row)
  if (offset !== from || whole) throw offsetDiffers(from)
  const folder = quarantineIn(blobs)
  await requireRoom(folder, LONGEST_PIECE)
  const path = blobFile(folder, row.id)
  const received = from + (await append(path, from, request.body as Readable | undefined, row.size - from))
  const isWhole = received === row.size
  if (isWhole && (await hashOf(path)) !== row.sha256) return startAnew(gateway, path, row)
  return keep(gateway, { ...row, received: from }, received, isWhole)
}

/** What a broken connection left is written over by the next: ciphertext from one sender, and it must have the hash in the end. */
async function append(path: string, from: number, body: Readable | undefined, room: number): Promise<number> {
  if ((await sizeOnDisk(path)) > from) await cutTo(path, from)
  const file = await appendTo(path, from)
  let taken = 0
  try {
    for await (const piece of body ?? []) {
      taken += (piece as Bytes).length
      if (taken > Math.min(room, LONGEST_PIECE)) throw new Refusal('too-large')
      await file.append(piece as Bytes)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return taken
}

async function cutTo(path: string, length: number): Promise<void> {
  const file = await appendTo(path, length)
  await file.sync().finally(() => file.close())
}

async function keep({ db, makeCtx }: QuarantineNeeds, row: QuarantineRow, received: number, whole: boolean): Promise<There> {
  const kept = await transact(db, (tx) => keepReceived(tx, { id: row.id, from: row.received, received, whole }, makeCtx().now()))
  if (!kept) throw offsetDiffers(row.received)
  return { offset: received, whole }
}

async function startAnew(gateway: QuarantineNeeds, path: string, row: QuarantineRow): Promise<never> {
  gateway.makeCtx().log.error({ event: 'attachment-hash-differs' })
  await removeFile(path)
  await transact(gateway.db, (tx) =>
    keepReceived(tx, { id: row.id, from: row.received, received: 0, whole: false }, gateway.makeCtx().now()),
  )
  throw new Refusal('envelope-invalid')
}

/** Of what is on the disk, not of what came: both must be right. */
async function hashOf(path: string): Promise<string> {
  const file = (await openFile(path))!
  const hash = createHash('sha256')
  try {
    for (let at = 0; at < file.size; at += READ_AT_ONCE) hash.update(await file.read(at, READ_AT_ONCE))
  } finally {
    await file.close()
  }
  return b64u(hash.digest())
}
