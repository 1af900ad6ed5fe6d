import { sign, verify } from 'node:crypto'
import { fromB64u, sha256, type Bytes } from '#platform/bytes'
import { verifyKeyOf, type PublicJwk, type Signer } from '#platform/jws'

/**
 * C2SP signed-note, tlog-checkpoint and tlog-cosignature/v1, as far as this ledger speaks them: Ed25519 alone, no extension lines.
 * Rules only: nothing here reads a clock or a database. What cannot be read, or does not verify, throws SyntaxError.
 */

/** C2SP signed-note, "Signature types". */
export const signatureType = { log: 0x01, cosignature: 0x04 } as const
export type SignatureType = (typeof signatureType)[keyof typeof signatureType]

export type NoteSignature = { name: string; keyId: number; signature: Bytes }
/** `text` ends in the newline that belongs to it. */
export type Note = { text: string; signatures: NoteSignature[] }
export type TreeHead = { origin: string; size: number; root: Bytes }
export type Checkpoint = TreeHead & Note

const MAX_NOTE = 16_384
// C2SP signed-note: "MUST accept at least up to 16 signatures".
const MAX_SIGNATURES = 64

/** C2SP signed-note: key names are not empty and hold no Unicode space and no plus. */
export function isKeyName(name: string): boolean {
  return /^[^\p{White_Space}+\p{Cc}]+$/u.test(name) && name.isWellFormed()
}

/** C2SP signed-note: key ID = SHA-256(key name || 0x0A || signature type || public key)[:4]. */
export function keyIdOf(name: string, type: SignatureType, key: PublicJwk): number {
  return Buffer.from(sha256(name, '\n', Buffer.of(type), fromB64u(key.x, 32))).readUInt32BE()
}

/** RFC 4648 section 4, strict: one spelling a value. */
export function fromBase64(text: string): Bytes {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw new SyntaxError('not base64')
  return bytes
}

export const toBase64 = (bytes: Bytes): string => Buffer.from(bytes).toString('base64')

/** RFC 4648 section 4: one 32-byte hash. */
export function hashFromBase64(text: string): Bytes {
  const bytes = fromBase64(text)
  if (bytes.length !== 32) throw new SyntaxError('not a hash')
  return bytes
}

/** ASCII decimal without leading zeroes, as every C2SP format writes a size. */
export function sizeFrom(text: string): number {
  const size = Number(text)
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text) || !Number.isSafeInteger(size)) throw new SyntaxError('not a size')
  return size
}

/** Splits without trusting. The text ends at the last empty line (C2SP signed-note, "Format"). */
export function parseNote(note: string): Note {
  if (typeof note !== 'string' || note.length > MAX_NOTE || !note.isWellFormed()) throw new SyntaxError('not a note')
  // C2SP signed-note: no ASCII control character other than newline; nor, here, any other.
  if (/\p{Cc}/u.test(note.replaceAll('\n', ''))) throw new SyntaxError('control character in note')
  const end = note.lastIndexOf('\n\n')
  if (end < 0 || !note.endsWith('\n')) throw new SyntaxError('note has no signatures')
  const lines = note.slice(end + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) throw new SyntaxError('too many signatures')
  return { text: note.slice(0, end + 1), signatures: lines.map(parseSignature) }
}

function parseSignature(line: string): NoteSignature {
  const [dash, name, encoded, ...rest] = line.split(' ')
  if (dash !== '—' || name === undefined || !isKeyName(name) || encoded === undefined || rest.length > 0)
    throw new SyntaxError('not a signature line')
  const bytes = Buffer.from(fromBase64(encoded))
  if (bytes.length < 5) throw new SyntaxError('signature is too short')
  return { name, keyId: bytes.readUInt32BE(), signature: bytes.subarray(4) }
}

function signatureLine(name: string, keyId: number, signature: Bytes): string {
  const id = Buffer.alloc(4)
  id.writeUInt32BE(keyId)
  return `— ${name} ${Buffer.concat([id, signature]).toString('base64')}\n`
}

