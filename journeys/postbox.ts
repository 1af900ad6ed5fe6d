import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { GatewayConfig } from '#disclosure'

/**
 * Stands in the way between a sender and the ICO, as a bad network does. Checkpoints always pass. Envelopes pass (`pass`), are kept here
 * and not passed on (`keep`), or pass while the answer is lost (`lose-answers`); `hold-next` passes all but the next one, which waits.
 */
export type Postbox = {
  does: 'pass' | 'keep' | 'lose-answers' | 'hold-next'
  /** The envelopes that came and were not passed on. */
  kept: Buffer[]
  /** Lets what waits go on its way, whether or not its sender still waits for an answer. Resolves when the ICO has it. */
  release(): Promise<void>
  /** The sender's configuration with this in the way. */
  towards(config: GatewayConfig): GatewayConfig
  close(): Promise<void>
}

export async function openPostbox(): Promise<Postbox> {
  let ico = ''
  let [go, arrived] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const box: Postbox = {
    does: 'pass',
    kept: [],
    release: async () => {
      go.resolve()
      await arrived.promise
    },
    towards: (config) => {
      ico = config.peers.ico!
      return { ...config, peers: { ...config.peers, ico: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } }
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body = Buffer.concat(await request.toArray())
    const isEnvelope = request.url === '/envelopes'
    if (isEnvelope && box.does === 'keep') {
      box.kept.push(body)
      return response.destroy()
    }
    const waits = isEnvelope && box.does === 'hold-next'
    if (waits) {
      box.does = 'pass'
      box.kept.push(body)
      ;[go, arrived] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      await go.promise
    }
    const passed = await fetch(ico + request.url, {
      method: request.method!,
      ...(request.method === 'POST' && { body }),
      headers: { 'content-type': request.headers['content-type'] ?? 'application/octet-stream' },
    })
    const text = Buffer.from(await passed.arrayBuffer())
    if (waits) arrived.resolve()
    if (isEnvelope && box.does === 'lose-answers') return response.destroy()
    return response.writeHead(passed.status, { 'content-type': passed.headers.get('content-type') ?? 'text/plain' }).end(text)
  }
  // The ICO may be down: then nobody answers here either.
  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return box
}
