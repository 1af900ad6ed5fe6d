import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { caseById, itemsForDisclosure } from '#casework'
import type { GatewayConfig } from '#disclosure'
import {
  checkTrustFile,
  itemCommitment,
  openItemRef,
  type Kind,
  type NodeId,
  type Outbound,
  type Prepared,
  type TrustFile,
} from '#exchange'
import { signEnrolment } from '#permission'
import { canonical } from '#platform/canonical'
import { query, queryOne, type Tx } from '#platform/db'
import { readJson } from '#platform/home'
import { publicPart, signerOf, thumbprint, type Signer } from '#platform/jws'
import { newSigningKey, readGatewayKeys } from '#platform/keys'
import {
  asks,
  caseOf,
  claimsIn,
  discloses,
  eventually,
  grants,
  reports,
  requestAt,
  settled,
  signAs,
  startNetwork,
  withdraws,
  type Network,
  type Person,
} from './network.ts'
import { tracesAtIco } from './traces.ts'

// Nobody believes anybody here. The NCSC's gateway is made a rogue: it decides nothing, asks nothing again before it sends, and its
// database guards nothing. The portal's sends whatever it is told as well.

const CLAUSE = 'consent-before-disclosure'
const MINUTE = 60

let network: Network
let trust: TrustFile
let statementKey: Record<NodeId, Signer>
let enrolments: Map<string, any>
let [officer, handler, gwen, malcolm]: Person[] = []
let [marlow, water]: any[] = []
let [gate, front]: any[] = []
before(async () => {
  network = await startNetwork({ node: { ncsc: { gateway: rogue }, portal: { gateway: rogue } } })
  await query(network.owner.ncsc, 'alter table exchange.outbox disable trigger guard_door_3')
  trust = checkTrustFile(await readJson(network.config.home.trustFile))
  const signerAt = async (node: NodeId) => (await readGatewayKeys(network.config.home.nodes[node].keys, false)).statement
  statementKey = { portal: await signerAt('portal'), ncsc: await signerAt('ncsc'), ico: await signerAt('ico') }
  const rows = await query<{ organisation: string; record: string }>(
    network.owner.portal,
    'select organisation, record from identity.enrolments',
  )
  enrolments = new Map(rows.map(({ organisation, record }) => [organisation, JSON.parse(record)]))
  ;[officer, handler, gwen, malcolm] = ['Sofia Kerr', 'Callum Drey', 'Gwen Marlow', 'Malcolm Avery'].map((name) => network.as(name))
  marlow = await engaged('Asha Bell', 'The cold store is warm, gamboge one.', [
    'They came by the back gate, gamboge two.',
    'They left by the front, gamboge three.',
  ])
  water = await engaged('Ines Thorpe', 'The pumps are not touched, gamboge four.', [])
  ;[gate, front] = marlow.items.filter(({ kind }: any) => kind === 'finding')
})
after(() => network.stop())

type Draft = { members: any; content: any }
let forge: (draft: Draft) => void
let spoilt = false
const told = new Map<string, Prepared>()

function rogue(config: GatewayConfig): GatewayConfig {
  const { mayNotLeave: _, ...rest } = config
  const whateverItIsTold: Outbound = async (tx, request) => {
    const honest = async () => config.outbound[request.kind as Kind]!(tx, request, config.makeCtx())
    if (spoilt && request.kind === 'permission') return { ...(await honest()), payload: Buffer.from('null') }
    return told.get(request.id) ?? honest()
  }
  const kinds = Object.keys(config.outbound) as Kind[]
  const outbound = Object.fromEntries(kinds.map((kind) => [kind, kind === 'disclosure' ? whateverIsForged : whateverItIsTold]))
  return { ...rest, outbound }
}

const whateverIsForged: Outbound = async (tx, request) => {
  const draft = await honestDraft(tx, request.id)
  forge(draft)
  return { clause: CLAUSE, members: draft.members, payload: Buffer.from(canonical(draft.content)) }
}

