import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { b64u } from '#platform/bytes'
import { canonical, hashOf } from '#platform/canonical'
import { systemRandom, type Ctx } from '#platform/context'
import { query, transact } from '#platform/db'
import { nodeNames } from '#platform/home'
import { newSigningKey, readGatewayKeys } from '#platform/keys'
import { silentLog } from '#platform/log'
import { publicPart, thumbprint } from '#platform/jws'
import { addPerson, issueToken, upsertOrganisation, type RoleId } from '#identity'
import { checkEnrolment, signEnrolment } from '#permission'
import { verifyBundle } from '#evidence'
import { checkTrustFile, openItemRef, trustOf } from '#exchange'
import { readJson } from '#platform/home'
import {
  asks,
  atIco,
  callerAt,
  caseOf,
  claimsIn,
  discloses,
  eventually,
  inForce,
  reports,
  requestAt,
  settled,
  signAs,
  startNetwork,
  type Answer,
  type Network,
  type Person,
} from './network.ts'
import { tracesInTables } from './traces.ts'

// Whose signing key is whose: by the word of two houses, over a telephone that whoever owns the organisation's computers does not hold.

const HOUR = 3_600_000
let later = 0
const now = () => new Date(Date.now() + later)
const instantIn = (milliseconds: number) => new Date(now().getTime() + milliseconds).toISOString()

let network: Network
before(async () => {
  network = await startNetwork({ now })
})
after(() => network.stop())

const officer = () => network.as('Ivy Sandell')
const operator = () => network.as('Hal Piper')

type Own = Person & { id: string; organisation: string }

/** An organisation that has no key yet, with its people. */
async function newcomer(name: string, roles: Record<string, RoleId>): Promise<Record<string, Own>> {
  const ctx: Ctx = { now, random: systemRandom, actor: { id: 'test', name: 'test', roles: [] }, log: silentLog }
  const url = network.world.nodes.portal.url
  return transact(network.owner.portal, async (tx) => {
    const organisation = systemRandom.uuid()
    const identifiers = [{ scheme: 'companies-house', id: '07654321' }]
    await upsertOrganisation(tx, { id: organisation, name, identifiers, verified: true }, ctx)
    const people: Record<string, Own> = {}
    for (const [who, role] of Object.entries(roles)) {
      const id = await addPerson(tx, { name: who, organisation, roles: [role] }, ctx)
      const token = await issueToken(tx, { person: id, expires: new Date(Date.now() + 400 * 24 * HOUR) }, ctx)
      people[who] = { name: who, id, organisation, token, signingKey: undefined, url, ...callerAt(url, token) }
    }
    return people
  })
}

function newKey(): any {
  const key = newSigningKey()
  return { ...key, kid: thumbprint(key) }
}
const publicOf = ({ kty, crv, x }: any) => ({ kty, crv, x })

function asksFor(person: Person, key: any, more: object = {}): Promise<Answer> {
  return person.post('/enrolments', { key: publicOf(key), for: 'signatory', ...more })
}

async function atOfficer(kid: string): Promise<any> {
  return eventually(async () => ((await officer().get('/enrolments')).body.requests as any[]).find((one) => one.kid === kid))
}

const calls = (id: string, more: object = {}) =>
  officer().post(`/enrolments/${id}/call`, {
    register: 'Companies House, filing of June 2026',
    number: '01632 960141',
    spokenTo: 'Quentina Marsh, company secretary',
    at: now().toISOString(),
    readBack: true,
    ...more,
  })

const keyOf = async (person: Person, kid: string) =>
  ((await person.get('/enrolments')).body.enrolments as any[]).find((one) => one.kid === kid)
const reaches = (person: Person, kid: string, state: string) => eventually(async () => (await keyOf(person, kid))?.state === state)

/** First key, called back. */
async function enrolled(person: Person): Promise<any> {
  const key = newKey()
  assert.equal((await asksFor(person, key)).status, 201)
  assert.equal((await calls((await atOfficer(key.kid)).id)).status, 201)
  await reaches(person, key.kid, 'in-force')
  return key
}

