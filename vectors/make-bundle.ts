// Writes vectors/bundle.json: `bin/node24 vectors/make-bundle.ts`. Keys and values are fixed, so the same file comes out every time.
import { writeFileSync } from 'node:fs'
import { canonical } from '#platform/canonical'
import { recordIn } from '../src/modules/evidence/compose.ts'
import { signerFrom } from '../src/modules/evidence/testing-ledger.ts'
import { questionStory, shortStory, wholeStory, type Otherwise, type Told } from '../src/modules/evidence/testing-story.ts'
import { createWorld, enrol, sealedBy } from '../src/modules/evidence/testing.ts'

const small = () => createWorld({ word: 'bundle vectors', slots: 2 })
const text = ({ world, bundle }: Told): string => sealedBy(bundle, world.statement.portal)
const { world, bundle } = shortStory({}, small())
const told = (otherwise: Otherwise): string => text(shortStory(otherwise, small()))
const resealed = (change: object): string => sealedBy({ ...bundle, ...change }, world.statement.portal)
const whole = wholeStory(createWorld({ word: 'bundle vectors', slots: 4 }))

function valid() {
  return [
    { why: 'one disclosure', bundle: text({ world, bundle }) },
    { why: 'a disclosure that the permission\u2019s withdrawal names as left', bundle: told({ withdrawnBefore: 'named' }) },
    { why: 'a question that was answered', bundle: text(questionStory({}, small())) },
    { why: 'everything that can happen', bundle: text(whole) },
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
    { why: 'a receipt in place of a notice', check: 'statements', bundle: resealed({ notices: [bundle.receipts[disclosed]] }) },
  ]
}

export function bundleVectors(): string {
  const about = 'Bundles (docs/formats/bundle.md). `trust` is the trust file they are checked against; each bundle is the text of a file.'
  return `${JSON.stringify({ v: 1, about, trust: world.trust, valid: valid(), invalid: invalid() }, null, 1)}\n`
}

if (import.meta.main) writeFileSync(new URL('bundle.json', import.meta.url), bundleVectors())
