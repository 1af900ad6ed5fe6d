export { api, type EvidenceDeps } from './api.ts'
export { sealBundle } from './bundle.ts'
export type { Held, Holding, NotYetReceived, Unconfirmed } from './holdings.ts'
export { verifyBundle, type CheckName, type Finding, type Verdict } from './verify.ts'
