import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { query, queryOne } from '#platform/db'
import { runs, seed } from '../checks/runs.ts'
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
import { openPostbox, type Postbox } from './postbox.ts'

// "Nothing starts to leave after we acknowledged your withdrawal, except what the acknowledgement names."

const DAY = 86_400_000
const CLAIM = 1_500

let network: Network
let box: Postbox
let ahead = 0
let [officer, handler]: Person[] = []
const houses: { reporter: Person; signatory: Person; case: any }[] = []
before(async () => {
  box = await openPostbox()
  network = await startNetwork({
    now: () => new Date(Date.now() + ahead),
    env: { CONCORDAT_CLAIM: String(CLAIM) },
    node: { ncsc: { gateway: box.towards } },
  })
  ;[officer, handler] = [network.as('Sofia Kerr'), network.as('Callum Drey')]
  const pairs = [
    ['Asha Bell', 'Gwen Marlow'],
    ['Ines Thorpe', 'Malcolm Avery'],
    ['Edith Quarry', 'Samir Pell'],
    ['Lena Fosse', 'Viktor Tarn'],
  ]
  for (const [reporter, signatory] of pairs.map((names) => names.map((name) => network.as(name))) as [Person, Person][]) {
    const { submissions } = await reports(reporter, [{ question: 'q42', value: 'It is all locked.', audience: ['ncsc'] }])
    houses.push({ reporter, signatory, case: await caseOf(handler!, submissions['ncsc'].reference) })
  }
})
after(async () => {
  await network.stop()
  await box.close()
})

type Permitted = { house: (typeof houses)[number]; item: string; permission: string }

/** A finding of its own with a permission of its own. */
async function permits(house = houses[0]!): Promise<Permitted> {
  const asked = await request(house)
  const permission = await inForce(house.signatory, await grants(house.signatory, asked))
  return { house, item: asked.claims.authorization_details[0].items[0].id, permission }
}

/** The portal's own row, not its list: a thousand requests would all be opened for each other. */
async function request(house: (typeof houses)[number]): Promise<{ id: string; claims: any }> {
  const written = await handler!.post(`/cases/${house.case.id}/findings`, { text: 'They came in by the back gate.' })
  const id = await asks(handler!, house.case.id, [written.body.id], { until: new Date(Date.now() + ahead + DAY).toISOString() })
  const row = await eventually(() =>
    queryOne<{ claims: string }>(network.owner.portal, 'select claims from permission.requests where id = $1', [id]),
  )
  return { id, claims: JSON.parse(row.claims) }
}

const sends = ({ house, item }: Permitted) => discloses(officer!, house.case.id, [item])
const withdrawn = ({ house, permission }: Permitted) => withdraws(house.reporter, permission)
const asksToWithdraw = ({ house, permission }: Permitted) => house.reporter.post(`/permissions/${permission}/withdrawal`)
const standing = async ({ house, permission }: Permitted) => {
  const { status, body } = await house.reporter.get(`/permissions/${permission}`)
  return status === 200 ? body : undefined
}
/** What became of it; `sent` stays where it may have left and nobody knows. */
const decided = (id: string) =>
  eventually(async () => {
    const { body } = await officer!.get(`/disclosures/${id}`)
    return body.state !== 'queued' && body
  })
const inboxAtIco = (id: string) =>
  queryOne<any>(network.owner.ico, 'select state, code, received_at from exchange.inbox where id = $1', [id])
const copiesAtIco = (item: string) =>
  query<any>(network.owner.ico, 'select record, restricted_since from casework.items where id = $1', [item])

/** What an acknowledged withdrawal says about one disclosure: in which list it stands, alone. */
function namedIn(receipt: any, id: string): string[] {
  return ['left', 'stopped', 'mayHaveLeft'].filter((list) => receipt[list].includes(id))
}

