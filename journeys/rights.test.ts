import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { query } from '#platform/db'
import { nodeNames, type NodeName } from '#platform/home'
import { isRole, roles } from '#identity'
import { caseOf, eventually, reports, startNetwork, type Network, type Person } from './network.ts'

// Every endpoint of every node, asked as every role there is at that node: who may is what stands here, and whoever does not stand here
// may not. An endpoint that is not in this table fails, and so does a row that no endpoint has.

const folder = ['reporter', 'signatory', 'dpo', 'counsel', 'client-contact', 'agent']
const filers = ['reporter', 'signatory', 'dpo', 'counsel', 'agent']
const own = ['reporter', 'signatory', 'dpo', 'counsel', 'client-contact']
const keepers = ['reporter', 'signatory', 'dpo']
const keyKeepers = ['reporter', 'signatory', 'dpo', 'counsel']
const staff = ['administrator', 'auditor']
const everybody = 'everybody'
const anyone = 'anyone'

/** `body`: where the right is asked within, what is sent must be in order. `absent`: what it is about beside the incident is not there. */
type Row = readonly string[] | typeof everybody | typeof anyone | { who: readonly string[]; body?: unknown; absent?: true }
const answers = [{ question: 'q19', value: 'Locked out.', audience: ['ncsc'] }]
const moment = { event: 'aware', at: '2026-11-20T09:30:00', zone: 'Europe/London', decidedBy: 'Asha Bell', why: 'The log said so.' }
const file = { name: 'a.log', mediaType: 'text/plain', length: 5, audience: ['ncsc'] }
const controller = { name: 'Pell and Quarry LLP' }

const hold: Record<string, Row> = {
  'GET /hold': ['administrator', 'records-officer', 'auditor'],
  'POST /hold/release': ['administrator', 'records-officer'],
}
const people: Record<string, Row> = {
  'GET /people': staff,
  'POST /people': ['administrator'],
  'PUT /people/{id}/roles': ['administrator'],
  'POST /people/{id}/invitation': ['administrator'],
  'DELETE /people/{id}': ['administrator'],
  'GET /access-log': staff,
}
const tokens: Record<string, Row> = { 'POST /tokens': everybody, 'GET /tokens': everybody, 'DELETE /tokens/{id}': everybody }