type Asked = { incident: string; case: any; finding: string; request: any }
async function asked(reporter: Person, signatory: Person, question = 'q42'): Promise<Asked> {
  const { incident, submissions } = await reports(reporter, [{ question, value: 'We pulled the plug.', audience: ['ncsc'] }])
  const handler = network.as('Callum Drey')
  const found = await caseOf(handler, submissions['ncsc'].reference)
  const written = await handler.post(`/cases/${found.id}/findings`, { text: `They came in through the VPN, ${systemRandom.uuid()}.` })
  const until = instantIn(30 * 24 * HOUR)
  const request = await requestAt(
    signatory,
    await asks(handler, found.id, [...found.items.map(({ id }: any) => id), written.body.id], { until }),
  )
  return { incident, case: found, finding: written.body.id, request }
}

const narrowed = (request: any, items: string[]) => {
  const claims = structuredClone(request.claims)
  claims.authorization_details[0].items = claims.authorization_details[0].items.filter(({ id }: any) => items.includes(id))
  return claims
}
const signed = (key: any, claims: unknown) => signAs(key, 'concordat-permission+jws', claims)
const gives = (person: Person, key: any, { request, finding }: Asked) =>
  person.post('/permissions', { permission: signed(key, narrowed(request, [finding])) })

test('a first key: asked for, called back over a number from a public register, signed by both houses, logged at both', async () => {
  const { Perpetua, Ambrose } = await newcomer('Fenwick Hall School', { Perpetua: 'signatory', Ambrose: 'reporter' })
  const key = newKey()
  const first = await asksFor(Perpetua!, key)
  assert.equal(first.status, 201)
  assert.deepEqual([first.body.state, first.body.kid, first.body.fingerprintWords.length], ['waiting-for-call-back', key.kid, 12])
  const request = await atOfficer(key.kid)
  assert.deepEqual([request.state, request.organisation.name, request.ceremony], ['to-call', 'Fenwick Hall School', 'call-back'])
  assert.deepEqual(request.fingerprintWords, first.body.fingerprintWords)
  const matter = await asked(Ambrose!, Perpetua!)
  assert.equal((await gives(Perpetua!, key, matter)).body.code, 'permission-invalid', 'not before it is enrolled')
  assert.equal((await calls(request.id, { readBack: false })).status, 400, 'not without the words read back')
  assert.equal((await calls(request.id)).status, 201)
  assert.equal((await calls(request.id)).body.code, 'already-done')
  await reaches(Perpetua!, key.kid, 'in-force')
  const [row] = await query<any>(network.owner.portal, 'select record, person from identity.enrolments where kid = $1', [key.kid])
  const trust = trustOf(checkTrustFile(await readJson(network.config.home.trustFile)))
  const record = checkEnrolment(JSON.parse(row.record), trust)
  assert.deepEqual(
    [record.org, record.person, record.ceremony.kind, record.role],
    [Perpetua!.organisation, Perpetua!.id, 'call-back', 'signatory'],
  )
  assert.equal(row.person, Perpetua!.id)
  const known = await eventually(
    async () => (await query<any>(network.owner.ncsc, 'select record from identity.enrolments where kid = $1', [key.kid]))[0],
  )
  assert.deepEqual(JSON.parse(known.record), JSON.parse(row.record), 'both keep the same record')
  for (const [node, kind] of [
    ['portal', 'enrolment-request'],
    ['ncsc', 'enrolment'],
    ['portal', 'enrolment'],
  ] as const) {
    const logged = await query(
      network.owner[node],
      'select e.id from exchange.outbox o join ledger.entries e on e.id = o.entry where o.kind = $1 and o.record::jsonb ->> $2 = $3 and e.leaf_index is not null',
      [kind, 'key', key.kid],
    )
    assert.equal(logged.length, 1, `${kind} in the ledger of ${node}`)
  }
  const permission = await inForce(Perpetua!, await gives(Perpetua!, key, matter))
  const sent = await discloses(network.as('Sofia Kerr'), matter.case.id, [matter.finding])
  assert.equal((await settled(network.as('Sofia Kerr'), sent.body.id)).state, 'accepted')
  assert.ok(permission && (await atIco(network, matter.finding)))
  const text = await eventually(async () => {
    const response = await fetch(`${Perpetua!.url}/api/v1/incidents/${matter.incident}/bundle`, {
      headers: { authorization: `Bearer ${Perpetua!.token}` },
    })
    const bundle = await response.text()
    return response.status === 200 && JSON.parse(bundle).notices.length > 0 && bundle
  })
  const verdict = verifyBundle(text, checkTrustFile(await readJson(network.config.home.trustFile)))
  assert.deepEqual(
    verdict.findings.filter(({ ok }) => !ok),
    [],
    'the verifier believes the key too',
  )
})

