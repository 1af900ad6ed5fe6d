// Writes vectors/sealed-report.json: `bin/node24 vectors/make-sealed-report.ts`. Sealed by @hpke/core, not by the library that the nodes
// use, with fixed keys and a fixed encapsulation, so the same file comes out every time.
import { writeFileSync } from 'node:fs'
import { Aes256Gcm, CipherSuite, HkdfSha256 } from '@hpke/core'
import { XWing } from '@hpke/hybridkem-x-wing'
import { b64u, sha256, uint32, type Bytes } from '#platform/bytes'
import { canonical, hashOf } from '#platform/canonical'

const suite = new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: new Aes256Gcm() })
const seedOf = (word: string): Bytes => sha256(`concordat sealed report vectors: ${word}`)
const buffer = (bytes: Bytes): ArrayBuffer => new Uint8Array(bytes).buffer

function uuidOf(word: string): string {
  const hex = Buffer.from(seedOf(`id ${word}`)).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

type Key = { kid: string; publicKey: string; privateKey: string; key: CryptoKey }

async function keyOf(word: string): Promise<Key> {
  const pair = await suite.kem.deriveKeyPair(buffer(seedOf(`key ${word}`)))
  const publicKey = new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey))
  return {
    kid: b64u(sha256(publicKey)),
    publicKey: b64u(publicKey),
    privateKey: b64u(new Uint8Array(await suite.kem.serializePrivateKey(pair.privateKey))),
    key: pair.publicKey,
  }
}

type Item = { id: string; question: string; value: unknown; salt: string }

const itemOf = (nth: number, question = 'padding', value: unknown = null): Item => ({
  id: uuidOf(`item ${nth}`),
  question,
  value,
  salt: b64u(seedOf(`salt ${nth}`)),
})
const refOf = ({ salt, ...item }: Item) => ({ id: item.id, commitment: b64u(sha256(Buffer.from(salt, 'base64url'), hashOf(item))) })

const organisation = {
  id: uuidOf('marlow'),
  name: 'Marlow Fresh Ltd',
  identifiers: [{ scheme: 'companies-house', id: '01234567' }],
  verified: true,
}
const words = [itemOf(0, 'q19', 'Files were encrypted overnight.'), itemOf(1, 'q42', 'We pulled the plug.')]
const items = [...words, ...Array.from({ length: 14 }, (_, nth) => itemOf(nth + 2))]
const report = { organisation, stage: 'initial', items }
const outside = {
  sealed: 'v1',
  deployment: uuidOf('deployment'),
  to: 'ncsc',
  reference: 'NCSC-4F7H-9KMN',
  organisation,
  stage: 'initial',
  items: items.map(refOf),
}
/** What the record must say, beside what every record says. */
const record = {
  from: 'portal',
  to: 'ncsc',
  deployment: outside.deployment,
  organisation: organisation.id,
  reference: outside.reference,
  stage: 'initial',
  items: outside.items,
}

function plain(inside: object | string, size = 8_192): Buffer {
  const text = Buffer.from(typeof inside === 'string' ? inside : canonical(inside))
  return Buffer.concat([uint32(text.length), text, Buffer.alloc(size - 4 - text.length)])
}

type Wrong = { outside?: object; inside?: object | string; plaintext?: Bytes; info?: object; key?: Key }

async function payloadOf(key: Key, word: string, wrong: Wrong = {}): Promise<string> {
  const shown = { kid: key.kid, ...outside, ...wrong.outside }
  const ekm = buffer(Buffer.concat([seedOf(`share ${word}`), seedOf(`coins ${word}`)]))
  const info = buffer(Buffer.from(canonical(wrong.info ?? shown)))
  const sender = await suite.createSenderContext({ recipientPublicKey: (wrong.key ?? key).key, info, ekm })
  const ciphertext = await sender.seal(buffer(wrong.plaintext ?? plain(wrong.inside ?? report)))
  return canonical({ ...shown, ciphertext: b64u(Buffer.concat([new Uint8Array(sender.enc), new Uint8Array(ciphertext)])) })
}

async function valid(key: Key) {
  const unverified = { ...organisation, name: 'Not yet known', identifiers: [], verified: false }
  const named = { ...report, organisation: { ...unverified, name: 'Tarn & Co' } }
  const near = { ...report, nearMiss: true }
  const long = { ...report, items: [{ ...items[0]!, value: 'x'.repeat(9_000) }, ...items.slice(1)] }
  const longRefs = long.items.map(refOf)
  return [
    { why: 'a report', record, payload: await payloadOf(key, 'plain'), report },
    { why: 'a near miss', record, payload: await payloadOf(key, 'near', { inside: near }), report: near },
    {
      why: 'somebody who proved nothing calls themselves so',
      record,
      payload: await payloadOf(key, 'named', { outside: { organisation: unverified }, inside: named }),
      report: named,
    },
    {
      why: 'in the next class of size',
      record: { ...record, items: longRefs },
      payload: await payloadOf(key, 'long', { outside: { items: longRefs }, plaintext: plain(long, 32_768) }),
      report: long,
    },
  ]
}

