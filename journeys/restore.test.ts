import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { closeDb, openDb, query, type Db } from '#platform/db'
import { readJson } from '#platform/home'
import { canonical } from '#platform/canonical'
import { checkTrustFile } from '#exchange'
import { verifyBundle } from '#evidence'
import { copyOf, type FreshDatabase } from '../checks/database.ts'
import {
  asks,
  atIco,
  caseOf,
  discloses,
  eventually,
  grants,
  inForce,
  reports,
  requestAt,
  settled,
  startNetwork,
  withdraws,
  type Network,
} from './network.ts'

// A house loses its database and starts with an older copy: it holds, gets back what others have, and goes on when two people say so.

let network: Network
const copies: FreshDatabase[] = []
before(async () => {
  network = await startNetwork({ env: { CONCORDAT_STATEMENTS: '2' } })
})
after(async () => {
  await network.stop()
  for (const copy of copies) await copy.drop()
})

type Body = 'ncsc' | 'ico' | 'portal'
const people = {
  portal: ['Iris Calloway', 'Petra Lowe'],
  ncsc: ['Ewan Trask', 'Faye Yardley'],
  ico: ['Xenia Moss', 'Yusuf Penn'],
} as const satisfies Record<Body, [string, string]>

const urls = ({ ownerUrl, deskUrl, gatewayUrl }: FreshDatabase) => ({ owner: ownerUrl, desk: deskUrl, gateway: gatewayUrl })

/** A backup of a node as it stands now; the node goes on with what it had. */
async function backup(node: Body): Promise<FreshDatabase> {
  const { urls: now } = network.running[node]
  await network.running[node].stop()
  const copy = await copyOf({ ownerUrl: now.owner })
  copies.push(copy)
  await network.restart(node, { databases: now })
  return copy
}

const restores = (node: Body, copy: FreshDatabase) => network.restart(node, { databases: urls(copy) })
const holdAt = async (node: Body) => (await network.as(people[node][0]).get('/hold')).body
const recovered = (node: Body) =>
  eventually(async () => {
    const hold = await holdAt(node)
    return hold.state === 'recovered' && hold
  }, 60)

async function released(node: Body): Promise<void> {
  for (const name of people[node]) {
    const { status, body } = await network.as(name).post('/hold/release', { reason: 'Looked at what is missing.' })
    assert.equal(status, 200, JSON.stringify(body))
  }
  await eventually(async () => !network.running[node].gateway!.held(), 60)
}

/** What that log ever signed, wherever its databases are: at most one root of each size. */
async function signedOnce(node: Body, databases: string[]): Promise<void> {
  const roots = new Map<number, string>()
  for (const url of databases) {
    const db = openDb(url, { max: 1 })
    try {
      const heads = await query<{ size: number; root: Buffer }>(db, 'select size, root from ledger.heads where note is not null')
      for (const { size, root } of heads) {
        const hex = root.toString('hex')
        assert.equal(roots.get(size) ?? hex, hex, `the ${node} signed two heads of size ${size}`)
        roots.set(size, hex)
      }
    } finally {
      await closeDb(db)
    }
  }
}

const lookIn = async <T>(url: string, look: (db: Db) => Promise<T>): Promise<T> => {
  const db = openDb(url, { max: 1 })
  try {
    return await look(db)
  } finally {
    await closeDb(db)
  }
}

async function verified(name: string, incident: string): Promise<void> {
  const trust = checkTrustFile(await readJson(network.config.home.trustFile))
  const { body } = await network.as(name).get(`/incidents/${incident}/bundle`)
  const verdict = verifyBundle(canonical(body), trust)
  assert.deepEqual(
    verdict.findings.filter(({ ok }) => !ok),
    [],
  )
}

test('[consent-before-disclosure] an NCSC restored to before a permission and a disclosure gets both back, and can still call back what left', async () => {
  const [reporter, signatory, handler, officer] = ['Asha Bell', 'Gwen Marlow', 'Callum Drey', 'Sofia Kerr'].map((name) =>
    network.as(name),
  ) as [any, any, any, any]
  const lost = network.running.ncsc.urls.owner
  const copy = await backup('ncsc')
  const { incident, submissions } = await reports(reporter, [
    { question: 'q19', value: 'Locked out.', audience: ['ico', 'ncsc'] },
    { question: 'q42', value: 'We pulled the plug.', audience: ['ncsc'] },
  ])
  const { reference } = submissions['ncsc']
  const found = await caseOf(handler, reference)
  const item = found.items.find((one: any) => one.question === 'q42').id
  const request = await requestAt(signatory, await asks(handler, found.id, [item]))
  const permission = await inForce(signatory, await grants(signatory, request))
  const sent = await discloses(officer, found.id, [item])
  assert.equal((await settled(officer, sent.body.id)).state, 'accepted')
  assert.ok((await atIco(network, item)).value)

  await restores('ncsc', copy)
  assert.equal(network.running.ncsc.gateway!.held(), true)
  const hold = await recovered('ncsc')
  assert.deepEqual(hold.gaps, [])
  const again = await caseOf(handler, reference)
  assert.deepEqual(again.items.map((one: any) => [one.id, one.value]).sort(), found.items.map((one: any) => [one.id, one.value]).sort())
  assert.notEqual(again.id, undefined)

  // Shut until two people, in two roles, have said so.
  const late = await reports(reporter, [{ question: 'q19', value: 'Meanwhile.', audience: ['ico'] }])
  assert.ok(late.incident)
  const [records, administrator] = people.ncsc.map((name) => network.as(name)) as [any, any]
  assert.equal((await handler.post('/hold/release', { reason: 'I would like to.' })).status, 403)
  assert.equal((await records.post('/hold/release', { reason: '  ' })).status, 400)
  assert.equal((await records.post('/hold/release', { reason: 'Looked at.' })).status, 200)
  assert.equal((await records.post('/hold/release', { reason: 'Looked at again.' })).body.code, 'second-person-missing')
  await delay(600)
  assert.equal(network.running.ncsc.gateway!.held(), true)
  assert.equal((await administrator.post('/hold/release', { reason: 'The disk was replaced.' })).status, 200)
  await eventually(async () => !network.running.ncsc.gateway!.held(), 60)
  assert.equal((await administrator.post('/hold/release', { reason: 'Once more.' })).body.code, 'already-done')

  const receipt = await withdraws(signatory, permission)
  assert.deepEqual(receipt.left, [sent.body.id])
  await eventually(async () => (await atIco(network, item)).restricted)
  await signedOnce('ncsc', [lost, copy.ownerUrl])
  await eventually(async () => {
    await verified('Asha Bell', incident)
    return true
  })
})

