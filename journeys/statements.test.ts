import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { GatewayConfig } from '#disclosure'
import { verifyBundle, type Verdict } from '#evidence'
import { checkTrustFile } from '#exchange'
import { query } from '#platform/db'
import { readJson, type NodeName } from '#platform/home'
import { sendStatements } from '#statements'
import {
  asks,
  callerAt,
  caseOf,
  claimsIn,
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
  type Person,
} from './network.ts'

// Days pass at midnight UTC by a clock that all three nodes share and the journey moves; it is noon when nothing is said of it.

const DAY = 86_400_000
const noonAhead = DAY - (Date.now() % DAY) + DAY / 2
let shift = noonAhead
const now = (): Date => new Date(Date.now() + shift)

/** Whether the NCSC's gateway keeps its notices back. */
let defers = false

function deferring(config: GatewayConfig): GatewayConfig {
  const prepare = config.outbound.disclosure!
  const disclosure: typeof prepare = async (tx, request, ctx) => {
    const { follow, ...prepared } = await prepare(tx, request, ctx)
    return defers ? prepared : { ...prepared, ...(follow && { follow }) }
  }
  // And it states twice over, as two processes of one gateway would: each day there is one statement all the same.
  const errands = [...(config.errands ?? []), sendStatements({ node: 'ncsc', everySeconds: DAY / 1000 })]
  return { ...config, errands, outbound: { ...config.outbound, disclosure } }
}

let network: Network
let [asha, gwen, callum, sofia, imran]: Person[] = []
before(async () => {
  network = await startNetwork({ now, node: { ncsc: { gateway: deferring } } })
  ;[asha, gwen, callum, sofia, imran] = ['Asha Bell', 'Gwen Marlow', 'Callum Drey', 'Sofia Kerr', 'Imran Vale'].map((name) =>
    network.as(name),
  )
})
after(() => network.stop())

type Stated = { record: any; n: number }

/** What a body has stated to an organisation, as it stands in the portal's inbox, oldest first. */
async function statedTo(organisation: string, from: 'ncsc' | 'ico'): Promise<Stated[]> {
  const rows = await query<{ statement: string }>(
    network.owner.portal,
    `select statement from exchange.inbox where kind = 'statement' and state = 'accepted' and organisation = $1 and sender = $2`,
    [organisation, from],
  )
  const said = rows.map(({ statement }) => {
    const { log, ...record } = claimsIn(statement)
    return { record, n: log.opening.n }
  })
  return said.sort((a, b) => a.n - b.n)
}

/** Until both bodies, or these, have said something that fell due at the last midnight. */
async function midnight(organisation: string, days = 1, bodies: ('ncsc' | 'ico')[] = ['ncsc', 'ico']): Promise<void> {
  shift += days * DAY
  const due = new Date(now().getTime() - (now().getTime() % DAY)).toISOString()
  for (const from of bodies) await eventually(async () => (await statedTo(organisation, from)).at(-1)?.record.due === due, 60)
}

const organisationOf = async (name: string): Promise<string> => {
  const { organisation } = network.world.people.find((one) => one.name === name) as any
  const [row] = await query<{ id: string }>(
    network.owner.portal,
    'select id from identity.organisations where name = $1 or id::text = $1',
    [organisation],
  )
  return row!.id
}

async function bundleOf(incident: string, items?: string[]): Promise<string> {
  const path = `${asha!.url}/api/v1/incidents/${incident}/bundle${items ? `?items=${items.join(',')}` : ''}`
  const response = await fetch(path, { headers: { authorization: `Bearer ${asha!.token}` } })
  assert.equal(response.status, 200)
  return response.text()
}

const check = async (text: string, since?: string): Promise<Verdict> =>
  verifyBundle(text, checkTrustFile(await readJson(network.config.home.trustFile)), since === undefined ? {} : { since })
const faults = ({ findings }: Verdict) => findings.filter(({ ok }) => !ok)

async function holds(incident: string): Promise<string> {
  const good = await eventually(async () => {
    const text = await bundleOf(incident)
    return (await check(text)).ok && text
  }).catch(() => bundleOf(incident))
  assert.deepEqual(faults(await check(good)), [])
  return good
}

