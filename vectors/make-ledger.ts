// Writes vectors/ledger.json: `bin/node24 vectors/make-ledger.ts`. Keys and values are fixed, so the same file comes out every time.
// What every vector says is decided here, by hand; the tests check that the ledger and a reader written from the standards both agree.
import { createPrivateKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { b64u, sha256, uint64, type Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { signerOf, type PrivateJwk, type Signer } from '#platform/jws'
import { chainOf, commitmentOf, type LogMember } from '../src/modules/ledger/log-member.ts'
import { checkpointText, cosignatureLine, keyIdOf, signatureType, signCheckpoint, toBase64 } from '../src/modules/ledger/note.ts'
import {
  consistencyProof,
  hashAt,
  hashCount,
  inclusionProof,
  intervalTree,
  leafHash,
  pyramid,
  rootOf,
  type HashReader,
} from '../src/modules/ledger/tree.ts'

const seedOf = (name: string): Bytes => sha256(`concordat ledger vectors: ${name}`)
const bytes = (name: string): Bytes => seedOf(`bytes ${name}`)

/** RFC 8410 section 7: an Ed25519 private key in PKCS #8 is this prefix and the seed. */
function keyOf(name: string): PrivateJwk {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seedOf(`key ${name}`)])
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' }) as unknown as PrivateJwk
}

const origins = { ncsc: 'vectors.concordat.example/ncsc', ico: 'vectors.concordat.example/ico' }
const witnessName = 'witness.example/w1'
const jwks = { ncsc: keyOf('ncsc'), ico: keyOf('ico'), witness: keyOf('witness'), stranger: keyOf('stranger') }
const signers = Object.fromEntries(Object.entries(jwks).map(([name, jwk]) => [name, signerOf(jwk)])) as Record<keyof typeof jwks, Signer>
const trust = {
  origins: { [origins.ncsc]: signers.ncsc.jwk, [origins.ico]: signers.ico.jwk },
  witnesses: { [witnessName]: signers.witness.jwk },
}
const time = new Date('2026-11-25T09:30:02.000Z')
const later = new Date('2026-11-25T09:30:05.000Z')

function readerOver(leaves: Bytes[]): HashReader {
  const rows = pyramid(Buffer.concat(leaves.map(leafHash)))
  return ({ level, index }) => hashAt(rows[level]!, index)
}

const list = (row: Bytes): string[] => Array.from({ length: hashCount(row) }, (_, position) => b64u(hashAt(row, position)))

/** The leaves of the certificate transparency test tree; the roots of its first 0 to 8 leaves are known from there. */
const known = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map((leaf) =>
  Buffer.from(leaf, 'hex'),
)
/** A tree across two tiles: leaf i is SHA-256 of i as eight bytes, big-endian. */
const counted = Array.from({ length: 300 }, (_, index) => sha256(uint64(index)))

function inclusion(leaves: Bytes[], index: number, size: number) {
  const read = readerOver(leaves.slice(0, size))
  return { leaf: b64u(leaves[index]!), index, size, root: b64u(rootOf(size, read)), proof: inclusionProof(index, size, read).map(b64u) }
}

function consistency(leaves: Bytes[], old: number, size: number) {
  const read = readerOver(leaves.slice(0, size))
  return {
    old,
    oldRoot: b64u(rootOf(old, readerOver(leaves.slice(0, old)))),
    size,
    root: b64u(rootOf(size, read)),
    proof: consistencyProof(old, size, read).map(b64u),
  }
}

