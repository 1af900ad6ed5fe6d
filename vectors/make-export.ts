// Writes vectors/export.json: `bin/node24 vectors/make-export.ts`. Keys and values are fixed, so the same file comes out every time.
import { createPrivateKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { b64u, sha256 } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { signerOf, signJws, type PrivateJwk, type Signer } from '#platform/jws'
import { signCheckpoint } from '../src/modules/ledger/note.ts'
import type { ReceivedLine, SentLine } from '../src/modules/reconcile/export.ts'

/** RFC 8410 section 7: an Ed25519 private key in PKCS #8 is this prefix and the seed. */
function keyOf(name: string): PrivateJwk {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), sha256(`concordat export vectors: ${name}`)])
  const { kty, crv, x, d } = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' }) as PrivateJwk
  return { kty, crv, x, d }
}

const nodes = ['portal', 'ncsc', 'ico'] as const
const deployment = '1f0b7c52-6d58-4a3e-9c1b-7f2d8e4a5b60'
const each = <T>(make: (node: (typeof nodes)[number]) => T) =>
  Object.fromEntries(nodes.map((node) => [node, make(node)])) as Record<string, T>
const statement: Record<string, Signer> = each((node) => signerOf(keyOf(`statement ${node}`)))
const log: Record<string, Signer> = each((node) => signerOf(keyOf(`log ${node}`)))
const originOf = (node: string): string => `${deployment}/${node}`
const trust = {
  v: 1,
  deployment,
  environment: 'production',
  agreements: [{ id: 'ico-ncsc-2023', hash: b64u(sha256('the agreement')) }],
  nodes: each((node) => ({
    statement: statement[node]!.jwk,
    log: { origin: originOf(node), key: log[node]!.jwk },
    seal: { kid: b64u(sha256(`seal ${node}`)), key: '' },
  })),
  witnesses: [],
}

const at = (minutes: number): string => new Date(Date.parse('2026-11-25T09:00:00.000Z') + minutes * 60_000).toISOString()
const ids = ['0a5c3d1e-1111-4a11-8a11-000000000001', '0a5c3d1e-1111-4a11-8a11-000000000002', '0a5c3d1e-1111-4a11-8a11-000000000003']
const [first, second, third] = ids as [string, string, string]
const hashOf = (word: string): string => b64u(sha256(word))

function acknowledges(id: string, minutes: number, state = 'accepted', by = statement['ico']!): string {
  const told = {
    v: 1,
    deployment,
    from: 'ico',
    to: 'ncsc',
    envelope: id,
    hash: hashOf(`envelope ${id}`),
    at: at(minutes),
    results: [{ id, state }],
  }
  return signJws('concordat-delivery+jws', told, by)
}

const sent = (id: string, minutes: number, more: Partial<SentLine> = {}): SentLine => ({
  id,
  kind: 'disclosure',
  record: hashOf(`record ${id}`),
  commitment: hashOf(`commitment ${id}`),
  index: minutes,
  queuedAt: at(minutes),
  state: 'accepted',
  statement: hashOf(`statement ${id}`),
  acknowledgement: acknowledges(id, minutes + 1),
  ...more,
})
const received = (id: string, minutes: number, more: Partial<ReceivedLine> = {}): ReceivedLine => ({
  id,
  kind: 'disclosure',
  record: hashOf(`record ${id}`),
  at: at(minutes),
  index: minutes,
  logTime: at(minutes),
  receivedAt: at(minutes + 1),
  state: 'accepted',
  statement: hashOf(`statement ${id}`),
  ...more,
})

const head = (node: string, size: number, word = 'tree'): string =>
  signCheckpoint({ origin: originOf(node), size, root: sha256(`${word} ${size}`) }, log[node]!)
type Books = { at: string; heads: string[]; sent: SentLine[]; received: ReceivedLine[] }
const { acknowledgement: _acknowledgement, statement: _statement, ...waiting } = sent(third, 59, { state: 'waiting' })
const books: { ncsc: Books; ico: Books } = {
  ncsc: { at: at(60), heads: [head('ncsc', 60), head('ico', 58)], sent: [sent(first, 10), sent(second, 20), waiting], received: [] },
  ico: { at: at(61), heads: [head('ico', 61), head('ncsc', 60)], sent: [], received: [received(first, 10), received(second, 20)] },
}

function sealed(node: 'ncsc' | 'ico', own: Books, more: object = {}, signer = statement[node]!): string {
  const unsealed = { v: 1, kind: 'concordat-export', deployment, node, with: node === 'ncsc' ? 'ico' : 'ncsc', ...own, ...more }
  return canonical({ ...unsealed, seal: signJws('concordat-export+jws', { v: 1, hash: b64u(sha256(canonical(unsealed))) }, signer) })
}