const portal: Record<string, Row> = {
  ...people,
  ...hold,
  // Whoever acts under a mandate has no token of their own in the client's name.
  'POST /tokens': everybody,
  'GET /tokens': [...own, 'notice-desk', 'records-officer', ...staff],
  'DELETE /tokens/{id}': [...own, 'notice-desk', 'records-officer', ...staff],
  'GET /colleagues': own,
  'POST /colleagues': keepers,
  'DELETE /colleagues/{id}': keepers,
  'GET /mandates': own,
  'POST /mandates': ['signatory', 'dpo'],
  'DELETE /mandates/{id}': folder,
  'GET /organisation': folder,
  'PUT /organisation': keepers,
  'GET /heads': anyone,
  'GET /questions': anyone,
  'GET /regimes': anyone,
  'POST /incidents': anyone,
  'POST /fact-sheets/opening': anyone,
  'GET /incidents': folder,
  'GET /incidents/{id}': folder,
  'POST /incidents/{id}/reports': { who: filers, body: { stage: 'update', submit: false, answers } },
  'POST /incidents/{id}/references': { who: filers, body: { to: ['ncsc'] } },
  'POST /incidents/{id}/kind': { who: filers, body: { kind: 'incident' } },
  'GET /incidents/{id}/draft': folder,
  'PUT /incidents/{id}/draft': { who: filers, body: { answers } },
  'POST /incidents/{id}/draft/privilege': {
    who: ['counsel'],
    body: { question: 'q19', audience: ['ncsc'], decision: 'withhold', reason: 'Advice.' },
  },
  'POST /incidents/{id}/draft/submission': { who: filers, body: { stage: 'update' } },
  'POST /incidents/{id}/moments': { who: filers, body: moment },
  'GET /incidents/{id}/duties': folder,
  'POST /incidents/{id}/fact-sheets': { who: filers, body: { controllers: [controller] } },
  'GET /incidents/{id}/fact-sheets': folder,
  'POST /incidents/{id}/fact-sheets/publication': {
    who: filers,
    body: { answers: [{ question: 'q19', value: 'Locked out.' }] },
    absent: true,
  },
  'DELETE /incidents/{id}/fact-sheets/{sheet}': { who: filers, absent: true },
  'GET /incidents/{id}/facts': { who: folder, absent: true },
  'POST /incidents/{id}/facts/taking': { who: filers, body: { edition: 1, audience: ['ncsc'] }, absent: true },
  'GET /incidents/{id}/questions': folder,
  'POST /incidents/{id}/questions/{questionId}/answer': { who: filers, body: { value: 'No.' } },
  'POST /incidents/{id}/questions/{questionId}/decline': filers,
  'POST /incidents/{id}/attachments': { who: filers, body: file },
  'GET /incidents/{id}/attachments': folder,
  'PUT /attachments/{id}/{offset}': filers,
  'GET /attachments/{id}': folder,
  'POST /attachments/{id}/submission': filers,
  'DELETE /attachments/{id}': { who: filers, absent: true },
  'GET /incidents/{id}/holdings': folder,
  'GET /incidents/{id}/bundle': folder,
  'GET /incidents/{id}/reads': folder,
  'GET /register': filers,
  'GET /incidents/{id}/register': filers,
  'PUT /incidents/{id}/register': keyKeepers,
  'GET /incidents/{id}/export': filers,
  'GET /incidents/{id}/archive': filers,
  'POST /incidents/{id}/permission-requests': folder,
  'GET /permission-requests': folder,
  'GET /permission-requests/{id}/words': keyKeepers,
  'POST /permissions': folder,
  'GET /permissions/{id}': folder,
  'GET /incidents/{id}/permissions': folder,
  'POST /permissions/{id}/withdrawal': folder,
  'POST /permission-requests/{id}/refusal': folder,
  'POST /enrolments': own,
  'GET /enrolments': own,
  'GET /enrolments/{id}': own,
  'POST /enrolments/{kid}/suspension': keyKeepers,
  'GET /contacts': own,
  'POST /contacts': keyKeepers,
  'GET /notices': ['notice-desk'],
  'POST /notices/{id}': ['notice-desk'],
}

function casework(readers: readonly string[], writers: readonly string[]): Record<string, Row> {
  const overseers = ['own-dpo', 'records-officer', 'auditor']
  return {
    ...people,
    ...hold,
    ...tokens,
    'GET /cases': readers,
    'GET /cases/{id}': readers,
    'GET /cases/{id}/timeline': readers,
    'POST /cases/{id}/notes': writers,
    'GET /cases/{id}/reads': overseers,
    'GET /cases/{id}/exports': overseers,
    'POST /cases/{id}/exports': readers,
    'POST /cases/{id}/exports/{exportId}/approval': ['records-officer'],
    'GET /cases/{id}/export': readers,
    'POST /cases/{id}/questions': writers,
    'GET /cases/{id}/questions': readers,
    'DELETE /cases/{id}/questions/{questionId}': writers,
    'GET /attachments/{id}': readers,
  }
}

