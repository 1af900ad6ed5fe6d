import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { endpoint, Reply, type Endpoint } from '#platform/api'
import { b64u } from '#platform/bytes'
import { systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact, type Db } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import { silentLog } from '#platform/log'
import { insertInbox } from '#exchange'
import { answersOf, api as reportingApi, FolderKeys, incidentForActor } from '#reporting'
import { z } from 'zod'
import { freshDatabase, type FreshDatabase } from '../../../checks/database.ts'
import { textOf } from '../../../checks/source.ts'
import { keepingAlarms, ringAlarms } from './alarms.ts'
import { api } from './api.ts'

const HOUR = 3_600_000
const started = Date.parse('2026-11-23T10:00:00Z')
let now = started
const at = (hours: number): Date => new Date(started + hours * HOUR)

let database: FreshDatabase
let desk: Db
let gateway: Db
let owner: Db
let keys: string
let endpoints: Endpoint[]
let folders: FolderKeys
const [marlow, other] = [systemRandom.uuid(), systemRandom.uuid()]

const as = (actor: Partial<Actor>): Ctx => ({
  now: () => new Date(now),
  random: systemRandom,
  log: silentLog,
  actor: { id: systemRandom.uuid(), name: 'Asha Bell', roles: [], ...actor },
})
const nobody = as({})
const reporter = as({ roles: ['reporter'], organisation: marlow })
const officer = as({ name: 'Tomos Reid', roles: ['dpo'], organisation: marlow })
const contact = as({ roles: ['client-contact'], organisation: marlow })
const stranger = as({ roles: ['reporter', 'signatory', 'dpo'], organisation: other })
const refuses = (code: RefusalCode) => (error: unknown) => error instanceof Refusal && error.code === code
const INSUFFICIENT_PRIVILEGE = (error: unknown) => (error as { code?: string }).code === '42501'

before(async () => {
  database = await freshDatabase(['identity', 'exchange', 'reporting', 'duties'])
  desk = openDb(database.deskUrl)
  gateway = openDb(database.gatewayUrl)
  owner = openDb(database.ownerUrl, { max: 2 })
  keys = await mkdtemp(join(tmpdir(), 'folders-'))
  folders = new FolderKeys(keys)
  for (const [id, name] of [
    [marlow, 'Marlow Fresh Limited'],
    [other, 'Other Limited'],
  ])
    await query(owner, "insert into identity.organisations (id, name, identifiers, verified) values ($1, $2, '[]', true)", [id, name])
  endpoints = [...keepingAlarms(reportingApi({ db: desk, folders, wait: 10 }), desk, folders), ...api({ db: desk, folders })]
})

after(async () => {
  await Promise.all([closeDb(desk), closeDb(gateway), closeDb(owner)])
  await database.drop()
  await rm(keys, { recursive: true })
})

/** Through the door, as the web server calls it. */
async function call<T = any>(method: string, path: string, ctx: Ctx, given: { id?: string; body?: unknown } = {}): Promise<T> {
  const found = endpoints.find((one) => one.method === method && one.path === path)!
  const params = given.id === undefined ? {} : { id: given.id }
  const answer = await found.handle({ params, query: {}, body: found.body ? found.body.parse(given.body) : undefined, ctx } as never)
  const content = answer instanceof Reply ? answer.body : answer
  found.reply.parse(JSON.parse(JSON.stringify(content)))
  return content as T
}

const opens = async (ctx: Ctx, change: Record<string, unknown> = {}): Promise<{ id: string; resume?: string }> =>
  call('POST', '/incidents', ctx, { body: { title: 'Ransomware', ...change } })
const dutiesOf = (id: string, ctx: Ctx = reporter) => call('GET', '/incidents/:id/duties', ctx, { id })
const dutyOf = async (id: string, regime: string) => (await dutiesOf(id)).duties.find((one: any) => one.regime === regime)
const records = (id: string, change: Record<string, unknown> = {}, ctx: Ctx = reporter) =>
  call('POST', '/incidents/:id/moments', ctx, {
    id,
    body: {
      event: 'aware',
      at: '2026-11-23T10:00:00+00:00',
      zone: 'Europe/London',
      decidedBy: 'Tomos Reid',
      why: 'Customer records.',
      ...change,
    },
  })
