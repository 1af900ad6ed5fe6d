import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { canonical } from '#platform/canonical'
import { systemRandom, tokenScopes, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact, type Db } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import { newReference } from '#platform/ids'
import { silentLog } from '#platform/log'
import { openItemRef, type Arrived, type AuthorityId, type MessageRecord, type OpenItem, type Prepared } from '#exchange'
import { createWeb } from '#platform/http'
import { freshDatabase, type FreshDatabase } from '../../../checks/database.ts'
import { api } from './api.ts'
import { keepDisclosed, keepReport, type DisclosedItem, type ReportHooks } from './arrival.ts'
import { newFinding } from './case.ts'
import { caseFor, itemsForDisclosure, recordFinding, writeNote } from './desk.ts'
import { restrict } from './restricting.ts'
import { allCases, caseOfItem, itemsOfCase, notesOfCase } from './store.ts'

type House = { database: FreshDatabase; desk: Db; gateway: Db }
const houses = {} as Record<AuthorityId, House>

before(async () => {
  for (const node of ['ncsc', 'ico'] as const) {
    const database = await freshDatabase(['casework'])
    houses[node] = { database, desk: openDb(database.deskUrl), gateway: openDb(database.gatewayUrl) }
  }
})

after(async () => {
  for (const { database, desk, gateway } of Object.values(houses)) {
    await Promise.all([closeDb(desk), closeDb(gateway)])
    await database.drop()
  }
})

const id = () => systemRandom.uuid()
let last = 0
/** Never the same instant twice: what follows is later. */
const now = (): Date => {
  last = Math.max(Date.now(), last + 1)
  return new Date(last)
}
const as = (...roles: string[]): Ctx => ({
  now,
  random: systemRandom,
  log: silentLog,
  actor: { id: id(), name: 'Somebody', roles },
})
const reading = { deferredDays: 90, purposes: [{ id: 'unstated', label: 'No purpose was stated', told: 'next-day' as const }] }
const refuses = (code: RefusalCode) => (error: unknown) => error instanceof Refusal && error.code === code
const answer = (value: unknown, question = 'q19'): OpenItem => newFinding(question, value, systemRandom)
const company = (name = 'Marlow Fresh Limited') => ({ id: id(), name, identifiers: [], verified: true })
const referenceOf = (node: AuthorityId) => newReference(node.toUpperCase(), systemRandom)

type Reported = {
  organisation?: ReturnType<typeof company>
  reference?: string
  items?: OpenItem[]
  stage?: string
  at?: string
  logTime?: Date
  more?: { nearMiss?: true; corrections?: { item: string; corrects: string; why: string }[]; blobs?: object[] }
}

function report(
  node: AuthorityId,
  {
    organisation = company(),
    reference = referenceOf(node),
    items = [answer('words')],
    stage = 'initial',
    at = '2026-11-25T09:30:00.000Z',
    logTime = new Date(),
    more = {},
  }: Reported = {},
): Arrived {
  const record = {
    from: 'portal',
    to: node,
    kind: 'report',
    id: id(),
    at,
    clause: 'encourage-engagement',
    organisation: organisation.id,
    reference,
    stage,
    items: items.map(openItemRef),
  } as unknown as MessageRecord
  return { record, statement: 'signed', payload: Buffer.from(canonical({ organisation, stage, items, ...more })), logTime }
}

/** Runs the handler as the gateway does, and gives what it put on the way out. */
async function arrives(
  node: AuthorityId,
  message: Arrived,
  hooks: ReportHooks = {},
): Promise<{ to: string; kind: string; prepared: Prepared }[]> {
  const out: { to: string; kind: string; prepared: Prepared }[] = []
  await transact(houses[node].gateway, (tx) =>
    keepReport(node, hooks)(
      tx,
      message,
      async (_tx, to, kind, prepared) => {
        out.push({ to, kind, prepared })
        return id()
      },
      as(),
    ),
  )
  return out
}

async function caseOf(node: AuthorityId, reference: unknown) {
  return (await allCases(houses[node].desk)).find((one) => one.reference === reference)!
}

