import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonical } from '#platform/canonical'
import { b64u } from '#platform/bytes'
import { Refusal, type RefusalCode } from '#platform/errors'
import { checkTrustFile, trustOf } from '#exchange'
import { checkEnrolment, checkPermission, keyOfCose, signCountOf, signersOf } from '#permission'
import { runs, seed } from '../../../checks/runs.ts'
import { enrolmentVectors } from '../../../vectors/make-enrolment.ts'
import { fingerprintWords, words } from './fingerprint.ts'
import { checkCountersignature, isRecordOf, readAsked, recordOf, waits } from './request.ts'

const file = readFileSync(new URL('../../../vectors/enrolment.json', import.meta.url), 'utf8')
const vectors = JSON.parse(file)
const trust = trustOf(checkTrustFile(vectors.trust))
const refused =
  (code: RefusalCode) =>
  (error: unknown): boolean =>
    error instanceof Refusal && error.code === code

test('the file is what its script writes', () => assert.equal(file, enrolmentVectors()))

test('[consent-before-disclosure] a record that holds says whose key it is, and how it came in', () => {
  for (const { why, enrolment } of vectors.records.valid) {
    const record = checkEnrolment(enrolment, trust)
    assert.deepEqual(record, JSON.parse(Buffer.from(enrolment.payload, 'base64url').toString('utf8')), why)
  }
})

for (const { why, enrolment } of vectors.records.invalid)
  test(`[consent-before-disclosure] a record must fail: ${why}`, () =>
    assert.throws(() => checkEnrolment(enrolment, trust), refused('permission-invalid')))

test('[consent-before-disclosure] what a passkey signed holds as it is, and says how often it signed', () => {
  for (const { why, permission, enrolment, signCount } of vectors.passkeys.valid) {
    assert.deepEqual(checkPermission({ permission, enrolment }, trust).claims, vectors.claims, why)
    assert.equal(signCountOf(permission), signCount, why)
  }
})

for (const { why, permission, enrolment } of vectors.passkeys.invalid)
  test(`[consent-before-disclosure] a passkey must fail: ${why}`, () =>
    assert.throws(() => checkPermission({ permission, enrolment }, trust), refused('permission-invalid')))

test('nothing that a passkey signed holds with one character changed', () => {
  for (const { permission, enrolment } of vectors.passkeys.valid.slice(0, 2))
    fc.assert(
      fc.property(fc.nat({ max: permission.length - 1 }), fc.constantFrom(...'AQgw_-"}x='), (at, character) => {
        fc.pre(permission[at] !== character)
        const changed = permission.slice(0, at) + character + permission.slice(at + 1)
        assert.throws(() => checkPermission({ permission: changed, enrolment }, trust), refused('permission-invalid'))
      }),
      { numRuns: runs(150), seed },
    )
})

test('[consent-before-disclosure] two people sign the same words, each with a key of their own', () => {
  for (const { why, signed } of vectors.seconds.valid) {
    const permission = checkPermission(signed, trust)
    assert.equal(new Set(signersOf(permission).map(({ person }) => person)).size, 2, why)
  }
})

for (const { why, signed } of vectors.seconds.invalid)
  test(`[consent-before-disclosure] a second signature must fail: ${why}`, () =>
    assert.throws(() => checkPermission(signed, trust), refused('permission-invalid')))

test('a key in force lets another one in', () => {
  for (const { asked } of vectors.countersignatures.valid) {
    const read = readAsked(canonical(asked))
    assert.equal(
      checkCountersignature(read, trust).kid,
      JSON.parse(Buffer.from(asked.countersignature.enrolment.payload, 'base64url').toString()).kid,
    )
  }
})

for (const { why, asked } of vectors.countersignatures.invalid)
  test(`a countersignature must fail: ${why}`, () =>
    assert.throws(() => checkCountersignature(readAsked(canonical(asked)), trust), refused('enrolment-invalid')))

test('a fingerprint is read out in the words of the format', () => {
  assert.deepEqual(words, vectors.fingerprints.words)
  for (const { kid, words: said } of vectors.fingerprints.examples) assert.deepEqual(fingerprintWords(kid), said)
})

test('a record is of what was asked, in everything but the times that the sending body says', () => {
  const asked = readAsked(canonical(vectors.countersignatures.valid[0].asked))
  const said = { deployment: trust.deployment, ceremony: 'countersigned' as const }
  const letInBy = checkCountersignature(asked, trust).kid
  const record = recordOf(asked, { ...said, at: new Date('2026-11-20T10:00:00.000Z'), from: new Date('2026-11-20T10:01:00.000Z'), letInBy })
  assert.ok(isRecordOf(asked, record, said))
  const changes: object[] = [
    { org: vectors.claims.jti },
    { person: vectors.claims.jti },
    { organisation: { ...record.organisation, name: 'Another Ltd' } },
    { kid: vectors.claims.notice },
    { passkey: { credentialId: 'x' } },
    { origin: 'http://localhost:3001' },
    { rpId: 'example.org' },
    { deployment: vectors.claims.jti },
    { ceremony: { kind: 'call-back', at: record.from } },
    { ceremony: { ...record.ceremony, by: vectors.claims.notice } },
    { body: 'ico' },
  ]
  for (const change of changes) assert.equal(isRecordOf(asked, { ...record, ...change } as never, said), false, JSON.stringify(change))
})

test('time passes where nobody who holds a key has spoken for the new one, and everybody can be told', () => {
  assert.deepEqual(
    ['call-back', 'countersigned', 'notice', 'recovery'].filter((one) => waits(one as never)),
    ['notice', 'recovery'],
  )
})

// A COSE key as an authenticator gives it: Web Authentication level 3, section 6.5.1.1, and RFC 8152.
const [x, y] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
const p256 = (...parts: (Buffer | number[])[]): Buffer => Buffer.concat(parts.map((part) => Buffer.from(part)))
const ec2 = [[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20], x, [0x22, 0x58, 0x20], y]
const okp = [[0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20], x]

test('keys of two kinds are taken from an authenticator', () => {
  assert.deepEqual(keyOfCose(p256(...ec2)), { kty: 'EC', crv: 'P-256', x: b64u(x), y: b64u(y) })
  assert.deepEqual(keyOfCose(p256(...okp)), { kty: 'OKP', crv: 'Ed25519', x: b64u(x) })
})

const unfit: [string, Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['no map', p256([0x84, 1, 2, 3, 4])],
  ['bytes behind', p256(...ec2, [0])],
  ['cut short', p256(...ec2).subarray(0, 70)],
  ['a member less', p256([0xa4], p256(...ec2).subarray(1, 42))],
  ['a member more', p256([0xa6], p256(...ec2).subarray(1), [0x04, 0x01])],
  ['a label twice', p256([0xa5, 0x01, 0x02, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20], x)],
  ['another algorithm', p256([0xa5, 0x01, 0x02, 0x03, 0x38, 0x22], p256(...ec2).subarray(5))],
  ['another curve', p256([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x02], p256(...ec2).subarray(7))],
  ['Ed25519 called P-256', p256([0xa4, 0x01, 0x01, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20], x)],
  ['a coordinate of 31 bytes', p256([0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x1f], x.subarray(1))],
  ['a length that is not the shortest', p256([0xa4, 0x18, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20], x)],
  ['text for bytes', p256([0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x78, 0x20], x)],
]
for (const [why, bytes] of unfit) test(`a key must fail: ${why}`, () => assert.throws(() => keyOfCose(bytes), SyntaxError))
