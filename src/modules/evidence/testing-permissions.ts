import type { Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { instant } from '#platform/clock'
import type { ItemRef, OpenItem } from '#exchange'
import type { Claims } from '#permission'
import type { Told } from './testing-story.ts'
import { bundleOf, claimsFor, createWorld, grants, newItem, notifies, receipt, refsOf, reports, type Said, type World } from './testing.ts'

/** For tests and vectors: a permission that the organisation started, narrowed, and had withdrawn by telephone. */

const incident = { id: '3c1f0b9e-6a41-4c57-9a0d-8f4b2f0e7a55', reference: 'INC-4PQR-7STV' }
const REFERENCE = 'NCSC-8H3J-5KLM'

/** Where it may be told otherwise than the rules say. */
export type Differently = {
  /** The narrower one covers both items, or ends later. */
  narrower?: 'no-narrower' | 'longer'
  /** The permission does not say that it takes a place, or the offer does not. */
  unsaid?: 'by-permission' | 'by-offer'
  offer?: Record<string, unknown>
  /** Of the first permission. */
  claims?: Partial<Claims>
  /** Of the disclosure that was not sent. */
  ending?: Record<string, unknown>
  twice?: true
  /** The ICO took what was not sent. */
  taken?: true
  /** What the NCSC says of it when the permission's place is taken. */
  named?: 'left'
  call?: Bytes
  by?: string
  decision?: Record<string, unknown>
  again?: true
}

type Started = { said: Said; words: Bytes }

function offers(world: World, items: OpenItem[], more: Record<string, unknown> = {}): Started {
  const words = {
    reason: 'Nobody asked for this: your organisation started it.',
    items,
    purpose: {
      id: 'incident-response',
      label: 'Helping you',
      means: 'So that both know.',
      may: ['advising'],
      mayNot: ['deciding on a penalty'],
    },
    conditions: ['keep-marking'],
  }
  const { id: organisation } = world.organisation
  const until = instant(new Date(world.now().getTime() + 30 * 86_400_000))
  const members = {
    organisation,
    reference: REFERENCE,
    recipient: 'ico',
    purpose: 'incident-response',
    until,
    items: refsOf(items),
    ...more,
  }
  return { said: world.say('portal', 'ncsc', 'offer', members, { chain: organisation }), words: Buffer.from(canonical(words)) }
}

/** The organisation lets the NCSC answer a question of the ICO. */
export function lets(world: World, enquiry: string, text: string): Started {
  const { id: organisation } = world.organisation
  const until = instant(new Date(world.now().getTime() + 86_400_000))
  const members = { organisation, reference: REFERENCE, recipient: 'ico', purpose: 'incident-response', until, items: [], enquiry }
  const words = Buffer.from(canonical({ text }))
  return { said: world.say('portal', 'ncsc', 'offer', members, { payload: words, chain: organisation }), words }
}

export function permissionStory(told: Differently = {}, world: World = createWorld()): Told {
  const items = [newItem(world, 'q19', 'Files were encrypted overnight.'), newItem(world, 'q24', 'Backups are intact.')]
  const reported = reports(world, 'ncsc', items, REFERENCE)
  world.close()
  const kept = { for: reported.said.id, about: 'report', items: refsOf(items), reference: REFERENCE, via: 'in-confidence' }
  const received = [receipt(world, 'ncsc', kept, { clause: 'encourage-engagement' })]
  const wide = permits(world, { items, ...(told.offer && { offer: told.offer }), ...(told.claims && { claims: told.claims }) })
  received.push(...wide.received)
  const sent = discloses(world, wide.permission, refsOf(items), told)
  received.push(...sent.received)
  const narrow = permits(world, { items: told.narrower === 'no-narrower' ? items : items.slice(0, 1), narrows: wide.permission, told })
  received.push(...narrow.received, ...narrowed(world, { wide, narrow, sent, items, told }))
  const call =
    told.call ??
    Buffer.from(
      canonical({ caller: 'Orla Dane', number: '020 7946 0000', numberFrom: 'Companies House', at: instant(world.now()), words: 'Stop.' }),
    )
  const ended = byTelephone(world, narrow.permission, call, told)
  received.push(...ended)
  const bundle = bundleOf(world, {
    incident,
    submissions: [{ statement: reported.said.statement(), payload: reported.payload }],
    requests: [],
    enquiries: [],
    offers: [wide, narrow].map(({ started }) => ({ statement: started.said.statement(), words: started.words })),
    refusals: [],
    permissions: [wide, narrow].map(({ given }) => ({
      permission: given.permission,
      enrolment: given.enrolment,
      statement: given.said.statement(),
    })),
    withdrawals: [{ statement: ended[0]!.statement(), call }],
    received: received.map((said) => said.statement()),
  })
  return { world, bundle }
}

type Permitted = { started: Started; given: ReturnType<typeof grants>; permission: string; received: Said[] }
type Permitting = { items: OpenItem[]; offer?: Record<string, unknown>; claims?: Partial<Claims>; narrows?: string; told?: Differently }

function permits(world: World, { items, offer = {}, claims: signed = {}, narrows, told = {} }: Permitting): Permitted {
  const { id: organisation } = world.organisation
  const started = offers(world, items, { ...offer, ...(narrows && told.unsaid !== 'by-offer' && { narrows }) })
  world.close()
  const heard = receipt(world, 'ncsc', { for: started.said.id, about: 'offer', items: refsOf(items) })
  // What narrows ends no later than what it narrows.
  const change = narrows && told.narrower !== 'longer' ? { exp: Math.floor(world.now().getTime() / 1000) + 86_400 } : signed
  const claims = claimsFor(world, started, items, change)
  const given = grants(world, claims)
  const said =
    narrows && told.unsaid !== 'by-permission'
      ? world.say(
          'portal',
          'ncsc',
          'permission',
          { organisation, permission: claims.jti, narrows },
          { payload: Buffer.from(canonical({ permission: given.permission, enrolment: given.enrolment })), chain: organisation },
        )
      : given.said
  world.close()
  const accepted = receipt(world, 'ncsc', { for: said.id, about: 'permission', items: refsOf(items), permission: claims.jti })
  world.close()
  return { started, given: { ...given, said }, permission: claims.jti, received: [heard, accepted] }
}

type Sent = { left: string; unsent: string; refused: string; received: Said[] }

/** One that the ICO takes, one that is not sent after all, one that the ICO refuses. */
function discloses(world: World, permission: string, items: ItemRef[], told: Differently): Sent {
  const notices = [0, 1, 2].map(() => notifies(world, permission, items))
  const [left, unsent, refused] = notices.map(({ record }) => record['disclosure'] as string) as [string, string, string]
  world.close()
  const taken = [left, ...(told.taken ? [unsent] : [])].map((disclosure) =>
    receipt(world, 'ico', { for: disclosure, about: 'disclosure', items, via: 'permission', permission }),
  )
  const how = (nth: number, disclosure: string, ended: string, more: Record<string, unknown> = {}) =>
    notifies(world, permission, items, { disclosure, record: notices[nth]!.record['record'], ended, ...more })
  const endings = [how(1, unsent, 'not-sent', told.ending), how(2, refused, 'refused'), ...(told.twice ? [how(1, unsent, 'refused')] : [])]
  world.close()
  return { left, unsent, refused, received: [...notices, ...taken, ...endings] }
}

type Narrowed = { wide: Permitted; narrow: Permitted; sent: Sent; items: OpenItem[]; told: Differently }

function narrowed(world: World, { wide, narrow, sent, items, told }: Narrowed): Said[] {
  const { permission } = wide
  const lists = {
    stopped: told.named ? [] : [sent.unsent],
    left: [sent.left, sent.refused, ...(told.named ? [sent.unsent] : [])],
    mayHaveLeft: [],
  }
  const ended = receipt(world, 'ncsc', { for: narrow.given.said.id, about: 'permission', items: [], permission, ...lists })
  const recall = world.random.uuid()
  const gone = refsOf(items.slice(1))
  const restricted = receipt(world, 'ico', { for: recall, about: 'recall', items: gone, via: 'permission', permission })
  world.close()
  const about = { for: recall, about: 'recall', items: gone, via: 'permission', permission }
  const decides = (how: Record<string, unknown>): Said => receipt(world, 'ico', { ...about, ...how }, { clause: 'retention' })
  const decided = told.again
    ? [decides({ decision: 'deleted' }), decides({ decision: 'kept', ground: 'appeal' })]
    : [decides({ decision: 'kept', ground: 'legal-hold', ...told.decision }), decides({ decision: 'deleted' })]
  world.close()
  return [ended, restricted, ...decided]
}

function byTelephone(world: World, permission: string, call: Bytes, told: Differently): Said[] {
  const { id: organisation } = world.organisation
  const withdrawn = world.say(
    'ncsc',
    'portal',
    'withdrawal',
    { organisation, permission, by: told.by ?? 'telephone' },
    { payload: call, chain: organisation },
  )
  world.close()
  const lists = { stopped: [], left: [], mayHaveLeft: [] }
  const ended = receipt(world, 'ncsc', { for: withdrawn.id, about: 'withdrawal', items: [], permission, ...lists })
  world.close()
  return [withdrawn, ended]
}
