import { b64u, sha256, type Bytes } from '#platform/bytes'
import { canonical, hashOf } from '#platform/canonical'
import { instant } from '#platform/clock'
import type { Random } from '#platform/context'
import { publicPart, signJws, type Signer } from '#platform/jws'
import { openItemRef, payloadHash, signStatement, type ItemRef, type Kind, type NodeId, type OpenItem, type TrustFile } from '#exchange'
import { PERMISSION, signEnrolment, WITHDRAWAL, type Claims, type Enrolment, type EnrolmentRecord } from '#permission'
import { sealed, sealHash, signSeal, type Unsealed } from './bundle.ts'
import { composeBundle, type Gathered } from './compose.ts'
import { randomFromWord, signerFrom, toyLedger, type Entered, type ToyLedger } from './testing-ledger.ts'

/**
 * For tests and vectors: a portal, an NCSC and an ICO in memory with real keys, real signatures and real proofs, that do what the
 * formats say, or, told to, something else. The same words make the same world.
 */

const nodes = ['portal', 'ncsc', 'ico'] as const
type Signers = Record<NodeId, Signer>

/** A record that one node made for another. Its statement exists once the interval is closed. */
export type Said = { id: string; record: Record<string, unknown>; entered: Entered; statement(signer?: Signer): string }
export type Beside = { payload?: Bytes; chain?: string; clause?: string; id?: string }

export type World = {
  trust: TrustFile
  statement: Signers
  log: Signers
  organisation: { id: string; name: string }
  /** The signatory's key. */
  signatory: Signer
  random: Random
  now(): Date
  wait(milliseconds: number): void
  say(from: NodeId, to: NodeId, kind: Kind, members: object, beside?: Beside): Said
  /** Ends an interval at all three nodes. */
  close(): void
  /** The organisation's chain at an authority. */
  chainAt(from: 'ncsc' | 'ico'): { n: number; previous: Bytes }
  /** What statements listed, and when the last of each authority fell due. */
  lists: Bytes[]
  due: { ncsc?: string; ico?: string }
}

export const agreement = { id: 'ico-ncsc-2023', hash: b64u(sha256('the agreement')) }
export const CLAUSE = 'consent-before-disclosure'
/** The person whose key the signatory's is. */
export const SIGNATORY = '7c1d2c3a-5b0e-4f6a-9d0e-2b8f1a4c6d10'

export function createWorld(options: { word?: string; slots?: number; environment?: TrustFile['environment'] } = {}): World {
  const { word = 'marlow', slots = 16, environment = 'production' } = options
  const random = randomFromWord(word)
  const deployment = random.uuid()
  const signers = (use: string) => Object.fromEntries(nodes.map((node) => [node, signerFrom(`${word} ${use} ${node}`)])) as Signers
  const [statement, log] = [signers('statement'), signers('log')]
  const originOf = (node: NodeId) => `${deployment}/${node}`
  const ledgerOf = (node: NodeId): ToyLedger => {
    const cosigners = nodes.filter((one) => one !== node).map((one) => ({ name: originOf(one), signer: log[one] }))
    return toyLedger({ origin: originOf(node), slots, log: log[node], cosigners, random })
  }
  const ledgers = Object.fromEntries(nodes.map((node) => [node, ledgerOf(node)])) as Record<NodeId, ToyLedger>
  const trusted = (node: NodeId) => ({
    statement: statement[node].jwk,
    log: { origin: originOf(node), key: log[node].jwk },
    seal: { kid: b64u(sha256(`seal ${node}`)), key: '' },
  })
  let time = Date.parse('2026-11-25T09:30:00.000Z')
  const organisation = { id: random.uuid(), name: 'Marlow Fresh Ltd' }
  return {
    trust: {
      v: 1,
      deployment,
      environment,
      agreements: [agreement],
      witnesses: [],
      nodes: { portal: trusted('portal'), ncsc: trusted('ncsc'), ico: trusted('ico') },
    },
    statement,
    log,
    organisation,
    random,
    signatory: signerFrom(`${word} signatory`),
    now: () => new Date(time),
    wait: (milliseconds) => {
      time += milliseconds
    },
    say: (from, to, kind, members, beside = {}) => {
      const { payload, chain, clause = CLAUSE, id = random.uuid() } = beside
      const head = { v: 1, kind, id, deployment, from, to, at: instant(new Date(time++)), agreement, clause, payload: payloadHash(payload) }
      const record = { ...head, ...members }
      const entered = ledgers[from].enter(record, chain)
      return { id, record, entered, statement: (signer = statement[from]) => signStatement(entered.text, entered.log!, signer) }
    },
    close: () => {
      time += 1_000
      for (const node of nodes) ledgers[node].close(new Date(time))
    },
    chainAt: (from) => ledgers[from].chain(organisation.id),
    lists: [],
    due: {},
  }
}

