import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { trustOf, checkTrustFile, type Trust } from '#exchange'
import { headsSeen } from '#ledger'
import { compareExports, readExport, reconcileHouse, writeExport, type Difference, type Finding } from '#reconcile'
import { canonical } from '#platform/canonical'
import { closeDb, openDb, query, queryOne, type Db } from '#platform/db'
import { nodeNames, readJson, type NodeName } from '#platform/home'
import { readGatewayKeys } from '#platform/keys'
import { discloses, eventually, permitted, settled, startNetwork, withdraws, type Network } from './network.ts'

let network: Network
let trust: Trust
let gateways: Record<NodeName, Db>
let disclosed: { finding: string; disclosure: string; report: string }

/** One disclosure that stands, and one that was withdrawn and recalled. */
before(async () => {
  network = await startNetwork()
  trust = trustOf(checkTrustFile(await readJson(network.config.home.trustFile)))
  gateways = Object.fromEntries(nodeNames.map((node) => [node, openDb(network.running[node].urls.gateway, { max: 1 })])) as typeof gateways
  const officer = network.as('Sofia Kerr')
  const { case: found, finding, submissions } = await permitted(network)
  const sent = await discloses(officer, found.id, [finding])
  assert.equal((await settled(officer, sent.body.id)).state, 'accepted')
  disclosed = { finding, disclosure: sent.body.id, report: submissions['ico'].envelope }
  const second = await permitted(network, 'A second matter.')
  const again = await discloses(officer, second.case.id, [second.finding])
  assert.equal((await settled(officer, again.body.id)).state, 'accepted')
  await withdraws(network.as('Gwen Marlow'), second.permission)
  await eventually(
    async () => (await query(network.owner.ico, 'select 1 from casework.items where restricted_since is not null')).length === 1,
  )
  await quiet()
})
after(async () => {
  await Promise.all(Object.values(gateways ?? {}).map(closeDb))
  await network.stop()
})

/** Once nothing is on its way any more. */
async function quiet(): Promise<void> {
  await eventually(async () => {
    const waiting = await Promise.all(
      nodeNames.map((node) => query(network.owner[node], `select 1 from exchange.outbox where state in ('waiting', 'claimed')`)),
    )
    return waiting.every((rows) => rows.length === 0)
  })
}

const findingsAt = async (node: NodeName): Promise<Finding[]> => (await reconcileHouse(gateways[node], { node, trust })).findings
const codes = (findings: (Finding | Difference)[]): string[] => [...new Set(findings.map(({ code }) => code))].sort()

type Step = [text: string, values: unknown[]]
type Row = Record<string, unknown>

/** Changes rows as their owner, triggers off, looks, and puts back the rows it changed and no other: the nodes run meanwhile. */
async function tampered<T>(node: NodeName, steps: Step[], look: () => Promise<T>): Promise<T> {
  const owner = network.owner[node]
  const undo: (() => Promise<unknown>)[] = []
  try {
    for (const [text, values] of steps) {
      const [, verb, table] = /^\s*(delete from|insert into|update) (\w+\.\w+)/.exec(text)!
      await query(owner, `alter table ${table} disable trigger user`)
      undo.unshift(() => query(owner, `alter table ${table} enable trigger user`))
      const before = await rowsOf(owner, table!)
      const changed = await query<{ row: Row }>(owner, `${text} returning to_jsonb(${table!.split('.')[1]}.*) as row`, values)
      assert.ok(changed.length > 0, text)
      for (const { row } of changed) undo.unshift(() => putBack(owner, table!, verb!, row, before))
    }
    return await look()
  } finally {
    for (const one of undo) await one()
  }
}

const rowsOf = async (owner: Db, table: string): Promise<Row[]> =>
  (await query<{ row: Row }>(owner, `select to_jsonb(t.*) as row from ${table} as t`)).map(({ row }) => row)

