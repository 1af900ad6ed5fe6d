import { join } from 'node:path'
import { transact } from '#platform/db'
import { invalid } from '#platform/errors'
import { answer, redirect, view, type Outcome, type Page, type Visit } from '#platform/pages'
import { timeInWords } from '#platform/uk-time'
import { caseFor, openCase, recordFinding, rights, timeline, writeNote, type ItemShown } from '#casework'
import { ask } from '#enquiries'
import { questionById, valueInWords } from '#reporting'
import { states, vias, type OfficeDeps } from '../words.ts'

const template = (name: string): string => join(import.meta.dirname, name)
type Case = Awaited<ReturnType<typeof openCase>>

/**
 * A case. Whoever has not said what they open it for sees what there is and not what it says; whoever says it is shown the answers, and
 * that is recorded first and told to the organisation.
 */
export function casePage(deps: OfficeDeps): Page {
  return { path: '/cases/:id', who: rights[deps.node].read, show: (visit) => show(deps, visit) }
}

async function show(deps: OfficeDeps, { params, query, ctx }: Visit): Promise<Outcome> {
  const purpose = deps.reading.purposes.find(({ id }) => id === query['purpose'] && id !== 'unstated')?.id
  const asked = {
    case: params['id']!,
    query: purpose === undefined ? { open: 'none' } : { purpose },
    credential: { kind: 'session' as const },
  }
  const found = await openCase(deps, asked, ctx)
  const may = (right: 'note' | 'find' | 'ask'): boolean =>
    (rights[deps.node][right] as readonly string[]).some((role) => ctx.actor.roles.includes(role))
  const here = `/cases/${found.id}`
  return view(template('case.njk'), {
    title: found.organisation,
    wide: true,
    back: '/cases',
    reference: found.reference,
    facts: factsOf(found),
    opened: purpose !== undefined,
    purposes: purposesShown(deps),
    columns: columnsOf(found),
    notes: found.notes.map(({ text, at }) => ({ lines: text.split('\n'), at: timeInWords(new Date(at)) })),
    links: [
      ...(may('note') ? [{ text: 'Write a note', href: `${here}/note` }] : []),
      ...(may('find') ? [{ text: 'Record a finding', href: `${here}/finding` }] : []),
      ...(may('ask') ? [{ text: 'Ask the organisation', href: `${here}/ask` }] : []),
      { text: 'Timeline', href: `${here}/timeline` },
    ],
  })
}

function purposesShown({ reading }: OfficeDeps) {
  const purposes = reading.purposes.filter(({ id }) => id !== 'unstated')
  return {
    name: 'purpose',
    idPrefix: 'purpose',
    fieldset: { legend: { text: 'What do you open this for?', classes: 'govuk-fieldset__legend--m' } },
    hint: { text: 'It is recorded before anything is shown, and the organisation is told.' },
    items: purposes.map(({ id, label }) => ({ value: id, text: label })),
  }
}

/** What it is, how bad, whose move, by when: as far as it can be said without opening anything. */
function factsOf({ stage, nearMiss, verified, openedAt, lastReceivedAt, openEnquiries, items }: Case) {
  const stages = { initial: 'A first report', update: 'An update came', final: 'The final report came' } as const
  const line = (label: string, text: string) => ({ label, lines: [text], change: '' })
  return [
    line('Stage', nearMiss ? 'A near miss' : stage ? stages[stage] : 'The organisation reported nothing here'),
    line('Organisation', verified ? 'Verified' : 'Not verified: nobody has checked that it is this organisation'),
    line('Opened', timeInWords(new Date(openedAt))),
    ...(lastReceivedAt === undefined ? [] : [line('Last received', timeInWords(new Date(lastReceivedAt)))]),
    line(
      'Whose move',
      openEnquiries > 0 ? `The organisation\u2019s: ${openEnquiries} open question${openEnquiries === 1 ? '' : 's'}` : 'Ours',
    ),
    line('Held', `${items.length} item${items.length === 1 ? '' : 's'}`),
  ]
}

/** Side by side by door: what came by permission is never mixed with what the organisation reported itself. */
function columnsOf({ items, answers }: Case) {
  const byId = new Map(items.map((item) => [item.id, item]))
  const findings = items.filter(({ kind }) => kind === 'finding')
  const folded = (via: ItemShown['via']) =>
    answers
      .filter((one) => one.via === via && byId.get(one.current)!.kind !== 'finding')
      .toSorted((a, b) => (a.question < b.question ? -1 : 1))
      .map(({ question, label, current, history }) => {
        const earlier = history.filter((id) => id !== current).map((id) => itemShown(byId.get(id)!, label ?? question))
        return { ...itemShown(byId.get(current)!, label ?? question), earlier }
      })
  const column = (title: string, shown: ReturnType<typeof folded>) => ({ title, items: shown })
  return [
    column(vias['in-confidence'], folded('in-confidence')),
    column(vias.statutory, folded('statutory')),
    column(vias.permission, folded('permission')),
    column(
      'Findings of this body',
      findings.map((item) => ({ ...itemShown(item, 'Finding'), earlier: [] })),
    ),
  ].filter(({ items: some }) => some.length > 0)
}

