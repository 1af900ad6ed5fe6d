import type { FastifyInstance } from 'fastify'
import { Refusal } from '../errors.ts'

export type PublicFile = { type: string; body: Uint8Array | string; immutable: boolean }
export type PublicFiles = (path: string) => Promise<PublicFile | undefined>

const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._/-]*$/

/** What anybody may read below /ledger/: a tile that is full never changes, a checkpoint always does. */
export function mountPublicFiles(app: FastifyInstance, publicFiles: PublicFiles): void {
  app.get<{ Params: { '*': string } }>('/ledger/*', async (request, reply) => {
    const path = request.params['*']
    const file = PLAIN.test(path) && !path.includes('..') ? await publicFiles(path) : undefined
    if (file === undefined) throw new Refusal('not-found')
    if (file.immutable) reply.header('cache-control', 'public, max-age=31536000, immutable')
    reply.header('cross-origin-resource-policy', 'cross-origin')
    return reply.type(file.type).send(typeof file.body === 'string' ? file.body : Buffer.from(file.body))
  })
}