const controller = [
  { question: 'q05', value: ['Controller'], audience: ['ico'] },
  { question: 'q34', value: ['Health'], audience: ['ico'] },
]
const files = (id: string, answers: unknown[], ctx: Ctx = reporter) =>
  call('POST', '/incidents/:id/reports', ctx, { id, body: { stage: 'initial', answers, submit: true } })

const rings = () => transact(gateway, (tx) => ringAlarms(tx, nobody))
const alerts = (incident: string) =>
  query<{ kind: string; ring_at: Date }>(owner, 'select kind, ring_at from duties.alerts where incident = $1 order by ring_at', [incident])

async function receiptArrives(envelope: string, from: 'ico' | 'ncsc', state: 'accepted' | 'refused'): Promise<void> {
  const row = {
    id: systemRandom.uuid(),
    sender: from,
    kind: 'receipt' as const,
    organisation: marlow,
    answers: envelope,
    statement: `head.${b64u(Buffer.from(JSON.stringify({ state })))}.signature`,
    recordHash: Buffer.alloc(32),
    logTime: null,
    state: 'accepted' as const,
    code: null,
  }
  await transact(gateway, (tx) => insertInbox(tx, row, new Date(now)))
}

test('[regimes] awareness, recorded once, starts the clock and stands in the draft for the ICO alone: nobody is asked twice', async () => {
  now = at(2).getTime()
  const { id } = await opens(reporter)
  await call('PUT', '/incidents/:id/draft', reporter, { id, body: { answers: controller } })
  const { warnings } = await records(id)
  assert.deepEqual(warnings, [])
  const incident = await incidentForActor(desk, id, reporter)
  const draft = await answersOf(desk, incident, folders, reporter)
  assert.deepEqual(
    draft.filter(({ question }) => question.startsWith('q16')).map(({ question, value, audience }) => [question, value, audience]),
    [
      ['q16-time', '2026-11-23T10:00:00+00:00', ['ico']],
      ['q16-decided-by', 'Tomos Reid', ['ico']],
      ['q16-why', 'Customer records.', ['ico']],
    ],
  )
  const page = await dutiesOf(id)
  assert.deepEqual(
    [page.awareness.history.length, page.awareness.via, page.awareness.by, page.zone],
    [1, 'moment', 'Asha Bell', 'Europe/London'],
  )
  const one = page.duties.find(({ regime }: any) => regime === 'uk-gdpr-33')
  assert.deepEqual([one.mayApply, one.clocks[0].dueAt, one.clocks[0].left, one.received], [true, at(72).toISOString(), 'PT70H', 'not-sent'])
  assert.deepEqual([one.answered, one.missing.length], [['q34'], 9])
})

test('a correction stands beside what it corrects; the latest counts, and who decided and why is kept of each', async () => {
  now = at(3).getTime()
  const { id } = await opens(reporter)
  await records(id)
  now = at(4).getTime()
  await records(id, { at: '2026-11-23T08:00:00Z', decidedBy: 'Nadia Flint', why: 'The alarm at eight was enough.' }, officer)
  const page = await dutiesOf(id)
  assert.deepEqual(
    page.awareness.history.map(({ at: time, decidedBy, by, saidAt }: any) => [time, decidedBy, by, saidAt]),
    [
      ['2026-11-23T10:00:00+00:00', 'Tomos Reid', 'Asha Bell', at(3).toISOString()],
      ['2026-11-23T08:00:00Z', 'Nadia Flint', 'Tomos Reid', at(4).toISOString()],
    ],
  )
  assert.deepEqual(
    page.moments.map(({ counts }: any) => counts),
    [false, true],
  )
  assert.equal(page.duties[0].clocks[0].dueAt, at(70).toISOString())
  await records(id, { at: null, why: 'It was another machine.' })
  const back = await dutiesOf(id)
  assert.deepEqual([back.awareness.at, back.duties[0].clocks[0].dueAt, back.awareness.history.length], [null, null, 3])
})

