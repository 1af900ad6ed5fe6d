export { api, type FactSheetDeps } from './api.ts'
export { factsOf, type Facts } from './controller.ts'
export { sheetsShown, type SheetShown } from './processor.ts'