test('[encourage-engagement] a report opens a case with its reference, keeps its items in confidence, and is answered with a receipt', async () => {
  const message = report('ncsc', {
    items: [answer('one'), answer({ notYetKnown: true }, 'q39'), answer(['a', 'b'], 'q34'), answer('nul \u0000 inside', 'q50')],
  })
  const [receipt] = await arrives('ncsc', message)
  const { organisation, reference, items } = message.record
  assert.equal(receipt!.to, 'portal')
  assert.deepEqual(receipt!.prepared, {
    clause: 'encourage-engagement',
    chain: organisation,
    members: { organisation, for: message.record.id, about: 'report', state: 'accepted', reference, items, via: 'in-confidence' },
  })
  const found = await caseOf('ncsc', reference)
  const kept = await itemsOfCase(houses.ncsc.desk, found.id)
  assert.deepEqual(new Set(kept.map(openItemRef)), new Set(items))
  assert.ok(kept.every((item) => item.via === 'in-confidence' && item.kind === 'answer' && item.origins.join() === organisation))
})

test('[regimes] at the ICO a report is statutory', async () => {
  const message = report('ico')
  const [receipt] = await arrives('ico', message)
  assert.equal(receipt!.prepared.members['via'], 'statutory')
  assert.equal((await caseOf('ico', message.record['reference'])).opened_by_door, 2)
})

test('a later stage with the same reference goes into the same case, another organisation\u2019s does not', async () => {
  const organisation = company()
  const reference = referenceOf('ncsc')
  await arrives('ncsc', report('ncsc', { organisation, reference }))
  await arrives('ncsc', report('ncsc', { organisation, reference, stage: 'update' }))
  assert.equal((await itemsOfCase(houses.ncsc.desk, (await caseOf('ncsc', reference)).id)).length, 2)
  await assert.rejects(arrives('ncsc', report('ncsc', { reference })), refuses('envelope-invalid'))
  assert.equal((await itemsOfCase(houses.ncsc.desk, (await caseOf('ncsc', reference)).id)).length, 2)
})

test('two first stages at once make one case', async () => {
  const organisation = company()
  const reference = referenceOf('ncsc')
  await Promise.all(Array.from({ length: 4 }, () => arrives('ncsc', report('ncsc', { organisation, reference }))))
  assert.equal((await allCases(houses.ncsc.desk)).filter((one) => one.reference === reference).length, 1)
})

test('a report that is refused leaves nothing behind', async () => {
  const message = report('ncsc')
  message.record.items = [openItemRef(answer('another'))]
  await assert.rejects(arrives('ncsc', message), refuses('envelope-invalid'))
  assert.equal(await caseOf('ncsc', message.record['reference']), undefined)
})

test('an item id that is already here is refused: nobody overwrites or hides another\u2019s answer', async () => {
  const item = answer('first')
  await arrives('ncsc', report('ncsc', { items: [item] }))
  await assert.rejects(arrives('ncsc', report('ncsc', { items: [item] })), refuses('replayed-differently'))
  await assert.rejects(arrives('ncsc', report('ncsc', { items: [{ ...item, value: 'second' }] })), refuses('replayed-differently'))
})

test('a message for another node, or not from the portal, is refused', async () => {
  const message = report('ncsc')
  await assert.rejects(arrives('ico', message), refuses('flow-not-allowed'))
  await assert.rejects(arrives('ncsc', { ...message, record: { ...message.record, from: 'ico' } }), refuses('flow-not-allowed'))
})

