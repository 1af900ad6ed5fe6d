import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { z } from 'zod'
import { endpoint } from './api.ts'
import { ORIGIN, sessionOf, tryWeb } from './http/testing.ts'
import { redirect, type Page } from './pages.ts'

const fails = endpoint({
  method: 'POST',
  path: '/fails/:name',
  summary: 'x',
  who: 'anyone',
  body: z.object({ secret: z.string() }),
  reply: z.object({}),
  handle: async ({ body }) => {
    throw Object.assign(new Error(`cannot write ${body.secret}`), { code: '22P02' })
  },
})
const page: Page = { path: '/status', who: 'anyone', show: async () => redirect('/elsewhere') }
const away: Page = {
  path: '/away',
  who: 'anyone',
  show: async () => Promise.reject(Object.assign(new Error('no'), { code: 'ECONNREFUSED' })),
}
const broken: Page = { path: '/broken', who: 'anyone', show: async () => Promise.reject(new Error('no')) }
const publicFiles = async (path: string): Promise<{ type: string; body: Uint8Array | string; immutable: boolean } | undefined> => {
  if (path === 'checkpoint') return { type: 'text/plain; charset=utf-8', body: 'head\n', immutable: false }
  return path === 'tile/0/x001/067' ? { type: 'application/octet-stream', body: new Uint8Array([1, 2]), immutable: true } : undefined
}
const { ask, lines } = await tryWeb({ endpoints: [fails], pages: [page, broken, away], publicFiles })

test('a page lives at one origin: asked for by IP number it moves there, scripts are answered where they ask', async () => {
  for (const host of ['127.0.0.1:3001', '[::1]:3001', '10.0.0.7', '127.0.0.1:8080']) {
    const moved = await ask('GET', '/status?a=b', { headers: { host } })
    assert.deepEqual([moved.status, moved.headers['location']], [308, `${ORIGIN}/status?a=b`], host)
    assert.equal((await ask('GET', '/nothing', { headers: { host } })).status, 308)
    assert.equal((await ask('POST', '/status', { headers: { host } })).status, 421)
    for (const path of ['/api/openapi.json', '/ledger/checkpoint', '/health/live'])
      assert.equal((await ask('GET', path, { headers: { host } })).status, 200)
  }
  assert.equal((await ask('GET', '/status', { headers: { host: 'LOCALHOST:3001' } })).status, 303)
})

test('a name that is not ours is refused, for scripts too', async () => {
  for (const host of [
    'evil.example',
    'localhost',
    'localhost:3002',
    'localhost.evil.example:3001',
    'localhost:3001@evil.example',
    '127.0.0.1.nip.io:3001',
    '',
  ]) {
    assert.equal((await ask('GET', '/api/openapi.json', { headers: { host } })).status, 421, host)
    assert.equal((await ask('GET', '/status', { headers: { host } })).status, 421, host)
  }
})

test('every answer carries the headers that keep browsers in bounds, refusals and redirects included', async () => {
  for (const path of ['/status', '/broken', '/nothing', '/%E0%A4%A', '/api/openapi.json', '/ledger/checkpoint', '/health/ready']) {
    const { headers } = await ask('GET', path)
    const csp = headers['content-security-policy']!
    assert.match(csp, /^default-src 'none'; script-src 'self' 'sha256-[A-Za-z0-9+/]{43}='; style-src 'self'/, path)
    for (const part of ["form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"]) assert.ok(csp.includes(part))
    assert.ok(!/unsafe|\*|https?:/.test(csp))
    assert.deepEqual(
      [headers['x-content-type-options'], headers['cache-control'], headers['server'], headers['x-powered-by'], headers['etag']],
      ['nosniff', 'no-store', undefined, undefined, undefined],
    )
  }
})

test('a fault is one line with a reference, and tells nothing of what was sent', async () => {
  lines.length = 0
  const answer = await ask('POST', '/api/v1/fails/Wexford-Water?note=tell-no-one', {
    json: { secret: 'hunter2' },
    headers: { cookie: sessionOf('auditor'), 'user-agent': 'Mozilla' },
  })
  assert.deepEqual([answer.status, answer.json.code], [500, 'fault'])
  const reference = answer.json.instance.replace('urn:concordat:reference:', '')
  assert.match(reference, /^FAULT-[0-9A-Z]{4}-[0-9A-Z]{4}$/)
  const [fault, request, ...more] = lines
  assert.deepEqual(more, [])
  const { at, ...told } = fault as { at?: string }
  assert.match(at!, /^src\/platform\/http\.test\.ts:\d+/)
  assert.deepEqual(told, { event: 'fault', reference, route: 'POST /api/v1/fails/:name', error: 'Error', code: '22P02' })
  assert.deepEqual({ ...request, milliseconds: 0 }, { event: 'request', route: 'POST /api/v1/fails/:name', status: 500, milliseconds: 0 })
  assert.ok(!/hunter2|Wexford|tell-no-one|cannot write|Mozilla|Ann/.test(JSON.stringify(lines)))
})

