import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { generateKeyPairSync } from 'node:crypto'
import { signerOf, type PrivateJwk } from '#platform/jws'
import { activate, decideDisclosure, decideSend, type DisclosureQuestion } from './agreement.ts'
import { PolicyInvalid } from './engine.ts'
import { readAgreement, signAgreement, signatureState } from './folder.ts'

const folder = resolve(import.meta.dirname, '../../../agreement/ico-ncsc-2023')
const agreement = activate(await readAgreement(folder))
const signer = () => signerOf(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }) as PrivateJwk)

const water = 'org-water'
const lawful = (): DisclosureQuestion => ({
  officer: { id: 'officer', node: 'ncsc', roles: ['releasing-officer'] },
  item: { id: 'item', question: 'q19', kind: 'finding', origins: [water] },
  origin: water,
  from: 'ncsc',
  to: 'ico',
  purpose: 'incident-response',
  necessity: 'The ICO is about to ask the victim the same.',
  time: 1000,
  permission: {
    origin: water,
    from: 'ncsc',
    to: 'ico',
    purpose: 'incident-response',
    items: ['item'],
    begins: 900,
    ends: 1100,
    withdrawn: false,
  },
})

test('[consent-before-disclosure] a current permission that covers the item, and a stated necessity, let a releasing officer send it', () => {
  assert.deepEqual(decideDisclosure(agreement, lawful()), { allowed: true, clauses: ['consent-before-disclosure'] })
})

const refused: [string, (q: DisclosureQuestion) => void, string][] = [
  [
    'an attachment that was signed for',
    (q) => {
      q.item.question = 'attachment'
    },
    'item-not-permitted',
  ],
  ['no permission', (q) => delete q.permission, 'permission-missing'],
  [
    'a withdrawn permission',
    (q) => {
      q.permission!.withdrawn = true
    },
    'permission-withdrawn',
  ],
  [
    'an expired permission',
    (q) => {
      q.time = 1100
    },
    'permission-expired',
  ],
  [
    'another purpose',
    (q) => {
      q.purpose = 'national-resilience'
    },
    'purpose-not-permitted',
  ],
  [
    'an item the permission does not name',
    (q) => {
      q.permission!.items = ['other']
    },
    'item-not-permitted',
  ],
  [
    'a blank necessity',
    (q) => {
      q.necessity = ' \t '
    },
    'necessity-missing',
  ],
  [
    'a permission of another origin',
    (q) => {
      q.permission!.origin = 'org-food'
    },
    'flow-not-allowed',
  ],
  [
    'an origin the item does not have',
    (q) => {
      q.origin = 'org-food'
      q.permission!.origin = 'org-food'
    },
    'flow-not-allowed',
  ],
  [
    'an officer without the role',
    (q) => {
      q.officer.roles = ['handler']
    },
    'flow-not-allowed',
  ],
  [
    'an officer of the other node',
    (q) => {
      q.officer.node = 'ico'
    },
    'flow-not-allowed',
  ],
  [
    'another recipient',
    (q) => {
      q.to = 'press'
      q.permission!.to = 'press'
    },
    'flow-not-allowed',
  ],
  [
    'a permission not yet begun',
    (q) => {
      q.time = 800
    },
    'flow-not-allowed',
  ],
]
for (const [what, change, code] of refused) {
  test(`[consent-before-disclosure] ${what} is refused as ${code}`, () => {
    const question = lawful()
    change(question)
    const verdict = decideDisclosure(agreement, question)
    assert.equal(verdict.allowed, false)
    assert.equal(!verdict.allowed && verdict.code, code)
  })
}

test('[consent-before-disclosure] over random questions the engine says exactly what the sentence of the clause says', () => {
  const pick = <T>(...values: T[]) => fc.constantFrom(...values)
  const world = fc.record({
    role: pick('releasing-officer', 'handler'),
    node: pick('ncsc', 'ico'),
    from: pick('ncsc', 'ico'),
    to: pick('ico', 'ncsc'),
    purpose: pick('a', 'b'),
    granted: pick('a', 'b'),
    necessity: pick('because', '', '  '),
    origin: pick('x', 'y'),
    origins: pick(['x'], ['y'], ['x', 'y'], []),
    signedBy: pick('x', 'y'),
    items: pick(['item'], ['other'], []),
    time: pick(9, 10, 19, 20),
    withdrawn: fc.boolean(),
    has: fc.boolean(),
    pto: pick('ico', 'ncsc'),
    pfrom: pick('ncsc', 'ico'),
  })
  fc.assert(
    fc.property(world, (w) => {
      const permission = {
        origin: w.signedBy,
        from: w.pfrom,
        to: w.pto,
        purpose: w.granted,
        items: w.items,
        begins: 10,
        ends: 20,
        withdrawn: w.withdrawn,
      }
      const verdict = decideDisclosure(agreement, {
        officer: { id: 'o', node: w.node, roles: [w.role] },
        item: { id: 'item', question: 'q19', kind: 'answer', origins: w.origins },
        origin: w.origin,
        from: w.from,
        to: w.to,
        purpose: w.purpose,
        necessity: w.necessity,
        time: w.time,
        ...(w.has && { permission }),
      })
      const expected =
        w.has &&
        w.role === 'releasing-officer' &&
        w.node === 'ncsc' &&
        w.from === 'ncsc' &&
        w.to === 'ico' &&
        w.necessity === 'because' &&
        w.origins.includes(w.origin) &&
        w.signedBy === w.origin &&
        w.pfrom === 'ncsc' &&
        w.pto === 'ico' &&
        w.granted === w.purpose &&
        w.items.includes('item') &&
        w.time >= 10 &&
        w.time < 20 &&
        !w.withdrawn
      assert.equal(verdict.allowed, expected)
    }),
    { numRuns: Number(process.env['CONCORDAT_RUNS'] ?? 500) },
  )
})

