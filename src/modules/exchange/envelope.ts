import { fromB64u, sha256, uint32, type Bytes } from '#platform/bytes'
import { canonical, parseCanonical } from '#platform/canonical'
import { Refusal } from '#platform/errors'
import { ENC_LENGTH, TAG_LENGTH, type OpeningKey, type SealingKey } from '#platform/seal'
import { nodeIds, type NodeId } from './message.ts'

export type Header = { v: 1; from: NodeId; to: NodeId; kid: string; id: string }
export type Content = { manifest: string; payload: Bytes }

/** Sizes a plaintext is padded to, so that a length tells only a class. */
export const classes = [16_384, 65_536, 262_144, 1_048_576] as const
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const LONGEST_HEADER = 512
export const LONGEST_ENVELOPE = 4 + LONGEST_HEADER + ENC_LENGTH + classes.at(-1)! + TAG_LENGTH

export function plaintextLength(content: { manifest: string; payload: Bytes }): number {
  return 8 + content.manifest.length + content.payload.length
}

export function pack({ manifest, payload }: Content): Bytes {
  const length = plaintextLength({ manifest, payload })
  const size = classes.find((limit) => limit >= length)
  if (size === undefined) throw new Refusal('too-large')
  const text = Buffer.from(manifest, 'latin1')
  return Buffer.concat([uint32(text.length), text, uint32(payload.length), payload, Buffer.alloc(size - length)])
}

/** The other way round, strict: one plaintext has one content and one content one plaintext. */
export function unpack(plaintext: Bytes): Content {
  const bytes = Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength)
  const manifestEnd = 4 + bytes.readUInt32BE(0)
  if (manifestEnd + 4 > bytes.length) throw new SyntaxError('manifest is longer than the envelope')
  const payloadEnd = manifestEnd + 4 + bytes.readUInt32BE(manifestEnd)
  if (payloadEnd > bytes.length) throw new SyntaxError('payload is longer than the envelope')
  if (classes.find((limit) => limit >= payloadEnd) !== bytes.length) throw new SyntaxError('padded to another class')
  if (bytes.subarray(payloadEnd).some((byte) => byte !== 0)) throw new SyntaxError('padding is not zero')
  return { manifest: bytes.subarray(4, manifestEnd).toString('latin1'), payload: bytes.subarray(manifestEnd + 4, payloadEnd) }
}

/** Seals to one key; the header is bound in as HPKE info. */
export async function seal(header: Omit<Header, 'v' | 'kid'>, content: Content, key: SealingKey): Promise<Bytes> {
  const head = Buffer.from(canonical({ v: 1, kid: key.kid, ...header }))
  const { enc, ciphertext } = await key.seal(pack(content), head)
  return Buffer.concat([uint32(head.length), head, enc, ciphertext])
}

/** Reads the header of an envelope without opening it. Throws SyntaxError. */
export function readHeader(envelope: Bytes): { header: Header; head: Bytes; rest: Bytes } {
  const bytes = Buffer.from(envelope.buffer, envelope.byteOffset, envelope.byteLength)
  const length = bytes.length >= 4 ? bytes.readUInt32BE(0) : 0
  if (length === 0 || length > LONGEST_HEADER || bytes.length < 4 + length + ENC_LENGTH + TAG_LENGTH)
    throw new SyntaxError('not an envelope')
  const head = bytes.subarray(4, 4 + length)
  return { header: headerOf(head), head, rest: bytes.subarray(4 + length) }
}

function headerOf(head: Buffer): Header {
  const header = parseCanonical(head.toString('utf8')) as Header
  if (Object.keys(header).join() !== 'from,id,kid,to,v' || header.v !== 1) throw new SyntaxError('unknown version of envelope')
  if (!nodeIds.includes(header.from) || !nodeIds.includes(header.to) || header.from === header.to) throw new SyntaxError('unknown node')
  if (!UUID.test(header.id)) throw new SyntaxError('envelope id is not a UUID')
  fromB64u(header.kid, 32)
  return header
}

/** Throws for anything that is not exactly an envelope sealed to this key. */
export async function open(envelope: Bytes, key: OpeningKey): Promise<{ header: Header; content: Content }> {
  const { header, head, rest } = readHeader(envelope)
  if (header.kid !== key.kid) throw new SyntaxError('sealed to another key')
  const plaintext = await key.open(rest.subarray(0, ENC_LENGTH), rest.subarray(ENC_LENGTH), head)
  return { header, content: unpack(plaintext) }
}

export function envelopeHash(envelope: Bytes): Bytes {
  return sha256(envelope)
}
