import assert from 'node:assert/strict'
import { test } from 'node:test'
import { b64u, sha256 } from '#platform/bytes'
import { hashOf } from '#platform/canonical'
import { instant } from '#platform/clock'
import type { ItemRef } from '#exchange'
import type { Unsealed } from './bundle.ts'
import { recordIn } from './compose.ts'
import {
  bundleOf,
  createWorld,
  linesOf,
  newItem,
  receipt,
  refsOf,
  reports,
  sealedBy,
  states,
  type HeldLine,
  type Said,
  type World,
} from './testing.ts'
import { verifyBundle, type CheckName, type Verdict } from './verify.ts'

// What daily statements add to a bundle, told as short stories: one report to each body, and what each says it holds.

type Told = { world: World; reports: ReturnType<typeof reports>[]; received: Said[]; items: ItemRef[] }
const incident = { id: '0a7e3a52-9a5c-4c1d-8a37-5b1f6f2f7a10', reference: 'INC-7K2M-Q9RT' }

function begun(): Told {
  const world = createWorld()
  const items = [newItem(world, 'q19', 'Files were encrypted.')]
  const told = (['ncsc', 'ico'] as const).map((to) => reports(world, to, items, to === 'ncsc' ? 'NCSC-4F7H-9KMN' : 'ICO-8RST-2VWX'))
  world.close()
  const received = told.map(({ said }) => {
    const { id, to, items: named, reference } = said.record as { id: string; to: 'ncsc' | 'ico'; items: ItemRef[]; reference: string }
    return receipt(world, to, { for: id, about: 'report', items: named, reference })
  })
  world.close()
  return { world, reports: told, received, items: refsOf(items) }
}

function bundled({ world, reports: told, received }: Told): Unsealed {
  return bundleOf(world, {
    incident,
    submissions: told.map(({ said, payload }) => ({ statement: said.statement(), payload })),
    requests: [],
    enquiries: [],
    refusals: [],
    permissions: [],
    withdrawals: [],
    received: received.map((said) => said.statement()),
  })
}

const sealed = (told: Told, bundle: Unsealed = bundled(told)): string => sealedBy(bundle, told.world.statement.portal)
const verdictOn = (told: Told, bundle?: Unsealed): Verdict => verifyBundle(sealed(told, bundle), told.world.trust)
const faults = ({ findings }: Verdict) => findings.filter(({ ok }) => !ok)

function refused(verdict: Verdict, check: CheckName, words: RegExp): void {
  assert.ok(
    faults(verdict).some((one) => one.check === check && words.test(one.detail)),
    JSON.stringify(faults(verdict)),
  )
}

/** Both bodies state, in one interval. */
function stated(told: Told, ico: HeldLine[][] = [[]], change?: Parameters<typeof states>[3]): Said[] {
  const said = [...states(told.world, 'ncsc'), ...states(told.world, 'ico', ico, change)]
  told.world.close()
  told.received.push(...said)
  return said
}

const day = 86_400_000

test('a bundle holds before a statement is due, and after each that was made', () => {
  const told = begun()
  assert.deepEqual(faults(verdictOn(told)), [])
  for (let days = 0; days < 3; days += 1) {
    told.world.wait(day)
    stated(told)
    assert.deepEqual(faults(verdictOn(told)), [])
  }
})

test('after two days without a statement it does not, whichever body is silent', () => {
  const told = begun()
  told.world.wait(2 * day + 60_000)
  refused(verdictOn(told), 'completeness', /no statement of the ICO/)
  refused(verdictOn(told), 'completeness', /no statement of the NCSC/)
  stated(told)
  assert.deepEqual(faults(verdictOn(told)), [])
  told.world.wait(2 * day)
  const ncsc = states(told.world, 'ncsc', [[]], (members) => ({ ...members, missed: 1 }))
  told.world.close()
  told.received.push(...ncsc)
  const verdict = verdictOn(told)
  refused(verdict, 'completeness', /statement of the ICO is of .* more than 48 hours/)
  assert.deepEqual(
    faults(verdict).map(({ about }) => about),
    ['ico'],
  )
})

test('[consent-before-disclosure] an item that the ICO lists and nothing accounts for is named as a broken promise', () => {
  const told = begun()
  const planted = { id: told.world.random.uuid(), commitment: b64u(sha256('planted')) }
  stated(told, [linesOf(told.world, told.world.random.uuid(), [planted])])
  const verdict = verdictOn(told)
  refused(verdict, 'completeness', /the ICO says it holds this item .* the promise is broken/)
  assert.equal(faults(verdict)[0]!.about, planted.id)
})