test('whoever signs away from the portal gets the exact words, and nobody else does', async () => {
  const { Merryn, Osric } = await newcomer('Tidewell Nets', { Merryn: 'signatory', Osric: 'reporter' })
  const { request } = await asked(Osric!, Merryn!)
  const path = `/permission-requests/${request.id}/words`
  const { body: words } = await Merryn!.get(path)
  assert.equal(b64u(hashOf(words)), request.claims.notice)
  assert.deepEqual(words.items.map(openItemRef), request.claims.authorization_details[0].items)
  assert.equal((await network.as('Gwen Marlow').get(path)).body.code, 'not-found')
  assert.equal((await operator().get(path)).body.code, 'role-missing')
})

test('what is noted of a call lies sealed, and the ICO has nothing of any of it', async () => {
  const { Quillon } = await newcomer('Oversley Mill Ltd', { Quillon: 'signatory' })
  await Quillon!.post('/contacts', { channel: 'letter', contact: 'Bellwether House, Zeal Monachorum' })
  const key = newKey()
  await asksFor(Quillon!, key)
  await calls((await atOfficer(key.kid)).id, { spokenTo: 'Thessaly Wragge' })
  await reaches(Quillon!, key.kid, 'in-force')
  const words = ['Bellwether', 'Zeal Monachorum', 'Thessaly', '960141']
  for (const node of nodeNames) assert.deepEqual(await tracesInTables(network.owner[node], words), {}, node)
  assert.deepEqual(await tracesInTables(network.owner.ico, [key.kid, Quillon!.organisation, 'Oversley']), {})
})

test('a refusal is kept with its reason, and the key counts for nothing', async () => {
  const { Odile } = await newcomer('Larkrise Dental', { Odile: 'signatory' })
  const key = newKey()
  await asksFor(Odile!, key)
  const { id } = await atOfficer(key.kid)
  const reason = 'Nobody at that number knew of it.'
  assert.equal((await officer().post(`/enrolments/${id}/refusal`, { reason })).status, 201)
  await reaches(Odile!, key.kid, 'refused')
  assert.equal((await keyOf(Odile!, key.kid)).reason, reason)
  assert.equal((await calls(id)).body.code, 'already-done')
})

test('whoever worked on the case vouches for no key of that organisation, nor does anybody in another role', async () => {
  const { Ilse, Bram } = await newcomer('Kestrel Print', { Ilse: 'signatory', Bram: 'reporter' })
  const matter = await asked(Bram!, Ilse!)
  const key = newKey()
  await asksFor(Ilse!, key)
  const { id } = await atOfficer(key.kid)
  await query(network.owner.ncsc, "update identity.people set roles = roles || array['enrolment-officer'] where name = 'Callum Drey'")
  const call = { register: 'x', number: '01632 960141', spokenTo: 'x', at: now().toISOString(), readBack: true }
  assert.equal((await network.as('Callum Drey').post(`/enrolments/${id}/call`, call)).body.code, 'role-conflict')
  assert.equal((await network.as('Sofia Kerr').post(`/enrolments/${id}/call`, call)).body.code, 'role-missing')
  assert.equal((await keyOf(Ilse!, key.kid)).state, 'waiting-for-call-back')
  assert.ok(matter.case.id)
})

