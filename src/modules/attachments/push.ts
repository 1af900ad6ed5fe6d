import { request, type Agent } from 'node:http'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { transact, type Db } from '#platform/db'
import type { Signer } from '#platform/jws'
import type { Ctx } from '#platform/context'
import { outcomesOf, type AuthorityId, type NodeId, type Trust } from '#exchange'
import { LONGEST_PIECE } from './attachment.ts'
import { sizeOf } from './blob.ts'
import { blobFile, readPart, removeFile } from './files.ts'
import { keepDelivered, keepSettled, openSends, type OpenSend } from './store.ts'
import { signTicket } from './ticket.ts'

/** What it needs of the gateway it runs in. */
export type PushNeeds = {
  node: NodeId
  db: Db
  trust: Trust
  signer: Signer
  agent: Agent
  peers: Partial<Record<NodeId, string>>
  makeCtx: () => Ctx
  ending?: AbortSignal
}

const AT_ONCE = 16
/** Of one blob in its turn, so that a small one does not wait for the whole of a large one. */
const PIECES_A_TURN = 8
const IDLE = 500
const AFTER_FAULT = 2_000
/** The last piece is answered when all of the blob has been read through. */
const PATIENCE = 300_000
/** A report that is not accepted though its blob was delivered: perhaps the blob is no longer there. */
const ASKED_AGAIN_AFTER = 30_000
const LONGEST_ANSWER = 10_000

/**
 * Brings blobs to one body ahead of their reports; each body has a lane of its own, so that one that is away holds up nobody else's. A
 * crash at any moment leaves what the recipient says is durable there, and it goes on from that.
 */
export function pushBlobs(folder: string, to: AuthorityId): (gateway: PushNeeds) => Promise<number> {
  return async (gateway) => {
    const sends = await openSends(gateway.db, to, AT_ONCE)
    if (sends.length === 0) return IDLE
    const outcomes = await outcomesOf(
      gateway.db,
      sends.map(({ record }) => record),
    )
    let [moved, failed] = [false, false]
    for (const send of sends) {
      const state = outcomes.get(send.record)?.state
      if (gateway.ending?.aborted) return 0
      if (state === 'accepted' || state === 'refused') await settle(gateway, folder, send)
      else if (isDue(send, gateway.makeCtx().now())) {
        const pushed = await pushSome(gateway, folder, to, send).catch(failure(gateway))
        moved ||= pushed === 'moved'
        failed ||= pushed === 'failed'
      }
    }
    return failed ? AFTER_FAULT : moved ? 0 : IDLE
  }
}

/** The organisation has its own copy, and the body has one: here it is no longer needed. */
async function settle({ db, makeCtx }: PushNeeds, folder: string, { record, blob }: OpenSend): Promise<void> {
  await removeFile(blobFile(folder, blob))
  await transact(db, (tx) => keepSettled(tx, record, makeCtx().now()))
}

function isDue({ delivered_at }: OpenSend, now: Date): boolean {
  return delivered_at === null || now.getTime() - delivered_at.getTime() > ASKED_AGAIN_AFTER
}

const failure =
  ({ makeCtx }: PushNeeds) =>
  (error: unknown): 'failed' => {
    makeCtx().log.warn({ event: 'attachment-not-delivered', code: String((error as { code?: unknown }).code ?? 'no-answer') })
    return 'failed'
  }

async function pushSome(gateway: PushNeeds, folder: string, to: AuthorityId, send: OpenSend): Promise<'moved'> {
  const { blob, length, sha256 } = send
  const size = sizeOf(length)
  const ctx = gateway.makeCtx()
  const authorization = signTicket({ from: gateway.node, to, blob, size, sha256 }, gateway.trust.deployment, gateway.signer, ctx.now())
  const url = `${gateway.peers[to]}/blobs/${blob}`
  let there = await ask(gateway, { method: 'GET', url, authorization })
  for (let n = 0; n < PIECES_A_TURN && !there.whole; n += 1) {
    const piece = { start: there.offset, length: Math.min(LONGEST_PIECE, size - there.offset) }
    there = await ask(gateway, {
      method: 'PUT',
      url: `${url}/${there.offset}`,
      authorization,
      part: { path: blobFile(folder, blob), ...piece },
    })
  }
  if (there.whole) await transact(gateway.db, (tx) => keepDelivered(tx, send.record, gateway.makeCtx().now()))
  return 'moved'
}

const answer = z.object({ offset: z.int().min(0), whole: z.boolean() })
type There = z.infer<typeof answer>

/** Anything but a plain answer is a fault: the next round begins by asking where to go on. */
class NoAnswer extends Error {
  readonly code: string
  constructor(status: number) {
    super('the other gateway did not take it')
    this.code = `status-${status}`
  }
}

type Asked = { method: 'GET' | 'PUT'; url: string; authorization: string; part?: { path: string; start: number; length: number } }

async function ask({ agent, ending }: PushNeeds, { method, url, authorization, part }: Asked): Promise<There> {
  const limit = AbortSignal.timeout(PATIENCE)
  const signal = ending ? AbortSignal.any([limit, ending]) : limit
  const headers = { authorization, ...(part && { 'content-type': 'application/octet-stream', 'content-length': part.length }) }
  const outgoing = request(url, { method, agent, headers, signal })
  const answered = new Promise<There>((resolve, reject) => {
    outgoing.on('error', reject)
    outgoing.on('response', (response) => {
      if (response.statusCode !== 200 || Number(response.headers['content-length'] ?? Infinity) > LONGEST_ANSWER) {
        response.resume()
        reject(new NoAnswer(response.statusCode ?? 0))
      } else text(response).then((said) => resolve(answer.parse(JSON.parse(said))), reject)
    })
  })
  answered.catch(() => {})
  if (part) await pipeline(readPart(part.path, part.start, part.length), outgoing, { signal })
  else outgoing.end()
  return answered
}