test('what was listed once stays said, though every later statement is silent about it', () => {
  const told = begun()
  stated(told, [linesOf(told.world, told.world.random.uuid(), told.items)])
  told.world.wait(day)
  stated(told)
  refused(verdictOn(told), 'completeness', /the promise is broken/)
})

/** The ICO takes one item by door 3, in another matter of the organisation. */
function takes(told: Told): HeldLine[] {
  const { world } = told
  const disclosure = world.random.uuid()
  const items = [{ id: world.random.uuid(), commitment: b64u(sha256('elsewhere')) }]
  told.received.push(
    receipt(world, 'ico', { for: disclosure, about: 'disclosure', items, via: 'permission', permission: world.random.uuid() }),
  )
  const lines = linesOf(world, disclosure, items)
  world.close()
  return lines
}

test('what the ICO took in another matter is accounted for by its own receipt, and said to be of another matter', () => {
  const told = begun()
  const lines = takes(told)
  stated(told, [lines])
  const verdict = verdictOn(told)
  assert.deepEqual(faults(verdict), [])
  assert.ok(verdict.notProved.some((line) => line.includes('1 item that the ICO signed for in other matters')))
  assert.deepEqual(verdict.notShown, { ncsc: 0, ico: 0 })
})

const misstated: [string, RegExp, (lines: HeldLine[]) => HeldLine[]][] = [
  ['the ICO leaves out what it signed for', /signed that it took this item/, () => []],
  ['another content of the item', /the promise is broken/, (lines) => lines.map((line) => ({ ...line, commitment: b64u(sha256('x')) }))],
  ['another disclosure', /the promise is broken/, (lines) => lines.map((line) => ({ ...line, record: incident.id }))],
]
for (const [what, words, change] of misstated)
  test(`${what}: it does not pass`, () => {
    const told = begun()
    stated(told, [change(takes(told))])
    refused(verdictOn(told), 'completeness', words)
  })

test('a receipt that says a copy was restricted binds the statements after it', () => {
  for (const says of [true, false]) {
    const told = begun()
    const lines = takes(told)
    const { record } = told.received.at(-1)!
    const named = { items: record['items'] as ItemRef[], permission: record['permission'], via: 'permission' }
    told.received.push(receipt(told.world, 'ico', { for: told.world.random.uuid(), about: 'recall', ...named }))
    told.world.close()
    const restricted = instant(told.world.now())
    stated(told, [says ? lines.map((line) => ({ ...line, restricted })) : lines])
    if (says) assert.deepEqual(faults(verdictOn(told)), [])
    else refused(verdictOn(told), 'completeness', /restricted or deleted, and a later statement says otherwise/)
  }
})

const members: [string, RegExp, (members: Record<string, unknown>, page: number) => object][] = [
  ['one entry fewer', /does not say how many entries/, (told) => ({ ...told, entries: (told['entries'] as number) - 1 })],
  ['one entry more', /does not say how many entries/, (told) => ({ ...told, entries: (told['entries'] as number) + 1 })],
  ['another head', /another entry before it/, (told) => ({ ...told, head: b64u(sha256('x')) })],
  [
    'an ending that is the NCSC\u2019s',
    /does not end as/,
    (told) => ({ ...told, ending: 'except anything whose notice is lawfully deferred' }),
  ],
  ['less held than listed', /do not list as much/, (told) => ({ ...told, held: 0 })],
  ['a page that is not there', /pages of this statement are not all there/, (told) => ({ ...told, page: 2 })],
  ['another statement before it', /not the one before it/, (told) => ({ ...told, before: '2026-11-24T00:00:00.000Z' })],
  ['no statement before it', /not the one before it/, ({ before: _, ...told }) => told],
]
for (const [what, words, change] of members)
  test(`a statement that says ${what} does not pass`, () => {
    const told = begun()
    stated(told)
    told.world.wait(day)
    stated(told, [takes(told)], change)
    refused(verdictOn(told), 'completeness', words)
  })

test('an NCSC statement without its constant ending does not pass', () => {
  const told = begun()
  told.received.push(...states(told.world, 'ncsc', [[]], ({ ending: _, ...said }) => said))
  told.world.close()
  refused(verdictOn(told), 'completeness', /does not end as/)
})