test('neither the portal alone nor the NCSC alone makes a key count, whatever it writes into its own store', async () => {
  const { Ottilie, Rufus } = await newcomer('Pargeter Foods', { Ottilie: 'signatory', Rufus: 'reporter' })
  const matter = await asked(Rufus!, Ottilie!)
  const { environment } = network.config
  const own = async (node: 'portal' | 'ncsc') =>
    (await readGatewayKeys(network.config.home.nodes[node].keys, environment === 'production')).statement
  const [portal, ncsc] = [await own('portal'), await own('ncsc')]
  for (const signers of [
    [portal, portal],
    [ncsc, ncsc],
  ] as const) {
    const key = newKey()
    const genuine = (await query<any>(network.owner.portal, 'select record from identity.enrolments limit 1'))[0]
    const said = JSON.parse(Buffer.from(JSON.parse(genuine.record).payload, 'base64url').toString())
    const record = signEnrolment(
      { ...said, org: Ottilie!.organisation, person: Ottilie!.id, kid: key.kid, key: publicPart(key), from: new Date(0).toISOString() },
      [...signers],
    )
    for (const node of ['portal', 'ncsc'] as const) {
      const organisation = [Ottilie!.organisation, 'Pargeter Foods']
      await query(
        network.owner[node],
        `insert into identity.organisations (id, name, identifiers, verified) values ($1, $2, '[]', true) on conflict do nothing`,
        organisation,
      )
      await query(
        network.owner[node],
        `insert into identity.enrolments (kid, organisation, record, effective_from) values ($1, $2, $3, 'epoch')`,
        [key.kid, Ottilie!.organisation, canonical(record)],
      )
    }
    assert.equal((await gives(Ottilie!, key, matter)).body.code, 'permission-invalid')
  }
})

test('a half that the NCSC signed for something else than was asked is refused by the portal', async () => {
  const { Maud } = await newcomer('Sallow Transport', { Maud: 'signatory' })
  const key = newKey()
  const other = newKey()
  await asksFor(Maud!, key)
  const { id } = await atOfficer(key.kid)
  const [row] = await query<any>(network.owner.ncsc, 'select payload from enrolment.requests where id = $1', [id])
  const forged = { ...JSON.parse(row.payload), kid: other.kid, key: publicOf(other) }
  await query(network.owner.ncsc, 'update enrolment.requests set payload = $2, kid = $3 where id = $1', [id, canonical(forged), other.kid])
  await calls(id)
  await eventually(
    async () =>
      (await query(network.owner.portal, "select 1 from exchange.inbox where kind = 'enrolment' and state = 'refused'")).length > 0,
  )
  assert.equal((await keyOf(Maud!, key.kid)).state, 'waiting-for-call-back')
  assert.equal((await query(network.owner.portal, 'select 1 from identity.enrolments where kid = $1', [other.kid])).length, 0)
})

test('a later key that a key in force lets in counts at once; one that no such key signed does not', async () => {
  const { Leonie, Tobias, Rook } = await newcomer('Ashgrove Care', { Leonie: 'signatory', Tobias: 'signatory', Rook: 'reporter' })
  const root = await enrolled(Leonie!)
  await Leonie!.post('/contacts', { channel: 'telephone', contact: '01632 960500' })
  const { deployment } = checkTrustFile(await readJson(network.config.home.trustFile))
  const lets = (by: any, kid: string, more: object = {}) =>
    signAs(by, 'concordat-countersignature+jws', {
      iss: Leonie!.organisation,
      deployment,
      key: kid,
      iat: Math.floor(now().getTime() / 1000),
      ...more,
    })
  const key = newKey()
  assert.equal((await asksFor(Tobias!, key, { countersignature: lets(newKey(), key.kid) })).body.code, 'enrolment-invalid')
  assert.equal((await asksFor(Tobias!, key, { countersignature: lets(root, newKey().kid) })).body.code, 'enrolment-invalid')
  assert.equal(
    (await asksFor(Tobias!, key, { countersignature: lets(root, key.kid, { iss: systemRandom.uuid() }) })).body.code,
    'enrolment-invalid',
  )
  assert.equal(
    (await asksFor(Tobias!, key, { countersignature: lets({ ...newKey(), kid: root.kid }, key.kid) })).body.code,
    'enrolment-invalid',
  )
  const given = await asksFor(Tobias!, key, { countersignature: lets(root, key.kid) })
  assert.ok([201, 202].includes(given.status), JSON.stringify(given.body))
  await reaches(Tobias!, key.kid, 'in-force')
  assert.deepEqual((await keyOf(Tobias!, key.kid)).notices, [{ channel: 'telephone', told: false }], 'told all the same')
  const matter = await asked(Rook!, Tobias!)
  await inForce(Tobias!, await gives(Tobias!, key, matter))
  // The thief of one key let in another: the suspension of the first takes both, and what they signed.
  const thiefs = newKey()
  // A suspension takes the whole second that is named.
  later += 2_000
  const since = now().toISOString()
  await asksFor(Tobias!, thiefs, { countersignature: lets(root, thiefs.kid) })
  await reaches(Tobias!, thiefs.kid, 'in-force')
  assert.equal((await Leonie!.post(`/enrolments/${root.kid}/suspension`, { since, reason: 'Stolen laptop.' })).status, 201)
  assert.equal((await keyOf(Leonie!, thiefs.kid)).state, 'suspended')
  assert.equal((await keyOf(Leonie!, key.kid)).state, 'in-force', 'let in before the theft')
  await suspendedAtNcsc(thiefs.kid)
  assert.equal((await gives(Tobias!, thiefs, await asked(Rook!, Tobias!))).body.code, 'key-suspended')
})