/** What an honest sender would send, under a permission of Marlow's for just these items. */
async function honestDraft(tx: Tx, id: string): Promise<Draft> {
  const proposal = (await queryOne<any>(tx, 'select * from disclosure.proposals where id = $1', [id]))!
  const { organisation, organisation_name: name, organisation_verified: verified } = (await caseById(tx, proposal.case_id))!
  const items = await itemsForDisclosure(tx, proposal.case_id, proposal.items)
  return {
    members: {
      organisation,
      purpose: proposal.purpose,
      items: items.map(({ id, commitment }) => ({ id, commitment })),
      necessity: proposal.necessity,
      officer: { id: proposal.officer, role: 'releasing-officer' },
      permissions: [permission(items)],
    },
    content: {
      organisation: { id: organisation, name, verified },
      items: items.map(({ id, question, value, salt, kind, origins }) => ({ id, question, value, salt, kind, origins })),
    },
  }
}

async function engaged(reporter: string, words: string, findings: string[]): Promise<any> {
  const { submissions } = await reports(network.as(reporter), [{ question: 'q42', value: words, audience: ['ncsc'] }])
  const { id } = await caseOf(handler!, submissions['ncsc'].reference)
  for (const text of findings) await handler!.post(`/cases/${id}/findings`, { text })
  return (await handler!.get(`/cases/${id}`)).body
}

type Change = { claims?: object; detail?: object; key?: unknown; enrolment?: unknown }

/** A permission for these items as Marlow's signatory would give it, but for what is changed. */
function permission(items: { id: string; commitment: string }[], { claims, detail, key, enrolment }: Change = {}) {
  const now = Math.floor(Date.now() / 1000)
  const whole = {
    iss: marlow.organisationId,
    aud: 'ncsc',
    jti: randomUUID(),
    iat: now,
    nbf: now - MINUTE,
    exp: now + 1000 * MINUTE,
    deployment: trust.deployment,
    agreement: trust.agreements[0],
    request: randomUUID(),
    notice: 'words shown',
    authorization_details: [
      {
        type: 'concordat-disclosure',
        from: 'ncsc',
        to: 'ico',
        purpose: 'incident-response',
        items: items.map(({ id, commitment }) => ({ id, commitment })),
        conditions: ['consult-before-onward', 'consult-before-enforcement', 'keep-marking', 'restrict-on-withdrawal'],
        ...detail,
      },
    ],
    ...claims,
  }
  return {
    permission: signAs(key ?? gwen!.signingKey, 'concordat-permission+jws', whole),
    enrolment: enrolment ?? enrolments.get(marlow.organisationId),
  }
}

const fromNow = (minutes: number) => Math.floor(Date.now() / 1000) + minutes * MINUTE
const byWater = (items: { id: string; commitment: string }[]) =>
  permission(items, { key: malcolm!.signingKey, claims: { iss: water.organisationId }, enrolment: enrolments.get(water.organisationId) })

/** A permission by a new key, with an enrolment record that says it is Marlow's: but for what is changed, and by whom it is signed. */
function enrolledBy(signers: [Signer, Signer], change: object = {}): (items: any[], claims?: object) => ReturnType<typeof permission> {
  const key = newSigningKey()
  const known = JSON.parse(Buffer.from(enrolments.get(marlow.organisationId).payload, 'base64url').toString())
  const record = { ...known, kid: thumbprint(key), key: publicPart(key), ...change }
  return (items, claims = {}) =>
    permission(items, { claims, key: { ...key, kid: thumbprint(key) }, enrolment: signEnrolment(record, signers) })
}

/** By a key that was enrolled long ago. */
const longEnrolled: ReturnType<typeof enrolledBy> = (items, claims) =>
  enrolledBy([statementKey.portal, statementKey.ncsc], { from: new Date(fromNow(-2000) * 1000).toISOString() })(items, claims)

type Forgery = { why: string; code: string; items?: any[]; more?: object; forge: (draft: Draft) => void }
const under = (why: string, code: string, sign: (items: any[]) => unknown): Forgery => ({
  why,
  code,
  forge: ({ members }) => (members.permissions = [sign(members.items)]),
})

