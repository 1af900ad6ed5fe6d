import assert from 'node:assert/strict'
import { test } from 'node:test'
import { b64u, sha256 } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { randomFrom } from '#platform/context'
import { runs, seed } from '../../../checks/runs.ts'
import { signSeal, sealHash, sealed, type Unsealed } from './bundle.ts'
import { recordIn } from './compose.ts'
import { signerFrom } from './testing-ledger.ts'
import { correctionStory, questionStory, shortStory, wholeStory, type AskedOtherwise, type Otherwise, type Told } from './testing-story.ts'
import { createWorld, enrol, newItem, refsOf, reports, sealedBy } from './testing.ts'
import { verifyBundle, type CheckName, type Verdict } from './verify.ts'

const whole = wholeStory()
const text = sealedBy(whole.bundle, whole.world.statement.portal)
const verdictOn = (told: Told, bundle: Unsealed = told.bundle): Verdict =>
  verifyBundle(sealedBy(bundle, told.world.statement.portal), told.world.trust)
const failed = (verdict: Verdict): CheckName[] => [...new Set(verdict.findings.filter(({ ok }) => !ok).map(({ check }) => check))]

function refused(verdict: Verdict, check: CheckName, what: string): void {
  assert.equal(verdict.ok, false, what)
  assert.ok(failed(verdict).includes(check), `${what}: ${JSON.stringify(verdict.findings.filter(({ ok }) => !ok))}`)
  assert.deepEqual([verdict.proved, verdict.liars], [[], []])
}

test('a whole story passes every check, and says who holds what', () => {
  const verdict = verifyBundle(text, whole.world.trust)
  assert.deepEqual(failed(verdict), [])
  assert.equal(verdict.ok, true)
  const shown = verdict.held.holdings.map(({ authority, question, door, restricted }) => [
    authority,
    question.replace(/^asked-.*/, 'asked-<id>'),
    door,
    restricted !== undefined,
  ])
  assert.deepEqual(shown, [
    ['ncsc', 'q19', 1, false],
    ['ncsc', 'q20', 1, false],
    ['ico', 'q19', 2, false],
    ['ico', 'asked-<id>', 2, false],
    ['ncsc', 'finding', 1, false],
    ['ico', 'q19', 3, true],
    ['ico', 'finding', 3, true],
  ])
  assert.deepEqual(
    verdict.held.notYetReceived.map(({ to }) => to),
    ['ncsc'],
  )
  assert.deepEqual(verdict.notShown, { ncsc: 1, ico: 1 })
})

test('it says what is not proved: what came after the newest statements, and where none is due yet all that may be missing', () => {
  const verdict = verifyBundle(text, whole.world.trust)
  for (const authority of ['NCSC', 'ICO'])
    assert.ok(
      verdict.notProved.some((line) => line.includes(`nothing happened at the ${authority} after`)),
      authority,
    )
  assert.ok(verdict.notProved.some((line) => line.includes('1 entry of the NCSC')))
  assert.ok(verdict.liars.length > 0)
  const young = verdictOn(shortStory())
  assert.ok(young.notProved.some((line) => line.includes('no daily statement of it is due yet')))
})

test('it says what each authority signed that it holds, the NCSC in the words it always uses', () => {
  const { proved } = verifyBundle(text, whole.world.trust)
  const [ncsc, ico] = ['NCSC', 'ICO'].map((name) => proved.find((line) => line.includes(`the ${name} signed, unasked`)))
  assert.match(ncsc!, /it holds nothing that .*, except anything whose notice is lawfully deferred\./)
  assert.match(ico!, /it holds 2 items that [^,]* itself\. Its receipts account for every one\./)
})

test('what was sent and not confirmed is shown as that, and what was stopped is not', () => {
  const told = shortStory()
  const receipts = told.bundle.receipts.filter((statement) => recordIn(statement).record['about'] !== 'disclosure')
  const verdict = verdictOn(told, { ...told.bundle, receipts })
  assert.deepEqual(
    verdict.held.notYetConfirmed.map(({ authority, door, state }) => [authority, door, state]),
    [['ico', 3, 'sent, not yet confirmed']],
  )
})

