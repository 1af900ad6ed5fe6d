import { fileTypeFromBuffer } from 'file-type'
import type { Bytes } from '#platform/bytes'
import type { ReadAt } from './blob.ts'

/** Why the ICO is not sent something, in words for whoever sends it. The NCSC takes anything: nothing here is asked for it. */
export const reasons = {
  'ending': 'The ICO is sent PDF, PNG, JPEG, plain text, CSV, Word, Excel and PowerPoint files, under the ending that belongs to each',
  'ending-differs': 'The name ends as another kind of file does than its content shows',
  'executable': 'This is a program',
  'script': 'This is a script, which a computer could run',
  'archive': 'This is an archive: send what is in it, file by file',
  'markup': 'This is a web page, an SVG image or other markup, which can hold scripts: send a PDF or a picture of it',
  'email': 'This is an email message, which can hold other files: send its text, and each file by itself',
  'encrypted': 'This is encrypted or locked with a password, so nobody can see what is in it',
  'old-office': 'This is an older Office file, or one locked with a password: save it as .docx, .xlsx or .pptx without one, or as a PDF',
  'macros': 'This document holds macros: save it without them',
  'embedded': 'This document holds other files or programs in it: send each by itself',
  'remote-template': 'This document loads a part of itself from somewhere else when it is opened',
  'active-pdf': 'This PDF holds scripts, attached files, forms that send, or things that start when it is opened: print it to a new PDF',
  'unreadable': 'This could not be read through to its end as the kind of file that it begins as',
  'not-utf-8': 'This is not plain text in UTF-8: save it with that encoding',
  'unknown': 'This is none of the kinds of file that the ICO is sent',
  'hash-differs': 'What arrived is not what was announced: its SHA-256 is another',
  'damaged': 'What was kept of this was damaged: begin again',
} as const
export type Reason = keyof typeof reasons

export const kinds = {
  'application/pdf': ['pdf'],
  'image/png': ['png'],
  'image/jpeg': ['jpg', 'jpeg'],
  'text/plain': ['txt', 'text', 'log', 'md', 'csv', 'tsv', ''],
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': ['docx'],
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': ['xlsx'],
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': ['pptx'],
} as const
export type Kind = keyof typeof kinds

/** A file's own bytes, in order and at any place, whatever it lies sealed as. */
export type Plain = { length: number; read: ReadAt; pieces(): AsyncIterable<Bytes> }

export const allowedEndings: ReadonlySet<string> = new Set(Object.values(kinds).flat())
/** What an Office file is named as; which of the three it is its own table of contents says. */
export const officeEndings: ReadonlySet<string> = new Set(['docx', 'xlsx', 'pptx'])

/** How much of a file's beginning says what it is. */
export const BEGINNING = 4_100

export function endingOf(name: string): string {
  const at = name.lastIndexOf('.')
  return at < 0 ? '' : name.slice(at + 1).toLowerCase()
}

export function fitsEnding(kind: Kind, name: string): boolean {
  return (kinds[kind] as readonly string[]).includes(endingOf(name))
}

/** What a file seems to be by its beginning: one of the kinds, something that only its end can tell, or a reason against it. */
export type Seeming = { kind: Kind } | { office: true } | { refused: Reason }

/**
 * Looks at a file's first bytes. What they declare or are named counts for nothing: text is what reads as text, and all else is what
 * its own signature says. `whole`: there is no more than this.
 */
export async function seeming(start: Bytes, whole: boolean): Promise<Seeming> {
  if (begins(start, '%PDF-')) return { kind: 'application/pdf' }
  const text = textIn(start, whole)
  if (text !== undefined) return textSeems(text)
  if (begins(start, 'PK\u0003\u0004')) return officeSeems(start)
  const type = await fileTypeFromBuffer(start)
  if (type === undefined) return { refused: 'not-utf-8' }
  if (type.mime === 'image/png' || type.mime === 'image/jpeg') return { kind: type.mime }
  return { refused: families.find(([, mime]) => mime.test(type.mime))?.[0] ?? 'unknown' }
}

const families: [Reason, RegExp][] = [
  ['executable', /x-msdownload|x-dosexec|x-elf|mach-binary|wasm|java-vm|shockwave|vnd\.android|x\.ms\.shortcut|apple\.alias|msi$/],
  ['archive', /zip|rar|tar|7z|gzip|bzip|compress|x-xz|zstd|lz[h4]?|cab|arj|x-iso|apple-diskimage|deb$|rpm$|cpio|unix-archive|ace-|mie$/],
  ['old-office', /x-cfb|ms-outlook/],
  ['encrypted', /pgp-encrypted/],
  ['markup', /xml|html|svg/],
  ['email', /rfc822|mbox/],
]

function begins(bytes: Bytes, signature: string): boolean {
  return Buffer.from(bytes.subarray(0, signature.length)).toString('latin1') === signature
}

/** Control characters that no text has; tab, line ends and form feed are text. */
const NOT_TEXT = /[^\P{Cc}\t\n\r\f]/u

/** Undefined where it is no text. A character cut at the end is not held against it unless that is the file's end. */
function textIn(bytes: Bytes, whole: boolean): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: !whole })
    return NOT_TEXT.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

const textRules: [Reason, RegExp][] = [
  ['markup', /^\s*<[a-z!?/]/i],
  ['script', /^#!|^\s*(@?echo off\b|<\?php|<%|%!PS)/i],
  ['unknown', /^\{\\rtf/i],
]
const MAIL_HEADER = /^(From .*|[A-Za-z][A-Za-z0-9-]*:.*)\r?\n/
const MAIL = /^(received|return-path|message-id|mime-version|dkim-signature|delivered-to):/im

function textSeems(text: string): Seeming {
  const refused = textRules.find(([, rule]) => rule.test(text))?.[0]
  if (refused !== undefined) return { refused }
  const head = text.split(/\r?\n\r?\n/, 1)[0]!
  return MAIL_HEADER.test(text) && MAIL.test(head) ? { refused: 'email' } : { kind: 'text/plain' }
}

const ENCRYPTED = 1
const OFFICE_PART = /^(\[Content_Types\]\.xml|_rels\/|docProps\/|word\/|xl\/|ppt\/|customXml\/)/

/** By the name and flags of the first entry: PKWARE APPNOTE 4.3.7. */
function officeSeems(start: Bytes): Seeming {
  const head = Buffer.from(start)
  if (head.length < 30) return { refused: 'unreadable' }
  const name = head.subarray(30, 30 + head.readUInt16LE(26)).toString('utf8')
  if (head.readUInt16LE(6) & ENCRYPTED) return { refused: 'encrypted' }
  return OFFICE_PART.test(name) ? { office: true } : { refused: 'archive' }
}

/** Reads a text piece by piece; `push` says whether it is one so far, `end` whether it was one to the end. */
export function textChecker(): { push(piece: Bytes): boolean; end(): boolean } {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const reads = (piece: Bytes | undefined): boolean => {
    try {
      return !NOT_TEXT.test(decoder.decode(piece, { stream: piece !== undefined }))
    } catch {
      return false
    }
  }
  return { push: reads, end: () => reads(undefined) }
}
