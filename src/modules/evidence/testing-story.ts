import type { Bytes } from '#platform/bytes'
import { instant } from '#platform/clock'
import type { Signer } from '#platform/jws'
import type { ItemRef, OpenItem } from '#exchange'
import type { Claims, Enrolment } from '#permission'
import type { Unsealed } from './bundle.ts'
import {
  asks,
  bundleOf,
  claimsFor,
  createWorld,
  enquires,
  grants,
  linesOf,
  newItem,
  notifies,
  receipt,
  refsOf,
  reports,
  states,
  withdraws,
  type Said,
  type World,
} from './testing.ts'

/** For tests and vectors: whole incidents, told from beginning to end. */

export type Told = { world: World; bundle: Unsealed }
const incident = { id: '0a7e3a52-9a5c-4c1d-8a37-5b1f6f2f7a10', reference: 'INC-7K2M-Q9RT' }
const references = { ncsc: 'NCSC-4F7H-9KMN', ico: 'ICO-8RST-2VWX' }

const statementsOf = (all: Said[]): string[] => all.map((said) => said.statement())

/**
 * Everything that can happen to one incident: reports to both (one not yet received), a request granted in part and one refused, a
 * disclosure kept and one stopped, a withdrawal, a recall, a question answered and one taken back; and entries about another matter in
 * between.
 */
export function wholeStory(world: World = createWorld()): Told {
  const begun = reporting(world)
  const enquired = enquiring(world)
  const permitted = permitting(world, begun.items)
  const ended = disclosing(world, permitted)
  const bundle = bundleOf(world, {
    incident,
    submissions: [...begun.submitted, enquired.answer, ended.update].map(({ said, payload }) => ({ statement: said.statement(), payload })),
    requests: permitted.requests.map(({ said, words }) => ({ statement: said.statement(), words })),
    enquiries: enquired.all.map(({ said, payload }) => ({ statement: said.statement(), payload })),
    refusals: statementsOf([permitted.refused]),
    permissions: [
      { permission: permitted.given.permission, enrolment: permitted.given.enrolment, statement: permitted.given.said.statement() },
    ],
    withdrawals: [
      { statement: ended.withdrawn.said.statement(), withdrawal: ended.withdrawn.withdrawal!, enrolment: permitted.given.enrolment },
    ],
    received: statementsOf([...begun.received, ...enquired.received, ...permitted.received, ...ended.received]),
  })
  return { world, bundle }
}

function reporting(world: World) {
  const items = [newItem(world, 'q19', 'Files were encrypted overnight.'), newItem(world, 'q20', '2026-11-24T22:15:00Z')]
  const submitted = [
    reports(world, 'ncsc', items, references.ncsc),
    reports(world, 'ico', [newItem(world, 'q19', 'Files were encrypted overnight.')], references.ico),
  ]
  world.close()
  const told = submitted.map(({ said }) => {
    const { id, to, items: named, reference } = said.record as { id: string; to: 'ncsc' | 'ico'; items: ItemRef[]; reference: string }
    const [clause, via] = to === 'ico' ? ['regimes', 'statutory'] : ['encourage-engagement', 'in-confidence']
    return receipt(world, to, { for: id, about: 'report', items: named, reference, via }, { clause })
  })
  const elsewhere = (['ncsc', 'ico'] as const).map((from) =>
    receipt(world, from, { for: world.random.uuid(), about: 'report', items: [], reference: 'ANOTHER', via: 'another' }),
  )
  world.close()
  const stated = [...states(world, 'ncsc'), ...states(world, 'ico')]
  world.close()
  return { items, submitted, received: [...told, ...elsewhere, ...stated] }
}

/** The ICO asks and is answered; the NCSC asks and takes it back. */
function enquiring(world: World) {
  const asked = enquires(world, 'ico', references.ico, { text: 'How many people are affected?', neededBy: '2026-12-01' })
  const dropped = enquires(world, 'ncsc', references.ncsc, { text: 'Is the gateway still reachable?' })
  world.close()
  const item = newItem(world, `asked-${asked.said.id}`, 'About 300.')
  const answer = reports(world, 'ico', [item], references.ico)
  const takenBack = enquires(world, 'ncsc', references.ncsc, { withdraws: dropped.said.id })
  world.close()
  const { id, items: named } = answer.said.record as { id: string; items: ItemRef[] }
  const heard = receipt(
    world,
    'ico',
    { for: id, about: 'report', items: named, reference: references.ico, via: 'statutory' },
    { clause: 'regimes' },
  )
  world.close()
  const all = [asked, dropped, takenBack]
  return { all, answer, received: [...all.map(({ said }) => said), heard] }
}

