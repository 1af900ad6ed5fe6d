export { checkDelivery, signDelivery, type Delivery, type DeliveryResult } from './delivery.ts'
export { classes, envelopeHash, LONGEST_ENVELOPE, open, pack, plaintextLength, readHeader, seal, unpack, type Content, type Header } from './envelope.ts'
export { itemCommitment, itemsMatch, openItemRef } from './item.ts'
export {
  kinds, nodeIds,
  type Arrived, type AuthorityId, type Inbound, type ItemRef, type Kind, type MessageRecord, type NodeId, type OpenItem, type Outbound,
  type Prepared, type Queue, type QueuedRequest, type RecordHead, type SendRequest,
} from './message.ts'
export { decisionOn, outcomesOf, receiptsFor, requestSend, waitFor, type Outcome, type Receipt } from './requests.ts'
export { checkForm, checkStatement, payloadHash, signStatement, type CheckedStatement } from './statement.ts'
export {
  cancelRow, cancelUnder, claimRows, delivery, dueRows, inboxRow, insertDelivery, insertInbox, insertOutbox, insertStray, keptStatement, markMayHaveLeft, peerOf, putOffRequest,
  receivedAbout, receivedFor, releaseRows, sendsUnder, sentStatements, settleRequest, settleRows, takeRequests,
  type InboxRow, type OutboxRow, type OutboxState, type ReceivedRow, type SendUnder, type Settlement,
} from './store.ts'
export { checkTrustFile, fingerprints, sealingKeysOf, trustFile, trustOf, type Trust, type TrustFile } from './trust.ts'