function itemShown(item: ItemShown, label: string) {
  const restricted = item.restricted === undefined ? '' : `Restricted since ${timeInWords(new Date(item.restricted))}`
  return {
    label,
    lines: 'value' in item ? valueInWords(item.value, questionById.get(item.question)) : [],
    hidden: 'value' in item ? '' : restricted || 'Not opened',
    state: [states[item.state], item.why ?? ''].filter((part) => part !== '').join(': '),
    about: `${item.marking} · door ${item.door.number}, ${item.door.clause} · received ${timeInWords(new Date(item.receivedAt))}`,
    handling: item.handling,
  }
}

export function timelinePage(deps: OfficeDeps): Page {
  return {
    path: '/cases/:id/timeline',
    who: rights[deps.node].read,
    show: async ({ params, ctx }) => {
      const found = await caseFor(deps.db, { id: params['id']!, right: 'read', node: deps.node }, ctx)
      const happened = await timeline(deps, found.id, ctx)
      return view(template('timeline.njk'), {
        title: `What happened: ${found.organisation_name}`,
        back: `/cases/${found.id}`,
        happened: happened.map(({ at, kind, text, items }) => ({
          at: timeInWords(new Date(at)),
          what: kinds[kind] ?? kind,
          text: text ?? '',
          items: items?.length ? `${items.length} item${items.length === 1 ? '' : 's'}` : '',
        })),
      })
    },
  }
}

const kinds: Record<string, string> = {
  report: 'Report received',
  correction: 'Correction received',
  note: 'Note',
  finding: 'Finding',
  enquiry: 'Question asked',
  'enquiry-withdrawn': 'Question taken back',
  disclosure: 'Received by permission',
}

type Writing = { path: string; right: 'note' | 'find' | 'ask'; title: string; button: string; label: string; hint: string; write: Write }
type Write = (deps: OfficeDeps, input: { case: string; text: string }, visit: Visit) => Promise<void>

const writings: Writing[] = [
  {
    path: 'note',
    right: 'note',
    title: 'Write a note',
    button: 'Keep this note',
    label: 'Note',
    hint: 'It stays in this body. It inherits every confidence of the case.',
    write: async ({ db, node }, { case: id, text }, { ctx }) => {
      await transact(db, (tx) => writeNote(tx, { case: id, text, node }, ctx))
    },
  },
  {
    path: 'finding',
    right: 'find',
    title: 'Record a finding',
    button: 'Keep this finding',
    label: 'Finding',
    hint: 'What only this body can say. It leaves only with the organisation\u2019s signed permission.',
    write: async ({ db, node }, { case: id, text }, { ctx }) => {
      await transact(db, (tx) => recordFinding(tx, { case: id, question: 'finding', value: text, node }, ctx))
    },
  },
  {
    path: 'ask',
    right: 'ask',
    title: 'Ask the organisation',
    button: 'Send this question',
    label: 'Question',
    hint: 'Ask only what you need now. They are told that they need not answer here, and the other body is not told that you asked.',
    write: async ({ db, node, questions = [], poke }, { case: id, text }, { ctx }) => {
      const known = new Set(questions.map((one) => one.id))
      await transact(db, (tx) => ask(tx, { case: id, node, typed: { text }, known }, ctx))
      poke?.()
    },
  },
]

/** One form a page: a note, a finding, a question. */
export function writingPages(deps: OfficeDeps): Page[] {
  return writings
    .filter(({ right }) => rights[deps.node][right].length > 0)
    .map((one) => ({
      path: `/cases/:id/${one.path}`,
      who: rights[deps.node][one.right],
      show: (visit) => showForm(deps, one, visit),
      submit: (visit) => keep(deps, one, visit),
    }))
}

async function showForm(
  { db, node }: OfficeDeps,
  { title, button, label, hint, right }: Writing,
  { params, form, mistakes, ctx }: Visit,
): Promise<Outcome> {
  const found = await caseFor(db, { id: params['id']!, right, node }, ctx)
  const wrong = mistakes.find(({ field }) => field === 'text')
  return view(template('writing.njk'), {
    title,
    button,
    back: `/cases/${found.id}`,
    organisation: found.organisation_name,
    text: {
      id: 'text',
      name: 'text',
      rows: 8,
      label: { text: label, classes: 'govuk-label--s' },
      hint: { text: hint },
      value: answer(form, 'text'),
      ...(wrong && { errorMessage: { text: wrong.message } }),
    },
  })
}

async function keep(deps: OfficeDeps, { write }: Writing, visit: Visit) {
  const text = answer(visit.form, 'text').replaceAll('\r\n', '\n').trim()
  if (text === '') return invalid({ field: 'text', message: 'Write something' })
  const id = visit.params['id']!
  await write(deps, { case: id, text }, visit)
  return redirect(`/cases/${id}`)
}
