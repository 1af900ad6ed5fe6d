export {
  emptyCases,
  itemsPage,
  originsOf,
  reportsPage,
  type ItemPageRow,
  type ItemPlace,
  type ReportPageRow,
} from './audit-store.ts'
export { api, type Asking, type CaseworkDeps } from './api.ts'
export { keepDisclosed, keepReport, restrict, type Disclosed, type DisclosedItem, type ReportHooks } from './arrival.ts'
export { askedQuestion, checkText, questionId, type BlobOfItem, type ItemKind, type Via } from './case.ts'
export { caseFor, caseForDisclosure, itemsForDisclosure, type ItemForDisclosure } from './desk.ts'
export { rights } from './rights.ts'
export { answersToEnquiries, caseById, caseOfItem, itemsOfCase, type CaseRow, type ItemRow } from './store.ts'
export type { AskedInCase } from './timeline.ts'
