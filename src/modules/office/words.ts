import type { CaseworkDeps } from '#casework'

export type OfficeDeps = CaseworkDeps & { poke?: () => void }

export const vias = {
  'in-confidence': 'Told to the NCSC in confidence',
  'statutory': 'Reported to the ICO by the organisation',
  'permission': 'Came by the organisation\u2019s signed permission',
} as const

export const states = { current: '', superseded: 'Superseded by a later report', corrected: 'Corrected' } as const
