import { b64u, fromB64u } from '#platform/bytes'
import { invalid, Refusal, type Mistake } from '#platform/errors'
import type { AuthorityId } from '#exchange'
import { CHUNK } from './blob.ts'
import { allowedEndings, endingOf, reasons, type Reason } from './content.ts'

/** The question whose answer is an attachment; not one of the list, so that no report can hold one by another way. */
export const ATTACHMENT = 'attachment'

/** The most that one call brings: what is lost where a connection ends, and what must be written out before it is answered. */
export const LONGEST_PIECE = 8 * 1024 * 1024
/** So much room stays free on the disk: reports and their database share it. */
export const RESERVE = 512 * 1024 * 1024
/** A folder may hold so many attachments of the largest size. */
export const FOLDER_SHARE = 4
export const MOST_IN_FOLDER = 1_000
/** What is half here and not touched for so long goes. */
export const FORGOTTEN_AFTER = 7 * 86_400_000

export type UploadState = 'receiving' | 'whole' | 'refused' | 'filed' | 'dropped'

/** What the organisation says that it will send. */
export type Announced = {
  name: string
  mediaType: string
  length: number
  sha256?: string | undefined
  audience: AuthorityId[]
  byHash?: true | undefined
}

/** What was typed, as it lies sealed. */
export type About = { name: string; mediaType: string; sha256?: string }
/** What became of it. `kind`: media type by content, where that was looked at. */
export type Found = { sha256: string; kind?: string }

/** The item's value: docs/formats/attachment.md. */
export type AttachmentValue = { name: string; mediaType: string; length: number; sha256: string }

const LONGEST_NAME = 200
const TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,62}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}$/
/** Separators of any system, what Windows reserves, and marks that turn the direction of writing, so that a name reads as another. */
const NOT_IN_NAMES = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}/\\<>:"|?*]/u

export function checkAnnounced(announced: Announced, limit: number, nearMiss: boolean): About {
  const { name, mediaType, length, audience, byHash } = announced
  const mistakes = [
    mistake('name', nameMistake(name)),
    mistake('mediaType', TYPE.test(mediaType) ? undefined : 'Give a media type, for example application/pdf'),
    mistake('length', lengthMistake(length, limit, byHash)),
    mistake('sha256', hashMistake(announced)),
    mistake('audience', audienceMistake(audience, nearMiss)),
  ].flat()
  if (mistakes.length > 0) throw invalid(...mistakes)
  // Bytes that never travel are not looked at either.
  if (audience.includes('ico') && !byHash && !allowedEndings.has(endingOf(name))) throw refusedFor('ending')
  return { name, mediaType, ...(announced.sha256 !== undefined && { sha256: hashOf(announced.sha256) }) }
}

function mistake(field: string, message: string | undefined): Mistake[] {
  return message === undefined ? [] : [{ field, message }]
}

function nameMistake(name: string): string | undefined {
  if (name.trim() === '' || /^\.+$/.test(name)) return 'Give the file\u2019s name'
  if (name !== name.trim() || name.endsWith('.')) return 'A name does not begin or end with a space, nor end with a full stop'
  if (name.length > LONGEST_NAME) return `Use no more than ${LONGEST_NAME} characters`
  return NOT_IN_NAMES.test(name) || !name.isWellFormed() ? 'Give the name alone, without folders or control characters' : undefined
}

function lengthMistake(length: number, limit: number, byHash: true | undefined): string | undefined {
  if (length < 1) return 'There is nothing in an empty file'
  if (length <= limit || byHash) return undefined
  return `This is more than the ${limit.toLocaleString('en-GB')} bytes that can be sent: name it by its hash instead (byHash, with sha256)`
}

function hashMistake({ sha256, byHash }: Announced): string | undefined {
  if (sha256 === undefined) return byHash ? 'What is named by its hash needs one' : undefined
  try {
    return fromB64u(hashOf(sha256), 32) && undefined
  } catch {
    return 'Give the SHA-256 of the file, as 64 hexadecimal digits or base64url'
  }
}

/** Programs print hashes in hexadecimal digits; what we keep has one spelling. */
function hashOf(sha256: string): string {
  return /^[0-9a-f]{64}$/i.test(sha256) ? b64u(Buffer.from(sha256, 'hex')) : sha256
}

function audienceMistake(audience: AuthorityId[], nearMiss: boolean): string | undefined {
  if (audience.length === 0) return 'Say who is to have it'
  if (new Set(audience).size !== audience.length) return 'Name each body once'
  return nearMiss && audience.includes('ico') ? 'A near miss is told to the NCSC alone' : undefined
}

export function refusedFor(reason: Reason): Refusal {
  return new Refusal('attachment-refused', { mistakes: [{ field: 'content', message: reasons[reason] }] })
}

export function offsetDiffers(offset: number): Refusal {
  return new Refusal('offset-differs', { offset })
}

/** An offset as an address spells it; another spelling names nothing. */
export function readOffset(text: string): number {
  const offset = Number(text)
  if (!/^(0|[1-9]\d{0,15})$/.test(text) || !Number.isSafeInteger(offset)) throw new Refusal('not-found')
  return offset
}

/** Whole chunks among so many bytes, and what is left. */
export function chunksIn(received: number): { whole: number; rest: number } {
  return { whole: Math.floor(received / CHUNK), rest: received % CHUNK }
}

/** What a body is told. Of what the ICO gets the type is the one that was found, not the one that was declared. */
export function valueFor(to: AuthorityId, about: About, length: number, found: Found): AttachmentValue {
  const mediaType = (to === 'ico' && found.kind) || about.mediaType
  return { name: about.name, mediaType, length, sha256: found.sha256 }
}

/** As it is saved at a body. What the NCSC gets may be malware: under this ending nothing runs it by accident. */
export function nameToSave(node: AuthorityId, name: string): string {
  return node === 'ncsc' ? `${name}.bin` : name
}
