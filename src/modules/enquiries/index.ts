export { enquiriesForBundle, enquiriesIn, keepEnquiry, type Received } from './answering.ts'
export { askingApi, type AskingDeps } from './api-authority.ts'
export { answeringApi, type AnsweringDeps } from './api-portal.ts'
export { answered, asking, prepareEnquiry } from './asking.ts'
