import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { Reply } from '#platform/api'
import { systemRandom, type Actor, type Ctx } from '#platform/context'
import { closeDb, openDb, query, queryOne, transact, type Db } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import { silentLog } from '#platform/log'
import { upsertOrganisation } from '#identity'
import { freshDatabase, type FreshDatabase } from '../../../checks/database.ts'
import { runs, seed } from '../../../checks/runs.ts'
import { api } from './api.ts'
import { answersOf, saveAnswers } from './drafts.ts'
import { fileAnswers } from './filing.ts'
import { FolderKeys } from './folder.ts'
import { readPayload, type Payload } from './incident.ts'
import { arbitraryReport } from './testing.ts'

let database: FreshDatabase
let desk: Db
let keys: string
let folders: FolderKeys
const marlow = { id: systemRandom.uuid(), name: 'Marlow Fresh Ltd', identifiers: [], verified: true }
const other = { id: systemRandom.uuid(), name: 'Other Limited', identifiers: [], verified: true }

const as = (actor: Partial<Actor>): Ctx => ({
  now: () => new Date(),
  random: systemRandom,
  log: silentLog,
  actor: { id: systemRandom.uuid(), name: 'Somebody', roles: [], ...actor },
})
const nobody = as({})
const asha = as({ name: 'Asha Bell', roles: ['reporter'], organisation: marlow.id })
const tomos = as({ name: 'Tomos Reid', roles: ['dpo'], organisation: marlow.id })
const counsel = as({ name: 'Nadia Flint', roles: ['counsel'], organisation: marlow.id })
const reader = as({ name: 'Orla Dane', roles: ['client-contact'], organisation: marlow.id })
const stranger = as({ name: 'A stranger', roles: ['reporter', 'signatory', 'counsel'], organisation: other.id })
const refuses = (code: RefusalCode) => (error: unknown) => error instanceof Refusal && error.code === code

before(async () => {
  database = await freshDatabase(['identity', 'exchange', 'reporting'])
  desk = openDb(database.deskUrl)
  keys = await mkdtemp(join(tmpdir(), 'folders-'))
  folders = new FolderKeys(keys)
  for (const organisation of [marlow, other]) await transact(desk, (tx) => upsertOrganisation(tx, organisation, nobody))
})

after(async () => {
  await closeDb(desk)
  await database.drop()
  await rm(keys, { recursive: true })
})

async function call<T>(method: string, path: string, ctx: Ctx, params: Record<string, string>, body?: unknown): Promise<T> {
  const found = api({ db: desk, folders, wait: 20 }).find((one) => one.method === method && one.path === path)!
  const answer = await found.handle({ params, query: {}, body: found.body ? found.body.parse(body) : undefined, ctx })
  const content = answer instanceof Reply ? answer.body : answer
  found.reply.parse(JSON.parse(JSON.stringify(content)))
  return content as T
}

type DraftPage = {
  version: number
  answers: {
    question: string
    value: unknown
    audience: string[]
    state: string
    by: string
    counsel?: { decision: string; name: string }
  }[]
  mistakes: { field: string }[]
  views: Record<string, { question: string }[]>
  waitsForCounsel: { question: string; to: string }[]
}
type Filed = { id: string; submissions: { to: string; envelope: string; stage: string }[] }

const open = async (ctx: Ctx, body: object = { title: 'Ransomware' }): Promise<string> =>
  (await call<{ id: string }>('POST', '/incidents', ctx, {}, body)).id
const save = (id: string, ctx: Ctx, body: object) => call<DraftPage>('PUT', '/incidents/:id/draft', ctx, { id }, { answers: [], ...body })
const read = (id: string, ctx: Ctx) => call<DraftPage>('GET', '/incidents/:id/draft', ctx, { id })
const submit = (id: string, ctx: Ctx, body: object = {}) =>
  call<Filed>('POST', '/incidents/:id/draft/submission', ctx, { id }, { stage: 'initial', ...body })
