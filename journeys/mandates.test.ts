import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { query } from '#platform/db'
import { nodeNames } from '#platform/home'
import { asks, caseOf, claimsIn, eventually, requestAt, signAs, startNetwork, type Network } from './network.ts'
import { tracesInTables } from './traces.ts'

// One responder, two clients: kept apart by whose mandate each call names. And whoever helps with a folder that nobody signed in to.

let network: Network
before(async () => {
  network = await startNetwork()
})
after(() => network.stop())

type Answered = { status: number; body: any }
async function call(token: string | undefined, method: string, path: string, body?: unknown, client?: string): Promise<Answered> {
  const headers = {
    ...(token && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(client !== undefined && { 'on-behalf-of': client }),
  }
  const response = await fetch(`${network.world.nodes.portal.url}/api/v1${path}`, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: await response.json() }
}

const tokenOf = (name: string): string => network.as(name).token
const agent = (method: string, path: string, body?: unknown, client?: string) => call(tokenOf('Rhys Calder'), method, path, body, client)
function clients(): { marlow: string; pell: string } {
  const { clients: known } = network.world.people.find(({ name }) => name === 'Rhys Calder')!
  const idOf = (organisation: string) => known!.find((one) => one.organisation === organisation)!.id
  return { marlow: idOf('Marlow Fresh Ltd'), pell: idOf('Pell and Quarry LLP') }
}
const answers = [{ question: 'q19', value: 'Locked out.', audience: ['ncsc'] }]
const reporting = { stage: 'initial', submit: true, answers }

test('an agent reports for two clients, and neither’s incidents can be seen in the other’s name', async () => {
  const { marlow, pell } = clients()
  const opened: Record<string, string> = {}
  for (const client of [marlow, pell]) {
    const { status, body } = await agent('POST', '/incidents', { title: 'Ransomware' }, client)
    assert.equal(status, 201)
    assert.equal(body.resume, undefined)
    opened[client] = body.id
    assert.ok([201, 202].includes((await agent('POST', `/incidents/${body.id}/reports`, reporting, client)).status))
  }
  for (const [client, other] of [
    [marlow, pell],
    [pell, marlow],
  ] as const) {
    assert.equal((await agent('GET', `/incidents/${opened[client]}`, undefined, client)).status, 200)
    const listed = (await agent('GET', '/incidents', undefined, client)).body.incidents
    assert.deepEqual(
      listed.map(({ id }: { id: string }) => id),
      [opened[client]],
    )
    for (const path of ['', '/holdings', '/bundle'])
      assert.equal((await agent('GET', `/incidents/${opened[client]}${path}`, undefined, other)).status, 404, path)
    assert.equal((await agent('POST', `/incidents/${opened[client]}/reports`, reporting, other)).status, 404)
    assert.equal((await agent('GET', `/incidents/${opened[client]}`)).status, 404, 'nor as themselves')
  }
  assert.equal((await call(tokenOf('Asha Bell'), 'GET', `/incidents/${opened[marlow]}`)).status, 200, 'the client sees its own')
  const held = (await agent('GET', '/mandates')).body.held
  const acted = await query<{ actor: { id: string; mandate: string; organisation: string } }>(
    network.owner.portal,
    `select actor from exchange.requests where kind = 'report'`,
  )
  for (const client of [marlow, pell]) {
    const { id } = held.find((one: any) => one.organisation.id === client)
    const made = acted.filter(({ actor }) => actor.organisation === client)
    assert.deepEqual([...new Set(made.map(({ actor }) => actor.mandate))], [id], 'each act says under which mandate')
  }
})

test('the body learns who reported, and nothing of an agent', async () => {
  const { marlow } = clients()
  const { body } = await agent('POST', '/incidents', { title: 'x' }, marlow)
  const filed = await agent('POST', `/incidents/${body.id}/reports`, reporting, marlow)
  const handler = network.as('Callum Drey')
  const found = await eventually(() => caseOf(handler, filed.body.submissions[0].reference))
  assert.equal(found.organisation.name ?? found.organisation, 'Marlow Fresh Ltd')
  const { code, held } = (await agent('GET', '/mandates')).body
  const traces = [code, 'Rhys Calder', 'Calder Response', ...held.map((one: any) => one.id)]
  assert.deepEqual(await tracesInTables(network.owner.ncsc, traces), {})
  assert.ok('exchange.requests' in (await tracesInTables(network.owner.portal, traces)), 'what is sought can be found')
})

test('an agent signs nothing: not even a signatory at home, with a key that is enrolled there', async () => {
  const { marlow } = clients()
  const mina = network.as('Mina Calder')
  const { code } = (await mina.get('/mandates')).body
  const until = new Date(Date.now() + 86_400_000).toISOString()
  const given = await network.as('Gwen Marlow').post('/mandates', { agent: code, scope: ['read', 'file'], until })
  assert.equal(given.status, 201)
  const { body } = await call(mina.token, 'POST', '/incidents', { title: 'x' }, marlow)
  const filed = await call(mina.token, 'POST', `/incidents/${body.id}/reports`, reporting, marlow)
  const handler = network.as('Callum Drey')
  const found = await eventually(() => caseOf(handler, filed.body.submissions[0].reference))
  const finding = await handler.post(`/cases/${found.id}/findings`, { text: 'Through the VPN.' })
  const request = await requestAt(network.as('Gwen Marlow'), await asks(handler, found.id, [finding.body.id]))
  const forged = signAs(mina.signingKey, 'concordat-permission+jws', request.claims)
  assert.equal(claimsIn(forged).iss, marlow)
  const refused = await call(mina.token, 'POST', '/permissions', { permission: forged }, marlow)
  assert.deepEqual([refused.status, refused.body.code], [403, 'permission-invalid'])
  assert.equal((await requestAt(network.as('Gwen Marlow'), request.id)).state, 'open')
})

test('a mandate that is taken back ends at once, for that client alone', async () => {
  const { marlow, pell } = clients()
  const dpo = network.as('Tomos Reid')
  const { given } = (await dpo.get('/mandates')).body
  const { id } = given.find((one: any) => one.agent.name === 'Rhys Calder')
  assert.equal((await call(dpo.token, 'DELETE', `/mandates/${id}`)).status, 200)
  for (const [method, path, body] of [
    ['GET', '/incidents'],
    ['POST', '/incidents', { title: 'x' }],
  ] as const) {
    const refused = await agent(method, path, body, marlow)
    assert.deepEqual([refused.status, refused.body.code], [403, 'mandate-missing'], path)
  }
  assert.equal((await agent('GET', '/incidents', undefined, pell)).status, 200)
})

test('a report without account: counsel and a second reporter come in by name, and one leaves', async () => {
  const opened = (await call(undefined, 'POST', '/incidents', { title: 'Locked out' })).body
  const invite = (token: string, name: string, role: string) => call(token, 'POST', '/colleagues', { name, role })
  const second = (await invite(opened.resume, 'Wilhelmina Quill', 'reporter')).body
  const counsel = (await invite(second.token, 'Ottoline Vane', 'counsel')).body
  assert.equal((await invite(counsel.token, 'x', 'reporter')).body.code, 'role-missing')
  const path = `/incidents/${opened.id}`
  for (const token of [opened.resume, second.token, counsel.token]) assert.equal((await call(token, 'GET', path)).status, 200)
  const { colleagues } = (await call(counsel.token, 'GET', '/colleagues')).body
  assert.deepEqual(
    colleagues.map((one: any) => [one.name, one.roles[0], one.you ?? false]),
    [
      ['Holder of the resume token', 'reporter', false],
      ['Wilhelmina Quill', 'reporter', false],
      ['Ottoline Vane', 'counsel', true],
    ],
  )
  const named = [
    ...answers,
    { question: 'q01-name', value: 'Quillworks', audience: ['ncsc'] },
    { question: 'q07-name', value: 'The night desk', audience: ['ncsc'] },
  ]
  const filed = await call(second.token, 'POST', `${path}/reports`, { ...reporting, answers: named })
  assert.ok([201, 202].includes(filed.status), JSON.stringify(filed.body))
  const acted = await query<{ id: string }>(network.owner.portal, `select filed_by as id from reporting.filings where incident = $1`, [
    opened.id,
  ])
  assert.deepEqual(acted, [{ id: `folder:${opened.id}:${second.id}` }], 'what each does is told apart')
  const names = ['Wilhelmina', 'Ottoline']
  for (const node of nodeNames) assert.deepEqual(await tracesInTables(network.owner[node], names), {}, 'typed, so sealed')
  assert.equal((await call(opened.resume, 'DELETE', `/colleagues/${second.id}`)).status, 200)
  assert.equal((await call(second.token, 'GET', path)).status, 401)
  assert.equal((await call(opened.resume, 'GET', path)).status, 200)
})

test('sectors are one list: what an organisation is and what it may answer', async () => {
  const { questions } = (await call(undefined, 'GET', '/questions')).body
  const api = (await (await fetch(`${network.world.nodes.portal.url}/api/openapi.json`)).json()) as any
  const { sector } = api.paths['/organisation'].put.requestBody.content['application/json'].schema.properties
  assert.deepEqual(sector.enum, questions.find((one: any) => one.id === 'q03').choices)
})