const handlers = ['duty-officer', 'handler']
const ncscReaders = [...handlers, 'releasing-officer']
const ncsc: Record<string, Row> = {
  ...casework(ncscReaders, handlers),
  'POST /cases/{id}/findings': handlers,
  'POST /cases/{id}/acute': handlers,
  'GET /cases/{id}/acute': ncscReaders,
  'POST /cases/{id}/acute/end': handlers,
  'POST /cases/{id}/permission-requests': handlers,
  'GET /cases/{id}/permission-requests': ncscReaders,
  'GET /cases/{id}/offers': ncscReaders,
  'POST /cases/{id}/offers/{offerId}/decline': ncscReaders,
  'GET /cases/{id}/permissions': ncscReaders,
  'POST /permissions/{id}/withdrawal': ['duty-officer'],
  'POST /cases/{id}/disclosures': ['releasing-officer'],
  'GET /cases/{id}/disclosures': [...ncscReaders, 'auditor'],
  'POST /disclosures/{id}/calling-off': ['releasing-officer'],
  'GET /disclosures/{id}': [...ncscReaders, 'auditor'],
  'GET /enrolments': ['enrolment-officer'],
  'POST /enrolments/{id}/call': ['enrolment-officer'],
  'POST /enrolments/{id}/refusal': ['enrolment-officer'],
  'POST /enrolments/{kid}/suspension': ['enrolment-officer'],
}

const officers = ['triage', 'case-officer', 'investigator']
const ico: Record<string, Row> = {
  ...casework([...officers, 'technical-adviser', 'legal-adviser'], officers),
  'GET /restrictions': ['records-officer'],
  'GET /cases/{id}/restrictions': ['records-officer'],
  'POST /cases/{id}/restrictions/{itemId}/reading': ['records-officer'],
  'POST /cases/{id}/restrictions/{itemId}': ['records-officer'],
}

const expected: Record<NodeName, Record<string, Row>> = { portal, ncsc, ico }

/** What binds: a session must have been proved lately, a token be for it. */
const binding: Record<NodeName, string[]> = {
  portal: ['POST /colleagues', 'POST /mandates', 'POST /permissions', 'POST /enrolments', 'POST /contacts', 'POST /notices/{id}'],
  ncsc: ['POST /cases/{id}/disclosures', 'POST /enrolments/{id}/call', 'POST /cases/{id}/exports/{exportId}/approval'],
  ico: ['POST /cases/{id}/restrictions/{itemId}', 'POST /cases/{id}/exports/{exportId}/approval'],
}
const bindingEverywhere = [
  'POST /hold/release',
  'POST /people',
  'PUT /people/{id}/roles',
  'POST /people/{id}/invitation',
  'DELETE /people/{id}',
  'POST /tokens',
]

type Operation = { key: string; path: string; method: string; binds: boolean; octets: boolean }
type Role = { role: string; token: string; client?: string }
let network: Network
let incident: string
let attachment: string
/** One that is answered, and one that is declined. */
let questions: { answer: string; decline: string }
const described = {} as Record<NodeName, Operation[]>

before(async () => {
  network = await startNetwork()
  const asha = network.as('Asha Bell')
  const filed = await reports(asha, answers)
  incident = filed.incident
  const asks = (text: string) => askedBy(network.as('Callum Drey'), filed.submissions['ncsc'].reference, text)
  questions = { answer: await asks('Which systems?'), decline: await asks('Which people?') }
  attachment = (await asha.post(`/incidents/${incident}/attachments`, file)).body.id
  for (const node of nodeNames) described[node] = await operationsOf(node)
})
after(() => network.stop())

/** A question that has come to the organisation. */
async function askedBy(handler: Person, reference: string, text: string): Promise<string> {
  const { id } = await caseOf(handler, reference)
  const asked = await handler.post(`/cases/${id}/questions`, { text })
  const there = async () => (await network.as('Asha Bell').get(`/incidents/${incident}/questions`)).body.questions
  await eventually(async () => (await there()).some((one: any) => one.id === asked.body.id))
  return asked.body.id
}

async function operationsOf(node: NodeName): Promise<Operation[]> {
  const api = (await (await fetch(`${network.world.nodes[node].url}/api/openapi.json`)).json()) as any
  return Object.entries<any>(api.paths).flatMap(([path, methods]) =>
    Object.entries<any>(methods).map(([method, { security, requestBody }]) => ({
      key: `${method.toUpperCase()} ${path}`,
      path,
      method: method.toUpperCase(),
      binds: JSON.stringify(security).includes('"act"'),
      octets: requestBody?.content['application/octet-stream'] !== undefined,
    })),
  )
}

