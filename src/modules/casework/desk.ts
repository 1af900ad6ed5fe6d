import type { Ctx } from '#platform/context'
import type { Db, Tx } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { isUuid } from '#platform/ids'
import { openItemRef, PADDING, type AuthorityId } from '#exchange'
import { checkText, checkValue, MARKING, newFinding, type ItemKind } from './case.ts'
import { rights, type Right } from './rights.ts'
import { caseById, insertFinding, insertItemOrigins, insertNote, itemsOfCase, originsOfCase, type CaseRow } from './store.ts'

/** The case, for somebody whose role may do this in it; one that does not exist is refused as `not-found`. */
export async function caseFor(
  db: Db | Tx,
  { id, right, node }: { id: string; right: Right; node: AuthorityId },
  ctx: Ctx,
): Promise<CaseRow> {
  if (!roleFor(right, node, ctx)) throw new Refusal('role-missing')
  const row = isUuid(id) ? await caseById(db, id) : undefined
  if (!row) throw new Refusal('not-found')
  return row
}

/** The role in which the actor may do this, if any. */
export function roleFor(right: Right, node: AuthorityId, { actor }: Ctx): string | undefined {
  return actor.roles.find((role) => (rights[node][right] as readonly string[]).includes(role))
}

/** A note comes from whomever the case comes from. Returns its id. */
export async function writeNote(tx: Tx, input: { case: string; text: string; node: AuthorityId }, ctx: Ctx): Promise<string> {
  const found = await caseFor(tx, { id: input.case, right: 'note', node: input.node }, ctx)
  const text = checkText(input.text, 'text')
  const note = {
    id: ctx.random.uuid(),
    case: found.id,
    author: ctx.actor.id,
    author_role: roleFor('note', input.node, ctx)!,
    text,
    written_at: ctx.now(),
  }
  await insertNote(tx, note, await originsOfCase(tx, found.id))
  return note.id
}

export type NewFinding = { case: string; question: string; value: unknown; node: AuthorityId }

/**
 * What only this body can say. It is derived from everything in the case, so it inherits every origin: each of those organisations
 * must permit before it can be disclosed. Returns its id.
 */
export async function recordFinding(tx: Tx, input: NewFinding, ctx: Ctx): Promise<string> {
  const found = await caseFor(tx, { id: input.case, right: 'find', node: input.node }, ctx)
  if (input.question === PADDING) throw invalid({ field: 'question', message: 'Nothing is shown under this name: choose another' })
  const finding = newFinding(input.question, checkValue(input.value, 'value'), ctx.random)
  await insertFinding(tx, { ...finding, ...openItemRef(finding), case: found.id, marking: MARKING }, ctx.actor.id, ctx.now())
  await insertItemOrigins(tx, [finding.id], await originsOfCase(tx, found.id))
  return finding.id
}

export type ItemForDisclosure = {
  id: string
  question: string
  value: unknown
  salt: string
  commitment: string
  kind: ItemKind
  origins: string[]
  /** The portal has not read it, and is not told it by us. */
  sealed: boolean
}

/**
 * These items of the case, in the order asked, with what opens them and everyone they came from. Refuses `not-found`, naming them,
 * where any is not in this case: nothing is left out in silence.
 */
export async function itemsForDisclosure(tx: Tx, caseId: string, ids: string[]): Promise<ItemForDisclosure[]> {
  return (await caseForDisclosure(tx, caseId, ids)).items
}

/** The same, with the case itself. */
export async function caseForDisclosure(tx: Tx, caseId: string, ids: string[]): Promise<{ case: CaseRow; items: ItemForDisclosure[] }> {
  const found = await caseById(tx, caseId)
  const rows = found ? await itemsOfCase(tx, caseId, ids) : []
  const known = new Map(rows.filter((row) => row.restricted_since === null).map((row) => [row.id, row]))
  const missing = ids.filter((id) => !known.has(id))
  if (!found || missing.length > 0) throw new Refusal('not-found', { items: missing })
  const items = ids.map((id) => {
    const { question, value, salt, commitment, kind, origins, sealed } = known.get(id)!
    // The case's own organisation is an origin of all that is in it, whatever a desk wrote beside the item.
    return { id, question, value, salt, commitment, kind, sealed, origins: [...new Set([...origins, found.organisation])].sort() }
  })
  return { case: found, items }
}