/** A report to both bodies, a finding, a permission and, if asked, its disclosure. */
async function permitted(disclosed: boolean): Promise<{ incident: string; case: any; finding: string; permission: string }> {
  const { incident, submissions } = await reports(asha!, [
    { question: 'q19', value: 'We are locked out of our order system.', audience: ['ico', 'ncsc'] },
    { question: 'q42', value: 'We pulled the plug on the warehouse network.', audience: ['ncsc'] },
  ])
  const found = await caseOf(callum!, submissions['ncsc'].reference)
  const written = await callum!.post(`/cases/${found.id}/findings`, { text: 'They came in through the VPN.' })
  const until = new Date(now().getTime() + 60 * DAY).toISOString()
  const request = await requestAt(gwen!, await asks(callum!, found.id, [written.body.id], { until }))
  const permission = await inForce(gwen!, await grants(gwen!, request))
  if (disclosed) await sends(found.id, written.body.id)
  return { incident, case: found, finding: written.body.id, permission }
}

async function sends(caseId: string, item: string): Promise<void> {
  const sent = await discloses(sofia!, caseId, [item])
  assert.equal((await settled(sofia!, sent.body.id)).state, 'accepted')
}

test('[consent-before-disclosure] each body states at midnight to the organisations in its own books, and never when it is asked', async () => {
  const marlow = await organisationOf('Asha Bell')
  const { incident, finding } = await permitted(true)
  const harrow = await organisationOf('Ines Thorpe')
  await reports(network.as('Ines Thorpe'), [{ question: 'q42', value: 'The pumps are not touched.', audience: ['ncsc'] }])
  await asha!.get(`/incidents/${incident}/holdings`)
  await holds(incident)
  await pause(600)
  for (const from of ['ncsc', 'ico'] as const) assert.deepEqual(await statedTo(marlow, from), [], 'nothing before midnight')

  await midnight(marlow)
  await midnight(harrow, 0, ['ncsc'])
  const [ncsc, ico] = await Promise.all([statedTo(marlow, 'ncsc'), statedTo(marlow, 'ico')])
  assert.deepEqual([ncsc.length, ico.length], [1, 1])
  assert.deepEqual(
    [ncsc, ico].map(([one]) => [one!.record.entries, one!.record.held, one!.record.missed, one!.record.ending]),
    [
      [ncsc[0]!.n, 0, undefined, 'except anything whose notice is lawfully deferred'],
      [ico[0]!.n, 1, undefined, undefined],
    ],
  )
  assert.deepEqual(await statedTo(harrow, 'ico'), [], 'whom the ICO does not know it tells nothing')
  const { statements } = (await gwen!.get(`/incidents/${incident}/holdings`)).body
  assert.deepEqual(
    statements.map(({ authority, held }: any) => [authority, held]),
    [
      ['ico', 1],
      ['ncsc', 0],
    ],
  )
  const verdict = await check(await holds(incident))
  assert.ok(verdict.proved.some((line) => line.includes('the ICO signed, unasked') && line.includes('it holds 1 item')))
  assert.ok(verdict.held.holdings.some(({ item, door }) => item === finding && door === 3))
})

test('a restart makes no second statement of a day, and a node that was away makes up for its days by one', async () => {
  const marlow = await organisationOf('Asha Bell')
  const count = async () => (await statedTo(marlow, 'ico')).length
  const had = await count()
  await network.restart('ico')
  await pause(800)
  assert.equal(await count(), had)
  await network.running.ico.stop()
  await midnight(marlow, 3, ['ncsc'])
  await network.restart('ico')
  await midnight(marlow, 0)
  const last = (await statedTo(marlow, 'ico')).at(-1)!
  assert.deepEqual([await count(), last.record.missed], [had + 1, 2])
  const other = (await statedTo(marlow, 'ncsc')).at(-1)!
  assert.equal(other.record.missed, 2, 'the clock leapt for the NCSC, too')
})

