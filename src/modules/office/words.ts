import type { CaseworkDeps } from '#casework'

export type OfficeDeps = CaseworkDeps & { poke?: () => void }

/** An answer as an officer reads it. */
export function linesOf(value: unknown): string[] {
  if (typeof value === 'object' && value !== null && 'notYetKnown' in value) return ['Not yet known']
  if (typeof value === 'object' && value !== null && 'declined' in value) return ['Will not answer here', ...reasonIn(value)]
  if (Array.isArray(value)) return value.map(String)
  if (typeof value === 'object' && value !== null && 'scheme' in value && 'id' in value)
    return [`${String(value.scheme)} ${String(value.id)}`]
  if (typeof value === 'object' && value !== null && 'sha256' in value && 'name' in value)
    return [`File ${String(value.name)}`, `SHA-256 ${String(value.sha256)}`]
  if (typeof value === 'string') return value.split('\n')
  return typeof value === 'number' ? [value.toLocaleString('en-GB')] : [JSON.stringify(value)]
}

function reasonIn(value: object): string[] {
  return 'reason' in value ? [String(value.reason)] : []
}

export const vias = {
  'in-confidence': 'Told to the NCSC in confidence',
  'statutory': 'Reported to the ICO by the organisation',
  'permission': 'Came by the organisation\u2019s signed permission',
} as const

export const states = { current: '', superseded: 'Superseded by a later report', corrected: 'Corrected' } as const