const tick = (id: string, ctx: Ctx, body: object) => call<DraftPage>('POST', '/incidents/:id/draft/privilege', ctx, { id }, body)

const both = ['ico', 'ncsc']
const words = { question: 'q19', value: 'words for both', audience: both }

/** What went to a body in one filing, as it is sealed for it. */
async function payloads(filing: Filed): Promise<Record<string, Payload>> {
  const rows = await query<{ id: string; recipient: string; payload: Buffer }>(
    desk,
    'select s.id, v.recipient, s.payload from reporting.submissions s join reporting.views v on v.id = s.view where s.filing = $1',
    [filing.id],
  )
  const opened = rows.map(async ({ id, recipient, payload }) => [
    recipient,
    readPayload(await folders.open({ organisation: marlow.id }, id, payload)),
  ])
  return Object.fromEntries(await Promise.all(opened))
}

test('a draft is kept from the first answer, by whoever of the organisation writes, and shows who wrote what', async () => {
  const id = await open(asha)
  assert.equal((await read(id, asha)).version, 0)
  await save(id, asha, { answers: [words] })
  const after = await save(id, tomos, { answers: [{ question: 'q36-people', value: 40, audience: ['ico'] }] })
  assert.equal(after.version, 2)
  assert.deepEqual(
    after.answers.map(({ question, audience, state, by }) => [question, audience, state, by]),
    [
      ['q19', both, 'new', 'Asha Bell'],
      ['q36-people', ['ico'], 'new', 'Tomos Reid'],
    ],
  )
  assert.deepEqual(await read(id, counsel), after)
})

test('a draft is the organisation’s alone: to others it does not exist, and whoever may only read cannot write', async () => {
  const id = await open(asha)
  await save(id, asha, { answers: [words] })
  for (const attempt of [() => read(id, stranger), () => save(id, stranger, { answers: [words] }), () => submit(id, stranger)])
    await assert.rejects(attempt, refuses('not-found'))
  await assert.rejects(read(id, nobody), refuses('not-found'))
  for (const attempt of [() => save(id, reader, { answers: [words] }), () => submit(id, reader)])
    await assert.rejects(attempt, refuses('role-missing'))
  assert.equal((await read(id, reader)).version, 1)
})

test('nothing anybody wrote lies in the database in clear', async () => {
  const id = await open(asha)
  await save(id, asha, { answers: [{ question: 'q19', value: 'a canary in a draft', audience: ['ncsc'] }] })
  const rows = await query<{ content: Buffer; text: string }>(desk, 'select d.content, d::text as text from reporting.drafts d')
  assert.ok(rows.length > 0)
  for (const { content, text } of rows) assert.ok(!content.includes('canary') && !text.includes('canary') && !text.includes('q19'))
})

test('a value that is wrong is kept and pointed at; an answer that has no place is refused', async () => {
  const id = await open(asha)
  const page = await save(id, asha, { answers: [{ question: 'q36-people', value: 'about forty', audience: ['ico'] }] })
  assert.deepEqual(
    page.mistakes.map(({ field }) => field),
    ['answers.0.value'],
  )
  assert.equal(page.answers[0]!.value, 'about forty')
  await assert.rejects(save(id, asha, { answers: [{ question: 'q99', value: 'x', audience: ['ico'] }] }), refuses('invalid'))
  await assert.rejects(save(id, asha, { answers: [{ question: 'q26', value: 'x', audience: ['ico'] }] }), refuses('invalid'))
  await assert.rejects(save(id, asha, { answers: [{ question: 'q19', value: 'half \ud800', audience: ['ico'] }] }), refuses('invalid'))
  await assert.rejects(
    submit(id, asha),
    (error) => error instanceof Refusal && error.detail.mistakes?.[0]?.field === 'q36-people ico.value',
  )
})