/** Each is sent, refused with its code and acknowledged so; of none is anything kept. */
async function icoRefuses(forgeries: Forgery[]): Promise<void> {
  const sent: { id: string; forgery: Forgery }[] = []
  for (const forgery of forgeries) {
    forge = forgery.forge
    const { body } = await discloses(
      officer!,
      marlow.id,
      (forgery.items ?? [gate]).map(({ id }) => id),
      { ...forgery.more },
    )
    // Decided, and so forged, before the next one is.
    await eventually(() => queryOne(network.owner.ncsc, 'select id from exchange.outbox where id = $1', [body.id]))
    sent.push({ id: body.id, forgery })
  }
  for (const {
    id,
    forgery: { why, code },
  } of sent) {
    const outcome = await settled(officer!, id)
    assert.deepEqual([outcome.state, outcome.code], ['refused', code], why)
    assert.deepEqual(claimsIn(outcome.acknowledgement).results, [{ id, state: 'refused', code }], why)
    const [row] = await query(network.owner.ico, 'select state, code, statement, organisation from exchange.inbox where id = $1', [id])
    assert.deepEqual(row, { state: 'refused', code, statement: '', organisation: null }, why)
  }
  await nothingIsKept()
}

async function nothingIsKept(): Promise<void> {
  const items = [...marlow.items, ...water.items]
  const telling = [marlow, water].flatMap((one) => [one.organisation, one.organisationId, one.reference, one.id])
  assert.deepEqual(await tracesAtIco(network, ['gamboge', ...telling, ...items.flatMap(({ id, commitment }) => [id, commitment])]), [])
  for (const table of ['casework.cases', 'casework.items', 'casework.item_origins', 'disclosure.standing', 'exchange.outbox'])
    assert.deepEqual(await query(network.owner.ico, `select * from ${table}`), [], table)
}

