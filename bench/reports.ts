import type { Bench } from './measure.ts'
export const reports: Bench = async () => ({ skipped: 'not there yet' })
