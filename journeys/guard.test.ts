import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { closeDb, openDb, query, queryOne, type Db } from '#platform/db'
import { nodeNames, type NodeName } from '#platform/home'
import { freshDatabase, type FreshDatabase } from '../checks/database.ts'
import { definitions } from '../src/nodes/run.ts'
import {
  asks,
  atIco,
  caseOf,
  discloses,
  eventually,
  grants,
  inForce,
  permitted,
  requestAt,
  settled,
  startNetwork,
  type Network,
} from './network.ts'
import { tracesInTables } from './traces.ts'

// The second lock: owning a desk entirely does not let one send, and a gateway that is wrong is not believed by its database.

const INSUFFICIENT_PRIVILEGE = '42501'
const NOT_UPDATABLE = '55000'

/** SQLSTATE, or the constraint's name where one refused; undefined where it worked, and then it is undone. */
async function refusalOf(db: Db, text: string, values: unknown[] = []): Promise<string | undefined> {
  const client = await db.pool.connect()
  try {
    await client.query('begin')
    await client.query(text, values)
    return undefined
  } catch (error) {
    return (error as { constraint?: string }).constraint ?? (error as { code: string }).code
  } finally {
    await client.query('rollback')
    client.release()
  }
}

describe('the trigger on the outbox', () => {
  const [marlow, water] = [randomUUID(), randomUUID()]
  const [gate, shared, orphan, misplaced] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()]
  const id = {
    good: randomUUID(),
    water: randomUUID(),
    withdrawn: randomUUID(),
    expired: randomUUID(),
    later: randomUUID(),
    other: randomUUID(),
    portal: randomUUID(),
    left: randomUUID(),
    stopped: randomUUID(),
  }
  const commitment = (item: string) => `commitment of ${item}`
  let database: FreshDatabase
  let owner: Db
  let gateway: Db
  before(async () => {
    database = await freshDatabase(definitions.ncsc.migrations)
    ;[owner, gateway] = [openDb(database.ownerUrl, { max: 1 }), openDb(database.gatewayUrl, { max: 1 })]
    for (const [organisation, items] of [
      [marlow, [gate, shared, orphan]],
      [water, [misplaced]],
    ] as const) {
      const [{ id: caseId }] = (await query<{ id: string }>(
        owner,
        `insert into casework.cases (id, reference, organisation, organisation_name, organisation_verified, opened_at, opened_by_door)
         values (gen_random_uuid(), $1, $2, 'An organisation', true, now(), 1)
         returning id`,
        [`NCSC-${organisation}`, organisation],
      )) as [{ id: string }]
      for (const item of items)
        await query(
          owner,
          `insert into casework.findings (id, case_id, question, value, salt, commitment, marking, found_at, found_by)
           values ($1, $2, 'finding', '"x"', 'salt', $3, 'OFFICIAL-SENSITIVE', now(), 'somebody')`,
          [item, caseId, commitment(item)],
        )
    }
    for (const [item, organisation] of [
      [gate, marlow],
      [shared, marlow],
      [shared, water],
      [misplaced, marlow],
    ])
      await query(owner, 'insert into casework.item_origins (item, organisation) values ($1, $2)', [item, organisation])
    await holds(id.good, marlow)
    await holds(id.water, water)
    await holds(id.withdrawn, marlow, { withdrawn: true })
    await holds(id.expired, marlow, { begins: '-2 hours', ends: '-1 hour' })
    await holds(id.later, marlow, { begins: '1 hour', ends: '2 hours' })
    await holds(id.other, marlow, { purpose: 'national-resilience' })
    await holds(id.portal, marlow, { recipient: 'portal' })
    await query(owner, 'alter table exchange.outbox disable trigger guard_door_3')
    const sent = JSON.stringify({ items: [{ id: gate, commitment: commitment(gate) }] })
    for (const [one, state, attempts] of [
      [id.left, 'accepted', 1],
      [id.stopped, 'cancelled', 0],
    ])
      await query(
        owner,
        `insert into exchange.outbox (id, peer, kind, record, entry, permissions, state, attempts, next_at, queued_at)
         values ($1, 'ico', 'disclosure', $5, gen_random_uuid(), array[$2], $3, $4, now(), now())`,
        [one, id.withdrawn, state, attempts, sent],
      )
    await query(owner, 'alter table exchange.outbox enable trigger guard_door_3')
  })
  after(async () => {
    await Promise.all([closeDb(owner), closeDb(gateway)])
    await database.drop()
  })

  type Term = { begins?: string; ends?: string; purpose?: string; recipient?: string; withdrawn?: boolean }
  async function holds(permission: string, organisation: string, term: Term = {}): Promise<void> {
    const { begins = '-1 hour', ends = '1 hour', purpose = 'incident-response', recipient = 'ico', withdrawn = false } = term
    await query(
      owner,
      `insert into permission.held (id, organisation, recipient, purpose, begins, ends, permission, enrolment, record, received_at, withdrawn_at)
       values ($1, $2, $3, $4, now() + $5::interval, now() + $6::interval, 'as signed', '{}', gen_random_uuid(), now(), case when $7 then now() end)`,
      [permission, organisation, recipient, purpose, begins, ends, withdrawn],
    )
    for (const item of [gate, shared, orphan, misplaced])
      await query(owner, 'insert into permission.held_items (permission, item, commitment) values ($1, $2, $3)', [
        permission,
        item,
        commitment(item),
      ])
  }

  type Row = { id: string; peer: string; kind: string; permissions: string[]; record: any; queuedAt: string }

  /** A row that may go, but for what is changed; as the gateway writes it. */
  function outcomeOf(change: (row: Row) => void = () => {}): Promise<string | undefined> {
    const one = randomUUID()
    const record = {
      v: 1,
      kind: 'disclosure',
      id: one,
      from: 'ncsc',
      to: 'ico',
      organisation: marlow,
      purpose: 'incident-response',
      necessity: 'They will ask.',
      items: [{ id: gate, commitment: commitment(gate) }],
    }
    const row: Row = { id: one, peer: 'ico', kind: 'disclosure', permissions: [id.good], record, queuedAt: 'now' }
    change(row)
    return refusalOf(
      gateway,
      `insert into exchange.outbox (id, peer, kind, record, entry, permissions, next_at, queued_at)
       values ($1, $2, $3, $4, gen_random_uuid(), $5, now(), $6)`,
      [row.id, row.peer, row.kind, JSON.stringify(row.record), row.permissions, row.queuedAt],
    )
  }

  const both = (row: Row) => {
    row.record.items = [{ id: shared, commitment: commitment(shared) }]
    row.permissions = [id.good, id.water]
  }
  const recall =
    (disclosure: string, permission: string, items: unknown = []) =>
    (row: Row) => {
      row.kind = 'recall'
      row.permissions = []
      row.record = { v: 1, kind: 'recall', id: row.id, from: 'ncsc', to: 'ico', disclosure, permission, items }
    }

  test('[consent-before-disclosure] a row under a permission in force for every item and everyone it comes from passes, as do recalls of what left', async () => {
    const passing: Record<string, (row: Row) => void> = {
      'one item': () => {},
      'two items': ({ record }) => record.items.push({ id: gate, commitment: commitment(gate) }),
      'both origins of an item': both,
      'a permission more than is needed': (row) => row.permissions.push(id.water),
      'a recall of what left': recall(id.left, id.withdrawn),
      'a recall of an item that left': recall(id.left, id.withdrawn, [{ id: gate, commitment: commitment(gate) }]),
      'anything to the portal, which has every right to know': (row) => {
        row.peer = 'portal'
        row.kind = 'notice'
      },
    }
    for (const [why, change] of Object.entries(passing)) assert.equal(await outcomeOf(change), undefined, why)
  })

  test('[consent-before-disclosure] every slip on the way to the ICO is refused by the database itself', async () => {
    const one = (change: (row: Row) => void) => change
    const items = (list: unknown) => one(({ record }) => (record.items = list))
    const slips: Record<string, (row: Row) => void> = {
      'no permission': (row) => (row.permissions = []),
      'a permission that is not held': (row) => (row.permissions = [randomUUID()]),
      'a permission that is no id': (row) => (row.permissions = ['*']),
      'withdrawn': (row) => (row.permissions = [id.withdrawn]),
      'expired': (row) => (row.permissions = [id.expired]),
      'expired, and said to be queued before that': (row) => {
        row.permissions = [id.expired]
        row.queuedAt = '2020-01-01T00:00:00Z'
      },
      'not begun': (row) => (row.permissions = [id.later]),
      'over by the time it is queued': (row) => (row.queuedAt = '2199-01-01T00:00:00Z'),
      'another purpose permitted': (row) => (row.permissions = [id.other]),
      'another purpose sent for': ({ record }) => (record.purpose = 'national-resilience'),
      'no purpose': ({ record }) => (record.purpose = null),
      'another recipient permitted': (row) => (row.permissions = [id.portal]),
      'another organisation\u2019s permission': (row) => (row.permissions = [id.water]),
      'one of two origins missing': (row) => {
        both(row)
        row.permissions = [id.good]
      },
      'an item that is not covered': items([
        { id: gate, commitment: commitment(gate) },
        { id: randomUUID(), commitment: 'x' },
      ]),
      'other words than were permitted': items([{ id: gate, commitment: commitment(shared) }]),
      'no commitment': items([{ id: gate }]),
      'a commitment that is null': items([{ id: gate, commitment: null }]),
      'an item without origins': items([{ id: orphan, commitment: commitment(orphan) }]),
      'an item in another organisation\u2019s case': items([{ id: misplaced, commitment: commitment(misplaced) }]),
      'no items': items([]),
      'items that are null': items(null),
      'items that are no list': items({ id: gate, commitment: commitment(gate) }),
      'an item that is null': items([null]),
      'an item that is only an id': items([gate]),
      'items left out': ({ record }) => delete record.items,
      'another organisation named': ({ record }) => (record.organisation = water),
      'no organisation named': ({ record }) => delete record.organisation,
      'a record of nothing': (row) => (row.record = null),
      'an empty record': (row) => (row.record = {}),
      'a record of another id': ({ record }) => (record.id = randomUUID()),
      'a record without its id': ({ record }) => delete record.id,
      'a record of another kind': ({ record }) => (record.kind = 'recall'),
      'a record whose kind is null': ({ record }) => (record.kind = null),
      'a record to somebody else': ({ record }) => (record.to = 'portal'),
      'a record to nobody': ({ record }) => delete record.to,
      'a row to nobody known': (row) => {
        row.peer = 'press'
        row.record.to = 'press'
      },
      'a row to the sender itself': (row) => {
        row.peer = 'ncsc'
        row.record.to = 'ncsc'
      },
      'recall of what was stopped': recall(id.stopped, id.withdrawn),
      'recall of what was never sent': recall(randomUUID(), id.withdrawn),
      'recall without a withdrawal': recall(id.left, id.good),
      'recall under a permission that is not held': recall(id.left, randomUUID()),
      'recall of an item that was not sent': recall(id.left, id.withdrawn, [{ id: shared, commitment: commitment(shared) }]),
      'recall of an item by other words': recall(id.left, id.withdrawn, [{ id: gate, commitment: commitment(shared) }]),
      'recall of an item that carries more': recall(id.left, id.withdrawn, [{ id: gate, commitment: commitment(gate), why: 'x' }]),
      'recall of an item that is null': recall(id.left, id.withdrawn, [null]),
      'recall of items that are no list': recall(id.left, id.withdrawn, 'all'),
      'recall without a list': recall(id.left, id.withdrawn, null),
      'recall of nothing': (row) => {
        recall(id.left, id.withdrawn)(row)
        delete row.record.disclosure
      },
    }
    for (const kind of ['receipt', 'notice', 'report', 'permission-request', 'permission', 'withdrawal', 'statements', ''])
      slips[`a ${kind || 'nameless'} message`] = (row) => {
        row.kind = kind
        row.record.kind = kind
      }
    for (const [why, change] of Object.entries(slips)) assert.equal(await outcomeOf(change), 'guard_door_3', why)
  })

  test('[consent-before-disclosure] the gateway\u2019s role can neither put the trigger aside nor change what it is about', async () => {
    const attempts = [
      'alter table exchange.outbox disable trigger guard_door_3',
      'drop trigger guard_door_3 on exchange.outbox',
      'create or replace function exchange.guard_door_3() returns trigger language plpgsql as $$begin return new; end$$',
      'set session_replication_role = replica',
      'set role concordat_test_owner',
      "update exchange.outbox set record = '{}'",
      "update exchange.outbox set peer = 'ico'",
      "update exchange.outbox set kind = 'recall'",
      "update exchange.outbox set permissions = '{}'",
      'delete from exchange.outbox',
      'truncate exchange.outbox',
      "update permission.held set ends = 'infinity'",
      'update permission.held set withdrawn_at = null, organisation = gen_random_uuid()',
      'delete from permission.held',
      'update permission.held_items set item = gen_random_uuid()',
      'delete from casework.item_origins',
      'update casework.item_origins set organisation = gen_random_uuid()',
      'update casework.cases set organisation = gen_random_uuid()',
      'create table exchange.outbox_of_mine (id uuid)',
    ]
    for (const text of attempts) assert.equal(await refusalOf(gateway, text), INSUFFICIENT_PRIVILEGE, text)
    assert.equal(await outcomeOf((row) => (row.permissions = [])), 'guard_door_3')
  })

  test('what the gateway may update cannot turn a row into another', async () => {
    const [allowed] = await query<{ columns: string }>(
      owner,
      `select string_agg(attname, ' ' order by attnum) as columns
       from pg_attribute
       where attrelid = 'exchange.outbox'::regclass and attnum > 0 and has_column_privilege('concordat_test_gateway', attrelid, attnum, 'update')`,
    )
    assert.equal(
      allowed!.columns,
      'payload state claimed_by claim_until attempts next_at settled_at code acknowledgement statement ending_told',
    )
  })
})

