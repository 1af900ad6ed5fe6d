import type { Bench } from './measure.ts'
export const install: Bench = async () => ({ skipped: 'not there yet' })