async function putBack(owner: Db, table: string, verb: string, row: Row, before: Row[]): Promise<unknown> {
  if (verb === 'insert into') return query(owner, `delete from ${table} as t where to_jsonb(t.*) = $1::jsonb`, [JSON.stringify(row)])
  const columns = (sql: string) => query<{ name: string }>(owner, `select attname as name from pg_attribute ${sql}`)
  const all = (await columns(`where attrelid = '${table}'::regclass and attnum > 0 and attgenerated = ''`))
    .map(({ name }) => `"${name}"`)
    .join()
  if (verb === 'delete from')
    return query(owner, `insert into ${table} (${all}) select ${all} from jsonb_populate_record(null::${table}, $1::jsonb)`, [
      JSON.stringify(row),
    ])
  const key = await columns(
    `join pg_index on attrelid = indrelid and attnum = any(indkey) where indrelid = '${table}'::regclass and indisprimary`,
  )
  const was = before.find((one) => key.every(({ name }) => one[name] === row[name]))
  const same = key.map(({ name }) => `t."${name}" = r."${name}"`).join(' and ')
  const values = `jsonb_populate_record(null::${table}, $1::jsonb) as r`
  return query(
    owner,
    `update ${table} as t set (${all}) = (select ${all} from ${values}) where exists (select from ${values} where ${same})`,
    [JSON.stringify(was)],
  )
}

