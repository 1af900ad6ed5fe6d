import { z } from 'zod'
import { instant } from '#platform/clock'
import { trustOf, type AuthorityId, type Trust, type TrustFile } from '#exchange'
import type { Openings } from '#reporting'
import { authorities, chainFaults, headFaults, largest, shownOf, timeFaults } from './books.ts'
import { readBundle, sealHolds, type Bundle } from './bundle.ts'
import { withheldIn } from './choice.ts'
import { completenessFaults, newestOf } from './completeness.ts'
import { agreementOfBothFaults, consentFaults, withdrawalFaults } from './door-3.ts'
import { holdingsOf, type Held } from './holdings.ts'
import {
  agreementFaults,
  decisionFaults,
  enquiryFaults,
  entriesIn,
  matterFaults,
  orderFaults,
  permissionFaults,
  receiptFaults,
} from './papers.ts'
import { readEvidence, type Evidence, type Fault } from './reading.ts'
import { newsSince, sinceFaults } from './since.ts'
import { count, liarsIn, notProvedBy, provedBy } from './words.ts'

export type CheckName =
  | 'form'
  | 'deployment'
  | 'seal'
  | 'statements'
  | 'payloads'
  | 'permissions'
  | 'order'
  | 'agreement'
  | 'matter'
  | 'receipts'
  | 'decisions'
  | 'enquiries'
  | 'consent'
  | 'both-sides'
  | 'withdrawals'
  | 'chains'
  | 'heads'
  | 'completeness'
  | 'times'
  | 'since'
export type Finding = { check: CheckName; ok: boolean; about?: string; detail: string }

export type Verdict = {
  /** True only if every check passed. */
  ok: boolean
  findings: Finding[]
  /** In plain words; all three empty where a check failed. */
  proved: string[]
  notProved: string[]
  liars: string[]
  held: Held
  /** Entries of each authority about the organisation that the bundle links and does not show. */
  notShown: Record<AuthorityId, number>
  /** Items that the records name and that were not chosen to be shown. */
  withheld: number
  /** What there is that an older bundle did not have, in words; only where one was given. */
  news?: string[]
}

type Check = { check: CheckName; faults(e: Evidence): Fault[]; says(e: Evidence): string }

/** What is seen once every statement holds. Each looks at the whole bundle; none depends on another. */
const checks: Check[] = [
  { check: 'order', faults: orderFaults, says: () => 'every list is in order and nothing stands twice' },
  { check: 'agreement', faults: agreementFaults, says: () => 'every decision was made under an agreement the trust file names' },
  { check: 'matter', faults: matterFaults, says: () => 'everything is about one organisation and one matter' },
  {
    check: 'receipts',
    faults: receiptFaults,
    says: (e) => `${count(e.receipts.length, 'receipt')}, each of what it answers and given once`,
  },
  {
    check: 'permissions',
    faults: permissionFaults,
    says: (e) =>
      `${count(e.permissions.length, 'permission')}, each signed by an enrolled key, ${wordsOver(e)}, for no more than was asked`,
  },
  {
    check: 'decisions',
    faults: decisionFaults,
    says: (e) => `${count(e.refusals.length, 'refusal')} and ${count(e.withdrawals.length, 'withdrawal')}`,
  },
  {
    check: 'enquiries',
    faults: enquiryFaults,
    says: (e) =>
      `${count(e.enquiries.filter(({ record }) => record.withdraws === undefined).length, 'question')} of the authorities, each answered to nobody but who asked`,
  },
  {
    check: 'consent',
    faults: consentFaults,
    says: (e) => `${count(e.notices.length, 'notice')} of disclosure, each covered by a permission: items, purpose, recipient and time`,
  },
  { check: 'both-sides', faults: agreementOfBothFaults, says: () => 'what the ICO says it took, the NCSC says it sent' },
  {
    check: 'withdrawals',
    faults: withdrawalFaults,
    says: () => 'nothing left after a withdrawal was acknowledged but what the acknowledgement names',
  },
  {
    check: 'chains',
    faults: chainFaults,
    says: (e) => `entries are numbered without gap: ${authorities.map((one) => `${one.toUpperCase()} 1 to ${lastOf(e, one)}`).join(', ')}`,
  },
  { check: 'heads', faults: headFaults, says: () => 'no log shows two heads of one size' },
  { check: 'completeness', faults: completenessFaults, says: saysOfDays },
  { check: 'times', faults: timeFaults, says: () => 'nothing was logged after the bundle was made' },
]

/**
 * Checks a bundle against keys that did not come with it, and, given one, against an older bundle of the same matter; `openings` shows
 * what was sealed on the reporter's own machine. Pure, and never
 * throws for the bundle's sake: what is not understood has failed. Statements are checked once and heads once, so that a thousand
 * disclosures take seconds. Throws SyntaxError for a trust file whose keys cannot be read.
 */
