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
  },
  'permission-request': { organisation: id, reference: text, recipient: text, purpose: text, until: text, items },
  'permission': { organisation: id, permission: id },
  'refusal': { organisation: id, request: id },
  'withdrawal': { organisation: id, permission: id, by: z.enum(['session', 'signature']) },
  'disclosure': {
    organisation: id,
    purpose: text,
    items,
    necessity: text,
    officer: z.strictObject({ id: text, role: text }),
    permissions: z.array(z.strictObject({ permission: text, enrolment: z.unknown() })),
  },
  'notice': { organisation: id, disclosure: id, record: text, recipient: text, purpose: text, items, permission: id },
  'recall': { disclosure: id, permission: id, items },
  'enquiry': { organisation: id, reference: text, withdraws: id.optional() },
}
const forms = new Map(kinds.map((kind) => [kind, z.strictObject({ ...head, ...members[kind] })]))

const flows: Record<Kind, [NodeId[], NodeId[]]> = {
  'report': [['portal'], ['ncsc', 'ico']],
  'receipt': [['ncsc', 'ico'], ['portal']],
  'permission-request': [['ncsc'], ['portal']],
  'permission': [['portal'], ['ncsc']],
  'refusal': [['portal'], ['ncsc']],
  'withdrawal': [['portal'], ['ncsc']],
  'disclosure': [['ncsc'], ['ico']],
  'notice': [['ncsc'], ['portal']],
  'recall': [['ncsc'], ['ico']],
  'enquiry': [['ncsc', 'ico'], ['portal']],
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
  if (!from.includes(record.from) || !to.includes(record.to)) throw new SyntaxError('no such flow')
  fromInstant(record.at)
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
