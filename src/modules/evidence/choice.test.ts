import assert from 'node:assert/strict'
import { test } from 'node:test'
import { b64u, sha256 } from '#platform/bytes'
import { onlyChosen } from './choice.ts'
import type { Unsealed } from './bundle.ts'
import { questionStory, wholeStory, type Told } from './testing-story.ts'
import { sealedBy } from './testing.ts'
import { verifyBundle, type Verdict } from './verify.ts'

const whole = wholeStory()
const verdictOn = ({ world }: Pick<Told, 'world'>, bundle: Unsealed): Verdict =>
  verifyBundle(sealedBy(bundle, world.statement.portal), world.trust)
const faults = ({ findings }: Verdict) => findings.filter(({ ok }) => !ok)
const read = (payload: string): any => JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
/** Every item told, in the order of the reports. */
const told = whole.bundle.submissions.flatMap((one) => ('payload' in one ? (read(one.payload).items as any[]) : []))
const finding = whole.bundle.requests
  .flatMap((one) => ('words' in one ? (read(one.words).items as any[]) : []))
  .find(({ question }) => question === 'finding')

/** All that a bundle says, whatever is packed in base64url within it. */
function plain(bundle: Unsealed): string {
  const text = sealedBy(bundle, whole.world.statement.portal)
  const parts = text.match(/[\w-]{8,}/g) ?? []
  return [text, ...parts.map((part) => Buffer.from(part, 'base64url').toString('utf8'))].join('\n')
}

test('one item is shown and proved, and of the others nothing but their commitments', () => {
  const [chosen, ...others] = told
  const bundle = onlyChosen(whole.bundle, [chosen.id])
  const verdict = verdictOn(whole, bundle)
  assert.deepEqual(faults(verdict), [])
  assert.equal(verdict.withheld, new Set([...told, finding].map(({ id }) => id)).size - 1)
  assert.ok(verdict.notProved.some((line) => line.includes(`What ${verdict.withheld} items named in these records say`)))
  const said = plain(bundle)
  assert.ok(said.includes(chosen.value))
  for (const { value, salt } of [...others, finding]) {
    if (value !== chosen.value) assert.ok(!said.includes(value), value)
    assert.ok(!said.includes(salt), 'a salt would let a value be guessed')
  }
  assert.ok(plain(whole.bundle).includes(others.at(-1).value), 'so that the search is known to find')
})

test('who holds the item shown is known, and who holds what is not shown is known too', () => {
  const bundle = onlyChosen(whole.bundle, [told[0].id])
  const { holdings } = verdictOn(whole, bundle).held
  const everything = verdictOn(whole, whole.bundle).held.holdings
  const kept = everything.filter(({ finding: found }) => !found)
  assert.deepEqual(
    holdings.map(({ item, authority, door }) => [item, authority, door]),
    kept.map(({ item, authority, door }) => [item, authority, door]),
  )
  assert.deepEqual(new Set(holdings.map(({ item, question }) => item === told[0].id || question === '')), new Set([true]))
})

test('everything chosen is everything, and says that it was chosen', () => {
  const all = [...told, finding].map(({ id }) => id)
  const bundle = onlyChosen(whole.bundle, all)
  const { withheld } = verdictOn(whole, bundle)
  assert.equal(withheld, 0)
  assert.deepEqual(faults(verdictOn(whole, bundle)), [])
})

test('an answer brings the question it answers, and no other question', () => {
  const answer = told.find(({ question }) => question.startsWith('asked-'))
  const silent = (bundle: Unsealed) => bundle.enquiries.filter((one) => !('payload' in one)).length
  const without = onlyChosen(whole.bundle, [told[0].id])
  const asked = onlyChosen(whole.bundle, [answer.id])
  assert.deepEqual([silent(without), silent(asked)], [2, 1])
  assert.ok(plain(asked).includes('How many people are affected?'))
  assert.ok(!plain(without).includes('How many people are affected?'))
  assert.ok(!plain(asked).includes('Is the gateway still reachable?'))
  for (const bundle of [without, asked]) assert.deepEqual(faults(verdictOn(whole, bundle)), [])
})

test('what is not shown is not claimed to be proved', () => {
  const { proved, findings } = verdictOn(whole, onlyChosen(whole.bundle, [told[0].id]))
  assert.ok(proved.some((line) => line.startsWith('The ICO asked 1 question') && line.includes('0 of them in the very words shown')))
  assert.ok(findings.some(({ check, detail }) => check === 'permissions' && detail.includes('over words that are not all shown here')))
})

test('what is no item of the incident cannot be chosen', () => {
  const stranger = whole.world.organisation.id
  for (const ids of [[stranger], [told[0].id, stranger]]) assert.throws(() => onlyChosen(whole.bundle, ids), { code: 'invalid' })
})

test('a portal cannot change what is shown, nor show or hide other than it says', () => {
  const [chosen, other] = told
  const bundle = onlyChosen(whole.bundle, [chosen.id])
  const at = bundle.submissions.findIndex((one) => 'items' in one && one.items.length > 0)
  const part = bundle.submissions[at] as { statement: string; items: any[] }
  const put = (items: any[]): Unsealed => ({ ...bundle, submissions: bundle.submissions.with(at, { ...part, items }) })
  const [item] = part.items
  const tricks: [string, Unsealed][] = [
    ['another value', put([{ ...item, value: 'Nothing happened.' }])],
    ['another question', put([{ ...item, question: 'q20' }])],
    ['another salt', put([{ ...item, salt: b64u(sha256('x')) }])],
    ['twice', put([item, item])],
    ['none', put([])],
    ['one more', put([item, other])],
    ['an item of another report', put([told.at(-1)])],
    ['no word of a choice', { ...bundle, chosen: undefined } as never],
    ['an item chosen and not shown', { ...bundle, chosen: [...bundle.chosen!, other.id].sort() }],
    ['the choice twice', { ...bundle, chosen: [chosen.id, chosen.id] }],
  ]
  assert.deepEqual(faults(verdictOn(whole, bundle)), [])
  for (const [what, trick] of tricks) assert.notDeepEqual(faults(verdictOn(whole, trick)), [], what)
})

test('a bundle that does not say that it was chosen from has every payload', () => {
  const { world, bundle } = questionStory()
  const { statement } = bundle.enquiries[0]!
  const verdict = verdictOn({ world }, { ...bundle, enquiries: [{ statement }] })
  assert.ok(faults(verdict).some(({ check, detail }) => check === 'payloads' && detail.includes('chosen from')))
})
