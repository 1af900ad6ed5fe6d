import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonical } from '#platform/canonical'
import { systemRandom } from '#platform/context'
import { Refusal } from '#platform/errors'
import { openItemRef, type MessageRecord, type OpenItem } from '#exchange'
import { askedQuestion, caseToFileUnder, checkText, checkValue, enquiryIn, newFinding, openReport, questionId } from './case.ts'

const id = () => systemRandom.uuid()
const item = (value: unknown): OpenItem => newFinding('q19', value, systemRandom)

function arrived(items = [item('one'), item({ notYetKnown: true })]) {
  const organisation = {
    id: id(),
    name: 'Marlow Fresh Limited',
    identifiers: [{ scheme: 'companies-house', id: '00999914' }],
    verified: true,
  }
  const record = {
    from: 'portal',
    to: 'ncsc',
    kind: 'report',
    id: id(),
    organisation: organisation.id,
    reference: 'NCSC-7K2M-PQ9X',
    stage: 'initial',
    items: items.map(openItemRef),
  } as unknown as MessageRecord
  return { record, payload: { organisation, stage: 'initial', items } as Record<string, unknown> & { items: OpenItem[] } }
}

const blobOf = (item: string) => ({ item, id: id(), key: HASH, length: 5, size: 128, sha256: HASH })
const HASH = Buffer.alloc(32).toString('base64url')

const open = ({ record, payload }: { record: MessageRecord; payload: unknown }) =>
  openReport(record, Buffer.from(canonical(payload)), 'ncsc')

test('a report whose every item opens its commitment is read', () => {
  const message = arrived()
  assert.deepEqual(open(message).items, message.payload.items)
})

test('a near miss, corrections and blobs are read where the organisation names its own items', () => {
  const message = arrived()
  const [first, second] = message.payload.items
  const more = {
    nearMiss: true,
    corrections: [{ item: first!.id, corrects: id(), why: 'We counted again.' }],
    blobs: [blobOf(second!.id)],
  }
  Object.assign(message.payload, more)
  const { nearMiss, corrections, blobs } = open(message)
  assert.deepEqual({ nearMiss, corrections, blobs }, more)
})

test('a near miss is told to the NCSC alone', () => {
  const { record, payload } = arrived()
  payload['nearMiss'] = true
  const toIco = { ...record, to: 'ico', reference: 'ICO-7K2M-PQ9X' } as MessageRecord
  const bytes = Buffer.from(canonical(payload))
  assert.throws(
    () => openReport(toIco, bytes, 'ico'),
    (error) => error instanceof Refusal && error.code === 'flow-not-allowed',
  )
})

test('the question of an answer names the enquiry, and no other question does', () => {
  const enquiry = id()
  assert.equal(enquiryIn(askedQuestion(enquiry)), enquiry)
  assert.ok(questionId.safeParse(askedQuestion(enquiry)).success)
  for (const question of ['q19', 'attachment', 'finding', 'asked', 'unasked-x']) assert.equal(enquiryIn(question), undefined)
})

