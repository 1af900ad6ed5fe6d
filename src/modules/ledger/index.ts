export { append, appendMany, type Append } from './append.ts'
export { addCosignature, cosign, cosignRequest, type Cosigner, type CosignReply } from './cosigning.ts'
export { closeInterval, latest, LedgerBroken, resume, type Closed, type LedgerIdentity } from './interval.ts'
export {
  chainOf,
  checkCheckpoint,
  checkLog,
  commitmentOf,
  LogProofInvalid,
  type CheckedCheckpoint,
  type CheckedLog,
  type CheckpointCache,
  type LedgerTrust,
  type LogMember,
  type ProofFault,
} from './log-member.ts'
export { logOf } from './proofs.ts'
export { isRolledBack, witnessedCheckpoint } from './rollback.ts'
export { readLedgerFile, type LedgerFile } from './public-files.ts'
