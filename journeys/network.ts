import { randomInt, sign, createPrivateKey } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readConfig, type Config } from '#platform/config'
import { closeDb, openDb, type Db } from '#platform/db'
import { nodeNames, readJson, type NodeName } from '#platform/home'
import { silentLog } from '#platform/log'
import { freshDatabase } from '../checks/database.ts'
import { found, type TryFile } from '../src/nodes/founding.ts'
import { definitions, runNode, type Running, type RunOptions } from '../src/nodes/run.ts'

export type Answer = { status: number; body: any; headers: Headers }
export type Person = {
  name: string
  post(path: string, body?: unknown): Promise<Answer>
  get(path: string): Promise<Answer>
  token: string
  signingKey: any
  url: string
}

/** The three nodes in this process, each with a database of its own on the test server, intervals of 20 ms and 16 slots, no stories told. */
export type Network = {
  config: Config
  world: TryFile
  as(name: string): Person
  running: Record<NodeName, Running>
  /** Each node's database as its owner sees it: to look, or to be the rogue. */
  owner: Record<NodeName, Db>
  restart(node: NodeName, options?: RunOptions): Promise<void>
  stop(): Promise<void>
}

export type NetworkOptions = { env?: Record<string, string>; node?: Partial<Record<NodeName, RunOptions>>; now?: () => Date }

export async function startNetwork(options: NetworkOptions = {}): Promise<Network> {
  const stops: Stop[] = []
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one()
  }
  try {
    return await begin(options, stops, stop)
  } catch (error) {
    await stop()
    // Somebody took a port between our looking and our listening.
    if ((error as { code?: string }).code === 'EADDRINUSE') return startNetwork(options)
    throw error
  }
}

type Stop = () => Promise<unknown>

/** Whatever is begun is noted in `stops`, so that nothing is left running where a later step fails. */
async function begin(options: NetworkOptions, stops: Stop[], stop: () => Promise<void>): Promise<Network> {
  const folder = await mkdtemp(join(tmpdir(), 'concordat-journey-'))
  stops.push(() => rm(folder, { recursive: true, force: true }))
  const config = readConfig({
    CONCORDAT_HOME: folder,
    CONCORDAT_PORT: String(await freePorts()),
    CONCORDAT_LEDGER_INTERVAL: '50',
    CONCORDAT_LEDGER_SLOTS: '16',
    CONCORDAT_SEED: 'people',
    // One a day, as in earnest: none falls due while a journey runs, unless it asks for more.
    CONCORDAT_STATEMENTS: '86400',
    CONCORDAT_FSYNC: 'off',
    CONCORDAT_LOG_LEVEL: 'silent',
    ...options.env,
  })
  await found(config)
  const databases = Object.fromEntries(
    await Promise.all(nodeNames.map(async (node) => [node, await freshDatabase(definitions[node].migrations)])),
  ) as Record<NodeName, Awaited<ReturnType<typeof freshDatabase>>>
  stops.push(() => Promise.all(nodeNames.map((node) => databases[node].drop())))
  const urls = (node: NodeName) => ({ owner: databases[node].ownerUrl, desk: databases[node].deskUrl, gateway: databases[node].gatewayUrl })
  const run = (node: NodeName, more: RunOptions = {}) =>
    runNode(config, node, {
      databases: urls(node),
      // All nodes of two journeys at once share one server.
      connections: { desk: 3, gateway: 4 },
      log: silentLog,
      ...(options.now && { now: options.now }),
      ...options.node?.[node],
      ...more,
    })
  const running = {} as Record<NodeName, Running>
  stops.push(() => Promise.all(Object.values(running).map((one) => one.stop())))
  const started = await Promise.allSettled(nodeNames.map(async (node) => (running[node] = await run(node))))
  for (const one of started) if (one.status === 'rejected') throw one.reason
  const owner = Object.fromEntries(nodeNames.map((node) => [node, openDb(urls(node).owner, { max: 1 })])) as Record<NodeName, Db>
  stops.push(() => Promise.all(nodeNames.map((node) => closeDb(owner[node]))))
  const world = (await readJson(config.home.tryFile)) as TryFile
  return {
    config,
    world,
    running,
    owner,
    stop,
    as: (name) => personOf(world, name),
    restart: async (node, more) => {
      await running[node].stop()
      running[node] = await run(node, more)
    },
  }
}