function tree() {
  const [five, step] = [inclusion(known, 5, 7), consistency(known, 3, 7)]
  const zero = b64u(Buffer.alloc(32))
  return {
    known: { leaves: known.map(b64u), roots: Array.from({ length: 9 }, (_, size) => b64u(rootOf(size, readerOver(known.slice(0, size))))) },
    counted: [1, 255, 256, 257, 300].map((size) => ({ size, root: b64u(rootOf(size, readerOver(counted.slice(0, size)))) })),
    inclusion: {
      valid: [
        inclusion(known, 0, 1),
        inclusion(known, 0, 8),
        five,
        inclusion(known, 6, 7),
        inclusion(counted, 255, 256),
        inclusion(counted, 256, 300),
      ],
      invalid: [
        { why: 'another leaf', ...five, leaf: b64u(known[4]!) },
        { why: 'another index', ...five, index: 4 },
        { why: 'index beyond the tree', ...five, index: 7 },
        { why: 'another size', ...five, size: 6 },
        { why: 'another root', ...five, root: zero },
        { why: 'a hash too few', ...five, proof: five.proof.slice(0, -1) },
        { why: 'a hash too many', ...five, proof: [...five.proof, zero] },
        { why: 'hashes in another order', ...five, proof: five.proof.toReversed() },
        { why: 'empty proof', ...five, proof: [] },
      ],
    },
    consistency: {
      valid: [
        consistency(known, 0, 5),
        consistency(known, 1, 8),
        step,
        consistency(known, 4, 7),
        consistency(known, 6, 8),
        consistency(known, 7, 7),
        consistency(counted, 256, 300),
        consistency(counted, 255, 300),
      ],
      invalid: [
        { why: 'another old root', ...step, oldRoot: zero },
        { why: 'another root', ...step, root: zero },
        { why: 'another old size', ...step, old: 5 },
        { why: 'shrinking', ...step, old: 8 },
        { why: 'empty proof', ...step, proof: [] },
        { why: 'a hash too many', ...step, proof: [...step.proof, zero] },
        { why: 'hashes in another order', ...step, proof: step.proof.toReversed() },
        { why: 'one size, two roots', ...consistency(known, 7, 7), root: zero },
        { why: 'a proof where there is nothing to prove', ...consistency(known, 7, 7), proof: [zero] },
        { why: 'a proof from the empty tree', ...consistency(known, 0, 5), proof: [zero] },
      ],
    },
  }
}

function interval() {
  const slots = Buffer.concat(Array.from({ length: 8 }, (_, slot) => bytes(`slot ${slot}`)))
  const { root, path } = intervalTree(slots)
  return { slots: list(slots), root: b64u(root), paths: Array.from({ length: 8 }, (_, slot) => list(path(slot))) }
}

const head = { origin: origins.ncsc, size: 7, root: rootOf(7, readerOver(known)) }

function checkpoint() {
  const note = signCheckpoint(head, signers.ncsc)
  const text = checkpointText(head)
  const cosigned = cosignatureLine(text, witnessName, signers.witness, time)
  const root = toBase64(head.root)
  return {
    valid: {
      ...head,
      root: b64u(head.root),
      text,
      key: signers.ncsc.jwk,
      keyId: keyIdOf(head.origin, signatureType.log, signers.ncsc.jwk),
      note,
    },
    invalid: [
      { why: 'no signature', note: text },
      { why: 'signed by another key', note: signCheckpoint(head, signers.stranger) },
      { why: 'another size than signed', note: note.replace('\n7\n', '\n8\n') },
      { why: 'leading zero', note: note.replace('\n7\n', '\n07\n') },
      { why: 'root not padded', note: note.replace(root, root.replace('=', '')) },
      { why: 'extension line', note: note.replace('\n\n', '\nextension\n\n') },
      { why: 'carriage returns', note: note.replaceAll('\n', '\r\n') },
      { why: 'no newline at the end', note: note.slice(0, -1) },
      { why: 'a hyphen for the dash', note: note.replace('—', '-') },
      { why: 'only a cosignature under the name of the log', note: `${text}\n${cosignatureLine(text, head.origin, signers.ncsc, time)}` },
    ],
    cosignature: {
      valid: {
        name: witnessName,
        key: signers.witness.jwk,
        keyId: keyIdOf(witnessName, signatureType.cosignature, signers.witness.jwk),
        time: time.toISOString(),
        line: cosigned,
      },
      invalid: [
        { why: 'for another size', line: cosignatureLine(checkpointText({ ...head, size: 8 }), witnessName, signers.witness, time) },
        { why: 'another time than signed', line: retimed(cosigned, 1) },
        { why: 'no time', line: cosignatureLine(text, witnessName, signers.witness, new Date(0)) },
        { why: 'by another key', line: cosignatureLine(text, witnessName, signers.stranger, time) },
        { why: 'under another name', line: cosignatureLine(text, 'witness.example/w2', signers.witness, time) },
      ],
    },
  }
}

