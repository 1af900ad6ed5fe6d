import type { Mistake } from '#platform/errors'

export type Identifier = { scheme: string; id: string }

/** The ICO's own list, as its published incident workbook and its breach form have it (confirmed). The ICO may code another. */
export const sectors = [
  'Central Government',
  'Charitable and voluntary',
  'Education and childcare',
  'Finance, insurance and credit',
  'General business',
  'Health',
  'Justice',
  'Land or property services',
  'Legal',
  'Local government',
  'Marketing',
  'Media',
  'Membership association',
  'Online Technology and Telecoms',
  'Political',
  'Regulators',
  'Religious',
  'Retail and manufacture',
  'Social care',
  'Transport and leisure',
  'Unassigned',
  'Unknown',
  'Utilities',
] as const

/** People who work there. No body has published a list of its own: these bands are this project's (unconfirmed). */
export const sizeBands = ['1 to 9', '10 to 49', '50 to 249', '250 to 999', '1,000 or more'] as const

export type ProfileChange = {
  sector?: (typeof sectors)[number] | undefined
  sizeBand?: (typeof sizeBands)[number] | undefined
  identifiers?: Identifier[] | undefined
}

/** A number is found by whoever proved it, so a verified organisation adds none by typing it. */
export function profileMistakes({ identifiers }: ProfileChange, before: { verified: boolean; identifiers: Identifier[] }): Mistake[] {
  if (identifiers === undefined) return []
  if (before.verified && !sameIdentifiers(identifiers, before.identifiers))
    return [{ field: 'identifiers', message: 'Numbers that were proved are changed by proving the new ones, not here' }]
  return identifiers.flatMap(({ scheme, id }, nth) => [
    ...(SCHEME.test(scheme) ? [] : [{ field: `identifiers.${nth}.scheme`, message: 'Name the register, for example companies-house' }]),
    ...mistakesOf(`identifiers.${nth}.id`, lineMistake(id, 100, 'Give the number')),
  ])
}

const SCHEME = /^[a-z][a-z0-9-]{1,39}$/

function sameIdentifiers(one: readonly Identifier[], other: readonly Identifier[]): boolean {
  const lines = (all: readonly Identifier[]): string[] => all.map(({ scheme, id }) => `${scheme} ${id}`).sort()
  return lines(one).join('\n') === lines(other).join('\n')
}

function mistakesOf(field: string, message: string | undefined): Mistake[] {
  return message === undefined ? [] : [{ field, message }]
}

/** What is wrong with the name of a person. */
export function nameMistake(name: string): string | undefined {
  return lineMistake(name, 200, 'Give a name')
}

function lineMistake(text: string, longest: number, missing: string): string | undefined {
  if (text.trim() === '') return missing
  if (text.length > longest) return `Use no more than ${longest} characters`
  return /\p{Cc}/u.test(text) ? 'Write this on one line' : undefined
}