export function personOf(world: TryFile, name: string): Person {
  const known = world.people.find((person) => person.name === name)
  if (!known) throw new Error(`nobody is called ${name}`)
  const url = world.nodes[known.node].url
  return { name, token: known.token, signingKey: known.signingKey, url, ...callerAt(url, known.token) }
}

/** The API of a node as whoever bears this token, or none. */
export function callerAt(url: string, token?: string): Pick<Person, 'get' | 'post'> {
  const call = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const headers = {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    }
    const response = await fetch(`${url}/api/v1${path}`, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) })
    const text = await response.text()
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text), headers: response.headers }
  }
  return { get: (path) => call('GET', path), post: (path, body = {}) => call('POST', path, body) }
}

/** A compact JWS as an outsider would make it: nothing of ours in it. */
export function signAs(key: any, typ: string, claims: unknown): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${part({ alg: 'EdDSA', kid: key.kid, typ })}.${part(claims)}`
  return `${input}.${sign(null, Buffer.from(input), createPrivateKey({ key, format: 'jwk' })).toString('base64url')}`
}

/** What a compact JWS says, believed or not. */
export function claimsIn(jws: string): any {
  return JSON.parse(Buffer.from(jws.split('.')[1]!, 'base64url').toString())
}

/** Asks until there is an answer. */
export async function eventually<T>(look: () => Promise<T | undefined | false>, seconds = 20, pause = 20): Promise<T> {
  for (const end = Date.now() + seconds * 1000; ; await delay(pause)) {
    const found = await look()
    if (found) return found
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${look}`)
  }
}

