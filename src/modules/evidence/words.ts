import { authorities } from './books.ts'
import { takenIn } from './door-3.ts'
import { ASKED } from './papers.ts'
import { holdingsOf } from './holdings.ts'
import type { Evidence } from './reading.ts'

export const count = (n: number, one: string, many = `${one}s`): string => `${n.toLocaleString('en-GB')} ${n === 1 ? one : many}`

/** What a bundle that passed every check shows, what it does not, and who would have to be lying. Written to be read in a court. */
export function provedBy(e: Evidence): string[] {
  const { notYetReceived } = holdingsOf(e)
  return [
    ...acknowledgedBy(e, notYetReceived.length),
    ...enquiriesProved(e),
    ...disclosuresProved(e),
    ...withdrawalsProved(e),
    ...booksProved(e),
  ]
}

function acknowledgedBy(e: Evidence, waiting: number): string[] {
  const lines = authorities.flatMap((authority) => {
    const submitted = e.submissions.filter(({ record }) => record.to === authority)
    const answered = e.receipts.filter(({ record }) => record.from === authority && record.about === 'report')
    const told = `The ${authority.toUpperCase()} has signed for ${answered.length} of ${count(submitted.length, 'report')} made to it, each with exactly the answers it holds.`
    return submitted.length === 0 ? [] : [told]
  })
  return waiting === 0 ? lines : [...lines, `${count(waiting, 'report')} must count as not yet received.`]
}

/** Whether an answer counts as received its report's receipt says. */
function enquiriesProved(e: Evidence): string[] {
  const answered = new Set(e.submissions.flatMap(({ content }) => content.items.map(({ question }) => question)))
  return authorities.flatMap((authority) => {
    const all = e.enquiries.filter(({ record }) => record.from === authority)
    const asked = all.filter(({ words }) => words !== undefined)
    const replied = asked.filter(({ record }) => answered.has(`${ASKED}${record.id}`)).length
    const back = all.length - asked.length
    if (asked.length === 0) return []
    return [
      `The ${authority.toUpperCase()} asked ${count(asked.length, 'question')} about this through the portal, in the very words shown. The bundle has an answer, or a no, to ${replied} of them${back > 0 ? `; ${back} it took back` : ''}.`,
    ]
  })
}

function disclosuresProved(e: Evidence): string[] {
  const { notYetConfirmed } = holdingsOf(e)
  const told = new Set(e.notices.map(({ record }) => record.disclosure)).size
  const taken = new Set(takenIn(e).map(({ record }) => record.for)).size
  if (told === 0) return ['Neither body has put on record, in what this bundle shows, that anything went from the NCSC to the ICO.']
  return [
    `The bundle shows ${count(told, 'disclosure')} from the NCSC to the ICO. Each rests on a permission signed with a key enrolled for ${e.bundle.organisation.name}, for those very items, that purpose, that recipient and that time.`,
    `The ICO has signed for ${taken} of the ${told}; both bodies name the same items.`,
    ...(notYetConfirmed.length > 0
      ? [`${count(notYetConfirmed.length, 'item')} sent and not yet confirmed: count as held by the ICO.`]
      : []),
  ]
}

function withdrawalsProved(e: Evidence): string[] {
  const acknowledged = e.receipts.filter(({ record }) => record.about === 'withdrawal').length
  if (e.withdrawals.length === 0) return []
  return [
    `The NCSC has acknowledged ${acknowledged} of ${count(e.withdrawals.length, 'withdrawal')}. Under those permissions the NCSC entered no disclosure but the ones its acknowledgements name, and what it says it stopped the ICO does not claim to have.`,
  ]
}

function booksProved(e: Evidence): string[] {
  return [
    'Every record stands in its signer\u2019s ledger under a head that another party cosigned, so none was written or changed after its log time.',
    `Of each body\u2019s entries about ${e.bundle.organisation.name}, none is missing before the last one shown here.`,
  ]
}

export function notProvedBy(e: Evidence): string[] {
  const hidden = authorities
    .map((authority) => ({ authority, n: e.others.filter(({ from }) => from === authority).length }))
    .filter(({ n }) => n > 0)
  return [
    'That this is everything. There is no daily statement yet that says how many entries there are: the portal can have left out the newest entries of either body.',
    ...hidden.map(
      ({ authority, n }) =>
        `What ${count(n, 'entry', 'entries')} of the ${authority.toUpperCase()} that the bundle links but does not show may say. The portal treats them as other matters of yours; it could pass off an entry of this matter as one of them. The bundles of your other incidents show theirs.`,
    ),
    'Reports, permissions, refusals and withdrawals that no authority has signed for: the portal can have left those out.',
    'The name of the incident, its number and the date of this bundle: they are the portal\u2019s words.',
    'Anything that passed outside the platform, such as a telephone call; and whether what was reported is true.',
    ...(e.trust.environment === 'trying-out'
      ? ['Anything against whoever runs this installation: it was set up for trying out, and one machine holds every key.']
      : []),
  ]
}

/** For each thing proved: whose lie it would take. Given as who together, so that a reader can judge how likely that is. */
export function liarsIn(e: Evidence): string[] {
  const bodies = [...new Set(e.permissions.map(({ permission }) => permission.enrolment.body.toUpperCase()))].join(', ') || 'NCSC'
  return [
    'If an authority does not hold what it signed for: that authority itself, against its own signature.',
    `If a permission here was never given: somebody who had the organisation\u2019s signing key; or the portal and the ${bodies} together, by enrolling a false key.`,
    'If the NCSC disclosed something and this bundle, with every entry in it, does not say so: the NCSC and the ICO both, each keeping it out of its own ledger.',
    'If either body did enter it and it is not here: the portal, by leaving out the newest entries, or by calling the entries of both bodies another matter\u2019s.',
    'If a record was dated back or changed afterwards: its signer together with one who cosigned that head.',
  ]
}