function permitting(world: World, [what, when]: OpenItem[]) {
  const finding = newItem(world, 'finding', 'They came in by the remote access gateway; the fix had been out for nine days.')
  const asked = asks(world, [what!, when!, finding], references.ncsc)
  const again = asks(world, [when!], references.ncsc, 'national-resilience')
  world.close()
  const items = [what!, finding]
  const given = grants(world, claimsFor(world, asked, items))
  const permission = given.said.record['permission'] as string
  const { id: organisation } = world.organisation
  const refused = world.say('portal', 'ncsc', 'refusal', { organisation, request: again.said.id }, { chain: organisation })
  world.close()
  const heard = receipt(world, 'ncsc', { for: given.said.id, about: 'permission', items: refsOf(items), permission })
  const closed = receipt(world, 'ncsc', { for: refused.id, about: 'refusal', items: [] })
  world.close()
  return { requests: [asked, again], given, permission, refused, items: refsOf(items), received: [asked.said, again.said, heard, closed] }
}

function disclosing(world: World, { permission, items }: { permission: string; items: ItemRef[] }) {
  const first = notifies(world, permission, items)
  const second = notifies(world, permission, items.slice(0, 1))
  world.close()
  const [left, stopped] = [first, second].map(({ record }) => record['disclosure'] as string) as [string, string]
  const taken = receipt(world, 'ico', { for: left, about: 'disclosure', items, via: 'permission', permission })
  const lines = linesOf(world, left, items)
  const listed = states(world, 'ico', [lines])
  const withdrawn = withdraws(world, permission, true)
  world.close()
  const named = { stopped: [stopped], left: [left], mayHaveLeft: [] }
  const ended = receipt(world, 'ncsc', { for: withdrawn.said.id, about: 'withdrawal', items: [], permission, ...named })
  const recalled = receipt(world, 'ico', { for: world.random.uuid(), about: 'recall', items, via: 'permission', permission })
  const update = reports(world, 'ncsc', [newItem(world, 'q24', 'Backups are intact.')], references.ncsc)
  world.close()
  const restricted = instant(world.now())
  const last = [...states(world, 'ncsc'), ...states(world, 'ico', [lines.map((line) => ({ ...line, restricted }))])]
  world.close()
  return { withdrawn, update, received: [first, second, taken, ...listed, ended, recalled, ...last] }
}

/** Where a shorter story may be told otherwise than the rules say. */
export type Otherwise = {
  claims?: (claims: Claims, world: World) => Claims
  enrolment?: (world: World) => Enrolment
  signer?: (world: World) => Signer
  notice?: Record<string, unknown>
  /** Milliseconds between the permission's acknowledgement and the disclosure. */
  wait?: number
  taken?: Record<string, unknown>
  /** What the NCSC names as left when the permission is withdrawn before the disclosure. */
  withdrawnBefore?: 'unnamed' | 'named'
}

/** One report to the NCSC, one permission, `count` disclosures under it. */
export function shortStory(otherwise: Otherwise = {}, world: World = createWorld(), count = 1): Told {
  const item = newItem(world, 'q19', 'Files were encrypted overnight.')
  const reported = reports(world, 'ncsc', [item], references.ncsc)
  world.close()
  const told = receipt(world, 'ncsc', {
    for: reported.said.id,
    about: 'report',
    items: refsOf([item]),
    reference: references.ncsc,
    via: 'in-confidence',
  })
  const asked = asks(world, [item], references.ncsc)
  world.close()
  const offered = claimsFor(world, asked, [item])
  const enrolment = otherwise.enrolment?.(world)
  const given = grants(world, otherwise.claims?.(offered, world) ?? offered, {
    ...(otherwise.signer && { signer: otherwise.signer(world) }),
    ...(enrolment && { enrolment }),
  })
  const permission = given.said.record['permission'] as string
  world.close()
  const heard = receipt(world, 'ncsc', { for: given.said.id, about: 'permission', items: refsOf([item]), permission })
  world.close()
  const withdrawal = otherwise.withdrawnBefore && withdraws(world, permission)
  world.close()
  const disclosures = Array.from({ length: count }, () => world.random.uuid())
  const left = otherwise.withdrawnBefore === 'named' ? disclosures : []
  const ended =
    withdrawal &&
    receipt(world, 'ncsc', { for: withdrawal.said.id, about: 'withdrawal', items: [], permission, stopped: [], left, mayHaveLeft: [] })
  world.wait(otherwise.wait ?? 0)
  const notices = disclosures.map((disclosure) => notifies(world, permission, refsOf([item]), { disclosure, ...otherwise.notice }))
  world.close()
  const taken = disclosures.map((disclosure) =>
    receipt(world, 'ico', {
      for: disclosure,
      about: 'disclosure',
      items: refsOf([item]),
      via: 'permission',
      permission,
      ...otherwise.taken,
    }),
  )
  world.close()
  const bundle = bundleOf(world, {
    incident,
    submissions: [{ statement: reported.said.statement(), payload: reported.payload }],
    requests: [{ statement: asked.said.statement(), words: asked.words }],
    enquiries: [],
    refusals: [],
    permissions: [{ permission: given.permission, enrolment: given.enrolment, statement: given.said.statement() }],
    withdrawals: withdrawal ? [{ statement: withdrawal.said.statement() }] : [],
    received: statementsOf([told, asked.said, heard, ...(ended ? [ended] : []), ...notices, ...taken]),
  })
  return { world, bundle }
}

