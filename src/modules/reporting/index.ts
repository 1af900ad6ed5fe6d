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
export { answersOf, saveAnswers, type FolderAnswer } from './drafts.ts'
export { fileAnswers, fileReport, submissionsFiled, type CheckedAnswer, type Report } from './filing.ts'
export { FolderKeys, isOwner, openFor, sealFor, type Owner } from './folder.ts'
export { openIncident } from './opening.ts'
export { ownDraft, ownIncident, ownIncidents, type OwnIncident } from './own.ts'
export { progressOf, type Progress } from './progress.ts'
export { mistakesIn } from './incident.ts'
export type { Answer, BlobRef, Correction, IncidentKind, Payload, Stage, ToldOrganisation } from './incident.ts'
export { questions, type Question } from './questions.ts'
export { prepareReport } from './sending.ts'
export { requireRight } from './rights.ts'
export { draftOfVeris, type VerisDraft } from './veris.ts'
