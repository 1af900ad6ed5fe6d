export { api, bundleFor, holdingsFor, type EvidenceDeps } from './api.ts'
export { sealBundle, type Bundle } from './bundle.ts'
export type { Held, Holding, NotYetReceived, Unconfirmed } from './holdings.ts'
export { verifyBundle, type CheckName, type Finding, type Verdict } from './verify.ts'
