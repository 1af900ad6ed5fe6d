import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { verifyBundle } from '#evidence'
import { checkTrustFile } from '#exchange'
import { readJson } from '#platform/home'
import { query } from '#platform/db'
import {
  asks,
  atIco,
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

// What came from two organisations goes by the permission of both, and neither ever learns that there is another: whatever that one does,
// everything the first has, is told and can check is the same as if it were alone.

let running: Network | undefined
after(() => running?.stop())

const ANSWER = 'We share a supplier, cerulean.'
const FINDING = 'They came in by the supplier, cerulean.'

type World = { network: Network; people: Record<'asha' | 'gwen' | 'ines' | 'malcolm' | 'handler' | 'officer' | 'records', Person> }

async function inWorld<T>(tell: (world: World) => Promise<T>): Promise<T> {
  const network = await startNetwork()
  running = network
  const names = {
    asha: 'Asha Bell',
    gwen: 'Gwen Marlow',
    ines: 'Ines Thorpe',
    malcolm: 'Malcolm Avery',
    handler: 'Callum Drey',
    officer: 'Sofia Kerr',
    records: 'Xenia Moss',
  }
  const people = Object.fromEntries(Object.entries(names).map(([who, name]) => [who, network.as(name)])) as World['people']
  try {
    return await tell({ network, people })
  } finally {
    await network.stop()
    running = undefined
  }
}

type Begun = { incident: string; own: any; other: any; finding: string }

/** Both are engaged; the finding stands in the first one's case, and came from the other too or not. */
async function begins({ network, people }: World, shared: boolean): Promise<Begun> {
  const { asha, ines, handler } = people
  const first = await reports(asha, [{ question: 'q42', value: ANSWER, audience: ['ncsc'] }])
  const second = await reports(ines, [{ question: 'q42', value: 'The pumps run, cerulean.', audience: ['ncsc'] }])
  const [own, other] = [
    await caseOf(handler, first.submissions['ncsc'].reference),
    await caseOf(handler, second.submissions['ncsc'].reference),
  ]
  const finding = (await handler.post(`/cases/${own.id}/findings`, { text: FINDING })).body.id
  if (shared)
    await query(network.owner.ncsc, 'insert into casework.item_origins (item, organisation) values ($1, $2)', [
      finding,
      other.organisationId,
    ])
  return { incident: first.incident, own, other, finding }
}

/** A JWS as what it says, without the proof of where it stands; anything base64url of a JSON text as that text. */
function read(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(read)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, read(member)]))
  if (typeof value !== 'string') return value
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(value)) {
    const { log, ...record } = claimsIn(value)
    return read({ ...record, ...(log?.opening && { n: log.opening.n }) })
  }
  const text = Buffer.from(value, 'base64url').toString('utf8')
  return text.startsWith('{') && Buffer.from(text).toString('base64url') === value ? read(JSON.parse(text)) : value
}

/** Ids, references, hashes and times by what they are, each name of one thing the same throughout. */
function alike(value: unknown): unknown {
  const names = new Map<string, string>()
  const name = (kind: string) => (found: string) => {
    if (!names.has(found)) names.set(found, `<${kind} ${[...names.values()].filter((one) => one.startsWith(`<${kind} `)).length}>`)
    return names.get(found)!
  }
  const text = JSON.stringify(read(value))
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, name('id'))
    .replace(/\b(ICO|NCSC|INC)(-[2-9A-Z]{4}){2}\b/g, '<reference>')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, '<time>')
    .replace(/localhost:\d+/g, '<address>')
    .replace(/"(iat|nbf|exp)":\d+/g, '"$1":"<time>"')
    .replace(/(?<=")[A-Za-z0-9_-]{43}(?=")/g, name('hash'))
    .replace(/"[A-Za-z0-9_-]{80,}"/g, '"<signature>"')
  return JSON.parse(text)
}

/** Everything the first organisation has, is told and can check. */
async function seenBy({ network, people: { gwen } }: World, incident: string): Promise<unknown> {
  const { seal: _, ...bundle } = (await gwen.get(`/incidents/${incident}/bundle`)).body
  const paths = [
    `/incidents/${incident}/holdings`,
    `/incidents/${incident}/permissions`,
    `/incidents/${incident}/questions`,
    `/incidents/${incident}`,
    '/permission-requests',
  ]
  const told = await Promise.all(paths.map(async (path) => (await gwen.get(path)).body))
  const rows = await query(network.owner.portal, `select sender, kind from exchange.inbox where organisation = $1 order by sender, kind`, [
    bundle.organisation.id,
  ])
  return alike({ bundle: { ...bundle, others: bundle.others.length }, told, rows })
}