describe('a node as it runs', () => {
  let network: Network
  let desk: Db
  let gateway: Db
  before(async () => {
    network = await startNetwork()
    ;[desk, gateway] = [openDb(network.running.ncsc.urls.desk, { max: 1 }), openDb(network.running.ncsc.urls.gateway, { max: 1 })]
  })
  after(async () => {
    await Promise.all([closeDb(desk), closeDb(gateway)])
    await network.stop()
  })

  test('[consent-before-disclosure] the desk\u2019s role reads how far a message came; it writes, changes or claims none, and cannot make itself another', async () => {
    const { case: found, finding, permission } = await permitted(network)
    const sent = await discloses(network.as('Sofia Kerr'), found.id, [finding])
    await settled(network.as('Sofia Kerr'), sent.body.id)
    assert.equal((await queryOne<any>(desk, 'select state from exchange.progress where id = $1', [sent.body.id])).state, 'accepted')
    assert.equal((await queryOne<any>(desk, 'select state from exchange.requests where id = $1', [sent.body.id])).state, 'decided')
    const attempts = [
      'select * from exchange.outbox',
      'select payload from exchange.outbox',
      'select * from exchange.outbox for update',
      'copy exchange.outbox to stdout',
      "insert into exchange.outbox (id, peer, kind, record, entry, next_at, queued_at) values (gen_random_uuid(), 'ico', 'disclosure', '{}', gen_random_uuid(), now(), now())",
      "update exchange.outbox set state = 'waiting'",
      'delete from exchange.outbox',
      'truncate exchange.outbox',
      'alter table exchange.outbox disable trigger guard_door_3',
      "update exchange.progress set state = 'waiting'",
      'delete from exchange.progress',
      "update exchange.requests set state = 'decided'",
      'update exchange.requests set next_at = now()',
      'delete from exchange.requests',
      'select * from exchange.deliveries',
      'select * from exchange.strays',
      "update exchange.inbox set state = 'accepted'",
      'select * from ledger.entries',
      'select * from ledger.chains',
      'select root from ledger.heads',
      'select * from ledger.witnessed',
      'insert into ledger.leaves (index, root) values (0, null)',
      'select * from disclosure.standing',
      "update disclosure.proposals set purpose = ''",
      `update permission.held set ends = 'infinity' where id = '${permission}'`,
      'update permission.held set withdrawn_at = null',
      'insert into permission.held select * from permission.held',
      'insert into permission.held_items select * from permission.held_items',
      'delete from permission.held',
      "update permission.asked set state = 'granted'",
      'delete from casework.item_origins',
      'update casework.item_origins set organisation = gen_random_uuid()',
      "update casework.findings set value = ''",
      'insert into casework.items select * from casework.items',
      'update casework.cases set organisation = gen_random_uuid()',
      'delete from identity.tokens',
      'update identity.enrolments set record = record',
      'select * from platform.migrations',
      'set role concordat_test_gateway',
      'set role concordat_test_owner',
      'set session authorization concordat_test_gateway',
      'set session_replication_role = replica',
      'create table public.mine (id uuid)',
      'create table exchange.mine (id uuid)',
      'create temporary table mine (id uuid)',
      'create schema mine',
      'create function exchange.mine() returns integer language sql as $$select 1$$',
      'create role mine',
      "select pg_read_file('PG_VERSION')",
      'select * from pg_authid',
      "copy exchange.requests to program 'true'",
    ]
    // A view of several tables takes no change at all, whoever asks.
    for (const text of attempts) assert.ok([INSUFFICIENT_PRIVILEGE, NOT_UPDATABLE].includes((await refusalOf(desk, text))!), text)
  })

  /** What a gateway makes of a request that somebody who owns the desk puts before it. */
  async function asksItsGateway(
    node: NodeName,
    request: { kind: string; peer: string },
    proposal?: Record<string, unknown>,
  ): Promise<unknown[]> {
    const id = randomUUID()
    const db = openDb(network.running[node].urls.desk, { max: 1 })
    try {
      if (proposal)
        await query(
          db,
          `insert into disclosure.proposals (id, case_id, recipient, purpose, necessity, items, officer, roles, proposed_at)
           values ($1, $2, $3, 'incident-response', 'Because.', $4, 'somebody', $5, now())`,
          [id, proposal['case'], proposal['recipient'] ?? 'ico', proposal['items'], proposal['roles'] ?? ['releasing-officer']],
        )
      const actor = { id: randomUUID(), roles: ['releasing-officer'] }
      await query(db, `insert into exchange.requests (id, kind, peer, body, actor, requested_at) values ($1, $2, $3, '{}', $4, now())`, [
        id,
        request.kind,
        request.peer,
        actor,
      ])
      const decided = await eventually(() =>
        queryOne<any>(db, `select state, code from exchange.requests where id = $1 and state <> 'pending'`, [id]),
      )
      assert.equal(await queryOne(network.owner[node], 'select id from exchange.outbox where id = $1', [id]), undefined)
      return [decided.state, decided.code]
    } finally {
      await closeDb(db)
    }
  }

  test('[consent-before-disclosure] whoever owns the desk entirely gets nothing sent that was not permitted, nor anywhere else, nor as anything else', async () => {
    const { case: found, finding } = await permitted(network)
    const answers = found.items.map(({ id }: any) => id)
    const proposes = (change: Record<string, unknown> = {}) => ({ case: found.id, items: [finding], ...change })
    const disclosure = { kind: 'disclosure', peer: 'ico' }
    assert.deepEqual(await asksItsGateway('ncsc', disclosure, proposes({ items: answers })), ['refused', 'item-not-permitted'])
    assert.deepEqual(await asksItsGateway('ncsc', disclosure, proposes({ items: [finding, ...answers] })), [
      'refused',
      'item-not-permitted',
    ])
    assert.deepEqual(await asksItsGateway('ncsc', disclosure, proposes({ items: [] })), ['refused', 'permission-missing'])
    assert.deepEqual(await asksItsGateway('ncsc', disclosure, proposes({ roles: ['handler'] })), ['refused', 'flow-not-allowed'])
    assert.deepEqual(await asksItsGateway('ncsc', disclosure), ['refused', 'not-found'], 'nothing proposed')
    for (const peer of ['portal', 'ncsc', 'press'])
      assert.deepEqual(await asksItsGateway('ncsc', { kind: 'disclosure', peer }, proposes()), ['refused', 'flow-not-allowed'], peer)
    assert.deepEqual(await asksItsGateway('ncsc', disclosure, proposes({ recipient: 'portal' })), ['refused', 'flow-not-allowed'])
    for (const kind of ['recall', 'notice', 'permission', 'report', 'statements', 'constructor', ''])
      for (const peer of ['ico', 'portal'])
        assert.deepEqual(await asksItsGateway('ncsc', { kind, peer }), ['refused', 'flow-not-allowed'], `${kind} to ${peer}`)
    // Of an offer that was declined, and of a call that was taken: where nobody wrote either down there is nothing to say.
    for (const kind of ['receipt', 'withdrawal']) {
      assert.deepEqual(await asksItsGateway('ncsc', { kind, peer: 'ico' }), ['refused', 'flow-not-allowed'], kind)
      assert.deepEqual(await asksItsGateway('ncsc', { kind, peer: 'portal' }), ['refused', 'not-found'], kind)
    }
    for (const kind of ['disclosure', 'receipt', 'report', 'recall', 'permission-request'])
      assert.deepEqual(
        await asksItsGateway('ico', { kind, peer: 'ncsc' }),
        ['refused', 'flow-not-allowed'],
        `the ICO has no door for a ${kind} to the NCSC`,
      )
    assert.equal(await atIco(network, finding), undefined)
  })

  test('[consent-before-disclosure] a permission request is sent to the organisation alone, whatever a desk writes beside it', async () => {
    const { case: found, finding } = await permitted(network)
    const { id: _, ...asked } = await queryOne<any>(network.owner.ncsc, 'select * from permission.asked where case_id = $1', [found.id])
    const request = randomUUID()
    await query(
      desk,
      `insert into permission.asked (id, case_id, organisation, recipient, purpose, until, items, reason, asked_by, asked_at) values ($1, $2, $3, 'ico', $4, $5, $6, 'x', 'x', now())`,
      [request, asked.case_id, asked.organisation, asked.purpose, asked.until, [finding]],
    )
    await query(
      desk,
      `insert into exchange.requests (id, kind, peer, body, actor, requested_at) values ($1, 'permission-request', 'ico', $2, '{}', now())`,
      [request, { reference: found.reference }],
    )
    const decided = await eventually(() =>
      queryOne<any>(desk, `select state, code from exchange.requests where id = $1 and state <> 'pending'`, [request]),
    )
    assert.deepEqual([decided.state, decided.code], ['refused', 'flow-not-allowed'])
  })

  test('no key, token or password lies in any table of any node', async () => {
    const { config, world } = network
    const secrets = (await Promise.all(nodeNames.map((node) => secretsBelow(config.home.nodes[node].keys)))).flat()
    assert.ok(secrets.length > 20)
    const people = world.people.flatMap(({ token, signingKey }) => [
      token,
      ...(signingKey ? [signingKey.d, Buffer.from(signingKey.d, 'base64url')] : []),
    ])
    for (const node of nodeNames) assert.deepEqual(await tracesInTables(network.owner[node], [...secrets, ...people]), {}, node)
    // So that the search is known to find: what is kept of a token is its hash.
    const hash = createHash('sha256').update(network.as('Sofia Kerr').token).digest()
    assert.deepEqual(await tracesInTables(network.owner.ncsc, [hash]), { 'identity.tokens': 1 })
  })

  test('[consent-before-disclosure] desk and gateway run apart: neither has what the other needs, and together they do the work', async () => {
    await network.running.ncsc.stop()
    const homes = await Promise.all(['desk', 'gateway'].map((part) => homeFor(network, part as 'desk' | 'gateway')))
    const officer = network.as('Sofia Kerr')
    const { web, peer } = network.config.ports.ncsc
    const children: Part[] = []
    const begins = async (part: 'desk' | 'gateway', home: string, url: string) => {
      children.push(await startPart(network, part, home, url))
      return children.at(-1)!
    }
    try {
      // The desk alone: it serves, and sends nothing.
      const deskAlone = await begins('desk', homes[0]!, network.running.ncsc.urls.desk)
      assert.equal((await officer.get('/cases')).status, 200)
      assert.equal((await fetch(`${officer.url}/sign-in`)).status, 200)
      await assert.rejects(fetch(`http://127.0.0.1:${peer}/`), 'nobody listens for peers')
      const reporter = network.as('Asha Bell')
      const { id: incident } = (await reporter.post('/incidents', { title: 'Two parts' })).body
      const filing = reporter.post(`/incidents/${incident}/reports`, {
        stage: 'initial',
        submit: true,
        answers: [{ question: 'q42', value: 'By two parts.', audience: ['ncsc'] }],
      })
      // Its gateway: what had to wait is taken in.
      const gatewayAlone = await begins('gateway', homes[1]!, network.running.ncsc.urls.gateway)
      const { reference } = (await filing).body.submissions[0]
      const [handler, gwen] = [network.as('Callum Drey'), network.as('Gwen Marlow')]
      const found = await eventually(() => caseOf(handler, reference))
      const finding = (await handler.post(`/cases/${found.id}/findings`, { text: 'By the back gate.' })).body.id
      await inForce(gwen, await grants(gwen, await requestAt(gwen, await asks(handler, found.id, [finding]))))
      const refused = await discloses(officer, found.id, [found.items[0].id])
      assert.deepEqual([refused.status, refused.body.code], [403, 'item-not-permitted'])
      const sent = await discloses(officer, found.id, [finding])
      assert.equal((await settled(officer, sent.body.id)).state, 'accepted')
      // The gateway alone: nobody serves people.
      await deskAlone.stop()
      await assert.rejects(fetch(`http://127.0.0.1:${web}/`), 'nobody listens for people')
      assert.equal((await fetch(`http://127.0.0.1:${peer}/cases`)).status, 404)
      await gatewayAlone.stop()
      const keyless = await startPart(network, 'gateway', homes[0]!, network.running.ncsc.urls.gateway).catch((error: Error) => error)
      assert.ok(keyless instanceof Error && keyless.message.includes('no key at'), 'without its keys there is no gateway')
    } finally {
      await Promise.all(children.map((child) => child.stop()))
      await Promise.all(homes.map((home) => rm(home, { recursive: true, force: true })))
      await network.restart('ncsc')
    }
  })
})

