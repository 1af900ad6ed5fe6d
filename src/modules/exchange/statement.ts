import { b64u, sha256, type Bytes } from '#platform/bytes'
import { canonical, parseCanonical } from '#platform/canonical'
import { fromInstant } from '#platform/clock'
import { Refusal } from '#platform/errors'
import { jwsHolds, readJws, signJws, type Signer } from '#platform/jws'
import { checkLog, type CheckedLog, type LogMember } from '#ledger'
import { kinds, nodeIds, type Kind, type MessageRecord, type NodeId } from './message.ts'
import type { Trust } from './trust.ts'

const STATEMENT = 'concordat-statement+jws'
const head = ['v', 'kind', 'id', 'deployment', 'from', 'to', 'at', 'agreement', 'clause', 'payload']

/** Members of each kind beside the common ones; `?` marks those that may be missing. docs/formats/statement.md. */
const members: Record<Kind, string[]> = {
  'report': ['organisation', 'reference', 'stage', 'items'],
  'receipt': [
    'organisation',
    'for',
    'about',
    'state',
    'items',
    'code?',
    'reference?',
    'via?',
    'permission?',
    'stopped?',
    'left?',
    'mayHaveLeft?',
  ],
  'permission-request': ['organisation', 'reference', 'recipient', 'purpose', 'until', 'items'],
  'permission': ['organisation', 'permission'],
  'refusal': ['organisation', 'request'],
  'withdrawal': ['organisation', 'permission', 'by'],
  'disclosure': ['organisation', 'purpose', 'items', 'necessity', 'officer', 'permissions'],
  'notice': ['organisation', 'disclosure', 'record', 'recipient', 'purpose', 'items', 'permission'],
  'recall': ['disclosure', 'permission', 'items'],
}

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
}

/** The statement of a record whose log member is known. Signing changes nothing: the same record and log give the same statement. */
export function signStatement(record: string, log: LogMember, signer: Signer): string {
  return signJws(STATEMENT, { ...(JSON.parse(record) as object), log }, signer)
}

export type CheckedStatement = { record: MessageRecord; recordText: string; recordHash: Bytes; log: LogMember; checked: CheckedLog }

/** The form of a record: exactly the members of its kind, going a way the agreement's doors have. Throws SyntaxError. */
export function checkForm(record: MessageRecord): void {
  if (record.v !== 1 || !kinds.includes(record.kind)) throw new SyntaxError('unknown kind of record')
  const expected = [...head, ...members[record.kind]]
  const allowed = new Set(expected.map((name) => name.replace('?', '')))
  const missing = expected.filter((name) => !name.endsWith('?') && !(name in record))
  if (missing.length > 0 || Object.keys(record).some((name) => !allowed.has(name)))
    throw new SyntaxError('members of the record are not those of its kind')
  const [from, to] = flows[record.kind]
  if (!nodeIds.includes(record.from) || !from.includes(record.from) || !to.includes(record.to)) throw new SyntaxError('no such flow')
  fromInstant(record.at)
}

/** Reads and checks a statement in full against the trust given. Pure. Throws SyntaxError for form and signature, Refusal('log-proof-invalid') for the log. */
export function checkStatement(statement: string, trust: Trust, cache?: Map<string, unknown>): CheckedStatement {
  const opened = readJws(statement)
  const { log, ...record } = parseCanonical(opened.text) as unknown as MessageRecord & { log: LogMember }
  checkForm(record as MessageRecord)
  const known = record as MessageRecord
  if (!jwsHolds(statement, STATEMENT, trust.statementKeys[known.from])) throw new SyntaxError('not signed by the node it names')
  if (known.deployment !== trust.deployment) throw new SyntaxError('another deployment')
  const recordText = canonical(record)
  return { record: known, recordText, recordHash: sha256(recordText), log, checked: proved(known, log, trust, cache) }
}

function proved(record: MessageRecord, log: LogMember, trust: Trust, cache?: Map<string, unknown>): CheckedLog {
  try {
    return checkLog(record, log, trust.origins[record.from], trust.ledger, cache as never)
  } catch {
    throw new Refusal('log-proof-invalid')
  }
}

export function payloadHash(payload: Bytes | undefined): string {
  return b64u(sha256(payload ?? new Uint8Array()))
}