test('no bundle with one byte changed passes', () => {
  const told = shortStory()
  const bytes = Buffer.from(sealedBy(told.bundle, told.world.statement.portal))
  const decode = (changed: Buffer) => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(changed)
  const draw = randomFrom((length) => Buffer.concat(Array.from({ length }, () => sha256(`${seed} ${drawn++}`))).subarray(0, length))
  let drawn = 0
  const wanted = runs(300)
  const places = wanted >= bytes.length ? bytes.keys().toArray() : Array.from({ length: wanted }, () => draw.below(bytes.length))
  for (const place of places) {
    const changed = Buffer.from(bytes)
    changed[place]! ^= 1 << draw.below(8)
    let passed = false
    try {
      passed = verifyBundle(decode(changed), told.world.trust).ok
    } catch (error) {
      assert.ok(error instanceof TypeError, String(error))
    }
    assert.equal(passed, false, `byte ${place} of seed ${seed}`)
  }
})

test('a byte more or less, a mark before it, another spelling: not a bundle', () => {
  const spellings = [
    '',
    '{}',
    'null',
    '[]',
    ` ${text}`,
    `${text}\n`,
    `\ufeff${text}`,
    text.slice(0, -1),
    JSON.stringify(JSON.parse(text), null, 1),
    text.replace('{', '{"at":"x",'),
  ]
  for (const spelling of spellings) refused(verifyBundle(spelling, whole.world.trust), 'form', spelling.slice(0, 20))
})

// What a portal that is not honest can do: it holds the key of the seal, and seals whatever it has made of the bundle.

const lists = [
  'submissions',
  'requests',
  'enquiries',
  'refusals',
  'permissions',
  'withdrawals',
  'notices',
  'receipts',
  'statements',
  'holdings',
  'others',
] as const
type List = (typeof lists)[number]
const linkName = ({ from, record }: Unsealed['others'][number]): string => `link ${from}${typeof record === 'string' ? '' : ' opened'}`
const nameOf = (bundle: Unsealed, list: List, at: number): string => {
  const element = bundle[list][at]!
  if (list === 'holdings') return 'list of holdings'
  if (list === 'others') return linkName(element as Unsealed['others'][number])
  const { record } = recordIn(typeof element === 'string' ? element : (element as { statement: string }).statement)
  return [record.kind, record.kind === 'receipt' ? `${record.from} ${record['about']}` : record.to].join(' ')
}
const withList = (bundle: Unsealed, list: List, elements: unknown[]): Unsealed => ({ ...bundle, [list]: elements })
const elements = (bundle: Unsealed) => lists.flatMap((list) => bundle[list].map((_, at) => ({ list, at, name: nameOf(bundle, list, at) })))

test('dropping any one element shows, but for what no authority has signed for', () => {
  const unnoticed = elements(whole.bundle)
    .filter(({ list, at }) => verdictOn(whole, withList(whole.bundle, list, whole.bundle[list].toSpliced(at, 1))).ok)
    .map(({ name }) => name)
  assert.deepEqual(unnoticed, ['report ncsc'])
})

test('no element twice, no two in another order', () => {
  for (const { list, at, name } of elements(whole.bundle)) {
    const all = whole.bundle[list] as unknown[]
    assert.equal(verdictOn(whole, withList(whole.bundle, list, all.toSpliced(at, 0, all[at]))).ok, false, `${name} twice`)
    if (at === 0) continue
    assert.equal(
      verdictOn(whole, withList(whole.bundle, list, all.with(at - 1, all[at]).with(at, all[at - 1]))).ok,
      false,
      `${name} before its neighbour`,
    )
  }
})

test('no element in place of another, of any list', () => {
  for (const one of elements(whole.bundle))
    for (const other of elements(whole.bundle)) {
      if (one.list === other.list && one.at === other.at) continue
      const put = withList(whole.bundle, one.list, (whole.bundle[one.list] as unknown[]).with(one.at, whole.bundle[other.list][other.at]))
      assert.equal(verdictOn(whole, put).ok, false, `${other.name} as ${one.name}`)
    }
})

/** Of an element that is shown whole. */
const payloadIn = (one: object): string => (one as { payload?: string; words?: string }).payload ?? (one as { words: string }).words

