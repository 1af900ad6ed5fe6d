import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { endpoint, Reply, type Endpoint } from '../api.ts'
import { Refusal, type RefusalDetail, type RefusalCode } from '../errors.ts'
import { octets } from '../octets.ts'
import { ORIGIN, sessionOf, tryWeb } from './testing.ts'

const answersTo = z.object({
  title: z.string().min(3),
  answers: z.array(z.object({ question: z.string(), value: z.unknown() })).optional(),
})
const seen = z.object({ title: z.string(), by: z.string() })
const ID = '5b8a1f8e-6f0a-4c39-9a52-8d6f5f0c1a2b'
const as = (name: string): Record<string, string> => ({ authorization: `Bearer ${name}` })

const endpoints: Endpoint[] = [
  endpoint({
    method: 'POST',
    path: '/incidents',
    summary: 'x',
    who: 'anyone',
    status: 201,
    body: answersTo,
    reply: seen,
    handle: async ({ body, ctx }) => ({ title: body.title, by: ctx.actor.id }),
  }),
  endpoint({
    method: 'GET',
    path: '/cases/:id',
    summary: 'x',
    who: ['handler'],
    reply: seen,
    handle: async () => Promise.reject(new Refusal('not-found', { items: ['secret'] })),
  }),
  endpoint({
    method: 'POST',
    path: '/cases/:id/close',
    summary: 'x',
    who: 'signed-in',
    reply: seen,
    handle: async ({ ctx }) => new Reply(202, { title: 'closed', by: ctx.actor.id }),
  }),
  endpoint({
    method: 'PUT',
    path: '/attachments/:id/:offset',
    summary: 'x',
    who: 'anyone',
    body: octets,
    reply: z.object({ length: z.int() }),
    handle: async ({ body }) => ({ length: body.length }),
  }),
]
const refusing = (code: RefusalCode, detail: RefusalDetail = {}): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/refused',
    summary: 'x',
    who: 'anyone',
    reply: z.object({}),
    handle: async () => Promise.reject(new Refusal(code, detail)),
  })
const { ask } = await tryWeb({ endpoints, bodyLimit: 2000 })

test('an endpoint answers with its status, and its reply with another', async () => {
  const made = await ask('POST', '/api/v1/incidents', { json: { title: 'Ransomware' } })
  assert.deepEqual([made.status, made.json], [201, { title: 'Ransomware', by: 'somebody' }])
  assert.equal(made.headers['cache-control'], 'no-store')
  const closed = await ask('POST', `/api/v1/cases/${ID}/close`, { headers: as('auditor') })
  assert.equal(closed.status, 202)
})

test('nobody without a token gets in where one is needed, and nobody with a wrong role', async () => {
  const nobody = await ask('GET', `/api/v1/cases/${ID}`)
  assert.deepEqual([nobody.status, nobody.json.code, nobody.headers['www-authenticate']], [401, 'not-signed-in', 'Bearer'])
  const auditor = await ask('GET', `/api/v1/cases/${ID}`, { headers: as('auditor') })
  assert.deepEqual([auditor.status, auditor.json.code], [403, 'role-missing'])
})

test('a token that does not hold is refused even where none is needed', async () => {
  for (const authorization of ['Bearer unknown', 'Bearer', 'Basic aGFuZGxlcjp4', 'handler', '']) {
    const answer = await ask('POST', '/api/v1/incidents', { headers: { authorization }, json: { title: 'Ransomware' } })
    assert.deepEqual([answer.status, answer.json.code], [401, 'not-signed-in'], authorization)
  }
})

test('a session counts for scripts of our own pages and for nobody else', async () => {
  const cookie = sessionOf('auditor')
  const close = (headers: Record<string, string>): Promise<{ status: number }> =>
    ask('POST', `/api/v1/cases/${ID}/close`, { headers: { cookie, ...headers } })
  assert.equal((await close({ origin: ORIGIN, 'sec-fetch-site': 'same-origin' })).status, 202)
  assert.equal((await close({})).status, 401)
  assert.equal((await close({ origin: 'http://localhost:3002', 'sec-fetch-site': 'same-site' })).status, 401)
  assert.equal((await close({ origin: ORIGIN, 'sec-fetch-site': 'same-site' })).status, 401)
  assert.equal((await close({ origin: 'null' })).status, 401)
})

test('every fault of a body is pointed at, and members nobody knows are refused', async () => {
  const wrong = await ask('POST', '/api/v1/incidents', { json: { answers: [{ question: 1, value: 1 }], titel: 'x' } })
  assert.equal(wrong.status, 400)
  assert.deepEqual(
    wrong.json.mistakes.map((m: { field: string }) => m.field),
    ['title', 'answers.0.question'],
  )
  assert.equal(wrong.json.mistakes[0].message, 'This is missing')
  const unknown = await ask('POST', '/api/v1/incidents', {
    json: { title: 'abc', answers: [{ question: 'q', value: { any: 1 }, audiense: 'ico' }], extra: 1 },
  })
  assert.deepEqual(
    unknown.json.mistakes.map((m: { field: string }) => m.field),
    ['answers.0.audiense', 'extra'],
  )
  const none = await ask('POST', '/api/v1/incidents')
  assert.deepEqual([none.status, none.json.code], [400, 'invalid'])
  const uncalled = await ask('POST', `/api/v1/cases/${ID}/close`, { headers: as('handler'), json: { reason: 'x' } })
  assert.deepEqual(uncalled.json.mistakes, [{ field: 'reason', message: 'There is no such member here' }])
})

