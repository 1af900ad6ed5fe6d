import { constants, inflateSync } from 'node:zlib'
import type { Bytes } from '#platform/bytes'
import type { Reason } from './content.ts'

/** Names of what a PDF may do by itself, or hide in itself: ISO 32000-1, 12.6.4 (actions), 7.11.4 (embedded files), 12.7.8 (XFA), 13. */
const active = new Set([
  'JavaScript',
  'Launch',
  'EmbeddedFile',
  'EmbeddedFiles',
  'RichMedia',
  'Rendition',
  'XFA',
  'SubmitForm',
  'ImportData',
  'GoToE',
  'Movie',
  'Sound',
])

/** PDF's own white space and delimiters end a name (7.2.2). */
const NAME = /\/([^\0\t\n\f\r ()<>[\]{}/%]{1,127})/g
/** What stands before its bytes: no more of a dictionary is looked at. */
const KEPT = 65_536
const OVERLAP = 512
/** Objects packed together that are larger than this nobody makes. */
const MOST_PACKED = 8 * 1024 * 1024
const MOST_UNPACKED = 64 * 1024 * 1024

/** Letters of a name may be written as two hexadecimal digits each (7.3.5): `/J#61vaScript`. */
function namesIn(text: string): string[] {
  return [...text.matchAll(NAME)].map(([, name]) =>
    name!.includes('#')
      ? name!.replace(/#([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
      : name!,
  )
}

function reasonIn(text: string): Reason | undefined {
  const names = namesIn(text)
  if (names.includes('Encrypt')) return 'encrypted'
  return names.some((name) => active.has(name)) ? 'active-pdf' : undefined
}

/** Objects may be packed together and compressed (7.5.7); what they are called is then read inside. What cannot be unpacked is refused. */
function reasonInPacked(dictionary: string, packed: string): Reason | undefined {
  const names = namesIn(dictionary)
  // Not compressed: its names were read where they stand.
  if (!names.includes('Filter')) return undefined
  const filters = names.filter((name) => /Decode$|^(Fl|AHx|A85|LZW|RL|CCF|DCT|Crypt)$/.test(name))
  if (filters.join() !== 'FlateDecode' || names.includes('DecodeParms') || names.includes('DP')) return 'unreadable'
  try {
    const options = { maxOutputLength: MOST_UNPACKED, finishFlush: constants.Z_SYNC_FLUSH }
    return reasonIn(inflateSync(Buffer.from(packed, 'latin1'), options).toString('latin1'))
  } catch {
    return 'unreadable'
  }
}

/** The dictionary before a stream, from the last object that begins. */
function dictionaryBefore(text: string, at: number): string {
  return text.slice(Math.max(0, text.lastIndexOf('obj', at)), at)
}

/**
 * Looks through a PDF piece by piece, in bounded memory, at every name in it and in its packed objects. What it cannot unpack it refuses.
 * It does not follow the file's own tables: a name counts wherever it stands.
 */
export function pdfChecker(): { push(piece: Bytes): Reason | undefined } {
  let text = ''
  let from = 0
  let open: { dictionary: string; start: number } | undefined

  const closeStream = (): Reason | 'more' | undefined => {
    const end = text.indexOf('endstream', from)
    if (end < 0) return text.length > MOST_PACKED ? 'unreadable' : 'more'
    const inside = reasonInPacked(open!.dictionary, text.slice(open!.start, end))
    open = undefined
    from = end + 'endstream'.length
    return inside
  }
  const openStream = (): 'more' | undefined => {
    const found = /(?<!end)stream(\r\n|\r|\n)/g
    found.lastIndex = from
    const match = found.exec(text)
    if (!match) return 'more'
    from = match.index + match[0].length
    const dictionary = dictionaryBefore(text, match.index)
    if (namesIn(dictionary).includes('ObjStm')) open = { dictionary, start: from }
    return undefined
  }
  return {
    push: (piece) => {
      const fresh = Math.max(0, text.length - OVERLAP)
      text += Buffer.from(piece).toString('latin1')
      const found = reasonIn(text.slice(fresh))
      if (found) return found
      for (;;) {
        const step = open ? closeStream() : openStream()
        if (step !== undefined && step !== 'more') return step
        if (step === 'more') break
      }
      const cut = open ? open.start : Math.max(0, text.length - KEPT)
      text = text.slice(cut)
      from = Math.max(0, from - cut)
      if (open) open = { ...open, start: 0 }
      return undefined
    },
  }
}
