// Writes vectors/envelope.json: `bin/node24 vectors/make-envelope.ts`. Sealed by @hpke/core, not by the library that the nodes use, with
// fixed keys and a fixed encapsulation, so the same file comes out every time.
import { writeFileSync } from 'node:fs'
import { Aes256Gcm, CipherSuite, HkdfSha256 } from '@hpke/core'
import { XWing } from '@hpke/hybridkem-x-wing'
import { b64u, sha256, uint32, type Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { signJws } from '#platform/jws'
import { createWorld, newItem, reports } from '../src/modules/evidence/testing.ts'
import { keyFrom } from '../src/modules/evidence/testing-ledger.ts'

const suite = new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: new Aes256Gcm() })
const seedOf = (word: string): Bytes => sha256(`concordat envelope vectors: ${word}`)
const buffer = (bytes: Bytes): ArrayBuffer => new Uint8Array(bytes).buffer

const world = createWorld({ word: 'envelope vectors', slots: 2 })
const { said, payload } = reports(world, 'ncsc', [newItem(world, 'q19', 'Files were encrypted overnight.')], 'NCSC-4F7H-9KMN')
world.close()
const manifest = said.statement()
const ids = { mine: said.id, other: world.random.uuid() }

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

/** Whatever header and plaintext are given, sealed as the page says. */
async function sealed(to: Key, header: object | string, plaintext: Bytes, more: { info?: Bytes; word?: string } = {}): Promise<Buffer> {
  const head = Buffer.from(typeof header === 'string' ? header : canonical(header))
  const ekm = buffer(Buffer.concat([seedOf(`share ${more.word ?? ''}`), seedOf(`coins ${more.word ?? ''}`)]))
  const sender = await suite.createSenderContext({ recipientPublicKey: to.key, info: buffer(more.info ?? head), ekm })
  const ciphertext = await sender.seal(buffer(plaintext))
  return Buffer.concat([uint32(head.length), head, new Uint8Array(sender.enc), new Uint8Array(ciphertext)])
}

function plain(text: string, bytes: Bytes, size: number): Buffer {
  const filled = Buffer.concat([uint32(text.length), Buffer.from(text, 'latin1'), uint32(bytes.length), bytes])
  return Buffer.concat([filled, Buffer.alloc(size - filled.length)])
}

const KIB16 = 16_384
const room = KIB16 - 8 - manifest.length

async function valid(to: Key) {
  const header = { v: 1, from: 'portal', to: 'ncsc', kid: to.kid, id: ids.mine }
  const exact = Buffer.alloc(room, 'x')
  const cases: [string, string, Bytes, number][] = [
    ['a report', manifest, payload, KIB16],
    ['no payload', manifest, Buffer.alloc(0), KIB16],
    ['a payload that just fits', manifest, exact, KIB16],
    ['a payload of one byte more, in the next class', manifest, Buffer.alloc(room + 1, 'x'), 4 * KIB16],
  ]
  return Promise.all(
    cases.map(async ([why, text, bytes, size]) => ({
      why,
      header,
      manifest: text,
      payload: b64u(bytes),
      envelope: b64u(await sealed(to, header, plain(text, bytes, size), { word: why })),
    })),
  )
}

