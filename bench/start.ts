import type { Bench } from './measure.ts'
export const start: Bench = async () => ({ skipped: 'not there yet' })
