import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { z } from 'zod'
import { Download, endpoint, type Endpoint } from '../api.ts'
import { Refusal } from '../errors.ts'
import { octetStream } from '../octets.ts'
import { tryWeb } from './testing.ts'

const as = (name: string): Record<string, string> => ({ authorization: `Bearer ${name}` })
const octet = { 'content-type': 'application/octet-stream' }

let read = 0
const endpoints: Endpoint[] = [
  endpoint({
    method: 'PUT',
    path: '/files/:name',
    summary: 'Takes bytes as they come',
    who: ['handler'],
    body: octetStream,
    reply: z.object({ length: z.int() }),
    handle: async ({ params, body }) => {
      if (params['name'] === 'foreign') throw new Refusal('offset-differs', { offset: 7 })
      let length = 0
      for await (const piece of body) length += piece.length
      read += length
      return { length }
    },
  }),
  endpoint({
    method: 'GET',
    path: '/files/:name',
    summary: 'Gives bytes',
    who: ['handler'],
    reply: octetStream,
    handle: async ({ params }) => {
      if (params['name'] === 'gone') throw new Refusal('not-found')
      return new Download("it's (a)\u00e9*\n.html", 5, Readable.from([Buffer.from('<b>hi')]))
    },
  }),
]
const { ask } = await tryWeb({ endpoints, bodyLimit: 1000 })

test('an endpoint that takes bytes as they come is bound by no limit but its own, and gets nothing else', async () => {
  const sent = await ask('PUT', '/api/v1/files/a', { payload: Buffer.alloc(50_000), headers: { ...octet, ...as('handler') } })
  assert.deepEqual([sent.status, sent.json], [200, { length: 50_000 }])
  assert.equal((await ask('PUT', '/api/v1/files/a', { json: { a: 1 }, headers: as('handler') })).status, 415)
  assert.equal((await ask('PUT', '/api/v1/files/a', { headers: as('handler') })).status, 400)
})

test('who may not, and what is refused beforehand, costs no byte', async () => {
  const before = read
  const send = (name: string, headers: Record<string, string>) =>
    ask('PUT', `/api/v1/files/${name}`, { payload: Buffer.alloc(5000), headers: { ...octet, ...headers } })
  assert.equal((await send('a', {})).status, 401)
  assert.equal((await send('a', as('auditor'))).status, 403)
  const refused = await send('foreign', as('handler'))
  assert.deepEqual([refused.status, refused.json.code, refused.json.offset], [409, 'offset-differs', 7])
  assert.equal(read, before)
})

test('bytes that are given out are saved and never shown, whatever they are and are called', async () => {
  const { status, text, headers } = await ask('GET', '/api/v1/files/a', { headers: as('handler') })
  assert.deepEqual([status, text, headers['content-length']], [200, '<b>hi', '5'])
  assert.equal(headers['content-type'], 'application/octet-stream')
  assert.equal(headers['content-disposition'], "attachment; filename*=UTF-8''it%27s%20%28a%29%C3%A9%2A%0A.html")
  assert.equal(headers['x-content-type-options'], 'nosniff')
  assert.equal((await ask('GET', '/api/v1/files/gone', { headers: as('handler') })).status, 404)
})

test('the description says that bytes are taken and given', async () => {
  const { paths } = (await ask('GET', '/api/openapi.json')).json
  const { get, put } = paths['/files/{name}']
  assert.deepEqual(Object.keys(put.requestBody.content), ['application/octet-stream'])
  assert.deepEqual(Object.keys(get.responses['200'].content), ['application/octet-stream'])
})