/** C2SP tlog-checkpoint, "Note text": origin, size, root. */
export function checkpointText({ origin, size, root }: TreeHead): string {
  if (!isKeyName(origin) || root.length !== 32) throw new SyntaxError('not a tree head')
  return `${origin}\n${sizeFrom(String(size))}\n${toBase64(root)}\n`
}

/** A checkpoint with its signatures unchecked. Extension lines, which C2SP advises against, are refused: nobody could audit them. */
export function parseCheckpoint(note: string): Checkpoint {
  const { text, signatures } = parseNote(note)
  const [origin, size, root, end, ...rest] = text.split('\n')
  if (!origin || size === undefined || root === undefined || end !== '' || rest.length > 0) throw new SyntaxError('not a checkpoint')
  const head = { origin, size: sizeFrom(size), root: hashFromBase64(root) }
  if (checkpointText(head) !== text) throw new SyntaxError('not a checkpoint')
  return { ...head, text, signatures }
}

/** The checkpoint of a head, signed under its origin's name: the same bytes however often it is made (Ed25519 is deterministic). */
export function signCheckpoint(head: TreeHead, signer: Signer): string {
  const text = checkpointText(head)
  const signature = sign(null, Buffer.from(text), signer.key)
  return `${text}\n${signatureLine(head.origin, keyIdOf(head.origin, signatureType.log, signer.jwk), signature)}`
}

/**
 * C2SP tlog-cosignature: the header line keeps this apart from a log's own signature, so one key can do both:
 * the second line of a checkpoint is a bare number, the second line here begins with `time`.
 */
function cosignedMessage(text: string, seconds: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`)
}

/** One signature line, newline included: that the cosigner, at this time, knew no larger head of that log than this consistent one. */
export function cosignatureLine(text: string, name: string, signer: Signer, at: Date): string {
  if (!isKeyName(name)) throw new SyntaxError('not a key name')
  const seconds = Math.floor(at.getTime() / 1000)
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(seconds))
  const signature = Buffer.concat([time, sign(null, cosignedMessage(text, seconds), signer.key)])
  return signatureLine(name, keyIdOf(name, signatureType.cosignature, signer.jwk), signature)
}

const by = (note: Note, name: string, keyId: number): NoteSignature[] =>
  note.signatures.filter((signature) => signature.name === name && signature.keyId === keyId)

/**
 * True if this key signed the note as its log, false if it did not. C2SP signed-note: a signature under a known name and key id
 * that fails condemns the whole note, so that throws.
 */
export function signedBy(note: Note, name: string, key: PublicJwk): boolean {
  const found = by(note, name, keyIdOf(name, signatureType.log, key))
  const holds = found.every(
    ({ signature }) => signature.length === 64 && verify(null, Buffer.from(note.text), verifyKeyOf(key).key, signature),
  )
  if (!holds) throw new SyntaxError('signature does not hold')
  return found.length > 0
}

/** When this cosigner cosigned the note: the earliest time it signed, or undefined if it did not. Throws as `signedBy` does. */
export function cosignedBy(note: Note, name: string, key: PublicJwk): Date | undefined {
  const found = by(note, name, keyIdOf(name, signatureType.cosignature, key))
  const times = found.map(({ signature }) => timeOf(note.text, signature, key))
  return times.length === 0 ? undefined : new Date(Math.min(...times) * 1000)
}

/** C2SP tlog-cosignature: eight bytes of POSIX time, then the signature; a cosignature without a time says nothing of when. */
function timeOf(text: string, timed: Bytes, key: PublicJwk): number {
  if (timed.length !== 72) throw new SyntaxError('signature does not hold')
  const seconds = Number(Buffer.from(timed).readBigUInt64BE())
  // The last instant an ECMAScript Date can hold.
  if (seconds === 0 || seconds > 8.64e12) throw new SyntaxError('not a time')
  if (!verify(null, cosignedMessage(text, seconds), verifyKeyOf(key).key, timed.subarray(8)))
    throw new SyntaxError('signature does not hold')
  return seconds
}