/** One person a role; at the portal those of one organisation, its agent under a mandate, and the operator's. */
function rolesAt(node: NodeName): Role[] {
  const there = network.world.people.filter((one) => one.node === node && (!one.organisation || one.organisation === 'Marlow Fresh Ltd'))
  const agent = network.world.people.find((one) => one.name === 'Rhys Calder')!
  const all = there.map(({ roles: [role], token }) => ({ role: role!, token }))
  return node === 'portal' ? [...all, { role: 'agent', token: agent.token, client: agent.clients![0]!.id }] : all
}

function addressOf(node: NodeName, path: string): string {
  const filled = path
    .replace('{offset}', '0')
    .replace('{questionId}', path.endsWith('/answer') ? questions.answer : questions.decline)
    .replace(/\{\w+\}/g, () => randomUUID())
  if (node !== 'portal') return filled
  return filled.replace(/^(\/incidents|\/attachments)\/[^/]+/, (_, kind) => `${kind}/${kind === '/incidents' ? incident : attachment}`)
}

async function codeFor(node: NodeName, { path, method, octets }: Operation, body: unknown, who?: Role): Promise<string | undefined> {
  const headers = {
    ...(who && { authorization: `Bearer ${who.token}` }),
    ...(who?.client && { 'on-behalf-of': who.client }),
    ...(method !== 'GET' && { 'content-type': octets ? 'application/octet-stream' : 'application/json' }),
  }
  const sent = method === 'GET' ? {} : { body: octets ? 'ab' : JSON.stringify(body) }
  const response = await fetch(`${network.world.nodes[node].url}/api/v1${addressOf(node, path)}`, { method, headers, ...sent })
  const text = await response.text()
  return response.ok ? undefined : JSON.parse(text).code
}

/** To whoever is not of the organisation, what is its does not exist. */
function isRefusal(code: string | undefined, node: NodeName, { path }: Operation, absent: boolean): boolean {
  const hidden = node === 'portal' && /^\/(incidents|attachments)\//.test(path) && !absent
  return ['role-missing', 'mandate-missing', 'not-signed-in'].includes(code ?? '') || (hidden && code === 'not-found')
}

for (const node of nodeNames) {
  test(`${node}: whoever may call an endpoint stands in the table, and nobody else may`, async () => {
    assert.deepEqual(described[node].map(({ key }) => key).sort(), Object.keys(expected[node]).sort())
    // What takes away comes last.
    for (const operation of described[node].toSorted((one, other) => Number(one.method === 'DELETE') - Number(other.method === 'DELETE'))) {
      const row = expected[node][operation.key]!
      const { who, body = {}, absent = false } = typeof row === 'object' && 'who' in row ? row : { who: row }
      const asked = rolesAt(node).filter(({ role }) => !absent || node !== 'portal' || folder.includes(role))
      const wanted = typeof who === 'string' ? asked.map(({ role }) => role) : who
      // Those who may not come first: what is done already is told before who may do it.
      const inTurn = asked.toSorted((one, other) => Number(wanted.includes(one.role)) - Number(wanted.includes(other.role)))
      const may: string[] = []
      for (const one of inTurn) if (!isRefusal(await codeFor(node, operation, body, one), node, operation, absent)) may.push(one.role)
      assert.deepEqual(may.sort(), [...wanted].sort(), operation.key)
      assert.equal(isRefusal(await codeFor(node, operation, body), node, operation, absent), who !== anyone, `${operation.key} as nobody`)
    }
  })
}

test('every role has somebody in the small world, so that none is left out of what is asked here', () => {
  const asked = new Set(nodeNames.flatMap((node) => rolesAt(node).map(({ role }) => role)))
  assert.deepEqual(
    Object.keys(roles).filter((role) => !asked.has(role)),
    [],
  )
  for (const node of nodeNames)
    for (const row of Object.values(expected[node])) {
      const who = typeof row === 'object' && 'who' in row ? row.who : row
      if (typeof who !== 'string') assert.ok(who.every(isRole))
    }
})

