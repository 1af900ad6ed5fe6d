import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { canonical } from '#platform/canonical'
import { nodeItself, systemRandom } from '#platform/context'
import { silentLog } from '#platform/log'
import { checkTrustFile } from '#exchange'
import { bundleVectors } from '../../../vectors/make-bundle.ts'
import { readBundle, sealBundle, sealed, sealHash } from './bundle.ts'
import { wholeStory } from './testing-story.ts'
import { verifyBundle } from './verify.ts'

const file = readFileSync(new URL('../../../vectors/bundle.json', import.meta.url), 'utf8')
const vectors = JSON.parse(file)
const trust = checkTrustFile(vectors.trust)

test('the file is what its script writes', () => assert.equal(file, bundleVectors()))

test('valid vectors pass, and are written again byte for byte', () => {
  for (const { why, bundle } of vectors.valid) {
    const { ok, findings } = verifyBundle(bundle, trust)
    assert.ok(ok, `${why}: ${JSON.stringify(findings.filter((one) => !one.ok))}`)
    assert.equal(canonical(readBundle(bundle)), bundle)
  }
})

test('what must fail fails at the check that is named', () => {
  for (const { why, check, bundle } of vectors.invalid) {
    const { ok, findings } = verifyBundle(bundle, trust)
    assert.equal(ok, false, why)
    assert.equal(findings.find((one) => !one.ok)?.check, check, why)
  }
})

test('bundles compared with older ones: what holds and what does not', () => {
  for (const { why, check, bundle, since } of vectors.since) {
    const { ok, findings } = verifyBundle(bundle, trust, { since })
    assert.deepEqual([ok, findings.find((one) => !one.ok)?.check], [check === undefined, check], why)
  }
})

test('the portal\u2019s gateway seals a hash and nothing else', async () => {
  const { world, bundle } = wholeStory()
  const ctx = { now: () => new Date(), random: systemRandom, actor: nodeItself('portal'), log: silentLog }
  const asked = (body: { [member: string]: unknown }) => sealBundle(undefined as never, body, world.statement.portal, ctx)
  const seal = await asked({ hash: sealHash(bundle) })
  assert.equal(verifyBundle(sealed(bundle, seal), world.trust).ok, true)
  for (const body of [{}, { hash: 'x' }, { hash: sealHash(bundle), more: 1 }, { hash: { toString: 'x' } }])
    await assert.rejects(asked(body), { code: 'invalid' })
})
