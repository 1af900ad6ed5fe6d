// Writes vectors/permission.json: `bin/node24 vectors/make-permission.ts`. Keys and values are fixed, so the same file comes out every time.
import { sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { b64u, sha256 } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { publicPart, signJws, thumbprint, type Signer } from '#platform/jws'
import { signEnrolment, type Claims, type Enrolment, type EnrolmentRecord } from '#permission'
import { agreement, createWorld, SIGNATORY } from '../src/modules/evidence/testing.ts'
import { keyFrom, signerFrom } from '../src/modules/evidence/testing-ledger.ts'

const TYP = { permission: 'concordat-permission+jws', withdrawal: 'concordat-withdrawal+jws', enrolment: 'concordat-enrolment+jws' }
const world = createWorld({ word: 'permission vectors' })
const { portal, ncsc, ico } = world.statement
const [own, later, stranger] = [
  signerFrom('permission vectors signatory'),
  signerFrom('permission vectors later key'),
  signerFrom('stranger'),
]
const organisation = world.organisation.id
const items = ['one', 'two', 'three'].map((name) => ({ id: world.random.uuid(), commitment: b64u(sha256(name)) }))
const [jti, request, another] = [world.random.uuid(), world.random.uuid(), world.random.uuid()]

/** Those of the agreement; the first two always bind. */
const conditions = ['keep-marking', 'consult-before-onward', 'delete-by', 'named-readers']
const offered: Claims = {
  iss: organisation,
  aud: 'ncsc',
  jti,
  iat: 1_795_600_000,
  nbf: 1_795_600_000,
  exp: 1_798_192_000,
  deployment: world.trust.deployment,
  agreement,
  request,
  notice: b64u(sha256('the words shown')),
  authorization_details: [
    {
      type: 'concordat-disclosure',
      from: 'ncsc',
      to: 'ico',
      purpose: 'incident-response',
      items,
      conditions: ['keep-marking', 'consult-before-onward'],
    },
  ],
}
const details = (change: object): Pick<Claims, 'authorization_details'> => ({
  authorization_details: [{ ...offered.authorization_details[0], ...change }],
})
const narrowed: Claims = { ...offered, ...details({ items: items.slice(0, 2) }), exp: offered.exp - 3600 }

const record: EnrolmentRecord = {
  v: 1,
  deployment: world.trust.deployment,
  org: organisation,
  organisation: { name: 'Marlow Fresh Ltd', identifiers: [{ scheme: 'companies-house', id: '00000101' }] },
  person: SIGNATORY,
  kid: own.kid,
  key: publicPart(own.jwk),
  rpId: 'localhost',
  origin: 'http://localhost:3000',
  role: 'signatory',
  ceremony: { kind: 'call-back', at: '2026-11-20T10:00:00.000Z' },
  from: '2026-11-20T10:05:00.000Z',
  body: 'ncsc',
}
const enrolled = (change: Partial<EnrolmentRecord> = {}, signers: [Signer, Signer] = [portal, ncsc]): Enrolment =>
  signEnrolment({ ...record, ...change }, signers)
const enrolment = enrolled()

function compact(header: string, payload: string, signer: Signer): string {
  const input = `${b64u(Buffer.from(header))}.${b64u(Buffer.from(payload))}`
  return `${input}.${b64u(sign(null, Buffer.from(input), signer.key))}`
}
const header = canonical({ alg: 'EdDSA', kid: own.kid, typ: TYP.permission })
const signed = (claims: object, signer = own): string => signJws(TYP.permission, claims, signer)
const spelled = (payload: string): string => compact(header, payload, own)

function valid() {
  const spaced = JSON.stringify(offered, null, 2)
  return [
    { why: 'as offered', permission: signed(offered), enrolment, claims: offered },
    { why: 'fewer items and an earlier end', permission: signed(narrowed), enrolment, claims: narrowed },
    { why: 'members in an order of its own, with white space', permission: spelled(spaced), enrolment, claims: offered },
    {
      why: 'a header in an order of its own',
      permission: compact(`{"typ":"${TYP.permission}","kid":"${own.kid}","alg":"EdDSA"}`, canonical(offered), own),
      enrolment,
      claims: offered,
    },
  ]
}

function invalid() {
  const text = canonical(offered)
  const permission = signed(offered)
  const cut = { ...enrolment, signatures: [enrolment.signatures[0]!, enrolment.signatures[0]!] }
  const swapped = { ...enrolment, signatures: enrolment.signatures.toReversed() }
  const claims: [string, string][] = [
    ['another type', signJws('JWT', offered, own)],
    ['a member more', signed({ ...offered, sub: 'x' })],
    ['a member less', signed({ ...offered, notice: undefined })],
    ['a member twice', spelled(text.replace('{', `{"exp":${offered.exp + 1},`))],
    ['a member twice, the second escaped', spelled(text.replace('{', `{"\\u0065xp":${offered.exp + 1},`))],
    ['another audience', signed({ ...offered, aud: 'ico' })],
    ['another deployment', signed({ ...offered, deployment: another })],
    ['no item', signed({ ...offered, ...details({ items: [] }) })],
    ['an item twice', signed({ ...offered, ...details({ items: [items[0], items[0]] }) })],
    ['an end before its beginning', signed({ ...offered, exp: offered.nbf })],
    [
      'two authorization details',
      signed({ ...offered, authorization_details: [offered.authorization_details[0], offered.authorization_details[0]] }),
    ],
    ['another type of detail', signed({ ...offered, ...details({ type: 'payment_initiation' }) })],
    ['from the ICO', signed({ ...offered, ...details({ from: 'ico' }) })],
    ['to the press', signed({ ...offered, ...details({ to: 'press' }) })],
    ['seconds with a fraction', signed({ ...offered, exp: offered.exp + 0.5 })],
    ['alg none', compact(canonical({ alg: 'none', kid: own.kid, typ: TYP.permission }), text, own)],
    ['a key in its header', compact(canonical({ alg: 'EdDSA', jwk: own.jwk, kid: own.kid, typ: TYP.permission }), text, own)],
    ['signed by another key under this kid', compact(header, text, stranger)],
    ['signed by another key', signed(offered, stranger)],
    [
      'claims changed after signing',
      [permission.split('.')[0], b64u(Buffer.from(canonical({ ...offered, exp: offered.exp + 1 }))), permission.split('.')[2]].join('.'),
    ],
    ['no signature', `${permission.split('.').slice(0, 2).join('.')}.`],
    ['padding', `${permission}=`],
  ]
  const keys: [string, unknown][] = [
    ['enrolled by the portal alone', enrolled({}, [portal, portal])],
    ['enrolled by the NCSC alone', enrolled({}, [ncsc, ncsc])],
    ['enrolled by the portal and the ICO', enrolled({}, [portal, ico])],
    ['the portal\u2019s signature twice', cut],
    ['signatures in the other order', swapped],
    ['one signature', { ...enrolment, signatures: enrolment.signatures.slice(0, 1) }],
    ['three signatures', { ...enrolment, signatures: [...enrolment.signatures, enrolment.signatures[0]] }],
    ['no enrolment', null],
    ['another organisation\u2019s key', enrolled({ org: another })],
    ['another key than its kid', enrolled({ key: publicPart(later.jwk) })],
    ['a later key\u2019s record', enrolled({ kid: later.kid, key: publicPart(later.jwk) })],
    ['of another deployment', enrolled({ deployment: another })],
    ['a body whose permission it is not', enrolled({ body: 'ico' }, [portal, ico])],
    ['enrolled after the permission ended', enrolled({ from: '2027-01-01T00:00:00.000Z' })],
    ['enrolled while trying out, under a production trust file', enrolled({ ceremony: { kind: 'trying-out', at: record.from } })],
    ['a member that the record does not have', enrolled({ more: 1 } as Partial<EnrolmentRecord>)],
    ['a payload that is not canonical', { ...enrolment, payload: b64u(Buffer.from(JSON.stringify(record, null, 1))) }],
  ]
  return [
    ...claims.map(([why, one]) => ({ why, permission: one, enrolment })),
    ...keys.map(([why, one]) => ({ why: `key: ${why}`, permission, enrolment: one })),
  ]
}

function narrowing() {
  const cases: [string, Claims, boolean][] = [
    ['as offered', offered, true],
    ['fewer items', { ...offered, ...details({ items: items.slice(1) }) }, true],
    ['the same items in another order', { ...offered, ...details({ items: items.toReversed() }) }, true],
    ['an earlier end', { ...offered, exp: offered.exp - 1 }, true],
    ['a later end', { ...offered, exp: offered.exp + 1 }, false],
    ['an item more', { ...offered, ...details({ items: [...items, { id: another, commitment: items[0]!.commitment }] }) }, false],
    ['another commitment', { ...offered, ...details({ items: [{ ...items[0]!, commitment: items[1]!.commitment }] }) }, false],
    ['another purpose', { ...offered, ...details({ purpose: 'national-resilience' }) }, false],
    ['a condition less', { ...offered, ...details({ conditions: ['keep-marking'] }) }, false],
    ['a condition more that the agreement has', { ...offered, ...details({ conditions: [...conditions.slice(0, 2), 'delete-by'] }) }, true],
    ['the conditions in another order', { ...offered, ...details({ conditions: conditions.slice(0, 2).toReversed() }) }, true],
    [
      'a condition that the agreement does not have',
      { ...offered, ...details({ conditions: [...conditions.slice(0, 2), 'anything'] }) },
      false,
    ],
    ['a condition twice', { ...offered, ...details({ conditions: [...conditions.slice(0, 2), 'keep-marking'] }) }, false],
    ['another beginning', { ...offered, nbf: offered.nbf + 1 }, false],
    ['an earlier issue', { ...offered, iat: offered.iat - 1 }, false],
    ['other words', { ...offered, notice: b64u(sha256('other words')) }, false],
    ['another request', { ...offered, request: another }, false],
    ['another id', { ...offered, jti: another }, false],
    ['another agreement', { ...offered, agreement: { ...agreement, hash: b64u(sha256('x')) } }, false],
  ]
  return cases.map(([why, claims, allowed]) => ({ why, signed: claims, allowed }))
}

/** Which permission may take the place of which. */
function places() {
  const later: Claims = { ...offered, jti: another }
  const cases: [string, Claims, boolean][] = [
    ['for the same', later, true],
    ['fewer items', { ...later, ...details({ items: items.slice(0, 1) }) }, true],
    ['an earlier end', { ...later, exp: offered.exp - 1 }, true],
    ['a condition more', { ...later, ...details({ conditions: [...conditions.slice(0, 2), 'delete-by'] }) }, true],
    ['answering something else, issued later', { ...later, request: another, iat: offered.iat + 60, nbf: offered.nbf + 60 }, true],
    ['itself', offered, false],
    ['a later end', { ...later, exp: offered.exp + 1 }, false],
    ['an item more', { ...later, ...details({ items: [...items, { id: another, commitment: items[0]!.commitment }] }) }, false],
    ['other words under an item', { ...later, ...details({ items: [{ ...items[0]!, commitment: items[1]!.commitment }] }) }, false],
    ['another purpose', { ...later, ...details({ purpose: 'national-resilience' }) }, false],
    ['a condition less', { ...later, ...details({ conditions: ['keep-marking'] }) }, false],
    ['another organisation\u2019s', { ...later, iss: another }, false],
  ]
  return cases.map(([why, claims, allowed]) => ({ why, earlier: offered, later: claims, allowed }))
}

function withdrawals() {
  const claims = { iss: organisation, jti: another, permission: jti, iat: 1_796_000_000 }
  const laterRecord = enrolled({ kid: later.kid, key: publicPart(later.jwk) })
  const { jti: _, ...nameless } = claims
  const { iat: __, ...undated } = claims
  return {
    // When it counts, and from when on the key is suspended for `suspended`.
    at: '2026-11-30T01:00:00.000Z',
    suspendedSince: '2026-11-30T00:55:00.000Z',
    valid: [
      { why: 'by the key of the permission', withdrawal: signJws(TYP.withdrawal, claims, own), enrolment },
      { why: 'by another key of the organisation', withdrawal: signJws(TYP.withdrawal, claims, later), enrolment: laterRecord },
    ],
    invalid: [
      { why: 'of another permission', withdrawal: signJws(TYP.withdrawal, { ...claims, permission: request }, own), enrolment },
      { why: 'by another organisation', withdrawal: signJws(TYP.withdrawal, { ...claims, iss: another }, own), enrolment },
      { why: 'by a key of another organisation', withdrawal: signJws(TYP.withdrawal, claims, own), enrolment: enrolled({ org: another }) },
      { why: 'by a key that is not enrolled', withdrawal: signJws(TYP.withdrawal, claims, stranger), enrolment },
      { why: 'a permission in its place', withdrawal: signed(offered), enrolment },
      { why: 'a member that it does not have', withdrawal: signJws(TYP.withdrawal, { ...claims, sub: 'x' }, own), enrolment },
      { why: 'without an id', withdrawal: signJws(TYP.withdrawal, nameless, own), enrolment },
      { why: 'the permission named as its own id', withdrawal: signJws(TYP.withdrawal, { ...nameless, jti }, own), enrolment },
      { why: 'without the permission', withdrawal: signJws(TYP.withdrawal, { iss: organisation, jti, iat: claims.iat }, own), enrolment },
      { why: 'without its time', withdrawal: signJws(TYP.withdrawal, undated, own), enrolment },
      { why: 'a time with a fraction', withdrawal: signJws(TYP.withdrawal, { ...claims, iat: claims.iat + 0.5 }, own), enrolment },
      { why: 'signed after it counts', withdrawal: signJws(TYP.withdrawal, { ...claims, iat: 1_796_100_000 }, own), enrolment },
      { why: 'signed before its key was enrolled', withdrawal: signJws(TYP.withdrawal, { ...claims, iat: 1_795_000_000 }, own), enrolment },
      {
        why: 'a key enrolled after it counts',
        withdrawal: signJws(TYP.withdrawal, claims, own),
        enrolment: enrolled({ from: '2026-12-01T00:00:00.000Z' }),
      },
    ],
    suspended: [
      { why: 'signed before its key was suspended, and counting after', withdrawal: signJws(TYP.withdrawal, claims, own), enrolment },
      { why: 'signed after its key was suspended', withdrawal: signJws(TYP.withdrawal, { ...claims, iat: 1_796_000_300 }, own), enrolment },
    ],
  }
}

export function permissionVectors(): string {
  const about =
    'Permissions, enrolments, withdrawals (docs/formats/permission.md). Bytes are base64url; `trust` is a trust file (docs/formats/bundle.md).'
  const keys = {
    signatory: keyFrom('permission vectors signatory'),
    later: keyFrom('permission vectors later key'),
    stranger: keyFrom('stranger'),
  }
  const thumbprints = Object.fromEntries(Object.entries(keys).map(([name, jwk]) => [name, thumbprint(publicPart(jwk))]))
  const vectors = {
    v: 1,
    about,
    keys,
    thumbprints,
    trust: world.trust,
    organisation,
    offered,
    valid: valid(),
    invalid: invalid(),
    conditions,
    narrowing: narrowing(),
    places: places(),
    withdrawals: withdrawals(),
  }
  return `${JSON.stringify(vectors, null, 2)}\n`
}

if (import.meta.main) writeFileSync(new URL('permission.json', import.meta.url), permissionVectors())