/** The same signature with its time moved. */
function retimed(line: string, seconds: number): string {
  const [dash, name, encoded] = line.trimEnd().split(' ')
  const value = Buffer.from(encoded!, 'base64')
  value.writeBigUInt64BE(value.readBigUInt64BE(4) + BigInt(seconds), 4)
  return `${dash} ${name} ${value.toString('base64')}\n`
}

/** A receipt in the third place of its organisation's chain, in slot 5 of eight, in the middle one of three intervals. */
function member() {
  const record = {
    v: 1,
    kind: 'receipt',
    id: '5d1c6c9e-8a3c-4c56-9f0e-6a1f6a3f7c11',
    from: 'ncsc',
    to: 'portal',
    at: '2026-11-25T09:29:59.500Z',
  }
  const [salt, salt2, previous, n] = [bytes('salt'), bytes('salt2'), bytes('previous'), 3]
  const recordHash = sha256(canonical(record))
  const chain = chainOf(salt2, n, previous)
  const commitment = commitmentOf({ recordHash, salt, chain })
  const slots = Buffer.concat(Array.from({ length: 8 }, (_, slot) => (slot === 5 ? commitment : bytes(`filler ${slot}`))))
  const { root, path } = intervalTree(slots)
  const leaves = [bytes('leaf 0'), root, bytes('leaf 2')]
  const read = readerOver(leaves)
  const text = { origin: origins.ncsc, size: 3, root: rootOf(3, read) }
  const own = signCheckpoint(text, signers.ncsc)
  const by = (name: string, signer: Signer, at: Date) => cosignatureLine(checkpointText(text), name, signer, at)
  const note = own + by(origins.ico, signers.ico, later) + by(witnessName, signers.witness, time)
  const log: LogMember = {
    salt: b64u(salt),
    chain: b64u(chain),
    opening: { n, previous: b64u(previous), salt2: b64u(salt2) },
    slot: 5,
    path: list(path(5)),
    index: 1,
    proof: inclusionProof(1, 3, read).map(b64u),
    checkpoint: note,
  }
  const { opening: _, ...closed } = log
  const strict = { ...trust, required: [witnessName] }
  const opening = log.opening!
  const other = b64u(bytes('other'))
  const found = {
    recordHash: b64u(recordHash),
    commitment: b64u(commitment),
    intervalRoot: b64u(root),
    root: b64u(text.root),
    size: 3,
    index: 1,
    logTime: time.toISOString(),
  }
  return {
    origin: origins.ncsc,
    trust,
    leaves: leaves.map(b64u),
    record,
    valid: [
      { why: 'to the organisation', log, ...found, n },
      { why: 'to anybody else', log: closed, ...found },
      {
        why: 'cosigned by the other log alone',
        log: { ...closed, checkpoint: own + by(origins.ico, signers.ico, later) },
        ...found,
        logTime: later.toISOString(),
      },
      {
        why: 'where a witness is required, its time alone counts',
        trust: strict,
        log: { ...closed, checkpoint: own + by(origins.ico, signers.ico, time) + by(witnessName, signers.witness, later) },
        ...found,
        logTime: later.toISOString(),
      },
      {
        why: 'with a signature of a key nobody knows',
        log: { ...closed, checkpoint: note + by('stranger.example', signers.stranger, time) },
        ...found,
      },
    ],
    invalid: [
      { why: 'another record', record: { ...record, at: '2026-11-25T09:29:59.501Z' }, log },
      { why: 'another salt', log: { ...log, salt: other } },
      { why: 'another chain', log: { ...closed, chain: other } },
      { why: 'a chain that does not open', log: { ...log, opening: { ...opening, n: 4 } } },
      { why: 'first in its chain, yet after another', log: { ...log, opening: { ...opening, n: 1 } } },
      { why: 'another slot', log: { ...closed, slot: 4 } },
      { why: 'slot beyond the path', log: { ...closed, slot: 8 } },
      { why: 'a path cut short', log: { ...closed, slot: 1, path: log.path.slice(0, 2) } },
      { why: 'another index', log: { ...closed, index: 0 } },
      { why: 'a changed inclusion proof', log: { ...closed, proof: [other, log.proof[1]] } },
      { why: 'cosigned by nobody', log: { ...closed, checkpoint: own } },
      {
        why: 'cosigned by the other log alone, where a witness is required',
        trust: strict,
        log: { ...closed, checkpoint: own + by(origins.ico, signers.ico, later) },
      },
      { why: 'cosigned by the log itself alone', log: { ...closed, checkpoint: own + by(origins.ncsc, signers.ncsc, time) } },
      { why: 'cosigned by strangers alone', log: { ...closed, checkpoint: own + by('stranger.example', signers.stranger, time) } },
      {
        why: 'a known cosigner\u2019s signature that does not hold',
        log: {
          ...closed,
          checkpoint: note.replace(by(witnessName, signers.witness, time), retimed(by(witnessName, signers.witness, time), -1)),
        },
      },
      { why: 'signed by another key', log: { ...closed, checkpoint: note.replace(own, signCheckpoint(text, signers.stranger)) } },
      {
        why: 'a checkpoint of another log',
        log: {
          ...closed,
          checkpoint:
            signCheckpoint({ ...text, origin: origins.ico }, signers.ico) +
            cosignatureLine(checkpointText({ ...text, origin: origins.ico }), witnessName, signers.witness, time),
        },
      },
      { why: 'a member nobody knows', log: { ...closed, more: 1 } },
      { why: 'a member missing', log: { ...closed, proof: undefined } },
      { why: 'padded base64url', log: { ...closed, salt: `${log.salt}=` } },
      { why: 'stray bits in the last character', log: { ...closed, salt: log.salt.slice(0, -1) + strayed(log.salt.at(-1)!) } },
    ],
  }
}

