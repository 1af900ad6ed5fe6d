import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { b64u, fromB64u } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { Refusal } from '#platform/errors'
import { systemRandom } from '#platform/context'
import { generateSealJwk, openingKey, sealingKey, type OpeningKey, type SealJwk } from '#platform/seal'
import { openItemRef, paddingFor, readSealed, sealedBytes, sealReport, type MessageRecord, type SealedReport } from '#exchange'
import { sealedReportVectors } from '../../../vectors/make-sealed-report.ts'
import { openReport, openSealedReport } from './case.ts'

const file = readFileSync(new URL('../../../vectors/sealed-report.json', import.meta.url), 'utf8')
const vectors = JSON.parse(file) as {
  recipient: SealJwk
  valid: { why: string; record: MessageRecord; payload: string; report: object }[]
  invalid: { why: string; record: MessageRecord; payload: string }[]
}
const bytes = (text: string): Buffer => Buffer.from(text)

async function opened(key: OpeningKey, record: MessageRecord, payload: string, node: 'ncsc' | 'ico' = 'ncsc') {
  const sealed = readSealed(bytes(payload))
  assert.ok(sealed)
  return openSealedReport({ record, sealed, node }, key)
}

const refuses = (error: unknown): boolean =>
  (error instanceof Refusal && error.code === 'envelope-invalid') || error instanceof SyntaxError || (error as Error).name === 'ZodError'

test('the vectors are those that their maker writes', async () => {
  assert.equal(await sealedReportVectors(), file)
})

test('what another library sealed opens to the very report', async () => {
  const key = await openingKey(vectors.recipient)
  for (const { why, record, payload, report } of vectors.valid) {
    const { reference, ...found } = await opened(key, record, payload)
    assert.deepEqual([found, reference], [report, record['reference']], why)
  }
})

test('what the format forbids is refused, each for itself', async () => {
  const key = await openingKey(vectors.recipient)
  for (const { why, record, payload } of vectors.invalid) await assert.rejects(opened(key, record, payload), refuses, why)
})

test('no byte outside or inside the seal can be changed', async () => {
  const key = await openingKey(vectors.recipient)
  const [{ record, payload }] = vectors.valid as [(typeof vectors.valid)[number]]
  const sealed = JSON.parse(payload) as SealedReport
  for (const at of [0, 1_100, 1_130, -1]) {
    const ciphertext = Buffer.from(fromB64u(sealed.ciphertext))
    ciphertext[at < 0 ? ciphertext.length + at : at]! ^= 1
    await assert.rejects(opened(key, record, canonical({ ...sealed, ciphertext: b64u(ciphertext) })), refuses)
  }
  const swapped = [sealed.items[1]!, sealed.items[0]!, ...sealed.items.slice(2)]
  await assert.rejects(opened(key, { ...record, items: swapped }, canonical({ ...sealed, items: swapped })), refuses)
  await assert.rejects(opened(key, record, payload, 'ico'), refuses)
})

test('what is sealed here opens there, in a class of size, and only with that key', async () => {
  const jwk = await generateSealJwk()
  const [{ record, report }] = vectors.valid as [(typeof vectors.valid)[number]]
  const { kid: _, ciphertext: __, sealed: ___, ...head } = JSON.parse(vectors.valid[0]!.payload) as SealedReport
  const made = await sealReport(bytes(canonical(report)), head, await sealingKey(jwk.kid, jwk.publicKey))
  const { reference: ____, ...found } = await opened(await openingKey(jwk), record, sealedBytes(made).toString())
  assert.deepEqual(found, report)
  assert.equal(fromB64u(made.ciphertext).length, 1_120 + 8_192 + 16)
  await assert.rejects(opened(await openingKey(await generateSealJwk()), record, sealedBytes(made).toString()), refuses)
})

test('a number of items is made round, and there is a most', () => {
  assert.deepEqual([1, 15, 16, 17, 320].map(paddingFor), [15, 1, 0, 15, 0])
  assert.throws(() => paddingFor(321), { code: 'too-large' })
})

test('an item that is shown to nobody has no place in a report that lies open', () => {
  const [{ record, report }] = vectors.valid as [(typeof vectors.valid)[number]]
  const one = { id: systemRandom.uuid(), question: 'padding', value: null, salt: b64u(systemRandom.bytes(32)) }
  const open = { ...report, items: [one] }
  assert.throws(() => openReport({ ...record, items: [openItemRef(one)] }, bytes(canonical(open)), 'ncsc'), { code: 'envelope-invalid' })
})
