import { join } from 'node:path'
import { Refusal } from '#platform/errors'
import { view, type Page } from '#platform/pages'
import { readers, registerFor, type Keeping } from '../keeping.ts'
import { basis, copies, type Copy, type Entry, type Reported, type Said } from '../register.ts'
import { bodies, inDay, inTime, stateInWords } from '../words.ts'

const template = join(import.meta.dirname, 'register.njk')

/** The register to read and to print. What it says is in the API too. */
export function registerPage(keeping: Keeping): Page {
  return {
    path: '/register',
    who: readers,
    show: async ({ query, ctx }) => {
      const copy = copies.find((one) => one === (query['copy'] ?? 'own'))
      // Nobody who mistypes the address is to hand over the wrong copy.
      if (copy === undefined) throw new Refusal('not-found')
      const { organisation, asAt, notes, entries, nearMisses } = await registerFor(keeping, copy, ctx)
      return view(template, {
        title: titles[copy],
        wide: true,
        organisation: organisation?.name ?? '',
        asAt: inTime(asAt),
        notes,
        law: `Made for ${basis.law}: the facts, the effects and the remedial action. The wording of that Article was not checked against its official text here.`,
        other:
          copy === 'own'
            ? { text: 'Show the copy for the ICO', href: '/register?copy=ico' }
            : { text: 'Show your own copy', href: '/register' },
        csv: `/api/v1/register?format=csv&copy=${copy}`,
        entries: entries.map((entry) => entryShown(entry, copy)),
        nearMisses: nearMisses.map((entry) => entryShown(entry, copy)),
      })
    },
  }
}

const titles: Record<Copy, string> = { own: 'Breach register', ico: 'Breach register: copy for the ICO' }

/** `note`: who wrote it, for whom. */
type Line = { label: string; words: string[]; note: string }
type Section = { title: string; lines: Line[]; whenEmpty: string }
type Shown = { heading: string; archive: string; sections: Section[] }

const EMPTY = 'Nothing recorded yet.'

function entryShown(entry: Entry, copy: Copy): Shown {
  const { id, reference, title } = entry
  const said = (all: readonly Said[]): Line[] => all.map((one) => lineOf(one, copy))
  return {
    heading: `${reference}: ${title}`,
    archive: copy === 'own' ? `/api/v1/incidents/${id}/archive` : '',
    sections: [
      { title: 'When', lines: times(entry, copy), whenEmpty: EMPTY },
      { title: 'Facts', lines: said(entry.facts), whenEmpty: EMPTY },
      { title: 'Effects', lines: said(Object.values(entry.effects)), whenEmpty: EMPTY },
      { title: 'Remedial action', lines: said(entry.remedialAction), whenEmpty: EMPTY },
      { title: 'Who was told', lines: telling(entry, copy), whenEmpty: 'Nobody.' },
    ],
  }
}

function times({ openedAt, discovered, aware, closed }: Entry, copy: Copy): Line[] {
  return [
    ...(discovered ? [lineOf(discovered, copy)] : []),
    ...(aware
      ? [
          {
            label: 'When did you become aware that personal data was involved?',
            words: [inTime(aware.at), aware.why],
            note: `Decided by ${aware.decidedBy}`,
          },
        ]
      : []),
    { label: 'Opened in this service', words: [inTime(openedAt)], note: '' },
    ...(closed ? [{ label: 'Closed', words: [inDay(closed.on), closed.outcome], note: `Written by ${closed.by}` }] : []),
  ]
}

function lineOf(said: Said, copy: Copy): Line {
  return { label: said.label, words: said.words, note: copy === 'own' ? origin(said) : '' }
}

function origin({ writtenFor, sent, privileged, by }: Said): string {
  const writer = by === undefined ? '' : `, by ${by}`
  if (writtenFor === 'register') return `Written for this register${writer}`
  const waits = privileged ? '; privilege is claimed' : ''
  return `Written for ${bodies[writtenFor]}${writer}; ${sent ? 'sent' : 'not sent'}${waits}`
}

function telling({ kind, reportedTo, notReportedBecause }: Entry, copy: Copy): Line[] {
  const told = reportedTo.map(reportShown)
  if (kind === 'near-miss' || reportedTo.some(({ body }) => body === 'ico')) return told
  const reason = notReportedBecause ? [lineOf(notReportedBecause, copy)] : []
  return [...told, { label: 'The ICO', words: [reason.length > 0 ? 'Not told' : 'Not told; no reason is recorded'], note: '' }, ...reason]
}

function reportShown({ body, at, reference, stage, state }: Reported): Line {
  return {
    label: `${stage.charAt(0).toUpperCase()}${stage.slice(1)} report to ${bodies[body]}`,
    words: [inTime(at), `${reference}: ${stateInWords[state]}`],
    note: '',
  }
}
