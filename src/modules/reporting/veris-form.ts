import { z } from 'zod'
import type { Mistake } from '#platform/errors'

/** How VERIS says that nobody knows; "NA" says that it does not arise. */
export const UNKNOWN = 'Unknown'

const words = z.array(z.string()).optional()
const part = z.looseObject({ variety: words, vector: words })
const length = z.looseObject({ unit: z.string(), value: z.number().optional() }).optional()

/**
 * What is read of a VERIS record: schema 1.3 and 1.4, in which discovery is said in two ways. Other members may be there; they are
 * listed as left. Source: github.com/vz-risk/veris, CC BY-SA 4.0.
 */
const form = z.looseObject({
  incident_id: z
    .string()
    .trim()
    .max(150)
    .regex(/^\P{Cc}+$/u, 'Give an id, on one line'),
  security_incident: z.enum(['Confirmed', 'Suspected', 'False positive', 'Near miss']).optional(),
  summary: z.string().optional(),
  control_failure: z.string().optional(),
  corrective_action: z.string().optional(),
  discovery_method: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
  discovery_notes: z.string().optional(),
  timeline: z
    .looseObject({
      incident: z
        .looseObject({
          year: z.int().min(1).max(9999),
          month: z.int().min(1).max(12).optional(),
          day: z.int().min(1).max(31).optional(),
        })
        .optional(),
      discovery: length,
      exfiltration: length,
      containment: length,
    })
    .optional(),
  victim: z
    .looseObject({ victim_id: z.string().optional(), industry: z.string().optional(), employee_count: z.string().optional() })
    .optional(),
  actor: z.record(z.string(), z.looseObject({ variety: words, motive: words })).optional(),
  action: z
    .record(
      z.string(),
      part.extend({ result: words, name: z.union([z.string(), z.array(z.string())]).optional(), cve: z.string().optional() }),
    )
    .optional(),
  asset: z.looseObject({ assets: z.array(z.looseObject({ variety: z.string(), amount: z.number().optional() })).optional() }).optional(),
  attribute: z
    .looseObject({
      confidentiality: z
        .looseObject({
          data_disclosure: z.string().optional(),
          data_total: z.number().optional(),
          data: z.array(z.looseObject({ variety: z.string() })).optional(),
          data_victim: words,
          state: words,
        })
        .optional(),
      integrity: part.optional(),
      availability: part.optional(),
    })
    .optional(),
  impact: z.looseObject({ overall_rating: z.string().optional() }).optional(),
  ioc: z.array(z.looseObject({ indicator: z.string(), comment: z.string().optional() })).optional(),
})
export type Veris = z.infer<typeof form>

/** One line of the short form that is passed round of the VERIS Community Database: the same facts under short names. */
const shortForm = z.looseObject({
  id: z.string(),
  y: z.unknown(),
  action: z.array(z.object({ t: z.string(), v: words, vec: words })).optional(),
  actor: z.array(z.object({ t: z.string(), v: words, m: words, c: words })).optional(),
  asset: z.array(z.object({ v: z.string(), n: z.number().optional() })).optional(),
  attr: z
    .looseObject({
      conf: z.looseObject({ data: z.array(z.object({ v: z.string(), n: z.number().optional() })).optional() }).optional(),
      int: words,
      avail: words,
    })
    .optional(),
  sector: z.string().optional(),
})
type Short = z.infer<typeof shortForm>

/** A record in either form as one of VERIS. Pointers are VERIS's own paths, but for what the short form itself has wrong. */
export function readVeris(value: unknown): { veris: Veris } | { mistakes: Mistake[] } {
  if (!isShort(value)) return read(form, value)
  const short = read(shortForm, value)
  return 'mistakes' in short ? short : read(form, inFull(short.veris))
}

function read<T>(schema: z.ZodType<T>, value: unknown): { veris: T } | { mistakes: Mistake[] } {
  const result = schema.safeParse(value)
  if (result.success) return { veris: result.data }
  return { mistakes: result.error.issues.map(({ path, message }) => ({ field: path.join('.'), message })) }
}

function isShort(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'id' in value && 'y' in value && !('incident_id' in value)
}

/** Two-digit codes of the North American Industry Classification System, by the names the short form gives them. */
const codeOfSector: Record<string, string> = {
  'Agriculture': '11',
  'Mining': '21',
  'Utilities': '22',
  'Construction': '23',
  'Manufacturing': '31',
  'Trade': '42',
  'Retail': '44',
  'Transportation': '48',
  'Information': '51',
  'Finance': '52',
  'Real Estate': '53',
  'Professional': '54',
  'Management': '55',
  'Administrative': '56',
  'Educational': '61',
  'Healthcare': '62',
  'Entertainment': '71',
  'Accomodation': '72',
  'Other Services': '81',
  'Public': '92',
  'Unknown': '000',
}

function inFull({ id, y, m, d, action, actor, asset, attr, sector, ...rest }: Short): object {
  const { naics, emp, org, status, disc, tl, notif, country, countries, ...about } = rest
  return withoutEmpty({
    incident_id: id,
    security_incident: status,
    discovery_method: disc,
    timeline: { incident: withoutEmpty({ year: y, month: m, day: d }), ...(tl as object | undefined) },
    victim: withoutEmpty({
      industry: naics ?? (sector === undefined ? undefined : (codeOfSector[sector] ?? sector)),
      employee_count: emp,
      country: countries ?? country,
    }),
    actor: byKind(actor, ({ v, m: motive, c }) => ({ variety: v, motive, country: c })),
    action: byKind(action, ({ v, vec }) => ({ variety: v, vector: vec })),
    asset: asset && { assets: asset.map(({ v, n }) => withoutEmpty({ variety: v, amount: n })) },
    attribute: attr && attributeInFull(attr),
    plus: withoutEmpty({ ...about, victim_name_hash: org, notification: notif }),
  })
}

function attributeInFull({ conf, int, avail, ...rest }: NonNullable<Short['attr']>): object {
  const { disc, total, data, ...others } = conf ?? {}
  return withoutEmpty({
    ...rest,
    confidentiality:
      conf &&
      withoutEmpty({
        ...others,
        data_disclosure: disc,
        data_total: total,
        data: data?.map(({ v, n }) => withoutEmpty({ variety: v, amount: n })),
      }),
    integrity: int && { variety: int },
    availability: avail && { variety: avail },
  })
}

/** VERIS has one object a kind; where a kind stands twice, its words are put together. */
function byKind<T extends { t: string }>(
  list: T[] | undefined,
  words: (one: T) => Record<string, string[] | undefined>,
): object | undefined {
  if (list === undefined) return undefined
  const merged = Object.entries(Object.groupBy(list, ({ t }) => t)).map(([kind, same]) => {
    const all = (same ?? []).flatMap((one) => Object.entries(words(one)).filter(([, values]) => values !== undefined))
    const names = [...new Set(all.map(([name]) => name))]
    const put = names.map((name) => [name, [...new Set(all.filter(([one]) => one === name).flatMap(([, values]) => values!))]])
    return [kind, Object.fromEntries(put)]
  })
  return Object.fromEntries(merged)
}

function withoutEmpty(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))
}
