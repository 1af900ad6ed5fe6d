// Writes vectors/statement.json: `bin/node24 vectors/make-statement.ts`. Keys and values are fixed, so the same file comes out every time.
// The ledger in it is written from docs/formats/ledger.md and RFC 6962 and shares no code with the real one.
import { sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { b64u, sha256 } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import { signJws, type Signer } from '#platform/jws'
import type { LogMember } from '#ledger'
import {
  createWorld,
  enquires,
  linesOf,
  newItem,
  notifies,
  receipt,
  refsOf,
  reports,
  states,
  type Said,
} from '../src/modules/evidence/testing.ts'
import { checkpointOf, keyFrom, signerFrom } from '../src/modules/evidence/testing-ledger.ts'

const TYP = 'concordat-statement+jws'

function world() {
  const made = createWorld({ word: 'vectors', slots: 8 })
  const item = newItem(made, 'q19', 'Files were encrypted overnight; it\u2019s still going on \u{1f512}')
  const reported = reports(made, 'ncsc', [item], 'NCSC-4F7H-9KMN').said
  const received = receipt(made, 'ncsc', {
    for: reported.id,
    about: 'report',
    items: refsOf([item]),
    reference: 'NCSC-4F7H-9KMN',
    via: 'in-confidence',
  })
  made.close()
  made.close()
  const told = notifies(made, 'b7a2b2a8-6a1c-4f0a-8d5e-3f9f2f0d7c11', refsOf([item]))
  const sent = made.say('ncsc', 'ico', 'recall', {
    disclosure: told.record['disclosure'],
    permission: told.record['permission'],
    items: [],
  })
  made.close()
  const asked = enquires(made, 'ncsc', 'NCSC-4F7H-9KMN', { text: 'Is the gateway still reachable?', neededBy: '2026-12-01' }).said
  const takenBack = enquires(made, 'ncsc', 'NCSC-4F7H-9KMN', { withdraws: asked.id }).said
  made.close()
  const [nothing] = states(made, 'ncsc') as [Said]
  const [first, second] = states(made, 'ico', [linesOf(made, told.record['disclosure'] as string, refsOf([item])), []]) as [Said, Said]
  made.close()
  const { id: organisation } = made.organisation
  const { disclosure, permission } = told.record as { disclosure: string; permission: string }
  const terms = {
    organisation,
    reference: 'NCSC-4F7H-9KMN',
    recipient: 'ico',
    purpose: 'incident-response',
    until: '2026-12-24T00:00:00.000Z',
  }
  const offered = made.say('portal', 'ncsc', 'offer', { ...terms, items: refsOf([item]), narrows: permission }, { chain: organisation })
  const unsent = notifies(made, permission, refsOf([item]), { disclosure, record: told.record['record'], ended: 'not-sent' })
  const call = Buffer.from(
    '{"at":"2026-11-25T09:40:00.000Z","caller":"Orla Dane","number":"020 7946 0000","numberFrom":"Companies House","words":"Stop."}',
  )
  const called = made.say(
    'ncsc',
    'portal',
    'withdrawal',
    { organisation, permission, by: 'telephone' },
    { payload: call, chain: organisation },
  )
  const back = { for: sent.id, about: 'recall', items: refsOf([item]), via: 'permission', permission }
  const kept = receipt(made, 'ico', { ...back, decision: 'kept', ground: 'legal-hold' }, { clause: 'retention' })
  const deleted = receipt(made, 'ico', { ...back, decision: 'deleted' }, { clause: 'retention' })
  made.close()
  const ends = { offer: offered, unsent, called, kept, deleted }
  const days = { 'daily statement': nothing, 'daily statement, first page': first, 'daily statement, second page': second }
  return {
    made,
    said: {
      'report': reported,
      'receipt': received,
      'notice': told,
      'recall': sent,
      'enquiry': asked,
      'enquiry taken back': takenBack,
      'offer': ends.offer,
      'notice that it was not sent after all': ends.unsent,
      'withdrawal told by telephone': ends.called,
      'receipt of a decision to keep': ends.kept,
      'receipt of a decision to delete': ends.deleted,
      ...days,
    },
  }
}

const { made, said } = world()
const keyWord = (use: string, node: string) => keyFrom(`vectors ${use} ${node}`)
const signers = made.statement

/** The statement with other members, signed again by its own node: whatever is wrong, the signature is right. */
function altered(
  one: Said,
  change: (statement: Record<string, any>) => void,
  signer: Signer = signers[one.record['from'] as 'ncsc'],
): string {
  const statement = { ...structuredClone(one.record), log: structuredClone(one.entered.log) }
  change(statement)
  return signJws(TYP, statement, signer)
}

/** The same record under another checkpoint of the same head. */
function underNote(
  one: Said,
  cosigners: { name: string; signer: Signer }[],
  log = made.log.ncsc,
  origin = `${made.trust.deployment}/ncsc`,
): string {
  const [, size, root] = one.entered.log!.checkpoint.split('\n')
  const head = { origin, size: Number(size), root: Buffer.from(root!, 'base64') }
  return altered(one, (statement) => {
    statement.log.checkpoint = checkpointOf(head, log, cosigners, made.now())
  })
}

/** The JWS with its header or its payload spelled otherwise, and signed like that. */
function spelled(header: object, payload: string): string {
  const input = `${b64u(Buffer.from(JSON.stringify(header)))}.${b64u(Buffer.from(payload))}`
  return `${input}.${b64u(sign(null, Buffer.from(input), signers.ncsc.key))}`
}

function respelled(statement: string, place: 0 | 1 | 2): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const parts = statement.split('.')
  const last = parts[place]!.at(-1)!
  parts[place] = parts[place]!.slice(0, -1) + alphabet[alphabet.indexOf(last) ^ 1]
  return parts.join('.')
}

