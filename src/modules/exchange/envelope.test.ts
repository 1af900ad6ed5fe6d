import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Aes256Gcm, CipherSuite, HkdfSha256 } from '@hpke/core'
import { XWing } from '@hpke/hybridkem-x-wing'
import fc from 'fast-check'
import { b64u, fromB64u, uint32, type Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { Refusal } from '#platform/errors'
import { verifyKeyOf } from '#platform/jws'
import { ENC_LENGTH, generateSealJwk, openingKey, sealingKey, type SealJwk } from '#platform/seal'
import { runs, seed } from '../../../checks/runs.ts'
import { envelopeVectors } from '../../../vectors/make-envelope.ts'
import { checkDelivery } from './delivery.ts'
import { classes, LONGEST_ENVELOPE, open, pack, plaintextLength, readHeader, seal, unpack, type Content } from './envelope.ts'

const file = readFileSync(new URL('../../../vectors/envelope.json', import.meta.url), 'utf8')
const vectors = JSON.parse(file)
const recipient = vectors.recipient as SealJwk
const header = { from: 'portal', to: 'ncsc', id: '5d1c6c9e-8a3c-4c56-9f0e-6a1f6a3f7c11' } as const
const bytes = (length: number): Bytes => Buffer.alloc(length, 'x')

/** The other library, used as its own documents say. */
const suite = new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: new Aes256Gcm() })
const buffer = (octets: Bytes): ArrayBuffer => new Uint8Array(octets).buffer

async function openedByTheOther(envelope: Bytes, { privateKey }: SealJwk): Promise<Content> {
  const { head, rest } = readHeader(envelope)
  const recipientKey = await suite.kem.importKey('raw', buffer(fromB64u(privateKey)), false)
  const context = await suite.createRecipientContext({ recipientKey, enc: buffer(rest.subarray(0, ENC_LENGTH)), info: buffer(head) })
  return unpack(new Uint8Array(await context.open(buffer(rest.subarray(ENC_LENGTH)))))
}

async function sealedByTheOther(content: Content, { kid, publicKey }: SealJwk): Promise<Bytes> {
  const head = Buffer.from(canonical({ v: 1, kid, ...header }))
  const recipientPublicKey = await suite.kem.importKey('raw', buffer(fromB64u(publicKey)), true)
  const sender = await suite.createSenderContext({ recipientPublicKey, info: buffer(head) })
  const ciphertext = new Uint8Array(await sender.seal(buffer(pack(content))))
  return Buffer.concat([uint32(head.length), head, new Uint8Array(sender.enc), ciphertext])
}

const same = (found: Content, { manifest, payload }: { manifest: string; payload: string }): void => {
  assert.equal(found.manifest, manifest)
  assert.equal(b64u(found.payload), payload)
}

test('the file is what its script writes', async () => assert.equal(file, await envelopeVectors()))

test('valid vectors are opened by both libraries, to the same manifest and payload', async () => {
  const key = await openingKey(recipient)
  for (const vector of vectors.valid) {
    const envelope = fromB64u(vector.envelope)
    const opened = await open(envelope, key)
    assert.deepEqual(opened.header, vector.header, vector.why)
    same(opened.content, vector)
    same(await openedByTheOther(envelope, recipient), vector)
  }
})

/** A changed byte must be an error of reading or of opening, and no fault of ours. */
async function refusesToOpen(envelope: Bytes, why: string): Promise<void> {
  const key = await openingKey(recipient)
  await assert.rejects(open(envelope, key), (error) => !(error instanceof TypeError || error instanceof RangeError), why)
}

test('invalid vectors are not opened', async () => {
  for (const { why, envelope } of vectors.invalid) await refusesToOpen(fromB64u(envelope), why)
})

type Change = { why: string; at?: number; xor?: number; cut?: number; append?: string }