test('no part of an element in place of the same part of another', () => {
  const list = whole.bundle.submissions
  const parts: [string, Unsealed][] = [
    ['payload of another report', { ...whole.bundle, submissions: [{ ...list[0]!, payload: payloadIn(list[1]!) }, ...list.slice(1)] }],
    [
      'words of another request',
      {
        ...whole.bundle,
        requests: [{ ...whole.bundle.requests[0]!, words: payloadIn(whole.bundle.requests[1]!) }, whole.bundle.requests[1]!],
      },
    ],
    [
      'another enrolment',
      {
        ...whole.bundle,
        permissions: [
          { ...whole.bundle.permissions[0]!, enrolment: enrol(whole.world, { role: 'signatory', origin: 'http://localhost:9' }) },
        ],
      },
    ],
    [
      'words of another enquiry',
      {
        ...whole.bundle,
        enquiries: [{ ...whole.bundle.enquiries[0]!, payload: payloadIn(whole.bundle.enquiries[1]!) }, ...whole.bundle.enquiries.slice(1)],
      },
    ],
    ['withdrawal without its signature', { ...whole.bundle, withdrawals: [{ statement: whole.bundle.withdrawals[0]!.statement }] }],
    ['link of another number', { ...whole.bundle, others: whole.bundle.others.map((link) => ({ ...link, n: link.n + 1 })) }],
    ['link of another record', { ...whole.bundle, others: whole.bundle.others.map((link) => ({ ...link, record: b64u(sha256('x')) })) }],
    ['a link after the last entry', { ...whole.bundle, others: [...whole.bundle.others, { ...whole.bundle.others[1]!, n: 10 }] }],
    ['another organisation', { ...whole.bundle, organisation: { ...whole.bundle.organisation, id: whole.bundle.incident.id } }],
    ['a name nobody gives it', { ...whole.bundle, organisation: { ...whole.bundle.organisation, name: 'Somebody Else Ltd' } }],
    ['a date before its entries', { ...whole.bundle, at: '2026-11-25T09:00:00.000Z' }],
    ['another deployment', { ...whole.bundle, deployment: whole.bundle.incident.id }],
  ]
  for (const [what, bundle] of parts) assert.equal(verdictOn(whole, bundle).ok, false, what)
})

test('what a portal can say without being contradicted: the incident\u2019s number and name, and a date up to 48 hours after the newest statement', () => {
  const labels = {
    ...whole.bundle,
    incident: { id: whole.bundle.organisation.id, reference: 'INC-AAAA-AAAA' },
    at: '2026-11-27T09:30:00.000Z',
  }
  const verdict = verdictOn(whole, labels)
  assert.equal(verdict.ok, true)
  assert.ok(verdict.notProved.some((line) => line.includes('portal\u2019s words')))
  refused(verdictOn(whole, { ...labels, at: '2026-11-27T10:00:00.000Z' }), 'completeness', 'two days without a statement')
})

/** The entry becomes a link, as if it were about another matter. */
function passedOff(bundle: Unsealed, list: 'notices' | 'receipts', at: number): Unsealed {
  const { record, log } = recordIn(bundle[list][at]!)
  const { n, salt2 } = log.opening!
  const link = { from: record.from as 'ncsc' | 'ico', n, record: b64u(sha256(canonical(record))), salt: log.salt, salt2 }
  const others = [...bundle.others, link].sort((a, b) => (a.from === b.from ? a.n - b.n : a.from < b.from ? -1 : 1))
  return { ...withList(bundle, list, bundle[list].toSpliced(at, 1)), others }
}

test('a portal can pass a disclosure off as another matter\u2019s only on both sides at once, and the count says that something is not shown', () => {
  const told = shortStory({}, createWorld(), 2)
  const taken = told.bundle.receipts.findIndex(
    (statement) => recordIn(statement).record['for'] === recordIn(told.bundle.notices[0]!).record['disclosure'],
  )
  refused(verdictOn(told, passedOff(told.bundle, 'notices', 0)), 'both-sides', 'the NCSC\u2019s side alone')
  const onlyIco = verdictOn(told, passedOff(told.bundle, 'receipts', taken))
  assert.equal(onlyIco.held.notYetConfirmed.length, 1, 'the ICO\u2019s side alone')
  const both = verdictOn(told, passedOff(passedOff(told.bundle, 'receipts', taken), 'notices', 0))
  assert.equal(both.ok, true)
  assert.deepEqual(both.notShown, { ncsc: 1, ico: 1 })
})

test('a seal by anybody else, or none of this bundle, does not hold', () => {
  const { world, bundle } = whole
  refused(verifyBundle(sealedBy(bundle, world.statement.ncsc), world.trust), 'seal', 'sealed by the NCSC')
  refused(
    verifyBundle(sealed(bundle, signSeal(sealHash({ ...bundle, at: '2027-01-01T00:00:00.000Z' }), world.statement.portal)), world.trust),
    'seal',
    'of another bundle',
  )
})

