import { instant } from '#platform/clock'
import type { AuthorityId } from '#exchange'
import { authorities } from './books.ts'
import { withheldIn } from './choice.ts'
import { daysOf, elsewhereIn, headOf, newestOf } from './completeness.ts'
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
    ...sealedProved(e),
    ...enquiriesProved(e),
    ...readsProved(e),
    ...disclosuresProved(e),
    ...withdrawalsProved(e),
    ...endsProved(e),
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

/** What was sealed on the reporter's machine: said by their own openings, or by nobody. */
function sealedIn({ submissions }: Evidence) {
  const sealed = submissions.filter(({ content }) => content.sealed)
  return { sealed, opened: sealed.filter(({ content }) => content.items.length > 0) }
}

function sealedProved(e: Evidence): string[] {
  const { sealed, opened } = sealedIn(e)
  if (sealed.length === 0) return []
  const shown = `Of ${opened.length} of them the openings given show every word, and each opens its commitment.`
  return [
    `${count(sealed.length, 'report was', 'reports were')} sealed on the reporter\u2019s own machine, and the portal passed on what it says it could not open.${opened.length > 0 ? ` ${shown}` : ''}`,
  ]
}

/** Whether an answer counts as received its report's receipt says. */
function enquiriesProved(e: Evidence): string[] {
  const answered = new Set(e.submissions.flatMap(({ content }) => content.items.map(({ question }) => question)))
  return authorities.flatMap((authority) => {
    const all = e.enquiries.filter(({ record }) => record.from === authority)
    const asked = all.filter(({ record }) => record.withdraws === undefined)
    const shown = asked.filter(({ words }) => words !== undefined)
    const replied = asked.filter(({ record }) => answered.has(`${ASKED}${record.id}`)).length
    const words = shown.length === asked.length ? 'in the very words shown' : `${shown.length} of them in the very words shown`
    const back = all.length - asked.length
    if (asked.length === 0) return []
    return [
      `The ${authority.toUpperCase()} asked ${count(asked.length, 'question')} about this through the portal, ${words}. The bundle shows an answer, or a no, to ${replied} of them${back > 0 ? `; ${back} it took back` : ''}.`,
    ]
  })
}

/** By their own word alone; it is worth what it would cost them to be found to have hidden one. */
function readsProved(e: Evidence): string[] {
  return authorities.flatMap((authority) => {
    const lines = e.reads.filter(({ record }) => record.from === authority).flatMap((told) => told.lines ?? [])
    const times = lines.reduce((sum, line) => sum + line.times, 0)
    const out = lines.filter((line) => line.export).length
    if (lines.length === 0) return []
    return [
      `The ${authority.toUpperCase()} has signed that its people opened items here ${count(times, 'time')}, with the day, their role and what for${out > 0 ? `; ${count(out, 'item')} of them were taken out with the whole case` : ''}, except anything whose notice is lawfully deferred.`,
    ]
  })
}

function disclosuresProved(e: Evidence): string[] {
  const { notYetConfirmed } = holdingsOf(e)
  const told = new Set(e.notices.map(({ record }) => record.disclosure)).size
  const taken = new Set(takenIn(e).map(({ record }) => record.for)).size
  if (told === 0)
    return ['Neither body has put on record, in what this bundle shows of this matter, that anything went from the NCSC to the ICO.']
  return [
    `The bundle shows ${count(told, 'disclosure')} from the NCSC to the ICO. Each rests on a permission signed with a key enrolled for ${e.bundle.organisation.name}, for those very items, that purpose, that recipient and that time.`,
    `The ICO has signed for ${taken} of the ${told}; both bodies name the same items.`,
    ...(notYetConfirmed.length > 0
      ? [`${count(notYetConfirmed.length, 'item')} sent and not yet confirmed: count as held by the ICO.`]
      : []),
  ]
}

