import { join } from 'node:path'
import { view, type Page } from '#platform/pages'
import { dutiesOf, sightOf, type Duty, type Saying } from '#duties'
import { ownIncident } from '#reporting'
import type { FrontDeps } from '../context.ts'
import { labelOf } from '../words.ts'
import { spanInWords, timeInWords } from '#platform/uk-time'

const MAY_APPLY = 'May apply'
const template = join(import.meta.dirname, 'duties.njk')

/** Which duties may apply, why, to whom, by when, and what is missing; never a verdict. */
export function dutiesPage(deps: FrontDeps): Page {
  return {
    path: '/incidents/:id/duties',
    who: 'signed-in',
    show: async ({ params, ctx }) => {
      const incident = await ownIncident(deps.db, params['id']!, deps.folders, ctx)
      const seen = await sightOf(deps.db, incident, deps.folders, ctx)
      const duties = incident.kind === 'near-miss' ? [] : dutiesOf(seen)
      const group = (title: string, note: string, some: Duty[]) => ({
        title,
        note,
        open: title === MAY_APPLY,
        duties: some.map((duty) => shown(duty, ctx.now())),
      })
      const now = duties.filter(({ standing }) => standing === 'in-force')
      const groups = [
        group(
          'May apply',
          'As told so far. Nothing here is a verdict or advice.',
          now.filter(({ mayApply }) => mayApply === true),
        ),
        group(
          'Not known yet',
          'More answers would say.',
          now.filter(({ mayApply }) => mayApply === 'unknown'),
        ),
        group(
          'Voluntary, and reminders',
          'No clock runs here unless you enter a date of your own.',
          duties.filter(({ standing }) => ['voluntary', 'note'].includes(standing)),
        ),
        group(
          'Coming law',
          'Not in force. Shown so that nobody is surprised.',
          duties.filter(({ standing }) => standing === 'coming'),
        ),
      ].filter(({ duties: some }) => some.length > 0)
      return view(template, {
        title: 'Duties and clocks',
        wide: true,
        back: `/incidents/${incident.id}`,
        dutyList: join(import.meta.dirname, 'duty-list.njk'),
        nearMiss: incident.kind === 'near-miss',
        groups,
        aware: withoutRepeats(seen.history).map(({ at, decidedBy, why, saidAt }) => ({
          at: at === null ? 'Taken back' : timeInWords(at),
          by: decidedBy || 'not said',
          why: why || 'not said',
          said: timeInWords(saidAt),
        })),
        change: `/incidents/${incident.id}/questions/q16`,
      })
    },
  }
}

/** Written and then sent is said once. */
function withoutRepeats(history: readonly Saying[]): Saying[] {
  const told = ({ at, decidedBy, why }: Saying): string => JSON.stringify([at, decidedBy, why])
  return history.filter((one, nth) => nth === 0 || told(one) !== told(history[nth - 1]!))
}

function shown(duty: Duty, now: Date) {
  return {
    name: duty.name,
    why: duty.why.replaceAll(/ \(q[\w-]+\)/g, ''),
    confidence: duty.confidence === 'confirmed' ? '' : 'Not confirmed: check with the source before relying on it.',
    rows: [
      row('Rests on', duty.paragraph),
      row('To', ...(duty.recipient.length > 0 ? duty.recipient.map(recipientInWords) : ['Not established'])),
      ...(duty.threshold === null ? [] : [row('Threshold, as held here', duty.threshold)]),
      ...duty.clocks.map(({ stage, dueAt, urgency }) => row(`Clock: ${stage}`, dueAt ? dueInWords(dueAt, now) : urgency)),
      row('State', states[duty.received]),
      ...(duty.missing.length > 0 && duty.mayApply === true ? [row('Still missing', ...duty.missing.map(labelOf))] : []),
    ],
  }
}

const known: Record<string, string> = { ico: 'The ICO', ncsc: 'The NCSC', fca: 'FCA', pra: 'PRA', sra: 'SRA' }

function recipientInWords(recipient: string): string {
  return known[recipient] ?? recipient.charAt(0).toUpperCase() + recipient.slice(1)
}

function row(label: string, ...lines: string[]) {
  return { label, lines, change: '' }
}

function dueInWords(dueAt: Date, now: Date): string {
  const left = dueAt.getTime() - now.getTime()
  return `${timeInWords(dueAt)} (${spanInWords(left)} ${left >= 0 ? 'left' : 'past'})`
}

const states: Record<Duty['received'], string> = {
  'not-sent': 'Not sent',
  'not-yet-received': 'Sent, not yet received',
  'received': 'Received',
  'not-through-here': 'Not reported through this service',
}
