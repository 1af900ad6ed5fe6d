// Writes vectors/bundle.json: `bin/node24 vectors/make-bundle.ts`. Keys and values are fixed, so the same file comes out every time.
import { writeFileSync } from 'node:fs'
import { b64u } from '#platform/bytes'
import { canonical, hashOf } from '#platform/canonical'
import { onlyChosen } from '../src/modules/evidence/choice.ts'
import { recordIn } from '../src/modules/evidence/compose.ts'
import { signerFrom } from '../src/modules/evidence/testing-ledger.ts'
import { questionStory, shortStory, statedStory, wholeStory, type Otherwise, type Told } from '../src/modules/evidence/testing-story.ts'
import { permissionStory, type Differently } from '../src/modules/evidence/testing-permissions.ts'
import { createWorld, enrol, sealedBy } from '../src/modules/evidence/testing.ts'

const small = () => createWorld({ word: 'bundle vectors', slots: 2 })
const text = ({ world, bundle }: Told): string => sealedBy(bundle, world.statement.portal)
const { world, bundle } = shortStory({}, small())
const fitting = () => createWorld({ word: 'bundle vectors', slots: 4 })
const differently = (change: Differently): string => text(permissionStory(change, fitting()))
const told = (otherwise: Otherwise): string => text(shortStory(otherwise, small()))
const resealed = (change: object): string => sealedBy({ ...bundle, ...change }, world.statement.portal)
const whole = wholeStory(createWorld({ word: 'bundle vectors', slots: 4 }))
const stated = statedStory({}, small())
const seal = (bundle: Told['bundle']): string => sealedBy(bundle, stated.world.statement.portal)
const reported = JSON.parse(Buffer.from((whole.bundle.submissions[0] as { payload: string }).payload, 'base64url').toString('utf8'))
const one = onlyChosen(whole.bundle, [reported.items[0].id])

function valid() {
  return [
    { why: 'one disclosure', bundle: text({ world, bundle }) },
    { why: 'a disclosure that the permission\u2019s withdrawal names as left', bundle: told({ withdrawnBefore: 'named' }) },
    { why: 'a question that was answered', bundle: text(questionStory({}, small())) },
    { why: 'daily statements, and a disclosure in another matter', bundle: text(stated) },
    { why: 'a permission that the organisation started, narrowed and withdrew by telephone', bundle: text(permissionStory({}, fitting())) },
    { why: 'everything that can happen', bundle: text(whole) },
    { why: 'one item of it, chosen', bundle: seal(one) },
  ]
}