test('of two who change the same answer at once, the second is told and loses nothing', async () => {
  const id = await open(asha)
  const { version } = await save(id, asha, { answers: [words] })
  await save(id, tomos, { base: version, answers: [{ ...words, value: 'the words of Tomos' }] })
  await assert.rejects(save(id, asha, { base: version, answers: [{ ...words, value: 'the words of Asha' }] }), refuses('draft-changed'))
  await save(id, asha, { base: version, answers: [{ question: 'q21', value: 'Yes', audience: both }] })
  const now = await read(id, asha)
  assert.equal(now.answers.find(({ question }) => question === 'q19')!.value, 'the words of Tomos')
})

test('many saves are read from the last whole one, and two at the same moment both count', async () => {
  const id = await open(asha)
  const some = Array.from({ length: 58 }, (_, n) => ({ question: n % 2 ? 'q20' : 'q19', value: `words ${n}`, audience: ['ico'] }))
  for (const one of some.slice(0, 48)) await save(id, asha, { answers: [one] })
  await Promise.all(some.slice(48).map((one) => save(id, asha, { answers: [one] })))
  const page = await read(id, asha)
  assert.deepEqual([page.version, page.answers.length], [58, 2])
  const row = await queryOne<{ wholes: number; least: number }>(
    desk,
    'select count(*) filter (where whole)::int as wholes, min(version) filter (where whole) as least from reporting.drafts where incident = $1',
    [id],
  )
  assert.deepEqual(row, { wholes: 1, least: 50 })
})

test('submitting files what has changed, a body at a time; the next stage starts from what was told', async () => {
  const id = await open(asha)
  await save(id, asha, { answers: [words, { question: 'q21', value: 'Yes', audience: both }] })
  const first = await submit(id, asha, { to: ['ncsc'] })
  assert.deepEqual(
    first.submissions.map(({ to, stage }) => [to, stage]),
    [['ncsc', 'initial']],
  )
  const page = await read(id, asha)
  assert.ok(
    page.answers.every(({ state }) => state === 'new'),
    'the ICO has been told nothing',
  )
  assert.deepEqual(Object.keys(page.views), ['ico'])

  await save(id, asha, { answers: [{ question: 'q42', value: 'Cut the network', audience: ['ncsc'] }] })
  const second = await submit(id, asha, { stage: 'final' })
  const stage = Object.fromEntries(second.submissions.map((one) => [one.to, one.stage]))
  assert.deepEqual(
    stage,
    { ico: 'initial', ncsc: 'final' },
    'the first the ICO hears is the initial report, whatever the NCSC was told before',
  )
  await assert.rejects(submit(id, asha), refuses('nothing-to-file'))
  assert.ok((await read(id, asha)).answers.filter(({ state }) => state === 'filed').length > 0)
})

test('a report filed without a draft is what the draft starts from', async () => {
  const id = await open(asha)
  await call('POST', '/incidents/:id/reports', asha, { id }, { stage: 'initial', answers: [words], submit: true })
  const page = await read(id, asha)
  assert.deepEqual(
    page.answers.map(({ question, state }) => [question, state]),
    [['q19', 'filed']],
  )
  await assert.rejects(submit(id, asha), refuses('nothing-to-file'))
})

test('a repeat with the same key files nothing twice, even though nothing is left to file', async () => {
  const id = await open(asha)
  await save(id, asha, { answers: [words] })
  const key = { idempotencyKey: 'the same key' }
  const [one, again] = [await submit(id, asha, key), await submit(id, asha, key)]
  assert.equal(again.id, one.id)
})

test('a correction names what was told before and why; nothing filed is changed or taken away', async () => {
  const id = await open(asha)
  await save(id, asha, { answers: [words] })
  const first = await payloads(await submit(id, asha))
  await save(id, asha, { answers: [{ ...words, value: 'better words' }] })
  const corrections = [{ question: 'q19', audience: ['ico'], why: 'We had the wrong server.' }]
  const second = await payloads(await submit(id, asha, { stage: 'update', corrections }))
  const [told] = second['ico']!.items
  assert.deepEqual(second['ico']!.corrections, [{ item: told!.id, corrects: first['ico']!.items[0]!.id, why: 'We had the wrong server.' }])
  assert.deepEqual([second['ico']!.stage, second['ncsc']!.stage, second['ncsc']!.corrections], ['update', 'update', undefined])
  const rows = await query(
    desk,
    'select 1 from reporting.items i join reporting.submissions s on s.id = i.submission join reporting.views v on v.id = s.view where v.incident = $1',
    [id],
  )
  assert.equal(rows.length, 4)
})