function valid() {
  return Object.entries(said).map(([why, one]) => ({
    why,
    statement: one.statement(),
    record: one.entered.text,
    recordHash: b64u(sha256(one.entered.text)),
    commitment: b64u(one.entered.commitment),
    logTime: timeIn(one.entered.log!.checkpoint),
    ...(one.entered.log!.opening && { n: one.entered.log!.opening.n }),
  }))
}

function timeIn(checkpoint: string): string {
  const line = checkpoint.split('\n').find((one) => one.startsWith('\u2014 ') && Buffer.from(one.split(' ')[2]!, 'base64').length === 76)!
  return new Date(Number(Buffer.from(line.split(' ')[2]!, 'base64').readBigUInt64BE(4)) * 1000).toISOString()
}

/** `code` says how: `form` for what is no statement of a known node, `log-proof-invalid` for what is one and is not proved. */
function invalid() {
  const { receipt: one, report, notice } = said
  const text = canonical({ ...one.record, log: one.entered.log })
  const header = { alg: 'EdDSA', kid: signers.ncsc.kid, typ: TYP }
  const zero = b64u(Buffer.alloc(32))
  const log = (change: (log: LogMember) => void, of = one) => altered(of, (statement) => change(statement.log))
  const form = [
    ['another type', signJws('concordat-manifest+jws', { ...one.record, log: one.entered.log }, signers.ncsc)],
    ['signed by another node', one.statement(signers.ico)],
    ['signed by a stranger', one.statement(signerFrom('stranger'))],
    ['another algorithm in the header', spelled({ ...header, alg: 'none' }, text)],
    ['a key in the header', spelled({ ...header, jwk: signers.ncsc.jwk }, text)],
    ['a payload that is not canonical', spelled(header, ` ${text}`)],
    ['a member twice', spelled(header, text.replace('{', '{"at":"2026-11-25T09:30:00.000Z",'))],
    ['stray bits in the signature', respelled(one.statement(), 2)],
    ['no signature', one.statement().split('.').slice(0, 2).join('.')],
    ['a member the kind does not have', altered(one, (s) => (s['more'] = 1))],
    ['a member the kind needs is missing', altered(one, (s) => delete s['items'])],
    ['an unknown kind', altered(one, (s) => (s['kind'] = 'greeting'))],
    ['an unknown version', altered(one, (s) => (s['v'] = 2))],
    ['a way that no door has', altered(one, (s) => (s['to'] = 'ico'))],
    ['an enquiry to the other body', altered(said.enquiry, (s) => (s['to'] = 'ico'))],
    ['an enquiry with items', altered(said.enquiry, (s) => (s['items'] = []))],
    ['an enquiry of no reference', altered(said.enquiry, (s) => delete s['reference'])],
    ['an enquiry that takes back what is no id', altered(said['enquiry taken back'], (s) => (s['withdraws'] = 'x'))],
    ['a daily statement to the other body', altered(said['daily statement'], (s) => (s['to'] = 'ico'))],
    ['a daily statement that does not say when it fell due', altered(said['daily statement'], (s) => delete s['due'])],
    ['a daily statement of no entries', altered(said['daily statement'], (s) => (s['entries'] = 0))],
    ['a daily statement that missed none, and says so', altered(said['daily statement'], (s) => (s['missed'] = 0))],
    ['a daily statement that holds less than nothing', altered(said['daily statement'], (s) => (s['held'] = -1))],
    ['an offer by the NCSC', altered(said.offer, (s) => Object.assign(s, { from: 'ncsc', to: 'portal' }), signers.ncsc)],
    ['an offer to the ICO', altered(said.offer, (s) => (s['to'] = 'ico'))],
    ['an offer without its list', altered(said.offer, (s) => delete s['items'])],
    ['an end that a disclosure cannot come to', altered(said['notice that it was not sent after all'], (s) => (s['ended'] = 'lost'))],
    [
      'a withdrawal by telephone from the portal',
      altered(said['withdrawal told by telephone'], (s) => Object.assign(s, { from: 'portal', to: 'ncsc' }), signers.portal),
    ],
    ['a withdrawal by session from the NCSC', altered(said['withdrawal told by telephone'], (s) => (s['by'] = 'session'))],
    ['a withdrawal from the NCSC to itself', altered(said['withdrawal told by telephone'], (s) => (s['to'] = 'ncsc'))],
    ['a decision to keep without its ground', altered(said['receipt of a decision to keep'], (s) => delete s['ground'], signers.ico)],
    ['a decision to delete on a ground', altered(said['receipt of a decision to delete'], (s) => (s['ground'] = 'appeal'), signers.ico)],
    ['a ground without a decision', altered(said['receipt of a decision to keep'], (s) => delete s['decision'], signers.ico)],
    [
      'a decision about anything but a recall',
      altered(said['receipt of a decision to delete'], (s) => (s['about'] = 'disclosure'), signers.ico),
    ],
    ['a decision by the NCSC', altered(said['receipt of a decision to delete'], (s) => (s['from'] = 'ncsc'), signers.ncsc)],
    ['a node that does not exist', altered(one, (s) => (s['from'] = 'hq'))],
    ['another deployment', altered(one, (s) => (s['deployment'] = one.id))],
    ['an instant without milliseconds', altered(one, (s) => (s['at'] = '2026-11-25T09:30:00Z'))],
  ]
  const unproved = [
    ['the record was changed and signed again', altered(one, (s) => (s['state'] = 'refused'))],
    ['no log member', altered(one, (s) => delete s['log'])],
    ['another salt', log((l) => (l.salt = zero))],
    ['another slot', log((l) => (l.slot ^= 1))],
    ['a slot outside the tree', log((l) => (l.slot += 8))],
    ['a path too short', log((l) => l.path.pop())],
    ['another sibling', log((l) => (l.path[0] = zero))],
    ['another leaf of the log', log((l) => (l.index += 1))],
    ['a proof where none is needed', log((l) => l.proof.push(zero))],
    ['a proof too short', log((l) => l.proof.pop(), notice)],
    ['a chain that its opening does not give', log((l) => (l.opening!.n += 1))],
    ['another entry before it', log((l) => (l.opening!.previous = b64u(sha256('x'))), notice)],
    ['a first entry with one before it', log((l) => (l.opening!.previous = b64u(sha256('x'))))],
    ['a member of the log that the format does not name', log((l) => ((l as { more?: number }).more = 1))],
    ['the log of another record', altered(one, (s) => (s['log'] = report.entered.log))],
    ['a head that nobody cosigned', underNote(one, [])],
    ['a head cosigned by its own log alone', underNote(one, [{ name: `${made.trust.deployment}/ncsc`, signer: made.log.ncsc }])],
    ['a head cosigned by a stranger', underNote(one, [{ name: 'witness.example/w1', signer: signerFrom('stranger') }])],
    ['a head not signed by its log', underNote(one, [{ name: `${made.trust.deployment}/ico`, signer: made.log.ico }], made.log.ico)],
    [
      'a head of another log',
      underNote(one, [{ name: `${made.trust.deployment}/ico`, signer: made.log.ico }], made.log.ncsc, `${made.trust.deployment}/portal`),
    ],
  ]
  const named =
    (code: string) =>
    ([why, statement]: string[]) => ({ why, code, statement })
  return [...form.map(named('form')), ...unproved.map(named('log-proof-invalid'))]
}

function items() {
  const item = { id: '4a0a7f0e-3f0d-4b8e-9a5e-0c7d1e2f3a4b', question: 'q19', value: { notYetKnown: true }, salt: b64u(sha256('salt')) }
  const hash = sha256(canonical({ id: item.id, question: item.question, value: item.value }))
  return { item, hash: b64u(hash), commitment: b64u(sha256(sha256('salt'), hash)) }
}

export function statementVectors(): string {
  const about =
    'Statements and item commitments (docs/formats/statement.md). Bytes are base64url; `trust` is a trust file (docs/formats/bundle.md).'
  const keys = { portal: keyWord('statement', 'portal'), ncsc: keyWord('statement', 'ncsc'), ico: keyWord('statement', 'ico') }
  return `${JSON.stringify({ v: 1, about, keys, trust: made.trust, item: items(), valid: valid(), invalid: invalid() }, null, 2)}\n`
}

if (import.meta.main) writeFileSync(new URL('statement.json', import.meta.url), statementVectors())
