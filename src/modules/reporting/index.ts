export {
  incidentForActor,
  incidentForFiling,
  incidentOfReference,
  itemsByIds,
  submissionPayload,
  submissionsOf,
  type Incident,
  type OpenedItem,
  type Submission,
} from './access.ts'
export { api, type ReportingDeps } from './api.ts'
export { answer as answerForm } from './draft-api.ts'
export { adviseOn, type Advice } from './advice.ts'
export { isAsked, outstanding, type Outstanding } from './asked.ts'
export { answersIn, awaitingCounsel, stateOf, toFile, viewsIn, type Draft, type Slot } from './draft.ts'
export { fileDraft, type DraftSubmission } from './draft-filing.ts'
export { allAnswers, answersOf, saveAnswers, saveDraft, writingOf, type FiledAnswer, type FolderAnswer } from './drafts.ts'
export { fileAnswers, fileReport, submissionsFiled, type CheckedAnswer, type Report } from './filing.ts'
export { FolderKeys, isOwner, openFor, sealFor, type Owner } from './folder.ts'
export { openIncident } from './opening.ts'
export { ownDraft, ownIncident, ownIncidents, type OwnIncident } from './own.ts'
export { progressOf, type Progress } from './progress.ts'
export { isAuthority, mistakesIn, missingFrom, viewsOf } from './incident.ts'
export type { Answer, BlobRef, Correction, IncidentKind, Payload, Stage, ToldOrganisation } from './incident.ts'
export { authorities, groups, questionById, questions, type Authority, type Question } from './questions.ts'
export { makeSealed, toldIn, uncorrectable, type Opening } from './sealed-making.ts'
export type { SealingTerms } from './sealed-filing.ts'
export { openings, type Openings } from './sealed-openings.ts'
export { SEALED } from './sealed-report.ts'
export { prepareReport } from './sending.ts'
export { requireRight } from './rights.ts'
export { draftOfVeris, type VerisDraft } from './veris.ts'
export { registers, valueInWords } from './value-words.ts'