export function newItem(world: World, question: string, value: unknown): OpenItem {
  return { id: world.random.uuid(), question, value, salt: b64u(world.random.bytes(32)) }
}

export const refsOf = (items: OpenItem[]): ItemRef[] => items.map(openItemRef)

// The organisation's own acts

export function enrol(
  world: World,
  change: Partial<EnrolmentRecord> = {},
  signers: [Signer, Signer] = [world.statement.portal, world.statement.ncsc],
): Enrolment {
  const { id, name } = world.organisation
  const from = instant(new Date(world.now().getTime() - 3_600_000))
  const record: EnrolmentRecord = {
    v: 1,
    deployment: world.trust.deployment,
    org: id,
    organisation: { name, identifiers: [] },
    person: SIGNATORY,
    kid: world.signatory.kid,
    key: publicPart(world.signatory.jwk),
    rpId: 'localhost',
    origin: 'http://localhost:3000',
    role: 'signatory',
    ceremony: { kind: 'call-back', at: from },
    from,
    body: 'ncsc',
    ...change,
  }
  return signEnrolment(record, signers)
}

export function reports(
  world: World,
  to: 'ncsc' | 'ico',
  items: OpenItem[],
  reference: string,
  more: { corrections?: { item: string; corrects: string; why: string }[]; blobs?: object[] } = {},
): { said: Said; payload: Bytes } {
  const { id, name } = world.organisation
  const payload = Buffer.from(canonical({ organisation: { id, name, identifiers: [], verified: true }, stage: 'initial', items, ...more }))
  const members = { organisation: id, reference, stage: 'initial', items: refsOf(items) }
  return {
    said: world.say('portal', to, 'report', members, { payload, chain: id, clause: to === 'ico' ? 'regimes' : 'encourage-engagement' }),
    payload,
  }
}

export function grants(
  world: World,
  claims: Claims,
  signing: { signer?: Signer; enrolment?: Enrolment } = {},
): Gathered['permissions'][number] & { said: Said } {
  const permission = signJws(PERMISSION, claims, signing.signer ?? world.signatory)
  const enrolment = signing.enrolment ?? enrol(world)
  const payload = Buffer.from(canonical({ permission, enrolment }))
  const said = world.say(
    'portal',
    'ncsc',
    'permission',
    { organisation: world.organisation.id, permission: claims.jti },
    { payload, chain: world.organisation.id },
  )
  return { permission, enrolment, said, statement: '' }
}

export function withdraws(world: World, permission: string, signed = false): { said: Said; withdrawal?: string } {
  const { id } = world.organisation
  const withdrawal = signed
    ? signJws(WITHDRAWAL, { iss: id, jti: world.random.uuid(), permission, iat: Math.floor(world.now().getTime() / 1000) }, world.signatory)
    : undefined
  const payload = withdrawal === undefined ? {} : { payload: Buffer.from(canonical({ withdrawal })) }
  const said = world.say(
    'portal',
    'ncsc',
    'withdrawal',
    { organisation: id, permission, by: signed ? 'signature' : 'session' },
    { ...payload, chain: id },
  )
  return { said, ...(withdrawal !== undefined && { withdrawal }) }
}

// The authorities' acts

export function asks(world: World, items: OpenItem[], reference: string, purpose = 'incident-response'): { said: Said; words: Bytes } {
  const words = {
    reason: 'The ICO will ask how they got in; only we can say.',
    items,
    purpose: { id: purpose, label: 'Helping you', means: 'So that both know.', may: ['advising'], mayNot: ['deciding on a penalty'] },
    conditions: ['keep-marking'],
  }
  const payload = Buffer.from(canonical({ reason: words.reason, items }))
  const until = instant(new Date(world.now().getTime() + 30 * 86_400_000))
  const members = { organisation: world.organisation.id, reference, recipient: 'ico', purpose, until, items: refsOf(items) }
  return {
    said: world.say('ncsc', 'portal', 'permission-request', members, { payload, chain: world.organisation.id }),
    words: Buffer.from(canonical(words)),
  }
}