test('there is nothing to correct where nothing was told, and a correction says why', async () => {
  const id = await open(asha)
  const report = (answer: object) =>
    call('POST', '/incidents/:id/reports', asha, { id }, { stage: 'update', answers: [{ ...words, ...answer }], submit: true })
  const points = (field: string) => (error: unknown) => error instanceof Refusal && error.detail.mistakes?.[0]?.field === field
  await assert.rejects(report({ correction: { why: 'wrong' } }), points('answers.0.correction'))
  await report({})
  await assert.rejects(report({ correction: { why: ' ' } }), points('answers.0.correction.why'))
  await report({ correction: { why: 'wrong' } })
})

test('an answer for which privilege is claimed waits for counsel of that organisation', async () => {
  const id = await open(asha)
  await save(id, asha, { answers: [words, { question: 'q40', value: 'on advice', audience: ['ico'], privileged: true }] })
  assert.deepEqual((await read(id, asha)).waitsForCounsel, [{ question: 'q40', to: 'ico' }])
  await assert.rejects(submit(id, asha), refuses('counsel-needed'))
  const agreed = { question: 'q40', audience: ['ico'], decision: 'may-be-sent' }
  await assert.rejects(tick(id, asha, agreed), refuses('role-missing'))
  await assert.rejects(tick(id, stranger, agreed), refuses('not-found'))
  const page = await tick(id, counsel, agreed)
  assert.equal(page.answers.find(({ question }) => question === 'q40')!.counsel!.name, 'Nadia Flint')
  await save(id, asha, { answers: [{ question: 'q40', value: 'on other advice', audience: ['ico'], privileged: true }] })
  await assert.rejects(submit(id, asha), refuses('counsel-needed'))
  await tick(id, counsel, { ...agreed, decision: 'withhold', reason: 'Advice of 23 November' })
  const sent = await payloads(await submit(id, asha))
  assert.deepEqual(
    sent['ico']!.items.map(({ question }) => question),
    ['q19'],
  )
  assert.ok(!JSON.stringify(sent).includes('privileged') && !JSON.stringify(sent).includes('Nadia'))
})

test('a privileged answer filed without a draft is counsel’s to file', async () => {
  const id = await open(asha)
  const body = { stage: 'initial', answers: [{ ...words, privileged: true }], submit: true }
  await assert.rejects(call('POST', '/incidents/:id/reports', asha, { id }, body), refuses('counsel-needed'))
  await call('POST', '/incidents/:id/reports', counsel, { id }, body)
})

test('a near miss is told to the NCSC alone, says so to it, and may turn out to be an incident', async () => {
  const id = await open(asha, { title: 'A link that nobody opened', kind: 'near-miss' })
  await assert.rejects(save(id, asha, { answers: [words] }), refuses('invalid'))
  const audience = ['ncsc']
  await assert.rejects(
    transact(desk, (tx) => fileAnswers(tx, { incident: id, to: 'ico', answers: [words] }, folders, asha)),
    refuses('flow-not-allowed'),
  )
  await save(id, asha, { answers: [{ ...words, audience }] })
  const told = await payloads(await submit(id, asha))
  assert.deepEqual([Object.keys(told), told['ncsc']!.nearMiss], [['ncsc'], true])
  const become = (ctx: Ctx) => call<{ kind: string }>('POST', '/incidents/:id/kind', ctx, { id }, { kind: 'incident' })
  await assert.rejects(become(stranger), refuses('not-found'))
  await assert.rejects(become(reader), refuses('role-missing'))
  assert.equal((await become(asha)).kind, 'incident')
  await save(id, asha, { answers: [words] })
  const after = await payloads(await submit(id, asha))
  assert.deepEqual([after['ico']!.stage, after['ico']!.nearMiss], ['initial', undefined])
})

