import assert from 'node:assert/strict'
import { test } from 'node:test'
import { b64u, sha256 } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import type { Unsealed } from './bundle.ts'
import { recordIn } from './compose.ts'
import { shortStory, wholeStory, type Told } from './testing-story.ts'
import { bundleOf, createWorld, newItem, receipt, refsOf, reports, sealedBy, states, type Said, type World } from './testing.ts'
import { verifyBundle, type Verdict } from './verify.ts'

// One incident, and the bundle of it at several times.

type Matter = { world: World; received: Said[]; submitted: ReturnType<typeof reports>[] }
const incident = { id: '0a7e3a52-9a5c-4c1d-8a37-5b1f6f2f7a10', reference: 'INC-7K2M-Q9RT' }

function begun(world: World = createWorld()): Matter {
  const matter: Matter = { world, received: [], submitted: [] }
  report(matter)
  return matter
}

/** One report more, with its receipt. */
function report({ world, received, submitted }: Matter): void {
  const item = newItem(world, 'q19', 'Files were encrypted.')
  const told = reports(world, 'ico', [item], 'ICO-8RST-2VWX')
  world.close()
  received.push(receipt(world, 'ico', { for: told.said.id, about: 'report', items: refsOf([item]), reference: 'ICO-8RST-2VWX' }))
  submitted.push(told)
  world.close()
}

function state({ world, received }: Matter): void {
  received.push(...states(world, 'ico'))
  world.close()
}

function bundleNow({ world, received, submitted }: Matter): Unsealed {
  return bundleOf(world, {
    incident,
    submissions: submitted.map(({ said, payload }) => ({ statement: said.statement(), payload })),
    requests: [],
    enquiries: [],
    refusals: [],
    permissions: [],
    withdrawals: [],
    received: received.map((said) => said.statement()),
  })
}

function compared({ world }: Pick<Matter, 'world'>, now: Unsealed, then: Unsealed): Verdict {
  const { portal } = world.statement
  return verifyBundle(sealedBy(now, portal), world.trust, { since: sealedBy(then, portal) })
}

const faults = ({ findings }: Verdict) => findings.filter(({ ok }) => !ok)
function refused(verdict: Verdict, words: RegExp): void {
  assert.equal(verdict.ok, false)
  assert.deepEqual(
    faults(verdict).map(({ check }) => check),
    faults(verdict).map(() => 'since'),
  )
  assert.ok(
    faults(verdict).some(({ detail }) => words.test(detail)),
    JSON.stringify(faults(verdict)),
  )
}

test('a newer bundle holds against an older one, and what is new is said in words', () => {
  const matter = begun()
  state(matter)
  const then = bundleNow(matter)
  assert.deepEqual(compared(matter, then, then).news, ['nothing'])
  report(matter)
  state(matter)
  const verdict = compared(matter, bundleNow(matter), then)
  assert.deepEqual(faults(verdict), [])
  assert.deepEqual(verdict.news, ['1 report of the organisation', '1 receipt of the ICO', '1 daily statement of the ICO'])
})

test('an entry that became a link of the same record is said to be not shown any more', () => {
  const matter = begun()
  state(matter)
  const then = bundleNow(matter)
  const now = bundleNow(matter)
  const { record, log } = recordIn(now.receipts[0]!)
  const link = { from: 'ico' as const, n: 1, record: b64u(sha256(canonical(record))), salt: log.salt, salt2: log.opening!.salt2 }
  const hiding = { ...now, submissions: now.submissions, receipts: [], others: [link] }
  refused(compared(matter, hiding, then), /this receipt was shown and is not shown any more/)
})

test('a report that is gone is missed, though no authority ever signed for it', () => {
  const matter = begun()
  const late = newItem(matter.world, 'q20', 'Not acknowledged.')
  matter.submitted.push(reports(matter.world, 'ico', [late], 'ICO-8RST-2VWX'))
  matter.world.close()
  const then = bundleNow(matter)
  const now = { ...then, submissions: then.submissions.slice(0, 1) }
  assert.equal(verifyBundle(sealedBy(now, matter.world.statement.portal), matter.world.trust).ok, true, 'by itself it holds')
  refused(compared(matter, now, then), /this report was shown and is not shown any more/)
})

test('a shorter chain than before, another history, another matter, the wrong way round: none passes', () => {
  const matter = begun()
  const first = bundleNow(matter)
  report(matter)
  const then = bundleNow(matter)
  refused(compared(matter, { ...first, at: then.at }, then), /entry 2, which was there, is not there any more/)
  refused(compared(matter, first, then), /the older bundle is the newer one/)
  refused(compared(matter, { ...then, incident: { ...incident, id: matter.world.organisation.id } }, then), /another matter/)
})

test('an authority that signs a second history is found by whoever kept the first', () => {
  const [one, other] = [begun(), begun()]
  report(one)
  other.world.random.bytes(1)
  report(other)
  const [then, now] = [bundleNow(one), bundleNow(other)]
  for (const bundle of [then, now]) assert.equal(verifyBundle(sealedBy(bundle, one.world.statement.portal), one.world.trust).ok, true)
  const verdict = compared(one, now, then)
  refused(verdict, /entry 2 is another one than it was/)
  refused(verdict, /shows another head of size/)
})

test('an older bundle that does not hold proves nothing', () => {
  const matter = begun()
  const then = bundleNow(matter)
  for (const since of ['', '{}', sealedBy(then, matter.world.statement.ico)]) {
    const verdict = verifyBundle(sealedBy(then, matter.world.statement.portal), matter.world.trust, { since })
    refused(verdict, /the older bundle does not hold itself/)
  }
  assert.equal(verifyBundle('{}', matter.world.trust, { since: sealedBy(then, matter.world.statement.portal) }).ok, false)
})

test('whole stories hold against themselves, and not against each other', () => {
  const world = ({ world: { statement, trust } }: Told) => ({ portal: statement.portal, trust })
  const [whole, short] = [wholeStory(), shortStory()]
  const { portal, trust } = world(whole)
  const texts = [whole, short].map(({ bundle }) => sealedBy(bundle, portal)) as [string, string]
  assert.equal(verifyBundle(texts[0], trust, { since: texts[0] }).ok, true)
  assert.equal(verifyBundle(texts[0], trust, { since: texts[1] }).ok, false)
})
