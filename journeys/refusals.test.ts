import assert from 'node:assert/strict'
import { createHmac, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { query, queryOne } from '#platform/db'
import { newSigningKey } from '#platform/keys'
import { thumbprint } from '#platform/jws'
import {
  asks,
  callerAt,
  caseOf,
  discloses,
  grants,
  inForce,
  reports,
  requestAt,
  settled,
  signAs,
  startNetwork,
  withdraws,
  type Network,
  type Person,
} from './network.ts'
import { tracesAtIco, tracesInTables } from './traces.ts'

const CLAUSE = 'consent-before-disclosure'
const DAY = 86_400_000
const nobody = '7b0c1f5e-9a44-4d1b-8e6f-2f6f0a3d9c11'

let network: Network
let ahead = 0
let [reporter, signatory, handler, officer, stranger]: Person[] = []
let marlow: any
before(async () => {
  network = await startNetwork({ now: () => new Date(Date.now() + ahead) })
  ;[reporter, signatory, handler, officer, stranger] = ['Asha Bell', 'Gwen Marlow', 'Callum Drey', 'Sofia Kerr', 'Ines Thorpe'].map(
    (name) => network.as(name),
  )
  marlow = await engaged(reporter!, 'The warehouse runs on paper, zaffre tally.')
})
after(() => network.stop())

/** A case at the NCSC alone, from one answer in confidence. */
async function engaged(person: Person, words: string): Promise<any> {
  const { incident, submissions } = await reports(person, [{ question: 'q42', value: words, audience: ['ncsc'] }])
  return { ...(await caseOf(handler!, submissions['ncsc'].reference)), incident, words }
}

let count = 0
async function finds(caseId: string): Promise<{ id: string; words: string }> {
  const words = `They came in by the back gate, zaffre number ${++count}.`
  const written = await handler!.post(`/cases/${caseId}/findings`, { text: words })
  return { id: written.body.id, words }
}

async function permits(caseId: string, items: string[]): Promise<string> {
  return inForce(signatory!, await grants(signatory!, await requestAt(signatory!, await asks(handler!, caseId, items))))
}

/** `words` the portal keeps sealed; `names` it knows, and the ICO must not. */
type Attempt = { case: any; items: string[]; words: string[]; names?: string[]; more?: Record<string, unknown> }

/** The attempt is refused with this code for these items and recorded at the NCSC; nowhere else is there a word of it. */
async function refusedWithoutTrace(attempt: Attempt, code: string, because: string[]): Promise<void> {
  const { items, words, names = [], more } = attempt
  const before = await tracesInTables(network.owner.portal, items)
  const known = await disclosuresIn(attempt.case.id)
  const refused = await discloses(officer!, attempt.case.id, items, more)
  assert.deepEqual([refused.status, refused.body.code, refused.body.clause, refused.body.items.sort()], [403, code, CLAUSE, because.sort()])
  const recorded = (await disclosuresIn(attempt.case.id)).find((one) => !known.some(({ id }) => id === one.id))
  assert.deepEqual([recorded.state, recorded.code, recorded.items.sort()], ['refused', code, items.sort()])
  assert.equal((await officer!.get(`/disclosures/${recorded.id}`)).body.code, code)
  assert.equal(await queryOne(network.owner.ncsc, 'select id from exchange.outbox where id = $1', [recorded.id]), undefined)
  const held = (await handler!.get(`/cases/${attempt.case.id}`)).body
  const commitments = held.items.filter(({ id }: any) => items.includes(id)).map(({ commitment }: any) => commitment)
  const telling = [...words, ...names, recorded.id, held.id, held.reference]
  assert.deepEqual(await tracesAtIco(network, [...telling, ...items, ...commitments]), [])
  assert.deepEqual(await tracesInTables(network.owner.portal, [...words, recorded.id, held.id]), {})
  assert.deepEqual(await tracesInTables(network.owner.portal, items), before, 'the portal knows what it knew before')
}

async function disclosuresIn(caseId: string): Promise<any[]> {
  return (await officer!.get(`/cases/${caseId}/disclosures`)).body.disclosures
}

describe('door 3 at the NCSC', () => {
  let covered: { id: string; words: string }
  before(async () => {
    covered = await finds(marlow.id)
    await permits(marlow.id, [covered.id])
  })

  test('[consent-before-disclosure] what an organisation never permitted is refused as permission-missing, and the ICO cannot tell that the NCSC knows it', async () => {
    const water = await engaged(stranger!, 'The pumps are not touched, zaffre weir.')
    const finding = await finds(water.id)
    const items = [finding.id, water.items[0].id]
    await refusedWithoutTrace(
      { case: water, items, words: [finding.words, water.words], names: ['Harrow Vale Water', water.organisationId] },
      'permission-missing',
      items,
    )
  })

  test('[consent-before-disclosure] an item beside the permitted ones is refused as item-not-permitted, and the permitted one stays too', async () => {
    const other = await finds(marlow.id)
    await refusedWithoutTrace({ case: marlow, items: [covered.id, other.id], words: [covered.words, other.words] }, 'item-not-permitted', [
      other.id,
    ])
  })

  test('[consent-before-disclosure] another purpose than the permitted one is refused as purpose-not-permitted', async () => {
    for (const purpose of ['national-resilience', 'anything'])
      await refusedWithoutTrace({ case: marlow, items: [covered.id], words: [covered.words], more: { purpose } }, 'purpose-not-permitted', [
        covered.id,
      ])
  })

  test('[lawful-gateway] a permission is never enough: without a reason why sending is necessary it is refused as necessity-missing', async () => {
    for (const necessity of [undefined, '', ' \n\t '])
      await refusedWithoutTrace({ case: marlow, items: [covered.id], words: [covered.words], more: { necessity } }, 'necessity-missing', [
        covered.id,
      ])
  })

  test('[consent-before-disclosure] under a withdrawn permission all is refused as permission-withdrawn', async () => {
    const finding = await finds(marlow.id)
    const permission = await permits(marlow.id, [finding.id])
    await withdraws(reporter!, permission)
    await refusedWithoutTrace({ case: marlow, items: [finding.id], words: [finding.words], names: [permission] }, 'permission-withdrawn', [
      finding.id,
    ])
  })

  test('nobody but a releasing officer discloses, and the attempt is not even a proposal', async () => {
    const known = await disclosuresIn(marlow.id)
    for (const name of ['Callum Drey', 'Ruth Ambler', 'Faye Yardley', 'George Imrie', 'Joan Pike']) {
      const refused = await discloses(network.as(name), marlow.id, [covered.id])
      assert.deepEqual([refused.status, refused.body.code], [403, 'role-missing'], name)
    }
    assert.deepEqual(await disclosuresIn(marlow.id), known)
  })

  test('a case or an item that does not exist, or is of another case, is not found, and all of these are answered alike', async () => {
    const water = await engaged(stranger!, 'Still pumping.')
    const attempts = [
      [nobody, covered.id],
      ['no-id', covered.id],
      [marlow.id, nobody],
      [marlow.id, water.items[0].id],
      [water.id, covered.id],
    ]
    const answers = await Promise.all(attempts.map(([caseId, item]) => discloses(officer!, caseId!, [item!])))
    for (const { status, body } of answers) assert.deepEqual([status, body], [404, answers[0]!.body])
    const malformed = await discloses(officer!, marlow.id, ['no-id'])
    assert.deepEqual([malformed.status, malformed.body.code], [400, 'invalid'])
  })

  test('[consent-before-disclosure] what is permitted does go, and only then are its words to be found at the ICO', async () => {
    const sent = await discloses(officer!, marlow.id, [covered.id])
    assert.equal((await settled(officer!, sent.body.id)).state, 'accepted')
    const places = await tracesAtIco(network, [covered.words])
    assert.deepEqual(places.sort(), ['GET /cases/{id}', 'casework.items'])
    assert.ok((await tracesAtIco(network, [sent.body.id])).includes('exchange.inbox'))
    assert.deepEqual(
      await tracesAtIco(network, [marlow.id, marlow.reference, marlow.words, marlow.items[0].id]),
      [],
      'and nothing beside them',
    )
  })
})

describe('who may open what', () => {
  test('a reporter of another organisation sees, answers and withdraws nothing, and is told nothing that a made-up id would not tell', async () => {
    const finding = await finds(marlow.id)
    const request = await requestAt(signatory!, await asks(handler!, marlow.id, [finding.id]))
    const permission = await permits(marlow.id, [(await finds(marlow.id)).id])
    const signed = signAs(signatory!.signingKey, 'concordat-permission+jws', request.claims)
    const alike = async (path: (id: string) => string, id: string, body?: unknown) => {
      const [theirs, none] = await Promise.all(
        [id, nobody].map((one) => (body ? stranger!.post(path(one), body) : stranger!.get(path(one)))),
      )
      assert.deepEqual([theirs!.status, theirs!.body], [404, none!.body], path('{id}'))
    }
    await alike((id) => `/incidents/${id}`, marlow.incident)
    await alike((id) => `/incidents/${id}/reports`, marlow.incident, {
      stage: 'update',
      submit: true,
      answers: [{ question: 'q42', value: 'Not mine.', audience: ['ncsc'] }],
    })
    await alike((id) => `/permissions/${id}`, permission)
    await alike((id) => `/permissions/${id}/withdrawal`, permission, {})
    await alike((id) => `/permission-requests/${id}/refusal`, request.id, {})
    const theirs = (await stranger!.get('/permission-requests')).body.requests.map(({ id }: any) => id)
    assert.ok(!theirs.includes(request.id))
    assert.equal((await stranger!.post('/permissions', { permission: signed })).body.code, 'permission-invalid')
    assert.equal((await reporter!.get(`/permissions/${permission}`)).body.state, 'in-force', 'to its own people it is there, untouched')
    assert.equal((await reporter!.get(`/incidents/${marlow.incident}`)).status, 200)
    assert.equal((await requestAt(signatory!, request.id)).state, 'open')
  })

  test('a token of one node is nothing at another', async () => {
    const reads = { portal: ['/incidents', '/permission-requests'], ncsc: ['/cases', `/cases/${marlow.id}`], ico: ['/cases'] }
    const people = { portal: reporter!, ncsc: officer!, ico: network.as('Imran Vale') }
    for (const [at, paths] of Object.entries(reads) as [keyof typeof reads, string[]][])
      for (const [of, person] of Object.entries(people))
        for (const path of paths) {
          const { status, body } = await callerAt(network.world.nodes[at].url, person.token).get(path)
          if (of === at) assert.equal(status, 200)
          else assert.deepEqual([status, body.code], [401, 'not-signed-in'], `${person.name} at ${at}${path}`)
        }
    const elsewhere = await callerAt(network.world.nodes.ncsc.url, signatory!.token).post(`/cases/${marlow.id}/disclosures`, {})
    assert.equal(elsewhere.status, 401)
  })

  test('a resume token opens the folder it was given for, and nothing else', async () => {
    const anybody = callerAt(network.world.nodes.portal.url)
    const [first, second] = await Promise.all(
      ['Ours', 'Somebody else\u2019s'].map(async (title) => (await anybody.post('/incidents', { title })).body),
    )
    const holder = callerAt(network.world.nodes.portal.url, first.resume)
    assert.equal((await holder.get(`/incidents/${first.id}`)).body.title, 'Ours')
    for (const id of [second.id, marlow.incident, nobody]) assert.equal((await holder.get(`/incidents/${id}`)).status, 404)
    assert.deepEqual(
      (await holder.get('/incidents')).body.incidents.map(({ id }: any) => id),
      [first.id],
    )
    assert.deepEqual((await holder.get('/permission-requests')).body.requests, [])
    assert.equal((await anybody.get(`/incidents/${first.id}`)).status, 401)
    for (const node of ['ncsc', 'ico'] as const)
      assert.equal((await callerAt(network.world.nodes[node].url, first.resume).get('/cases')).status, 401)
    assert.equal((await reporter!.get(`/incidents/${first.id}`)).status, 404, 'nor does anybody else open it')
  })
})

describe('a permission as it is signed', () => {
  const TYP = 'concordat-permission+jws'
  let request: any
  let others: any
  before(async () => {
    const findings = [await finds(marlow.id), await finds(marlow.id)]
    request = await requestAt(
      signatory!,
      await asks(
        handler!,
        marlow.id,
        findings.map(({ id }) => id),
      ),
    )
    others = await requestAt(signatory!, await asks(handler!, marlow.id, [(await finds(marlow.id)).id]))
  })

  const part = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
  const ed25519 = (input: string, key: any) =>
    sign(null, Buffer.from(input), createPrivateKey({ key, format: 'jwk' })).toString('base64url')

  /** Any header over any payload, each as text or as JSON, signed by this key. */
  function jws(header: unknown, payload: unknown, key = signatory!.signingKey): string {
    const input = `${part(header)}.${part(payload)}`
    return `${input}.${ed25519(input, key)}`
  }
  const header = (more: Record<string, unknown> = {}) => ({ alg: 'EdDSA', kid: signatory!.signingKey.kid, typ: TYP, ...more })

  async function isRefused(permission: string, why: string, by = signatory!): Promise<void> {
    const { status, body } = await by.post('/permissions', { permission })
    assert.deepEqual([status, body.code, body.clause], [403, 'permission-invalid', CLAUSE], why)
  }

  async function nothingIsHeld(): Promise<void> {
    const held = await query(network.owner.ncsc, 'select id from permission.held where id = $1', [request.claims.jti])
    assert.deepEqual(held, [])
    assert.equal((await signatory!.get(`/permissions/${request.claims.jti}`)).status, 404)
    assert.equal((await requestAt(signatory!, request.id)).state, 'open')
  }

  test('[consent-before-disclosure] it is refused where it says more than was offered, or other things', async () => {
    const [detail] = request.claims.authorization_details
    const foreign = others.claims.authorization_details[0].items
    const inDetail = (more: Record<string, unknown>) => ({ authorization_details: [{ ...detail, ...more }] })
    const altered: Record<string, Record<string, unknown>> = {
      'an item added': inDetail({ items: [...detail.items, ...foreign] }),
      'an item put in place of another': inDetail({ items: [{ ...detail.items[0], id: foreign[0].id }] }),
      'other words under an item': inDetail({ items: [{ ...detail.items[0], commitment: detail.items[1].commitment }] }),
      'an item twice': inDetail({ items: [detail.items[0], detail.items[0]] }),
      'no item': inDetail({ items: [] }),
      'another purpose': inDetail({ purpose: 'national-resilience' }),
      'another recipient': inDetail({ to: 'portal' }),
      'another sender': inDetail({ from: 'ico' }),
      'no conditions': inDetail({ conditions: [] }),
      'two permissions in one': { authorization_details: [detail, detail] },
      'a later end': { exp: request.claims.exp + 1 },
      'an end before its beginning': { exp: request.claims.nbf },
      'an earlier beginning': { nbf: request.claims.nbf - 1 },
      'a later beginning': { nbf: request.claims.nbf + 1 },
      'another issuer': { iss: nobody },
      'another audience': { aud: 'ico' },
      'another id': { jti: nobody },
      'another deployment': { deployment: nobody },
      'another agreement': { agreement: { ...request.claims.agreement, hash: 'A'.repeat(43) } },
      'other words shown': { notice: others.claims.notice },
      'another request': { request: others.id },
      'a request that is not there': { request: nobody },
      'a member nobody knows': { note: 'and anything else you like' },
      'a number as text': { exp: String(request.claims.exp) },
    }
    for (const [why, change] of Object.entries(altered)) await isRefused(jws(header(), { ...request.claims, ...change }), why)
    const { notice: _, ...less } = request.claims
    await isRefused(jws(header(), less), 'a claim left out')
    await nothingIsHeld()
  })

  test('[consent-before-disclosure] it is refused unless EdDSA alone, by the enrolled key, is what its header names', async () => {
    const key = signatory!.signingKey
    const publicJwk = { kty: 'OKP', crv: 'Ed25519', x: key.x }
    const headers: Record<string, unknown> = {
      'alg none': header({ alg: 'none' }),
      'alg ES256': header({ alg: 'ES256' }),
      'alg Ed25519': header({ alg: 'Ed25519' }),
      'a key in the header': header({ jwk: publicJwk }),
      'a critical extension': header({ crit: ['exp'], exp: 1 }),
      'another type': header({ typ: 'concordat-withdrawal+jws' }),
      'no type': { alg: 'EdDSA', kid: key.kid },
      'no key id': { alg: 'EdDSA', typ: TYP },
      'a key id that is none': header({ kid: 'marlow' }),
      'null': 'null',
      'alg said twice': `{"alg":"none","kid":"${key.kid}","typ":"${TYP}","alg":"EdDSA"}`,
    }
    for (const [why, one] of Object.entries(headers)) await isRefused(jws(one, request.claims), why)
    await isRefused(`${part(header({ alg: 'none' }))}.${part(request.claims)}.`, 'alg none without a signature')
    const input = `${part(header({ alg: 'HS256' }))}.${part(request.claims)}`
    const pem = createPublicKey({ key: publicJwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
    for (const secret of [pem, Buffer.from(key.x, 'base64url')])
      await isRefused(
        `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`,
        'alg HS256 with the public key as its secret',
      )
    await nothingIsHeld()
  })

  test('[consent-before-disclosure] it is refused where the signature is nobody\u2019s, another organisation\u2019s, or not over these very bytes', async () => {
    const unknown = newSigningKey()
    const malcolm = network.as('Malcolm Avery')
    await isRefused(jws(header({ kid: thumbprint(unknown) }), request.claims, unknown), 'a key that was never enrolled')
    await isRefused(jws(header(), request.claims, unknown), 'a key that was never enrolled, under the name of one that was')
    await isRefused(signAs(malcolm.signingKey, TYP, request.claims), 'another organisation\u2019s key')
    await isRefused(signAs(malcolm.signingKey, TYP, request.claims), 'another organisation\u2019s key, given by its own signatory', malcolm)
    const theirs = { ...request.claims, iss: (await engaged(stranger!, 'Ours.')).organisationId }
    await isRefused(signAs(malcolm.signingKey, TYP, theirs), 'another organisation\u2019s own permission for this request', malcolm)
    const good = signAs(signatory!.signingKey, TYP, request.claims)
    const [head, payload, signature] = good.split('.') as [string, string, string]
    const flipped = Buffer.from(signature, 'base64url')
    flipped[7]! ^= 1
    await isRefused(`${head}.${payload}.${flipped.toString('base64url')}`, 'a bit of the signature')
    await isRefused(`${head}.${payload}.${plusGroupOrder(signature)}`, 'a second spelling of the same signature (RFC 8032 section 5.1.7)')
    await isRefused(`${head}.${part({ ...request.claims, exp: request.claims.exp - 1 })}.${signature}`, 'claims changed after signing')
    await isRefused(`${head}.${payload}.${otherTail(signature)}`, 'stray bits in the last character')
    for (const broken of ['', 'x', `${head}.${payload}`, `${good}.${signature}`, `${good}=`, ` ${good}`])
      await isRefused(broken, 'not a compact JWS')
    await nothingIsHeld()
  })

  test('[consent-before-disclosure] it is refused where its JSON says something twice or can be read in two ways', async () => {
    const text = JSON.stringify(request.claims)
    const spellings: Record<string, string> = {
      'a member twice': text.replace('"exp":', '"exp":9999999999,"exp":'),
      'the same member twice': text.replace('"aud":"ncsc"', '"aud":"ncsc","aud":"ncsc"'),
      'a member twice, once with an escape': text.replace('"exp":', '"\\u0065xp":9999999999,"exp":'),
      'purpose twice': text.replace('"purpose":', '"purpose":"national-resilience","purpose":'),
      'a number in another spelling': text.replace(/"exp":(\d+)/, '"exp":$1.0'),
      'something after the end': `${text}{}`,
      'half a character': text.replace('"aud":"ncsc"', '"aud":"ncsc\\ud800"'),
      'a byte order mark': `\ufeff${text}`,
    }
    for (const [why, spelling] of Object.entries(spellings)) {
      if (spelling === text) throw new Error(`${why}: nothing was changed`)
      await isRefused(jws(header(), spelling), why)
    }
    const latin1 = Buffer.from(text.replace('ncsc', 'ncs\u00e9'), 'latin1').toString('base64url')
    const input = `${part(header())}.${latin1}`
    await isRefused(`${input}.${ed25519(input, signatory!.signingKey)}`, 'not UTF-8')
    await nothingIsHeld()
  })

  test('white space and the order of members are the organisation\u2019s own; given once it is in force, and cannot be given twice', async () => {
    const permission = jws(
      ` ${JSON.stringify(header(), null, 2)}`,
      ` \n${JSON.stringify(Object.fromEntries(Object.entries(request.claims).reverse()), null, '\t')}\r\n`,
    )
    const given = await signatory!.post('/permissions', { permission })
    assert.equal(await inForce(signatory!, given), request.claims.jti)
    assert.equal((await signatory!.get(`/permissions/${given.body.id}`)).body.signed, permission, 'kept as it was spelt')
    const [finding] = request.claims.authorization_details[0].items
    const sent = await discloses(officer!, marlow.id, [finding.id])
    assert.equal((await settled(officer!, sent.body.id)).state, 'accepted', 'and the ICO reads it as the portal did')
    for (const again of [
      permission,
      signAs(signatory!.signingKey, TYP, request.claims),
      signAs(signatory!.signingKey, TYP, { ...request.claims, exp: request.claims.exp - 60 }),
    ]) {
      const { status, body } = await signatory!.post('/permissions', { permission: again })
      assert.deepEqual([status, body.code], [409, 'already-done'])
    }
  })

  test('a request that was refused cannot be granted afterwards, nor one that was granted refused', async () => {
    const no = await reporter!.post(`/permission-requests/${others.id}/refusal`)
    assert.deepEqual([no.status, no.body.state], [200, 'refused'])
    for (const attempt of [
      grants(signatory!, others),
      reporter!.post(`/permission-requests/${others.id}/refusal`),
      reporter!.post(`/permission-requests/${request.id}/refusal`),
    ]) {
      const { status, body } = await attempt
      assert.deepEqual([status, body.code], [409, 'already-done'])
    }
  })
})

// Last: everything in this file that was permitted has expired after it.
test('[consent-before-disclosure] a permission is refused as permission-expired when its time is over, both to give and to use', async () => {
  const finding = await finds(marlow.id)
  const permission = await permits(marlow.id, [finding.id])
  const late = await requestAt(signatory!, await asks(handler!, marlow.id, [(await finds(marlow.id)).id]))
  ahead += 2 * DAY
  await refusedWithoutTrace({ case: marlow, items: [finding.id], words: [finding.words], names: [permission] }, 'permission-expired', [
    finding.id,
  ])
  assert.equal((await signatory!.get(`/permissions/${permission}`)).body.state, 'expired')
  const given = await grants(signatory!, late)
  assert.deepEqual([given.status, given.body.code], [403, 'permission-expired'])
})

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

/** The signature with the order of the group added to its second half: the same number to a careless reader. */
function plusGroupOrder(signature: string): string {
  const bytes = Buffer.from(signature, 'base64url')
  const s = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`) + ORDER
  return Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse()]).toString('base64url')
}

/** 64 bytes leave four bits of the last character unused: another character stands for the same bytes. */
function otherTail(signature: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return signature.slice(0, -1) + alphabet[alphabet.indexOf(signature.at(-1)!) ^ 1]
}