/** What the ICO says it did with what was called back, and what ended otherwise than was said. */
function endsProved(e: Evidence): string[] {
  const { holdings } = holdingsOf(e)
  const deleted = holdings.filter((one) => one.deleted !== undefined).length
  const kept = holdings.flatMap((one) => one.kept ?? [])
  const grounds = [...new Set(kept.map(({ ground }) => ground))].join(', ')
  const ended = (how: string) => new Set(e.endings.filter(({ record }) => record.ended === how).map(({ record }) => record.disclosure)).size
  return [
    ...(ended('not-sent') > 0
      ? [`The NCSC has signed that ${count(ended('not-sent'), 'disclosure')} of which it gave notice never left.`]
      : []),
    ...(ended('refused') > 0
      ? [`The NCSC has signed that the ICO refused ${count(ended('refused'), 'disclosure')} and kept nothing of it.`]
      : []),
    ...(deleted > 0 ? [`The ICO has signed that it deleted ${count(deleted, 'item')} that it had restricted.`] : []),
    ...(kept.length > 0
      ? [
          `The ICO has signed that it keeps ${count(kept.length, 'item')} that it had restricted, shown to nobody, on this ground: ${grounds}.`,
        ]
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
  const { name } = e.bundle.organisation
  return [
    'Every record stands in its signer\u2019s ledger under a head that another party cosigned, so none was written or changed after its log time.',
    `Of each body\u2019s entries about ${name}, none is missing before the last one shown here.`,
    ...authorities.flatMap((authority) => statementProved(e, authority)),
  ]
}

function statementProved(e: Evidence, authority: AuthorityId): string[] {
  const [days, newest] = [daysOf(e, authority), newestOf(e, authority)]
  const last = days.at(-1)
  if (!last || !newest) return []
  const { name } = e.bundle.organisation
  const { entries, held, ending } = headOf(last)
  const missed = days.reduce((sum, day) => sum + (headOf(day).missed ?? 0), 0)
  const holds = held === 0 ? 'nothing' : count(held, 'item')
  return [
    `On ${instant(newest)} the ${authority.toUpperCase()} signed, unasked, that it has ${count(entries, 'entry', 'entries')} about ${name}, all of them here, and that it holds ${holds} that ${name} did not tell it itself${ending ? `, ${ending}` : ''}.${held > 0 ? ' Its receipts account for every one.' : ''}`,
    `It had signed the like ${count(days.length - 1, 'time')} before; none of these statements is missing here${missed > 0 ? `. ${count(missed, 'statement')} it did not make, and said so` : ''}.`,
  ]
}

export function notProvedBy(e: Evidence): string[] {
  return [
    ...sinceStatements(e),
    ...hiddenEntries(e),
    ...withheldItems(e),
    ...unopened(e),
    'Reports, permissions, refusals and withdrawals that no authority has signed for: the portal can have left those out.',
    'The name of the incident, its number and the date of this bundle: they are the portal\u2019s words. Compare the date with the day you asked for it: an older bundle shows less.',
    'Anything that passed outside the platform, such as a telephone call; and whether what was reported is true.',
    ...(e.trust.environment === 'trying-out'
      ? ['Anything against whoever runs this installation: it was set up for trying out, and one machine holds every key.']
      : []),
  ]
}

/** A statement speaks for the time before it. */
function sinceStatements(e: Evidence): string[] {
  return authorities.map((authority) => {
    const [newest, name] = [newestOf(e, authority), authority.toUpperCase()]
    return newest
      ? `That nothing happened at the ${name} after ${instant(newest)}, when its newest statement was logged: the portal can have left out what came later.`
      : `That this is everything of the ${name}: no daily statement of it is due yet, so the portal can have left out its newest entries.`
  })
}

function hiddenEntries(e: Evidence): string[] {
  const hidden = authorities
    .map((authority) => ({ authority, n: e.others.filter(({ from, record }) => from === authority && typeof record === 'string').length }))
    .filter(({ n }) => n > 0)
  const elsewhere = elsewhereIn(e)
  return [
    ...hidden.map(
      ({ authority, n }) =>
        `What ${count(n, 'entry', 'entries')} of the ${authority.toUpperCase()} that the bundle links but does not show may say. The portal treats them as other matters of yours; it could pass off an entry of this matter as one of them. The bundles of your other incidents show theirs.`,
    ),
    ...(elsewhere > 0
      ? [
          `Which permission covers ${count(elsewhere, 'item')} that the ICO signed for in other matters of yours: the bundles of those must show it. One that no bundle of yours shows was never permitted.`,
        ]
      : []),
  ]
}

function withheldItems(e: Evidence): string[] {
  if (e.bundle.chosen === undefined) return []
  return [
    `What ${count(withheldIn(e), 'item')} named in these records say: whoever asked for this bundle chose what to show. Nor, where an item of a request is not shown, which words stood over the signature.`,
  ]
}

function unopened(e: Evidence): string[] {
  const { sealed, opened } = sealedIn(e)
  const closed = sealed.length - opened.length
  return [
    ...(closed > 0
      ? [
          `What ${count(closed, 'report')} sealed on the reporter\u2019s own machine says: only the reporter\u2019s file of openings shows that (--openings FILE).`,
        ]
      : []),
    ...(opened.length > 0
      ? [
          'Corrections and a near miss in a sealed report, and that nothing else stood beside the items inside the seal: openings show items alone.',
        ]
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
    'If either body holds something of the other\u2019s and its newest statement does not list it: that body, against its own signature of that day.',
    'If either body did enter something before its newest statement and it is not here: that body, by signing a false count; or the portal, by calling the entries of both bodies another matter\u2019s. After it: the portal, until the next statement.',
    `If a record was dated back or changed afterwards: its signer together with ${whoCosigned(e)}.`,
  ]
}

/** Where the trust file requires witnesses, the two other nodes' word is not enough for a lie. */
function whoCosigned({ trust }: Evidence): string {
  const { required = [] } = trust.ledger
  return required.length === 0 ? 'one who cosigned that head' : `the witness that cosigned that head (${required.join(', ')})`
}
