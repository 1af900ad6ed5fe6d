import assert from 'node:assert/strict'
import { test } from 'node:test'
import { b64u, sha256 } from '#platform/bytes'
import { onlyChosen } from './choice.ts'
import { recordIn } from './compose.ts'
import { permissionStory, type Differently } from './testing-permissions.ts'
import { createWorld, sealedBy } from './testing.ts'
import { verifyBundle, type CheckName, type Verdict } from './verify.ts'
import type { Unsealed } from './bundle.ts'

// A permission that the organisation started, narrowed, and withdrew by telephone, as the bundle shows it.

const small = () => createWorld({ slots: 4 })
const verdictOn = (told = permissionStory({}, small()), bundle: Unsealed = told.bundle): Verdict =>
  verifyBundle(sealedBy(bundle, told.world.statement.portal), told.world.trust)
const failed = (verdict: Verdict): CheckName[] => [...new Set(verdict.findings.filter(({ ok }) => !ok).map(({ check }) => check))]

test('[consent-before-disclosure] [retention] the whole story passes, and says what was not sent, restricted, kept and deleted', () => {
  const verdict = verdictOn()
  assert.deepEqual(
    verdict.findings.filter(({ ok }) => !ok),
    [],
  )
  assert.deepEqual([verdict.held.notYetConfirmed, verdict.held.notYetReceived], [[], []])
  const door3 = verdict.held.holdings.filter(({ door }) => door === 3)
  assert.deepEqual(
    door3.map(({ question, restricted, deleted }) => [question, restricted !== undefined, deleted !== undefined]),
    [
      ['q19', false, false],
      ['q24', true, true],
    ],
  )
  for (const words of ['1 disclosure of which it gave notice never left', 'refused 1 disclosure', 'deleted 1 item'])
    assert.ok(
      verdict.proved.some((line) => line.includes(words)),
      words,
    )
})

test('what is kept is said with its ground, until it is deleted', () => {
  const told = permissionStory({}, small())
  const isDeletion = (statement: string) => recordIn(statement).record['decision'] === 'deleted'
  assert.ok(isDeletion(told.bundle.receipts.at(-2)!) || told.bundle.receipts.some(isDeletion))
  // The newest entry of the ICO may be missing; what is left says that the copy is kept.
  const verdict = verdictOn(told, { ...told.bundle, receipts: told.bundle.receipts.filter((statement) => !isDeletion(statement)) })
  assert.deepEqual(
    verdict.held.holdings.flatMap(({ kept }) => kept?.ground ?? []),
    ['legal-hold'],
  )
  assert.ok(verdict.proved.some((line) => line.includes('on this ground: legal-hold')))
})

const wrong: [string, CheckName, Differently][] = [
  ['a permission for longer than was offered', 'permissions', { claims: { exp: 1_900_000_000 } }],
  ['a permission over other words than were shown', 'permissions', { claims: { notice: b64u(sha256('x')) } }],
  ['an offer of nothing', 'payloads', { offer: { items: [] } }],
  ['an offer of another purpose than its words', 'payloads', { offer: { purpose: 'national-resilience' } }],
  ['an offer that names items and a question', 'payloads', { offer: { enquiry: '5b0f5c1c-2f43-4f7c-9d46-0d1a4f1a2b3c' } }],
  ['a place taken by the permission\u2019s record alone', 'decisions', { unsaid: 'by-offer' }],
  ['a place taken by the offer alone', 'decisions', { unsaid: 'by-permission' }],
  ['a place taken by a permission that runs longer', 'decisions', { narrower: 'longer' }],
  ['an ending that the NCSC told twice', 'both-sides', { twice: true }],
  ['an ending of what no notice told of', 'both-sides', { ending: { disclosure: '5b0f5c1c-2f43-4f7c-9d46-0d1a4f1a2b3c' } }],
  ['an ending that speaks of another record', 'both-sides', { ending: { record: b64u(sha256('x')) } }],
  ['what was not sent, and the ICO took', 'both-sides', { taken: true }],
  ['what was not sent, and left', 'withdrawals', { named: 'left' }],
  ['a copy kept without a ground', 'statements', { decision: { ground: undefined } }],
  ['a copy deleted on a ground', 'statements', { decision: { decision: 'deleted' } }],
  ['a decision about what was never restricted', 'withdrawals', { decision: { for: '5b0f5c1c-2f43-4f7c-9d46-0d1a4f1a2b3c' } }],
  ['a decision about what was deleted', 'withdrawals', { again: true }],
  ['a call without what was said', 'payloads', { call: Buffer.from('{}') }],
  ['a withdrawal by session from the NCSC', 'statements', { by: 'session' }],
]
for (const [what, check, differently] of wrong)
  test(`${what} does not pass`, () => {
    const verdict = verdictOn(permissionStory(differently, small()))
    assert.ok(failed(verdict).includes(check), JSON.stringify(verdict.findings.filter(({ ok }) => !ok)))
  })

test('a bundle in which another permission took the place needs both, and the offers', () => {
  const told = permissionStory({}, small())
  for (const list of ['offers', 'permissions'] as const)
    for (const at of [0, 1]) {
      const verdict = verdictOn(told, { ...told.bundle, [list]: (told.bundle[list] as unknown[]).toSpliced(at, 1) })
      assert.equal(verdict.ok, false, `${list} ${at}`)
    }
  const [first, second] = told.bundle.offers as { statement: string; words: string }[]
  const swapped = [
    { ...first!, words: second!.words },
    { ...second!, words: first!.words },
  ]
  assert.deepEqual(failed(verdictOn(told, { ...told.bundle, offers: swapped })), ['payloads'])
  assert.deepEqual(
    failed(verdictOn(told, { ...told.bundle, withdrawals: told.bundle.withdrawals.map(({ statement }) => ({ statement })) })),
    ['payloads'],
  )
})

test('with chosen items alone, an offer shows those and no others', () => {
  const told = permissionStory({}, small())
  const [item] = (recordIn(told.bundle.offers[0]!.statement).record.items ?? []) as { id: string }[]
  const chosen = onlyChosen(told.bundle, [item!.id])
  const verdict = verdictOn(told, chosen)
  assert.deepEqual(
    verdict.findings.filter(({ ok }) => !ok),
    [],
  )
  assert.equal(verdict.withheld, 1)
  assert.ok(
    !Buffer.from(JSON.stringify(chosen))
      .toString()
      .includes(b64u(Buffer.from('Backups are intact.')).slice(0, 12)),
  )
  const words = (told.bundle.offers[0] as { words: string }).words
  const tooMuch = { ...chosen, offers: chosen.offers.map((one, at) => (at === 0 ? { statement: one.statement, words } : one)) }
  assert.deepEqual(failed(verdictOn(told, tooMuch)), ['payloads'])
})