test('[consent-before-disclosure] a finding and a note inherit every origin of the case', async () => {
  const [first, second] = [company(), id()]
  const message = report('ncsc', { organisation: first })
  await arrives('ncsc', message)
  const found = await caseOf('ncsc', message.record['reference'])
  await transact(houses.ncsc.gateway, (tx) =>
    query(tx, 'insert into casework.item_origins values ($1, $2)', [message.record.items![0]!.id, second]),
  )
  const finding = await transact(houses.ncsc.desk, (tx) =>
    recordFinding(tx, { case: found.id, question: 'finding', value: 'They came in by the gateway.', node: 'ncsc' }, as('handler')),
  )
  const note = await transact(houses.ncsc.desk, (tx) =>
    writeNote(tx, { case: found.id, text: 'Rang back.', node: 'ncsc' }, as('duty-officer')),
  )
  const origins = [first.id, second].sort()
  const kept = (await itemsOfCase(houses.ncsc.desk, found.id)).find((item) => item.id === finding)!
  assert.deepEqual([kept.origins, kept.kind, kept.value], [origins, 'finding', 'They came in by the gateway.'])
  const noted = await query<{ organisation: string }>(
    houses.ncsc.desk,
    'select organisation from casework.note_origins where note = $1 order by 1',
    [note],
  )
  assert.deepEqual(
    noted.map((row) => row.organisation),
    origins,
  )
  assert.deepEqual(
    (await notesOfCase(houses.ncsc.desk, found.id)).map(({ text, author_role }) => [text, author_role]),
    [['Rang back.', 'duty-officer']],
  )
  assert.equal((await caseOfItem(houses.ncsc.desk, finding))!.id, found.id)
})

test('who may read, write and find: the roles of the table, and nobody else', async () => {
  const message = report('ncsc')
  await arrives('ncsc', message)
  const { id: own } = await caseOf('ncsc', message.record['reference'])
  const { desk } = houses.ncsc
  for (const role of ['duty-officer', 'handler', 'releasing-officer'])
    await caseFor(desk, { id: own, right: 'read', node: 'ncsc' }, as(role))
  for (const role of ['legal', 'administrator', 'auditor', 'press-officer', 'case-officer'])
    await assert.rejects(caseFor(desk, { id: own, right: 'read', node: 'ncsc' }, as(role)), refuses('role-missing'))
  await assert.rejects(
    transact(desk, (tx) => writeNote(tx, { case: own, text: 'x', node: 'ncsc' }, as('releasing-officer'))),
    refuses('role-missing'),
  )
  await assert.rejects(
    transact(desk, (tx) => recordFinding(tx, { case: own, question: 'finding', value: 'x', node: 'ico' }, as('case-officer', 'handler'))),
    refuses('role-missing'),
  )
  for (const missing of [id(), 'no-id'])
    await assert.rejects(caseFor(desk, { id: missing, right: 'read', node: 'ncsc' }, as('handler')), refuses('not-found'))
})

test('items for disclosure come with what opens them and all they came from; one of another case is not found', async () => {
  const [mine, other] = [report('ncsc', { items: [answer('a'), answer('b')] }), report('ncsc')]
  await arrives('ncsc', mine)
  await arrives('ncsc', other)
  const found = await caseOf('ncsc', mine.record['reference'])
  const ids = mine.record.items!.map((item) => item.id).reverse()
  const items = await transact(houses.ncsc.gateway, (tx) => itemsForDisclosure(tx, found.id, ids))
  assert.deepEqual(
    items.map((item) => item.id),
    ids,
  )
  assert.ok(items.every((item) => openItemRef(item).commitment === item.commitment && item.origins.join() === mine.record.organisation))
  const foreign = other.record.items![0]!.id
  await assert.rejects(
    transact(houses.ncsc.gateway, (tx) => itemsForDisclosure(tx, found.id, [...ids, foreign])),
    (error) => error instanceof Refusal && error.code === 'not-found' && error.detail.items?.join() === foreign,
  )
})

const disclosed = (item: OpenItem, organisation: string): DisclosedItem => ({
  ...item,
  permission: 'jti-1',
  origins: [organisation],
  kind: 'answer',
})

async function discloses(organisation: ReturnType<typeof company>, items: DisclosedItem[], record = id()): Promise<string> {
  return transact(houses.ico.gateway, (tx) => keepDisclosed(tx, { record, organisation, items, rules: ['Consult first'] }, as()))
}

test('what was disclosed goes to the organisation\u2019s only case, with permission and rules', async () => {
  const message = report('ico')
  await arrives('ico', message)
  const found = await caseOf('ico', message.record['reference'])
  const organisation = { ...company(), id: message.record.organisation! }
  const item = answer('permitted')
  assert.equal(await discloses(organisation, [disclosed(item, organisation.id)]), found.id)
  const kept = (await itemsOfCase(houses.ico.desk, found.id)).find((one) => one.id === item.id)!
  assert.deepEqual([kept.via, kept.permission, kept.rules, kept.value], ['permission', 'jti-1', ['Consult first'], 'permitted'])
})

