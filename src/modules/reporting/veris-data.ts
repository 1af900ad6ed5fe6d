import { known, NOT_YET_KNOWN, type Finding } from './veris-finding.ts'
import { UNKNOWN, type Veris } from './veris-form.ts'
import { dataCategory, dataSubject, protection } from './veris-words.ts'

type Confidentiality = NonNullable<NonNullable<Veris['attribute']>['confidentiality']>

/** What was affected, and whose data. */
export function dataFindings(veris: Veris): Finding[] {
  const confidentiality = veris.attribute?.confidentiality
  return [
    ...affected(veris),
    ...(confidentiality ? [...data(confidentiality), ...subjects(confidentiality), ...taken(confidentiality, veris)] : []),
  ]
}

/** In VERIS an attribute stands in the record because it was affected; confidentiality says by itself whether it was. */
function affected({ attribute }: Veris): Finding[] {
  if (attribute === undefined) return []
  const disclosed = attribute.confidentiality?.data_disclosure
  const which = [
    ...(disclosed === 'Yes' ? ['Confidentiality'] : []),
    ...(attribute.integrity ? ['Integrity'] : []),
    ...(attribute.availability ? ['Availability'] : []),
  ]
  const ways = (['integrity', 'availability'] as const).filter((name) => known(attribute[name]?.variety).length > 0)
  const how = ways.map((name) => ({ path: `attribute.${name}.variety`, reason: 'q23-which asks which was affected; no question asks how' }))
  if (which.length > 0)
    return [
      { question: 'q23-affected', value: 'Yes', from: 'attribute', says: [] },
      { question: 'q23-which', value: which, from: 'attribute', says: [] },
      ...how,
    ]
  return disclosed === 'No' ? [] : [{ question: 'q23-affected', value: NOT_YET_KNOWN, from: 'attribute', says: [] }]
}

function data({ data: kinds, data_total: total, state }: Confidentiality): Finding[] {
  const path = 'attribute.confidentiality'
  const records: Finding[] =
    total === undefined
      ? []
      : Number.isSafeInteger(total)
        ? [{ question: 'q36-records', value: total, from: `${path}.data_total` }]
        : [{ path: `${path}.data_total`, reason: 'q36-records takes a whole number' }]
  const counted = kinds?.some((kind) => 'amount' in kind)
  return [
    ...mapped(
      'q34',
      `${path}.data`,
      kinds?.map(({ variety }) => variety),
      dataCategory,
    ),
    ...(counted ? [{ path: `${path}.data`, reason: 'No question asks for a number for each kind of data' }] : []),
    ...records,
    ...shielding(state),
  ]
}

function subjects({ data_victim: whose }: Confidentiality): Finding[] {
  return mapped('q35', 'attribute.confidentiality.data_victim', whose, dataSubject)
}

/** Words of a list as choices of a question: those that have none are left, and nothing but unknown ones is "not yet known". */
function mapped(question: string, path: string, words: string[] | undefined, choices: Readonly<Record<string, string>>): Finding[] {
  if (words === undefined || words.length === 0) return []
  const chosen = [...new Set(words.flatMap((word) => (Object.hasOwn(choices, word) ? [choices[word]!] : [])))]
  const others = known(words).filter((word) => !Object.hasOwn(choices, word))
  const answer: Finding[] =
    chosen.length > 0
      ? [{ question, value: chosen, from: path }]
      : others.length === 0
        ? [{ question, value: NOT_YET_KNOWN, from: path }]
        : []
  return [...answer, ...(others.length > 0 ? [{ path, reason: `Not among the choices of ${question}: ${others.join(', ')}` }] : [])]
}

function shielding(state: string[] | undefined): Finding[] {
  if (state === undefined || state.length === 0) return []
  const path = 'attribute.confidentiality.state'
  if (known(state).length === 0) return [{ question: 'q38', value: NOT_YET_KNOWN, from: path }]
  const [only, ...others] = new Set(state.map((word) => protection[word]))
  if (only !== undefined && others.length === 0) return [{ question: 'q38', value: only, from: path }]
  return [{ path, reason: 'Does not say for all of the data whether it was encrypted and the keys are safe (q38): choose' }]
}

/** Disclosed is not taken: a letter to the wrong address discloses. Taken is what the record itself calls stolen or exported. */
function taken({ data_disclosure: disclosed }: Confidentiality, { action = {} }: Veris): Finding[] {
  if (disclosed === undefined) return []
  const from = 'attribute.confidentiality.data_disclosure'
  if (disclosed === 'No') return [{ question: 'q39-taken', value: 'Not that we have seen', from }]
  if (disclosed === UNKNOWN || disclosed === 'Potentially') return [{ question: 'q39-taken', value: NOT_YET_KNOWN, from }]
  const signs = [
    action['malware']?.variety?.includes('Export data'),
    action['physical']?.variety?.includes('Theft'),
    ...Object.values(action).map(({ result }) => result?.includes('Exfiltrate')),
  ]
  if (disclosed === 'Yes' && signs.includes(true)) return [{ question: 'q39-taken', value: 'Yes', from }]
  return [{ path: from, reason: 'Disclosed, which need not be taken (q39-taken): choose' }]
}