test('an envelope changed on its way is not opened', async () => {
  const good = Buffer.from(fromB64u(vectors.valid[0].envelope))
  for (const { why, at, xor, cut = 0, append = '' } of vectors.changed as Change[]) {
    const envelope = Buffer.concat([good.subarray(0, good.length - cut), fromB64u(append)])
    if (at !== undefined) envelope[at < 0 ? envelope.length + at : at]! ^= xor!
    await refusesToOpen(envelope, why)
  }
})

test('each library opens what the other seals', async () => {
  const jwk = await generateSealJwk()
  const [key, toKey] = [await openingKey(jwk), await sealingKey(jwk.kid, jwk.publicKey)]
  for (const length of [0, 1, 20_000]) {
    const content = { manifest: 'a.b.c', payload: bytes(length) }
    assert.deepEqual(await openedByTheOther(await seal(header, content, toKey), jwk), {
      manifest: 'a.b.c',
      payload: Buffer.from(content.payload),
    })
    const opened = await open(await sealedByTheOther(content, jwk), key)
    assert.equal(Buffer.compare(opened.content.payload, content.payload), 0)
  }
})

test('a key is named by its own hash', async () => {
  const [one, other] = [await generateSealJwk(), await generateSealJwk()]
  await assert.rejects(sealingKey(other.kid, one.publicKey), SyntaxError)
  const sealed = await seal(header, { manifest: 'm', payload: bytes(1) }, await sealingKey(one.kid, one.publicKey))
  await assert.rejects(open(sealed, await openingKey(other)), SyntaxError)
})

test('a content has one plaintext and a plaintext one content; its length tells only a class', () => {
  const content = fc.record({ manifest: fc.stringMatching(/^[\w.-]{0,400}$/), payload: fc.nat({ max: 70_000 }).map(bytes) })
  fc.assert(
    fc.property(content, (one) => {
      const plaintext = pack(one)
      assert.ok((classes as readonly number[]).includes(plaintext.length))
      assert.deepEqual(unpack(plaintext), { manifest: one.manifest, payload: Buffer.from(one.payload) })
    }),
    { numRuns: runs(60), seed },
  )
})

test('no plaintext with one byte changed is read as the same content', () => {
  const one = { manifest: 'a.b.c', payload: bytes(100) }
  const plaintext = pack(one)
  fc.assert(
    fc.property(fc.nat({ max: plaintext.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = Buffer.from(plaintext)
      changed[at]! ^= flip
      let read: Content | undefined
      try {
        read = unpack(changed)
      } catch (error) {
        assert.ok(error instanceof SyntaxError || error instanceof RangeError, String(error))
      }
      assert.ok(!read || read.manifest !== one.manifest || Buffer.compare(read.payload, one.payload) !== 0)
    }),
    { numRuns: runs(200), seed },
  )
})

test('what does not fit the largest class is refused, and nothing is longer than the longest envelope', async () => {
  const largest = classes.at(-1)!
  const fits = { manifest: 'm', payload: bytes(largest - 9) }
  assert.equal(plaintextLength(fits), largest)
  assert.throws(
    () => pack({ manifest: 'mm', payload: fits.payload }),
    (error) => error instanceof Refusal && error.code === 'too-large',
  )
  const jwk = await generateSealJwk()
  assert.ok((await seal(header, fits, await sealingKey(jwk.kid, jwk.publicKey))).length <= LONGEST_ENVELOPE)
})

test('a delivery acknowledgement is of these very bytes, by the recipient, or nothing', () => {
  const { valid, invalid } = vectors.acknowledgements
  const [{ envelope, header: head }] = vectors.valid
  const sent = { envelope: fromB64u(envelope), id: head.id, from: head.from, to: head.to, deployment: vectors.trust.deployment }
  const key = verifyKeyOf(vectors.trust.nodes.ncsc.statement)
  assert.deepEqual(checkDelivery(valid.acknowledgement, sent, key), valid.says)
  for (const { why, acknowledgement } of invalid) assert.throws(() => checkDelivery(acknowledgement, sent, key), SyntaxError, why)
  assert.throws(() => checkDelivery(valid.acknowledgement, { ...sent, envelope: bytes(3) }, key), SyntaxError)
})
