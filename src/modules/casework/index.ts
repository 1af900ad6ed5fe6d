export {
  emptyCases,
  itemsPage,
  originsOf,
  reportsPage,
  type ItemPageRow,
  type ItemPlace,
  type ReportPageRow,
} from './audit-store.ts'
export { acuteUntil } from './acute.ts'
export { api, casesShown, openCase, timeline, type Asking, type CaseworkDeps } from './api.ts'
export { acuteApi } from './api-acute.ts'
export { readsApi } from './api-reads.ts'
export { restrictionsApi, type RestrictionDeps } from './api-restrictions.ts'
export { keepDisclosed, keepReport, type Disclosed, type DisclosedItem, type ReportHooks } from './arrival.ts'
export { heldOtherwise, organisationsKnown, type HeldRow } from './books-store.ts'
export { askedQuestion, checkText, questionId, type BlobOfItem, type ItemKind, type Via } from './case.ts'
export { caseFor, caseForDisclosure, itemsForDisclosure, recordFinding, writeNote, type ItemForDisclosure } from './desk.ts'
export { recordOpening } from './opening.ts'
export type { ReadingRules } from './reading.ts'
export { markReadsTold, takeUntold, type OpenedRow } from './reads-store.ts'
export { prepareDecision, restrict } from './restricting.ts'
export { itemsNamed, namesOfOrganisations } from './restriction-store.ts'
export { rights } from './rights.ts'
export { hasWorkedOn, questionsOf } from './facts-store.ts'
export {
  answersToEnquiries,
  caseById,
  caseByReference,
  caseOfItem,
  casesOfOrganisation,
  itemsOfCase,
  type CaseRow,
  type ItemRow,
} from './store.ts'
export type { AskedInCase } from './timeline.ts'
export type { CaseShown, ItemShown } from './shown.ts'