test('what is said of awareness in a report counts like a moment, and the report\u2019s own session sets the alarms', async () => {
  now = at(5).getTime()
  const { id } = await opens(reporter)
  const filed = await files(id, [
    ...controller,
    { question: 'q16-time', value: '2026-11-23T11:00:00Z', audience: ['ico'] },
    { question: 'q16-decided-by', value: 'The DPO', audience: ['ico'] },
  ])
  const set = await query<{ kind: string; ring_at: Date }>(
    owner,
    'select kind, ring_at from duties.alarms where incident = $1 order by ring_at',
    [id],
  )
  assert.deepEqual(
    set.map(({ kind, ring_at }) => [kind, ring_at]),
    [
      ['twelve-hours-left', at(61)],
      ['time-passed', at(73)],
    ],
  )
  const page = await dutiesOf(id)
  assert.deepEqual([page.awareness.at, page.awareness.decidedBy, page.awareness.history.length], ['2026-11-23T11:00:00Z', 'The DPO', 1])
  assert.equal(page.duties[0].received, 'not-yet-received')
  assert.match(page.duties[0].fallback.form, /ico\.org\.uk/)
  now = at(61).getTime()
  await rings()
  const soon = await dutiesOf(id)
  assert.deepEqual(
    soon.alerts.map(({ regime, kind, recordedAt }: any) => [regime, kind, recordedAt]),
    [['uk-gdpr-33', 'twelve-hours-left', at(61).toISOString()]],
  )
  await receiptArrives(filed.submissions[0].envelope, 'ico', 'accepted')
  now = at(74).getTime()
  await rings()
  assert.deepEqual(
    (await alerts(id)).map(({ kind }) => kind),
    ['twelve-hours-left'],
    'the receipt settles the alarm, though nobody looked',
  )
  const met = await dutiesOf(id)
  assert.deepEqual(
    [met.duties[0].received, met.duties[0].clocks[0].left, met.duties[0].fallback, met.alerts],
    ['received', null, undefined, []],
  )
})

test('a refusal, or the NCSC\u2019s receipt, settles nothing at the ICO', async () => {
  now = at(5).getTime()
  const { id } = await opens(reporter)
  await records(id)
  const filed = await files(id, [...controller, { question: 'q21', value: 'Yes', audience: ['ico', 'ncsc'] }])
  const sent = (to: string): string => filed.submissions.find((one: any) => one.to === to).envelope
  await receiptArrives(sent('ico'), 'ico', 'refused')
  await receiptArrives(sent('ncsc'), 'ncsc', 'accepted')
  const page = await dutiesOf(id)
  const state = (regime: string) => page.duties.find((one: any) => one.regime === regime).received
  assert.deepEqual(
    [state('uk-gdpr-33'), state('uk-ncsc-voluntary'), state('uk-gdpr-34')],
    ['not-yet-received', 'received', 'not-through-here'],
  )
  now = at(73).getTime()
  await rings()
  assert.deepEqual(
    (await alerts(id)).map(({ kind, ring_at }) => [kind, ring_at]),
    [
      ['twelve-hours-left', at(60)],
      ['time-passed', at(72)],
    ],
  )
})

test('each alert is recorded once, however often and by however many it is rung, and holds no word', async () => {
  now = at(5).getTime()
  const { id } = await opens(reporter)
  await call('PUT', '/incidents/:id/draft', reporter, { id, body: { answers: controller } })
  await records(id)
  now = at(59).getTime()
  await rings()
  assert.deepEqual(await alerts(id), [])
  now = at(60).getTime()
  await Promise.all(Array.from({ length: 4 }, rings))
  await dutiesOf(id)
  await rings()
  assert.deepEqual(await alerts(id), [{ kind: 'twelve-hours-left', ring_at: at(60) }])
  await records(id, { at: '2026-11-23T12:00:00Z', why: 'Later than thought.' })
  now = at(63).getTime()
  await rings()
  assert.deepEqual(
    (await alerts(id)).map(({ ring_at }) => ring_at),
    [at(60), at(62)],
  )
  const columns = await query<{ name: string }>(
    owner,
    "select column_name as name from information_schema.columns where table_schema = 'duties' and table_name = 'alerts' order by ordinal_position",
  )
  assert.deepEqual(
    columns.map(({ name }) => name),
    ['incident', 'kind', 'ring_at', 'recorded_at'],
  )
})