describe('the ICO, sent what should not have been', () => {
  test('[consent-before-disclosure] keeps nothing without a permission of every organisation it comes from', async () => {
    await icoRefuses([
      { why: 'none', code: 'permission-missing', forge: ({ members }) => (members.permissions = []) },
      under('another organisation\u2019s for these items', 'permission-missing', byWater),
      {
        why: 'another organisation\u2019s, and the item said to be its own',
        code: 'permission-missing',
        forge: ({ members, content }) => {
          members.permissions = [byWater(members.items)]
          content.items[0].origins = [water.organisationId]
        },
      },
      {
        why: 'that of one of two origins',
        code: 'permission-missing',
        forge: ({ content }) => content.items[0].origins.push(water.organisationId),
      },
      {
        why: 'that of the organisation named for another of its items only, and of the item\u2019s for the item',
        code: 'item-not-permitted',
        forge: ({ members, content }) => {
          members.permissions = [permission([front]), byWater(members.items)]
          content.items[0].origins = [water.organisationId]
        },
      },
    ])
  })

  test('[consent-before-disclosure] keeps nothing that identifies an organisation on the signature of one person, or on two of one person', async () => {
    const named = ({ members, content }: Draft): void => {
      content.items[0].question = 'q07-name'
      members.items = content.items.map(openItemRef)
      members.permissions = [permission(members.items)]
    }
    const twice = (draft: Draft): void => {
      named(draft)
      const [first] = draft.members.permissions
      const again = enrolledBy([statementKey.portal, statementKey.ncsc])(draft.members.items, claimsIn(first.permission))
      draft.members.permissions = [{ ...first, second: again }]
    }
    await icoRefuses([
      { why: 'one signature', code: 'second-signature-missing', forge: named },
      { why: 'two keys of one person', code: 'permission-invalid', forge: twice },
    ])
  })

  test('[consent-before-disclosure] keeps nothing under a permission that is forged or altered', async () => {
    const altered = (items: any[]) => {
      const given = permission([front])
      const [header, , signature] = given.permission.split('.')
      const claims = claimsIn(given.permission)
      claims.authorization_details[0].items = items
      return { ...given, permission: `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}` }
    }
    const unknown = newSigningKey()
    await icoRefuses([
      under('an unknown key under the enrolled one\u2019s name', 'permission-invalid', (items) =>
        permission(items, { key: { ...unknown, kid: gwen!.signingKey.kid } }),
      ),
      under('another organisation\u2019s key', 'permission-invalid', (items) => permission(items, { key: malcolm!.signingKey })),
      under('another item put in after signing', 'permission-invalid', altered),
      under('no JWS', 'permission-invalid', (items) => ({ ...permission(items), permission: 'x' })),
      under('no signature', 'permission-invalid', (items) => ({
        ...permission(items),
        permission: permission(items).permission.replace(/\.[^.]+$/, '.'),
      })),
      under('for another sender', 'permission-invalid', (items) => permission(items, { claims: { aud: 'ico' } })),
      under('for another recipient', 'permission-invalid', (items) => permission(items, { detail: { to: 'portal' } })),
      under('of another deployment', 'permission-invalid', (items) => permission(items, { claims: { deployment: randomUUID() } })),
      under('under another agreement', 'permission-invalid', (items) =>
        permission(items, { claims: { agreement: { ...trust.agreements[0], hash: 'A'.repeat(43) } } }),
      ),
      under('over no item', 'permission-invalid', () => permission([])),
    ])
  })

  test('[consent-before-disclosure] keeps nothing under a key that was not enrolled for that organisation by both who must, and before', async () => {
    const { portal, ncsc, ico } = statementKey
    const invalid = (why: string, sign: (items: any[]) => unknown) => under(why, 'permission-invalid', sign)
    const genuine = enrolments.get(marlow.organisationId)
    const stranger = signerOf(newSigningKey())
    await icoRefuses([
      invalid('no enrolment', (items) => ({ ...permission(items), enrolment: null })),
      invalid('signed by nobody known', enrolledBy([stranger, stranger])),
      invalid('signed by the portal alone', enrolledBy([portal, portal])),
      invalid('signed by the NCSC alone', enrolledBy([ncsc, ncsc])),
      invalid('signed by the portal and a stranger', enrolledBy([portal, stranger])),
      invalid('signed in the other order', enrolledBy([ncsc, portal])),
      invalid('signed by the ICO in the NCSC\u2019s place', enrolledBy([portal, ico])),
      invalid('for the ICO to send', enrolledBy([portal, ico], { body: 'ico' })),
      invalid('for another organisation', enrolledBy([portal, ncsc], { org: water.organisationId })),
      invalid('in another deployment', enrolledBy([portal, ncsc], { deployment: randomUUID() })),
      invalid('under the name of another key', enrolledBy([portal, ncsc], { kid: gwen!.signingKey.kid })),
      invalid('in force only later', enrolledBy([portal, ncsc], { from: new Date(fromNow(10) * 1000).toISOString() })),
      invalid('altered after signing', (items) =>
        permission(items, {
          enrolment: { ...genuine, payload: genuine.payload.replace(/.$/, (last: string) => (last === 'A' ? 'B' : 'A')) },
        }),
      ),
      invalid('with one signature', (items) =>
        permission(items, { enrolment: { ...genuine, signatures: genuine.signatures.slice(0, 1) } }),
      ),
      invalid('another organisation\u2019s genuine one', (items) => permission(items, { enrolment: enrolments.get(water.organisationId) })),
    ])
  })

  test('[consent-before-disclosure] keeps nothing outside the permission\u2019s time, purpose or items, or without a reason, or released by anybody else', async () => {
    await icoRefuses([
      under('expired at log time', 'permission-expired', (items) => longEnrolled(items, { nbf: fromNow(-20), exp: fromNow(-10) })),
      under('not begun at log time', 'flow-not-allowed', (items) => permission(items, { claims: { nbf: fromNow(10) } })),
      under('beginning after its end', 'permission-invalid', (items) =>
        permission(items, { claims: { nbf: fromNow(20), exp: fromNow(10) } }),
      ),
      under('another purpose', 'purpose-not-permitted', (items) => permission(items, { detail: { purpose: 'national-resilience' } })),
      under('another item', 'item-not-permitted', () => permission([front])),
      { ...under('one of two items', 'item-not-permitted', () => permission([front])), items: [gate, front] },
      {
        why: 'other words under a permitted id',
        code: 'item-not-permitted',
        forge: ({ members, content }) => {
          content.items[0].value = 'And the director did it.'
          members.items[0].commitment = itemCommitment(content.items[0])
        },
      },
      { why: 'no reason', code: 'necessity-missing', more: { necessity: ' \n' }, forge: () => {} },
      { why: 'a handler', code: 'flow-not-allowed', forge: ({ members }) => (members.officer.role = 'handler') },
      {
        why: 'an agreement that is not the one here',
        code: 'agreement-differs',
        forge: ({ members }) => (members.agreement = { id: trust.agreements[0]!.id, hash: 'A'.repeat(43) }),
      },
      {
        why: 'an agreement of another name',
        code: 'agreement-differs',
        forge: ({ members }) => (members.agreement = { id: 'other', hash: trust.agreements[0]!.hash }),
      },
    ])
  })

  test('[consent-before-disclosure] keeps nothing where what is sent is not what the record says', async () => {
    const invalid = (why: string, change: (draft: Draft) => void, items = [gate]): Forgery => ({
      why,
      code: 'envelope-invalid',
      items,
      forge: change,
    })
    await icoRefuses([
      invalid('other words than the commitment stands for', ({ content }) => (content.items[0].value = 'Nothing happened.')),
      invalid('another question', ({ content }) => (content.items[0].question = 'q19')),
      invalid('another salt', ({ content }) => (content.items[0].salt = 'A'.repeat(43))),
      invalid('a salt that is none', ({ content }) => (content.items[0].salt = 'x')),
      invalid('an item more than the record', ({ members }) => members.items.pop(), [gate, front]),
      invalid('an item less than the record', ({ content }) => content.items.pop(), [gate, front]),
      invalid('one item twice', ({ content }) => (content.items[1] = content.items[0]), [gate, front]),
      invalid('one item twice, in the record too', ({ members, content }) => {
        members.items.push(members.items[0])
        content.items.push(content.items[0])
      }),
      invalid('another organisation than the record\u2019s', ({ content }) => (content.organisation.id = water.organisationId)),
      invalid('an item of nobody', ({ content }) => (content.items[0].origins = [])),
      invalid('an item of somebody who is none', ({ content }) => (content.items[0].origins = ['Marlow'])),
      invalid('no items', ({ members, content }) => {
        members.items = []
        content.items = []
      }),
      invalid('a member more', ({ content }) => (content.remark = 'gamboge')),
      invalid('a member more in an item', ({ content }) => (content.items[0].remark = 'gamboge')),
      invalid('no content', (draft) => (draft.content = null)),
      invalid('a question that is none', ({ members, content }) => {
        content.items[0].question = 'Gamboge?'
        members.items[0].commitment = itemCommitment(content.items[0])
        members.permissions = [permission(members.items)]
      }),
    ])
  })

  test('[consent-before-disclosure] keeps what the same sender sends under a permission that holds, five minutes of clock apart, with the name its key was enrolled under', async () => {
    const good: Forgery['forge'][] = [
      () => {},
      ({ members, content }) => {
        members.permissions = [longEnrolled(members.items, { nbf: fromNow(-20), exp: fromNow(-2) })]
        content.organisation.name = 'Whatever the sender likes, gamboge'
      },
      ({ members, content }) => {
        members.permissions = [permission(members.items), byWater(members.items)]
        content.items[0].origins.push(water.organisationId)
      },
    ]
    for (const one of good) {
      forge = one
      const { body } = await discloses(officer!, marlow.id, [gate.id])
      const outcome = await settled(officer!, body.id)
      assert.deepEqual([outcome.state, outcome.code], ['accepted', undefined])
    }
    const ico = network.as('Imran Vale')
    const { cases } = (await ico.get('/cases')).body
    assert.deepEqual(
      cases.map(({ organisation }: any) => organisation),
      ['Marlow Fresh Ltd'],
    )
    const { items } = (await ico.get(`/cases/${cases[0].id}`)).body
    assert.deepEqual(
      items.map(({ id, value }: any) => [id, value]),
      [[gate.id, gate.value]],
    )
    assert.deepEqual(await tracesAtIco(network, [front.id, 'Whatever the sender likes']), [])
  })

  test('[consent-before-disclosure] takes no other words for an item that it has', async () => {
    forge = ({ members, content }) => {
      content.items[0].value = 'They came by the roof.'
      members.items[0].commitment = itemCommitment(content.items[0])
      members.permissions = [permission(members.items)]
    }
    const outcome = await settled(officer!, (await discloses(officer!, marlow.id, [gate.id])).body.id)
    assert.deepEqual([outcome.state, outcome.code], ['refused', 'replayed-differently'])
  })
})