test('an attribute of the wrong type is refused, not skipped', () => {
  const question = lawful()
  question.permission!.ends = 'later' as never
  const verdict = decideDisclosure(agreement, question)
  assert.deepEqual(verdict, { allowed: false, code: 'policy-error' })
})

test('the ICO can send no kind of message to the NCSC, nor the NCSC anything but a recall by this route to the ICO', () => {
  const kinds = [
    'report',
    'receipt',
    'permission-request',
    'permission',
    'refusal',
    'withdrawal',
    'disclosure',
    'notice',
    'recall',
    'enquiry',
    'offer',
    'enrolment-request',
    'enrolment',
    'suspension',
    'statement',
    'reads',
    'anything',
  ]
  assert.deepEqual(
    kinds.filter((kind) => decideSend(agreement, { kind, id: 'm', from: 'ico', to: 'ncsc' }).allowed),
    [],
  )
  assert.deepEqual(
    kinds.filter((kind) => decideSend(agreement, { kind, id: 'm', from: 'ncsc', to: 'ico' }).allowed),
    ['recall'],
  )
  assert.deepEqual(
    kinds.filter((kind) => decideSend(agreement, { kind, id: 'm', from: 'portal', to: 'ico' }).allowed),
    ['report'],
  )
})

test('[encourage-engagement] [regimes] each authority may ask the organisation, and nobody else may ask anybody', () => {
  const ways = ['portal', 'ncsc', 'ico', 'press'].flatMap((from) => ['portal', 'ncsc', 'ico', 'press'].map((to) => ({ from, to })))
  const verdicts = ways.map((way) => ({ ...way, verdict: decideSend(agreement, { kind: 'enquiry', id: 'm', ...way }) }))
  const allowed = verdicts.flatMap(({ from, to, verdict }) => (verdict.allowed ? [[from, to, verdict.clauses.join()]] : []))
  assert.deepEqual(allowed, [
    ['ncsc', 'portal', 'encourage-engagement'],
    ['ico', 'portal', 'regimes'],
  ])
})

test('[encourage-engagement] [regimes] each authority tells the organisation what it opened, and nobody else', () => {
  const ways = ['portal', 'ncsc', 'ico'].flatMap((from) => ['portal', 'ncsc', 'ico'].map((to) => ({ from, to })))
  const verdicts = ways.map((way) => ({ ...way, verdict: decideSend(agreement, { kind: 'reads', id: 'm', ...way }) }))
  const allowed = verdicts.flatMap(({ from, to, verdict }) => (verdict.allowed ? [[from, to, verdict.clauses.join()]] : []))
  assert.deepEqual(allowed, [
    ['ncsc', 'portal', 'encourage-engagement'],
    ['ico', 'portal', 'regimes'],
  ])
})

test('one changed letter anywhere in the folder takes both signatures away until both sign again', async () => {
  const copy = await mkdtemp(join(tmpdir(), 'agreement-'))
  try {
    await cp(folder, copy, { recursive: true })
    const [ncsc, ico] = [signer(), signer()]
    const keys = { ncsc: ncsc.jwk, ico: ico.jwk }
    const first = await readAgreement(copy)
    const signatures = [signAgreement(first, ncsc), signAgreement(first, ico)]
    assert.deepEqual(signatureState(first, signatures, keys), { signed: true, missing: [] })
    assert.deepEqual(signatureState(first, [signatures[0]!], keys), { signed: false, missing: ['ico'] })
    const policy = join(copy, 'policy/door-3-consent-before-disclosure.cedar')
    await writeFile(policy, (await readFile(policy, 'utf8')).replace('"releasing-officer"', '"handler"'))
    const edited = await readAgreement(copy)
    assert.deepEqual(signatureState(edited, signatures, keys), { signed: false, missing: ['ncsc', 'ico'] })
    assert.equal(decideDisclosure(activate(edited), lawful()).allowed, false, 'the edited policy decides, without a change of code')
  } finally {
    await rm(copy, { recursive: true })
  }
})

test('a policy without a clause, or one that does not fit the schema, is not activated', async () => {
  const read = await readAgreement(folder)
  assert.throws(() => activate({ ...read, hash: 'a', policies: 'permit (principal, action, resource);' }), PolicyInvalid)
  assert.throws(
    () =>
      activate({
        ...read,
        hash: 'b',
        policies: '@clause("regimes") permit (principal, action, resource) when { context.colour == "red" };',
      }),
    PolicyInvalid,
  )
})