test('another\u2019s incident, and one that does not exist, are not there to look at or write in', async () => {
  now = at(5).getTime()
  const { id } = await opens(reporter)
  await records(id)
  for (const who of [stranger, nobody, as({ folder: systemRandom.uuid() })])
    for (const one of [id, systemRandom.uuid(), 'no-id']) {
      await assert.rejects(dutiesOf(one, who), refuses('not-found'))
      await assert.rejects(records(one, {}, who), refuses('not-found'))
    }
  const rows = await query<{ n: number }>(owner, 'select count(*) as n from duties.moments where incident = $1', [id])
  assert.equal(rows[0]!.n, 1)
})

test('whoever may only read sees the duties and records nothing', async () => {
  const { id } = await opens(reporter)
  assert.equal((await dutiesOf(id, contact)).duties.length, 27)
  await assert.rejects(records(id, {}, contact), refuses('role-missing'))
})

test('whoever reports without signing in has the same duties and clocks, by the folder\u2019s own token', async () => {
  now = at(5).getTime()
  const { id } = await opens(nobody)
  const holder = as({ name: 'Folder', roles: ['reporter'], folder: id })
  await records(id, {}, holder)
  assert.equal((await dutiesOf(id, holder)).duties[0].clocks[0].dueAt, at(72).toISOString())
  await assert.rejects(dutiesOf(id, reporter), refuses('not-found'))
})

test('a near miss has no duties and no clock, and says why; once it is an incident it has', async () => {
  const { id } = await opens(reporter, { kind: 'near-miss' })
  const page = await dutiesOf(id)
  assert.deepEqual([page.duties, page.alerts], [[], []])
  assert.match(page.nearMiss, /near miss/)
  await assert.rejects(records(id), refuses('invalid'))
  await call('POST', '/incidents/:id/kind', reporter, { id, body: { kind: 'incident' } })
  assert.equal((await dutiesOf(id)).duties.length, 27)
})

test('what is wrong is refused with a pointer and nothing is kept; what is odd is kept with a warning', async () => {
  now = at(5).getTime()
  const { id } = await opens(reporter)
  const wrong = records(id, { at: at(6).toISOString(), zone: 'Camelot' })
  await assert.rejects(
    wrong,
    (error: any) => refuses('invalid')(error) && error.detail.mistakes.map(({ field }: any) => field).join() === 'at,zone',
  )
  assert.deepEqual((await dutiesOf(id)).moments, [])
  await call('PUT', '/incidents/:id/draft', reporter, {
    id,
    body: { answers: [{ question: 'q15', value: '2026-11-23T11:00:00Z', audience: ['ico'] }] },
  })
  const odd = await records(id, { at: '2026-11-23T10:00:00+03:00', why: '' })
  assert.deepEqual(
    odd.warnings.map(({ code }: any) => code),
    ['aware-before-discovery', 'offset-differs'],
  )
  const dated = await records(id, { event: 'own date', regime: 'insurer-contract', at: '2026-12-01T12:00:00Z', why: '' })
  assert.deepEqual(dated.warnings, [])
  assert.equal((await dutyOf(id, 'insurer-contract')).clocks[0].dueAt, '2026-12-01T12:00:00.000Z')
})