// Forgery in one world: everybody else is honest, and the seal is the portal's own.

const stranger = signerFrom('stranger')
const forgeries: [string, CheckName, Otherwise][] = [
  ['[consent-before-disclosure] a permission signed by a key that is not enrolled', 'permissions', { signer: () => stranger }],
  [
    '[consent-before-disclosure] a key enrolled by the portal alone',
    'permissions',
    { enrolment: (w) => enrol(w, {}, [w.statement.portal, w.statement.portal]) },
  ],
  [
    '[consent-before-disclosure] a key enrolled by the NCSC alone',
    'permissions',
    { enrolment: (w) => enrol(w, {}, [w.statement.ncsc, w.statement.ncsc]) },
  ],
  [
    'a key enrolled by the ICO, which sends nothing by this door',
    'permissions',
    { enrolment: (w) => enrol(w, {}, [w.statement.portal, w.statement.ico]) },
  ],
  [
    'a permission of another organisation',
    'permissions',
    { enrolment: (w) => enrol(w, { org: w.trust.deployment }), claims: (claims, w) => ({ ...claims, iss: w.trust.deployment }) },
  ],
  [
    'a key made while trying out, in production',
    'permissions',
    { enrolment: (w) => enrol(w, { ceremony: { kind: 'trying-out', at: '2026-11-25T09:00:00.000Z' } }) },
  ],
  ['a key enrolled after it signed', 'permissions', { enrolment: (w) => enrol(w, { from: '2026-11-26T00:00:00.000Z' }) }],
  [
    'a permission for items nobody asked for',
    'permissions',
    { claims: (claims, w) => withDetail(claims, { items: refsOf([newItem(w, 'q1', 'x')]) }) },
  ],
  [
    'a permission for a purpose nobody asked for',
    'permissions',
    { claims: (claims) => withDetail(claims, { purpose: 'national-resilience' }) },
  ],
  ['a permission with other conditions than were shown', 'permissions', { claims: (claims) => withDetail(claims, { conditions: [] }) }],
  [
    'a permission over other words than were shown',
    'permissions',
    { claims: (claims) => ({ ...claims, notice: b64u(sha256('other words')) }) },
  ],
  ['a permission that runs longer than was asked', 'permissions', { claims: (claims) => ({ ...claims, exp: claims.exp + 60 }) }],
  ['a permission of another deployment', 'permissions', { claims: (claims) => ({ ...claims, deployment: claims.iss }) }],
  ['[consent-before-disclosure] a disclosure after the permission ended', 'consent', { wait: 31 * 86_400_000 }],
  [
    'a disclosure of items that were not permitted',
    'consent',
    { notice: { items: [{ id: '5b0f5c1c-2f43-4f7c-9d46-0d1a4f1a2b3c', commitment: b64u(sha256('item')) }] } },
  ],
  ['a disclosure for another purpose', 'consent', { notice: { purpose: 'national-resilience' } }],
  ['a disclosure to somebody else', 'consent', { notice: { recipient: 'press' } }],
  [
    'a disclosure under a permission the bundle does not have',
    'both-sides',
    { notice: { permission: '5b0f5c1c-2f43-4f7c-9d46-0d1a4f1a2b3c' } },
  ],
  ['[consent-before-disclosure] a disclosure after an acknowledged withdrawal', 'withdrawals', { withdrawnBefore: 'unnamed' }],
  [
    'items that the ICO took and the NCSC did not tell of',
    'both-sides',
    { taken: { items: [{ id: '5b0f5c1c-2f43-4f7c-9d46-0d1a4f1a2b3c', commitment: b64u(sha256('item')) }] } },
  ],
  ['a disclosure that the ICO took and the NCSC did not tell of', 'both-sides', { taken: { for: '5b0f5c1c-2f43-4f7c-9d46-0d1a4f1a2b3c' } }],
  ['a receipt that does not say by which door', 'consent', { taken: { via: 'statutory' } }],
]

function withDetail<C extends { authorization_details: [object] }>(claims: C, change: object): C {
  return { ...claims, authorization_details: [{ ...claims.authorization_details[0], ...change }] }
}

for (const [what, check, otherwise] of forgeries)
  test(`${what} does not pass`, () => {
    refused(verdictOn(shortStory(otherwise)), check, what)
  })

