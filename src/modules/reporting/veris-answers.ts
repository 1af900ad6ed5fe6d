import { actionFindings } from './veris-actions.ts'
import { dataFindings } from './veris-data.ts'
import { asText, known, NOT_YET_KNOWN, type Finding } from './veris-finding.ts'
import { UNKNOWN, type Veris } from './veris-form.ts'
import { sectorOfIndustry, staffBand } from './veris-words.ts'

/** Everything the record says that one of our questions asks, in our words; nothing that it does not say. */
export function findingsIn(veris: Veris): Finding[] {
  return [organisation, times, story, actionFindings, technical, dataFindings].flatMap((rule) => rule(veris))
}

function organisation({ victim }: Veris): Finding[] {
  return [...asText('q01-name', 'victim.victim_id', victim?.victim_id), ...sector(victim?.industry), ...staff(victim?.employee_count)]
}

function sector(industry: string | undefined): Finding[] {
  if (industry === undefined) return []
  const path = 'victim.industry'
  if (industry === UNKNOWN || /^0+$/.test(industry)) return [{ question: 'q03', value: NOT_YET_KNOWN, from: path }]
  const lengths = Array.from({ length: industry.length }, (_, cut) => industry.slice(0, industry.length - cut))
  const code = lengths.find((start) => Object.hasOwn(sectorOfIndustry, start))
  if (code !== undefined) return [{ question: 'q03', value: sectorOfIndustry[code], from: path }]
  return [{ path, reason: 'The list of sectors (q03) cuts this industry differently: choose' }]
}

function staff(band: string | undefined): Finding[] {
  if (band === undefined) return []
  const path = 'victim.employee_count'
  if (band === UNKNOWN) return [{ question: 'q04-staff', value: NOT_YET_KNOWN, from: path }]
  if (Object.hasOwn(staffBand, band)) return [{ question: 'q04-staff', value: staffBand[band], from: path }]
  return [{ path, reason: 'This band does not lie within one band of q04-staff: choose' }]
}

/** VERIS gives a day without a zone: midnight UTC stands for it, and q14-certainty says that it is right to the day. */
function times({ timeline }: Veris): Finding[] {
  const { incident, discovery, containment } = timeline ?? {}
  return [
    ...(incident ? start(incident) : []),
    ...lengthOf('q15', 'timeline.discovery', discovery),
    ...lengthOf('q14-to', 'timeline.containment', containment),
  ]
}

type Day = { year: number; month?: number | undefined; day?: number | undefined; time?: unknown }

function start({ year, month, day, time }: Day): Finding[] {
  const path = 'timeline.incident'
  const clock: Finding[] = time === undefined ? [] : [{ path: `${path}.time`, reason: 'A time without a zone: say it again in q14-from' }]
  if (month === undefined || day === undefined)
    return [
      ...clock,
      { question: 'q14-from', value: NOT_YET_KNOWN, from: `${path}.day` },
      ...(month === undefined ? [] : [{ path: `${path}.month`, reason: 'A month is no day: it stands in the title' }]),
      { path: `${path}.year`, reason: 'A year is no day: it stands in the title' },
    ]
  const [y, m, d] = [String(year).padStart(4, '0'), String(month).padStart(2, '0'), String(day).padStart(2, '0')]
  return [
    ...clock,
    { question: 'q14-from', value: `${y}-${m}-${d}T00:00:00Z`, from: path, says: [`${path}.year`, `${path}.month`, `${path}.day`] },
    { question: 'q14-certainty', value: 'To the day', from: `${path}.day` },
  ]
}

function lengthOf(question: string, path: string, length: { unit: string } | undefined): Finding[] {
  if (length === undefined) return []
  if (length.unit === UNKNOWN) return [{ question, value: NOT_YET_KNOWN, from: path }]
  return [{ path, reason: `A length of time is no date and time: ${question} asks for one` }]
}

function story({ summary, discovery_method: method, discovery_notes: notes, corrective_action: action, impact }: Veris): Finding[] {
  const rating = impact?.overall_rating
  return [
    ...asText('q19', 'summary', summary),
    ...discovery(method, notes),
    ...asText('q46-prevention', 'corrective_action', action),
    ...(rating === UNKNOWN ? [{ question: 'q29', value: NOT_YET_KNOWN, from: 'impact.overall_rating' }] : []),
  ]
}

function discovery(method: Veris['discovery_method'], notes: string | undefined): Finding[] {
  const says = ['discovery_method', 'discovery_notes']
  const lines = [...(method === undefined ? [] : methodLines(method)), ...(notes?.trim() ? [notes.trim()] : [])]
  if (lines.length > 0) return [{ question: 'q20', value: lines.join('\n'), from: says[0]!, says }]
  return method === undefined ? [] : [{ question: 'q20', value: NOT_YET_KNOWN, from: says[0]!, says }]
}

/** Until 1.3.2 one word, since then an object a kind: `{ external: { variety: ["Customer"] } }`, `{ unknown: true }`. */
function methodLines(method: NonNullable<Veris['discovery_method']>): string[] {
  if (typeof method === 'string') return method === UNKNOWN ? [] : [method]
  return Object.entries(method)
    .filter(([kind]) => kind !== 'unknown')
    .map(([kind, more]) => {
      const variety = (more as { variety?: unknown } | null)?.variety
      const names = known(Array.isArray(variety) ? variety.filter((one) => typeof one === 'string') : [])
      return [kind, names.join(', ')].filter((one) => one !== '').join(': ')
    })
}

function technical({ ioc, action = {}, asset }: Veris): Finding[] {
  const indicators = (ioc ?? []).map(({ indicator, comment }) => (comment ? `${indicator} (${comment})` : indicator))
  const named = Object.entries(action).flatMap(([kind, { name, cve }]) => [
    ...(name === undefined ? [] : [{ path: `action.${kind}.name`, line: `${kind} named ${[name].flat().join(', ')}` }]),
    ...(cve === undefined ? [] : [{ path: `action.${kind}.cve`, line: cve }]),
  ])
  const says = named.map(({ path }) => path)
  return [
    ...(indicators.length > 0 ? [{ question: 'q26', value: indicators.join('\n'), from: 'ioc' }] : []),
    ...(named.length > 0 ? [{ question: 'q26-findings', value: named.map(({ line }) => line).join('\n'), from: says[0]!, says }] : []),
    ...systems(asset?.assets),
  ]
}

function systems(assets: { variety: string; amount?: number | undefined }[] | undefined): Finding[] {
  if (assets === undefined || assets.length === 0) return []
  const sure = assets.filter(({ variety }) => variety !== UNKNOWN)
  const lines = sure.map(({ variety, amount }) => (amount === undefined ? variety : `${variety} (${amount})`))
  return [{ question: 'q27', value: lines.length > 0 ? [...new Set(lines)] : NOT_YET_KNOWN, from: 'asset.assets' }]
}
