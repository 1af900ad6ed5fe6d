import { personalDataIn, type PersonalData } from './personal-data.ts'

/** Where in a text, counted in characters from its beginning. */
export type Place = { from: number; to: number }
export type WordingCode = 'personal-data' | 'may-be-privileged' | 'no-evidence-of-theft'
export type Remark = { code: WordingCode; message: string; places: Place[] }

const kinds: Record<PersonalData, string> = {
  'name': 'the name of a person',
  'email': 'an email address',
  'telephone': 'a telephone number',
  'national-insurance-number': 'a National Insurance number',
  'nhs-number': 'an NHS number',
  'card-number': 'a payment card number',
  'date-of-birth': 'a date of birth',
}

/** "Privileged" alone will not do: in these texts it is mostly said of accounts. */
const PRIVILEGE =
  /\b(?:privileged and confidential|(?:legal|litigation|professional) privilege|legally privileged|without prejudice|legal advice|(?:counsel|solicitors?|lawyers?) (?:has |have )?advised?|advi[cs]e of counsel|counsel[’']s (?:advice|opinion))\b/gi
const NO_EVIDENCE =
  /\bno (?:\w{1,20} )?(?:evidence|signs?|indications?|proof|traces?)\b[^.\n]{0,80}\b(?:exfiltrat\w{1,8}|theft|stolen|taken|copied|accessed|leak\w{0,4}|misus\w{1,3})|\bnothing (?:was|has been) (?:taken|stolen|copied)\b/gi

export const noEvidence =
  'No evidence that data was taken is not evidence that none was. Say where you looked and what you could not look at; data you cannot reach is affected too'

/** What to think over in a text before it is sent. `people`: it names people at work, as it should. */
export function remarksOn(text: string, { people, at }: { people: boolean; at: Date }): Remark[] {
  return [
    ...(people ? [] : personalDataRemarks(text, at)),
    ...remark(
      'may-be-privileged',
      'This may be privileged. If it is, say so: it then waits for counsel, because sending may give privilege up',
      text,
      PRIVILEGE,
    ),
    ...remark('no-evidence-of-theft', noEvidence, text, NO_EVIDENCE),
  ]
}

function personalDataRemarks(text: string, at: Date): Remark[] {
  const finds = Map.groupBy(personalDataIn(text, at), ({ kind }) => kind)
  return [...finds].map(([kind, places]) => ({
    code: 'personal-data',
    message: `This looks like ${kinds[kind]} (${linesOf(text, places)}). If it is of somebody affected, take it out: neither body needs it here`,
    places: places.map(({ from, to }) => ({ from, to })),
  }))
}

function linesOf(text: string, places: readonly Place[]): string {
  const lines = new Set(places.map(({ from }) => text.slice(0, from).split('\n').length))
  return `${lines.size === 1 ? 'line' : 'lines'} ${[...lines].join(', ')}`
}

function remark(code: WordingCode, message: string, text: string, pattern: RegExp): Remark[] {
  const places = [...text.matchAll(pattern)].map(({ 0: found, index }) => ({ from: index, to: index + found.length }))
  return places.length > 0 ? [{ code, message, places }] : []
}
