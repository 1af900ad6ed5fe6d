import { sha256 } from '#platform/bytes'
import type { Ctx } from '#platform/context'
import { transact, type Db, type Tx } from '#platform/db'
import { Refusal } from '#platform/errors'
import { incidentForFiling, openIncident, saveAnswers, type FolderKeys, type Incident } from '#reporting'
import { answersFrom, changedFacts, type Edition } from './sheet.ts'
import { editionsOf, lockSheetByCode, setOpened, setTold, sheetOpenedAs, type SheetRow } from './store.ts'

/**
 * Opens a sheet: whoever brings the code gets a folder of their own with the facts in it, and from then on the code opens nothing.
 * A code that is unknown, used or closed is not found, whichever it is.
 */
export async function openSheet(
  db: Db,
  { code, title }: { code: string; title?: string | undefined },
  folders: FolderKeys,
  ctx: Ctx,
): Promise<{ id: string; reference: string; resume?: string }> {
  return transact(db, async (tx) => {
    const sheet = await lockSheetByCode(tx, sha256(code))
    if (!sheet || sheet.opened_at !== null || sheet.closed_at !== null) throw new Refusal('not-found')
    const editions = await editionsIn(tx, sheet, folders)
    const from = editions.at(-1)?.content.from
    const opened = await openIncident(
      tx,
      { title: title ?? `Facts from ${from ?? 'a processor'}`.slice(0, 200), kind: 'incident' },
      folders,
      ctx,
    )
    const folder = ctx.actor.organisation ?? opened.id
    for (const { id, bytes } of editions) await setTold(tx, id, await folders.seal({ folder }, id, bytes))
    await setOpened(tx, sheet.id, { incident: opened.id, folder }, ctx.now())
    return opened
  })
}

async function editionsIn(db: Db | Tx, sheet: SheetRow, folders: FolderKeys) {
  const rows = await editionsOf(db, [sheet.id])
  return Promise.all(
    rows.map(async ({ id, number, told, published_at: publishedAt }) => {
      const bytes = await folders.open({ folder: sheet.folder }, id, told)
      return { id, number, publishedAt, bytes, content: JSON.parse(Buffer.from(bytes).toString('utf8')) as Edition }
    }),
  )
}

export type Facts = {
  openedAt: Date
  editions: { number: number; publishedAt: Date; content: Edition; changed: string[] }[]
}

/** What the processor told, all editions, oldest first; undefined where the incident came from no sheet. For the owner's own session. */
export async function factsOf(db: Db, incident: Incident, folders: FolderKeys): Promise<Facts | undefined> {
  const sheet = await sheetOpenedAs(db, incident.id)
  if (!sheet) return undefined
  const editions = await editionsIn(db, sheet, folders)
  return {
    openedAt: sheet.opened_at!,
    editions: editions.map(({ number, publishedAt, content }, nth) => ({
      number,
      publishedAt,
      content,
      changed: changedFacts(content.answers, editions[nth - 1]?.content.answers ?? []),
    })),
  }
}

/** Takes facts of one edition into the controller's own draft, for the bodies it names. Nothing is taken over unasked. */
export async function takeFacts(
  db: Db,
  id: string,
  input: { edition: number; audience: string[]; questions?: string[] | undefined },
  folders: FolderKeys,
  ctx: Ctx,
): Promise<number> {
  const incident = await incidentForFiling(db, id, ctx)
  const facts = await factsOf(db, incident, folders)
  const edition = facts?.editions.find(({ number }) => number === input.edition)
  if (!edition) throw new Refusal('not-found')
  const chosen = edition.content.answers.filter(({ question }) => input.questions?.includes(question) ?? true)
  const answers = answersFrom(chosen, input.audience)
  if (answers.length > 0) await transact(db, (tx) => saveAnswers(tx, incident.id, answers, folders, ctx))
  return answers.length
}
