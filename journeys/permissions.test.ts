import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { verifyBundle, type Verdict } from '#evidence'
import { checkTrustFile } from '#exchange'
import { readJson } from '#platform/home'
import { query, queryOne } from '#platform/db'
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
  signAs,
  startNetwork,
  withdraws,
  type Answer,
  type Network,
  type Person,
} from './network.ts'
import { runs, seed } from '../checks/runs.ts'
import { tracesAtIco } from './traces.ts'

// A permission from beginning to end, whoever begins it: asked, offered, narrowed, withdrawn by any way there is, and what becomes of what left.

const DAY = 86_400_000
const PURPOSE = 'incident-response'

let network: Network
let ahead = 0
let [asha, gwen, ines, malcolm, handler, duty, officer, caseOfficer, records]: Person[] = []
before(async () => {
  network = await startNetwork({ now: () => new Date(Date.now() + ahead) })
  const names = [
    'Asha Bell',
    'Gwen Marlow',
    'Ines Thorpe',
    'Malcolm Avery',
    'Callum Drey',
    'Ruth Ambler',
    'Sofia Kerr',
    'Imran Vale',
    'Xenia Moss',
  ]
  ;[asha, gwen, ines, malcolm, handler, duty, officer, caseOfficer, records] = names.map((name) => network.as(name))
})
after(() => network.stop())

type Engaged = { incident: string; case: any; words: string }
let told = 0

/** An incident told to the NCSC alone. */
async function engaged(reporter = asha!): Promise<Engaged> {
  const words = `The warehouse runs on paper, gamboge ${++told}.`
  const { incident, submissions } = await reports(reporter, [{ question: 'q42', value: words, audience: ['ncsc'] }])
  return { incident, case: await caseOf(handler!, submissions['ncsc'].reference), words }
}

const finds = async (caseId: string, text = `By the back gate, gamboge ${++told}.`): Promise<string> =>
  (await handler!.post(`/cases/${caseId}/findings`, { text })).body.id

const until = (days = 1): string => new Date(Date.now() + ahead + days * DAY).toISOString()
const starts = (person: Person, incident: string, more: Record<string, unknown>): Promise<Answer> =>
  person.post(`/incidents/${incident}/permission-requests`, { purpose: PURPOSE, ...(!more['narrows'] && { until: until() }), ...more })
const refused = ({ status, body }: Answer, code: string, expected = 409) => assert.deepEqual([status, body.code], [expected, code])
const standing = async (person: Person, permission: string): Promise<any> => (await person.get(`/permissions/${permission}`)).body
const held = async (person: Person, incident: string): Promise<any> => (await person.get(`/incidents/${incident}/holdings`)).body
const byDoor3 = async (person: Person, incident: string): Promise<any[]> =>
  (await held(person, incident)).holdings.filter(({ door }: any) => door === 3)

async function disclosed(caseId: string, items: string[]): Promise<string> {
  const sent = await discloses(officer!, caseId, items)
  assert.equal(sent.status, 201, JSON.stringify(sent.body))
  assert.equal((await settled(officer!, sent.body.id)).state, 'accepted')
  return sent.body.id
}

async function verdictOn(person: Person, incident: string): Promise<Verdict> {
  const response = await fetch(`${person.url}/api/v1/incidents/${incident}/bundle`, {
    headers: { authorization: `Bearer ${person.token}` },
  })
  return verifyBundle(await response.text(), checkTrustFile(await readJson(network.config.home.trustFile)))
}

/** Whole once every signed answer is back. */
async function holds(person: Person, incident: string, isThere: (verdict: Verdict) => boolean = () => true): Promise<Verdict> {
  const whole = await eventually(async () => {
    const verdict = await verdictOn(person, incident)
    return verdict.ok && isThere(verdict) && verdict
  }).catch(() => verdictOn(person, incident))
  assert.deepEqual(
    whole.findings.filter(({ ok }) => !ok),
    [],
  )
  assert.ok(isThere(whole), JSON.stringify(whole.held))
  return whole
}