const tampered: [string, (message: ReturnType<typeof arrived>) => void][] = [
  [
    'a value that was changed',
    ({ payload }) => {
      payload.items[0]!.value = 'another'
    },
  ],
  [
    'a question that was changed',
    ({ payload }) => {
      payload.items[0]!.question = 'q20'
    },
  ],
  [
    'a salt that was changed',
    ({ payload }) => {
      payload.items[0]!.salt = item('x').salt
    },
  ],
  [
    'a salt that is too short',
    ({ payload }) => {
      payload.items[0]!.salt = 'AA'
    },
  ],
  [
    'an item left out',
    ({ payload }) => {
      payload.items.pop()
    },
  ],
  [
    'an item the record does not name',
    ({ payload }) => {
      payload.items.push(item('more'))
    },
  ],
  [
    'an item twice',
    ({ payload, record }) => {
      payload.items.push(payload.items[0]!)
      record.items!.push(record.items![0]!)
    },
  ],
  [
    'no items',
    (message) => {
      message.payload.items = []
      message.record.items = []
    },
  ],
  [
    'another organisation in the record',
    ({ record }) => {
      record.organisation = id()
    },
  ],
  [
    'another stage in the record',
    ({ record }) => {
      record['stage'] = 'final'
    },
  ],
  [
    'a reference of the other body',
    ({ record }) => {
      record['reference'] = 'ICO-7K2M-PQ9X'
    },
  ],
  [
    'no reference',
    ({ record }) => {
      delete record['reference']
    },
  ],
  [
    'a member that is not known',
    ({ payload }) => {
      payload['also'] = 1
    },
  ],
  [
    'a name that a store cannot hold',
    ({ payload }) => {
      ;(payload['organisation'] as { name: string }).name = 'nul\u0000'
    },
  ],
  [
    'a near miss that is not true',
    ({ payload }) => {
      payload['nearMiss'] = false
    },
  ],
  [
    'no corrections where some are named',
    ({ payload }) => {
      payload['corrections'] = []
    },
  ],
  [
    'a correction of nothing that is in it',
    ({ payload }) => {
      payload['corrections'] = [{ item: id(), corrects: id(), why: 'Counted again.' }]
    },
  ],
  [
    'a correction of one of its own items',
    ({ payload }) => {
      payload['corrections'] = [{ item: payload.items[0]!.id, corrects: payload.items[1]!.id, why: 'Counted again.' }]
    },
  ],
  [
    'an item that corrects two',
    ({ payload }) => {
      const item = payload.items[0]!.id
      payload['corrections'] = [id(), id()].map((corrects) => ({ item, corrects, why: 'Counted again.' }))
    },
  ],
  [
    'two items that correct one',
    ({ payload }) => {
      const corrects = id()
      payload['corrections'] = payload.items.map((one) => ({ item: one.id, corrects, why: 'Counted again.' }))
    },
  ],
  [
    'a correction without a reason',
    ({ payload }) => {
      payload['corrections'] = [{ item: payload.items[0]!.id, corrects: id(), why: ' ' }]
    },
  ],
  [
    'a blob of nothing that is in it',
    ({ payload }) => {
      payload['blobs'] = [{ ...blobOf(id()) }]
    },
  ],
  [
    'a blob whose key is too short',
    ({ payload }) => {
      payload['blobs'] = [{ ...blobOf(payload.items[0]!.id), key: 'AA' }]
    },
  ],
  [
    'a blob of no size that is a number',
    ({ payload }) => {
      payload['blobs'] = [{ ...blobOf(payload.items[0]!.id), size: -1 }]
    },
  ],
  [
    'one blob for two items',
    ({ payload }) => {
      const blob = blobOf(payload.items[0]!.id)
      payload['blobs'] = payload.items.map((one) => ({ ...blob, item: one.id }))
    },
  ],
  [
    'a question that is no id',
    (message) => {
      const bad = { ...item('x'), question: 'Q 1\u0000' }
      message.payload.items = [bad]
      message.record.items = [openItemRef(bad)]
    },
  ],
]

for (const [what, change] of tampered)
  test(`a report is refused for ${what}`, () => {
    const message = arrived()
    change(message)
    assert.throws(
      () => open(message),
      (error) => error instanceof Refusal && error.code === 'envelope-invalid',
    )
  })

test('bytes that are not canonical JSON in UTF-8 are refused', () => {
  const { record, payload } = arrived()
  for (const bytes of [Buffer.from(JSON.stringify(payload, null, 1)), Buffer.from([0xff, 0xfe]), Buffer.from('')])
    assert.throws(
      () => openReport(record, bytes, 'ncsc'),
      (error) => error instanceof Refusal && error.code === 'envelope-invalid',
    )
})

test('what is disclosed goes to the only case, among several to the one that disclosures opened, else to none', () => {
  const [report, disclosed] = [{ opened_by_door: 2 }, { opened_by_door: 3 }]
  assert.equal(caseToFileUnder([report]), report)
  assert.equal(caseToFileUnder([report, report, disclosed]), disclosed)
  assert.equal(caseToFileUnder([report, report]), undefined)
  assert.equal(caseToFileUnder([]), undefined)
})

test('words are kept as written; nothing, too much, and what is not text is refused with its field', () => {
  assert.equal(checkText('  as\nwritten ', 'text'), '  as\nwritten ')
  for (const text of ['', ' \n', 'nul\u0000', 'half \ud800', 'x'.repeat(20_001), 7])
    assert.throws(
      () => checkText(text, 'text'),
      (error) => error instanceof Refusal && error.code === 'invalid' && error.detail.mistakes?.[0]?.field === 'text',
    )
})

test('a finding says something, of any kind JSON has, and not too much', () => {
  for (const value of ['words', 0, false, [], { since: '2026-11-22' }]) assert.deepEqual(checkValue(value, 'value'), value)
  for (const value of [null, undefined, '', ' ', Array.from({ length: 11_000 }, () => 1)])
    assert.throws(
      () => checkValue(value, 'value'),
      (error) => error instanceof Refusal && error.detail.mistakes?.[0]?.field === 'value',
    )
})
