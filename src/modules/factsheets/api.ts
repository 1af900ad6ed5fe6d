import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import { instant } from '#platform/clock'
import type { Db } from '#platform/db'
import { Refusal } from '#platform/errors'
import { incidentForActor, type FolderKeys } from '#reporting'
import { factsOf, openSheet, takeFacts } from './controller.ts'
import { addControllers, closeSheet, publish, sheetsShown } from './processor.ts'
import { controllerForm, factForm } from './sheet.ts'

export type FactSheetDeps = { db: Db; folders: FolderKeys }

const edition = z.object({
  number: z.int(),
  publishedAt: z.iso.datetime(),
  from: z.string(),
  note: z.string().optional(),
  answers: z.array(factForm),
})
const sheetLine = z.object({
  id: z.uuid(),
  controller: controllerForm,
  addedAt: z.iso.datetime(),
  state: z.enum(['not-yet-opened', 'opened', 'closed']),
  openedAt: z.iso.datetime().optional(),
  editions: z.array(edition),
})
const facts = z.array(factForm).max(300)
const publication = z.strictObject({
  answers: facts.min(1),
  note: z.string().trim().min(1).max(20_000).optional(),
  own: z
    .array(z.strictObject({ sheet: z.uuid(), answers: facts.min(1) }))
    .max(5_000)
    .optional(),
  to: z.array(z.uuid()).min(1).max(5_000).optional(),
})

export function api(deps: FactSheetDeps): Endpoint[] {
  return [...forProcessors(deps), ...forControllers(deps)]
}

function forProcessors({ db, folders }: FactSheetDeps): Endpoint[] {
  return [
    endpoint({
      method: 'POST',
      path: '/incidents/:id/fact-sheets',
      summary: 'A processor names controllers it must tell; each gets a code of its own, shown once. No body is ever sent this list',
      who: 'signed-in',
      status: 201,
      body: z.strictObject({ controllers: z.array(controllerForm).min(1).max(1_000) }),
      reply: z.object({ controllers: z.array(z.object({ id: z.uuid(), name: z.string(), code: z.string() })) }),
      handle: async ({ params, body, ctx }) => ({ controllers: await addControllers(db, params['id']!, body.controllers, folders, ctx) }),
    }),
    endpoint({
      method: 'GET',
      path: '/incidents/:id/fact-sheets',
      summary: 'Which controllers were told what, and whether they have opened it',
      who: 'signed-in',
      reply: z.object({ sheets: z.array(sheetLine) }),
      handle: async ({ params, ctx }) => {
        const sheets = await sheetsShown(db, await incidentForActor(db, params['id']!, ctx), folders)
        return {
          sheets: sheets.map(({ addedAt, openedAt, editions, ...sheet }) => ({
            ...sheet,
            addedAt: instant(addedAt),
            ...(openedAt && { openedAt: instant(openedAt) }),
            editions: editions.map(({ number, publishedAt, edition: told }) => ({ number, publishedAt: instant(publishedAt), ...told })),
          })),
        }
      },
    }),
    endpoint({
      method: 'POST',
      path: '/incidents/:id/fact-sheets/publication',
      summary: 'Tells controllers the facts: each gets its own sheet, and none sees another',
      who: 'signed-in',
      status: 201,
      body: publication,
      reply: z.object({ told: z.array(z.uuid()) }),
      handle: async ({ params, body, ctx }) => ({ told: await publish(db, params['id']!, body, folders, ctx) }),
    }),
    endpoint({
      method: 'DELETE',
      path: '/incidents/:id/fact-sheets/:sheet',
      summary: 'Closes a sheet nobody has opened yet',
      who: 'signed-in',
      reply: z.object({ closed: z.literal(true) }),
      handle: async ({ params, ctx }) => {
        await closeSheet(db, params['id']!, params['sheet']!, ctx)
        return { closed: true as const }
      },
    }),
  ]
}

function forControllers({ db, folders }: FactSheetDeps): Endpoint[] {
  return [
    endpoint({
      method: 'POST',
      path: '/fact-sheets/opening',
      summary: 'A controller opens its sheet with the code: it gets a folder of its own, with the facts, its own clock and its own choice',
      who: 'anyone',
      status: 201,
      body: z.strictObject({ code: z.string().max(200), title: z.string().optional() }),
      reply: z.object({ id: z.uuid(), reference: z.string(), resume: z.string().optional() }),
      handle: ({ body, ctx }) => openSheet(db, body, folders, ctx),
    }),
    endpoint({
      method: 'GET',
      path: '/incidents/:id/facts',
      summary: 'What a processor told, each time, and what changed',
      who: 'signed-in',
      reply: z.object({ openedAt: z.iso.datetime(), editions: z.array(edition.extend({ changed: z.array(z.string()) })) }),
      handle: async ({ params, ctx }) => {
        const known = await factsOf(db, await incidentForActor(db, params['id']!, ctx), folders)
        if (!known) throw new Refusal('not-found')
        return {
          openedAt: instant(known.openedAt),
          editions: known.editions.map(({ number, publishedAt, content, changed }) => ({
            number,
            publishedAt: instant(publishedAt),
            ...content,
            changed,
          })),
        }
      },
    }),
    endpoint({
      method: 'POST',
      path: '/incidents/:id/facts/taking',
      summary: 'Takes facts into one\u2019s own draft, for the bodies one names; nothing is filed by it',
      who: 'signed-in',
      body: z.strictObject({
        edition: z.int().min(1),
        audience: z.array(z.enum(['ico', 'ncsc'])).min(1),
        questions: z.array(z.string()).max(300).optional(),
      }),
      reply: z.object({ taken: z.int() }),
      handle: async ({ params, body, ctx }) => ({ taken: await takeFacts(db, params['id']!, body, folders, ctx) }),
    }),
  ]
}