/** Every secret a node's key files hold, as text and as bytes. */
async function secretsBelow(folder: string): Promise<(string | Buffer)[]> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const contents = await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name))))
  return contents.flatMap((content) => {
    if (content.length === 32) return [content]
    const { key, password } = JSON.parse(content.toString())
    const secret = password ?? key.d ?? key.privateKey ?? key
    return [secret, Buffer.from(secret, 'base64url')]
  })
}

/** A home as one part of the NCSC would have it: for the desk without a single key, for the gateway with its own alone. */
async function homeFor(network: Network, part: 'desk' | 'gateway'): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), `concordat-${part}-`))
  const from = network.config.home.folder
  for (const file of ['trust.json', 'signatures.json']) await cp(join(from, file), join(home, file))
  if (part === 'gateway') await cp(join(from, 'ncsc/keys/gateway'), join(home, 'ncsc/keys/gateway'), { recursive: true })
  return home
}

type Part = { stop(): Promise<void> }

/** `concordat node ncsc --part …` as a process of its own; rejects with what it said where it does not come up. */
async function startPart(network: Network, part: string, home: string, database: string): Promise<Part> {
  const env = {
    CONCORDAT_HOME: home,
    CONCORDAT_PORT: String(network.config.ports.portal.web),
    CONCORDAT_NCSC_DATABASE_URL: database,
    CONCORDAT_LEDGER_INTERVAL: '20',
    CONCORDAT_LEDGER_SLOTS: '16',
    CONCORDAT_FSYNC: 'off',
    CONCORDAT_LOG_LEVEL: 'silent',
  }
  const child: ChildProcess = spawn(process.execPath, [resolve(import.meta.dirname, '../src/main.ts'), 'node', 'ncsc', '--part', part], {
    env,
    stdio: 'pipe',
  })
  let said = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  const gone = once(child, 'exit')
  const ready = eventually(async () => said.includes('ncsc is ready') || child.exitCode !== null, 30)
  await ready
  if (child.exitCode !== null) throw new Error(said)
  return {
    stop: async () => {
      child.kill('SIGTERM')
      await gone
    },
  }
}