test('nothing of an address that is not there reaches the log', async () => {
  lines.length = 0
  await ask('GET', '/Wexford-Water?x=hunter2')
  await ask('GET', '/health/live')
  assert.deepEqual(
    lines.map(({ route, status }) => [route, status]),
    [['GET (none)', 404]],
  )
})

test('a fault on a page says so with its reference', async () => {
  const answer = await ask('GET', '/broken')
  assert.equal(answer.status, 500)
  assert.match(answer.text, /Something went wrong here[\s\S]*FAULT-[0-9A-Z]{4}-[0-9A-Z]{4}/)
})

test('a database that is away is an outage: trying again helps, and the log has its line', async () => {
  lines.length = 0
  const answer = await ask('GET', '/away', { headers: { accept: 'application/json' } })
  assert.deepEqual([answer.status, answer.json.code, answer.headers['retry-after']], [503, 'unavailable', '5'])
  assert.deepEqual([lines[0]!.event, lines[0]!.code], ['fault', 'ECONNREFUSED'])
})

test('the ledger is public: what never changes is kept by browsers, the rest is not', async () => {
  const tile = await ask('GET', '/ledger/tile/0/x001/067')
  assert.deepEqual(
    [tile.status, tile.headers['cache-control'], tile.headers['content-type']],
    [200, 'public, max-age=31536000, immutable', 'application/octet-stream'],
  )
  assert.equal((await ask('GET', '/ledger/checkpoint')).headers['cache-control'], 'no-store')
  assert.equal((await ask('GET', '/ledger/../../etc/passwd')).status, 404)
  for (const path of ['tile/9', '%2e%2e/checkpoint', 'a%00', '/checkpoint']) assert.equal((await ask('GET', `/ledger/${path}`)).status, 404)
})

test('ready says what is not, and what cannot be asked is not', async () => {
  assert.deepEqual((await ask('GET', '/health/live')).status, 200)
  assert.deepEqual((await ask('GET', '/health/ready')).json, { ready: true, checks: { database: true } })
  const down = await tryWeb({ health: async () => ({ ready: false, checks: { database: false } }) })
  assert.deepEqual([(await down.ask('GET', '/health/ready')).status, (await down.ask('GET', '/health/live')).status], [503, 200])
  const lost = await tryWeb({ health: async () => Promise.reject(new Error('x')) })
  assert.equal((await lost.ask('GET', '/health/ready')).status, 503)
})

test('too many tokens that do not hold are refused, and nothing else is for it', async () => {
  const { ask } = await tryWeb({ endpoints: [fails], limits: { failures: { max: 2, seconds: 60 } } })
  const statuses = []
  for (let i = 0; i < 4; i++)
    statuses.push((await ask('POST', '/api/v1/fails/x', { json: { secret: 's' }, headers: { authorization: `Bearer guess${i}` } })).status)
  assert.deepEqual(statuses, [401, 401, 429, 429])
  assert.equal((await ask('POST', '/api/v1/fails/x', { json: { secret: 's' }, headers: { authorization: 'Bearer handler' } })).status, 500)
  assert.equal((await ask('POST', '/api/v1/fails/x', { json: { secret: 's' } })).status, 500)
})

test('a flood is refused, what a first report needs is not, and another address is not', async () => {
  const { ask, web } = await tryWeb({
    endpoints: [fails],
    pages: [page],
    limits: { overall: { max: 3, seconds: 60 }, exempt: ['POST /api/v1/fails/:name'] },
  })
  const statuses = []
  for (let i = 0; i < 5; i++) statuses.push((await ask('GET', '/status')).status)
  assert.deepEqual(statuses, [303, 303, 303, 429, 429])
  const refused = await ask('GET', '/api/openapi.json')
  assert.deepEqual([refused.json.code, Number(refused.headers['retry-after']) > 0], ['too-many', true])
  assert.equal((await ask('POST', '/api/v1/fails/x', { json: {} })).status, 400)
  assert.equal((await ask('GET', '/health/live')).status, 200)
  const other = await web.inject({ method: 'GET', url: '/status', headers: { host: 'localhost:3001' }, remoteAddress: '10.0.0.7' })
  assert.equal(other.statusCode, 303)
})

test('what is no HTTP is answered without a word and closed', async () => {
  const { web } = await tryWeb()
  await web.listen({ host: '127.0.0.1', port: 0 })
  const socket = connect({ host: '127.0.0.1', port: (web.server.address() as { port: number }).port })
  socket.end('HELLO\r\n\r\n')
  let text = ''
  socket.on('data', (piece) => {
    text += piece
  })
  await once(socket, 'close')
  assert.equal(text, 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  await web.close()
})
