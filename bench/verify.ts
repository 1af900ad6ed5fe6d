import type { Bench } from './measure.ts'
export const verify: Bench = async () => ({ skipped: 'not there yet' })
