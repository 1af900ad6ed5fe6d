import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { runs, seed } from '../../../checks/runs.ts'
import { personalDataIn, type PersonalData } from './personal-data.ts'

const at = new Date('2026-11-23T12:00:00Z')
const found = (text: string): [PersonalData, string][] => personalDataIn(text, at).map(({ kind, from, to }) => [kind, text.slice(from, to)])

const likely: [PersonalData, string[]][] = [
  ['name', ['Mr Smith', 'Mrs. Ada Osei-Mensah', 'Dr Siân O’Neill', 'Ms Łucja Żak', 'Professor Jane Roe']],
  ['email', ['ada.osei@example.org', 'jörg+shop@mail.example.co.uk']],
  [
    'telephone',
    ['01632 960141', '(01632) 960 141', '020 7946 0018', '+44 1632 960 141', '+44 (0)7700 900123', '07700900123', '+33 1 99 00 12 34 56'],
  ],
  ['national-insurance-number', ['AB123456C', 'ab 12 34 56 c']],
  ['nhs-number', ['943 476 5919', '943-476-5919']],
  ['card-number', ['4111 1111 1111 1111', '5555555555554444', '3782 822463 10005']],
  ['date-of-birth', ['born on 3 May 1984', 'DOB: 03/05/84', 'date of birth 1984-05-03', '03/05/1984', '3 May 1984']],
]

for (const [kind, texts] of likely)
  test(`likely personal data is found where it stands: ${kind}`, () => {
    for (const text of texts) assert.deepEqual(found(`It says\nthat ${text} is there, and more.`), [[kind, text]], text)
  })

const unlikely = [
  'Connections to 198.51.100.23 and 203.0.113.77 on port 443 in the hour before.',
  'Files end in .mfx9; SHA-256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.',
  'Since 2026-11-23T22:15:00Z, and before on 22/11/2026 and 1 March 2024.',
  'About 2,140 people, 61 schools and 18 care homes; 4,500,000 records; £1,250,000.',
  'Company 01234567, charity 1156789, reference INC-7Q2K-9XRM, ZA123456.',
  'The product is version 10.0.19045.3570, build 1234567890123.',
  'Card 4111 1111 1111 1112 does not pass its check digit, nor does 943 476 5918.',
  'The account of a former contractor, privileged access, the miss rate, the dr site.',
  'Incident 550e8400-e29b-41d4-a716-446655440000 was closed.',
  'GB123456C and AB123456 are no numbers of people.',
]

for (const text of unlikely) test(`not taken for personal data: ${text}`, () => assert.deepEqual(found(text), []))

test('each find stands in the text, none overlaps another, and they come in order', () => {
  const piece = fc.constantFrom(...likely.flatMap(([, texts]) => texts), ...unlikely, ' ', '\n', '@', '+44', '0', '1111')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const text = pieces.join(' ')
      let end = 0
      for (const { from, to } of personalDataIn(text, at)) {
        assert.ok(from >= end && to > from && to <= text.length)
        end = to
      }
    }),
    { numRuns: runs(200), seed },
  )
})

test('the longest answer is read at once, whatever it is made of', () => {
  for (const unit of ['a', '1', '1 ', '0', '(0', '@', 'a@', 'a.', 'Mr ', 'Mr A', 'born ', '3 May ', '+', 'a@b.c ', '4111 ']) {
    const text = unit.repeat(Math.ceil(20_000 / unit.length))
    const began = process.hrtime.bigint()
    personalDataIn(text, at)
    const milliseconds = Number(process.hrtime.bigint() - began) / 1e6
    assert.ok(milliseconds < 1_000, `${unit}: ${milliseconds} ms`)
  }
})
