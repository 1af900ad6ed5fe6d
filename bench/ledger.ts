import type { Bench } from './measure.ts'
export const ledger: Bench = async () => ({ skipped: 'not there yet' })