test('for an organisation with no case one is opened by door 3, once', async () => {
  const organisation = company()
  const first = await discloses(organisation, [disclosed(answer('a'), organisation.id)])
  assert.equal(await discloses(organisation, [disclosed(answer('b'), organisation.id)]), first)
  const opened = (await allCases(houses.ico.desk)).find((one) => one.id === first)!
  assert.equal(opened.opened_by_door, 3)
  assert.match(opened.reference, /^ICO(-[2-9A-Z]{4}){2}$/)
})

test('[consent-before-disclosure] a recall restricts the copies of that disclosure from that moment, once; permitted again, the item is shown again', async () => {
  const organisation = company()
  const [item, other] = [answer('a'), answer('b')]
  const [record, second] = [id(), id()]
  const found = await discloses(organisation, [disclosed(item, organisation.id)], record)
  await discloses(organisation, [disclosed(other, organisation.id)], second)
  const withdrawn = { disclosure: record, permission: id(), organisation: organisation.id, items: [item.id, other.id], recall: id() }
  const recall = () => transact(houses.ico.gateway, (tx) => restrict(tx, withdrawn, as()))
  assert.deepEqual(await recall(), [openItemRef(item)])
  const since = (await itemsOfCase(houses.ico.desk, found)).find((one) => one.id === item.id)!.restricted_since
  assert.ok(since)
  assert.deepEqual(await recall(), [openItemRef(item)])
  const after = await itemsOfCase(houses.ico.desk, found)
  assert.deepEqual(after.find((one) => one.id === item.id)!.restricted_since, since)
  assert.equal(after.find((one) => one.id === other.id)!.restricted_since, null)
  await assert.rejects(
    transact(houses.ico.gateway, (tx) => itemsForDisclosure(tx, found, [item.id])),
    refuses('not-found'),
  )
  await discloses(organisation, [disclosed(item, organisation.id)])
  const again = (await itemsOfCase(houses.ico.desk, found)).filter((one) => one.id === item.id)
  assert.deepEqual(
    again.map((one) => one.restricted_since),
    [null],
  )
})

test('a disclosure cannot put something else in the place of what is here', async () => {
  const message = report('ico')
  await arrives('ico', message)
  const organisation = { ...company(), id: message.record.organisation! }
  const own = { ...answer('x'), id: message.record.items![0]!.id }
  await assert.rejects(discloses(organisation, [disclosed(own, organisation.id)]), refuses('replayed-differently'))
  const item = answer('a')
  await discloses(organisation, [disclosed(item, organisation.id)])
  await assert.rejects(discloses(organisation, [disclosed({ ...item, value: 'b' }, organisation.id)]), refuses('replayed-differently'))
  await assert.rejects(
    discloses(organisation, [disclosed(item, organisation.id), disclosed(item, organisation.id)]),
    refuses('replayed-differently'),
  )
})

test('a desk can neither open a case, nor add what claims to have arrived, nor change or remove anything', async () => {
  const message = report('ico')
  await arrives('ico', message)
  const { desk, gateway } = houses.ico
  const row = `insert into casework.items (id, record, case_id, question, value, salt, commitment, kind, via, permission, marking, added_at)
    select gen_random_uuid(), gen_random_uuid(), case_id, question, value, salt, commitment, kind, 'permission', 'jti', marking, added_at from casework.items limit 1`
  for (const text of [
    row,
    'update casework.items set restricted_since = now()',
    'delete from casework.items',
    'delete from casework.notes',
    'delete from casework.findings',
    'update casework.findings set value = value',
    "update casework.notes set text = ''",
    'delete from casework.item_origins',
    'update casework.cases set reference = reference',
    'insert into casework.cases select gen_random_uuid(), reference || 1, organisation, organisation_name, organisation_verified, opened_at, 2 from casework.cases',
  ])
    await assert.rejects(query(desk, text), /permission denied/, text)
  for (const text of [
    'delete from casework.items',
    'update casework.items set commitment = commitment',
    'select * from casework.notes',
    'delete from casework.cases',
    'insert into casework.findings select * from casework.findings',
  ])
    await assert.rejects(query(gateway, text), /permission denied/, text)
})