test('whoever holds every token, mailbox and laptop gets no key in force unnoticed: two houses telephone, time passes, and a stop works', async () => {
  const { Verity, Crispin } = await newcomer('Thornbury Trust', { Verity: 'signatory', Crispin: 'dpo' })
  await enrolled(Verity!)
  const attacker = newKey()
  assert.equal((await asksFor(Verity!, attacker)).body.code, 'contact-missing', 'with nobody to tell, there is no such way')
  const added = await Crispin!.post('/contacts', { channel: 'telephone', contact: '01632 960777' })
  assert.equal(added.status, 201)
  const given = await asksFor(Verity!, attacker)
  assert.deepEqual([given.status, given.body.state], [201, 'waiting-24-hours'])
  const request = await atOfficer(attacker.kid)
  assert.equal(request.state, 'to-tell')
  // Time alone does nothing: nobody was told.
  later += 25 * HOUR
  await new Promise((resolve) => setTimeout(resolve, 500))
  assert.equal((await keyOf(Verity!, attacker.kid)).state, 'waiting-24-hours')
  // The NCSC tells the number of its own; the portal's notice is still open.
  assert.equal((await calls(request.id, { readBack: false })).status, 201)
  await eventually(
    async () => (await query(network.owner.portal, 'select 1 from enrolment.halves where request = $1', [given.body.id])).length === 1,
  )
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.equal((await keyOf(Verity!, attacker.kid)).state, 'waiting-24-hours', 'a notice that was not delivered holds the key back')
  const notice = ((await operator().get('/notices')).body.notices as any[]).find(
    ({ fingerprintWords }) => canonical(fingerprintWords) === canonical(given.body.fingerprintWords),
  )
  assert.deepEqual([notice.channel, notice.contact, notice.organisation], ['telephone', '01632 960777', 'Thornbury Trust'])
  assert.equal((await operator().post(`/notices/${notice.id}`, { outcome: 'not-reached', spokenTo: 'nobody', stop: true })).status, 400)
  assert.equal((await operator().post(`/notices/${notice.id}`, { outcome: 'not-reached', spokenTo: 'nobody' })).status, 201)
  assert.equal((await keyOf(Verity!, attacker.kid)).notices[0].told, false)
  // Reached, and stopped in the same breath.
  assert.equal((await operator().post(`/notices/${notice.id}`, { outcome: 'reached', spokenTo: 'the caretaker', stop: true })).status, 201)
  assert.equal((await keyOf(Verity!, attacker.kid)).state, 'suspended')
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.equal((await query(network.owner.portal, 'select 1 from identity.enrolments where kid = $1', [attacker.kid])).length, 0)
  assert.equal((await asksFor(Verity!, attacker)).body.code, 'key-suspended', 'nor by asking again')
  const { contacts } = (await Crispin!.get('/contacts')).body
  assert.equal(contacts[0].seenByOperator.length, 1, 'the organisation sees that the operator looked the contact up')
})

