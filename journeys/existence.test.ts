import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { query, queryOne, type Db } from '#platform/db'
import {
  asks,
  callerAt,
  caseOf,
  discloses,
  eventually,
  grants,
  inForce,
  reports,
  requestAt,
  startNetwork,
  withdraws,
  type Network,
} from './network.ts'
import { seenByAnybody, tracesAtIco } from './traces.ts'

// Nothing at the ICO may depend on what the NCSC was told, and nothing at the NCSC on what only the ICO was told. A small check in one
// process: what is stored, shown and published. Time, traffic and memory are another matter, for nodes that run apart.

let running: Network | undefined
after(() => running?.stop())

/** Runs one world to its end, alone. */
async function inWorld<T>(tell: (network: Network) => Promise<T>): Promise<T> {
  running = await startNetwork()
  try {
    return await tell(running)
  } finally {
    await running.stop()
    running = undefined
  }
}

const answer = (question: string, value: string, ...audience: string[]) => ({ question, value, audience })
const toldToIco = answer('q19', 'We are locked out.', 'ico')
const toldToNcsc = answer('q42', 'We pulled the plug on the warehouse, heliotrope.', 'ncsc')

/** All that can pass between an organisation and the NCSC and never reach the ICO. */
async function confides(network: Network): Promise<void> {
  const [asha, gwen, handler, officer] = ['Asha Bell', 'Gwen Marlow', 'Callum Drey', 'Sofia Kerr'].map((name) => network.as(name)) as [
    any,
    any,
    any,
    any,
  ]
  const { submissions } = await reports(asha, [toldToNcsc], 'In confidence')
  await reports(network.as('Ines Thorpe'), [answer('q42', 'The pumps are not touched, heliotrope.', 'ncsc')])
  const { id } = await caseOf(handler, submissions['ncsc'].reference)
  await handler.post(`/cases/${id}/notes`, { text: 'Rang them, heliotrope.' })
  const findings = await Promise.all(
    ['gate', 'roof', 'drain'].map(
      async (way) => (await handler.post(`/cases/${id}/findings`, { text: `By the ${way}, heliotrope.` })).body.id,
    ),
  )
  const [refused, unused, withdrawn] = await Promise.all(
    findings.map(async (finding) => requestAt(gwen, await asks(handler, id, [finding]))),
  )
  await asha.post(`/permission-requests/${refused.id}/refusal`)
  await inForce(gwen, await grants(gwen, unused))
  await withdraws(asha, await inForce(gwen, await grants(gwen, withdrawn)))
  for (const finding of [findings[0]!, findings[2]!]) assert.equal((await discloses(officer, id, [finding])).status, 403)
}

/** What a node keeps, but for its ledger, which grows by the clock: how many entries it has is counted, how many leaves is not. */
async function tablesAt(db: Db): Promise<Record<string, unknown[]>> {
  const names = await query<{ name: string }>(
    db,
    `select format('%I.%I', schemaname, tablename) as name
     from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema') and (schemaname <> 'ledger' or tablename in ('entries', 'chains'))
       and (schemaname, tablename) <> ('casework', 'reads')
     order by 1`,
  )
  // That this test looked is recorded by its looking. An entry's place is drawn when the interval closes.
  const tables = names.map(async ({ name }) => {
    const rows = await query<{ row: any }>(
      db,
      `select to_jsonb(t) - array['leaf_index', 'slot', 'path', 'last_used'] as row from ${name} as t order by 1`,
    )
    return [name, rows.map(({ row }) => row)]
  })
  return Object.fromEntries(await Promise.all(tables))
}

/** What an officer of the body is shown and told, down to the answers about what is not there. */
async function shownAt(network: Network, name: string): Promise<unknown> {
  const officer = network.as(name)
  const { cases } = (await officer.get('/cases')).body
  const paths = [
    '/cases',
    ...cases.map(({ id }: any) => `/cases/${id}`),
    '/cases/7b0c1f5e-9a44-4d1b-8e6f-2f6f0a3d9c11',
    '/disclosures/7b0c1f5e-9a44-4d1b-8e6f-2f6f0a3d9c11',
    '/permission-requests',
    '/incidents',
  ]
  const told = await Promise.all(paths.map(async (path) => ({ path, ...(await officer.get(path)), headers: undefined })))
  const strangers = await Promise.all(
    ['/cases', `/cases/${cases[0]?.id}`].map(async (path) => (await callerAt(officer.url).get(path)).body),
  )
  return { told, strangers }
}

/** What is public, but for the log's size and what follows from it, and for whoever happened to have cosigned its newest head. */
async function publicAt(network: Network, node: 'ico' | 'ncsc'): Promise<unknown> {
  const all = await seenByAnybody(network.world.nodes[node].url)
  const [origin] = all['/ledger/checkpoint']!.split('\n')
  return { origin, files: Object.entries(all).filter(([path]) => !path.startsWith('/ledger/')) }
}