export function verifyBundle(text: string, trust: TrustFile, { since, openings }: { since?: string; openings?: Openings } = {}): Verdict {
  const known = trustOf(trust)
  const { evidence, findings } = examine(text, known, openings)
  if (!evidence) return refusal(findings)
  if (since === undefined) return verdict(evidence, findings)
  const older = examine(since, known)
  const faults = older.evidence ? sinceFaults(evidence, older.evidence) : [olderFault(older.findings)]
  const compared = [...findings, ...found('since', faults, 'all that the older bundle showed is here, unchanged and at its place')]
  if (faults.length > 0 || !older.evidence) return refusal(compared)
  return { ...verdict(evidence, compared), news: newsSince(evidence, older.evidence) }
}

function olderFault(findings: Finding[]): Fault {
  const first = findings.find(({ ok }) => !ok)
  return { detail: `the older bundle does not hold itself: ${first?.check}: ${first?.detail}` }
}

/** `evidence` only where every check passed. */
function examine(text: string, known: Trust, openings?: Openings): { evidence?: Evidence; findings: Finding[] } {
  const bundle = formOf(text)
  if (!('v' in bundle)) return { findings: [bundle] }
  const findings: Finding[] = [
    { check: 'form', ok: true, detail: 'canonical, and nothing in it that the format does not name' },
    ...outside(bundle, known),
  ]
  const { evidence, faults } = readEvidence(bundle, known, openings)
  findings.push(
    ...found(
      'statements',
      faults.statements,
      `${count(entriesIn(evidence).length, 'statement')}, each signed by its node and proved to stand in its ledger`,
    ),
  )
  findings.push(...found('payloads', faults.payloads, saysOfPayloads(evidence)))
  findings.push(...faults.permissions.map((fault) => ({ check: 'permissions' as const, ok: false, ...fault })))
  const readable = faults.statements.length + faults.payloads.length + faults.permissions.length === 0
  if (readable) findings.push(...checks.flatMap(({ check, faults: look, says }) => found(check, look(evidence), says(evidence))))
  return readable && findings.every(({ ok }) => ok) ? { evidence, findings } : { findings }
}

/** Where not all items of a request are shown, neither is what stood over the signature. */
function wordsOver(e: Evidence): string {
  return e.requests.every(({ notice }) => notice !== undefined) ? 'over the words shown' : 'over words that are not all shown here'
}

function saysOfPayloads(e: Evidence): string {
  const withheld = withheldIn(e)
  return withheld === 0
    ? 'every payload is the one named, every item opens its commitment'
    : `every item shown opens its commitment; ${count(withheld, 'item')} not shown, and of the records that hold them nothing but what was signed`
}

function saysOfDays(e: Evidence): string {
  return authorities
    .map((authority) => {
      const [newest, name] = [newestOf(e, authority), authority.toUpperCase()]
      return newest ? `the newest statement of the ${name} is of ${instant(newest)}` : `none of the ${name} is due yet`
    })
    .join('; ')
}

function formOf(text: string): Bundle | Finding {
  try {
    return readBundle(text)
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined
    const detail = issue
      ? `this is not a bundle: ${issue.path.join('.') || 'the whole'}: ${issue.message}`
      : 'this is not canonical JSON, byte for byte as the portal gave it'
    return { check: 'form', ok: false, detail }
  }
}

function outside(bundle: Bundle, trust: Trust): Finding[] {
  const same = bundle.deployment === trust.deployment
  const seal = sealHolds(bundle, trust.statementKeys.portal)
  return [
    {
      check: 'deployment',
      ok: same,
      detail: same ? 'it is of the deployment the trust file is for' : 'it is of another deployment than the trust file',
    },
    {
      check: 'seal',
      ok: seal,
      detail: seal ? 'the portal put it together and nobody changed it since' : 'it is not as the portal sealed it',
    },
  ]
}

function found(check: CheckName, faults: Fault[], says: string): Finding[] {
  return faults.length === 0 ? [{ check, ok: true, detail: says }] : faults.map((fault) => ({ check, ok: false, ...fault }))
}

function refusal(findings: Finding[]): Verdict {
  const held: Held = { holdings: [], notYetConfirmed: [], notYetReceived: [] }
  return { ok: false, findings, proved: [], notProved: [], liars: [], held, notShown: { ncsc: 0, ico: 0 }, withheld: 0 }
}

function verdict(evidence: Evidence, findings: Finding[]): Verdict {
  const notShown = { ncsc: 0, ico: 0 }
  for (const { from, record } of evidence.others) if (typeof record === 'string') notShown[from] += 1
  return {
    ok: true,
    findings,
    held: holdingsOf(evidence),
    notShown,
    withheld: withheldIn(evidence),
    proved: provedBy(evidence),
    notProved: notProvedBy(evidence),
    liars: liarsIn(evidence),
  }
}

/** The last entry of an authority that the bundle reaches. */
function lastOf(e: Evidence, authority: AuthorityId): number {
  return largest(shownOf(e, authority).map(({ checked }) => checked.n ?? 0))
}