test('answers another module has checked go to one body, in its own view, as a report of their own', async () => {
  const id = await open(asha)
  const blob = { id: systemRandom.uuid(), key: 'k', length: 1, size: 17, sha256: 'h' }
  const value = { name: 'log.txt', length: 1 }
  const filing = await transact(desk, (tx) =>
    fileAnswers(tx, { incident: id, to: 'ncsc', answers: [{ question: 'attachment', value, blob }] }, folders, asha),
  )
  const { ncsc, ...rest } = await payloads({ id: filing, submissions: [] })
  assert.deepEqual([Object.keys(rest), ncsc!.stage], [[], 'initial'])
  assert.deepEqual(ncsc!.blobs, [{ item: ncsc!.items[0]!.id, ...blob }])
  await assert.rejects(
    transact(desk, (tx) => fileAnswers(tx, { incident: id, to: 'ncsc', answers: [{ question: 'attachment', value }] }, folders, stranger)),
    refuses('not-found'),
  )
})

test('the folder tells the organisation all it knows of an incident, and nobody else', async () => {
  const id = await open(asha)
  await save(id, asha, { answers: [words] })
  await submit(id, asha, { to: ['ico'] })
  await transact(desk, (tx) => saveAnswers(tx, id, [{ question: 'q15', value: '2026-11-23T04:55:00Z', audience: ['ico'] }], folders, asha))
  const known = await answersOf(desk, { id }, folders, asha)
  const seen = known.map(({ question, audience, from }) => `${question} ${audience} ${from}`)
  assert.deepEqual(seen.toSorted(), ['q15 ico draft', 'q19 ico draft', 'q19 ico filed', 'q19 ncsc draft'])
  await assert.rejects(answersOf(desk, { id }, folders, stranger), refuses('not-found'))
})

test('a save is never changed or deleted by a desk', async () => {
  await assert.rejects(query(desk, 'update reporting.drafts set version = version + 1'), { code: '42501' })
  await assert.rejects(query(desk, 'delete from reporting.drafts'), { code: '42501' })
})

test('a draft says what to think over and what is still outstanding, to each body apart, and blocks nothing for it', async () => {
  const id = await open(asha)
  const answers = [
    { question: 'q15', value: '2026-11-23T04:55:00Z', audience: both },
    { question: 'q16-time', value: '2026-11-22T14:30:00Z', audience: ['ico'] },
  ]
  type Advised = DraftPage & {
    advice: { question: string; code: string }[]
    outstanding: Record<string, { first: { question: string }[] }>
  }
  const page = (await save(id, asha, { answers })) as Advised
  assert.ok(page.advice.some(({ code }) => code === 'out-of-order'))
  const first = (to: string) => page.outstanding[to]!.first.map(({ question }) => question)
  assert.ok(first('ico').includes('q34') && !first('ico').includes('q16-time') && !first('ncsc').includes('q34'))
  const filed = (await submit(id, asha)) as Filed & { outstanding: Record<string, { question: string }[]> }
  assert.ok(filed.outstanding['ico']!.some(({ question }) => question === 'q40'))
})

test('random valid reports file, and each body gets exactly what is for it', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryReport, async (answers) => {
      const id = await open(asha)
      await call('POST', '/incidents/:id/reports', asha, { id }, { stage: 'initial', answers, submit: true })
      const known = (await answersOf(desk, { id }, folders, asha)).filter(({ from }) => from === 'filed')
      const sent = known.map(({ question, audience }) => `${question} ${audience}`).toSorted()
      assert.deepEqual(sent, answers.flatMap(({ question, audience }) => audience.map((body) => `${question} ${body}`)).toSorted())
      assert.ok((await read(id, asha)).answers.every(({ state }) => state === 'filed'))
    }),
    { numRuns: runs(50), seed },
  )
})
