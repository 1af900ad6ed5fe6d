import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { canonical } from '#platform/canonical'
import { systemRandom, type Ctx } from '#platform/context'
import { closeDb, openDb, query, transact, type Db } from '#platform/db'
import { Refusal, type RefusalCode } from '#platform/errors'
import { newReference } from '#platform/ids'
import { silentLog } from '#platform/log'
import { payloadHash, type Arrived, type AuthorityId, type MessageRecord, type QueuedRequest } from '#exchange'
import { FolderKeys } from '#reporting'
import { freshDatabase, type FreshDatabase } from '../../../checks/database.ts'
import { enquiriesForBundle, enquiriesIn, keepEnquiry, reply } from './answering.ts'
import { answered, ask, asking, prepareEnquiry, takeBack } from './asking.ts'
import { askedInCase } from './store.ts'

type House = { database: FreshDatabase; desk: Db; gateway: Db; owner: Db }
let body: House
let portal: House
let keys: string
let folders: FolderKeys

async function house(modules: string[]): Promise<House> {
  const database = await freshDatabase(modules)
  return { database, desk: openDb(database.deskUrl), gateway: openDb(database.gatewayUrl), owner: openDb(database.ownerUrl, { max: 1 }) }
}

before(async () => {
  body = await house(['ledger', 'exchange', 'casework', 'enquiries'])
  portal = await house(['ledger', 'exchange', 'identity', 'reporting', 'enquiries'])
  keys = await mkdtemp(join(tmpdir(), 'concordat-folders-'))
  folders = new FolderKeys(keys)
})
after(async () => {
  for (const { database, desk, gateway, owner } of [body, portal]) {
    await Promise.all([closeDb(desk), closeDb(gateway), closeDb(owner)])
    await database.drop()
  }
  await rm(keys, { recursive: true, force: true })
})

const id = () => systemRandom.uuid()
const known = new Set(['q34'])
const acting = (actor: Partial<Ctx['actor']>): Ctx => ({
  now: () => new Date(),
  random: systemRandom,
  log: silentLog,
  actor: { id: id(), name: 'Somebody', roles: [], ...actor },
})
const as = (...roles: string[]) => acting({ roles })
const refuses = (code: RefusalCode) => (error: unknown) => error instanceof Refusal && error.code === code

// At the body

async function opensCase(door = 2): Promise<{ id: string; organisation: string; reference: string }> {
  const found = { id: id(), organisation: id(), reference: newReference('ICO', systemRandom) }
  await query(
    body.owner,
    `insert into casework.cases (id, reference, organisation, organisation_name, organisation_verified, opened_at, opened_by_door)
     values ($1, $2, $3, 'Marlow Fresh Ltd', true, now(), $4)`,
    [found.id, found.reference, found.organisation, door],
  )
  return found
}

const asks = (caseId: string, text: string, ctx = as('case-officer'), node: AuthorityId = 'ico') =>
  transact(body.desk, (tx) => ask(tx, { case: caseId, node, typed: { text }, known }, ctx))
const takesBack = (caseId: string, enquiry: string, ctx = as('case-officer')) =>
  transact(body.desk, (tx) => takeBack(tx, { case: caseId, enquiry, node: 'ico' }, ctx))
const prepares = (request: Partial<QueuedRequest>, node: AuthorityId = 'ico') =>
  transact(body.gateway, (tx) =>
    prepareEnquiry(node)(tx, { kind: 'enquiry', to: 'portal', body: {}, actor: { id: 'x', roles: [] }, ...request } as QueuedRequest, as()),
  )

async function answers(caseId: string, enquiry: string): Promise<void> {
  await query(
    body.owner,
    `insert into casework.items (id, record, case_id, question, value, salt, commitment, kind, via, marking, added_at)
     values (gen_random_uuid(), gen_random_uuid(), $1, $2, '"Words."', '', '', 'answer', 'statutory', 'OFFICIAL-SENSITIVE', now())`,
    [caseId, `asked-${enquiry}`],
  )
}

test('[regimes] what an officer asks is sent as it was kept, and by nothing the request says', async () => {
  const found = await opensCase()
  const one = await asks(found.id, 'How many people?')
  assert.deepEqual(await prepares({ id: one, body: { text: 'Something else', organisation: id() } }), {
    clause: 'regimes',
    members: { organisation: found.organisation, reference: found.reference },
    payload: Buffer.from(canonical({ text: 'How many people?' })),
    chain: found.organisation,
  })
  await assert.rejects(prepares({ id: id() }), refuses('not-found'))
  await assert.rejects(prepares({ id: one, to: 'ncsc' }), refuses('flow-not-allowed'))
})