test('a later key that everybody was told of and nobody stopped counts after a day, and not before', async () => {
  const { Hester } = await newcomer('Malvern Pumps', { Hester: 'signatory' })
  await enrolled(Hester!)
  await Hester!.post('/contacts', { channel: 'letter', contact: '1 Weir Lane, Malvern' })
  const key = newKey()
  const given = await asksFor(Hester!, key)
  const request = await atOfficer(key.kid)
  await calls(request.id, { readBack: false })
  const mine = (one: any) => canonical(one.fingerprintWords) === canonical(given.body.fingerprintWords)
  const notice = ((await operator().get('/notices')).body.notices as any[]).find(mine)
  await operator().post(`/notices/${notice.id}`, { outcome: 'posted', spokenTo: 'first class, the 9.30 collection' })
  later += 23 * HOUR
  await new Promise((resolve) => setTimeout(resolve, 500))
  assert.equal((await keyOf(Hester!, key.kid)).state, 'waiting-24-hours')
  later += 1.1 * HOUR
  await reaches(Hester!, key.kid, 'in-force')
  assert.equal(((await operator().get('/notices')).body.notices as any[]).find(mine), undefined)
})

test('a stop before the time is over reaches the NCSC, which signs no more', async () => {
  const { Jocasta } = await newcomer('Bramley Dyes', { Jocasta: 'signatory' })
  await enrolled(Jocasta!)
  await Jocasta!.post('/contacts', { channel: 'telephone', contact: '01632 960888' })
  const key = newKey()
  await asksFor(Jocasta!, key)
  const { id } = await atOfficer(key.kid)
  await calls(id, { readBack: false })
  const stop = { since: now().toISOString(), reason: 'None of us asked.' }
  assert.equal((await Jocasta!.post(`/enrolments/${key.kid}/suspension`, stop)).status, 201)
  await suspendedAtNcsc(key.kid)
  later += 25 * HOUR
  await eventually(
    async () =>
      (await query<any>(network.owner.ncsc, 'select state from enrolment.answers where request = $1', [id]))[0]?.state === 'refused',
  )
  assert.equal((await keyOf(Jocasta!, key.kid)).state, 'suspended')
})

test('[consent-before-disclosure] what a suspended key signed counts for nothing from that instant: at the portal, to decide, to claim; what had left is recalled', async () => {
  const { Philippa, Wystan } = await newcomer('Dunmow Malt', { Philippa: 'signatory', Wystan: 'reporter' })
  const key = await enrolled(Philippa!)
  const before = await asked(Wystan!, Philippa!)
  await inForce(Philippa!, await gives(Philippa!, key, before))
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const since = now().toISOString()
  const [sentOne, unsent] = [await asked(Wystan!, Philippa!), await asked(Wystan!, Philippa!)]
  for (const matter of [sentOne, unsent]) await inForce(Philippa!, await gives(Philippa!, key, matter))
  const releasing = network.as('Sofia Kerr')
  const sent = await discloses(releasing, sentOne.case.id, [sentOne.finding])
  assert.equal((await settled(releasing, sent.body.id)).state, 'accepted')
  const waiting = await asked(Wystan!, Philippa!)
  assert.equal((await Wystan!.post(`/enrolments/${key.kid}/suspension`, { since, reason: 'Her laptop is gone.' })).status, 201)
  assert.equal((await gives(Philippa!, key, waiting)).body.code, 'key-suspended')
  const refused = await eventually(async () => {
    const answer = await discloses(releasing, unsent.case.id, [unsent.finding])
    return answer.status === 403 && answer
  })
  assert.equal(refused.body.code, 'permission-withdrawn')
  await eventually(async () => (await atIco(network, sentOne.finding))?.restricted ?? (await restrictedAtIco(sentOne.finding)))
  const still = await discloses(releasing, before.case.id, [before.finding])
  assert.equal((await settled(releasing, still.body.id)).state, 'accepted', 'what it signed before is untouched')
  const kinds = await query<any>(network.owner.ico, 'select distinct kind from exchange.inbox')
  assert.deepEqual(
    kinds.map(({ kind }) => kind).filter((kind) => !['report', 'disclosure', 'recall'].includes(kind)),
    [],
    'the ICO hears of a recall and of nothing else',
  )
  assert.deepEqual(await tracesInTables(network.owner.ico, ['laptop is gone', 'suspension']), {})
})

/** Once the NCSC has heard of it. */
async function suspendedAtNcsc(kid: string): Promise<void> {
  const look = () => query<any>(network.owner.ncsc, 'select suspended_since from identity.key_standing where kid = $1', [kid])
  await eventually(async () => (await look())[0]?.suspended_since)
}