/**
 * Every right that desk and gateway have to a table or view, at whatever node has it: a right more is a line here that somebody must
 * notice. `update(a, b)`: those columns alone. Nobody but these two and the owner has any.
 */
const rightsGiven: Record<string, [desk: string, gateway: string]> = {
  'attachments.accepted': ['select', 'insert, select'],
  'attachments.blobs': ['insert, select, update(sha256)', 'delete, select'],
  'attachments.quarantine': ['', 'delete, insert, select, update(received, touched_at, whole_at)'],
  'attachments.sends': ['insert, select', 'select, update(delivered_at, settled_at)'],
  'attachments.uploads': ['insert, select, update(outcome, received, state, tail, touched_at)', 'delete, select'],
  'casework.acute': ['insert, select', ''],
  'casework.cases': ['select', 'insert, select'],
  'casework.contents': ['select', 'select'],
  'casework.corrections': ['select', 'insert, select'],
  'casework.export_approvals': ['insert, select', ''],
  'casework.exports': ['insert, select', ''],
  'casework.exports_taken': ['insert, select', ''],
  'casework.decisions': ['insert, select', 'select'],
  'casework.findings': ['insert, select', 'select'],
  'casework.item_origins': ['insert, select', 'insert, select'],
  'casework.items': ['select', 'insert, select, update(restricted_since, salt, value)'],
  'casework.note_origins': ['insert, select', ''],
  'casework.notes': ['insert, select', ''],
  'casework.reads': ['select, insert(case_id, export, id, items, person, purpose, read_at, role, tell_from)', 'select, update(told_at)'],
  'casework.restricted_reads': ['insert, select', ''],
  'casework.restrictions': ['select', 'insert, select'],
  'casework.reports': ['select', 'insert, select'],
  'disclosure.called_off': ['insert, select', 'select'],
  'disclosure.gaps': ['select', 'delete, insert, select'],
  'disclosure.hold_releases': ['insert, select', 'select'],
  'disclosure.holds': ['select', 'insert, select, update(recovered_at, resumed_at)'],
  'disclosure.proposals': ['insert, select', 'select'],
  'disclosure.standing': ['', 'insert, select, update(permission, recalled_at)'],
  'duties.alarms': ['delete, insert, select', 'delete, select'],
  'duties.alerts': ['select', 'insert, select'],
  'duties.moments': ['insert, select', ''],
  'duties.watched': ['insert, select, update(reports)', 'select'],
  'enquiries.asked': ['insert, select', 'select'],
  'enquiries.received': ['select', 'insert'],
  'enquiries.taken_back': ['insert, select', 'select'],
  'enquiries.withdrawn': ['select', 'insert'],
  'enrolment.answers': ['select', 'insert, select'],
  'enrolment.asked': ['insert, select', 'select'],
  'enrolment.attempts': ['insert, select', 'select'],
  'enrolment.calls': ['insert, select', 'select'],
  'enrolment.contacts': ['insert, select', ''],
  'enrolment.halves': ['select', 'insert, select, update(completed_at)'],
  'enrolment.notices': ['insert, select', 'select'],
  'enrolment.openings': ['insert, select', ''],
  'enrolment.refused': ['select', 'insert, select'],
  'enrolment.requests': ['select', 'insert, select'],
  'enrolment.suspensions': ['insert, select', 'insert, select'],
  'exchange.deliveries': ['', 'insert, select'],
  'exchange.inbox': ['select', 'insert, select'],
  'exchange.outbox': [
    '',
    'insert, select, update(acknowledgement, attempts, claim_until, claimed_by, code, ending_told, next_at, payload, settled_at, state, statement)',
  ],
  'exchange.progress': ['select', 'select'],
  'exchange.requests': ['insert, select', 'select, update(clause, code, decided_at, items, next_at, result, state)'],
  'exchange.returned': ['', 'insert, select'],
  'exchange.sent': ['select', ''],
  'exchange.strays': ['', 'insert, select'],
  'front.aims': ['insert, select, update(chosen_at, ico, ncsc)', ''],
  'identity.access_events': ['insert, select', ''],
  'identity.accounts': ['insert, select, update(ended)', ''],
  'identity.departures': ['insert, select', 'select'],
  'factsheets.editions': ['insert, select, update(told)', ''],
  'factsheets.sheets': ['insert, select, update(closed_at, folder, opened_at, opened_incident)', ''],
  'identity.enrolments': ['insert, select', 'insert, select'],
  'identity.key_standing': ['insert, select, update(suspended_since)', 'insert, select, update(suspended_since)'],
  'identity.folder_colleagues': ['insert, select', ''],
  'identity.invitations': ['insert, select, update(ended)', ''],
  'identity.mandate_revocations': ['insert, select', ''],
  'identity.mandates': ['insert, select', ''],
  'identity.organisations': ['insert, select, update', 'insert, select, update'],
  'identity.people': ['insert, select, update(name, organisation, roles)', ''],
  'identity.sessions': ['insert, select, update(client, ended, last_seen, proved_at)', ''],
  'identity.sign_ins': ['insert, select, update(ended)', ''],
  'identity.tokens': ['insert, select, update(last_used, revoked)', ''],
  'ledger.chains': ['', 'insert, select, update(head, n)'],
  'ledger.cosignatures': ['select', 'insert, select'],
  'ledger.entries': [
    '',
    'select, insert(appended_at, chain, commitment, id, n, organisation, previous, record_hash, salt, salt2), update(leaf_index, path, slot)',
  ],
  'ledger.heads': ['select(note, passed, size)', 'select, insert(created_at, passed, root, size), update(note)'],
  'ledger.inconsistent': ['select', 'insert, select'],
  'ledger.leaves': ['select', 'insert, select'],
  'ledger.mirrored': ['', 'insert, select'],
  'ledger.mirrors': ['', 'insert, select, update(note, peaks, size, taken_at)'],
  'ledger.seen': ['select', 'insert, select'],
  'ledger.tiles': ['select', 'insert, select'],
  'ledger.witnessed': ['select(note, origin, size)', 'insert, select, update(note, root, size)'],
  'permission.asked': [
    'insert, select',
    'select, insert(asked_at, asked_by, case_id, id, items, organisation, purpose, reason, recipient, until), update(state)',
  ],
  'permission.asked_items': ['insert, select', 'insert, select'],
  'permission.calls': ['select', 'insert, select'],
  'permission.declined': ['insert, select', 'select'],
  'permission.grants': [
    'insert, select, update(narrowed_by, withdrawal, withdrawal_signed)',
    'select, update(withdrawal, withdrawal_signed)',
  ],
  'permission.held': ['select', 'insert, select, update(withdrawn_at)'],
  'permission.held_items': ['select', 'insert, select'],
  'permission.offers': ['select', 'insert, select'],
  'permission.requests': ['select, update(refusal, refused_at)', 'insert, select'],
  'permission.seconds': ['insert, select', 'insert, select'],
  'permission.standing': ['select', 'insert, select, update(withdrawn_at)'],
  'permission.starts': ['insert, select', 'select'],
  'permission.telephoned': ['insert, select', 'select'],
  'permission.withdrawals': ['select', 'insert, select, update(settled_at)'],
  'platform.migrations': ['', ''],
  'register.additions': ['insert, select', ''],
  'reads.made': ['', 'insert, select'],
  'reads.received': ['select', 'insert'],
  'reporting.drafts': ['insert, select', ''],
  'reporting.filings': ['insert, select', 'select'],
  'reporting.incidents': ['insert, select, update(kind, organisation)', 'select'],
  'reporting.items': ['insert, select', 'select'],
  'reporting.submissions': ['insert, select', 'select'],
  'statements.lists': ['select', 'insert'],
  'statements.made': ['', 'insert, select'],
  'reporting.views': ['insert, select', 'select'],
}

