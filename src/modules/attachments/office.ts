import { inflateRawSync } from 'node:zlib'
import type { Kind, Plain, Reason } from './content.ts'

// Word, Excel and PowerPoint files are ZIP archives (PKWARE APPNOTE, ISO/IEC 29500-2): what is in one is said by its table of contents at the end.

const END = 0x06054b50
const ENTRY = 0x02014b50
const LOCAL = 0x04034b50
const END_LENGTH = 22
const LONGEST_COMMENT = 65_535
const LARGEST_TABLE = 4 * 1024 * 1024
const MOST_ENTRIES = 10_000
const LARGEST_PART = 2 * 1024 * 1024
const ENCRYPTED = 0x2041
const IN_64_BITS = 0xffff_ffff

type Entry = { name: string; flags: number; method: number; packed: number; at: number }

class Unreadable extends Error {}

/** Whether an archive ends where the file ends: then it is one, whatever it begins as. */
export async function endsAsArchive(file: Plain): Promise<boolean> {
  const tail = Buffer.from(await file.read(Math.max(0, file.length - END_LENGTH - LONGEST_COMMENT), END_LENGTH + LONGEST_COMMENT))
  return endIn(tail) !== undefined
}

function endIn(tail: Buffer): number | undefined {
  for (let at = tail.length - END_LENGTH; at >= 0; at -= 1)
    if (tail.readUInt32LE(at) === END && at + END_LENGTH + tail.readUInt16LE(at + 20) === tail.length) return at
  return undefined
}

async function entriesOf(file: Plain): Promise<Entry[]> {
  const start = Math.max(0, file.length - END_LENGTH - LONGEST_COMMENT)
  const tail = Buffer.from(await file.read(start, END_LENGTH + LONGEST_COMMENT))
  const end = endIn(tail)
  if (end === undefined) throw new Unreadable()
  const [count, size, at] = [tail.readUInt16LE(end + 10), tail.readUInt32LE(end + 12), tail.readUInt32LE(end + 16)]
  if (count > MOST_ENTRIES || size > LARGEST_TABLE || at + size !== start + end) throw new Unreadable()
  const table = Buffer.from(await file.read(at, size))
  const entries: Entry[] = []
  let next = 0
  while (next + 46 <= table.length && table.readUInt32LE(next) === ENTRY) {
    const [name, extra, comment] = [28, 30, 32].map((offset) => table.readUInt16LE(next + offset)) as [number, number, number]
    entries.push({
      name: table.subarray(next + 46, next + 46 + name).toString('utf8'),
      flags: table.readUInt16LE(next + 8),
      method: table.readUInt16LE(next + 10),
      packed: table.readUInt32LE(next + 20),
      at: table.readUInt32LE(next + 42),
    })
    next += 46 + name + extra + comment
  }
  if (next !== table.length || entries.length !== count) throw new Unreadable()
  return entries
}

/** Where an entry's bytes begin. The name before them must be the table's: programs differ in which of the two they believe. */
async function bytesBegin(file: Plain, entry: Entry): Promise<number> {
  const head = Buffer.from(await file.read(entry.at, 30))
  if (head.length < 30 || head.readUInt32LE(0) !== LOCAL || entry.at === IN_64_BITS) throw new Unreadable()
  const [name, extra] = [head.readUInt16LE(26), head.readUInt16LE(28)]
  const told = Buffer.from(await file.read(entry.at + 30, name)).toString('utf8')
  if (told !== entry.name || head.readUInt16LE(6) !== entry.flags || head.readUInt16LE(8) !== entry.method) throw new Unreadable()
  return entry.at + 30 + name + extra
}