test('the same stories told as they should be pass', () => {
  for (const otherwise of [{}, { withdrawnBefore: 'named' as const }]) assert.equal(verdictOn(shortStory(otherwise)).ok, true)
  const tryingOut = createWorld({ environment: 'trying-out' })
  const told = shortStory({ enrolment: (w) => enrol(w, { ceremony: { kind: 'trying-out', at: '2026-11-25T09:00:00.000Z' } }) }, tryingOut)
  const verdict = verdictOn(told)
  assert.equal(verdict.ok, true)
  assert.ok(verdict.notProved.some((line) => line.includes('one machine holds every key')))
})

test('[encourage-engagement] [regimes] a question is in the bundle of whoever was asked, with its answer, and who asked says it', () => {
  const verdict = verdictOn(questionStory())
  assert.equal(verdict.ok, true)
  assert.ok(verdict.proved.some((line) => line.startsWith('The ICO asked 1 question') && line.includes('to 1 of them')))
  assert.ok(!verdict.proved.some((line) => line.startsWith('The NCSC asked')))
  const dropped = verdictOn(questionStory({ takenBackBy: ['ico'] }))
  assert.ok(dropped.proved.some((line) => line.includes('1 it took back')))
})

const misasked: [string, CheckName, AskedOtherwise][] = [
  ['an answer to a body that did not ask', 'enquiries', { answerTo: 'ncsc' }],
  ['a question taken back by the other body', 'enquiries', { takenBackBy: ['ncsc'] }],
  ['a question taken back twice', 'enquiries', { takenBackBy: ['ico', 'ico'] }],
  ['other words than were asked', 'payloads', { payload: Buffer.from('{"text":"Who did it?"}') }],
]
for (const [what, check, otherwise] of misasked)
  test(`${what} does not pass`, () => refused(verdictOn(questionStory(otherwise)), check, what))

test('a question left out, with nothing after it to miss it, is missed by its answer', () => {
  const told = questionStory()
  refused(verdictOn(told, { ...told.bundle, enquiries: [] }), 'enquiries', 'left out')
})

test('a correction is of what the same authority was told for the same question, as far as the bundle shows', () => {
  for (const whom of ['ico', 'unknown'] as const)
    assert.equal(verdictOn(correctionStory((told) => ({ corrects: told[whom] }))).ok, true, whom)
  for (const whom of ['ncsc', 'other', 'own'] as const)
    refused(verdictOn(correctionStory((told) => ({ corrects: told[whom] }))), 'matter', whom)
  refused(verdictOn(correctionStory((told) => ({ item: told.ico, corrects: told.ico }))), 'payloads', 'of an item that is not there')
})

test('a log that shows two heads of one size is a fork', () => {
  const other = createWorld()
  const items = [newItem(other, 'q19', 'Files were encrypted overnight.'), newItem(other, 'q20', '2026-11-24T22:15:00Z')]
  const same = reports(other, 'ncsc', items, 'NCSC-4F7H-9KMN')
  other.random.bytes(1)
  other.close()
  assert.equal(canonical(same.said.record), canonical(recordIn(whole.bundle.submissions[0]!.statement).record))
  const submissions = whole.bundle.submissions.with(0, { ...whole.bundle.submissions[0]!, statement: same.said.statement() })
  refused(verdictOn(whole, { ...whole.bundle, submissions }), 'heads', 'fork')
})

test('an agreement that the trust file does not name is no agreement', () => {
  const trust = { ...whole.world.trust, agreements: [{ id: 'ico-ncsc-2023', hash: b64u(sha256('another text')) }] }
  refused(verifyBundle(text, trust), 'agreement', 'another text')
})

test('a bundle never brings its own keys', () => {
  const own = createWorld({ word: 'mallory' })
  const told = shortStory({}, own)
  refused(verifyBundle(sealedBy(told.bundle, own.statement.portal), whole.world.trust), 'seal', 'keys of its own')
  const carried = canonical({ ...JSON.parse(sealedBy(told.bundle, own.statement.portal)), trust: own.trust })
  refused(verifyBundle(carried, whole.world.trust), 'form', 'a trust file inside')
})

test('one node\u2019s keys are not another\u2019s', () => {
  const { nodes } = whole.world.trust
  const swapped = { ...whole.world.trust, nodes: { ...nodes, ncsc: { ...nodes.ico }, ico: { ...nodes.ncsc } } }
  refused(verifyBundle(text, swapped), 'statements', 'swapped')
})