describe('one house', () => {
  test('of a network that did its work, the books of every house agree', async () => {
    for (const node of nodeNames) {
      const { findings, counted } = await reconcileHouse(gateways[node], { node, trust })
      assert.deepEqual(findings, [], node)
      assert.ok(counted['exchange.outbox']! > 0 && counted['ledger.entries']! > 0 && counted['ledger.leaves']! > 0, node)
    }
    const { counted } = await reconcileHouse(gateways.ico, { node: 'ico', trust })
    assert.equal(counted['casework.items'], 4)
  })

  test('[consent-before-disclosure] an item written straight into the ICO\u2019s store is named: no statement says that it came', async () => {
    const { case_id } = (await queryOne<{ case_id: string }>(network.owner.ico, 'select case_id from casework.items limit 1'))!
    const [item, record] = [randomUUID(), randomUUID()]
    const row = [item, record, case_id, 'q42', canonical('Told by telephone.'), randomBytes(32).toString('base64url'), 'x', randomUUID()]
    const found = await tampered(
      'ico',
      [
        [
          `insert into casework.items (id, record, case_id, question, value, salt, commitment, kind, via, permission, marking, added_at)
           values ($1, $2, $3, $4, $5, $6, $7, 'answer', 'permission', $8, 'OFFICIAL-SENSITIVE', now())`,
          row,
        ],
      ],
      () => findingsAt('ico'),
    )
    assert.deepEqual(
      found.map(({ table, id, code }) => [table, id, code]),
      [['casework.items', `${item} in ${record}`, 'statement-missing']],
    )
    assert.ok(!JSON.stringify(found).includes('telephone'), 'what it says is not repeated')
  })

  test('[consent-before-disclosure] nor does it help to name a disclosure that was real', async () => {
    const { case_id, permission } = (await queryOne<{ case_id: string; permission: string }>(
      network.owner.ico,
      'select case_id, permission from casework.items where record = $1',
      [disclosed.disclosure],
    ))!
    const item = randomUUID()
    const found = await tampered(
      'ico',
      [
        [
          `insert into casework.items (id, record, case_id, question, value, salt, commitment, kind, via, permission, marking, added_at)
           select $1, record, $2, question, value, salt, commitment, kind, via, $3, marking, added_at from casework.items where record = $4`,
          [item, case_id, permission, disclosed.disclosure],
        ],
      ],
      () => findingsAt('ico'),
    )
    assert.deepEqual(
      found.map(({ id, code }) => [id, code]),
      [[`${item} in ${disclosed.disclosure}`, 'not-of-record']],
    )
  })

  const item = (set: string): Step => [`update casework.items set ${set} where record = $1`, [disclosed.disclosure]]
  const slips: [why: string, node: NodeName, steps: () => Step[], expected: string[]][] = [
    ['a value that was changed', 'ico', () => [item(`value = '"They let us in."'`)], ['value-differs']],
    ['a value and its commitment that were changed', 'ico', () => [item(`value = '"x"', commitment = 'x'`)], ['value-differs']],
    ['a copy dated back', 'ico', () => [item(`added_at = added_at - interval '1 day'`)], ['dated-otherwise']],
    ['a copy that says it came by another door', 'ico', () => [item(`via = 'statutory', permission = null`)], ['door-differs']],
    ['a copy under a permission the record has not', 'ico', () => [item('permission = gen_random_uuid()')], ['not-of-record']],
    ['a copy restricted without a recall', 'ico', () => [item('restricted_since = now()')], ['restriction-differs']],
    [
      'a recalled copy that is shown again',
      'ico',
      () => [['update casework.items set restricted_since = null where restricted_since is not null', []]],
      ['restriction-differs'],
    ],
    [
      'a recalled copy whose value went without a decision',
      'ico',
      () => [['update casework.items set value = null, salt = null where restricted_since is not null', []]],
      ['erased-undecided'],
    ],
    [
      'a copy that was taken away',
      'ico',
      () => [['delete from casework.items where record = $1', [disclosed.disclosure]]],
      ['row-missing'],
    ],
    [
      'a report dated back',
      'ncsc',
      () => [[`update casework.reports set received_at = received_at - interval '1 day'`, []]],
      ['dated-otherwise'],
    ],
    [
      'a statement that was taken away',
      'ico',
      () => [['delete from exchange.inbox where id = $1', [disclosed.disclosure]]],
      ['acknowledged-and-gone', 'statement-missing'],
    ],
    [
      'a statement that was changed',
      'ico',
      () => [[`update exchange.inbox set statement = replace(statement, '.', '.A') where id = $1`, [disclosed.report]]],
      ['statement-invalid', 'statement-missing'],
    ],
    [
      'a statement dated back',
      'ico',
      () => [[`update exchange.inbox set received_at = received_at - interval '1 day' where id = $1`, [disclosed.report]]],
      ['dated-otherwise'],
    ],
    [
      'an acknowledgement that was taken away',
      'ico',
      () => [['delete from exchange.deliveries where envelope = $1', [disclosed.disclosure]]],
      ['not-acknowledged'],
    ],
    [
      'an entry that was removed',
      'ncsc',
      () => [['delete from ledger.entries where id = (select entry from exchange.outbox where kind = $1 limit 1)', ['notice']]],
      ['chain-gap', 'entry-missing'],
    ],
    [
      'an entry that was changed',
      'ncsc',
      () => [
        [
          'update ledger.entries set record_hash = sha256(record_hash) where id = (select entry from exchange.outbox where id = $1)',
          [disclosed.disclosure],
        ],
      ],
      ['entry-differs', 'record-differs'],
    ],
    [
      'an entry that was moved',
      'ncsc',
      () => [
        [
          'update ledger.entries set leaf_index = leaf_index + 1 where id = (select entry from exchange.outbox where id = $1)',
          [disclosed.disclosure],
        ],
      ],
      ['entry-misplaced'],
    ],
    [
      'an entry dated back',
      'ncsc',
      () => [
        [
          `update ledger.entries set appended_at = appended_at - interval '2 days' where id = (select entry from exchange.outbox where id = $1)`,
          [disclosed.disclosure],
        ],
      ],
      ['dated-otherwise'],
    ],
    [
      'a message and its entry that were both removed',
      'ncsc',
      () => [
        ['delete from ledger.entries where id = (select entry from exchange.outbox where id = $1)', [disclosed.disclosure]],
        ['delete from exchange.outbox where id = $1', [disclosed.disclosure]],
      ],
      ['message-missing'],
    ],
    [
      'a message that was removed alone',
      'ncsc',
      () => [['delete from exchange.outbox where id = $1', [disclosed.disclosure]]],
      ['message-missing', 'record-missing'],
    ],
    [
      'a message whose record was changed',
      'ncsc',
      () => [[`update exchange.outbox set record = replace(record, '"purpose"', '"purposes"') where id = $1`, [disclosed.disclosure]]],
      ['permission-missing', 'record-differs'],
    ],
    [
      'a permission that was never signed for',
      'ncsc',
      () => [
        [
          `insert into permission.held (id, organisation, recipient, purpose, begins, ends, permission, enrolment, record, received_at)
           select gen_random_uuid(), organisation, recipient, purpose, begins, ends, permission, enrolment, gen_random_uuid(), received_at
           from permission.held limit 1`,
          [],
        ],
      ],
      ['statement-missing'],
    ],
    ['a leaf that was changed', 'ncsc', () => [['update ledger.leaves set root = sha256(root) where index = 0', []]], ['root-differs']],
    ['a head that was changed', 'ico', () => [['update ledger.heads set root = sha256(root) where size = 2', []]], ['head-differs']],
  ]
  for (const [why, node, steps, expected] of slips)
    test(`${why} is named`, async () => {
      assert.deepEqual(codes(await tampered(node, steps(), () => findingsAt(node))), expected)
    })

  test('and when everything is put back, the books agree again', async () => {
    for (const node of nodeNames) assert.deepEqual(await findingsAt(node), [], node)
  })

  test('reading the books is all that it can do', async () => {
    const { snapshot } = await import('#platform/db')
    await assert.rejects(
      snapshot(gateways.ico, (tx) => query(tx, `insert into exchange.strays values (gen_random_uuid(), null, 'x', now())`)),
      { code: '25006' },
    )
  })
})