async function restrictedAtIco(item: string): Promise<boolean> {
  const rows = await query<any>(network.owner.ico, 'select restricted_since from casework.items where id = $1', [item])
  return rows.length > 0 && rows.every(({ restricted_since }) => restricted_since !== null)
}

test('the organisation telephones the NCSC: the key is suspended there, and the portal withdraws what it signed', async () => {
  const { Sunniva, Alban } = await newcomer('Copperfield Glass', { Sunniva: 'signatory', Alban: 'reporter' })
  const key = await enrolled(Sunniva!)
  const since = now().toISOString()
  const matter = await asked(Alban!, Sunniva!)
  const permission = await inForce(Sunniva!, await gives(Sunniva!, key, matter))
  const body = { organisation: Sunniva!.organisation, since, reason: 'Stolen.', caller: 'Alban' }
  assert.equal((await officer().post(`/enrolments/${key.kid}/suspension`, { ...body, since: instantIn(HOUR) })).status, 400)
  assert.equal((await officer().post(`/enrolments/${key.kid}/suspension`, body)).status, 201)
  await reaches(Sunniva!, key.kid, 'suspended')
  const ended = await eventually(async () => {
    const known = (await Sunniva!.get(`/permissions/${permission}`)).body
    return known.state === 'withdrawn' && known
  })
  assert.equal(claimsIn(ended.receipt).about, 'withdrawal')
  // Another organisation's key is not theirs to suspend.
  const foreign = { ...body, organisation: systemRandom.uuid() }
  assert.equal((await officer().post(`/enrolments/${key.kid}/suspension`, foreign)).body.code, 'not-found')
})

test('a leaver’s key signs no more from the moment they were removed', async () => {
  const { Basil, Cosima, Dorian } = await newcomer('Harebell Yarns', { Basil: 'signatory', Cosima: 'signatory', Dorian: 'reporter' })
  const key = await enrolled(Basil!)
  const matter = await asked(Dorian!, Basil!)
  const removed = await fetch(`${Cosima!.url}/api/v1/colleagues/${Basil!.id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${Cosima!.token}` },
  })
  assert.equal(removed.status, 200)
  await reaches(Cosima!, key.kid, 'suspended')
  assert.equal((await gives(Cosima!, key, matter)).body.code, 'key-suspended')
  await suspendedAtNcsc(key.kid)
})

test('an organisation that lost every key recovers by call-back and a day, and cannot date anything back', async () => {
  const { Ursula, Felix } = await newcomer('Winterbourne Ices', { Ursula: 'signatory', Felix: 'reporter' })
  const old = await enrolled(Ursula!)
  const matter = await asked(Felix!, Ursula!)
  await Ursula!.post(`/enrolments/${old.kid}/suspension`, { since: now().toISOString(), reason: 'Lost.' })
  const key = newKey()
  const given = await asksFor(Ursula!, key, { recovers: true })
  assert.equal(given.body.state, 'waiting-24-hours')
  const request = await atOfficer(key.kid)
  assert.equal((await calls(request.id, { readBack: false })).status, 400, 'read back, as for a first key')
  assert.equal((await calls(request.id)).status, 201)
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.equal((await keyOf(Ursula!, key.kid)).state, 'waiting-24-hours')
  assert.equal((await gives(Ursula!, key, matter)).body.code, 'permission-invalid')
  later += 24.5 * HOUR
  await reaches(Ursula!, key.kid, 'in-force')
  const record = JSON.parse(
    (await query<any>(network.owner.portal, 'select record from identity.enrolments where kid = $1', [key.kid]))[0].record,
  )
  const from = Date.parse(JSON.parse(Buffer.from(record.payload, 'base64url').toString()).from)
  assert.ok(from >= Date.parse(given.body.askedAt) + 24 * HOUR, 'it counts from a day after it was asked for')
  await inForce(Ursula!, await gives(Ursula!, key, matter))
})