test('who may ask, and who may not', async () => {
  const { id: own } = await opensCase()
  for (const role of ['triage', 'case-officer', 'investigator']) await asks(own, `May ${role} ask?`, as(role))
  for (const role of ['technical-adviser', 'legal-adviser', 'administrator', 'handler'])
    await assert.rejects(asks(own, `May ${role} ask?`, as(role)), refuses('role-missing'))
  await assert.rejects(asks(own, 'May a case officer at the NCSC?', as('case-officer'), 'ncsc'), refuses('role-missing'))
  await assert.rejects(asks(id(), 'Where?'), refuses('not-found'))
  const one = await asks(own, 'And take back?')
  await assert.rejects(takesBack(own, one, as('legal-adviser')), refuses('role-missing'))
})

test('the same words are asked once, also by two at once; twenty may be open, and an answer or taking back makes room', async () => {
  const { id: own } = await opensCase()
  const together = await Promise.allSettled(['How many?', 'how  many?', 'HOW MANY?'].map((text) => asks(own, text)))
  assert.equal(together.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const one of together) if (one.status === 'rejected') assert.ok(refuses('already-asked')(one.reason))
  const more = await Promise.allSettled(Array.from({ length: 24 }, (_, n) => asks(own, `Question ${n}?`)))
  assert.equal(more.filter(({ status }) => status === 'fulfilled').length, 19)
  for (const one of more) if (one.status === 'rejected') assert.ok(refuses('too-many-open')(one.reason))
  const [first, second] = await askedInCase(body.desk, own)
  await answers(own, first!.id)
  await asks(own, 'In the place of the first?')
  await assert.rejects(asks(own, 'One too many?'), refuses('too-many-open'))
  await takesBack(own, second!.id)
  await asks(own, 'In the place of the second?')
  assert.deepEqual(
    (await askedInCase(body.desk, own)).map(({ nth }) => nth),
    Array.from({ length: 22 }, (_, n) => n + 1),
  )
})

test('a case that only a disclosure opened asks nobody: its reference was never given to an organisation', async () => {
  const { id: own } = await opensCase(3)
  await assert.rejects(asks(own, 'Are you there?'), refuses('not-reported'))
})

test('a question is taken back once, by its own case, while nobody has answered; the organisation is told which', async () => {
  const [found, other] = [await opensCase(), await opensCase()]
  const one = await asks(found.id, 'How many people?')
  await assert.rejects(takesBack(other.id, one), refuses('not-found'))
  await assert.rejects(takesBack(found.id, 'no-id'), refuses('not-found'))
  await takesBack(found.id, one)
  await assert.rejects(takesBack(found.id, one), refuses('already-done'))
  const [record] = await query<{ id: string }>(body.desk, 'select id from enquiries.taken_back where enquiry = $1', [one])
  const { organisation, reference } = found
  assert.deepEqual(await prepares({ id: record!.id }), {
    clause: 'regimes',
    members: { organisation, reference, withdraws: one },
    chain: organisation,
  })
  const two = await asks(found.id, 'And since when?')
  await answers(found.id, two)
  await assert.rejects(takesBack(found.id, two), refuses('already-done'))
  const told = await asking.inCase(body.desk, found.id)
  assert.deepEqual(
    told.map(({ text, withdrawn }) => [text, withdrawn !== undefined]),
    [
      ['How many people?', true],
      ['And since when?', false],
    ],
  )
  assert.deepEqual(await asking.standing(body.desk, found.id), [{ id: two, case: found.id }])
})

test('[consent-before-disclosure] an answer counts only for what this body asked in that very case', async () => {
  const [found, other] = [await opensCase(), await opensCase()]
  const [one, elsewhere] = [await asks(found.id, 'How many?'), await asks(other.id, 'How many?')]
  const says = (...enquiries: string[]) => transact(body.gateway, (tx) => answered(tx, { case: found.id, enquiries }))
  await says(one)
  for (const enquiries of [[elsewhere], [id()], ['x'], [one, id()]]) await assert.rejects(says(...enquiries), refuses('envelope-invalid'))
})

// At the portal

/** An incident that the organisation told both bodies of. */
async function hasReported(): Promise<{ incident: string; organisation: string; references: Record<AuthorityId, string>; owner: Ctx }> {
  const [incident, organisation] = [id(), id()]
  const references = { ico: newReference('ICO', systemRandom), ncsc: newReference('NCSC', systemRandom) }
  await transact(portal.owner, async (tx) => {
    await query(tx, `insert into identity.organisations (id, name, identifiers, verified) values ($1, 'Marlow Fresh Ltd', '[]', true)`, [
      organisation,
    ])
    await query(
      tx,
      `insert into reporting.incidents (id, folder, organisation, reference, title, created_at, kind) values ($1, $2, $2, $3, '', now(), 'incident')`,
      [incident, organisation, newReference('INC', systemRandom)],
    )
    for (const [to, reference] of Object.entries(references))
      await query(tx, 'insert into reporting.views (id, incident, recipient, reference) values (gen_random_uuid(), $1, $2, $3)', [
        incident,
        to,
        reference,
      ])
  })
  return { incident, organisation, references, owner: acting({ organisation, roles: ['reporter'] }) }
}