describe('rights to tables', () => {
  const seen = new Set<string>()
  for (const node of nodeNames)
    test(`at the node ${node} desk and gateway have the rights of one table and no other`, async () => {
      const database = await freshDatabase(definitions[node].migrations)
      const db = openDb(database.ownerUrl, { max: 1 })
      try {
        const given = await rightsAt(db)
        const expected = Object.fromEntries(Object.keys(given).map((name) => [name, rightsGiven[name]]))
        assert.deepEqual(given, expected)
        for (const name of Object.keys(given)) seen.add(name)
        assert.deepEqual(
          await query(
            db,
            `select rolname from pg_roles where rolname like 'concordat_test_%' and (rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication)`,
          ),
          [],
        )
        assert.deepEqual(
          await query(
            db,
            `select nspname from pg_namespace where nspname !~ '^pg_' and (has_schema_privilege('concordat_test_desk', oid, 'create') or has_schema_privilege('concordat_test_gateway', oid, 'create'))`,
          ),
          [],
        )
      } finally {
        await closeDb(db)
        await database.drop()
      }
    })

  test('the table names nothing that is gone', () =>
    assert.deepEqual(
      Object.keys(rightsGiven).filter((name) => !seen.has(name)),
      [],
    ))
})

async function rightsAt(db: Db): Promise<Record<string, [string, string]>> {
  const rows = await query<{ name: string; role: string | null; right: string; columns: string | null }>(
    db,
    `select format('%s.%s', n.nspname, c.relname) as name, r.rolname as role, lower(g.privilege_type) as right, null as columns
     from pg_class as c
     join pg_namespace as n on n.oid = c.relnamespace
     left join lateral aclexplode(c.relacl) as g on g.grantee <> c.relowner
     left join pg_roles as r on r.oid = g.grantee
     where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     union all
     select format('%s.%s', n.nspname, c.relname), r.rolname, lower(g.privilege_type), string_agg(a.attname, ', ' order by a.attname)
     from pg_attribute as a
     join pg_class as c on c.oid = a.attrelid
     join pg_namespace as n on n.oid = c.relnamespace
     cross join lateral aclexplode(a.attacl) as g
     left join pg_roles as r on r.oid = g.grantee
     where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     group by n.nspname, c.relname, r.rolname, g.privilege_type
     order by name, columns nulls first, "right"`,
  )
  const of = (mine: typeof rows, role: string) =>
    mine
      .filter((row) => row.role === `concordat_test_${role}`)
      .map(({ right, columns }) => (columns ? `${right}(${columns})` : right))
      .sort((a, b) => Number(a.includes('(')) - Number(b.includes('(')))
      .join(', ')
  const others = rows.filter((row) => row.right && !['concordat_test_desk', 'concordat_test_gateway'].includes(row.role!))
  assert.deepEqual(others, [], 'nobody else')
  return Object.fromEntries(
    [...Map.groupBy(rows, (row) => row.name)].map(([name, mine]) => [name, [of(mine, 'desk'), of(mine, 'gateway')]]),
  )
}
