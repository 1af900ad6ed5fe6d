import { z } from 'zod'
import { b64u, sha256, type Bytes } from '#platform/bytes'
import { canonical, parseCanonical } from '#platform/canonical'
import { fromInstant } from '#platform/clock'
import { Refusal } from '#platform/errors'
import { isUuid } from '#platform/ids'
import { jwsHolds, readJws, signJws, type Signer } from '#platform/jws'
import { checkLog, type CheckedLog, type LogMember } from '#ledger'
import { kinds, nodeIds, type Kind, type MessageRecord, type NodeId } from './message.ts'
import type { Trust } from './trust.ts'

const STATEMENT = 'concordat-statement+jws'
const id = z.string().refine(isUuid)
const text = z.string()
const items = z.array(z.strictObject({ id, commitment: text }))
const ids = z.array(id)
const count = z.int().min(1)
const head = {
  v: z.literal(1),
  kind: z.enum(kinds),
  id,
  deployment: id,
  from: z.enum(nodeIds),
  to: z.enum(nodeIds),
  at: text,
  agreement: z.strictObject({ id: text, hash: text }),
  clause: text,
  payload: text,
}

/** Members of each kind beside the common ones. docs/formats/statement.md. */
const members: Record<Kind, z.ZodRawShape> = {
  'report': { organisation: id, reference: text, stage: text, items },
  'receipt': {
    organisation: id,
    for: id,
    about: z.enum(kinds),
    state: z.enum(['accepted', 'refused']),
    items,
    code: text.optional(),
    reference: text.optional(),
    via: text.optional(),
    permission: id.optional(),
    stopped: ids.optional(),
    left: ids.optional(),
    mayHaveLeft: ids.optional(),
    decision: z.enum(['deleted', 'kept']).optional(),
    ground: text.optional(),
  },
  'permission-request': { organisation: id, reference: text, recipient: text, purpose: text, until: text, items, offer: id.optional() },
  'permission': { organisation: id, permission: id, narrows: id.optional() },
  'refusal': { organisation: id, request: id },
  'withdrawal': { organisation: id, permission: id, by: z.enum(['session', 'signature', 'telephone']) },
  'disclosure': {
    organisation: id,
    purpose: text,
    items,
    necessity: text,
    officer: z.strictObject({ id: text, role: text }),
    permissions: z.array(
      z.strictObject({
        permission: text,
        enrolment: z.unknown(),
        second: z.strictObject({ permission: text, enrolment: z.unknown() }).optional(),
      }),
    ),
  },
  'notice': {
    organisation: id,
    disclosure: id,
    record: text,
    recipient: text,
    purpose: text,
    items,
    permission: id,
    ended: z.enum(['not-sent', 'refused']).optional(),
  },
  'recall': { disclosure: id, permission: id, items },
  'statement': {
    organisation: id,
    due: text,
    before: text.optional(),
    missed: count.optional(),
    entries: count,
    head: text,
    page: count,
    pages: count,
    held: z.int().min(0),
    ending: text.optional(),
  },
  'reads': { organisation: id, due: text, after: text.optional(), ending: text },
  'enquiry': { organisation: id, reference: text, withdraws: id.optional() },
  'offer': {
    organisation: id,
    reference: text,
    recipient: text,
    purpose: text,
    until: text,
    items,
    enquiry: id.optional(),
    narrows: id.optional(),
  },
  'enrolment-request': { organisation: id, key: text, ceremony: z.enum(['call-back', 'countersigned', 'notice', 'recovery']) },
  'enrolment': { organisation: id, key: text, request: id, state: z.enum(['signed', 'refused', 'complete']) },
  'suspension': { organisation: id, key: text, since: text, by: z.enum(['session', 'telephone', 'departure']) },
}
const forms = new Map(kinds.map((kind) => [kind, z.strictObject({ ...head, ...members[kind] })]))

