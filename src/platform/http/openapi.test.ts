import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { endpoint } from '../api.ts'
import { octets } from '../octets.ts'
import { tryWeb } from './testing.ts'

const item = z.object({ question: z.string(), value: z.unknown(), audience: z.array(z.enum(['ico', 'ncsc'])).optional() })
const endpoints = [
  endpoint({
    method: 'POST',
    path: '/incidents/:id/reports',
    summary: 'Files a report',
    who: ['reporter'],
    status: 201,
    body: z.object({ answers: z.array(item) }),
    reply: z.object({ id: z.uuid() }),
    handle: async () => ({ id: '' }),
  }),
  endpoint({
    method: 'GET',
    path: '/incidents/:id/reports',
    summary: 'Lists',
    who: 'signed-in',
    reply: z.object({ all: z.array(z.string()) }),
    handle: async () => ({ all: [] }),
  }),
  endpoint({
    method: 'PUT',
    path: '/attachments/:id/:offset',
    summary: 'Takes bytes',
    who: 'anyone',
    body: octets,
    reply: z.object({}),
    handle: async () => ({}),
  }),
]
const { ask } = await tryWeb({ endpoints })
const api = (await ask('GET', '/api/openapi.json')).json
const post = api.paths['/incidents/{id}/reports'].post

test('the description is made from the endpoints: paths, who may, bodies, replies and refusals', () => {
  assert.equal(api.openapi, '3.1.0')
  assert.deepEqual(Object.keys(api.paths), ['/incidents/{id}/reports', '/attachments/{id}/{offset}'])
  assert.deepEqual(Object.keys(api.paths['/incidents/{id}/reports']), ['post', 'get'])
  assert.equal(post.operationId, 'postIncidentsIdReports')
  assert.equal(post.description, 'Role: reporter.')
  assert.deepEqual(post.parameters, [{ name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } }])
  assert.deepEqual(Object.keys(post.responses), ['201', '400', '401', '403', '404', '409', '413', '415', '429', '500'])
  assert.match(post.responses['403'].description, /permission-missing.*role-missing/)
  assert.deepEqual(api.components.schemas.Problem.required, ['type', 'title', 'status', 'code', 'instance'])
  assert.deepEqual(api.paths['/attachments/{id}/{offset}'].put.security, [{}, { token: ['file'] }])
  assert.deepEqual(Object.keys(api.paths['/attachments/{id}/{offset}'].put.requestBody.content), ['application/octet-stream'])
})

test('whatever an agent may call says how to call it for a client, and nothing else does', async () => {
  const who = { signedIn: 'signed-in', anyone: 'anyone', agents: ['dpo', 'agent'], others: ['dpo', 'handler'] } as const
  const paths = Object.entries(who).map(([path, may]) =>
    endpoint({ method: 'GET', path: `/${path}`, summary: '', who: may, reply: z.object({}), handle: async () => ({}) }),
  )
  const described = (await (await tryWeb({ endpoints: paths })).ask('GET', '/api/openapi.json')).json
  const header = { $ref: '#/components/parameters/OnBehalfOf' }
  for (const path of ['signedIn', 'anyone', 'agents']) assert.deepEqual(described.paths[`/${path}`].get.parameters, [header], path)
  assert.equal(described.paths['/others'].get.parameters, undefined)
  const { name, in: place, required } = described.components.parameters.OnBehalfOf
  assert.deepEqual([name, place, required], ['on-behalf-of', 'header', false])
  assert.match(described.paths['/signedIn'].get.responses['403'].description, /mandate-missing/)
})

test('a body may hold nothing more than is described, a reply may gain members', () => {
  const body = post.requestBody.content['application/json'].schema
  assert.equal(body.additionalProperties, false)
  assert.deepEqual(
    [body.properties.answers.items.additionalProperties, body.properties.answers.items.required],
    [false, ['question', 'value']],
  )
  assert.equal(post.responses['201'].content['application/json'].schema.additionalProperties, undefined)
  assert.equal(JSON.stringify(api).includes('$schema'), false)
})

test('what binds says so, and each operation which scope a token needs', async () => {
  const of = (method: 'GET' | 'POST', path: string, more: object) =>
    endpoint({ method, path, summary: '', who: ['handler'], reply: z.object({}), handle: async () => ({}), ...more })
  const all = [
    of('POST', '/approve', { stepUp: true }),
    of('POST', '/file', {}),
    of('GET', '/see', {}),
    of('GET', '/public', { who: 'anyone' }),
  ]
  const { paths } = (await (await tryWeb({ endpoints: all })).ask('GET', '/api/openapi.json')).json
  assert.deepEqual(paths['/approve'].post.security, [{ token: ['act'] }])
  assert.deepEqual(paths['/file'].post.security, [{ token: ['file'] }])
  assert.deepEqual(paths['/see'].get.security, [{ token: ['read'] }])
  assert.deepEqual(paths['/public'].get.security, [{}, { token: [] }])
  assert.match(paths['/approve'].post.description, /scope act; a session must have been confirmed in the last 10 minutes/)
  assert.equal(paths['/file'].post.description, 'Role: handler.')
  assert.match(paths['/approve'].post.responses['403'].description, /step-up-needed, scope-missing/)
})