type Change = Partial<{ ncsc: Partial<Books>; ico: Partial<Books> }>
const pair = (why: string, found: string[], change: Change = {}) => ({
  why,
  ncsc: sealed('ncsc', { ...books.ncsc, ...change.ncsc }),
  ico: sealed('ico', { ...books.ico, ...change.ico }),
  found,
})
const ofNcsc = (one: SentLine): Change => ({ ncsc: { sent: [one, books.ncsc.sent[1]!, waiting] } })
const ofIco = (...all: ReceivedLine[]): Change => ({ ico: { received: all } })

const withoutPlace = ({ index: _, ...line }: SentLine): SentLine => line

function pairs() {
  return [
    pair('the books agree', []),
    pair('the recipient does not show what it signed for', ['gone-at-recipient'], ofIco(received(second, 20))),
    pair('signed for after the recipient\u2019s books were read', [], {
      ncsc: { sent: [sent(first, 10, { acknowledgement: acknowledges(first, 61) }), books.ncsc.sent[1]!, waiting] },
      ...ofIco(received(second, 20)),
    }),
    pair('the sender does not show what the recipient has', ['gone-at-sender'], { ncsc: { sent: [sent(second, 20)] } }),
    pair('decided on after the sender\u2019s books were read', [], {
      ncsc: { sent: [sent(first, 10), sent(second, 20)] },
      ...ofIco(received(first, 10), received(second, 20), received(third, 60)),
    }),
    pair('not yet in an interval as the sender\u2019s books were read', [], {
      ncsc: { sent: [sent(first, 10), sent(second, 20), withoutPlace(waiting)] },
      ...ofIco(received(first, 10), received(second, 20), received(third, 60)),
    }),
    pair('settled, and in no interval', ['entry-differs'], ofNcsc(withoutPlace(sent(first, 10)))),
    pair('another record', ['record-differs'], ofIco(received(first, 10, { record: hashOf('other') }), received(second, 20))),
    pair('another kind', ['kind-differs'], ofIco(received(first, 10, { kind: 'recall' }), received(second, 20))),
    pair('refused there, accepted here', ['states-differ'], ofIco(received(first, 10, { state: 'refused' }), received(second, 20))),
    pair('stopped, and there', ['stopped-and-arrived'], ofNcsc(sent(first, 10, { state: 'cancelled' }))),
    pair('perhaps left, and there', [], ofNcsc(sent(first, 10, { state: 'may-have-left' }))),
    pair('another leaf', ['entry-differs'], ofNcsc(sent(first, 10, { index: 11 }))),
    pair('queued after it was logged', ['dated-otherwise'], ofNcsc(sent(first, 10, { queuedAt: at(16) }))),
    pair('queued two days before it was logged', ['dated-otherwise'], ofNcsc(sent(first, 10, { queuedAt: at(-2900) }))),
    pair('received before it was logged', ['dated-otherwise'], ofIco(received(first, 10, { receivedAt: at(4) }), received(second, 20))),
    pair('settled by nobody\u2019s signature', ['acknowledgement-invalid'], {
      ncsc: {
        sent: [sent(first, 10, { acknowledgement: acknowledges(first, 11, 'accepted', statement['portal']!) }), books.ncsc.sent[1]!],
      },
      ...ofIco(received(second, 20)),
    }),
    pair('two roots of one size', ['split-view'], { ico: { heads: [head('ico', 61), head('ncsc', 60, 'fork')] } }),
    pair('less than was seen before', ['rolled-back'], { ncsc: { at: at(62), heads: [head('ncsc', 59)] } }),
  ]
}

function invalid() {
  const good = sealed('ncsc', books.ncsc)
  return [
    { why: 'changed after it was sealed', text: good.replace('"waiting"', '"refused"') },
    { why: 'sealed by another house', text: sealed('ncsc', books.ncsc, {}, statement['ico']) },
    { why: 'a member nobody knows', text: sealed('ncsc', books.ncsc, { more: 1 }) },
    { why: 'another version', text: sealed('ncsc', books.ncsc, { v: 2 }) },
    { why: 'another deployment', text: sealed('ncsc', books.ncsc, { deployment: '1f0b7c52-6d58-4a3e-9c1b-7f2d8e4a5b61' }) },
    { why: 'not canonical', text: ` ${good}` },
    { why: 'no seal', text: good.replace(/,"seal":"[^"]*"/, '') },
  ]
}

export function exportVectors(): string {
  const about = 'Exports of two houses and what is found between them (docs/formats/export.md). Each is given as its very text.'
  return `${JSON.stringify({ v: 1, about, trust, pairs: pairs(), invalid: invalid() }, null, 2)}\n`
}

if (import.meta.main) writeFileSync(new URL('export.json', import.meta.url), exportVectors())
