import { z } from 'zod'
import { endpoint, type Endpoint } from '#platform/api'
import { instant } from '#platform/clock'
import type { Ctx } from '#platform/context'
import { transact } from '#platform/db'
import { Refusal } from '#platform/errors'
import { caseWithItems, timeline, wholeCase, type CaseworkDeps } from './api.ts'
import { caseFor } from './desk.ts'
import { agreeToExport, askToExport, takeExport } from './opening.ts'
import { exportsOfCase, readsOfCase, type ExportRow } from './reads-store.ts'
import { rights } from './rights.ts'
import { happeningShape } from './shown.ts'

const moment = z.iso.datetime()
const read = z.object({
  id: z.uuid(),
  at: moment,
  person: z.string(),
  role: z.string(),
  purpose: z.string(),
  items: z.array(z.uuid()),
  export: z.uuid().optional(),
  /** From when on the organisation may be told; left out where that is at once. */
  deferredUntil: moment.optional(),
  told: moment.optional(),
})
const exported = z.object({
  id: z.uuid(),
  purpose: z.string(),
  reason: z.string(),
  by: z.string(),
  role: z.string(),
  at: moment,
  approvedBy: z.string().optional(),
  approvedAt: moment.optional(),
})

/** Who opened what in a case, for those who oversee; and how a whole case is taken out. */
export function readsApi(deps: CaseworkDeps): Endpoint[] {
  const { db, node } = deps
  const { oversee } = rights[node]
  return [
    endpoint({
      method: 'GET',
      path: '/cases/:id/reads',
      summary: 'Who opened which items of a case, when and what for',
      who: oversee,
      reply: z.object({ reads: z.array(read) }),
      handle: async ({ params, ctx }) => {
        const found = await caseFor(db, { id: params['id']!, right: 'oversee', node }, ctx)
        return { reads: (await readsOfCase(db, found.id)).map(readShown) }
      },
    }),
    endpoint({
      method: 'GET',
      path: '/cases/:id/exports',
      summary: 'Which exports of a case were asked for, and who agreed',
      who: oversee,
      reply: z.object({ exports: z.array(exported) }),
      handle: async ({ params, ctx }) => {
        const found = await caseFor(db, { id: params['id']!, right: 'oversee', node }, ctx)
        return { exports: (await exportsOfCase(db, found.id)).map(exportShown) }
      },
    }),
    ...exporting(deps),
  ]
}

function exporting(deps: CaseworkDeps): Endpoint[] {
  const { db, node, reading: rules } = deps
  const { read: readers, approve } = rights[node]
  return [
    endpoint({
      method: 'POST',
      path: '/cases/:id/exports',
      summary: 'Asks to take the whole case out; a records officer, who is somebody else, must agree',
      who: readers,
      status: 201,
      body: z.strictObject({ purpose: z.string(), reason: z.string() }),
      reply: z.object({ id: z.uuid() }),
      handle: async ({ params, body, credential, ctx }) => ({
        id: await transact(db, (tx) => askToExport(tx, { case: params['id']!, ...body, node, rules }, credential, ctx)),
      }),
    }),
    endpoint({
      method: 'POST',
      path: '/cases/:id/exports/:exportId/approval',
      summary: 'Agrees that the case is taken out, once, by whoever asked',
      who: approve,
      stepUp: true,
      status: 201,
      reply: z.object({ id: z.uuid() }),
      handle: async ({ params, ctx }) => {
        await transact(db, (tx) => agreeToExport(tx, { case: params['id']!, export: params['exportId']!, node }, ctx))
        return { id: params['exportId']! }
      },
    }),
    endpoint({
      method: 'GET',
      path: '/cases/:id/export',
      summary: 'The whole case to take away, once, as agreed to: ?export= is the id',
      who: readers,
      reply: wholeCase.extend({ timeline: z.array(happeningShape), export: exported }),
      handle: ({ params, query, ctx }) => takeOut(deps, { case: params['id']!, export: query['export'] }, ctx),
    }),
  ]
}

async function takeOut(deps: CaseworkDeps, asked: { case: string; export: string | undefined }, ctx: Ctx) {
  const { db, node, reading: rules } = deps
  const [found, happened] = [await caseWithItems(deps, asked.case, ctx), await timeline(deps, asked.case, ctx)]
  const { export: id } = asked
  if (id === undefined) throw new Refusal('second-person-missing')
  const items = found.items.filter(({ value }) => value !== undefined).map((item) => item.id)
  const row = await transact(db, (tx) => takeExport(tx, { case: asked.case, export: id, node, items, rules }, ctx))
  return { ...found, timeline: happened, export: exportShown(row) }
}

function readShown(row: Awaited<ReturnType<typeof readsOfCase>>[number]): z.infer<typeof read> {
  const isDeferred = row.tell_from > row.read_at
  return {
    ...{ id: row.id, at: instant(row.read_at), person: row.person, role: row.role, purpose: row.purpose, items: row.items },
    ...(row.export !== null && { export: row.export }),
    ...(isDeferred && { deferredUntil: instant(row.tell_from) }),
    ...(row.told_at !== null && { told: instant(row.told_at) }),
  }
}

function exportShown(row: ExportRow): z.infer<typeof exported> {
  const agreed = row.approved_by !== null && row.approved_at !== null
  return {
    ...{ id: row.id, purpose: row.purpose, reason: row.reason, by: row.asked_by, role: row.asked_role, at: instant(row.asked_at) },
    ...(agreed && { approvedBy: row.approved_by!, approvedAt: instant(row.approved_at!) }),
  }
}