const flows: Record<Kind, [NodeId[], NodeId[]]> = {
  'report': [['portal'], ['ncsc', 'ico']],
  'receipt': [['ncsc', 'ico'], ['portal']],
  'permission-request': [['ncsc'], ['portal']],
  'permission': [['portal'], ['ncsc']],
  'refusal': [['portal'], ['ncsc']],
  'withdrawal': [
    ['portal', 'ncsc'],
    ['ncsc', 'portal'],
  ],
  'disclosure': [['ncsc'], ['ico']],
  'notice': [['ncsc'], ['portal']],
  'recall': [['ncsc'], ['ico']],
  'statement': [['ncsc', 'ico'], ['portal']],
  'reads': [['ncsc', 'ico'], ['portal']],
  'enquiry': [['ncsc', 'ico'], ['portal']],
  'offer': [['portal'], ['ncsc']],
  'enrolment-request': [['portal'], ['ncsc']],
  'enrolment': [
    ['portal', 'ncsc'],
    ['ncsc', 'portal'],
  ],
  'suspension': [
    ['portal', 'ncsc'],
    ['ncsc', 'portal'],
  ],
}

/** The statement of a record whose log member is known. Signing changes nothing: the same record and log give the same statement. */
export function signStatement(record: string, log: LogMember, signer: Signer): string {
  return signJws(STATEMENT, { ...(JSON.parse(record) as object), log }, signer)
}

export type ReadStatement = { record: MessageRecord; recordText: string; recordHash: Bytes; log: LogMember }
export type CheckedStatement = ReadStatement & { checked: CheckedLog }

/** The form of a record: exactly the members of its kind, going a way the agreement's doors have. Throws SyntaxError. */
export function checkForm(record: MessageRecord): void {
  const form = forms.get(record.kind)
  if (!form) throw new SyntaxError('unknown kind of record')
  if (!form.safeParse(record).success) throw new SyntaxError('members of the record are not those of its kind')
  const [from, to] = flows[record.kind]
  if (!from.includes(record.from) || !to.includes(record.to) || !isConsistent(record)) throw new SyntaxError('no such flow')
  fromInstant(record.at)
}

/** What the members of one kind must say of each other. */
function isConsistent(record: MessageRecord): boolean {
  const { kind, from, to } = record
  // The NCSC withdraws nothing but what it was told by telephone, and nobody else takes such calls.
  if (kind === 'withdrawal') return from !== to && (record['by'] === 'telephone') === (from === 'ncsc')
  if (kind === 'enrolment') return from !== to && (record['state'] === 'complete') === (from === 'portal')
  if (kind === 'suspension') return from !== to
  if (kind !== 'receipt') return true
  const decision = record['decision'] as string | undefined
  if ((decision === 'kept') !== (record['ground'] !== undefined)) return false
  return decision === undefined || (record['about'] === 'recall' && from === 'ico')
}

/** Form and signature alone: who says so, not yet that it stands in their log. Pure. Throws SyntaxError. */
export function readStatement(statement: string, trust: Trust): ReadStatement {
  const opened = readJws(statement)
  const { log, ...record } = Object(parseCanonical(opened.text)) as MessageRecord & { log: LogMember }
  checkForm(record as MessageRecord)
  const known = record as MessageRecord
  if (!jwsHolds(statement, STATEMENT, trust.statementKeys[known.from])) throw new SyntaxError('not signed by the node it names')
  if (known.deployment !== trust.deployment) throw new SyntaxError('another deployment')
  const recordText = canonical(record)
  return { record: known, recordText, recordHash: sha256(recordText), log }
}

/** That the record stands in the signer's log, and since when. Pure. Throws Refusal('log-proof-invalid'). */
export function proveStatement({ record, log }: ReadStatement, trust: Trust, cache?: Map<string, unknown>): CheckedLog {
  try {
    return checkLog(record, log, trust.origins[record.from], trust.ledger, cache as never)
  } catch {
    throw new Refusal('log-proof-invalid')
  }
}

/** Reads and checks a statement in full against the trust given. Pure. Throws as `readStatement` and `proveStatement` do. */
export function checkStatement(statement: string, trust: Trust, cache?: Map<string, unknown>): CheckedStatement {
  const read = readStatement(statement, trust)
  return { ...read, checked: proveStatement(read, trust, cache) }
}

export function payloadHash(payload: Bytes | undefined): string {
  return b64u(sha256(payload ?? new Uint8Array()))
}