test('of many who record at once each has its place, none is lost, and the alarms follow the last', async () => {
  now = at(5).getTime()
  const { id } = await opens(reporter)
  const times = Array.from({ length: 8 }, (_, i) => `2026-11-23T0${i}:00:00Z`)
  await Promise.all(times.map((time) => records(id, { event: 'payment made', at: time })))
  const page = await dutiesOf(id)
  assert.deepEqual(page.moments.map((one: any) => one.at).sort(), times)
  assert.deepEqual(page.moments.filter((one: any) => one.counts).length, 1)
  const numbers = await query<{ number: number }>(owner, 'select number from duties.moments where incident = $1 order by number', [id])
  assert.deepEqual(
    numbers.map(({ number }) => number),
    [1, 2, 3, 4, 5, 6, 7, 8],
  )
})

test('nothing that was typed lies in the database in the clear', async () => {
  now = at(5).getTime()
  const { id } = await opens(reporter)
  await records(id, { decidedBy: 'CANARY-WHO', why: 'CANARY-WHY', zone: 'Pacific/Chatham' })
  await records(id, { event: 'own date', regime: 'uk-sra', at: '2027-01-01T00:00:00Z', why: 'CANARY-OWN' })
  const tables = ['moments', 'watched', 'alarms', 'alerts']
  const rows = await Promise.all(tables.map((table) => query(owner, `select t::text as row from duties.${table} t`)))
  const stored = rows.flat().map((row) => Buffer.from(String(row['row'])).toString('latin1'))
  const hex = (word: string): string => Buffer.from(word).toString('hex')
  for (const word of ['CANARY', 'Chatham', 'own date', 'uk-sra', 'Asha Bell'])
    assert.ok(!stored.some((text) => text.includes(word) || text.includes(hex(word))), word)
  assert.ok(stored.some((text) => text.includes(id)))
})

test('the desk changes and removes no moment and writes no alert; the gateway reads no moment', async () => {
  const attempts: [Db, string][] = [
    [desk, "update duties.moments set recorded_by = 'x'"],
    [desk, 'delete from duties.moments'],
    [desk, "insert into duties.alerts (incident, kind, ring_at, recorded_at) values (gen_random_uuid(), 'time-passed', now(), now())"],
    [desk, 'delete from duties.alerts'],
    [desk, 'delete from duties.watched'],
    [gateway, 'select content from duties.moments'],
    [gateway, 'insert into duties.moments select * from duties.moments'],
    [gateway, 'insert into duties.alarms select * from duties.alarms'],
    [gateway, 'update duties.watched set reports = reports'],
    [gateway, 'update duties.alerts set recorded_at = now()'],
    [gateway, 'delete from duties.alerts'],
  ]
  for (const [db, text] of attempts) await assert.rejects(query(db, text), INSUFFICIENT_PRIVILEGE, text)
})

test('what was answered stands where alarms cannot be set, and that is logged without a word of what was typed', async () => {
  const lines: unknown[] = []
  const log = { ...silentLog, error: (line: unknown) => void lines.push(line) } as Ctx['log']
  const given = endpoint({
    method: 'POST',
    path: '/incidents/:id/x',
    summary: 'x',
    who: 'anyone',
    reply: z.string(),
    handle: async () => 'kept',
  })
  const [wrapped] = keepingAlarms([given], desk, folders)
  const answer = await wrapped!.handle({
    params: { id: systemRandom.uuid() },
    query: {},
    body: undefined,
    ctx: { ...reporter, log },
  } as never)
  assert.equal(answer, 'kept')
  assert.deepEqual(
    (lines as any[]).map(({ event, code }) => [event, code]),
    [['alarms-not-set', 'not-found']],
  )
})

test('anyone may read the table of regimes, with its marks', async () => {
  const { regimes, notice } = await call('GET', '/regimes', nobody)
  assert.equal(regimes.length, 27)
  assert.ok(regimes.every(({ confidence, source }: any) => confidence && source.length > 0))
  assert.match(notice, /not advice/)
})

test('neither authority\u2019s node keeps duties: the portal alone makes these tables', () => {
  for (const node of ['ncsc', 'ico']) assert.ok(!textOf(`src/nodes/${node}.ts`).includes('duties'), node)
  assert.ok(textOf('src/nodes/portal.ts').includes("'duties/migrations'"))
})