test('what is not JSON, too large, too deep, of another kind or not text is refused before any rule sees it', async () => {
  const send = (payload: string | Buffer, kind = 'application/json'): ReturnType<typeof ask> =>
    ask('POST', '/api/v1/incidents', { payload, headers: { 'content-type': kind } })
  const codes: [string | Buffer, string | undefined, number, string][] = [
    ['{"title":', undefined, 400, 'malformed'],
    ['{"title":"abc","__proto__":{"x":1}}', undefined, 400, 'malformed'],
    [`{"title":"abc","answers":${'['.repeat(300)}${']'.repeat(300)}}`, undefined, 400, 'malformed'],
    [JSON.stringify({ title: 'x'.repeat(3000) }), undefined, 413, 'too-large'],
    ['title=abc', 'application/x-www-form-urlencoded', 415, 'media-type'],
    ['{"title":"abc"}', 'text/plain', 415, 'media-type'],
    [Buffer.from('{"title":"abc"}'), 'application/octet-stream', 415, 'media-type'],
    ['{"title":"a\\u0000b c"}', undefined, 400, 'invalid'],
    ['{"title":"abc\\ud800"}', undefined, 400, 'invalid'],
    ['{"title":"abc","answers":[{"question":"q","value":1e999}]}', undefined, 400, 'invalid'],
    ['{"title":"abc","answers":[{"question":"q","value":12345678901234567890}]}', undefined, 400, 'invalid'],
  ]
  for (const [payload, kind, status, code] of codes) {
    const answer = await send(payload, kind)
    assert.deepEqual([answer.status, answer.json.code], [status, code], String(payload).slice(0, 40))
    assert.equal(answer.headers['content-type'], 'application/problem+json; charset=utf-8')
  }
})

test('bytes are taken where bytes are meant, and JSON is not', async () => {
  const bytes = await ask('PUT', `/api/v1/attachments/${ID}/0`, {
    payload: Buffer.from([0, 255, 1]),
    headers: { 'content-type': 'application/octet-stream' },
  })
  assert.deepEqual(bytes.json, { length: 3 })
  assert.equal((await ask('PUT', `/api/v1/attachments/${ID}/0`, { json: { a: 1 } })).status, 415)
})

test('what is not there looks the same whatever was asked for', async () => {
  const bodies = new Set<string>()
  for (const id of [ID, ID.replace('5', '6'), 'x', ID.toUpperCase(), '..%2f..%2fetc', '%00', "'; drop table people; --"]) {
    const answer = await ask('GET', `/api/v1/cases/${encodeURI(id)}`, { headers: as('handler') })
    assert.equal(answer.status, 404)
    bodies.add(answer.text)
  }
  assert.equal(bodies.size, 1)
  assert.ok(![...bodies][0]!.includes('secret'))
})

test('a refusal names its code, clause and items', async () => {
  const { ask } = await tryWeb({ endpoints: [refusing('item-not-permitted', { items: [ID] })] })
  const answer = await ask('GET', '/api/v1/refused', { headers: { accept: 'text/html' } })
  assert.equal(answer.headers['content-type'], 'application/problem+json; charset=utf-8')
  assert.deepEqual(answer.json, {
    type: 'urn:concordat:problem:item-not-permitted',
    title: 'The permission does not cover every item',
    status: 403,
    code: 'item-not-permitted',
    instance: '/api/v1/refused',
    clause: 'consent-before-disclosure',
    items: [ID],
  })
})

test('a method that an address does not take is 405 and says what it takes; HEAD goes with GET', async () => {
  const answer = await ask('DELETE', '/api/v1/incidents')
  assert.deepEqual([answer.status, answer.json.code, answer.headers['allow']], [405, 'method-not-allowed', 'POST'])
  assert.equal((await ask('OPTIONS', `/api/v1/cases/${ID}`)).headers['allow'], 'GET, HEAD')
  const head = await ask('HEAD', '/api/openapi.json')
  assert.deepEqual([head.status, head.text], [200, ''])
  assert.equal((await ask('POST', '/api/v1/nothing', { json: {} })).status, 404)
})

test('a reply that is not as documented is a fault, except in production', async () => {
  const wrong = endpoint({
    method: 'GET',
    path: '/wrong',
    summary: 'x',
    who: 'anyone',
    reply: z.object({ a: z.string() }),
    handle: async () => ({ a: 'x', leaked: 'y' }) as { a: string },
  })
  const trying = await tryWeb({ endpoints: [wrong] })
  assert.equal((await trying.ask('GET', '/api/v1/wrong')).status, 500)
  assert.equal(trying.lines.find(({ event }) => event === 'fault')?.code, 'leaked')
  const earnest = await tryWeb({ endpoints: [wrong], production: true })
  assert.equal((await earnest.ask('GET', '/api/v1/wrong')).status, 200)
})
