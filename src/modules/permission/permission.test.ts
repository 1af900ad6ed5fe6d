import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { Refusal } from '#platform/errors'
import { signerOf } from '#platform/jws'
import { checkTrustFile, trustOf } from '#exchange'
import { runs, seed } from '../../../checks/runs.ts'
import { permissionVectors } from '../../../vectors/make-permission.ts'
import { checkEnrolment, signEnrolment, type EnrolmentRecord } from './enrolment.ts'
import { checkPermission, checkWithdrawal, isNarrowed, takesPlaceOf, type Claims } from './permission.ts'
import { namesAny } from './words.ts'

const file = readFileSync(new URL('../../../vectors/permission.json', import.meta.url), 'utf8')
const vectors = JSON.parse(file)
const trust = trustOf(checkTrustFile(vectors.trust))
const invalid = (error: unknown): boolean => error instanceof Refusal && error.code === 'permission-invalid'
const offered = vectors.offered as Claims

test('the file is what its script writes', () => assert.equal(file, permissionVectors()))

test('[consent-before-disclosure] a permission that holds says exactly what was signed', () => {
  for (const { why, permission, enrolment, claims } of vectors.valid) {
    const found = checkPermission({ permission, enrolment }, trust)
    assert.deepEqual(found.claims, claims, why)
    assert.deepEqual([found.items, found.purpose], [claims.authorization_details[0].items, claims.authorization_details[0].purpose])
    assert.equal(found.enrolment.org, vectors.organisation)
  }
})

for (const { why, permission, enrolment } of vectors.invalid)
  test(`[consent-before-disclosure] must fail: ${why}`, () =>
    assert.throws(() => checkPermission({ permission, enrolment }, trust), invalid))

test('no permission with one character changed holds', () => {
  const { permission, enrolment } = vectors.valid[1]
  fc.assert(
    fc.property(fc.nat({ max: permission.length - 1 }), fc.constantFrom(...'AQgw_-.x='), (at, character) => {
      fc.pre(permission[at] !== character)
      const changed = permission.slice(0, at) + character + permission.slice(at + 1)
      assert.throws(() => checkPermission({ permission: changed, enrolment }, trust), invalid)
    }),
    { numRuns: runs(300), seed },
  )
})

test('narrowing: fewer items or an earlier end, and nothing else', () => {
  for (const { why, signed, allowed } of vectors.narrowing) assert.equal(isNarrowed(offered, signed, vectors.conditions), allowed, why)
})

test('narrowing: any part of the items with any earlier end is allowed; an end later or anything added is not', () => {
  const items = offered.authorization_details[0].items
  const signed = (some: typeof items, exp: number): Claims => ({
    ...offered,
    exp,
    authorization_details: [{ ...offered.authorization_details[0], items: some }],
  })
  fc.assert(
    fc.property(fc.subarray(items), fc.integer({ min: -1_000_000, max: 1_000_000 }), fc.boolean(), (some, change, foreign) => {
      const extra = foreign ? [{ id: vectors.organisation as string, commitment: items[0]!.commitment }] : []
      assert.equal(isNarrowed(offered, signed([...some, ...extra], offered.exp + change)), change <= 0 && !foreign)
    }),
    { numRuns: runs(200), seed },
  )
})

test('a key is enrolled by two, whichever of them is missing', () => {
  const record = JSON.parse(Buffer.from(vectors.valid[0].enrolment.payload, 'base64url').toString('utf8')) as EnrolmentRecord
  const strange = signerOf(vectors.keys.stranger)
  const [portal, body] = vectors.valid[0].enrolment.signatures
  const alone = signEnrolment(record, [strange, strange])
  assert.deepEqual(checkEnrolment(vectors.valid[0].enrolment, trust), record)
  const halves = [
    [portal, alone.signatures[1]],
    [alone.signatures[0], body],
    [portal, portal],
    [body, body],
    [body, portal],
  ]
  for (const signatures of halves) assert.throws(() => checkEnrolment({ payload: alone.payload, signatures }, trust), invalid)
})

test('a key made while trying out counts there and nowhere else', () => {
  const { permission } = vectors.valid[0]
  const { enrolment } = vectors.invalid.find(({ why }: { why: string }) => why.includes('while trying out'))
  assert.throws(() => checkPermission({ permission, enrolment }, trust), invalid)
  assert.equal(checkPermission({ permission, enrolment }, { ...trust, environment: 'trying-out' }).claims.jti, offered.jti)
})

test('a withdrawal by any enrolled key of the organisation, of this permission, of exactly its claims, in the term of the key', () => {
  const { at, suspendedSince } = vectors.withdrawals
  const about = { permission: offered.jti, organisation: vectors.organisation as string, at: new Date(at) }
  for (const { withdrawal, enrolment } of vectors.withdrawals.valid) checkWithdrawal(withdrawal, about, checkEnrolment(enrolment, trust))
  for (const { why, withdrawal, enrolment } of vectors.withdrawals.invalid)
    assert.throws(() => checkWithdrawal(withdrawal, about, checkEnrolment(enrolment, trust)), invalid, why)
  for (const { why, withdrawal, enrolment } of vectors.withdrawals.suspended)
    assert.throws(
      () => checkWithdrawal(withdrawal, { ...about, suspendedSince: new Date(suspendedSince) }, checkEnrolment(enrolment, trust)),
      invalid,
      why,
    )
})

test('a permission that takes the place of another gives no more than that', () => {
  for (const { why, earlier, later, allowed } of vectors.places) assert.equal(takesPlaceOf(later, earlier), allowed, why)
})

test('taking the place: some of the items, no later an end, every condition; whatever more there is, it is refused', () => {
  const items = offered.authorization_details[0].items
  const conditions = offered.authorization_details[0].conditions
  const signed = (some: typeof items, exp: number, bound: string[]): Claims => ({
    ...offered,
    jti: vectors.organisation as string,
    exp,
    authorization_details: [{ ...offered.authorization_details[0], items: some, conditions: bound }],
  })
  fc.assert(
    fc.property(
      fc.subarray(items),
      fc.integer({ min: -1_000, max: 1_000 }),
      fc.subarray([...conditions, 'more']),
      (some, change, bound) => {
        const expected = change <= 0 && conditions.every((one) => bound.includes(one))
        assert.equal(takesPlaceOf(signed(some, offered.exp + change, bound), offered), expected)
      },
    ),
    { numRuns: runs(200), seed },
  )
})

test('words name another whatever the case, the spaces or the legal form; and not because a name stands in a longer word', () => {
  for (const words of ['Marlow Fresh said so', 'the MARLOW\u00a0 fresh, ltd.', 'by marlow-fresh.example'])
    assert.equal(namesAny(words, ['Marlow Fresh Ltd']), true, words)
  for (const words of ['Marlowe Freshly said so', 'Fresh from Marlow', '', 'Ltd'])
    assert.equal(namesAny(words, ['Marlow Fresh Ltd', 'Ltd']), false, words)
})
