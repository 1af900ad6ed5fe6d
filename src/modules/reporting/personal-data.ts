/** Something in a text that is likely to be about one person. Found and shown where it was typed; sent nowhere. */
export type Find = { kind: PersonalData; from: number; to: number }
export type PersonalData = 'name' | 'email' | 'telephone' | 'national-insurance-number' | 'nhs-number' | 'card-number' | 'date-of-birth'

type Detector = { kind: PersonalData; pattern: RegExp; fits?: (found: string, at: Date) => boolean }

const MONTH = '(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]{0,6}'
const DATE = `(?:\\d{1,2}[./-]\\d{1,2}[./-](?:\\d{4}|\\d\\d)|\\d{4}-\\d\\d-\\d\\d|\\d{1,2}(?:st|nd|rd|th)? ${MONTH},? \\d{4})`
/** Nobody younger is likely to be meant by a full date: it may be of birth. */
const OLD = 16

/** In this order: what one has found, the next leaves alone. Bounded repetitions only: a text of any kind is read in linear time. */
const detectors: readonly Detector[] = [
  { kind: 'email', pattern: /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/gu },
  {
    kind: 'national-insurance-number',
    pattern: /(?<!\w)(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D](?!\w)/gi,
  },
  { kind: 'card-number', pattern: /(?<![\w.+-])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\w-])/g, fits: (found) => luhn(digitsOf(found)) },
  { kind: 'nhs-number', pattern: /(?<![\w.+-])\d{3}[ -]\d{3}[ -]\d{4}(?![\w-])/g, fits: (found) => nhs(digitsOf(found)) },
  {
    kind: 'telephone',
    pattern: /(?<![\w.+])(?:\+44 ?(?:\(0\) ?)?|\(?0)[1-9]\d{1,4}\)?(?:[ -]?\d){5,8}(?![\w.]\d|\w)/g,
    fits: (found) => [9, 10].includes(digitsOf(found.replace(/^\+44 ?(\(0\))?|^\(?0/, '')).length),
  },
  { kind: 'telephone', pattern: /(?<![\w.+])\+(?!44)[1-9]\d{0,2}(?:[ -]?\d){7,12}(?!\w)/g },
  { kind: 'date-of-birth', pattern: new RegExp(`\\b(?:born|birthday|date of birth|d\\.?o\\.?b)\\b[^\\n]{0,25}?${DATE}`, 'gi') },
  {
    kind: 'date-of-birth',
    pattern: new RegExp(`(?<![\\w.+-])${DATE}(?![\\w-])`, 'gi'),
    fits: (found, at) => yearOf(found) <= at.getUTCFullYear() - OLD,
  },
  {
    kind: 'name',
    pattern: /\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Dame|Rev)\b\.? \p{Lu}[\p{L}'’-]{0,40}(?: \p{Lu}[\p{L}'’-]{0,40}){0,3}/gu,
  },
]

/** `at`: the day against which ages are reckoned. */
export function personalDataIn(text: string, at: Date): Find[] {
  const finds: Find[] = []
  for (const { kind, pattern, fits } of detectors)
    for (const { 0: found, index: from } of text.matchAll(pattern)) {
      const to = from + found.length
      if ((fits?.(found, at) ?? true) && !finds.some((other) => from < other.to && other.from < to)) finds.push({ kind, from, to })
    }
  return finds.toSorted((one, other) => one.from - other.from)
}

function digitsOf(text: string): number[] {
  return [...text].filter((one) => /\d/.test(one)).map(Number)
}

/** ISO/IEC 7812-1: the check digit of a card number. */
function luhn(digits: number[]): boolean {
  const sum = digits.toReversed().reduce((total, digit, nth) => total + (nth % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2), 0)
  return new Set(digits).size > 1 && sum % 10 === 0
}

/** Modulus 11, as the NHS Data Dictionary has it. */
function nhs(digits: number[]): boolean {
  const sum = digits.slice(0, 9).reduce((total, digit, nth) => total + digit * (10 - nth), 0)
  return (11 - (sum % 11)) % 11 === digits[9]
}

function yearOf(date: string): number {
  const year = Number(/\d{4}/.exec(date)?.[0] ?? Number.NaN)
  return year >= 1900 ? year : Number.POSITIVE_INFINITY
}