/** The desk as people ask it, over HTTP; the token is the role. */
async function asks(
  node: AuthorityId,
  method: 'GET' | 'POST',
  url: string,
  role?: string,
  json?: unknown,
): Promise<{ status: number; body: any }> {
  const web = await createWeb({
    node,
    title: node,
    origin: 'http://localhost:3001',
    log: silentLog,
    pages: [],
    endpoints: api({ db: houses[node].desk, node, reading }),
    authenticate: async ({ bearer }) =>
      bearer ? { actor: as(bearer).actor, credential: { kind: 'token', id: bearer, scopes: tokenScopes, expires: new Date() } } : undefined,
    makeCtx: (actor) => ({ ...as(), actor }),
    health: async () => ({ ready: true, checks: {} }),
  })
  const headers = {
    host: 'localhost:3001',
    ...(role && { authorization: `Bearer ${role}` }),
    ...(json !== undefined && { 'content-type': 'application/json' }),
  }
  const response = await web.inject({ method, url, headers, ...(json !== undefined && { payload: JSON.stringify(json) }) })
  await web.close()
  return { status: response.statusCode, body: response.json() }
}

test('over HTTP a handler reads the case, writes a note and finds; the documented shapes hold', async () => {
  const message = report('ncsc')
  await arrives('ncsc', message)
  const { cases } = (await asks('ncsc', 'GET', '/api/v1/cases', 'releasing-officer')).body
  const line = cases.find((one: { reference: string }) => one.reference === message.record['reference'])
  assert.deepEqual([line.organisation, line.organisationId], ['Marlow Fresh Limited', message.record.organisation])
  const path = `/api/v1/cases/${line.id}`
  assert.equal((await asks('ncsc', 'POST', `${path}/notes`, 'handler', { text: 'Rang back.' })).status, 201)
  const found = await asks('ncsc', 'POST', `${path}/findings`, 'handler', { question: 'how-they-got-in', text: 'By the gateway.' })
  assert.equal((await asks('ncsc', 'POST', `${path}/findings`, 'handler', { value: { notYetKnown: true } })).status, 201)
  const { body } = await asks('ncsc', 'GET', path, 'duty-officer')
  assert.deepEqual(
    body.notes.map((one: { text: string; role: string }) => [one.text, one.role]),
    [['Rang back.', 'handler']],
  )
  const finding = body.items.find((one: { id: string }) => one.id === found.body.id)
  assert.deepEqual(
    [finding.question, finding.value, finding.via, finding.kind, finding.origins],
    ['how-they-got-in', 'By the gateway.', 'in-confidence', 'finding', [message.record.organisation]],
  )
  for (const body of [{ text: 'a', value: 'b' }, {}, { text: ' ' }, { question: 'Not An Id', text: 'a' }, { value: null }])
    assert.equal((await asks('ncsc', 'POST', `${path}/findings`, 'handler', body)).status, 400, JSON.stringify(body))
})

test('over HTTP nobody else gets in, and the ICO has no findings', async () => {
  const message = report('ico')
  await arrives('ico', message)
  const path = `/api/v1/cases/${(await caseOf('ico', message.record['reference'])).id}`
  assert.equal((await asks('ico', 'GET', path, 'case-officer')).status, 200)
  assert.deepEqual(
    [
      (await asks('ico', 'GET', path)).status,
      (await asks('ico', 'GET', path, 'policy')).status,
      (await asks('ncsc', 'GET', path, 'handler')).status,
    ],
    [401, 403, 404],
  )
  assert.equal((await asks('ico', 'POST', `${path}/findings`, 'case-officer', { text: 'x' })).status, 404)
  assert.equal((await asks('ncsc', 'POST', `/api/v1/cases/${id()}/notes`, 'releasing-officer', { text: 'x' })).status, 403)
})