async function holds({ network, people: { gwen } }: World, incident: string): Promise<void> {
  const trust = checkTrustFile(await readJson(network.config.home.trustFile))
  const isWhole = async () => {
    const response = await fetch(`${gwen.url}/api/v1/incidents/${incident}/bundle`, { headers: { authorization: `Bearer ${gwen.token}` } })
    const verdict = verifyBundle(await response.text(), trust)
    return verdict.ok && verdict.held.notYetConfirmed.length === 0
  }
  await eventually(isWhole)
}

/** Once nothing is waiting or on its way any more. */
async function quiet({ network }: World): Promise<void> {
  const { portal, ncsc, ico } = network.owner
  const busy = `select id from exchange.outbox where state in ('waiting', 'claimed') union all select id from exchange.requests where state = 'pending'`
  await eventually(async () => {
    for (const db of [portal, ncsc, ico]) if ((await query(db, busy)).length > 0) return false
    return true
  })
}

type Asked = { incident: string; own: any; other: any; finding: string; permission: string; permissionOfOther?: string }

/** Both permit it, each asked for itself. */
async function bothPermit(world: World, shared: boolean): Promise<Asked> {
  const { gwen, malcolm, handler, officer } = world.people
  const begun = await begins(world, shared)
  const { own, other, finding } = begun
  const request = await requestAt(gwen, await asks(handler, own.id, [finding], shared ? { origin: own.organisationId } : {}))
  const permission = await inForce(gwen, await grants(gwen, request))
  if (!shared) return { ...begun, permission }
  const early = await discloses(officer, own.id, [finding])
  assert.deepEqual([early.status, early.body.code], [403, 'permission-missing'], 'one of two is not enough')
  const asked = await requestAt(
    malcolm,
    await asks(handler, own.id, [finding], { origin: other.organisationId, reason: 'Only you can say.' }),
  )
  assert.deepEqual([asked.reason, asked.items.map(({ value }: any) => value)], ['Only you can say.', [FINDING]])
  assert.ok(!JSON.stringify(asked).includes('Marlow') && !JSON.stringify(asked).includes(own.organisationId))
  const permissionOfOther = await inForce(malcolm, await grants(malcolm, asked))
  return { ...begun, permission, permissionOfOther }
}