test('an agent under a mandate neither enrols nor suspends, and nobody without an organisation does', async () => {
  const agent = network.world.people.find(({ name }) => name === 'Rhys Calder')!
  const client = agent.clients!.find(({ organisation }) => organisation === 'Marlow Fresh Ltd')!
  const headers = { 'authorization': `Bearer ${agent.token}`, 'on-behalf-of': client.id, 'content-type': 'application/json' }
  const post = async (path: string, body: object) =>
    (await (
      await fetch(`${network.world.nodes.portal.url}/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    ).json()) as any
  const kid = network.as('Gwen Marlow').signingKey.kid
  assert.equal((await post('/enrolments', { key: publicOf(newKey()) })).code, 'role-missing')
  assert.equal((await post(`/enrolments/${kid}/suspension`, { since: now().toISOString(), reason: 'x' })).code, 'role-missing')
  assert.equal((await post('/contacts', { channel: 'letter', contact: 'x' })).code, 'role-missing')
  assert.equal((await operator().post('/enrolments', { key: publicOf(newKey()) })).body.code, 'role-missing')
  assert.equal((await network.as('Gwen Marlow').get('/notices')).body.code, 'role-missing')
  const foreign = await network.as('Ines Thorpe').post(`/enrolments/${kid}/suspension`, { since: now().toISOString(), reason: 'x' })
  assert.equal(foreign.body.code, 'not-found')
  assert.equal((await keyOf(network.as('Gwen Marlow'), kid)).state, 'in-force')
})

test('what identifies the organisation is permitted by two people, and by one alone nowhere', async () => {
  const { Imogen, Lucius, Peregrine } = await newcomer('Saltmarsh Books', {
    Imogen: 'signatory',
    Lucius: 'signatory',
    Peregrine: 'reporter',
  })
  const key = await enrolled(Imogen!)
  const { deployment } = checkTrustFile(await readJson(network.config.home.trustFile))
  const lets = (kid: string) =>
    signAs(key, 'concordat-countersignature+jws', {
      iss: Imogen!.organisation,
      deployment,
      key: kid,
      iat: Math.floor(now().getTime() / 1000),
    })
  const [other, own] = [newKey(), newKey()]
  await asksFor(Lucius!, other, { countersignature: lets(other.kid) })
  await asksFor(Imogen!, own, { countersignature: lets(own.kid) })
  for (const one of [other, own]) await reaches(Imogen!, one.kid, 'in-force')
  const matter = await asked(Peregrine!, Imogen!, 'q07-name')
  const [named] = matter.case.items.map(({ id }: any) => id)
  const claims = narrowed(matter.request, [named])
  const alone = await Imogen!.post('/permissions', { permission: signed(key, claims) })
  assert.deepEqual([alone.body.code, alone.body.items], ['second-signature-missing', [named]])
  const twice = (second: unknown) => Imogen!.post('/permissions', { permission: signed(key, claims), second })
  assert.equal((await twice(signed(own, claims))).body.code, 'permission-invalid', 'two keys of one person are one')
  assert.equal((await twice(signed(key, claims))).body.code, 'permission-invalid')
  assert.equal((await twice(signed(other, { ...claims, exp: claims.exp - 1 }))).body.code, 'permission-invalid', 'not the same words')
  await inForce(Imogen!, await twice(signed(other, claims)))
  const releasing = network.as('Sofia Kerr')
  const sent = await discloses(releasing, matter.case.id, [named])
  assert.equal((await settled(releasing, sent.body.id)).state, 'accepted', JSON.stringify(sent.body))
})

test('[consent-before-disclosure] the NCSC asks for the second signature itself, whatever the portal lets pass', async () => {
  const { Minna, Gideon } = await newcomer('Pinfold Dairies', { Minna: 'signatory', Gideon: 'reporter' })
  const key = await enrolled(Minna!)
  const matter = await asked(Gideon!, Minna!)
  // The portal was shown one question; as the NCSC knows it the item is another.
  await query(network.owner.ncsc, "update casework.findings set question = 'q08-email' where id = $1", [matter.finding])
  const given = await gives(Minna!, key, matter)
  const refused = await eventually(async () => (await Minna!.get(`/permissions/${given.body.id}`)).body.state === 'refused')
  assert.ok(refused)
  const rows = await query<any>(network.owner.ncsc, "select code from exchange.inbox where kind = 'permission' and state = 'refused'")
  assert.deepEqual([...new Set(rows.map(({ code }) => code))], ['second-signature-missing'])
  assert.deepEqual(await query(network.owner.ncsc, 'select id from permission.held where id = $1', [given.body.id]), [])
})