/** The next character: 32 bytes leave two bits of the last one unused. */
function strayed(character: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return alphabet[alphabet.indexOf(character) + 1]!
}

/** C2SP tlog-witness, as the cosigner `ico` answers when it has cosigned the first four leaves. */
function addCheckpoint() {
  const size = 7
  const four = { size: 4, root: rootOf(4, readerOver(known.slice(0, 4))) }
  const proof = consistencyProof(4, size, readerOver(known.slice(0, size))).map((hash) => `${toBase64(hash)}\n`)
  const note = (of = head, signer = signers.ncsc) => signCheckpoint(of, signer)
  const body = (old: number, lines: string[], checkpoint = note()) => `old ${old}\n${lines.join('')}\n${checkpoint}`
  const zero = `${toBase64(Buffer.alloc(32))}\n`
  return {
    name: origins.ico,
    knows: { origin: origins.ncsc, size: four.size, root: b64u(four.root) },
    cases: [
      { why: 'consistent', body: body(4, proof), status: 200 },
      { why: 'the same head again', body: body(4, [], note({ ...head, ...four })), status: 200 },
      { why: 'no old size line', body: note(), status: 400 },
      { why: 'leading zero', body: body(4, proof).replace('old 4', 'old 04'), status: 400 },
      {
        why: '64 proof lines',
        body: body(
          4,
          Array.from({ length: 64 }, () => zero),
        ),
        status: 400,
      },
      { why: 'old size larger than the checkpoint', body: body(8, []), status: 400 },
      { why: 'not signed by the log', body: body(4, proof, note(head, signers.stranger)), status: 403 },
      { why: 'an unknown log', body: body(4, proof, note({ ...head, origin: 'elsewhere.example/log' })), status: 404 },
      { why: 'its own log', body: body(4, proof, note({ ...head, origin: origins.ico }, signers.ico)), status: 404 },
      { why: 'another old size', body: body(0, []), status: 409, reply: '4\n' },
      { why: 'a shrinking log', body: body(3, [], note({ ...head, size: 3 })), status: 409, reply: '4\n' },
      { why: 'no proof', body: body(4, []), status: 422 },
      { why: 'a changed proof', body: body(4, [zero, ...proof.slice(1)]), status: 422 },
      { why: 'one size, two roots', body: body(4, [], note({ ...head, size: 4 })), status: 422 },
    ],
  }
}

export function ledgerVectors(): string {
  const about =
    'Hash trees, checkpoints, cosignatures and log members (docs/formats/ledger.md, docs/formats/statement.md). Bytes are base64url.'
  const vectors = {
    v: 1,
    about,
    keys: jwks,
    tree: tree(),
    interval: interval(),
    checkpoint: checkpoint(),
    member: member(),
    addCheckpoint: addCheckpoint(),
  }
  return `${JSON.stringify(vectors, null, 2)}\n`
}

if (import.meta.main) writeFileSync(new URL('ledger.json', import.meta.url), ledgerVectors())
