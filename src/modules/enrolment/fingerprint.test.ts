import assert from 'node:assert/strict'
import { test } from 'node:test'
import { b64u, sha256 } from '#platform/bytes'
import { fingerprintWords, words } from './fingerprint.ts'

test('there is one word a byte, and no word twice', () => {
  assert.equal(words.length, 256)
  assert.equal(new Set(words).size, 256)
  for (const word of words) assert.match(word, /^[a-z]{4,9}$/)
})

test('a key’s id is read out as twelve words; one bit more is another word', () => {
  const id = Buffer.from(sha256('a key'))
  const said = fingerprintWords(b64u(id))
  assert.equal(said.length, 12)
  assert.equal(said[0], words[id[0]!])
  for (let at = 0; at < 12; at++) {
    const other = Buffer.from(id)
    other[at]! ^= 1
    assert.notDeepEqual(fingerprintWords(b64u(other)), said)
  }
})

test('what is no key’s id has no words', () => {
  for (const text of ['', 'abc', `${b64u(sha256('a key'))}=`, 'x'.repeat(44)]) assert.throws(() => fingerprintWords(text), SyntaxError)
})