test('over HTTP what was recalled is listed without its value', async () => {
  const organisation = company()
  const [record, item] = [id(), answer('CANARY')]
  const found = await discloses(organisation, [disclosed(item, organisation.id)], record)
  const shown = async () => (await asks('ico', 'GET', `/api/v1/cases/${found}`, 'investigator')).body.items[0]
  assert.deepEqual([(await shown()).value, (await shown()).permission, (await shown()).rules], ['CANARY', 'jti-1', ['Consult first']])
  await transact(houses.ico.gateway, (tx) =>
    restrict(tx, { disclosure: record, permission: id(), organisation: organisation.id, items: [item.id], recall: id() }, as()),
  )
  const restricted = await shown()
  assert.ok(restricted.restricted && !('value' in restricted) && !JSON.stringify(restricted).includes('CANARY'))
})

const told = (minute: number) => `2026-11-25T09:${String(minute).padStart(2, '0')}:00.000Z`
const LONG_AGO = new Date(Date.now() - 8 * 86_400_000)

/** An organisation that told the NCSC one thing, and how it tells more. */
async function reportedOnce(node: AuthorityId = 'ncsc', value: unknown = 300) {
  const organisation = company()
  const reference = referenceOf(node)
  const first = answer(value, 'q36')
  const again = (more: Reported, hooks?: ReportHooks) =>
    arrives(node, report(node, { organisation, reference, stage: 'update', ...more }), hooks)
  await arrives(node, report(node, { organisation, reference, items: [first], at: told(1) }))
  const whole = async (role = node === 'ico' ? 'case-officer' : 'handler') =>
    (await asks(node, 'GET', `/api/v1/cases/${(await caseOf(node, reference)).id}`, role)).body
  return { organisation, reference, first, again, whole }
}

const statesIn = (whole: any, ...items: OpenItem[]) => items.map(({ id: one }) => whole.items.find((row: any) => row.id === one).state)

test('later answers are folded over earlier ones, whichever arrived first; nothing is overwritten', async () => {
  const { first, again, whole } = await reportedOnce()
  const [last, middle] = [answer(5_000, 'q36'), answer(700, 'q36')]
  await again({ items: [last], stage: 'final', at: told(3) })
  await again({ items: [middle], at: told(2) })
  const found = await whole()
  assert.deepEqual(statesIn(found, first, middle, last), ['superseded', 'superseded', 'current'])
  assert.deepEqual(
    found.answers.map(({ current, history }: any) => [current, history]),
    [[last.id, [first.id, middle.id, last.id]]],
  )
  assert.deepEqual([found.stage, found.items.map(({ value }: any) => value).sort()], ['final', [300, 5000, 700]])
  const item = found.items.find((row: any) => row.id === last.id)
  assert.deepEqual(
    [item.stage, item.door, item.handling, item.marking],
    [
      'final',
      { number: 1, clause: 'encourage-engagement' },
      ['NCSC only; leaves only by door 3 with signed permission'],
      'OFFICIAL-SENSITIVE',
    ],
  )
})

test('a correction marks what was wrong with its reason, and takes its place', async () => {
  const { first, again, whole } = await reportedOnce()
  const right = answer(450, 'q36')
  await again({ items: [right], at: told(2), more: { corrections: [{ item: right.id, corrects: first.id, why: 'Counted twice.' }] } })
  const found = await whole()
  assert.deepEqual(statesIn(found, first, right), ['corrected', 'current'])
  const shown = found.items.find((row: any) => row.id === right.id)
  assert.deepEqual([shown.corrects, shown.why], [first.id, 'Counted twice.'])
})

