import { b64u, sha256, type Bytes } from '#platform/bytes'
import { canonical } from '#platform/canonical'
import type { Ctx } from '#platform/context'
import { transact, type Db, type Tx } from '#platform/db'
import { invalid, Refusal } from '#platform/errors'
import { incidentForFiling, type FolderKeys, type Incident, type Owner } from '#reporting'
import { organisationById } from '#identity'
import { factMistakes, factsFor, type Controller, type Edition, type Fact } from './sheet.ts'
import { editionsOf, insertEdition, insertSheet, lockSheets, setClosed, sheetsOf, type SheetRow } from './store.ts'

const MOST_CONTROLLERS = 5_000

/** The code is given to whoever added the controller, once, to pass on: by letter, by telephone, never by us. */
export type Added = { id: string; name: string; code: string }

export async function addControllers(db: Db, id: string, controllers: Controller[], folders: FolderKeys, ctx: Ctx): Promise<Added[]> {
  const incident = await incidentForFiling(db, id, ctx)
  if (incident.kind === 'near-miss') throw new Refusal('flow-not-allowed')
  return transact(db, async (tx) => {
    const known = await lockSheets(tx, incident.id)
    if (known.length + controllers.length > MOST_CONTROLLERS)
      throw invalid({ field: 'controllers', message: `Use no more than ${MOST_CONTROLLERS.toLocaleString('en-GB')}` })
    const added: Added[] = []
    for (const controller of controllers) added.push(await addOne(tx, incident, controller, folders, ctx))
    return added
  })
}

async function addOne(tx: Tx, incident: Incident, controller: Controller, folders: FolderKeys, ctx: Ctx): Promise<Added> {
  const id = ctx.random.uuid()
  const code = b64u(ctx.random.bytes(32))
  const content = await folders.seal(incident.owner, id, Buffer.from(canonical(controller)))
  const row = { id, incident: incident.id, folder: id, content, codeHash: sha256(code) }
  await insertSheet(tx, row, ctx.actor.id, ctx.now())
  return { id, name: controller.name, code }
}

export type SheetShown = {
  id: string
  controller: Controller
  addedAt: Date
  state: 'not-yet-opened' | 'opened' | 'closed'
  /** When the controller first read it: nothing more of what it does is known to the processor. */
  openedAt?: Date
  editions: { number: number; publishedAt: Date; edition: Edition }[]
}

export async function sheetsShown(db: Db, incident: Incident, folders: FolderKeys): Promise<SheetShown[]> {
  const sheets = await sheetsOf(db, incident.id)
  const editions = Map.groupBy(
    await editionsOf(
      db,
      sheets.map(({ id }) => id),
    ),
    ({ sheet }) => sheet,
  )
  return Promise.all(
    sheets.map(async (sheet): Promise<SheetShown> => {
      const told = (editions.get(sheet.id) ?? []).map(async ({ id, number, kept, published_at: publishedAt }) => ({
        number,
        publishedAt,
        edition: await opened<Edition>(folders, incident.owner, id, kept),
      }))
      return {
        id: sheet.id,
        controller: await opened<Controller>(folders, incident.owner, sheet.id, sheet.content),
        addedAt: sheet.added_at,
        state: stateOf(sheet),
        ...(sheet.opened_at && { openedAt: sheet.opened_at }),
        editions: await Promise.all(told),
      }
    }),
  )
}

function stateOf({ opened_at, closed_at }: SheetRow): SheetShown['state'] {
  if (closed_at !== null) return 'closed'
  return opened_at === null ? 'not-yet-opened' : 'opened'
}

async function opened<T>(folders: FolderKeys, owner: Owner, id: string, sealed: Bytes): Promise<T> {
  return JSON.parse(Buffer.from(await folders.open(owner, id, sealed)).toString('utf8')) as T
}

export type Publication = {
  answers: Fact[]
  note?: string | undefined
  /** What is one controller's alone (how many of its people), in place of the common words. */
  own?: { sheet: string; answers: Fact[] }[] | undefined
  /** Which sheets; all that are not closed when left out. */
  to?: string[] | undefined
}

/** Tells controllers: each gets an edition of its own, sealed for it. Another's numbers are never in it. Returns the sheets told. */
export async function publish(db: Db, id: string, input: Publication, folders: FolderKeys, ctx: Ctx): Promise<string[]> {
  const incident = await incidentForFiling(db, id, ctx)
  const own = input.own ?? []
  const mistakes = [...factMistakes(input.answers, 'answers'), ...own.flatMap((one, i) => factMistakes(one.answers, `own.${i}.answers`))]
  if (mistakes.length > 0) throw invalid(...mistakes)
  const from = await nameOf(db, incident)
  return transact(db, async (tx) => {
    const sheets = (await lockSheets(tx, incident.id)).filter(({ closed_at }) => closed_at === null)
    const targets = input.to ? sheets.filter(({ id }) => input.to!.includes(id)) : sheets
    const unknown = [...(input.to ?? []), ...own.map(({ sheet }) => sheet)].some((id) => !targets.some((sheet) => sheet.id === id))
    if (unknown) throw new Refusal('not-found')
    if (targets.length === 0) throw invalid({ field: 'to', message: 'There is no controller to tell' })
    const numbers = await latestNumbers(tx, targets)
    for (const sheet of targets) {
      const answers = factsFor(input.answers, own.find((one) => one.sheet === sheet.id)?.answers ?? [])
      const edition: Edition = { from, answers, ...(input.note !== undefined && { note: input.note }) }
      await tellOne(tx, { incident, sheet, edition, number: (numbers.get(sheet.id) ?? 0) + 1 }, folders, ctx)
    }
    return targets.map(({ id }) => id)
  })
}

async function nameOf(db: Db, { organisation }: Incident): Promise<string> {
  const known = organisation === undefined ? undefined : await organisationById(db, organisation)
  return known?.name ?? 'An organisation that has not given its name'
}

async function latestNumbers(tx: Tx, sheets: SheetRow[]): Promise<Map<string, number>> {
  const editions = await editionsOf(
    tx,
    sheets.map(({ id }) => id),
  )
  return new Map(editions.map(({ sheet, number }) => [sheet, number]))
}

type Telling = { incident: Incident; sheet: SheetRow; edition: Edition; number: number }

async function tellOne(tx: Tx, { incident, sheet, edition, number }: Telling, folders: FolderKeys, ctx: Ctx): Promise<void> {
  const id = ctx.random.uuid()
  const bytes = Buffer.from(canonical(edition))
  const told = await folders.seal({ folder: sheet.folder }, id, bytes)
  const kept = await folders.seal(incident.owner, id, bytes)
  await insertEdition(tx, { id, sheet: sheet.id, number, told, kept }, ctx.actor.id, ctx.now())
}

/** A sheet for the wrong one is closed while nobody has opened it; what was read cannot be unread. */
export async function closeSheet(db: Db, id: string, sheet: string, ctx: Ctx): Promise<void> {
  const incident = await incidentForFiling(db, id, ctx)
  await transact(db, async (tx) => {
    const found = (await lockSheets(tx, incident.id)).find((one) => one.id === sheet)
    if (!found) throw new Refusal('not-found')
    if (found.opened_at !== null) throw new Refusal('already-done')
    if (found.closed_at === null) await setClosed(tx, sheet, ctx.now())
  })
}