/** Has a gateway send exactly this, and answers with what its recipient made of it. */
async function says(node: 'portal' | 'ncsc', to: NodeId, kind: Kind, prepared: Omit<Prepared, 'clause'>): Promise<unknown[]> {
  const id = randomUUID()
  told.set(id, { clause: CLAUSE, ...prepared })
  const values = [id, kind, to, new Date()]
  await query(
    network.owner[node],
    `insert into exchange.requests (id, kind, peer, body, actor, requested_at) values ($1, $2, $3, '{}', '{}', $4)`,
    values,
  )
  const row = await eventually(() =>
    queryOne<any>(network.owner[node], `select state, code from exchange.outbox where id = $1 and state not in ('waiting', 'claimed')`, [
      id,
    ]),
  )
  return [row.state, row.code]
}

describe('the NCSC, sent what an organisation did not sign', () => {
  let request: string
  before(async () => {
    request = await asks(handler!, marlow.id, [gate.id])
  })
  const asked = (change: Change = {}) => permission([gate], { ...change, claims: { request, ...change.claims } })

  function gives(signed: unknown, members: object = {}): Promise<unknown[]> {
    const { permission: jws } = (signed ?? {}) as { permission?: unknown }
    const jti = typeof jws === 'string' ? claimsIn(jws).jti : randomUUID()
    return says('portal', 'ncsc', 'permission', {
      members: { organisation: marlow.organisationId, permission: jti, ...members },
      payload: Buffer.from(canonical(signed)),
    })
  }

  test('[consent-before-disclosure] it holds no permission that is forged, altered, foreign, expired or not asked for', async () => {
    const { portal, ncsc } = statementKey
    const invalid: [string, unknown, object?][] = [
      ['another organisation\u2019s key', asked({ key: malcolm!.signingKey })],
      ['a key enrolled by the portal alone', enrolledBy([portal, portal])([gate], { request })],
      ['a key enrolled by the NCSC alone', enrolledBy([ncsc, ncsc])([gate], { request })],
      [
        'a key that is enrolled only later',
        enrolledBy([portal, ncsc], { from: new Date(fromNow(10) * 1000).toISOString() })([gate], { request }),
      ],
      ['another organisation\u2019s permission', byWater([gate])],
      ['another organisation\u2019s permission, said to be so', byWater([gate]), { organisation: water.organisationId }],
      ['another id than the record\u2019s', asked(), { permission: randomUUID() }],
      ['an item nobody asked for', asked({ detail: { items: [{ id: front.id, commitment: front.commitment }] } })],
      ['a request nobody made', asked({ claims: { request: randomUUID() } })],
      ['another agreement', asked({ claims: { agreement: { ...trust.agreements[0], hash: 'A'.repeat(43) } } })],
      ['another deployment', asked({ claims: { deployment: randomUUID() } })],
      ['not begun', asked({ claims: { nbf: fromNow(10) } })],
      ['a condition less than always binds', asked({ detail: { conditions: ['keep-marking'] } })],
      ['a place taken that no offer names', asked(), { narrows: randomUUID() }],
      ['no permission', null],
      ['a number', { ...asked(), permission: 7 }],
      ['a member more', { ...asked(), remark: 'gamboge' }],
    ]
    for (const [why, signed, members] of invalid) assert.deepEqual(await gives(signed, members), ['refused', 'permission-invalid'], why)
    assert.deepEqual(await gives(longEnrolled([gate], { request, nbf: fromNow(-20), exp: fromNow(-1) })), ['refused', 'permission-expired'])
    assert.deepEqual(await query(network.owner.ncsc, 'select * from permission.held'), [])
    assert.equal((await queryOne<any>(network.owner.ncsc, 'select state from permission.asked where id = $1', [request])).state, 'open')
  })

  test('a permission that it refuses is shown as refused to whoever gave it, and can be withdrawn all the same', async () => {
    const offered = await requestAt(gwen!, request)
    spoilt = true
    const given = await grants(gwen!, offered)
    spoilt = false
    await eventually(async () => (await gwen!.get(`/permissions/${given.body.id}`)).body.state === 'refused')
    const { left, stopped, mayHaveLeft } = await withdraws(gwen!, given.body.id)
    assert.deepEqual([left, stopped, mayHaveLeft], [[], [], []])
  })

  test('[consent-before-disclosure] it holds what was signed, once, and only who signed it withdraws it', async () => {
    const signed = asked()
    const { jti } = claimsIn(signed.permission)
    assert.deepEqual(await gives(signed), ['accepted', null])
    assert.deepEqual(await gives(signed), ['refused', 'already-done'])
    const held = async () =>
      (await queryOne<any>(network.owner.ncsc, 'select withdrawn_at from permission.held where id = $1', [jti])).withdrawn_at
    const withdraws = (organisation: string) =>
      says('portal', 'ncsc', 'withdrawal', { members: { organisation, permission: jti, by: 'session' } })
    assert.deepEqual(await withdraws(water.organisationId), ['refused', 'not-found'])
    assert.equal(await held(), null)
    const refuses = (organisation: string, one: string) => says('portal', 'ncsc', 'refusal', { members: { organisation, request: one } })
    assert.deepEqual(await refuses(water.organisationId, request), ['refused', 'not-found'])
    assert.deepEqual(await refuses(marlow.organisationId, randomUUID()), ['refused', 'not-found'])
    assert.deepEqual(await withdraws(marlow.organisationId), ['accepted', null])
    assert.notEqual(await held(), null)
  })
})