test('a correction is refused where it names another question, another case, or what this body found or was permitted', async () => {
  const { first, again, whole } = await reportedOnce()
  const other = await reportedOnce()
  const { id: own } = await whole()
  const finding = await transact(houses.ncsc.desk, (tx) =>
    recordFinding(tx, { case: own, question: 'q36', value: 'More than they say.', node: 'ncsc' }, as('handler')),
  )
  const refusedFor = async (question: string, corrects: string): Promise<void> => {
    const item = answer(1, question)
    const more = { corrections: [{ item: item.id, corrects, why: 'Wrong.' }] }
    await assert.rejects(again({ items: [item], more }), refuses('envelope-invalid'))
  }
  await refusedFor('q35', first.id)
  await refusedFor('q36', other.first.id)
  await refusedFor('q36', finding)
  const atIco = await reportedOnce('ico')
  const permitted = answer(9, 'q36')
  await discloses(atIco.organisation, [disclosed(permitted, atIco.organisation.id)])
  const item = answer(1, 'q36')
  const more = { corrections: [{ item: item.id, corrects: permitted.id, why: 'Wrong.' }] }
  await assert.rejects(atIco.again({ items: [item], more }), refuses('envelope-invalid'))
  assert.equal((await whole()).items.length, 2)
})

test('a correction that overtakes what it corrects is put off, not lost; one of what never comes is refused', async () => {
  const organisation = company()
  const reference = referenceOf('ico')
  const [first, right] = [answer(300, 'q36'), answer(450, 'q36')]
  const more = { corrections: [{ item: right.id, corrects: first.id, why: 'Counted twice.' }] }
  const correction = (logTime = new Date()) =>
    report('ico', { organisation, reference, stage: 'update', items: [right], at: told(2), logTime, more })
  await assert.rejects(arrives('ico', correction()), (error) => !(error instanceof Refusal))
  assert.equal(await caseOf('ico', reference), undefined)
  await assert.rejects(arrives('ico', correction(LONG_AGO)), refuses('envelope-invalid'))
  await arrives('ico', report('ico', { organisation, reference, items: [first], at: told(1) }))
  await arrives('ico', correction())
  const { id: own } = await caseOf('ico', reference)
  assert.deepEqual(statesIn((await asks('ico', 'GET', `/api/v1/cases/${own}`, 'case-officer')).body, first, right), [
    'corrected',
    'current',
  ])
})

test('[consent-before-disclosure] what came by permission is shown beside the organisation\u2019s own answer, with the conditions that bind it', async () => {
  const { organisation, first, whole } = await reportedOnce('ico')
  const permitted = answer(5_000, 'q36')
  await discloses(organisation, [disclosed(permitted, organisation.id)])
  const found = await whole()
  assert.deepEqual(statesIn(found, first, permitted), ['current', 'current'])
  assert.deepEqual(
    found.answers.map(({ via, history }: any) => [via, history]),
    [
      ['permission', [permitted.id]],
      ['statutory', [first.id]],
    ],
  )
  const shown = found.items.find((row: any) => row.id === permitted.id)
  assert.deepEqual([shown.door.number, shown.handling, shown.stage], [3, ['Consult first'], undefined])
})

test('a part of a report that no module here takes is refused with all of it; a hook may refuse, and sees the case', async () => {
  const { reference, again } = await reportedOnce()
  const { id: own } = await caseOf('ncsc', reference)
  const item = answer({ name: 'a.log' }, 'attachment')
  const hash = Buffer.alloc(32).toString('base64url')
  const more = { blobs: [{ item: item.id, id: id(), key: hash, length: 1, size: 96, sha256: hash }] }
  await assert.rejects(again({ items: [item], more }), refuses('flow-not-allowed'))
  const seen: unknown[] = []
  const blobs = async (_tx: unknown, given: { case: string; blobs: unknown[] }) => void seen.push(given.case, given.blobs)
  await again({ items: [item], more }, { blobs })
  assert.deepEqual(seen, [own, more.blobs])
  const enquiry = id()
  const reply = answer('No.', `asked-${enquiry}`)
  await assert.rejects(again({ items: [reply] }), refuses('flow-not-allowed'))
  const not = async () => {
    throw new Refusal('envelope-invalid')
  }
  await assert.rejects(again({ items: [reply] }, { answered: not }), refuses('envelope-invalid'))
  await again({ items: [reply] }, { answered: async (_tx, given) => assert.deepEqual(given, { case: own, enquiries: [enquiry] }) })
})