describe('two origins', () => {
  /** Disclosed; where there is another origin, that one withdraws, and the ICO deletes. */
  async function otherWithdraws(world: World, shared: boolean): Promise<unknown[]> {
    const { network, people } = world
    const { incident, own, finding, permissionOfOther } = await bothPermit(world, shared)
    const sent = await discloses(people.officer, own.id, [finding])
    assert.equal((await settled(people.officer, sent.body.id)).state, 'accepted')
    await holds(world, incident)
    await quiet(world)
    const before = await seenBy(world, incident)
    if (permissionOfOther) {
      await withdraws(people.ines, permissionOfOther)
      await eventually(async () => (await atIco(network, finding)).restricted)
      const [open] = (await people.records.get('/restrictions')).body.restrictions
      assert.equal(open.permission, permissionOfOther)
      const decided = await people.records.post(`/cases/${open.case}/restrictions/${finding}`, { decision: 'delete', reason: 'Withdrawn.' })
      assert.equal(decided.body.decided, 1)
    }
    await quiet(world)
    await holds(world, incident)
    const rest = await seenBy(world, incident)
    return [before, rest, permissionOfOther ? await afterwards(world, { incident, finding }) : undefined]
  }

  /** The first one's own withdrawal is answered as if nothing had been there before it. */
  async function afterwards(world: World, { incident, finding }: { incident: string; finding: string }): Promise<unknown> {
    const { gwen, asha, records } = world.people
    const [{ id }] = (await gwen.get(`/incidents/${incident}/permissions`)).body.permissions
    await withdraws(asha, id)
    const copy = async () => (await gwen.get(`/incidents/${incident}/holdings`)).body.holdings.find(({ door }: any) => door === 3)
    const restricted = await eventually(async () => {
      const now = await copy()
      return now.restricted && now
    })
    assert.equal(restricted.deleted, undefined, 'what another had deleted is deleted for this one by a decision of its own')
    const open = (await records.get('/restrictions')).body.restrictions.find(({ permission }: any) => permission === id)
    assert.deepEqual([open.state, open.erased], ['open', true])
    await records.post(`/cases/${open.case}/restrictions/${finding}`, { decision: 'delete', reason: 'Withdrawn.' })
    await eventually(async () => (await copy()).deleted)
    await holds(world, incident)
    return undefined
  }

  test('[consent-before-disclosure] with another origin that permits, withdraws and has it deleted, and without, an organisation sees the same', async () => {
    const [alone] = [await inWorld((world) => otherWithdraws(world, false))]
    const together = await inWorld((world) => otherWithdraws(world, true))
    assert.deepEqual(together, alone)
  })

  test('[consent-before-disclosure] what another\u2019s withdrawal stops is told as what an officer calls off: not sent, and no word of why', async () => {
    const stopped = async (world: World, shared: boolean) => {
      const { network, people } = world
      const { incident, own, finding, permissionOfOther } = await bothPermit(world, shared)
      await network.running.ico.stop()
      const { id } = (await discloses(people.officer, own.id, [finding])).body
      await eventually(async () => (await people.gwen.get(`/incidents/${incident}/holdings`)).body.notYetConfirmed.length === 1)
      if (permissionOfOther) await withdraws(people.ines, permissionOfOther)
      else assert.equal((await people.officer.post(`/disclosures/${id}/calling-off`, { reason: 'Not needed.' })).status, 200)
      assert.equal((await settled(people.officer, id)).state, 'withdrawn')
      await network.restart('ico')
      await quiet(world)
      await holds(world, incident)
      return seenBy(world, incident)
    }
    const alone = await inWorld((world) => stopped(world, false))
    assert.deepEqual(await inWorld((world) => stopped(world, true)), alone)
  })

  test('each is asked apart, under its own reference, in words that name no other', async () => {
    await inWorld(async (world) => {
      const { network, people } = world
      const { own, other, finding } = await begins(world, true)
      const ask = (items: string[], more: object) =>
        people.handler.post(`/cases/${own.id}/permission-requests`, {
          items,
          to: 'ico',
          purpose: 'incident-response',
          until: new Date(Date.now() + 86_400_000).toISOString(),
          reason: 'The ICO will ask.',
          ...more,
        })
      const code = async (items: string[], more: object) => (await ask(items, more)).body.code
      assert.equal(await code([finding], {}), 'invalid', 'of whom?')
      assert.equal(await code([own.items[0].id], { origin: other.organisationId }), 'invalid', 'not of one it did not come from')
      assert.equal(await code([finding], { origin: other.organisationId, reason: 'Marlow  Fresh has said yes.' }), 'names-another')
      assert.equal(await code([finding], { origin: other.organisationId, under: own.id }), 'invalid', 'not under another\u2019s reference')
      const named = (await people.handler.post(`/cases/${own.id}/findings`, { text: 'MARLOW FRESH LTD let them in.' })).body.id
      assert.equal(await code([named], { origin: other.organisationId }), 'names-another')
      assert.equal((await ask([named], { origin: own.organisationId })).status, 201, 'its own name it may read')
      assert.equal((await ask([finding], { origin: other.organisationId })).status, 201)
      // A desk that writes whom it likes beside an item shows nobody what did not come from them.
      const id = crypto.randomUUID()
      await query(
        network.owner.ncsc,
        `insert into permission.asked (id, case_id, organisation, recipient, purpose, until, items, reason, asked_by, asked_at)
         values ($1, $2, $3, 'ico', 'incident-response', now() + interval '1 day', $4, 'x', 'x', now())`,
        [id, own.id, other.organisationId, [own.items[0].id]],
      )
      await query(
        network.owner.ncsc,
        `insert into exchange.requests (id, kind, peer, body, actor, requested_at) values ($1, 'permission-request', 'portal', $2, '{}', now())`,
        [id, { reference: other.reference }],
      )
      const [row] = await eventually(async () => {
        const rows = await query<any>(
          network.owner.ncsc,
          `select state, code from exchange.requests where id = $1 and state <> 'pending'`,
          [id],
        )
        return rows.length > 0 && rows
      })
      assert.deepEqual([row.state, row.code], ['refused', 'not-found'])
    })
  })
})