type Said = {
  from?: AuthorityId
  organisation: string
  reference: string
  words?: object
  withdraws?: string
  clause?: string
  payload?: Buffer
}

function enquiry({
  from = 'ico',
  organisation,
  reference,
  words = { text: 'How many, vermilion?' },
  withdraws,
  clause,
  payload,
}: Said): Arrived {
  const bytes = payload ?? (withdraws === undefined ? Buffer.from(canonical(words)) : Buffer.alloc(0))
  const record = {
    ...{ id: id(), kind: 'enquiry', from, to: 'portal', organisation, reference, payload: payloadHash(bytes) },
    clause: clause ?? (from === 'ico' ? 'regimes' : 'encourage-engagement'),
    ...(withdraws !== undefined && { withdraws }),
  }
  return { record: record as unknown as MessageRecord, statement: 'signed', payload: bytes, logTime: new Date() }
}

async function arrives(message: Arrived): Promise<string> {
  const nothing = async () => assert.fail('nothing is queued')
  await transact(portal.gateway, (tx) => keepEnquiry(folders)(tx, message, nothing, as()))
  return message.record.id
}

const replies = (incident: string, enquiry: string, value: unknown, ctx: Ctx, declines = false) =>
  transact(portal.desk, (tx) => reply(tx, { incident, enquiry, value, declines }, folders, ctx))

test('an enquiry is kept sealed, and shown to its organisation alone', async () => {
  const { incident, organisation, references, owner } = await hasReported()
  const one = await arrives(enquiry({ organisation, reference: references.ico, words: { text: 'How many, vermilion?', about: 'q34' } }))
  const [shown] = await enquiriesIn(portal.desk, incident, folders, owner)
  assert.deepEqual(
    [shown!.id, shown!.from, shown!.words, shown!.state, shown!.answers],
    [one, 'ico', { text: 'How many, vermilion?', about: 'q34' }, 'open', []],
  )
  const kept = await query<{ row: string }>(portal.owner, 'select r::text as row from enquiries.received as r')
  assert.ok(!JSON.stringify(kept).includes('vermilion') && !JSON.stringify(kept).includes(Buffer.from('vermilion').toString('hex')))
  for (const stranger of [acting({ organisation: id(), roles: ['reporter'] }), acting({ folder: id() }), as('case-officer')])
    await assert.rejects(enquiriesIn(portal.desk, incident, folders, stranger), refuses('not-found'))
})

test('a forged enquiry is refused: a reference of nobody, of the other body, of another organisation, under another clause, or not in words', async () => {
  const mine = await hasReported()
  const { organisation, references } = mine
  const reference = references.ico
  const forged: [string, RefusalCode, Said][] = [
    ['of nobody', 'not-found', { organisation, reference: newReference('ICO', systemRandom) }],
    ['of the other body', 'not-found', { organisation, reference: references.ncsc }],
    ['of the other body, the other way', 'not-found', { from: 'ncsc', organisation, reference }],
    ['of another organisation', 'not-found', { organisation: id(), reference }],
    ['under another clause', 'flow-not-allowed', { organisation, reference, clause: 'consent-before-disclosure' }],
    ['in no words', 'envelope-invalid', { organisation, reference, words: { text: '' } }],
    ['with more than words', 'envelope-invalid', { organisation, reference, words: { text: 'Why?', from: 'ncsc' } }],
    ['a withdrawal that says more', 'envelope-invalid', { organisation, reference, withdraws: id(), payload: Buffer.from('{}') }],
    ['a withdrawal of nobody', 'not-found', { organisation: id(), reference, withdraws: id() }],
  ]
  for (const [what, code, said] of forged) await assert.rejects(arrives(enquiry(said)), refuses(code), what)
  assert.deepEqual(await enquiriesIn(portal.desk, mine.incident, folders, mine.owner), [])
})