/** What is counted at the body's own listener for measurements: names and labels, not how often or how fast. */
async function measuredAt(network: Network, node: 'ico' | 'ncsc'): Promise<string[]> {
  const text = await (await fetch(`http://127.0.0.1:${network.config.ports[node].metrics}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return [...new Set(lines.map((line) => line.replace(/ \S+$/, '')))].sort()
}

/** Every leaf is one interval's, and each entry of the log is 32 bytes: there is nothing else in it to count. */
async function logIsRegular(network: Network, node: 'ico' | 'ncsc'): Promise<void> {
  const row = await queryOne<any>(
    network.owner[node],
    'select (select max(size) from ledger.heads) as size, (select count(*) from ledger.heads) as heads, (select count(*) from ledger.leaves) as leaves',
  )
  assert.deepEqual([row.leaves, row.heads], [row.size, row.size + 1])
}

/** Ids, references, hashes, times and addresses by what they are, not by what they say. */
function alike(value: unknown): unknown {
  const text = JSON.stringify(value)
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<id>')
    .replace(/\b(ICO|NCSC|INC)(-[2-9A-Z]{4}){2}\b/g, '$1-<reference>')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, '<time>')
    .replace(/localhost:\d+/g, '<address>')
    .replace(/"(\\\\x[0-9a-f]{64})"/g, '"<hash>"')
    .replace(/"[A-Za-z0-9_-]{43}"/g, '"<hash>"')
  return JSON.parse(text)
}

const counted = (tables: Record<string, unknown[]>) => Object.entries(tables).map(([name, rows]) => [name, rows.length])

describe('two worlds', () => {
  async function world(network: Network, confided: boolean) {
    const asha = network.as('Asha Bell')
    const { incident, submissions } = await reports(asha, confided ? [toldToIco, toldToNcsc] : [toldToIco])
    if (confided) await confides(network)
    const update = await asha.post(`/incidents/${incident}/reports`, {
      stage: 'update',
      submit: true,
      answers: [answer('q21', 'Yes', 'ico'), ...(confided ? [answer('q43', 'Still locked, heliotrope.', 'ncsc')] : [])],
    })
    assert.ok([201, 202].includes(update.status))
    if (confided)
      assert.deepEqual(
        await tracesAtIco(network, ['heliotrope', 'Harrow Vale', submissions['ncsc'].reference, submissions['ncsc'].envelope]),
        [],
      )
    await logIsRegular(network, 'ico')
    const tables = await tablesAt(network.owner.ico)
    const items = (tables['casework.items'] as any[]).map(({ question, value, via }) => [question, value, via]).sort()
    return {
      counts: counted(tables),
      items,
      shown: alike(await shownAt(network, 'Imran Vale')),
      open: alike(await publicAt(network, 'ico')),
      measured: await measuredAt(network, 'ico'),
    }
  }

  test('[consent-before-disclosure] with everything confided to the NCSC, and with nothing, the ICO has, shows and publishes the same', async () => {
    const told = await inWorld((network) => world(network, true))
    const untold = await inWorld((network) => world(network, false))
    assert.deepEqual(told, untold)
  })
})

describe('before and after', () => {
  test('[consent-before-disclosure] not a row, not a byte shown changes at the ICO by what is confided to the NCSC; nor at the NCSC by what only the ICO is told', async () => {
    await inWorld(async (network) => {
      const asha = network.as('Asha Bell')
      await reports(asha, [toldToIco, toldToNcsc])
      const at = async (node: 'ico' | 'ncsc', officer: string) => [
        await tablesAt(network.owner[node]),
        await shownAt(network, officer),
        await publicAt(network, node),
      ]
      const ico = await quiet(network, () => at('ico', 'Imran Vale'))
      await confides(network)
      assert.deepEqual(await quiet(network, () => at('ico', 'Imran Vale')), ico)
      const ncsc = await quiet(network, () => at('ncsc', 'Callum Drey'))
      const { submissions } = await reports(network.as('Ines Thorpe'), [answer('q19', 'Personal data was taken.', 'ico')])
      const imran = network.as('Imran Vale')
      const { id } = await caseOf(imran, submissions['ico'].reference)
      assert.equal((await imran.post(`/cases/${id}/notes`, { text: 'Rang them.' })).status, 201)
      assert.deepEqual(await quiet(network, () => at('ncsc', 'Callum Drey')), ncsc)
      await logIsRegular(network, 'ncsc')
    })
  })
})

/** Once nothing is waiting or on its way any more. What one node does may set the next to work, so they are asked in that order. */
async function quiet<T>(network: Network, look: () => Promise<T>): Promise<T> {
  const { portal, ncsc, ico } = network.owner
  const busy = `select id from exchange.outbox where state in ('waiting', 'claimed') union all select id from exchange.requests where state = 'pending'`
  await eventually(async () => {
    for (const db of [portal, ncsc, ico]) if ((await query(db, busy)).length > 0) return false
    return true
  })
  return look()
}
