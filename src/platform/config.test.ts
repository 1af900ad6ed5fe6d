import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigInvalid, readConfig } from './config.ts'

const oidc = { CONCORDAT_OIDC_ISSUER: 'https://id.example', CONCORDAT_OIDC_CLIENT: 'concordat' }
const production = { CONCORDAT_ENV: 'production' }

test('a sign-in provider is an issuer and what this node is there; without one there is none', () => {
  assert.equal(readConfig({}).oidc, undefined)
  assert.deepEqual(readConfig({ ...production, ...oidc }).oidc, {
    issuer: 'https://id.example',
    clientId: 'concordat',
    secretFile: undefined,
    subjectClaim: 'sub',
  })
  const whole = readConfig({ ...oidc, CONCORDAT_OIDC_SECRET_FILE: '/run/secret', CONCORDAT_OIDC_SUBJECT: 'oid' }).oidc!
  assert.deepEqual([whole.secretFile, whole.subjectClaim], ['/run/secret', 'oid'])
})

test('an issuer without TLS is for trying out alone, and half a provider is none', () => {
  const plain = { ...oidc, CONCORDAT_OIDC_ISSUER: 'http://localhost:8080' }
  assert.equal(readConfig(plain).oidc?.issuer, 'http://localhost:8080')
  for (const env of [
    { ...production, ...plain },
    { CONCORDAT_OIDC_ISSUER: 'https://id.example' },
    { CONCORDAT_OIDC_CLIENT: 'concordat' },
    { ...oidc, CONCORDAT_OIDC_ISSUER: 'id.example' },
    { ...oidc, CONCORDAT_OIDC_ISSUER: 'file:///etc/passwd' },
    { ...oidc, CONCORDAT_OIDC_ISSUER: 'https://id.example/?tenant=x' },
  ])
    assert.throws(() => readConfig(env), ConfigInvalid, JSON.stringify(env))
})