/** An authority asks, or takes back what it asked. */
export function enquires(
  world: World,
  from: 'ncsc' | 'ico',
  reference: string,
  about: { text: string; neededBy?: string } | { withdraws: string },
): { said: Said; payload: Bytes } {
  const { id: organisation } = world.organisation
  const clause = from === 'ico' ? 'regimes' : 'encourage-engagement'
  const payload = 'withdraws' in about ? Buffer.alloc(0) : Buffer.from(canonical(about))
  const members = { organisation, reference, ...('withdraws' in about && about) }
  return { said: world.say(from, 'portal', 'enquiry', members, { payload, chain: organisation, clause }), payload }
}

/** What the portal offers for signature in answer to a request, or less. */
export function claimsFor(world: World, asked: { said: Said; words: Bytes }, items: OpenItem[], change: Partial<Claims> = {}): Claims {
  const now = Math.floor(world.now().getTime() / 1000)
  const { purpose, until } = asked.said.record as { purpose: string; until: string }
  return {
    iss: world.organisation.id,
    aud: 'ncsc',
    jti: world.random.uuid(),
    iat: now,
    nbf: now,
    exp: Math.floor(Date.parse(until) / 1000),
    deployment: world.trust.deployment,
    agreement,
    request: asked.said.id,
    notice: payloadHash(asked.words),
    authorization_details: [
      { type: 'concordat-disclosure', from: 'ncsc', to: 'ico', purpose, items: refsOf(items), conditions: ['keep-marking'] },
    ],
    ...change,
  }
}

export function receipt(
  world: World,
  from: 'ncsc' | 'ico',
  members: { for: string; about: string; items: ItemRef[] } & Record<string, unknown>,
  beside: Beside = {},
): Said {
  const all = { organisation: world.organisation.id, state: 'accepted', ...members }
  return world.say(from, 'portal', 'receipt', all, { chain: world.organisation.id, ...beside })
}

export function notifies(world: World, permission: string, items: ItemRef[], change: Record<string, unknown> = {}): Said {
  const disclosure = world.random.uuid()
  const record = b64u(hashOf({ disclosure }))
  const members = {
    organisation: world.organisation.id,
    disclosure,
    record,
    recipient: 'ico',
    purpose: 'incident-response',
    items,
    permission,
    ...change,
  }
  return world.say('ncsc', 'portal', 'notice', members, { chain: world.organisation.id })
}

export type HeldLine = { item: string; commitment: string; record: string; via: string; since: string; restricted?: string }

/** What a body lists of one disclosure it took. */
export function linesOf(world: World, disclosure: string, items: ItemRef[]): HeldLine[] {
  const since = instant(world.now())
  return items.map(({ id, commitment }) => ({ item: id, commitment, record: disclosure, via: 'permission', since }))
}

/** An authority’s daily statement, a page a list of lines; `change` falsifies its members, or one page’s. */
export function states(
  world: World,
  from: 'ncsc' | 'ico',
  pages: HeldLine[][] = [[]],
  change: (members: Record<string, unknown>, page: number) => object = (members) => members,
): Said[] {
  const { n, previous } = world.chainAt(from)
  const { id } = world.organisation
  const [due, before] = [instant(world.now()), world.due[from]]
  world.due[from] = due
  return pages.map((lines, nth) => {
    const place = ({ since, item, record }: HeldLine) => `${since} ${item} ${record}`
    const list = Buffer.from(canonical({ holdings: lines.toSorted((a, b) => (place(a) < place(b) ? -1 : 1)) }))
    if (!world.lists.some((known) => list.equals(known))) world.lists.push(list)
    const members = {
      organisation: id,
      due,
      ...(before !== undefined && { before }),
      entries: n + pages.length,
      head: b64u(previous),
      page: nth + 1,
      pages: pages.length,
      held: pages.flat().length,
      ...(from === 'ncsc' && { ending: 'except anything whose notice is lawfully deferred' }),
    }
    return world.say(from, 'portal', 'statement', change(members, nth + 1), { payload: list, chain: id })
  })
}

/** The text of a bundle, sealed by the portal or by whoever holds this key. */
export function sealedBy(value: Unsealed, signer: Signer): string {
  return sealed(value, signSeal(sealHash(value), signer))
}

export function bundleOf(world: World, gathered: Omit<Gathered, 'deployment' | 'organisation' | 'lists'>): Unsealed {
  const { trust, organisation, lists } = world
  return composeBundle({ deployment: trust.deployment, organisation: organisation.id, lists, ...gathered }, world.now())
}
