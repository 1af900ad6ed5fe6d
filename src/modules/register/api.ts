import { Readable } from 'node:stream'
import { z } from 'zod'
import { Download, endpoint, type Endpoint } from '#platform/api'
import type { Bytes } from '#platform/bytes'
import { transact } from '#platform/db'
import { invalid } from '#platform/errors'
import { octetStream } from '#platform/octets'
import type { EvidenceDeps } from '#evidence'
import { change } from './addition.ts'
import { archiveOf } from './archive.ts'
import { csvOf } from './csv.ts'
import { folderDocument } from './export.ts'
import { addToRegister, keptFor, readers, registerFor, writers, type Kept } from './keeping.ts'
import { copies, type Copy, type Register } from './register.ts'

export type RegisterDeps = EvidenceDeps

const body = z.enum(['ico', 'ncsc'])
const time = z.iso.datetime()
const said = z.object({
  question: z.string().optional(),
  label: z.string(),
  value: z.unknown(),
  words: z.array(z.string()),
  writtenFor: z.enum(['ico', 'ncsc', 'register']),
  sent: z.boolean(),
  privileged: z.literal(true).optional(),
  by: z.string().optional(),
  at: time,
})
const reported = z.object({
  body,
  at: time,
  reference: z.string(),
  stage: z.string(),
  state: z.enum(['not-yet-received', 'received', 'refused']),
  receipt: z.string().nullable(),
})
const closed = z.object({ on: z.iso.date(), outcome: z.string() })
const entry = z.object({
  id: z.uuid(),
  reference: z.string(),
  title: z.string(),
  kind: z.enum(['incident', 'near-miss']),
  openedAt: time,
  discovered: said.optional(),
  aware: z.object({ at: z.string(), decidedBy: z.string(), why: z.string(), by: z.string(), saidAt: time }).optional(),
  facts: z.array(said),
  effects: z.record(z.string(), said),
  remedialAction: z.array(said),
  reportedTo: z.array(reported),
  notReportedBecause: said.optional(),
  closed: closed.extend({ by: z.string(), at: time }).optional(),
})
const register = z.object({
  organisation: z.object({ id: z.uuid(), name: z.string() }).optional(),
  asAt: time,
  copy: z.enum(copies),
  basis: z.object({ law: z.string(), text: z.string(), confidence: z.string() }),
  notes: z.array(z.string()),
  entries: z.array(entry),
  nearMisses: z.array(entry),
})
const written = z.object({
  by: z.string(),
  at: time,
  notReportedBecause: z.string().nullable().optional(),
  effects: z.string().nullable().optional(),
  remedialAction: z.string().nullable().optional(),
  closed: closed.nullable().optional(),
})
const kept = z.object({ entry, history: z.array(written) })

export function api(deps: RegisterDeps): Endpoint[] {
  return [
    endpoint<unknown, Register>({
      method: 'GET',
      path: '/register',
      summary:
        'Your organisation\u2019s own register of breaches. ?copy=ico leaves out what is not for the ICO; ?format=csv is for a spreadsheet',
      who: readers,
      reply: register as z.ZodType<Register>,
      handle: async ({ query, ctx }) => {
        const { copy, format } = readQuery(query)
        const made = await registerFor(deps, copy, ctx)
        return format === 'csv' ? download('register.csv', Buffer.from(csvOf(made))) : made
      },
    }),
    endpoint<unknown, Kept>({
      method: 'GET',
      path: '/incidents/:id/register',
      summary: 'One incident as the register has it, and everything your organisation ever added to it',
      who: readers,
      reply: kept as z.ZodType<Kept>,
      handle: ({ params, ctx }) => keptFor(deps, params['id']!, ctx),
    }),
    endpoint({
      method: 'PUT',
      path: '/incidents/:id/register',
      summary: 'Adds to the register in your own words; what is left out stays, and nothing written before is lost. No body is told',
      who: writers,
      body: change,
      reply: kept as z.ZodType<Kept>,
      handle: async ({ params, body: input, ctx }) => {
        const { id } = await transact(deps.db, (tx) => addToRegister(tx, { incident: params['id']!, change: input }, deps.folders, ctx))
        return keptFor(deps, id, ctx)
      },
    }),
    endpoint({
      method: 'GET',
      path: '/incidents/:id/export',
      summary: 'Everything kept of an incident, in one document (docs/formats/folder.md)',
      who: readers,
      reply: z.looseObject({ v: z.literal(1), kind: z.literal('concordat-folder') }),
      handle: async ({ params, ctx }) => folderDocument(deps, params['id']!, ctx),
    }),
    endpoint({
      method: 'GET',
      path: '/incidents/:id/archive',
      summary: 'The same as a ZIP: a page to read, the document, and the bundle that concordat verify checks',
      who: readers,
      reply: octetStream,
      handle: async ({ params, ctx }) => {
        const folder = await folderDocument(deps, params['id']!, ctx)
        return download(`${folder.incident.reference}.zip`, archiveOf(folder))
      },
    }),
  ]
}

type Query = { copy: Copy; format: 'json' | 'csv' }

function readQuery({ copy = 'own', format = 'json' }: Record<string, string>): Query {
  const mistakes = [
    ...(copies.includes(copy as Copy) ? [] : [{ field: 'copy', message: `Choose one of: ${copies.join(' / ')}` }]),
    ...(format === 'json' || format === 'csv' ? [] : [{ field: 'format', message: 'Choose one of: json / csv' }]),
  ]
  if (mistakes.length > 0) throw invalid(...mistakes)
  return { copy, format } as Query
}

function download(name: string, bytes: Bytes): Download {
  return new Download(name, bytes.length, Readable.from(Buffer.from(bytes)))
}