test('[encourage-engagement] an answer goes to the body that asked and to nobody else, as a report under its reference', async () => {
  for (const from of ['ncsc', 'ico'] as const) {
    const { incident, organisation, references, owner } = await hasReported()
    const one = await arrives(enquiry({ from, organisation, reference: references[from] }))
    const { filing, to } = await replies(incident, one, 'About 300.', owner)
    assert.equal(to, from)
    const sent = await query<{ recipient: string; reference: string; question: string; peer: string }>(
      portal.owner,
      `select v.recipient, v.reference, i.question, r.peer
       from reporting.submissions as s join reporting.views as v on v.id = s.view
       join reporting.items as i on i.submission = s.id join exchange.requests as r on r.id = s.record
       where s.filing = $1`,
      [filing],
    )
    assert.deepEqual(sent, [{ recipient: from, reference: references[from], question: `asked-${one}`, peer: from }])
    const [shown] = await enquiriesIn(portal.desk, incident, folders, owner)
    assert.deepEqual([shown!.state, shown!.answers.map(({ value }) => value)], ['answered', ['About 300.']])
  }
})

test('a no is told, may be followed by an answer, and not the other way round; the same answer is not filed twice', async () => {
  const { incident, organisation, references, owner } = await hasReported()
  const one = await arrives(enquiry({ organisation, reference: references.ico }))
  const state = async () => (await enquiriesIn(portal.desk, incident, folders, owner))[0]!.state
  await replies(incident, one, { declined: true }, owner, true)
  assert.equal(await state(), 'declined')
  await replies(incident, one, 'About 300.', owner)
  assert.equal(await state(), 'answered')
  await assert.rejects(replies(incident, one, 'About 300.', owner), refuses('already-done'))
  await assert.rejects(replies(incident, one, { declined: true }, owner, true), refuses('already-done'))
  await replies(incident, one, 'About 350.', owner)
  assert.equal((await enquiriesIn(portal.desk, incident, folders, owner))[0]!.answers.length, 3)
})

test('only the organisation\u2019s own people answer, and only those who may file', async () => {
  const [mine, other] = [await hasReported(), await hasReported()]
  const one = await arrives(enquiry({ organisation: mine.organisation, reference: mine.references.ico }))
  await assert.rejects(replies(mine.incident, one, 'x', other.owner), refuses('not-found'))
  await assert.rejects(replies(other.incident, one, 'x', other.owner), refuses('not-found'))
  await assert.rejects(replies(mine.incident, id(), 'x', mine.owner), refuses('not-found'))
  const contact = acting({ organisation: mine.organisation, roles: ['client-contact'] })
  await assert.rejects(replies(mine.incident, one, 'x', contact), refuses('role-missing'))
  assert.equal((await enquiriesIn(portal.desk, mine.incident, folders, contact))[0]!.state, 'open')
})

test('what was taken back is not answered; only its own body takes it back, and before or after it arrives', async () => {
  const { incident, organisation, references, owner } = await hasReported()
  const first = enquiry({ organisation, reference: references.ico })
  const takenBack = await arrives(enquiry({ organisation, reference: references.ico, withdraws: first.record.id }))
  await arrives(first)
  const second = await arrives(enquiry({ organisation, reference: references.ico, words: { text: 'Since when?' } }))
  await arrives(enquiry({ from: 'ncsc', organisation, reference: references.ncsc, withdraws: second }))
  assert.deepEqual(
    (await enquiriesIn(portal.desk, incident, folders, owner)).map(({ id: one, state }) => [one, state]),
    [
      [first.record.id, 'withdrawn'],
      [second, 'open'],
    ],
  )
  await assert.rejects(replies(incident, first.record.id, 'x', owner), refuses('already-done'))
  const given = await enquiriesForBundle(
    portal.desk,
    { id: incident, owner: { organisation }, reference: '', kind: 'incident', createdAt: new Date() },
    folders,
    owner,
  )
  assert.equal(given.find(({ record }) => record === takenBack)!.payload.length, 0)
  assert.deepEqual(JSON.parse(Buffer.from(given.find(({ record }) => record === second)!.payload).toString()), { text: 'Since when?' })
})

test('neither part changes or removes what was asked; the portal\u2019s desk makes up no question, and a body\u2019s gateway asks none', async () => {
  for (const table of ['asked', 'taken_back', 'received', 'withdrawn'])
    for (const db of [body.desk, body.gateway, portal.desk, portal.gateway]) {
      await assert.rejects(query(db, `delete from enquiries.${table}`), /permission denied/)
      await assert.rejects(query(db, `update enquiries.${table} set id = id`), /permission denied/)
    }
  for (const table of ['received', 'withdrawn'])
    await assert.rejects(query(portal.desk, `insert into enquiries.${table} select * from enquiries.${table}`), /permission denied/)
  for (const table of ['asked', 'taken_back'])
    await assert.rejects(query(body.gateway, `insert into enquiries.${table} select * from enquiries.${table}`), /permission denied/)
})