/** `check` is the first that must fail; others may fail too. */
function invalid() {
  const good = text({ world, bundle })
  const disclosed = bundle.receipts.findIndex((statement) => recordIn(statement).record['about'] === 'disclosure')
  return [
    { why: 'white space after it', check: 'form', bundle: `${good}\n` },
    { why: 'a member that the format does not name', check: 'form', bundle: canonical({ ...JSON.parse(good), more: 1 }) },
    { why: 'a trust file inside', check: 'form', bundle: canonical({ ...JSON.parse(good), trust: world.trust }) },
    {
      why: 'a member changed after it was sealed',
      check: 'seal',
      bundle: canonical({ ...JSON.parse(good), at: '2027-01-01T00:00:00.000Z' }),
    },
    { why: 'sealed by the NCSC', check: 'seal', bundle: sealedBy(bundle, world.statement.ncsc) },
    {
      why: 'another payload',
      check: 'payloads',
      bundle: resealed({ submissions: bundle.submissions.map((one) => ({ ...one, payload: 'e30' })) }),
    },
    { why: 'a receipt twice', check: 'order', bundle: resealed({ receipts: [...bundle.receipts, bundle.receipts.at(-1)] }) },
    { why: 'the report left out', check: 'receipts', bundle: resealed({ submissions: [] }) },
    { why: 'an entry of the NCSC left out', check: 'chains', bundle: resealed({ receipts: bundle.receipts.slice(1) }) },
    { why: 'the notice left out', check: 'both-sides', bundle: resealed({ notices: [] }) },
    { why: 'made before its own entries', check: 'times', bundle: resealed({ at: '2026-11-25T09:00:00.000Z' }) },
    { why: 'an unknown name', check: 'matter', bundle: resealed({ organisation: { ...bundle.organisation, name: 'Somebody Else Ltd' } }) },
    {
      why: 'a permission signed by a key that is not enrolled',
      check: 'permissions',
      bundle: told({ signer: () => signerFrom('stranger') }),
    },
    {
      why: 'a key enrolled by the portal alone',
      check: 'permissions',
      bundle: told({ enrolment: (w) => enrol(w, {}, [w.statement.portal, w.statement.portal]) }),
    },
    { why: 'an answer to a body that did not ask', check: 'enquiries', bundle: text(questionStory({ answerTo: 'ncsc' }, small())) },
    { why: 'a question taken back by the other body', check: 'enquiries', bundle: text(questionStory({ takenBackBy: ['ncsc'] }, small())) },
    { why: 'a disclosure for another purpose', check: 'consent', bundle: told({ notice: { purpose: 'national-resilience' } }) },
    { why: 'a disclosure after the permission ended', check: 'consent', bundle: told({ wait: 31 * 86_400_000 }) },
    { why: 'a disclosure after an acknowledged withdrawal', check: 'withdrawals', bundle: told({ withdrawnBefore: 'unnamed' }) },
    {
      why: 'an item that the ICO lists and nothing accounts for',
      check: 'completeness',
      bundle: text(statedStory({ planted: true }, small())),
    },
    {
      why: 'an item that the ICO signed for and does not list',
      check: 'completeness',
      bundle: text(statedStory({ unlisted: true }, small())),
    },
    {
      why: 'more than two days without a statement',
      check: 'completeness',
      bundle: text(statedStory({ silence: 2 * 86_400_000 + 10_000 }, small())),
    },
    {
      why: 'the newest statement left out',
      check: 'chains',
      bundle: seal({ ...stated.bundle, statements: stated.bundle.statements.slice(1) }),
    },
    {
      why: 'an earlier statement closed',
      check: 'completeness',
      bundle: seal({ ...stated.bundle, others: stated.bundle.others.map((link) => ({ ...link, record: closedRecord(link.record) })) }),
    },
    { why: 'the list of a statement left out', check: 'payloads', bundle: seal({ ...stated.bundle, holdings: [] }) },
    {
      why: 'an item that was chosen and is not shown',
      check: 'payloads',
      bundle: seal({ ...one, chosen: [...one.chosen!, reported.items[1].id].sort() }),
    },
    {
      why: 'not everything shown, and no word of a choice',
      check: 'payloads',
      bundle: seal(unsaid(one)),
    },
    {
      why: 'a permission that takes a place that its offer does not name',
      check: 'decisions',
      bundle: differently({ unsaid: 'by-offer' }),
    },
    { why: 'what was not sent, and the ICO took', check: 'both-sides', bundle: differently({ taken: true }) },
    { why: 'what was not sent, and left', check: 'withdrawals', bundle: differently({ named: 'left' }) },
    { why: 'a call without what was said', check: 'payloads', bundle: differently({ call: Buffer.from('{}') }) },
    { why: 'a decision about what was deleted', check: 'withdrawals', bundle: differently({ again: true }) },
    { why: 'a receipt in place of a notice', check: 'statements', bundle: resealed({ notices: [bundle.receipts[disclosed]] }) },
  ]
}

const unsaid = ({ chosen: _, ...rest }: Told['bundle']): Told['bundle'] => rest
const closedRecord = (record: string | object): string => (typeof record === 'string' ? record : b64u(hashOf(record)))

/** `since` is an older bundle; `check` is the first that must fail, and none where it holds. */
function compared() {
  const [now, then] = [text(stated), seal(stated.then)]
  return [
    { why: 'a newer bundle of the same matter', bundle: now, since: then },
    { why: 'the older one in its place', check: 'since', bundle: then, since: now },
    { why: 'another matter', check: 'since', bundle: now, since: text({ world, bundle }) },
  ]
}

export function bundleVectors(): string {
  const about = 'Bundles (docs/formats/bundle.md). `trust` is the trust file they are checked against; each bundle is the text of a file.'
  return `${JSON.stringify({ v: 1, about, trust: world.trust, valid: valid(), invalid: invalid(), since: compared() }, null, 1)}\n`
}

if (import.meta.main) writeFileSync(new URL('bundle.json', import.meta.url), bundleVectors())