describe('the command', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'concordat-reconcile-'))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  async function concordat(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
    const env: NodeJS.ProcessEnv = { PATH: process.env['PATH'], CONCORDAT_HOME: network.config.home.folder }
    for (const node of nodeNames) env[`CONCORDAT_${node.toUpperCase()}_DATABASE_URL`] = network.running[node].urls.gateway
    const child = spawn(resolve(import.meta.dirname, '../bin/concordat'), ['reconcile', ...argv], { env, stdio: 'pipe' })
    const said = { out: '', err: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text))
    const [code] = (await once(child, 'close')) as [number]
    return { code, ...said }
  }

  test('checks a house beside the running node, exports it, and compares two exports offline', async () => {
    const [one, other] = [join(folder, 'ncsc.export'), join(folder, 'ico.export')]
    const ncsc = await concordat('ncsc', '--export', one, '--with', 'ico', '--json')
    assert.equal(ncsc.code, 0, ncsc.out + ncsc.err)
    assert.deepEqual([JSON.parse(ncsc.out).ok, JSON.parse(ncsc.out).findings], [true, []])
    assert.equal((await concordat('ico', '--export', other, '--with', 'ncsc')).code, 0)
    assert.equal((await stat(other)).mode & 0o777, 0o600)
    const compared = await concordat(one, other, '--json')
    assert.equal(compared.code, 0, compared.out)
    assert.equal(JSON.parse(compared.out).both + JSON.parse(compared.out).onTheirWay, 3)
    assert.match((await concordat('portal')).out, /The books of this house agree/)
  })

  test('says what does not agree, and answers with 1; wrong usage with 2', async () => {
    const found = await tampered('ico', [[`update casework.items set value = '"x"' where record = $1`, [disclosed.disclosure]]], () =>
      concordat('ico'),
    )
    assert.equal(found.code, 1)
    assert.match(found.out, /value-differs\s+casework\.items /)
    for (const argv of [
      [],
      ['nobody'],
      ['ico', '--export', 'x'],
      ['ico', '--with', 'ncsc'],
      ['ico', '--export', 'x', '--with', 'ico'],
      ['a', 'b', 'c'],
    ])
      assert.equal((await concordat(...argv)).code, 2, argv.join(' '))
    await writeFile(join(folder, 'none'), '{}')
    assert.equal((await concordat(join(folder, 'none'), join(folder, 'none'))).code, 1)
  })
})

async function exportOf(node: NodeName, other: NodeName): Promise<string> {
  const { sent, received, placed } = await reconcileHouse(gateways[node], { node, trust })
  const { statement } = await readGatewayKeys(network.config.home.nodes[node].keys, false)
  const heads = await headsSeen(gateways[node], '')
  return writeExport(
    { node, with: other, trust, signer: statement, sent: sent.values(), received: received.values(), placed, heads },
    // What moved in the last minute before an export may be in one and not yet in the other.
    new Date(Date.now() + 120_000),
  )
}

