import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { b64u } from '#platform/bytes'
import { Refusal } from '#platform/errors'
import { signerOf } from '#platform/jws'
import { runs, seed } from '../../../checks/runs.ts'
import { statementVectors } from '../../../vectors/make-statement.ts'
import { itemCommitment, itemsMatch, openItemRef } from './item.ts'
import type { OpenItem } from './message.ts'
import { checkStatement, signStatement } from './statement.ts'
import { checkTrustFile, fingerprints, trustOf } from './trust.ts'

const file = readFileSync(new URL('../../../vectors/statement.json', import.meta.url), 'utf8')
const vectors = JSON.parse(file)
const trust = trustOf(checkTrustFile(vectors.trust))

test('the file is what its script writes', () => assert.equal(file, statementVectors()))

test('valid statements: record, its hash, its place, its time', () => {
  for (const { why, statement, record, recordHash, commitment, logTime, n } of vectors.valid) {
    const found = checkStatement(statement, trust)
    assert.deepEqual(
      [found.recordText, b64u(found.recordHash), b64u(found.checked.commitment), found.checked.logTime.toISOString(), found.checked.n],
      [record, recordHash, commitment, logTime, n],
      why,
    )
  }
})

test('the same record and log give the same statement', () => {
  for (const { statement, record } of vectors.valid) {
    const { from } = JSON.parse(record)
    assert.equal(signStatement(record, checkStatement(statement, trust).log, signerOf(vectors.keys[from])), statement)
  }
})

test('what must fail fails, and says whether it is no statement or one that is not proved', () => {
  for (const { why, code, statement } of vectors.invalid)
    assert.throws(
      () => checkStatement(statement, trust),
      (error) => (code === 'form' ? error instanceof SyntaxError : error instanceof Refusal && error.code === code),
      why,
    )
})

test('what fails alone fails with a cache too, before and after a good one', () => {
  const cache = new Map<string, unknown>()
  for (let round = 0; round < 2; round++) {
    for (const { why, statement } of vectors.invalid) assert.throws(() => checkStatement(statement, trust, cache), Error, why)
    for (const { statement } of vectors.valid) checkStatement(statement, trust, cache)
  }
})

test('no statement with one character changed is a statement', () => {
  const statement: string = vectors.valid[1].statement
  fc.assert(
    fc.property(fc.nat({ max: statement.length - 1 }), fc.constantFrom(...'AQgw_-.x='), (at, character) => {
      fc.pre(statement[at] !== character)
      assert.throws(() => checkStatement(statement.slice(0, at) + character + statement.slice(at + 1), trust))
    }),
    { numRuns: runs(300), seed },
  )
})

test('an item opens its commitment and no other does', () => {
  const { item, commitment } = vectors.item as { item: OpenItem; commitment: string }
  assert.equal(itemCommitment(item), commitment)
  const other = { ...item, id: '5d1c6c9e-8a3c-4c56-9f0e-6a1f6a3f7c11' }
  const changed: OpenItem[] = [other, { ...item, question: 'q20' }, { ...item, value: null }, { ...item, salt: b64u(Buffer.alloc(32)) }]
  for (const one of changed) assert.notEqual(itemCommitment(one), commitment)
  assert.throws(() => itemCommitment({ ...item, salt: 'AA' }), SyntaxError)
  const refs = [openItemRef(item)]
  assert.equal(itemsMatch([item], refs), true)
  for (const [items, named] of [
    [[], refs],
    [[item], []],
    [
      [item, item],
      [...refs, ...refs],
    ],
    [[other], refs],
    [changed.slice(1, 2), refs],
    [[item, other], refs],
  ] as const)
    assert.equal(itemsMatch([...items], [...named]), false)
})

test('a trust file is read strictly, and its fingerprints are those of its keys', () => {
  assert.deepEqual(
    fingerprints(vectors.trust).map(({ node, use }) => `${node} ${use}`),
    ['portal statements', 'portal ledger', 'ncsc statements', 'ncsc ledger', 'ico statements', 'ico ledger'],
  )
  const { nodes, ...rest } = vectors.trust
  const wrong = [
    { ...vectors.trust, more: 1 },
    { ...vectors.trust, v: 2 },
    { ...vectors.trust, agreements: [] },
    rest,
    { ...rest, nodes: { ...nodes, hq: nodes.ico } },
  ]
  for (const value of wrong) assert.throws(() => checkTrustFile(value))
})