async function invalid(to: Key, other: Key) {
  const header = { v: 1, from: 'portal', to: 'ncsc', kid: to.kid, id: ids.mine }
  const good = plain(manifest, payload, KIB16)
  const dirty = Buffer.from(good)
  dirty[KIB16 - 1] = 1
  const long = Buffer.from(good)
  long.writeUInt32BE(KIB16, 0)
  const spaced = JSON.stringify(header, null, 1)
  const cases: [string, Promise<Buffer>][] = [
    ['padding that is not zero', sealed(to, header, dirty)],
    ['a class larger than needed', sealed(to, header, plain(manifest, payload, 4 * KIB16))],
    ['no class at all', sealed(to, header, good.subarray(0, KIB16 - 1))],
    ['a manifest longer than the envelope', sealed(to, header, long)],
    ['a header that is not canonical', sealed(to, spaced, good)],
    ['a member more in the header', sealed(to, { ...header, more: 1 }, good)],
    ['an unknown version', sealed(to, { ...header, v: 2 }, good)],
    ['an unknown node', sealed(to, { ...header, from: 'hq' }, good)],
    ['to its own sender', sealed(to, { ...header, from: 'ncsc' }, good)],
    ['an id that is no UUID', sealed(to, { ...header, id: 'x' }, good)],
    ['sealed to another key under this kid', sealed(other, header, good)],
    ['the kid of another key', sealed(to, { ...header, kid: other.kid }, good)],
    ['another header than the one bound in', sealed(to, header, good, { info: Buffer.from(canonical({ ...header, id: ids.other })) })],
    ['no info', sealed(to, header, good, { info: Buffer.alloc(0) })],
  ]
  const whole = await Promise.all(cases.map(async ([why, envelope]) => ({ why, envelope: b64u(await envelope) })))
  return [...whole, { why: 'nothing', envelope: '' }, { why: 'no more than a length', envelope: b64u(uint32(100)) }]
}

/** Made from the first valid envelope: `xor` the byte at `at` (from the end where negative), `cut` bytes from the end, or `append` base64url. */
const changed = [
  { why: 'the length of the header', at: 3, xor: 1 },
  { why: 'a byte of the header', at: 20, xor: 1 },
  { why: 'a byte of the ML-KEM ciphertext', at: 400, xor: 128 },
  { why: 'a byte of the X25519 share', at: -(KIB16 + 16 + 1), xor: 1 },
  { why: 'the first byte of the ciphertext', at: -(KIB16 + 16), xor: 1 },
  { why: 'the last byte of the tag', at: -1, xor: 1 },
  { why: 'a byte less', cut: 1 },
  { why: 'no ciphertext', cut: KIB16 + 16 },
  { why: 'a byte more', append: b64u(Buffer.of(0)) },
]

/** docs/formats/envelope.md, "Delivery": the answer to the first valid envelope. */
function acknowledgements(envelope: string) {
  const { ncsc, portal } = world.statement
  const typ = 'concordat-delivery+jws'
  const said = {
    v: 1,
    deployment: world.trust.deployment,
    from: 'ncsc',
    to: 'portal',
    envelope: ids.mine,
    hash: b64u(sha256(Buffer.from(envelope, 'base64url'))),
    at: '2026-11-25T09:30:05.000Z',
    results: [{ id: ids.mine, state: 'accepted' }],
  }
  return {
    valid: { acknowledgement: signJws(typ, said, ncsc), says: said },
    invalid: [
      { why: 'signed by the sender itself', acknowledgement: signJws(typ, said, portal) },
      { why: 'another type', acknowledgement: signJws('concordat-statement+jws', said, ncsc) },
      { why: 'of another envelope', acknowledgement: signJws(typ, { ...said, envelope: ids.other }, ncsc) },
      { why: 'of other bytes', acknowledgement: signJws(typ, { ...said, hash: b64u(sha256('other')) }, ncsc) },
      { why: 'of another deployment', acknowledgement: signJws(typ, { ...said, deployment: ids.other }, ncsc) },
      { why: 'to somebody else', acknowledgement: signJws(typ, { ...said, to: 'ico' }, ncsc) },
      { why: 'an unknown version', acknowledgement: signJws(typ, { ...said, v: 2 }, ncsc) },
    ],
  }
}

export async function envelopeVectors(): Promise<string> {
  const about =
    'Envelopes and delivery acknowledgements (docs/formats/envelope.md). Bytes are base64url; the private key is the 32-byte seed.'
  const [recipient, other] = [await keyOf('recipient'), await keyOf('other')]
  const { key: _, ...shown } = recipient
  const good = await valid(recipient)
  const vectors = {
    v: 1,
    about,
    recipient: shown,
    keys: { ncsc: keyFrom('envelope vectors statement ncsc') },
    trust: world.trust,
    valid: good,
    invalid: await invalid(recipient, other),
    changed,
    acknowledgements: acknowledgements(good[0]!.envelope),
  }
  return `${JSON.stringify(vectors, null, 2)}\n`
}

if (import.meta.main) writeFileSync(new URL('envelope.json', import.meta.url), await envelopeVectors())
