// Writes vectors/enrolment.json: `bin/node24 vectors/make-enrolment.ts`. Keys and values are fixed, so the same file comes out every time.
import { sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { b64u, fromB64u, sha256, type Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { publicPart, signJws, type Signer } from '#platform/jws'
import { COUNTERSIGNATURE, fingerprintWords, words } from '#enrolment'
import { keyId, signEnrolment, type Enrolment, type EnrolmentRecord, type SigningJwk } from '#permission'
import { agreement, createWorld, SIGNATORY } from '../src/modules/evidence/testing.ts'
import { keyFrom, signerFrom } from '../src/modules/evidence/testing-ledger.ts'

const PERMISSION = 'concordat-permission+jws'
const ORIGIN = 'http://localhost:3000'
const world = createWorld({ word: 'enrolment vectors' })
const { portal, ncsc } = world.statement
const organisation = world.organisation.id
const [own, other, stranger] = ['signatory', 'other signatory', 'stranger'].map((who) => signerFrom(`enrolment vectors ${who}`)) as [
  Signer,
  Signer,
  Signer,
]
const OTHER_PERSON = '0f2b7f1e-7f0c-4a51-8f5e-6f6f0f3a9b21'
const CREDENTIAL = b64u(sha256('a credential'))

// P-256 signatures take chance: these were made once with the key below, over exactly what stands here, and kept.
const P256 = {
  kty: 'EC',
  crv: 'P-256',
  x: 'q6symLKKJXJzS9tMvjzO0FwGz8_GOoGRrwnR2_yMTIw',
  y: 'rNiwSqlRkfyxR5fQxCgRo4bpm20W7YLDHBOLOJ9wm2A',
  d: 'zCv4zpiHKZ-L6AND_fvFIDX4S7xIVzgbm70lMaRZr38',
} as const
const recorded = {
  es256: 'MEQCIFm6f6-2x6jMgWj3kVnbjEidQwsBZ0LnBv_7y17LxvjEAiBXjK-SaZEIKddek17FP37bM7OBhFA9z2vjzwYeY-XBKg',
  es256Other: 'MEYCIQD9BcZ4uxkRYvmBWl66ECHzSgBwg8rln3K_zcnSyTKaJgIhANVULaDM3CtL9xuYSeJAnYrMEWvef1m1ygiOTVVHvARU',
}

const [jti, request] = [world.random.uuid(), world.random.uuid()]
const items = ['one', 'two'].map((name) => ({ id: world.random.uuid(), commitment: b64u(sha256(name)) }))
const claims = {
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
    { type: 'concordat-disclosure', from: 'ncsc', to: 'ico', purpose: 'incident-response', items, conditions: ['keep-marking'] },
  ],
}

// Keys and their records

const edwards = (signer: Signer): SigningJwk => publicPart(signer.jwk)
const p256: SigningJwk = { kty: 'EC', crv: 'P-256', x: P256.x, y: P256.y }
const record: EnrolmentRecord = {
  v: 1,
  deployment: world.trust.deployment,
  org: organisation,
  organisation: { name: 'Marlow Fresh Ltd', identifiers: [{ scheme: 'companies-house', id: '00000101' }] },
  person: SIGNATORY,
  kid: own.kid,
  key: edwards(own),
  rpId: 'localhost',
  origin: ORIGIN,
  role: 'signatory',
  ceremony: { kind: 'call-back', at: '2026-11-20T10:00:00.000Z' },
  from: '2026-11-20T10:05:00.000Z',
  body: 'ncsc',
}
const enrolled = (change: object = {}): Enrolment => signEnrolment({ ...record, ...change } as EnrolmentRecord, [portal, ncsc])
const byPasskey = (key: SigningJwk, change: object = {}): Enrolment =>
  enrolled({ kid: keyId(key), key, passkey: { credentialId: CREDENTIAL }, ...change })
const others: Enrolment = enrolled({ person: OTHER_PERSON, kid: other.kid, key: edwards(other) })

function records() {
  const { by: _, ...countersigned } = { kind: 'countersigned', at: record.from, by: own.kid }
  const valid: [string, Enrolment][] = [
    ['called back', enrolled()],
    ['a day after everybody was told', enrolled({ ceremony: { kind: 'notice', at: record.from } })],
    ['after every key was lost', enrolled({ ceremony: { kind: 'recovery', at: record.from } })],
    ['countersigned by another key', enrolled({ ceremony: { ...countersigned, by: other.kid } })],
    ['a passkey with P-256', byPasskey(p256)],
    ['a passkey with Ed25519', byPasskey(edwards(own))],
  ]
  const invalid: [string, unknown][] = [
    ['of nobody', enrolled({ person: undefined })],
    ['P-256 without a passkey', enrolled({ kid: keyId(p256), key: p256 })],
    ['P-256 under another key\u2019s name', byPasskey(p256, { kid: own.kid })],
    ['no point of the curve', byPasskey({ ...p256, y: p256.x } as SigningJwk)],
    ['another curve', enrolled({ key: { kty: 'EC', crv: 'P-384', x: P256.x, y: P256.y } })],
    ['a ceremony there is not', enrolled({ ceremony: { kind: 'by-mail', at: record.from } })],
    ['countersigned by nobody', enrolled({ ceremony: countersigned })],
    ['called back, and by a key besides', enrolled({ ceremony: { kind: 'call-back', at: record.from, by: own.kid } })],
    ['another role', enrolled({ role: 'reporter' })],
    ['an instant that is none', enrolled({ from: '2026-11-20 10:05' })],
    ['signed by the portal twice', signEnrolment(record, [portal, portal])],
    ['signed by the NCSC twice', signEnrolment(record, [ncsc, ncsc])],
  ]
  return {
    valid: valid.map(([why, enrolment]) => ({ why, enrolment })),
    invalid: invalid.map(([why, enrolment]) => ({ why, enrolment })),
  }
}

// What a passkey signs

type Said = {
  client?: object
  clientBytes?: Bytes
  data?: Bytes
  credentialId?: string
  header?: object
  payload?: string
  signature?: string
  more?: object
}
type Key = { jwk: SigningJwk; sign(bytes: Bytes): string }

const ed25519 = (signer: Signer): Key => ({ jwk: edwards(signer), sign: (bytes) => b64u(sign(null, bytes, signer.key)) })
const kept = (signature: string): Key => ({ jwk: p256, sign: () => signature })

/** rpIdHash, flags (user present and verified), counter. */
function dataOf({ rpId = 'localhost', flags = 0x05, count = 7, more = [] as number[] } = {}): Bytes {
  const counter = Buffer.alloc(4)
  counter.writeUInt32BE(count)
  return Buffer.concat([sha256(rpId), Buffer.from([flags]), counter, Buffer.from(more)])
}

function passkey({ jwk, sign: signWith }: Key, said: Said = {}): string {
  const alg = jwk.kty === 'EC' ? 'ES256' : 'EdDSA'
  const header = b64u(Buffer.from(canonical({ alg, kid: keyId(jwk), typ: PERMISSION, ...said.header })))
  const payload = b64u(Buffer.from(said.payload ?? canonical(claims)))
  const challenge = b64u(sha256(`${header}.${payload}`))
  const client = { type: 'webauthn.get', challenge, origin: ORIGIN, crossOrigin: false, ...said.client }
  const clientData = said.clientBytes ?? Buffer.from(JSON.stringify(client))
  const data = said.data ?? dataOf()
  const signature = said.signature ?? signWith(Buffer.concat([data, sha256(clientData)]))
  const webauthn = {
    credentialId: said.credentialId ?? CREDENTIAL,
    authenticatorData: b64u(data),
    clientDataJSON: b64u(clientData),
    signature,
  }
  return canonical({ protected: header, payload, webauthn, ...said.more })
}

function passkeys() {
  const key = ed25519(own)
  const enrolment = byPasskey(key.jwk)
  const onP256 = byPasskey(p256)
  const es256 = passkey(kept(recorded.es256))
  const text = canonical(claims)
  const jws = signJws(PERMISSION, claims, own)
  const valid: [string, string, Enrolment, number?][] = [
    ['Ed25519', passkey(key), enrolment, 7],
    ['P-256', es256, onP256, 7],
    ['an authenticator that keeps no count', passkey(key, { data: dataOf({ count: 0 }) }), enrolment],
    ['backed up', passkey(key, { data: dataOf({ flags: 0x1d }) }), enrolment, 7],
    [
      'a browser that says more',
      passkey(key, { client: { other_keys_can_be_added_here: 'do not compare clientDataJSON against a template' } }),
      enrolment,
      7,
    ],
    ['claims with white space', passkey(key, { payload: JSON.stringify(claims, null, 1) }), enrolment, 7],
  ]
  const flipped = (signature: string): string => b64u(Buffer.from(fromB64u(signature)).map((byte, at) => (at === 20 ? byte ^ 1 : byte)))
  const der = JSON.parse(es256).webauthn.signature as string
  const invalid: [string, string, unknown][] = [
    ['registered, not asserted', passkey(key, { client: { type: 'webauthn.create' } }), enrolment],
    ['for other claims', passkey(key, { client: { challenge: b64u(sha256('something else')) } }), enrolment],
    ['the challenge with padding', passkey(key, { client: { challenge: `${b64u(sha256('x'))}=` } }), enrolment],
    ['on another page', passkey(key, { client: { origin: 'http://localhost:3001' } }), enrolment],
    ['on a page whose name begins alike', passkey(key, { client: { origin: `${ORIGIN}.example` } }), enrolment],
    ['inside another page', passkey(key, { client: { crossOrigin: true } }), enrolment],
    ['inside a page that is named', passkey(key, { client: { topOrigin: ORIGIN } }), enrolment],
    ['client data that is not UTF-8', passkey(key, { clientBytes: Buffer.from([0x7b, 0xff, 0x7d]) }), enrolment],
    ['client data that is no object', passkey(key, { clientBytes: Buffer.from('null') }), enrolment],
    ['for another relying party', passkey(key, { data: dataOf({ rpId: 'example.org' }) }), enrolment],
    ['nobody present', passkey(key, { data: dataOf({ flags: 0x04 }) }), enrolment],
    ['nobody verified', passkey(key, { data: dataOf({ flags: 0x01 }) }), enrolment],
    ['backed up, and cannot be', passkey(key, { data: dataOf({ flags: 0x15 }) }), enrolment],
    ['with a new credential', passkey(key, { data: dataOf({ flags: 0x45 }) }), enrolment],
    ['with extensions', passkey(key, { data: dataOf({ flags: 0x85, more: [0xa0] }) }), enrolment],
    ['bytes behind', passkey(key, { data: dataOf({ more: [0] }) }), enrolment],
    ['authenticator data cut short', passkey(key, { data: dataOf().slice(0, 36) }), enrolment],
    ['by another credential', passkey(key, { credentialId: b64u(sha256('another')) }), enrolment],
    ['by another key', passkey({ ...ed25519(stranger), jwk: key.jwk }), enrolment],
    ['a signature with one bit changed', passkey(key, { signature: flipped(JSON.parse(passkey(key)).webauthn.signature) }), enrolment],
    ['no signature', passkey(key, { signature: '' }), enrolment],
    ['P-256: a signature with one bit changed', passkey(kept(flipped(der))), onP256],
    ['P-256: made by another key', passkey(kept(recorded.es256Other)), onP256],
    ['P-256: as JOSE writes it, not as WebAuthn does', passkey(kept(joseOf(der))), onP256],
    ['alg of the other kind', passkey(key, { header: { alg: 'ES256' } }), enrolment],
    ['P-256: alg of the other kind', passkey(kept(der), { header: { alg: 'EdDSA' } }), onP256],
    ['alg none', passkey(key, { header: { alg: 'none' } }), enrolment],
    ['another type', passkey(key, { header: { typ: 'concordat-withdrawal+jws' } }), enrolment],
    ['another kid', passkey(key, { header: { kid: other.kid } }), enrolment],
    ['a member more in its header', passkey(key, { header: { crit: ['b64'] } }), enrolment],
    ['a member more', passkey(key, { more: { signature: 'x' } }), enrolment],
    ['not canonical', passkey(key).replace('{', '{ '), enrolment],
    ['a claim twice', passkey(key, { payload: text.replace('{', `{"exp":${claims.exp + 1},`) }), enrolment],
    ['a claim more', passkey(key, { payload: canonical({ ...claims, sub: 'x' }) }), enrolment],
    ['no passkey, by its record', passkey(key), enrolled()],
    ['another passkey, by its record', passkey(key), byPasskey(key.jwk, { passkey: { credentialId: b64u(sha256('another')) } })],
    ['enrolled on another page', passkey(key), byPasskey(key.jwk, { origin: 'https://portal.example' })],
    ['made into a JWS', jws, enrolment],
    [
      'the signature of a passkey, in a JWS',
      `${jws.slice(0, jws.lastIndexOf('.'))}.${JSON.parse(passkey(key)).webauthn.signature}`,
      enrolment,
    ],
    [
      'a JWS in its place',
      canonical({ ...JSON.parse(passkey(key)), webauthn: { ...JSON.parse(passkey(key)).webauthn, signature: jws.split('.')[2] } }),
      enrolment,
    ],
  ]
  return {
    valid: valid.map(([why, permission, record, signCount]) => ({ why, permission, enrolment: record, ...(signCount && { signCount }) })),
    invalid: invalid.map(([why, permission, record]) => ({ why, permission, enrolment: record })),
  }
}

/** r and s, 32 bytes each, from ASN.1. */
function joseOf(der: string): string {
  const bytes = Buffer.from(fromB64u(der))
  const length = bytes[3]!
  const [r, s] = [bytes.subarray(4, 4 + length), bytes.subarray(6 + length)]
  return b64u(Buffer.concat([r, s].map((part) => Buffer.concat([Buffer.alloc(32), part]).subarray(-32))))
}

// Two signatures

function seconds() {
  const [first, second] = [signJws(PERMISSION, claims, own), signJws(PERMISSION, claims, other)]
  const enrolment = enrolled()
  const given = (one: object) => ({ permission: first, enrolment, second: one })
  const invalid: [string, object][] = [
    ['the same twice', given({ permission: first, enrolment })],
    ['two keys of one person', given({ permission: second, enrolment: enrolled({ kid: other.kid, key: edwards(other) }) })],
    ['other claims', given({ permission: signJws(PERMISSION, { ...claims, exp: claims.exp - 1 }, other), enrolment: others })],
    [
      'a person of another organisation',
      given({ permission: second, enrolment: enrolled({ org: OTHER_PERSON, person: OTHER_PERSON, kid: other.kid, key: edwards(other) }) }),
    ],
    ['by a key that nobody enrolled', given({ permission: signJws(PERMISSION, claims, stranger), enrolment: others })],
    ['a third', given({ permission: second, enrolment: others, second: { permission: second, enrolment: others } })],
  ]
  return {
    valid: [
      { why: 'two people', signed: given({ permission: second, enrolment: others }) },
      {
        why: 'one of them with a passkey',
        signed: {
          permission: passkey(ed25519(own)),
          enrolment: byPasskey(edwards(own)),
          second: { permission: second, enrolment: others },
        },
      },
    ],
    invalid: invalid.map(([why, signed]) => ({ why, signed })),
  }
}

// One key lets another in

function countersignatures() {
  const said = { iss: organisation, deployment: world.trust.deployment, key: other.kid, iat: 1_795_600_000 }
  const by = (change: object, signer = own, typ = COUNTERSIGNATURE): string => signJws(typ, { ...said, ...change }, signer)
  const asked = (signed: string, enrolment: Enrolment = enrolled()) => ({
    organisation: { id: organisation, ...record.organisation },
    person: OTHER_PERSON,
    kid: other.kid,
    key: edwards(other),
    rpId: 'localhost',
    origin: ORIGIN,
    countersignature: { signed, enrolment },
  })
  const invalid: [string, object][] = [
    ['of another key', asked(by({ key: stranger.kid }))],
    ['for another organisation', asked(by({ iss: OTHER_PERSON }))],
    ['in another deployment', asked(by({ deployment: OTHER_PERSON }))],
    ['a member more', asked(by({ more: 1 }))],
    ['of another type', asked(by({}, own, PERMISSION))],
    ['by a key that is not the one enrolled', asked(by({}, stranger))],
    ['by itself', asked(by({}, other), others)],
    ['by a key of another organisation', asked(by({}), enrolled({ org: OTHER_PERSON }))],
    ['by a key that only the portal enrolled', asked(by({}), signEnrolment(record, [portal, portal]))],
  ]
  return { valid: [{ why: 'a key in force', asked: asked(by({})) }], invalid: invalid.map(([why, one]) => ({ why, asked: one })) }
}

export function enrolmentVectors(): string {
  const vectors = {
    v: 1,
    about:
      'Enrolment records, passkeys, second signatures, countersignatures, fingerprints (docs/formats/permission.md). Bytes are base64url; `trust` is a trust file (docs/formats/bundle.md).',
    keys: { signatory: keyFrom('enrolment vectors signatory'), other: keyFrom('enrolment vectors other signatory'), p256: P256 },
    trust: world.trust,
    organisation,
    claims,
    records: records(),
    passkeys: passkeys(),
    seconds: seconds(),
    countersignatures: countersignatures(),
    fingerprints: { words, examples: [own.kid, other.kid, keyId(p256)].map((kid) => ({ kid, words: fingerprintWords(kid) })) },
  }
  return `${JSON.stringify(vectors, null, 2)}\n`
}

if (import.meta.main) writeFileSync(new URL('enrolment.json', import.meta.url), enrolmentVectors())
