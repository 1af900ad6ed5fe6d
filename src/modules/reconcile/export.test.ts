import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { checkTrustFile, trustOf } from '#exchange'
import { exportVectors } from '../../../vectors/make-export.ts'
import { compareExports } from './compare.ts'
import { readExport } from './export.ts'

const file = readFileSync(new URL('../../../vectors/export.json', import.meta.url), 'utf8')
const vectors = JSON.parse(file)
const trust = trustOf(checkTrustFile(vectors.trust))
type Pair = { why: string; ncsc: string; ico: string; found: string[] }

test('the file is what its script writes', () => {
  assert.equal(file, exportVectors())
})

test('between two exports is found what the vectors say, whichever comes first', () => {
  for (const { why, ncsc, ico, found } of vectors.pairs as Pair[]) {
    const [one, other] = [readExport(ncsc, trust), readExport(ico, trust)]
    for (const compared of [compareExports(one, other, trust), compareExports(other, one, trust)])
      assert.deepEqual(
        compared.differences.map(({ code }) => code),
        found,
        why,
      )
  }
})

test('what is not settled is on its way, and each difference names the house to ask', () => {
  const of = (why: string) => {
    const { ncsc, ico } = (vectors.pairs as Pair[]).find((one) => one.why === why)!
    return compareExports(readExport(ncsc, trust), readExport(ico, trust), trust)
  }
  const { both, onTheirWay } = of('the books agree')
  assert.deepEqual([both, onTheirWay], [2, 1])
  assert.equal(of('the recipient does not show what it signed for').differences[0]!.at, 'ico')
  assert.equal(of('the sender does not show what the recipient has').differences[0]!.at, 'ncsc')
  assert.equal(of('less than was seen before').differences[0]!.at, 'ncsc')
})

test('what is no export under its house\u2019s seal is refused, and so is a house beside itself', () => {
  for (const { why, text } of vectors.invalid) assert.throws(() => readExport(text, trust), SyntaxError, why)
  const one = readExport(vectors.pairs[0].ncsc, trust)
  assert.throws(() => compareExports(one, one, trust), SyntaxError)
})