describe('the organisation starts', () => {
  test('[consent-before-disclosure] it names its own items, signs, and the NCSC, which never asked, may send them; nothing is permitted before', async () => {
    const { incident, case: found } = await engaged()
    const item = found.items[0].id
    const started = await starts(gwen!, incident, { items: [item], conditions: ['named-readers'] })
    assert.equal(started.status, 201, JSON.stringify(started.body))
    assert.deepEqual(started.body.words.conditions.at(-1), { id: 'named-readers', label: 'Only the people working on this case' })
    const listed = await requestAt(gwen!, started.body.id)
    assert.deepEqual([listed.startedBy, listed.state, listed.items.map(({ id }: any) => id)], ['organisation', 'open', [item]])
    const [offer] = await eventually(async () => {
      const { offers } = (await handler!.get(`/cases/${found.id}/offers`)).body
      return offers.length > 0 && offers
    })
    assert.deepEqual([offer.id, offer.items, offer.state], [started.body.id, [item], 'waiting'])
    refused(await discloses(officer!, found.id, [item]), 'permission-missing', 403)
    const permission = await inForce(gwen!, await grants(gwen!, listed))
    assert.equal((await handler!.get(`/cases/${found.id}/offers`)).body.offers[0].state, 'permitted')
    await disclosed(found.id, [item])
    const there = await atIco(network, item)
    assert.ok(there.rules.includes('named-readers'))
    const verdict = await holds(gwen!, incident, ({ held: { holdings } }) => holdings.some(({ door }) => door === 3))
    assert.deepEqual(
      verdict.held.holdings.filter(({ door }) => door === 3).map((one) => [one.item, one.permission]),
      [[item, permission]],
    )
  })

  test('nobody starts with what is not theirs, not told to the NCSC, or not in the agreement', async () => {
    const [own, other] = [await engaged(), await engaged(ines!)]
    const item = own.case.items[0].id
    refused(await starts(gwen!, own.incident, { items: [other.case.items[0].id] }), 'not-found', 404)
    refused(await starts(gwen!, own.incident, { items: [await finds(own.case.id)] }), 'not-found', 404)
    refused(await starts(malcolm!, own.incident, { items: [item] }), 'not-found', 404)
    for (const wrong of [
      { items: [item], purpose: 'penalty' },
      { items: [item], until: until(-1) },
      { items: [item], conditions: ['anything'] },
      { items: [item], enquiry: item },
      { items: [item, item] },
      {},
    ])
      refused(await starts(gwen!, own.incident, wrong), 'invalid', 400)
    const { incident } = await reports(asha!, [{ question: 'q19', value: 'Told to the ICO alone.', audience: ['ico'] }])
    refused(await starts(gwen!, incident, { items: [item] }), 'not-reported')
    assert.deepEqual((await gwen!.get(`/incidents/${own.incident}/permissions`)).body.permissions, [])
  })

  test('a permission that signs more than was offered is refused; one that adds a condition of the agreement is not', async () => {
    const { incident, case: found } = await engaged()
    const started = await starts(gwen!, incident, { items: [found.items[0].id] })
    const listed = await requestAt(gwen!, started.body.id)
    const signed = (change: (detail: any) => void) => grants(gwen!, listed, undefined, (claims) => change(claims.authorization_details[0]))
    refused(await signed((detail) => detail.conditions.push('anything')), 'permission-invalid', 403)
    refused(await signed((detail) => detail.conditions.pop()), 'permission-invalid', 403)
    refused(await signed((detail) => (detail.purpose = 'national-resilience')), 'permission-invalid', 403)
    const permission = await inForce(gwen!, await signed((detail) => detail.conditions.push('delete-by')))
    assert.ok((await standing(gwen!, permission)).conditions.includes('delete-by'))
    await holds(gwen!, incident)
  })

  test('[regimes] [consent-before-disclosure] it lets the NCSC answer what the ICO asked, reads the exact words, signs; the ICO never hears of it until they come', async () => {
    const { incident, submissions } = await reports(asha!, [{ question: 'q42', value: 'To both, gamboge.', audience: ['ico', 'ncsc'] }])
    const [atNcsc, there] = [
      await caseOf(handler!, submissions['ncsc'].reference),
      await caseOf(caseOfficer!, submissions['ico'].reference),
    ]
    const asked = await caseOfficer!.post(`/cases/${there.id}/questions`, { text: 'How did they get in?' })
    const enquiry = await eventually(async () => (await gwen!.get(`/incidents/${incident}/questions`)).body.questions[0])
    assert.equal(enquiry.id, asked.body.id)
    const started = await starts(gwen!, incident, { enquiry: enquiry.id })
    assert.deepEqual([started.status, started.body.state, started.body.claims], [201, 'waiting', undefined])
    const [offer] = await eventually(async () => {
      const { offers } = (await handler!.get(`/cases/${atNcsc.id}/offers`)).body
      return offers.length > 0 && offers
    })
    assert.deepEqual([offer.question.text, offer.items], ['How did they get in?', []])
    const finding = await finds(atNcsc.id, 'Through the remote gateway, gamboge answer.')
    const wrong = { items: [finding], to: 'ico', purpose: 'national-resilience', until: offer.until, reason: 'It asked.', offer: offer.id }
    refused(await handler!.post(`/cases/${atNcsc.id}/permission-requests`, wrong), 'invalid', 400)
    const id = await asks(handler!, atNcsc.id, [finding], { until: offer.until, offer: offer.id })
    const request = await requestAt(gwen!, id)
    assert.deepEqual([request.answers, request.items[0].value], [started.body.id, 'Through the remote gateway, gamboge answer.'])
    assert.deepEqual(await tracesAtIco(network, ['gamboge answer', offer.id, id, finding]), [])
    const again = { items: [finding], to: 'ico', purpose: PURPOSE, until: offer.until, reason: 'Once more.', offer: offer.id }
    refused(await handler!.post(`/cases/${atNcsc.id}/permission-requests`, again), 'already-done')
    refused(await starts(gwen!, incident, { enquiry: enquiry.id }), 'already-done')
    const unasked = { items: [finding], to: 'ico', purpose: PURPOSE, until: until(), reason: 'Of our own.' }
    refused(await handler!.post(`/cases/${atNcsc.id}/permission-requests`, unasked), 'already-asked')
    await inForce(gwen!, await grants(gwen!, request))
    await disclosed(atNcsc.id, [finding])
    assert.equal((await atIco(network, finding)).value, 'Through the remote gateway, gamboge answer.')
    await holds(gwen!, incident, ({ held: { holdings } }) => holdings.some(({ door }) => door === 3))
  })

  test('whoever acts for the organisation under a mandate to read alone starts, withdraws and refuses nothing', async () => {
    const { incident, case: found } = await engaged()
    const permission = await inForce(
      gwen!,
      await grants(gwen!, await requestAt(gwen!, (await starts(gwen!, incident, { items: [found.items[0].id] })).body.id)),
    )
    const request = await requestAt(gwen!, await asks(handler!, found.id, [await finds(found.id)]))
    const mina = network.as('Mina Calder')
    const { code } = (await mina.get('/mandates')).body
    assert.equal((await gwen!.post('/mandates', { agent: code, scope: ['read'], until: until() })).status, 201)
    const headers = { 'authorization': `Bearer ${mina.token}`, 'on-behalf-of': request.claims.iss, 'content-type': 'application/json' }
    for (const [path, body] of [
      [`/incidents/${incident}/permission-requests`, { items: [found.items[0].id], purpose: PURPOSE, until: until() }],
      [`/permissions/${permission}/withdrawal`, {}],
      [`/permission-requests/${request.id}/refusal`, {}],
    ] as const) {
      const response = await fetch(`${mina.url}/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
      assert.deepEqual([response.status, ((await response.json()) as any).code], [403, 'mandate-missing'], path)
    }
    assert.equal((await standing(gwen!, permission)).state, 'in-force')
  })

  test('the NCSC may record that it will not send: the organisation is told, and not why', async () => {
    const { incident, case: found } = await engaged()
    const started = await starts(gwen!, incident, { items: [found.items[0].id] })
    await eventually(async () => (await handler!.get(`/cases/${found.id}/offers`)).body.offers.length === 1)
    const path = `/cases/${found.id}/offers/${started.body.id}/decline`
    assert.equal((await officer!.post(path, { reason: 'Not necessary, gamboge secret.' })).status, 200)
    refused(await handler!.post(path, { reason: 'Again.' }), 'already-done')
    const refusal = await eventually(async () => {
      const rows = await query<any>(network.owner.portal, 'select statement from exchange.inbox where answers = $1', [started.body.id])
      return rows.map(({ statement }) => claimsIn(statement)).find(({ state }) => state === 'refused')
    })
    assert.deepEqual([refusal.about, refusal.code], ['offer', 'not-necessary'])
    assert.ok(!JSON.stringify(refusal).includes('secret'))
    await holds(gwen!, incident)
  })
})

describe('asked', () => {
  test('[consent-before-disclosure] once for an item and a purpose, whatever came of it; only the organisation can take it up again', async () => {
    const { incident, case: found } = await engaged()
    const finding = await finds(found.id)
    const ask = (purpose = PURPOSE) =>
      handler!.post(`/cases/${found.id}/permission-requests`, {
        items: [finding],
        to: 'ico',
        purpose,
        until: until(),
        reason: 'They will ask.',
      })
    const both = await Promise.all([ask(), ask()])
    assert.deepEqual(both.map(({ status }) => status).sort(), [201, 409], 'of two at once one is asked')
    const open = await ask()
    refused(open, 'already-asked')
    assert.deepEqual(open.body.items, [finding])
    const request = await requestAt(gwen!, both.find(({ status }) => status === 201)!.body.id)
    assert.equal((await gwen!.post(`/permission-requests/${request.id}/refusal`)).status, 200)
    refused(await ask(), 'already-asked')
    refused(await grants(gwen!, request), 'already-done')
    await requestAt(gwen!, (await ask('national-resilience')).body.id)
    const started = await starts(gwen!, incident, { items: [finding] })
    await inForce(gwen!, await grants(gwen!, await requestAt(gwen!, started.body.id)))
    await disclosed(found.id, [finding])
    refused(await ask(), 'already-asked')
    await holds(gwen!, incident, ({ held: { holdings } }) => holdings.some(({ door }) => door === 3))
  })

  test('[incident-response-breathing-space] not in the acute phase, as long as a person says it lasts; the organisation may start itself', async () => {
    const { incident, case: found } = await engaged()
    const finding = await finds(found.id)
    const ask = () =>
      handler!.post(`/cases/${found.id}/permission-requests`, {
        items: [finding],
        to: 'ico',
        purpose: PURPOSE,
        until: until(),
        reason: 'Now.',
      })
    assert.deepEqual((await handler!.get(`/cases/${found.id}/acute`)).body, { acute: null })
    refused(await officer!.post(`/cases/${found.id}/acute`, { until: until(), why: 'No.' }), 'role-missing', 403)
    refused(await duty!.post(`/cases/${found.id}/acute`, { until: until(-1), why: 'Past.' }), 'invalid', 400)
    assert.equal((await duty!.post(`/cases/${found.id}/acute`, { until: until(3), why: 'They are restoring.' })).status, 201)
    refused(await ask(), 'acute-phase')
    assert.equal((await handler!.get(`/cases/${found.id}/acute`)).body.acute.why, 'They are restoring.')
    const started = await starts(gwen!, incident, { items: [found.items[0].id] })
    await inForce(gwen!, await grants(gwen!, await requestAt(gwen!, started.body.id)))
    assert.equal((await handler!.post(`/cases/${found.id}/acute/end`, { why: 'Running again.' })).status, 200)
    refused(await handler!.post(`/cases/${found.id}/acute/end`, { why: 'Twice.' }), 'already-done')
    assert.equal((await ask()).status, 201)
    assert.equal((await caseOfficer!.get(`/cases/${found.id}/acute`)).status, 404)
  })
})

describe('narrowed', () => {
  test('[consent-before-disclosure] another permission takes the place: what it leaves out is called back, what it still covers stays', async () => {
    const { incident, case: found } = await engaged()
    const [kept, dropped] = [await finds(found.id), await finds(found.id)]
    const request = await requestAt(gwen!, await asks(handler!, found.id, [kept, dropped]))
    const wide = await inForce(gwen!, await grants(gwen!, request))
    const left = await disclosed(found.id, [kept, dropped])
    refused(await starts(gwen!, incident, { items: [kept], narrows: wide, purpose: 'national-resilience' }), 'invalid', 400)
    refused(await starts(gwen!, incident, { items: [found.items[0].id], narrows: wide }), 'invalid', 400)
    refused(await starts(gwen!, incident, { items: [kept], narrows: wide, until: until(3) }), 'invalid', 400)
    refused(await starts(gwen!, incident, { items: [kept], narrows: crypto.randomUUID() }), 'not-found', 404)
    const started = await starts(gwen!, incident, { items: [kept], narrows: wide })
    const narrow = await inForce(gwen!, await grants(gwen!, await requestAt(gwen!, started.body.id)))
    const before = await eventually(async () => {
      const now = await standing(gwen!, wide)
      return now.state === 'withdrawn' && now
    })
    assert.deepEqual([before.narrowedBy, claimsIn(before.receipt).left, claimsIn(before.receipt).about], [narrow, [left], 'permission'])
    await eventually(async () => (await atIco(network, dropped)).restricted)
    assert.equal((await atIco(network, kept)).restricted, undefined)
    refused(await discloses(officer!, found.id, [dropped]), 'permission-withdrawn', 403)
    await disclosed(found.id, [kept])
    refused(await starts(gwen!, incident, { items: [kept], narrows: wide }), 'permission-withdrawn', 403)
    // What was signed, and so the ICO, says nothing of the wider one.
    assert.ok(!JSON.stringify(claimsIn((await standing(gwen!, narrow)).signed)).includes(wide))
    await holds(gwen!, incident, ({ held: { holdings } }) => holdings.filter(({ restricted }) => restricted).length === 1)
    await withdraws(asha!, narrow)
    await eventually(async () => (await byDoor3(gwen!, incident)).every(({ restricted }) => restricted))
    assert.notEqual((await atIco(network, kept)).restricted, undefined, 'also what had left under the wider one')
    await holds(gwen!, incident)
  })

  test('where nothing is left out the ICO hears nothing', async () => {
    const { incident, case: found } = await engaged()
    const finding = await finds(found.id)
    const wide = await inForce(gwen!, await grants(gwen!, await requestAt(gwen!, await asks(handler!, found.id, [finding]))))
    await disclosed(found.id, [finding])
    const recalls = () => query(network.owner.ico, `select id from exchange.inbox where kind = 'recall'`)
    const count = (await recalls()).length
    const started = await starts(gwen!, incident, {
      items: [finding],
      narrows: wide,
      until: new Date(Date.now() + ahead + 3_600_000).toISOString(),
    })
    await inForce(gwen!, await grants(gwen!, await requestAt(gwen!, started.body.id)))
    await eventually(async () => (await standing(gwen!, wide)).state === 'withdrawn')
    await holds(gwen!, incident)
    assert.equal((await recalls()).length, count)
    assert.equal((await atIco(network, finding)).restricted, undefined)
  })
})

describe('at once', () => {
  /** A disclosure against what ends its permission; whichever comes first, the bundle holds, and the ICO has nothing it may show. */
  const races: [string, (permission: string, incident: string, dropped: string, kept: string) => Promise<unknown>][] = [
    [
      'a call',
      (permission) => duty!.post(`/permissions/${permission}/withdrawal`, { caller: 'A', number: '1', numberFrom: 'B', words: 'C' }),
    ],
    [
      'another permission in its place',
      async (permission, incident, _, kept) => {
        const started = await starts(gwen!, incident, { items: [kept], narrows: permission })
        return inForce(gwen!, await grants(gwen!, await requestAt(gwen!, started.body.id)))
      },
    ],
    [
      'both at once, by session and by telephone',
      (permission) =>
        Promise.all([
          withdraws(asha!, permission),
          duty!.post(`/permissions/${permission}/withdrawal`, { caller: 'A', number: '1', numberFrom: 'B', words: 'C' }),
        ]),
    ],
  ]
  for (const [what, ends] of races)
    test(`[consent-before-disclosure] a disclosure and ${what}: the receipt names what left, and what is not permitted any more is shown to nobody (seed ${seed})`, async () => {
      for (let n = 0; n < runs(3); n++) {
        const { incident, case: found } = await engaged()
        const [kept, dropped] = [await finds(found.id), await finds(found.id)]
        const permission = await inForce(
          gwen!,
          await grants(gwen!, await requestAt(gwen!, await asks(handler!, found.id, [kept, dropped]))),
        )
        const [sent] = await Promise.all([discloses(officer!, found.id, [kept, dropped]), ends(permission, incident, dropped, kept)])
        await eventually(async () => (await standing(gwen!, permission)).state === 'withdrawn', 40)
        const outcome = sent.status === 403 ? undefined : await settled(officer!, sent.body.id)
        const { receipt } = await standing(gwen!, permission)
        const lists = claimsIn(receipt)
        if (outcome)
          assert.equal(
            [lists.left, lists.stopped, lists.mayHaveLeft].flat().filter((id: string) => id === sent.body.id).length,
            1,
            'named once',
          )
        await holds(gwen!, incident, ({ held: { notYetConfirmed } }) => notYetConfirmed.length === 0)
        await eventually(async () => (await atIco(network, dropped))?.value === undefined)
      }
    })
})

describe('withdrawn', () => {
  const permitted = async () => {
    const { incident, case: found } = await engaged()
    const finding = await finds(found.id)
    const permission = await inForce(gwen!, await grants(gwen!, await requestAt(gwen!, await asks(handler!, found.id, [finding]))))
    return { incident, case: found, finding, permission }
  }

  test('[consent-before-disclosure] by telephone: at once, by a duty officer alone, told to the organisation in the very words, and in its bundle', async () => {
    const { incident, case: found, finding, permission } = await permitted()
    await disclosed(found.id, [finding])
    const call = { caller: 'Orla Dane', number: '020 7946 0000', numberFrom: 'Companies House', words: 'Stop it, gamboge call.' }
    const path = `/permissions/${permission}/withdrawal`
    for (const person of [handler!, officer!]) refused(await person.post(path, call), 'role-missing', 403)
    refused(await duty!.post(path, { ...call, caller: ' ' }), 'invalid', 400)
    refused(await duty!.post(`/permissions/${crypto.randomUUID()}/withdrawal`, call), 'not-found', 404)
    const taken = await duty!.post(path, call)
    assert.deepEqual([taken.status, taken.body.state], [201, 'withdrawn'])
    refused(await discloses(officer!, found.id, [finding]), 'permission-withdrawn', 403)
    const known = await eventually(async () => {
      const now = await standing(gwen!, permission)
      return now.state === 'withdrawn' && now
    })
    assert.equal(claimsIn(known.receipt).for, taken.body.id)
    await eventually(async () => (await byDoor3(gwen!, incident)).every(({ restricted }) => restricted))
    await holds(gwen!, incident)
    assert.deepEqual(await tracesAtIco(network, ['gamboge call', 'Orla Dane']), [])
    const rows = await query(network.owner.portal, `select payload from permission.calls where permission = $1`, [permission])
    assert.ok(rows.length === 1 && !JSON.stringify(rows).includes('gamboge'), 'sealed')
    const stopped = await gwen!.post(`/permissions/${permission}/withdrawal`)
    assert.equal(stopped.body.state, 'withdrawn', 'again by session changes nothing')
    await holds(gwen!, incident)
  })

  test('by a signature of exactly its claims, with a key in force, or not at all', async () => {
    const { permission } = await permitted()
    const iss = (await standing(gwen!, permission)).signed
    const claims = { iss: claimsIn(iss).iss, jti: crypto.randomUUID(), permission, iat: Math.floor((Date.now() + ahead) / 1000) }
    const withdraw = (said: object, key = gwen!.signingKey) =>
      gwen!.post(`/permissions/${permission}/withdrawal`, { withdrawal: signAs(key, 'concordat-withdrawal+jws', said) })
    const { jti: _, ...nameless } = claims
    for (const wrong of [
      { ...claims, more: 1 },
      { ...nameless, jti: permission },
      nameless,
      { ...claims, iat: undefined },
      { ...claims, permission: claims.jti },
      { ...claims, iat: claims.iat + 3600 },
      { ...claims, iat: 1_600_000_000 },
    ])
      refused(await withdraw(wrong), 'permission-invalid', 403)
    refused(await withdraw(claims, malcolm!.signingKey), 'permission-invalid', 403)
    assert.equal((await standing(gwen!, permission)).state, 'in-force')
    assert.equal((await withdraw(claims)).body.state, 'withdrawn')
  })

  test('[retention] at the ICO nobody sees it but the records officer about to decide, who deletes or keeps it on a ground; the receipt says which', async () => {
    const { incident, case: found, finding, permission } = await permitted()
    const second = await finds(found.id, 'By the roof, gamboge deleted.')
    await inForce(gwen!, await grants(gwen!, await requestAt(gwen!, await asks(handler!, found.id, [second]))))
    const both = await disclosed(found.id, [finding, second])
    const there = (await atIco(network, finding)).record
    assert.equal(there, both)
    const [one, other] = (await gwen!.get(`/incidents/${incident}/permissions`)).body.permissions
    for (const { id } of [one, other]) await withdraws(asha!, id)
    const open = await eventually(async () => {
      const { restrictions } = (await records!.get('/restrictions')).body
      const mine = restrictions.filter(({ disclosure }: any) => disclosure === both)
      return mine.length === 2 && mine
    })
    assert.deepEqual(
      open.map(({ state, erased }: any) => [state, erased]),
      [
        ['open', false],
        ['open', false],
      ],
    )
    const path = (item: string) => `/cases/${open[0].case}/restrictions/${item}`
    for (const person of [caseOfficer!, network.as('Zara Lyle')]) {
      refused(await person.post(`${path(finding)}/reading`), 'role-missing', 403)
      refused(await person.post(path(finding), { decision: 'delete', reason: 'x' }), 'role-missing', 403)
      refused(await person.get('/restrictions'), 'role-missing', 403)
    }
    assert.equal((await atIco(network, second)).value, undefined)
    assert.equal((await records!.post(`${path(second)}/reading`)).body.copies[0].value, 'By the roof, gamboge deleted.')
    const reads = await query<any>(network.owner.ico, 'select item, record from casework.restricted_reads where item = $1', [second])
    assert.deepEqual(reads, [{ item: second, record: both }])
    refused(await records!.post(path(second), { decision: 'keep', ground: 'convenience', reason: 'x' }), 'invalid', 400)
    refused(await records!.post(path(second), { decision: 'keep', reason: 'x' }), 'invalid', 400)
    refused(await records!.post(path(second), { decision: 'delete', reason: ' ' }), 'invalid', 400)
    refused(await records!.post(path(crypto.randomUUID()), { decision: 'delete', reason: 'x' }), 'not-found', 404)
    assert.equal((await records!.post(path(second), { decision: 'delete', reason: 'Nothing stands in the way.' })).status, 200)
    assert.equal(
      (await records!.post(path(finding), { decision: 'keep', ground: 'legal-hold', reason: 'A claim was filed, gamboge why.' })).status,
      200,
    )
    refused(await records!.post(path(second), { decision: 'delete', reason: 'Again.' }), 'already-done')
    refused(await records!.post(`${path(finding)}/reading`), 'already-done')
    const copies = await eventually(async () => {
      const now = await byDoor3(gwen!, incident)
      return now.some(({ deleted }) => deleted) && now.some(({ kept }) => kept) && now
    })
    assert.deepEqual(copies.find(({ item }) => item === finding).kept.ground, 'legal-hold')
    assert.ok(copies.find(({ item }) => item === second).deleted)
    const tombstone = await queryOne<any>(
      network.owner.ico,
      'select value, salt, commitment, permission, restricted_since from casework.items where id = $1',
      [second],
    )
    assert.deepEqual([tombstone.value, tombstone.salt], [null, null])
    assert.ok(tombstone.commitment && tombstone.permission && tombstone.restricted_since)
    assert.deepEqual(await tracesAtIco(network, ['gamboge deleted']), [])
    const verdict = await holds(gwen!, incident)
    assert.ok(verdict.proved.some((line) => line.includes('it deleted 1 item')))
    assert.ok(verdict.proved.some((line) => line.includes('legal-hold')))
    assert.ok(!JSON.stringify(copies).includes('gamboge why'))
    assert.equal((await records!.post(path(finding), { decision: 'delete', reason: 'The claim was dropped.' })).status, 200)
    await eventually(async () => (await byDoor3(gwen!, incident)).every(({ deleted }) => deleted))
    await holds(gwen!, incident)
    assert.equal((await standing(gwen!, permission)).state, 'withdrawn')
  })

  test('nobody changes or erases a value at the ICO by the rights its roles have', async () => {
    const { case: found, finding } = await permitted()
    await disclosed(found.id, [finding])
    for (const text of [
      `update casework.items set value = '"other"' where id = $1`,
      'update casework.items set value = null, salt = null where id = $1',
    ])
      await assert.rejects(query(network.owner.ico, text, [finding]), { constraint: 'guard_erasure' })
  })
})

describe('not sent after all', () => {
  test('[consent-before-disclosure] what an officer called off, and what expired on the way, the organisation is told of; its bundle waits for nothing', async () => {
    const { incident, case: found } = await engaged()
    const [called, late] = [await finds(found.id), await finds(found.id)]
    await inForce(gwen!, await grants(gwen!, await requestAt(gwen!, await asks(handler!, found.id, [called]))))
    await inForce(gwen!, await grants(gwen!, await requestAt(gwen!, await asks(handler!, found.id, [late]))))
    await network.running.ico.stop()
    const [first, second] = [(await discloses(officer!, found.id, [called])).body.id, (await discloses(officer!, found.id, [late])).body.id]
    await eventually(async () => (await held(gwen!, incident)).notYetConfirmed.length === 2)
    await delay(300)
    refused(await handler!.post(`/disclosures/${first}/calling-off`, { reason: 'No.' }), 'role-missing', 403)
    assert.equal((await officer!.post(`/disclosures/${first}/calling-off`, { reason: 'Not needed any more.' })).status, 200)
    refused(await officer!.post(`/disclosures/${first}/calling-off`, { reason: 'Twice.' }), 'already-done')
    assert.deepEqual([(await settled(officer!, first)).state, (await settled(officer!, first)).code], ['withdrawn', 'called-off'])
    await eventually(async () => (await held(gwen!, incident)).notYetConfirmed.length === 1)
    ahead += 2 * DAY
    await network.restart('ico')
    assert.equal((await settled(officer!, second)).code, 'permission-expired')
    await eventually(async () => (await held(gwen!, incident)).notYetConfirmed.length === 0)
    const verdict = await holds(gwen!, incident)
    assert.ok(verdict.proved.some((line) => line.includes('2 disclosures of which it gave notice never left')))
    assert.deepEqual(await byDoor3(gwen!, incident), [])
    refused(await officer!.post(`/disclosures/${second}/calling-off`, { reason: 'Late.' }), 'already-done')
  })
})