test('whoever was told keeps one chain: nothing is numbered twice, nothing receipted twice, and the bundle of before and after holds', async () => {
  const reporter = network.as('Ines Thorpe')
  const { incident, submissions } = await reports(reporter, [{ question: 'q19', value: 'One.', audience: ['ico'] }])
  const lost = network.running.ico.urls.owner
  const copy = await backup('ico')
  const more = async (value: string): Promise<any> => {
    const filed = await reporter.post(`/incidents/${incident}/reports`, {
      stage: 'update',
      submit: true,
      answers: [{ question: 'q19', value, audience: ['ico'] }],
    })
    const { envelope } = filed.body.submissions[0]
    return eventually(async () => {
      const { submissions: all } = (await reporter.get(`/incidents/${incident}`)).body
      return all.find((one: any) => one.envelope === envelope)?.receipt
    })
  }
  await more('Two.')
  await more('Three.')
  await restores('ico', copy)
  await recovered('ico')
  await released('ico')
  await more('Four.')
  await signedOnce('ico', [lost, copy.ownerUrl])
  const found = await caseOf(network.as('Imran Vale'), submissions['ico'].reference)
  assert.deepEqual(found.items.map((one: any) => one.value).sort(), ['Four.', 'One.', 'Three.', 'Two.'])
  const receipts = await query<{ answers: string; n: number }>(
    network.owner.portal,
    "select answers, count(*) as n from exchange.inbox where sender = 'ico' and kind = 'receipt' and state = 'accepted' group by answers",
  )
  assert.deepEqual(
    receipts.filter(({ n }) => n !== 1),
    [],
  )
  await eventually(async () => {
    await verified('Ines Thorpe', incident)
    return true
  })
})

test('a hold outlives a restart, and nothing ends it but two people', async () => {
  const copy = await backup('portal')
  const { incident } = await reports(network.as('Lena Fosse'), [{ question: 'q19', value: 'Lost at the portal.', audience: ['ncsc'] }])
  await restores('portal', copy)
  await recovered('portal')
  await network.restart('portal', { databases: urls(copy) })
  assert.equal(network.running.portal.gateway!.held(), true)
  await lookIn(copy.gatewayUrl, async (gateway) =>
    assert.rejects(query(gateway, 'update disclosure.holds set resumed_at = now() where resumed_at is null'), {
      constraint: 'guard_release',
    }),
  )
  await released('portal')
  assert.equal((await network.as('Lena Fosse').get(`/incidents/${incident}`)).status, 404, 'a folder is in its own backups alone')
  const after = await reports(network.as('Lena Fosse'), [{ question: 'q19', value: 'Told again.', audience: ['ncsc'] }])
  await verified('Lena Fosse', after.incident)
})

test('two copies that both went on are told apart: the other branch is never signed on', async () => {
  const stale = await backup('ico')
  const current = network.running.ico.urls
  const fork = await copyOf({ ownerUrl: stale.ownerUrl })
  copies.push(fork)
  // Somebody adds to an old copy behind everybody's back.
  await lookIn(fork.ownerUrl, async (owner) => {
    const [last] = await query<{ size: number }>(owner, 'select max(size) as size from ledger.heads')
    await query(owner, "insert into ledger.heads (size, root, created_at) values ($1, decode(repeat('ab', 32), 'hex'), now())", [
      last!.size + 1,
    ])
  })
  await restores('ico', fork)
  assert.equal(network.running.ico.gateway!.held(), true)
  await delay(1500)
  assert.equal((await holdAt('ico')).state, 'recovering')
  assert.equal((await network.as('Xenia Moss').post('/hold/release', { reason: 'It will be fine.' })).body.code, 'recovery-unfinished')
  await network.restart('ico', { databases: current })
  assert.equal(network.running.ico.gateway!.held(), false)
})