test('a withdrawal shows in the next statement, and a bundle holds against the one before', async () => {
  const marlow = await organisationOf('Asha Bell')
  const { incident, permission } = await permitted(true)
  await midnight(marlow)
  const then = await holds(incident)
  await withdraws(asha!, permission)
  await eventually(async () =>
    (await gwen!.get(`/incidents/${incident}/holdings`)).body.holdings.some(({ restricted }: any) => restricted !== undefined),
  )
  await midnight(marlow)
  const verdict = await check(await holds(incident), then)
  assert.deepEqual(faults(verdict), [])
  assert.ok(verdict.news!.some((line) => line.includes('withdrawal of the organisation')))
  assert.ok(verdict.news!.some((line) => line.includes('daily statement of the ICO')))
  assert.deepEqual(
    faults(await check(then, await bundleOf(incident))).map(({ check: one }) => one),
    ['since'],
  )
})

test('counsel hands over one item, and nothing else that was typed', async () => {
  const { incident, finding } = await permitted(true)
  const whole = await holds(incident)
  const [item] = (await check(whole)).held.holdings.filter(({ question, door }) => question === 'q42' && door === 1)
  const verdict = await eventually(async () => {
    const one = await check(await bundleOf(incident, [item!.item]))
    return one.ok && one
  })
  assert.equal(verdict.withheld, 3)
  const text = await bundleOf(incident, [item!.item])
  const said = [text, ...(text.match(/[\w-]{16,}/g) ?? []).map((part) => Buffer.from(part, 'base64url').toString('utf8'))].join('\n')
  assert.ok(said.includes('We pulled the plug'))
  for (const other of ['We are locked out', 'through the VPN']) assert.ok(!said.includes(other), other)
  assert.equal((await asha!.get(`/incidents/${incident}/bundle?items=${finding},${incident}`)).status, 400)
  assert.equal((await asha!.get(`/incidents/${incident}/bundle?items=x`)).status, 400)
  assert.equal((await callerAt(asha!.url).get(`/incidents/${incident}/bundle?items=${finding}`)).status, 401)
})

test('[consent-before-disclosure] a notice that is deferred changes nothing in what the NCSC states', async () => {
  const marlow = await organisationOf('Asha Bell')
  const { case: found, finding } = await permitted(false)
  const stated = async () => {
    await midnight(marlow)
    const all = await statedTo(marlow, 'ncsc')
    const [last, before] = [all.at(-1)!, all.at(-2)!]
    const { id: _, at: __, due: ___, before: ____, head: _____, entries, ...same } = last.record
    return { same, more: entries - before.record.entries }
  }
  // What went before is told in the first days: who opened what, too.
  await stated()
  await stated()
  const without = await stated()
  defers = true
  await sends(found.id, finding)
  defers = false
  assert.deepEqual(await stated(), without)
})

test('[consent-before-disclosure] an item written straight into the ICO\u2019s store is in its next statement, and the bundle says whose promise it breaks', async () => {
  const marlow = await organisationOf('Asha Bell')
  const { incident, submissions } = await reports(asha!, [{ question: 'q19', value: 'We are locked out.', audience: ['ico'] }])
  await holds(incident)
  const found = await caseOf(imran!, submissions['ico'].reference)
  const item = 'b0f3c1d2-7a64-4f1e-9c55-1d2e3f4a5b6c'
  await query(
    network.owner.ico,
    `insert into casework.items (id, record, case_id, question, value, salt, commitment, kind, via, permission, marking, added_at)
     values ($1, $2, $3, 'finding', '"By the VPN."', 'x', $4, 'finding', 'permission', 'made up', 'OFFICIAL-SENSITIVE', $5)`,
    [item, 'c1f3c1d2-7a64-4f1e-9c55-1d2e3f4a5b6c', found.id, 'A'.repeat(43), now()],
  )
  await midnight(marlow)
  const verdict = await check(await bundleOf(incident))
  assert.deepEqual(
    faults(verdict).map(({ check: one, about }) => [one, about]),
    [['completeness', item]],
  )
  assert.match(faults(verdict)[0]!.detail, /the ICO says it holds this item .*the promise is broken/)
  // Taken out again, it stays said: every later bundle shows the statement of that day.
  await query(network.owner.ico, 'delete from casework.items where id = $1', [item])
  await midnight(marlow)
  assert.equal((await check(await bundleOf(incident))).ok, false)
})

/** Takes statements out of the portal's inbox, as a portal would that hides them. */
async function hides(where: string, values: unknown[]): Promise<void> {
  const gone = await query(network.owner.portal, `delete from exchange.inbox where ${where} returning id`, values)
  assert.ok(gone.length > 0)
}