test('the list of cases says how far each came, and near misses can be had alone', async () => {
  const { reference, organisation } = await reportedOnce()
  const missed = referenceOf('ncsc')
  await arrives('ncsc', report('ncsc', { reference: missed, more: { nearMiss: true } }))
  await arrives('ncsc', report('ncsc', { organisation, reference, stage: 'update', items: [answer('x', 'q43')], at: told(4) }))
  const list = async (filter = '') =>
    (await asks('ncsc', 'GET', `/api/v1/cases${filter}`, 'handler')).body.cases.filter((one: any) =>
      [reference, missed].includes(one.reference),
    )
  assert.deepEqual(
    (await list()).map((one: any) => [one.reference, one.stage, one.nearMiss, one.openEnquiries, one.age, typeof one.lastReceivedAt]),
    [
      [reference, 'update', false, 0, 0, 'string'],
      [missed, 'initial', true, 0, 0, 'string'],
    ],
  )
  const only = async (filter: string) => (await list(filter)).map((one: any) => one.reference)
  assert.deepEqual([await only('?near-miss=true'), await only('?near-miss=false')], [[missed], [reference]])
  assert.equal((await asks('ncsc', 'GET', '/api/v1/cases?near-miss=perhaps', 'handler')).status, 400)
  const organisationOfNobody = company()
  const opened = await discloses(organisationOfNobody, [disclosed(answer('a'), organisationOfNobody.id)])
  const { body } = await asks('ico', 'GET', `/api/v1/cases/${opened}`, 'triage')
  assert.deepEqual([body.stage, body.nearMiss, typeof body.lastReceivedAt], [undefined, false, 'string'])
})

test('the timeline tells what happened, oldest first, recalls included, and only to whoever may read the case', async () => {
  const { organisation, reference, first, again } = await reportedOnce('ico')
  const right = answer(450, 'q36')
  const corrections = [{ item: right.id, corrects: first.id, why: 'Counted twice.' }]
  await again({ items: [right], at: told(2), more: { corrections } })
  const { id: own } = await caseOf('ico', reference)
  await transact(houses.ico.desk, (tx) => writeNote(tx, { case: own, text: 'Rang them.', node: 'ico' }, as('triage')))
  const [record, item] = [id(), answer('CANARY', 'q42')]
  await discloses(organisation, [disclosed(item, organisation.id)], record)
  await transact(houses.ico.gateway, (tx) =>
    restrict(tx, { disclosure: record, permission: id(), organisation: organisation.id, items: [item.id], recall: id() }, as()),
  )
  await discloses(organisation, [disclosed(item, organisation.id)])
  const { body } = await asks('ico', 'GET', `/api/v1/cases/${own}/timeline`, 'legal-adviser')
  assert.deepEqual(
    body.timeline.map(({ kind }: any) => kind),
    ['report', 'report', 'correction', 'note', 'disclosure', 'recall', 'disclosure'],
  )
  const [reported, , correction, note, disclosure, recall] = body.timeline
  assert.deepEqual([reported.stage, reported.items], ['initial', [{ id: first.id, question: 'q36' }]])
  assert.deepEqual([correction.corrects, correction.why], [first.id, 'Counted twice.'])
  assert.deepEqual([note.text, note.role], ['Rang them.', 'triage'])
  assert.deepEqual([disclosure.id, disclosure.permissions, recall.id], [record, ['jti-1'], record])
  assert.ok(!JSON.stringify(body).includes('CANARY'))
  assert.deepEqual(
    [
      (await asks('ico', 'GET', `/api/v1/cases/${own}/timeline`, 'policy')).status,
      (await asks('ico', 'GET', `/api/v1/cases/${id()}/timeline`, 'triage')).status,
    ],
    [403, 404],
  )
})

test('neither part may change what a correction says, and a desk makes none', async () => {
  for (const text of ['delete from casework.corrections', "update casework.corrections set why = ''"]) {
    await assert.rejects(query(houses.ico.desk, text), /permission denied/, text)
    await assert.rejects(query(houses.ico.gateway, text), /permission denied/, text)
  }
  await assert.rejects(query(houses.ico.desk, 'insert into casework.corrections select * from casework.corrections'), /permission denied/)
})
