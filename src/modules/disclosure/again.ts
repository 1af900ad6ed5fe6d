import { z } from 'zod'
import { openAtRest } from '#platform/at-rest'
import { b64u, fromB64u, sha256, type Bytes } from '#platform/bytes'
import { canonical, parseCanonical } from '#platform/canonical'
import { fromInstant, instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import { transact, type Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { openJws, readJws, signJws } from '#platform/jws'
import { FIRST, heardFrom, isKind, kinds, nodeIds, open, saidTo, seal, type Kind, type NodeId, type Place, type SaidRow } from '#exchange'
import { patience, type GatewayConfig, type RunningGateway } from './config.ts'

/** docs/formats/restore.md: a house that was restored asks the others for what passed between them and its database no longer knows. */

const ASKS = 'concordat-restore+jws'
const GIVES = 'concordat-restored+jws'
const ROWS = 200
/** Of statements and payloads in one answer; base64 and the seal come on top. */
const BYTES = 400_000

const moment = z.string().refine(isMoment)
const place = z.strictObject({ at: z.string().regex(/^-?\d{1,19}$/), id: z.uuid() })
const asked = z.strictObject({
  v: z.literal(1),
  deployment: z.uuid(),
  from: z.enum(nodeIds),
  to: z.enum(nodeIds),
  at: moment,
  since: moment,
  what: z.enum(['said', 'heard']),
  kinds: z.array(z.enum(kinds)).min(1),
  after: place,
})
const message = z.strictObject({
  id: z.uuid(),
  kind: z.enum(kinds),
  /** Left out where it is no longer there, or may not leave again. */
  statement: z.string().optional(),
  payload: z.string().optional(),
  acknowledgement: z.string().optional(),
})
const given = z.strictObject({ messages: z.array(message), next: place.optional() })

type Asked = z.infer<typeof asked>
export type AgainMessage = z.infer<typeof message>

function isMoment(text: string): boolean {
  try {
    return fromInstant(text) instanceof Date
  } catch {
    return false
  }
}

// The house that gives

/**
 * The sealed answer to another house that lost its database. Only that house's own signature makes it one, and only its key opens the
 * answer; nothing here changes. Throws Refusal `unknown-peer` or SyntaxError for anything else.
 */
export async function giveAgain(config: GatewayConfig, request: string, ctx: Ctx): Promise<Bytes> {
  const claims = readAsked(config, request, ctx)
  const content = await transact(config.db, (tx) => (claims.what === 'said' ? saidAgain(tx, config, claims, ctx) : heardAgain(tx, claims)))
  const payload = Buffer.from(canonical(content))
  const sides = { from: config.node, to: claims.from }
  const told = { v: 1, deployment: config.trust.deployment, ...sides, at: instant(ctx.now()), request: b64u(sha256(request)) }
  const manifest = signJws(GIVES, { ...told, payload: b64u(sha256(payload)) }, config.signer)
  return seal({ ...sides, id: ctx.random.uuid() }, { manifest, payload }, config.sealing[claims.from])
}

function readAsked(config: GatewayConfig, request: string, ctx: Ctx): Asked {
  const { from } = Object(parseCanonical(readJws(request).text)) as Partial<Asked>
  if (from === undefined || from === config.node || !nodeIds.includes(from)) throw new Refusal('unknown-peer')
  const claims = asked.parse(openJws(request, ASKS, config.trust.statementKeys[from]))
  const age = Math.abs(ctx.now().getTime() - fromInstant(claims.at).getTime())
  if (claims.to !== config.node || claims.deployment !== config.trust.deployment || age > config.times.skewMilliseconds)
    throw new Refusal('unknown-peer')
  return claims
}

type Given = z.infer<typeof given>

/** Of what may not leave any more nothing is given but its id: it was recalled, and the recall is given. */
async function saidAgain(tx: Tx, config: GatewayConfig, { from, since, kinds: wanted, after }: Asked, ctx: Ctx): Promise<Given> {
  const rows = await saidTo(tx, from, fromInstant(since), after, ROWS)
  const chosen = rows.filter(({ kind }) => wanted.includes(kind))
  const barred = chosen.length > 0 ? await config.mayNotLeave?.(tx, chosen, ctx) : undefined
  return pageOf(rows, (row) => {
    if (!wanted.includes(row.kind)) return undefined
    const bare = { id: row.id, kind: row.kind }
    if (row.payload === null || barred?.has(row.id)) return bare
    return { ...bare, statement: row.statement, payload: b64u(openAtRest(config.restKey, row.id, row.payload)) }
  })
}

async function heardAgain(tx: Tx, { from, since, kinds: wanted, after }: Asked): Promise<Given> {
  const rows = await heardFrom(tx, from, fromInstant(since), after, ROWS)
  return pageOf(rows, ({ id, statement, acknowledgement }) => {
    const { kind } = JSON.parse(readJws(statement).text) as { kind: Kind }
    if (!wanted.includes(kind)) return undefined
    return { id, kind, statement, ...(acknowledgement !== null && { acknowledgement }) }
  })
}

/** As many as fit, one at least; `next` where there is more. */
function pageOf<R extends Pick<SaidRow, 'id' | 'place'>>(rows: readonly R[], show: (row: R) => AgainMessage | undefined): Given {
  const messages: AgainMessage[] = []
  let bytes = 0
  for (const [nth, row] of rows.entries()) {
    const shown = show(row)
    if (!shown) continue
    bytes += (shown.statement?.length ?? 0) + (shown.payload?.length ?? 0) + (shown.acknowledgement?.length ?? 0)
    if (messages.length > 0 && bytes > BYTES) return { messages, next: placeBefore(rows, nth) }
    messages.push(shown)
  }
  return rows.length === ROWS ? { messages, next: placeBefore(rows, rows.length) } : { messages }
}

function placeBefore(rows: readonly Pick<SaidRow, 'id' | 'place'>[], nth: number): Place {
  const { place: at, id } = rows[nth - 1]!
  return { at, id }
}

// The house that asks

export type Wish = { what: Asked['what']; since: Date; kinds: readonly Kind[] }

/** Everything of that sort from one peer, page by page. Throws where it is away, or answers with anything but its own signed word. */
export async function* askAgain(config: RunningGateway, peer: NodeId, wish: Wish): AsyncGenerator<AgainMessage[]> {
  let after: Place | undefined = FIRST
  while (after) {
    const page: Given = await askOnce(config, peer, { ...wish, after })
    yield page.messages
    after = page.next
  }
}

async function askOnce(config: RunningGateway, peer: NodeId, wish: Wish & { after: Place }): Promise<Given> {
  const ctx = config.makeCtx()
  const sides = { from: config.node, to: peer }
  const claims = { v: 1, deployment: config.trust.deployment, ...sides, at: instant(ctx.now()) }
  const rest = { since: instant(wish.since), what: wish.what, kinds: [...wish.kinds], after: wish.after }
  const request = signJws(ASKS, { ...claims, ...rest }, config.signer)
  const response = await fetch(`${config.peers[peer]}/restore`, {
    method: 'POST',
    body: request,
    signal: patience(config, config.times.timeoutMilliseconds),
  })
  if (response.status !== 200) throw new Error(`no answer to give again: ${response.status}`)
  return readGiven(config, peer, request, Buffer.from(await response.arrayBuffer()))
}

async function readGiven(config: GatewayConfig, peer: NodeId, request: string, envelope: Bytes): Promise<Given> {
  const { header, content } = await open(envelope, config.opening)
  const told = openJws(content.manifest, GIVES, config.trust.statementKeys[peer]) as { [member: string]: unknown }
  const fits =
    header.from === peer &&
    told['from'] === peer &&
    told['to'] === config.node &&
    told['deployment'] === config.trust.deployment &&
    told['request'] === b64u(sha256(request)) &&
    told['payload'] === b64u(sha256(content.payload))
  if (!fits) throw new SyntaxError('it answers something else')
  return given.parse(parseCanonical(Buffer.from(content.payload).toString('utf8')))
}

export const payloadOf = ({ payload = '' }: AgainMessage): Bytes => fromB64u(payload)

/** In which order what was said is taken again: reports first, on which the rest rests; what ends something last. */
export const rounds: readonly (readonly Kind[])[] = [
  ['report'],
  kinds.filter((kind) => isKind(kind) && kind !== 'report' && kind !== 'withdrawal' && kind !== 'suspension'),
  ['withdrawal', 'suspension'],
]