test('days that were missed are said; a gap that is not said does not pass', () => {
  for (const missed of [3, undefined]) {
    const told = begun()
    stated(told)
    told.world.wait(4 * day)
    told.received.push(...states(told.world, 'ncsc', [[]], (said) => ({ ...said, missed: 3 })))
    told.received.push(...states(told.world, 'ico', [[]], (said) => ({ ...said, ...(missed && { missed }) })))
    told.world.close()
    const verdict = verdictOn(told)
    if (missed === undefined) refused(verdict, 'completeness', /days are missing before it/)
    else {
      assert.deepEqual(faults(verdict), [])
      assert.ok(verdict.proved.some((line) => line.includes('3 statements it did not make, and said so')))
    }
  }
})

test('a large statement comes in pages, and no page can be left out', () => {
  const told = begun()
  const items = Array.from({ length: 5 }, (_, nth) => ({ id: told.world.random.uuid(), commitment: b64u(sha256(`${nth}`)) }))
  const disclosure = told.world.random.uuid()
  told.received.push(receipt(told.world, 'ico', { for: disclosure, about: 'disclosure', items, permission: told.world.random.uuid() }))
  told.world.close()
  const lines = linesOf(told.world, disclosure, items)
  const said = stated(told, [lines.slice(0, 2), lines.slice(2, 4), lines.slice(4)])
  const bundle = bundled(told)
  assert.deepEqual(faults(verdictOn(told, bundle)), [])
  const pages = bundle.statements.filter((statement) => recordIn(statement).record.from === 'ico')
  assert.equal(pages.length, 3)
  for (const page of pages)
    assert.notDeepEqual(faults(verdictOn(told, { ...bundle, statements: bundle.statements.filter((one) => one !== page) })), [])
  // While one is on its way the statement counts as not there yet.
  const waiting = { ...told, received: told.received.filter((one) => one !== said.at(-1)) }
  assert.deepEqual(faults(verdictOn(waiting)), [])
})

// What a portal that is not honest can do about statements: it holds every one of them, and the seal.

function lived(): { told: Told; older: Unsealed } {
  const told = begun()
  stated(told)
  const older = bundled(told)
  told.world.wait(day)
  stated(told, [takes(told)])
  told.world.wait(day)
  stated(told, [listed(told)])
  return { told, older }
}

/** What the ICO listed last. */
function listed(told: Told): HeldLine[] {
  const last = told.world.lists.at(-1)!
  return (JSON.parse(Buffer.from(last).toString('utf8')) as { holdings: HeldLine[] }).holdings
}

test('an earlier statement cannot be closed, changed or left out', () => {
  const { told } = lived()
  const bundle = bundled(told)
  assert.deepEqual(faults(verdictOn(told, bundle)), [])
  const opened = bundle.others.flatMap(({ record }, at) => (typeof record === 'string' ? [] : [at]))
  assert.ok(opened.length >= 4)
  for (const at of opened) {
    const link = bundle.others[at]!
    const record = link.record as Record<string, never>
    const changes: [string, unknown][] = [
      ['closed', b64u(hashOf(record))],
      ['changed', { ...record, at: '2026-11-25T09:30:00.000Z' }],
      ['another kind', { ...record, kind: 'notice' }],
      ['another body\u2019s', { ...record, from: 'portal' }],
    ]
    for (const [what, other] of changes) {
      const others = bundle.others.with(at, { ...link, record: other as string })
      assert.notDeepEqual(faults(verdictOn(told, { ...bundle, others })), [], what)
    }
    assert.notDeepEqual(faults(verdictOn(told, { ...bundle, others: bundle.others.toSpliced(at, 1) })), [], 'left out')
  }
})

test('an older bundle under a new date is two days old at most', () => {
  const { told, older } = lived()
  refused(verdictOn(told, { ...older, at: instant(new Date(told.world.now().getTime() + 3_600_000)) }), 'completeness', /48 hours/)
})

test('lists that nothing names, or that are not there, do not pass', () => {
  const { told } = lived()
  const bundle = bundled(told)
  const more = b64u(Buffer.from('{"holdings":[]} '))
  for (const holdings of [
    [...bundle.holdings, more],
    bundle.holdings.slice(1),
    [],
    bundle.holdings.toReversed(),
    [...bundle.holdings, bundle.holdings[0]!],
  ])
    assert.notDeepEqual(faults(verdictOn(told, { ...bundle, holdings })), [])
})
