import { ask, createEngine, reference, type Engine, type Verdict } from './engine.ts'
import { refusalOrder, type AgreementFile, type AgreementFolder } from './folder.ts'

/** The agreement in force at this node, ready to decide. */
export type Agreement = { id: string; hash: string; file: AgreementFile; engine: Engine; clauses: ReadonlySet<string> }

export function activate(folder: AgreementFolder): Agreement {
  const engine = createEngine(folder.hash, folder.policies, folder.schema, refusalOrder(folder))
  return { id: folder.file.id, hash: folder.hash, file: folder.file, engine, clauses: new Set(folder.clauses) }
}

export type PermissionFacts = {
  origin: string
  from: string
  to: string
  purpose: string
  items: string[]
  begins: number
  ends: number
  withdrawn: boolean
}

export type DisclosureQuestion = {
  officer: { id: string; node: string; roles: string[] }
  item: { id: string; question: string; kind: string; origins: string[] }
  origin: string
  from: string
  to: string
  purpose: string
  necessity: string
  /** Seconds since 1970: now at the sender, log time at the recipient. */
  time: number
  /** Only what already held: signature, enrolment, deployment, agreement. */
  permission?: PermissionFacts | undefined
}

/** An attachment's bytes lie at the body it was sent to and go no further: what nothing covers is refused, whatever was signed. */
const NEVER_COVERED = 'attachment'

/** Door 3 for one item and one origin. The caller asks for every pair and sends only if all are allowed. */
export function decideDisclosure(agreement: Agreement, question: DisclosureQuestion): Verdict {
  const { officer, item, permission } = question
  return ask(agreement.engine, {
    principal: { type: 'Officer', id: officer.id, attrs: { node: officer.node, roles: officer.roles } },
    action: 'disclose',
    resource: {
      type: 'Item',
      id: item.id,
      attrs: { kind: item.kind, origins: item.origins.map((origin) => reference('Organisation', origin)) },
    },
    context: {
      from: question.from,
      to: question.to,
      purpose: question.purpose,
      origin: reference('Organisation', question.origin),
      necessityStated: question.necessity.trim() !== '',
      time: question.time,
      ...(permission && { permission: permissionRecord(item.question === NEVER_COVERED ? { ...permission, items: [] } : permission) }),
    },
  })
}

function permissionRecord(permission: PermissionFacts) {
  return {
    origin: reference('Organisation', permission.origin),
    from: permission.from,
    to: permission.to,
    purpose: permission.purpose,
    items: permission.items.map((item) => reference('Item', item)),
    begins: permission.begins,
    ends: permission.ends,
    withdrawn: permission.withdrawn,
  }
}

/** Every other kind of message: may this node send it there? */
export function decideSend(agreement: Agreement, message: { kind: string; id: string; from: string; to: string }): Verdict {
  return ask(agreement.engine, {
    principal: { type: 'Node', id: message.from },
    action: 'send',
    resource: { type: 'Message', id: message.id, attrs: { kind: message.kind } },
    context: { to: message.to },
  })
}

/** Whether a permission that covers an answer to this question needs two signatories: `q01` stands for `q01-name` too. */
export function needsTwoSignatures({ permission }: AgreementFile, question: string): boolean {
  return permission.twoSignatures.some((one) => question === one || question.startsWith(`${one}-`))
}