describe('withdrawal against disclosure', () => {
  const draw = numbers()

  /** Both at once, each a moment off; afterwards the receipt must be the truth. */
  async function round(permitted: Permitted): Promise<string> {
    // A withdrawal has the longer way.
    const offsets = [draw(500), draw(200)]
    const [sent, receipt] = await Promise.all([
      delay(offsets[0]).then(() => sends(permitted)),
      delay(offsets[1]).then(() => withdrawn(permitted)),
    ])
    const why = `offsets ${offsets}`
    const outcome = sent.status === 403 ? { state: 'refused', code: sent.body.code } : await decided(sent.body.id)
    // Refused here, before there was anything to send.
    if (outcome.state === 'refused' && !outcome.acknowledgement) {
      assert.equal(outcome.code, 'permission-withdrawn', why)
      assert.deepEqual(await copiesAtIco(permitted.item), [], why)
      return 'refused'
    }
    const { id } = sent.body
    const [list, ...more] = namedIn(receipt, id)
    assert.ok(list && more.length === 0, `named once: ${why}`)
    const there = await inboxAtIco(id)
    if (list === 'stopped') {
      assert.deepEqual([outcome.state, outcome.code, there], ['withdrawn', 'permission-withdrawn', undefined], why)
      assert.deepEqual(await copiesAtIco(permitted.item), [], why)
    } else {
      assert.notEqual(outcome.state, 'withdrawn', why)
      if (list === 'left') assert.ok(there.received_at <= new Date(receipt.at), `it had left before: ${why}`)
      if (there?.state === 'accepted') await restricted(permitted.item)
    }
    return list
  }

  async function restricted(item: string): Promise<void> {
    const copies = await eventually(async () => {
      const rows = await copiesAtIco(item)
      return rows.length > 0 && rows.every(({ restricted_since }) => restricted_since !== null) && rows
    })
    assert.equal(copies.length, 1)
  }

  test(`[consent-before-disclosure] the receipt of a withdrawal names whatever left and nothing that was stopped arrives, however close they come (seed ${seed})`, async (t: TestContext) => {
    const [rounds, atOnce] = [runs(100) > 100 ? runs(50) : 10, 10]
    const outcomes: string[] = []
    for (let done = 0; done < rounds; done += atOnce) {
      const all = await Promise.all(
        Array.from({ length: Math.min(atOnce, rounds - done) }, (_, nth) => permits(houses[nth % houses.length])),
      )
      outcomes.push(...(await Promise.all(all.map(round))))
    }
    const counts = [...Map.groupBy(outcomes, (one) => one)].map(([name, all]) => `${name} ${all.length}`)
    t.diagnostic(`${rounds} rounds: ${counts.join(', ')}`)
    assert.equal(
      (await queryOne<any>(network.owner.ncsc, 'select deadlocks from pg_stat_database where datname = current_database()')).deadlocks,
      0,
    )
  })

  test('[consent-before-disclosure] what is on its way is waited for: no acknowledgement until it has arrived, and then it is named', async () => {
    const permitted = await permits()
    await network.restart('ncsc', {
      gateway: (config) => box.towards({ ...config, times: { ...config.times, claimMilliseconds: 60_000, timeoutMilliseconds: 60_000 } }),
    })
    box.does = 'hold-next'
    const { body } = await sends(permitted)
    await eventually(async () => box.does === 'pass')
    const withdrawal = withdrawn(permitted)
    await eventually(
      async () =>
        (await queryOne<any>(network.owner.ncsc, 'select withdrawn_at from permission.held where id = $1', [permitted.permission]))
          .withdrawn_at,
    )
    await delay(200)
    assert.equal((await standing(permitted)).state, 'withdrawing')
    await box.release()
    const receipt = await withdrawal
    assert.deepEqual(namedIn(receipt, body.id), ['left'])
    await restricted(permitted.item)
    await network.restart('ncsc')
  })

  test('[consent-before-disclosure] what does not end is named as what may have left and called back; arriving after that, it is refused', async () => {
    const permitted = await permits()
    box.does = 'hold-next'
    const { body } = await sends(permitted)
    await eventually(async () => box.does === 'pass')
    const receipt = await withdrawn(permitted)
    assert.deepEqual(namedIn(receipt, body.id), ['mayHaveLeft'])
    await eventually(
      async () =>
        (await queryOne<any>(network.owner.ico, 'select recalled_at from disclosure.standing where disclosure = $1', [body.id]))
          ?.recalled_at,
    )
    await box.release()
    const { state, code } = await inboxAtIco(body.id)
    assert.deepEqual([state, code], ['refused', 'permission-withdrawn'])
    assert.deepEqual(await copiesAtIco(permitted.item), [])
  })

  test('[consent-before-disclosure] where the answer was lost, what arrived all the same is named as what may have left, called back and restricted', async () => {
    const permitted = await permits()
    box.does = 'lose-answers'
    const { body } = await sends(permitted)
    await eventually(() => inboxAtIco(body.id))
    const receipt = await withdrawn(permitted)
    box.does = 'pass'
    assert.deepEqual(namedIn(receipt, body.id), ['mayHaveLeft'])
    await restricted(permitted.item)
    assert.equal((await officer!.get(`/disclosures/${body.id}`)).body.state, 'sent', 'nobody claims that it was stopped')
  })

  test('withdrawn twice at once, or again later, it is withdrawn once and the receipt is the same', async () => {
    const permitted = await permits()
    const both = await Promise.all([withdrawn(permitted), withdrawn(permitted)])
    for (const receipt of [...both, await withdrawn(permitted)]) assert.deepEqual(receipt, both[0])
    const [{ n }] = (await query<any>(
      network.owner.ncsc,
      'select count(*)::integer as n from permission.withdrawals where permission = $1',
      [permitted.permission],
    )) as [any]
    assert.equal(n, 1)
  })

  test('[consent-before-disclosure] a withdrawal that overtakes its permission still withdraws it', async () => {
    const asked: Awaited<ReturnType<typeof request>>[] = []
    for (let n = 0; n < runs(6); n++) asked.push(await request(houses[n % houses.length]!))
    await network.running.ncsc.stop()
    const given = asked.map((one, n) => grants(houses[n % houses.length]!.signatory, one))
    const all = asked.map(
      ({ claims }, n): Permitted => ({
        house: houses[n % houses.length]!,
        item: claims.authorization_details[0].items[0].id,
        permission: claims.jti,
      }),
    )
    for (const permitted of all) await eventually(async () => (await standing(permitted))?.state === 'delivering')
    const withdrawals = all.map(asksToWithdraw)
    for (const permitted of all) await eventually(async () => (await standing(permitted)).state === 'withdrawing')
    await network.restart('ncsc')
    await Promise.all([...given, ...withdrawals])
    for (const permitted of all) {
      const known = await eventually(async () => {
        const now = await standing(permitted)
        return now.state === 'withdrawn' && now.acknowledgement && now
      })
      assert.deepEqual([claimsIn(known.receipt).left, claimsIn(known.receipt).mayHaveLeft], [[], []])
      const sent = await sends(permitted)
      assert.deepEqual([sent.status, sent.body.code], [403, 'permission-withdrawn'])
    }
  })

  test('granted and refused at once, a request is one or the other, at both houses alike', async () => {
    for (let n = 0; n < runs(4); n++) {
      const house = houses[n % houses.length]!
      const asked = await request(house)
      const [given, refused] = await Promise.all([
        grants(house.signatory, asked),
        house.reporter.post(`/permission-requests/${asked.id}/refusal`),
      ])
      const codes = [given.body.code, refused.body.code]
      const state = codes[1] === 'already-done' ? 'granted' : 'refused'
      assert.deepEqual(codes, state === 'granted' ? [undefined, 'already-done'] : ['already-done', undefined])
      assert.equal((await requestAt(house.signatory, asked.id)).state, state)
      await eventually(
        async () =>
          (await queryOne<any>(network.owner.ncsc, 'select state from permission.asked where id = $1', [asked.id])).state === state,
      )
      assert.equal(
        (await query(network.owner.ncsc, 'select id from permission.held where id = $1', [asked.claims.jti])).length,
        state === 'granted' ? 1 : 0,
      )
    }
  })
})

