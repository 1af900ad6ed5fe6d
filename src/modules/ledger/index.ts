export { append, appendMany, type Append } from './append.ts'
export { api } from './api.ts'
export { chainRows, entriesPage, headCount, leavesPage, type EntryPageRow, type LeafPageRow } from './audit-store.ts'
export { chainsBegun, chainsOf, lockChains, type ChainRow } from './chains-store.ts'
export { addCosignature, cosign, cosignRequest, takeCosigned, type Cosigner, type CosignReply } from './cosigning.ts'
export {
  compareHeads,
  distinctHeads,
  readHead,
  sameSizeSplits,
  type ShownHead,
  type SplitView,
} from './heads.ts'
export { headsFile, notesIn } from './heads-file.ts'
export { headsSeen } from './heads-seen.ts'
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
export { cosignExtended, extendRequest, leavesOf, mirroredHead } from './mirror.ts'
export { parseCheckpoint } from './note.ts'
export { lastHeadAt } from './store.ts'
export { passOver, takeBack, takeBackEntries, type Kept, type ShownEntry } from './restore.ts'
export { logOf } from './proofs.ts'
export { inconsistentRows, type InconsistentRow } from './seen-store.ts'
export { climb, edgeRoot, extend, leafHash, type Edge } from './tree.ts'
export { isRolledBack, witnessedCheckpoint } from './rollback.ts'
export { readLedgerFile, type LedgerFile } from './public-files.ts'
export { fetchCheckpoint, LogAway, pathsFrom } from './tile-client.ts'
export { lookAt, type Looked } from './witness.ts'
export { createWitnessServer } from './witness-server.ts'
export { WitnessState, WitnessStateBroken, type WitnessedLog, type WitnessKey } from './witness-state.ts'