describe('the portal, sent a request that is not what it says', () => {
  const asking = (members: object = {}, payload: unknown = wordsOf(gate)) =>
    says('ncsc', 'portal', 'permission-request', {
      members: {
        organisation: marlow.organisationId,
        reference: marlow.reference,
        recipient: 'ico',
        purpose: 'incident-response',
        until: new Date(Date.now() + 3_600_000).toISOString(),
        items: [{ id: gate.id, commitment: gate.commitment }],
        ...members,
      },
      payload: Buffer.from(canonical(payload)),
    })
  let salts: Map<string, string>
  before(async () => {
    const rows = await query<any>(network.owner.ncsc, 'select id, salt from casework.contents')
    salts = new Map(rows.map(({ id, salt }) => [id, salt]))
  })
  const wordsOf = ({ id, question, value }: any, change: object = {}) => ({
    reason: 'Only we can say.',
    items: [{ id, question, value, salt: salts.get(id), ...change }],
  })

  test('[consent-before-disclosure] it shows nobody a request for other words than would be sent, or of an organisation it is not about', async () => {
    const before = (await gwen!.get('/permission-requests')).body.requests.length
    assert.deepEqual(await asking({}, wordsOf(gate, { value: 'Something harmless.' })), ['refused', 'envelope-invalid'], 'other words')
    assert.deepEqual(await asking({}, { ...wordsOf(gate), items: [] }), ['refused', 'envelope-invalid'], 'no words')
    assert.deepEqual(await asking({}, null), ['refused', 'envelope-invalid'], 'nothing at all')
    assert.deepEqual(await asking({ organisation: water.organisationId }), ['refused', 'not-found'], 'another organisation')
    assert.deepEqual(await asking({ reference: water.reference }), ['refused', 'not-found'], 'another organisation\u2019s incident')
    assert.deepEqual(await asking({ reference: 'NCSC-2222-2222' }), ['refused', 'not-found'], 'nobody\u2019s incident')
    assert.deepEqual(await asking({ purpose: 'curiosity' }), ['refused', 'flow-not-allowed'], 'a purpose the agreement does not have')
    assert.deepEqual(await asking({ recipient: 'portal' }), ['refused', 'envelope-invalid'], 'a recipient it does not have')
    assert.deepEqual(await asking({ until: 'for ever' }), ['refused', 'envelope-invalid'], 'no end')
    assert.equal((await gwen!.get('/permission-requests')).body.requests.length, before)
    assert.deepEqual(await asking(), ['accepted', null])
    assert.equal((await gwen!.get('/permission-requests')).body.requests.length, before + 1)
  })
})