test('[consent-before-disclosure] a portal that hides an entry is found out by the next statement', async () => {
  const [ines, org] = [network.as('Ines Thorpe'), await organisationOf('Ines Thorpe')]
  const { incident } = await reports(ines, [{ question: 'q19', value: 'Personal data was taken.', audience: ['ico', 'ncsc'] }])
  const bundle = async (): Promise<Verdict> => {
    const response = await fetch(`${ines.url}/api/v1/incidents/${incident}/bundle`, { headers: { authorization: `Bearer ${ines.token}` } })
    return check(await response.text())
  }
  await midnight(org)
  await eventually(async () => (await bundle()).ok)
  // The newest entry goes, and nothing stands after it.
  const more = await ines.post(`/incidents/${incident}/reports`, {
    stage: 'update',
    submit: true,
    answers: [{ question: 'q21', value: 'Yes', audience: ['ico'] }],
  })
  assert.equal(more.status, 201)
  const [{ envelope }] = more.body.submissions
  await hides(`kind = 'receipt' and answers = $1`, [envelope])
  assert.equal((await bundle()).ok, true, 'until the next statement a portal can hide what came last')
  await midnight(org)
  const found = faults(await bundle())
  assert.deepEqual(
    found.map(({ check: one, about }) => [one, about]),
    [['chains', 'ico']],
  )
  // Hiding that statement, too, and every later one, works for two days.
  const hideLatest = () => hides(`kind = 'statement' and sender = 'ico' and organisation = $1 and statement = any($2)`, [org, latest])
  const rows = await query<{ statement: string }>(
    network.owner.portal,
    `select statement from exchange.inbox where kind = 'statement' and sender = 'ico' and organisation = $1`,
    [org],
  )
  const due = (statement: string): string => claimsIn(statement).due
  const latest = rows
    .map(({ statement }) => statement)
    .filter(
      (one) =>
        due(one) ===
        rows
          .map(({ statement }) => due(statement))
          .sort()
          .at(-1),
    )
  await hideLatest()
  assert.equal((await bundle()).ok, true)
  await network.running.ico.stop()
  shift += 2 * DAY
  const silent = faults(await bundle())
  assert.ok(silent.some(({ check: one, about }) => one === 'completeness' && about === 'ico'))
  await network.restart('ico')
})

test('of all these days there is one statement each, to each organisation', async () => {
  for (const node of ['ncsc', 'ico'] as const) {
    const rows = await query<{ statement: string }>(
      network.owner.portal,
      `select statement from exchange.inbox where kind = 'statement' and sender = $1`,
      [node],
    )
    const places = rows.map(({ statement }) => claimsIn(statement)).map(({ organisation, due, page }) => `${organisation} ${due} ${page}`)
    assert.ok(places.length > 10)
    assert.equal(new Set(places).size, places.length)
  }
})

test('nobody but a body\u2019s gateway makes a statement, and the portal keeps none for whom it never reported', async () => {
  for (const node of ['ncsc', 'ico'] as NodeName[]) {
    const [row] = await query<{ refused: number }>(
      network.owner[node],
      `select count(*) as refused from exchange.outbox where kind = 'statement' and state = 'refused'`,
    )
    assert.equal(row!.refused, 0)
  }
  const stranger = 'd1f3c1d2-7a64-4f1e-9c55-1d2e3f4a5b6c'
  await query(
    network.owner.ncsc,
    `insert into casework.cases (id, reference, organisation, organisation_name, organisation_verified, opened_at, opened_by_door)
     values ($1, 'NCSC-2222-2222', $1, 'Nobody Ltd', true, $2, 1)`,
    [stranger, now()],
  )
  shift += DAY
  const refused = await eventually(async () => {
    const rows = await query<any>(network.owner.ncsc, `select code from exchange.outbox where kind = 'statement' and state = 'refused'`)
    return rows.length > 0 && rows
  })
  assert.deepEqual(refused, [{ code: 'not-found' }])
  assert.deepEqual(await query(network.owner.portal, 'select 1 from statements.lists where organisation = $1', [stranger]), [])
})
