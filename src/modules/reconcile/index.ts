export { compareExports, type Compared, type Difference } from './compare.ts'
export { readExport, writeExport, type Export } from './export.ts'
export type { Finding, FindingCode } from './findings.ts'
export { reconcileHouse, type House, type Reconciled } from './house.ts'