test('whoever administers reads no content and whoever audits changes nothing, at any node', () => {
  const named = (node: NodeName, role: string) =>
    Object.entries(expected[node]).flatMap(([key, row]) => {
      const who = typeof row === 'object' && 'who' in row ? row.who : row
      return typeof who !== 'string' && who.includes(role) && !/ \/tokens/.test(key) ? [key] : []
    })
  for (const node of nodeNames) {
    assert.deepEqual(named(node, 'administrator').sort(), Object.keys({ ...people, ...hold }).sort())
    assert.deepEqual(
      named(node, 'auditor').filter((key) => !key.startsWith('GET ')),
      [],
    )
  }
})

test('what binds is marked, at every node, and nothing that protects somebody waits for it', async () => {
  for (const node of nodeNames) {
    const marked = described[node].filter(({ binds }) => binds).map(({ key }) => key)
    assert.deepEqual(marked.sort(), [...binding[node], ...bindingEverywhere].sort(), node)
  }
  const sofia = network.as('Sofia Kerr')
  const expires = new Date(Date.now() + 86_400_000).toISOString()
  const made = await sofia.post('/tokens', { name: 'No acts', scopes: ['read', 'file'], expires })
  const disclose = described.ncsc.find(({ key }) => key === 'POST /cases/{id}/disclosures')!
  assert.equal(await codeFor('ncsc', disclose, {}, { role: '', token: made.body.token }), 'scope-missing')
  assert.equal(await codeFor('ncsc', disclose, {}, { role: '', token: sofia.token }), 'invalid')
})

test('another organisation\u2019s people find nothing of it, whatever their role', async () => {
  const others = network.world.people.filter(({ organisation }) => organisation === 'Harrow Vale Water plc')
  const about = described.portal.filter(({ path }) => /^\/(incidents|attachments)\/\{id\}/.test(path))
  assert.ok(about.length > 30)
  for (const operation of about) {
    const row = expected.portal[operation.key]!
    const body = typeof row === 'object' && 'who' in row ? (row.body ?? {}) : {}
    for (const { token, roles: held } of others) {
      const code = await codeFor('portal', operation, body, { role: '', token })
      assert.ok(['not-found', 'role-missing', 'invalid', 'offset-differs'].includes(code!), `${operation.key} as ${held}: ${code}`)
      if (code === 'invalid') assert.deepEqual(body, {}, `${operation.key}: of what is in order, nothing is told`)
    }
  }
})

test('one person in two roles is one person: who asks to take a case out does not agree to it in another role', async () => {
  const { submissions } = await reports(network.as('Ines Thorpe'), answers)
  const reference = submissions['ncsc'].reference
  const { id } = await caseOf(network.as('Callum Drey'), reference)
  const callum = network.world.people.find(({ name }) => name === 'Callum Drey')!
  const faye = network.as('Faye Yardley')
  const known = (await faye.get('/people')).body.people.find((one: any) => one.name === callum.name)
  const given = await fetch(`${faye.url}/api/v1/people/${known.id}/roles`, {
    method: 'PUT',
    headers: { 'authorization': `Bearer ${faye.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ roles: ['handler', 'records-officer'] }),
  })
  assert.equal(given.status, 200)
  const as = network.as('Callum Drey')
  const asked = await as.post(`/cases/${id}/exports`, { purpose: 'handling-incident', reason: 'For the court.' })
  assert.equal(asked.status, 201, JSON.stringify(asked.body))
  const approval = `/cases/${id}/exports/${asked.body.id}/approval`
  const alone = await as.post(approval)
  assert.deepEqual([alone.status, alone.body.code], [403, 'second-person-missing'])
  assert.equal((await network.as('Ewan Trask').post(approval)).status, 201)
  const rows = await query<{ by: string }>(network.owner.ncsc, 'select asked_by as by from casework.exports where id = $1', [asked.body.id])
  assert.deepEqual(rows, [{ by: known.id }], 'what is compared is the person')
})