/** Where a story of one question may be told otherwise than the rules say. */
export type AskedOtherwise = { answerTo?: 'ncsc' | 'ico'; takenBackBy?: ('ncsc' | 'ico')[]; payload?: Bytes }

/** Reports to both, a question of the ICO, and its answer. */
export function questionStory(otherwise: AskedOtherwise = {}, world: World = createWorld()): Told {
  const { answerTo = 'ico', takenBackBy = [] } = otherwise
  const tells = (to: 'ncsc' | 'ico', question: string) => reports(world, to, [newItem(world, question, 'Words.')], references[to])
  const first = [tells('ncsc', 'q19'), tells('ico', 'q19')]
  world.close()
  const asked = enquires(world, 'ico', references.ico, { text: 'How many people are affected?' })
  const answer = tells(answerTo, `asked-${asked.said.id}`)
  world.close()
  const takenBack = takenBackBy.map((from) => enquires(world, from, references[from], { withdraws: asked.said.id }))
  world.close()
  const submissions = [...first, answer].map(({ said, payload }) => ({ statement: said.statement(), payload }))
  const enquiries = [asked, ...takenBack].map(({ said, payload }) => ({
    statement: said.statement(),
    payload: otherwise.payload ?? payload,
  }))
  const bundle = bundleOf(world, {
    incident,
    submissions,
    requests: [],
    enquiries,
    refusals: [],
    permissions: [],
    withdrawals: [],
    received: enquiries.map(({ statement }) => statement),
  })
  return { world, bundle }
}

/** A report to each body, and then one to the ICO that corrects the item chosen. */
export function correctionStory(
  choose: (told: Record<'ncsc' | 'ico' | 'other' | 'own' | 'unknown', string>) => { item?: string; corrects: string },
): Told {
  const world = createWorld()
  const item = (question: string) => newItem(world, question, 'Words.')
  const [atNcsc, atIco, other, right] = [item('q36'), item('q36'), item('q35'), item('q36')]
  const first = [reports(world, 'ncsc', [atNcsc], references.ncsc), reports(world, 'ico', [atIco, other], references.ico)]
  world.close()
  const told = { ncsc: atNcsc.id, ico: atIco.id, other: other.id, own: right.id, unknown: world.random.uuid() }
  const corrections = [{ item: right.id, why: 'Counted twice.', ...choose(told) }]
  const last = reports(world, 'ico', [right], references.ico, { corrections })
  world.close()
  const bundle = bundleOf(world, {
    incident,
    submissions: [...first, last].map(({ said, payload }) => ({ statement: said.statement(), payload })),
    requests: [],
    enquiries: [],
    refusals: [],
    permissions: [],
    withdrawals: [],
    received: [],
  })
  return { world, bundle }
}

/** Where a story of daily statements may be told otherwise than the rules say: what the ICO lists, and how long nobody says anything. */
export type StatedOtherwise = { planted?: true; unlisted?: true; silence?: number }

/** A report to each body, a disclosure in another matter, and two statements of each body; `then` is the bundle before the last of them. */
export function statedStory(otherwise: StatedOtherwise = {}, world: World = createWorld()): Told & { then: Unsealed } {
  const item = newItem(world, 'q19', 'Files were encrypted overnight.')
  const told = (['ncsc', 'ico'] as const).map((to) => ({ to, ...reports(world, to, [item], references[to]) }))
  world.close()
  const received = told.map(({ to, said }) =>
    receipt(world, to, { for: said.id, about: 'report', items: refsOf([item]), reference: references[to] }),
  )
  const all = () =>
    bundleOf(world, {
      incident,
      submissions: told.map(({ said, payload }) => ({ statement: said.statement(), payload })),
      requests: [],
      enquiries: [],
      refusals: [],
      permissions: [],
      withdrawals: [],
      received: statementsOf(received),
    })
  const state = (lines: Parameters<typeof states>[2]) => {
    received.push(...states(world, 'ncsc'), ...states(world, 'ico', lines))
    world.close()
  }
  world.close()
  state([[]])
  const then = all()
  const [disclosure, items] = [world.random.uuid(), refsOf([newItem(world, 'finding', 'By the gateway.')])]
  const lines = linesOf(world, disclosure, items)
  if (!otherwise.planted)
    received.push(
      receipt(world, 'ico', { for: disclosure, about: 'disclosure', items, via: 'permission', permission: world.random.uuid() }),
    )
  world.close()
  state([otherwise.unlisted ? [] : lines])
  world.wait(otherwise.silence ?? 0)
  return { world, bundle: all(), then }
}