async function textOf(file: Plain, entry: Entry): Promise<string> {
  if (entry.packed > LARGEST_PART || (entry.method !== 0 && entry.method !== 8)) throw new Unreadable()
  const bytes = await file.read(await bytesBegin(file, entry), entry.packed)
  const text = Buffer.from(entry.method === 0 ? bytes : inflateRawSync(bytes, { maxOutputLength: LARGEST_PART }))
  // A part in another encoding than UTF-8 would be read past.
  if (text.includes(0) || !Buffer.from(text.toString('utf8')).equals(text)) throw new Unreadable()
  return text
    .toString('utf8')
    .replace(/&#(?:x([0-9a-f]{1,6})|(\d{1,7}));/gi, (_, hex, decimal) => characterOf(hex ? Number.parseInt(hex, 16) : Number(decimal)))
}

/** Letters may be written by their numbers, so that a rule would read past them. */
function characterOf(code: number): string {
  if (code > 0x10ffff) throw new Unreadable()
  return String.fromCodePoint(code)
}

const MAIN =
  /application\/vnd\.openxmlformats-officedocument\.(wordprocessingml\.document|spreadsheetml\.sheet|presentationml\.presentation)\.main\+xml/g
const ofMain: Record<string, Kind> = {
  'wordprocessingml.document': 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  'spreadsheetml.sheet': 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  'presentationml.presentation': 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
}

/** Parts that are, or hold, something else than a document: by their names. */
const nameRules: [Reason, RegExp][] = [
  ['macros', /vba|macrosheets\/|dialogsheets\/|\.(docm|dotm|xlsm|xltm|xlam|pptm|potm|ppam|ppsm|sldm)$/i],
  ['embedded', /activex|oleobject|(^|\/)embeddings\/(?!.*\.(docx|xlsx|pptx)$)/i],
  ['embedded', /\.(exe|dll|com|scr|js|jse|vbs|vbe|wsf|hta|bat|cmd|ps1|lnk|jar|msi|zip|rar|7z|iso|html?|svg)$/i],
  ['embedded', /(?<!printerSettings\d{0,4})\.bin$/i],
]
/** The same, by the types that the table of types gives. */
const typeRules: [Reason, RegExp][] = [
  ['macros', /macroEnabled|vbaProject|vbaData|macrosheet|dialogsheet/i],
  ['embedded', /activeX|oleObject/i],
]
/** A relation to something outside that is opened with the document, and a place on the reader's own machine. */
const LOADS = /^(?=.*\/(attachedTemplate|oleObject|frame|subDocument|control)["'])(?=.*TargetMode\s*=\s*["']External)/is
const NEARBY = /\sTarget\s*=\s*["']((file:\/{0,3})?[a-z]:[\\/]|[^\\/:"'&%][^:"'&]*["'])/i

function ruleFor(rules: [Reason, RegExp][], texts: string[]): Reason | undefined {
  return rules.find(([, rule]) => texts.some((text) => rule.test(text)))?.[0]
}

function loadsFromAfar(relations: string): boolean {
  return [...relations.matchAll(/<(?:\w+:)?Relationship\b[^>]*>/gi)].some(([one]) => LOADS.test(one) && !NEARBY.test(one))
}

/** Which of the three it is, by its own table of types, or why it is not sent. Nothing in it is opened but tables. */
export async function officeKind(file: Plain): Promise<{ kind: Kind } | { refused: Reason }> {
  try {
    return await kindIn(file, await entriesOf(file))
  } catch (error) {
    // A damaged blob is a fault of ours; a ZIP that cannot be read through is not.
    if (error instanceof SyntaxError) throw error
    return { refused: 'unreadable' }
  }
}

async function kindIn(file: Plain, entries: Entry[]): Promise<{ kind: Kind } | { refused: Reason }> {
  if (entries.some(({ flags }) => flags & ENCRYPTED)) return { refused: 'encrypted' }
  const names = entries.map(({ name }) => name)
  const refused = ruleFor(nameRules, names)
  if (refused) return { refused }
  if (new Set(names.map((name) => name.toLowerCase())).size !== names.length) return { refused: 'unreadable' }
  for (const entry of entries) await bytesBegin(file, entry)
  const types = entries.find(({ name }) => name === '[Content_Types].xml')
  if (!types) return { refused: 'archive' }
  const told = await textOf(file, types)
  const mains = [...new Set([...told.matchAll(MAIN)].map((match) => match[1]!))]
  const typed = ruleFor(typeRules, [told])
  if (typed) return { refused: typed }
  if (mains.length !== 1) return { refused: 'unknown' }
  for (const entry of entries.filter(({ name }) => name.endsWith('.rels')))
    if (loadsFromAfar(await textOf(file, entry))) return { refused: 'remote-template' }
  return { kind: ofMain[mains[0]!]! }
}