/** A first port such that all nine of a deployment are free. */
export async function freePorts(): Promise<number> {
  for (;;) {
    // Below those the kernel gives to whoever asks for any port.
    const first = randomInt(10_000, 32_000)
    const free = await Promise.all([0, 1, 2, 10, 11, 12, 20, 21, 22].map((offset) => isFree(first + offset)))
    if (free.every(Boolean)) return first
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

// Steps of the main story, in the domain's words.

export async function reports(
  reporter: Person,
  answers: { question: string; value: unknown; audience: string[] }[],
  title = 'An incident',
): Promise<{ incident: string; submissions: Record<string, any> }> {
  const incident = await reporter.post('/incidents', { title })
  const { id } = incident.body
  const filed = await reporter.post(`/incidents/${id}/reports`, { stage: 'initial', submit: true, answers })
  if (filed.status !== 201 && filed.status !== 202) throw new Error(`report: ${filed.status} ${JSON.stringify(filed.body)}`)
  const received = await eventually(async () => {
    const { submissions } = (await reporter.get(`/incidents/${id}`)).body
    return submissions.every((one: any) => one.receipt) && submissions
  })
  return { incident: id, submissions: Object.fromEntries(received.map((one: any) => [one.to, one])) }
}

export async function caseOf(officer: Person, reference: string): Promise<any> {
  const cases = (await officer.get('/cases')).body.cases as any[]
  const found = cases.find((one) => one.reference === reference)
  return found && (await officer.get(`/cases/${found.id}`)).body
}

/** An item wherever the ICO keeps it; undefined where it has none of that id. */
export async function atIco(network: Network, item: string): Promise<any> {
  const officer = network.as('Imran Vale')
  const { cases } = (await officer.get('/cases')).body
  const whole = await Promise.all(cases.map(async (one: any) => (await officer.get(`/cases/${one.id}`)).body))
  return whole.flatMap((one: any) => one.items).find((one: any) => one.id === item)
}

export async function asks(handler: Person, caseId: string, items: string[], more: Record<string, unknown> = {}): Promise<string> {
  const until = new Date(Date.now() + 86_400_000).toISOString()
  const asked = await handler.post(`/cases/${caseId}/permission-requests`, {
    items,
    to: 'ico',
    purpose: 'incident-response',
    until,
    reason: 'The ICO will ask; only we can say.',
    ...more,
  })
  if (asked.status !== 201) throw new Error(`request: ${asked.status} ${JSON.stringify(asked.body)}`)
  return asked.body.id
}

export function requestAt(signatory: Person, id: string): Promise<any> {
  return eventually(async () => ((await signatory.get('/permission-requests')).body.requests as any[]).find((one) => one.id === id))
}

/** Signs the claims offered, narrowed to `items` where given. */
export async function grants(signatory: Person, request: any, items?: string[], change: (claims: any) => void = () => {}): Promise<Answer> {
  const claims = structuredClone(request.claims)
  if (items) claims.authorization_details[0].items = claims.authorization_details[0].items.filter((one: any) => items.includes(one.id))
  change(claims)
  return signatory.post('/permissions', { permission: signAs(signatory.signingKey, 'concordat-permission+jws', claims) })
}

/** Once the NCSC has acknowledged it: the permission's id. */
export async function inForce(signatory: Person, given: Answer): Promise<string> {
  if (given.status !== 201 && given.status !== 202) throw new Error(`permission: ${given.status} ${JSON.stringify(given.body)}`)
  const { id } = given.body
  await eventually(async () => (await signatory.get(`/permissions/${id}`)).body.state === 'in-force')
  return id
}

/** Once it is acknowledged: what the NCSC's receipt says. */
export async function withdraws(person: Person, permission: string): Promise<any> {
  const { status, body } = await person.post(`/permissions/${permission}/withdrawal`)
  if (status !== 200 && status !== 202) throw new Error(`withdrawal: ${status} ${JSON.stringify(body)}`)
  const known = await eventually(async () => {
    const now = (await person.get(`/permissions/${permission}`)).body
    return now.state === 'withdrawn' && now
  }, 60)
  return claimsIn(known.receipt)
}

export function discloses(officer: Person, caseId: string, items: string[], more: Record<string, unknown> = {}): Promise<Answer> {
  return officer.post(`/cases/${caseId}/disclosures`, {
    items,
    to: 'ico',
    purpose: 'incident-response',
    necessity: 'The ICO is about to ask the victim the same.',
    ...more,
  })
}

export function settled(officer: Person, disclosure: string): Promise<any> {
  return eventually(async () => {
    const { body } = await officer.get(`/disclosures/${disclosure}`)
    return body.state !== 'queued' && body.state !== 'sent' && body
  })
}

/** Up to a finding that Marlow Fresh has permitted. */
export async function permitted(
  network: Network,
  finding = 'They came in through the VPN; the fix had been out for nine days.',
): Promise<{ incident: string; case: any; finding: string; permission: string; request: any; submissions: Record<string, any> }> {
  const [reporter, signatory, handler] = [network.as('Asha Bell'), network.as('Gwen Marlow'), network.as('Callum Drey')]
  const { incident, submissions } = await reports(reporter, [
    { question: 'q19', value: 'We are locked out of our order system.', audience: ['ico', 'ncsc'] },
    { question: 'q42', value: 'We pulled the plug on the warehouse network.', audience: ['ncsc'] },
  ])
  const found = await caseOf(handler, submissions['ncsc'].reference)
  const written = await handler.post(`/cases/${found.id}/findings`, { text: finding })
  const request = await requestAt(signatory, await asks(handler, found.id, [...found.items.map((item: any) => item.id), written.body.id]))
  const permission = await inForce(signatory, await grants(signatory, request, [written.body.id]))
  return { incident, case: found, finding: written.body.id, permission, request, submissions }
}