async function invalid(key: Key, other: Key) {
  const dirty = plain(report)
  dirty[8_191] = 1
  const elsewhere = { ...outside, reference: 'NCSC-2222-2222' }
  const changed = { ...report, items: [{ ...items[0]!, value: 'Nothing happened.' }, ...items.slice(1)] }
  const speaking = [...items.slice(0, 15), { ...items[15]!, value: 'hidden' }]
  const speakingRefs = speaking.map(refOf)
  const cases: [why: string, wrong: Wrong, record?: object][] = [
    ['sealed to another body\u2019s key', { key: other }],
    ['under the id of another body\u2019s key', { key: other, outside: { kid: other.kid } }],
    ['addressed to another body', { outside: { to: 'ico' } }],
    ['of another deployment', { outside: { deployment: uuidOf('another') } }],
    ['under another incident: the record names another reference', {}, { reference: 'NCSC-2222-2222' }],
    [
      'under another incident: record and outside were changed',
      { outside: elsewhere, info: { kid: key.kid, ...outside } },
      { reference: elsewhere.reference },
    ],
    ['the record names another organisation', {}, { organisation: uuidOf('water') }],
    [
      'another organisation outside than was sealed',
      { outside: { organisation: { ...organisation, name: 'Water Co' } }, info: { kid: key.kid, ...outside } },
    ],
    ['another organisation inside', { inside: { ...report, organisation: { ...organisation, id: uuidOf('water') } } }],
    ['another name inside, of one that proved who it is', { inside: { ...report, organisation: { ...organisation, name: 'Water Co' } } }],
    ['says inside that it proved who it is', { outside: { organisation: { ...organisation, verified: false } } }],
    ['another stage inside', { inside: { ...report, stage: 'final' } }],
    ['the record names another stage', {}, { stage: 'final' }],
    ['an item that does not open its commitment', { inside: changed }],
    ['an item less inside', { inside: { ...report, items: items.slice(1) } }],
    ['an item more in the record', {}, { items: [...outside.items, refOf(itemOf(99))] }],
    [
      'a padding item that says something',
      { outside: { items: speakingRefs }, inside: { ...report, items: speaking } },
      { items: speakingRefs },
    ],
    [
      'a number of items that is not round',
      { outside: { items: outside.items.slice(1) }, inside: { ...report, items: items.slice(1) } },
      { items: outside.items.slice(1) },
    ],
    [
      'blobs',
      {
        inside: {
          ...report,
          blobs: [{ item: items[0]!.id, id: uuidOf('blob'), key: b64u(seedOf('k')), length: 1, size: 2, sha256: b64u(seedOf('s')) }],
        },
      },
    ],
    ['a member more inside', { inside: { ...report, more: 1 } }],
    ['a member more outside', { outside: { more: 1 } }],
    ['an unknown version', { outside: { sealed: 'v2' } }],
    ['padding that is not zero', { plaintext: dirty }],
    ['a class larger than needed', { plaintext: plain(report, 32_768) }],
    ['no class at all', { plaintext: plain(report, 8_191) }],
    ['a report longer than the plaintext', { plaintext: Buffer.concat([uint32(8_192), plain(report).subarray(4)]) }],
    ['a report that is not canonical', { inside: JSON.stringify(report, null, 1) }],
    ['nothing bound in', { info: {} }],
  ]
  return Promise.all(
    cases.map(async ([why, wrong, said = {}]) => ({ why, record: { ...record, ...said }, payload: await payloadOf(key, why, wrong) })),
  )
}

export async function sealedReportVectors(): Promise<string> {
  const about =
    'Sealed reports (docs/formats/sealed-report.md). `payload` is its text; the private key is the 32-byte seed. The recipient is the NCSC.'
  const [recipient, other] = [await keyOf('ncsc'), await keyOf('ico')]
  const { key: _, ...shown } = recipient
  return `${JSON.stringify({ v: 1, about, recipient: shown, valid: await valid(recipient), invalid: await invalid(recipient, other) }, null, 2)}\n`
}

if (import.meta.main) writeFileSync(new URL('sealed-report.json', import.meta.url), await sealedReportVectors())