describe('delivery', () => {
  test('a peer that is away costs delay and nothing else: what was disclosed meanwhile arrives once', async () => {
    const permitted = await permits()
    await network.running.ico.stop()
    const { body } = await sends(permitted)
    await delay(300)
    assert.equal((await officer!.get(`/disclosures/${body.id}`)).body.state, 'queued')
    await network.restart('ico')
    assert.equal((await settled(officer!, body.id)).state, 'accepted')
    assert.deepEqual(
      (await copiesAtIco(permitted.item)).map(({ record }) => record),
      [body.id],
    )
    assert.notEqual((await atIco(network, permitted.item)).value, undefined)
  })

  test('an answer that is lost costs a second try and nothing else: it was kept once, and is known again', async () => {
    const permitted = await permits()
    box.does = 'lose-answers'
    const { body } = await sends(permitted)
    await eventually(() => inboxAtIco(body.id))
    await delay(100)
    assert.equal((await officer!.get(`/disclosures/${body.id}`)).body.state, 'queued')
    box.does = 'pass'
    assert.equal((await settled(officer!, body.id)).state, 'accepted')
    assert.equal((await copiesAtIco(permitted.item)).length, 1)
    const receipts = await eventually(async () => {
      const rows = await query(network.owner.portal, `select id from exchange.inbox where answers = $1 and sender = 'ico'`, [body.id])
      return rows.length > 0 && rows
    })
    assert.equal(receipts.length, 1)
  })

  test('the same item disclosed twice at once arrives twice, is shown once, and both are named when it is withdrawn', async () => {
    const permitted = await permits()
    const sent = await Promise.all([sends(permitted), sends(permitted)])
    const ids = sent.map(({ body }) => body.id)
    for (const id of ids) assert.equal((await settled(officer!, id)).state, 'accepted')
    const officerAtIco = network.as('Imran Vale')
    const { cases } = (await officerAtIco.get('/cases')).body
    const items = (await Promise.all(cases.map(async ({ id }: any) => (await officerAtIco.get(`/cases/${id}`)).body.items))).flat()
    assert.equal(items.filter(({ id }) => id === permitted.item).length, 1)
    const receipt = await withdrawn(permitted)
    assert.deepEqual([...receipt.left].sort(), ids.sort())
    await eventually(async () => (await copiesAtIco(permitted.item)).every(({ restricted_since }) => restricted_since !== null))
    assert.equal((await atIco(network, permitted.item)).value, undefined)
  })

  test('a report filed twice under one key, at once or again, is filed once; the same key for another report is told so', async () => {
    const { reporter } = houses[0]!
    const incident = (await reporter.post('/incidents', { title: 'Twice' })).body.id
    const report = (value: string) => ({
      stage: 'initial',
      submit: true,
      idempotencyKey: 'one-and-the-same',
      answers: [{ question: 'q42', value, audience: ['ncsc', 'ico'] }],
    })
    const files = (value: string) => reporter.post(`/incidents/${incident}/reports`, report(value))
    const sent = ({ body }: any) => [body.id, body.submissions.map(({ to, reference, envelope }: any) => [to, reference, envelope])]
    const both = await Promise.all([files('Locked.'), files('Locked.')])
    for (const one of [...both, await files('Locked.')]) assert.deepEqual(sent(one), sent(both[0]))
    const other = await files('Locked, and the till too.')
    assert.deepEqual([other.status, other.body.code], [409, 'replayed-differently'])
    for (const [node, person] of [
      ['ncsc', handler!],
      ['ico', network.as('Imran Vale')],
    ] as const) {
      const { reference } = both[0].body.submissions.find(({ to }: any) => to === node)
      assert.equal((await eventually(() => caseOf(person, reference))).items.length, 1, node)
    }
  })

  // Last, because time does not go back: everything permitted above has expired after these two.
  test('[consent-before-disclosure] a permission that expires while the ICO is away is kept to: what waited is never sent', async () => {
    const permitted = await permits()
    await network.running.ico.stop()
    const { body } = await sends(permitted)
    ahead += 2 * DAY
    await network.restart('ico')
    const outcome = await settled(officer!, body.id)
    assert.deepEqual([outcome.state, outcome.code], ['withdrawn', 'permission-expired'])
    assert.deepEqual([await inboxAtIco(body.id), await copiesAtIco(permitted.item)], [undefined, []])
  })

  test('[consent-before-disclosure] one that expires after a try whose answer was lost is not tried again, and not said to have been stopped', async () => {
    const permitted = await permits()
    box.does = 'lose-answers'
    const { body } = await sends(permitted)
    await eventually(() => inboxAtIco(body.id))
    ahead += 2 * DAY
    const outcome = await eventually(async () => {
      const row = await queryOne<any>(network.owner.ncsc, 'select state, attempts, code from exchange.outbox where id = $1', [body.id])
      return row.state !== 'waiting' && row.state !== 'claimed' && row
    })
    box.does = 'pass'
    assert.deepEqual([outcome.state, outcome.code], ['may-have-left', 'permission-expired'])
    assert.deepEqual((await officer!.get(`/disclosures/${body.id}`)).body.state, 'sent')
    assert.deepEqual(namedIn(await withdrawn(permitted), body.id), ['mayHaveLeft'])
    await eventually(async () => (await copiesAtIco(permitted.item)).every(({ restricted_since }) => restricted_since !== null))
  })
})

/** From the seed of the test run: whole numbers below a limit. */
function numbers(): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}
