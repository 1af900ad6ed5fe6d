import { request, type Agent } from 'node:http'
import type { Bytes } from '#platform/bytes'

export type Answer = { status: number; text: string }

/** Acknowledgements are a few kilobytes; a carrier of 2,000 statements gets some 300. */
const LONGEST_ANSWER = 1_000_000

/** One POST to another gateway, over a connection that is kept open. Rejects with the socket's own error: its code says how far it came. */
export function post(agent: Agent, url: string, body: Bytes, signal: AbortSignal): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const headers = { 'content-type': 'application/octet-stream', 'content-length': body.length }
  const outgoing = request(url, { method: 'POST', agent, headers, signal }, (response) => {
    const { statusCode: status = 0 } = response
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (part: string) => {
      text += part
      if (text.length > LONGEST_ANSWER) response.destroy(new Error('the answer is too long'))
    })
    response.on('end', () => resolve({ status, text }))
    response.on('error', reject)
  })
  outgoing.on('error', reject)
  outgoing.end(body)
  return promise
}