describe('two houses', () => {
  const between = async (a: NodeName, b: NodeName, texts: { a?: string; b?: string } = {}) => {
    const one = readExport(texts.a ?? (await exportOf(a, b)), trust)
    return compareExports(one, readExport(texts.b ?? (await exportOf(b, a)), trust), trust)
  }

  test('the exports of every two houses agree', async () => {
    for (const [a, b] of [
      ['portal', 'ncsc'],
      ['portal', 'ico'],
      ['ncsc', 'ico'],
    ] as const) {
      const { differences, both, onTheirWay } = await between(a, b)
      assert.deepEqual([differences, onTheirWay], [[], 0])
      assert.ok(both >= 3, `${both} between ${a} and ${b}`)
    }
  })

  test('[consent-before-disclosure] what the NCSC exports for the ICO\u2019s side says nothing of what it was told, and no export holds a word', async () => {
    const [towardsIco, towardsPortal] = [await exportOf('ncsc', 'ico'), await exportOf('ncsc', 'portal')]
    const { sent, received } = readExport(towardsIco, trust)
    assert.deepEqual([...new Set(sent.map(({ kind }) => kind))].sort(), ['disclosure', 'recall'])
    assert.deepEqual(received, [])
    const { finding } = disclosed
    for (const text of [towardsIco, towardsPortal])
      for (const word of ['Marlow', 'VPN', 'locked out', finding, 'about to ask']) assert.ok(!text.includes(word), word)
  })

  test('each message one side has and the other has not is named, with the side to ask', async () => {
    const gone = await tampered('ico', [['delete from exchange.inbox where id = $1', [disclosed.disclosure]]], () =>
      exportOf('ico', 'ncsc'),
    )
    const at = ({ differences }: { differences: Difference[] }) => differences.map(({ code, id, at }) => [code, id, at])
    assert.deepEqual(at(await between('ncsc', 'ico', { b: gone })), [['gone-at-recipient', disclosed.disclosure, 'ico']])
    const hidden = await tampered(
      'ncsc',
      [
        ['delete from ledger.entries where id = (select entry from exchange.outbox where id = $1)', [disclosed.disclosure]],
        ['delete from exchange.outbox where id = $1', [disclosed.disclosure]],
      ],
      () => exportOf('ncsc', 'ico'),
    )
    assert.deepEqual(at(await between('ncsc', 'ico', { a: hidden })), [['gone-at-sender', disclosed.disclosure, 'ncsc']])
  })

  test('an entry removed, a record changed, a message dated back, an end told otherwise: each is named', async () => {
    const entry = '(select entry from exchange.outbox where id = $1)'
    const slips: [string, string[]][] = [
      [`delete from ledger.entries where id = ${entry}`, ['entry-differs']],
      [`update ledger.entries set leaf_index = leaf_index + 1 where id = ${entry}`, ['entry-differs']],
      [`update exchange.outbox set record = replace(record, 'ask', 'say') where id = $1`, ['record-differs']],
      [`update exchange.outbox set queued_at = queued_at - interval '2 days' where id = $1`, ['dated-otherwise']],
      [`update exchange.outbox set queued_at = queued_at + interval '1 day' where id = $1`, ['dated-otherwise']],
      [`update exchange.outbox set state = 'cancelled' where id = $1`, ['stopped-and-arrived']],
      [`update exchange.outbox set state = 'refused' where id = $1`, ['states-differ']],
    ]
    for (const [text, expected] of slips) {
      const changed = await tampered('ncsc', [[text, [disclosed.disclosure]]], () => exportOf('ncsc', 'ico'))
      const { differences } = await between('ncsc', 'ico', { a: changed })
      assert.deepEqual(codes(differences), expected, text)
      assert.ok(differences.every(({ id }) => id === disclosed.disclosure))
    }
  })

  test('what left or came as the other export was made is on its way, not gone', async () => {
    const early = async (node: NodeName, other: NodeName) => {
      const { sent, received, placed } = await reconcileHouse(gateways[node], { node, trust })
      const { statement } = await readGatewayKeys(network.config.home.nodes[node].keys, false)
      const lists = node === 'ico' ? { sent: [], received: [] } : { sent: sent.values(), received: received.values() }
      return readExport(writeExport({ node, with: other, trust, signer: statement, ...lists, placed, heads: [] }, new Date(0)), trust)
    }
    const { differences, onTheirWay } = compareExports(await early('ncsc', 'ico'), await early('ico', 'ncsc'), trust)
    assert.deepEqual([differences, onTheirWay], [[], 3])
  })

  test('an export counts only under the seal of its house, and beside the other\u2019s', async () => {
    const text = await exportOf('ico', 'ncsc')
    assert.throws(() => readExport(text.replace('"accepted"', '"refused"'), trust), SyntaxError)
    const forged = JSON.parse(text)
    assert.throws(() => readExport(canonical({ ...forged, node: 'portal' }), trust), SyntaxError)
    assert.throws(() => readExport(canonical({ ...forged, more: 1 }), trust), SyntaxError)
    const one = readExport(text, trust)
    assert.throws(() => compareExports(one, one, trust), SyntaxError)
    assert.throws(() => compareExports(one, readExport(JSON.stringify(forged), trust), trust), SyntaxError)
  })
})
