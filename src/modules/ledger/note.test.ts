import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { signerOf, type PrivateJwk, type PublicJwk } from '#platform/jws'
import { runs, seed } from '../../../checks/runs.ts'
import { auditCheckpoint } from './auditor.ts'
import { cosignatureLine, cosignedBy, keyIdOf, parseCheckpoint, parseNote, signCheckpoint, signatureType, signedBy } from './note.ts'

const newSigner = () => signerOf(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }) as unknown as PrivateJwk)
const [log, witness] = [newSigner(), newSigner()]
const head = { origin: 'try.concordat.example/ncsc', size: 20_852_163, root: Buffer.alloc(32, 7) }
const note = signCheckpoint(head, log)
const { text } = parseCheckpoint(note)
const at = new Date('2026-11-25T09:30:00.999Z')
const line = cosignatureLine(text, 'witness.example/w1', witness, at)
const raw = (jwk: PublicJwk) => Buffer.from(jwk.x, 'base64url')

test('a note signed by others is read and holds: the example of golang.org/x/mod/sumdb/note', () => {
  const neumann: PublicJwk = {
    kty: 'OKP',
    crv: 'Ed25519',
    x: Buffer.from('ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW', 'base64').subarray(1).toString('base64url'),
  }
  const signed =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n" +
    '\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n'
  assert.equal(keyIdOf('PeterNeumann', signatureType.log, neumann), 0xc74f20a3)
  assert.equal(signedBy(parseNote(signed), 'PeterNeumann', neumann), true)
})

test('a checkpoint and its cosignature are what a stranger expects from the C2SP pages', async () => {
  const checked = await auditCheckpoint(note + line, { name: head.origin, publicKey: raw(log.jwk) }, [
    { name: 'witness.example/w1', publicKey: raw(witness.jwk) },
  ])
  assert.deepEqual(checked.times, { 'witness.example/w1': Date.parse('2026-11-25T09:30:00.000Z') / 1000 })
  assert.equal(checked.size, head.size)
  assert.equal(text, `try.concordat.example/ncsc\n20852163\n${head.root.toString('base64')}\n`)
})

test('a head is always signed with the same bytes', () => {
  assert.equal(signCheckpoint(head, log), note)
})

test('the signature tells the log from a cosigner, and one key in both roles from itself', () => {
  const both = parseCheckpoint(note + cosignatureLine(text, head.origin, log, at))
  assert.equal(both.signatures.length, 2)
  assert.notEqual(both.signatures[0]!.keyId, both.signatures[1]!.keyId)
  assert.equal(signedBy(both, head.origin, log.jwk), true)
  assert.equal(cosignedBy(both, head.origin, log.jwk)?.toISOString(), '2026-11-25T09:30:00.000Z')
  assert.equal(cosignedBy(parseCheckpoint(note), head.origin, log.jwk), undefined)
})

test('signatures of unknown keys are passed over, under a known name too', () => {
  const stranger = newSigner()
  const busy = parseCheckpoint(note + cosignatureLine(text, 'witness.example/w1', stranger, at) + line)
  assert.equal(cosignedBy(busy, 'witness.example/w1', witness.jwk)?.toISOString(), '2026-11-25T09:30:00.000Z')
  assert.equal(signedBy(busy, head.origin, stranger.jwk), false)
})

test('a signature under a known key that does not hold condemns the note, even beside one that does', () => {
  const bad = line.replace(/(.)(.)(=*\n)$/, (_, a, b, end) => `${a === 'A' ? 'B' : 'A'}${b}${end}`)
  assert.throws(() => cosignedBy(parseCheckpoint(note + bad), 'witness.example/w1', witness.jwk), SyntaxError)
  assert.throws(() => cosignedBy(parseCheckpoint(note + line + bad), 'witness.example/w1', witness.jwk), SyntaxError)
  const other = note.replace('20852163', '20852164')
  assert.throws(() => signedBy(parseCheckpoint(other), head.origin, log.jwk), SyntaxError)
  assert.throws(() => cosignedBy(parseCheckpoint(other + line), 'witness.example/w1', witness.jwk), SyntaxError)
})

test('of two times by one cosigner the earlier counts', () => {
  const later = cosignatureLine(text, 'witness.example/w1', witness, new Date('2027-01-01T00:00:00Z'))
  assert.equal(
    cosignedBy(parseCheckpoint(note + later + line), 'witness.example/w1', witness.jwk)?.toISOString(),
    '2026-11-25T09:30:00.000Z',
  )
})

test('a cosignature of no time says nothing', () => {
  const timeless = cosignatureLine(text, 'witness.example/w1', witness, new Date(0))
  assert.throws(() => cosignedBy(parseCheckpoint(note + timeless), 'witness.example/w1', witness.jwk), SyntaxError)
})

test('a checkpoint has one spelling', () => {
  const [body, signatures] = [text, note.slice(text.length)]
  const root = head.root.toString('base64')
  const wrong: Record<string, string> = {
    'no signature': text,
    'no empty line': text + signatures.slice(1),
    'empty signature line': `${body}\n`,
    'no newline at the end': note.slice(0, -1),
    'leading zero': note.replace('20852163', '020852163'),
    'negative size': note.replace('20852163', '-1'),
    'size in exponents': note.replace('20852163', '2e7'),
    'size beyond exact numbers': note.replace('20852163', '9007199254740993'),
    'extension line': `${body}extension\n${signatures}`,
    'short root': note.replace(root, Buffer.alloc(31).toString('base64')),
    'unpadded root': note.replace(root, root.replace('=', '')),
    'base64url root': note.replace(root, root.replaceAll('c', '-')),
    'stray bits in root': note.replace(
      root,
      root.replace(/.=$/, (end) => `${end === 'c=' ? 'd' : 'B'}=`),
    ),
    'empty origin': note.replace(head.origin, ''),
    'plus in origin': note.replace(`${head.origin}\n`, 'a+b\n'),
    'space in origin': note.replace(`${head.origin}\n`, 'a b\n'),
    'carriage return': note.replaceAll('\n', '\r\n'),
    'tab': note.replace(head.origin, 'a\tb'),
    'lone surrogate': note.replace(head.origin, '\ud800'),
    'hyphen for dash': note.replace('\u2014', '-'),
    'two spaces': note.replace('\u2014 ', '\u2014  '),
    'signature without key id': `${body}\n\u2014 name AAAA\n`,
    'something after a signature': note.replace(/\n$/, ' x\n'),
    'too many signatures': note + line.repeat(64),
    'too long': `${note}\u2014 name ${'A'.repeat(20_000)}\n`,
  }
  for (const [what, spelling] of Object.entries(wrong)) assert.throws(() => parseCheckpoint(spelling), SyntaxError, what)
})

test('no change of one character leaves a checkpoint that still holds', () => {
  fc.assert(
    fc.property(fc.nat(note.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (place, character) => {
      fc.pre(note[place] !== character)
      const changed = note.slice(0, place) + character + note.slice(place + 1)
      assert.equal(standsFor(changed), false)
    }),
    { numRuns: runs(200), seed },
  )
})

function standsFor(changed: string): boolean {
  try {
    return signedBy(parseCheckpoint(changed), head.origin, log.jwk)
  } catch (error) {
    assert.ok(error instanceof SyntaxError)
    return false
  }
}
