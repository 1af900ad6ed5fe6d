export { portalApi, type PortalDeps } from './api-portal.ts'
export { heldPage, type HeldPageRow } from './audit-store.ts'
export { senderApi, type SenderDeps } from './api-sender.ts'
export { keyOfCose } from './cose.ts'
export {
  checkEnrolment,
  checkHalf,
  complete,
  enrolment as signedEnrolment,
  halfForm,
  signEnrolment,
  signHalf,
  type Enrolment,
  type EnrolmentRecord,
  type Half,
} from './enrolment.ts'
export { wordsApi } from './api-words.ts'
export {
  checkPermission,
  checkWithdrawal,
  claims as claimsForm,
  keyCountsAt,
  PERMISSION,
  permissionChecker,
  readClaims,
  signersOf,
  takesPlaceOf,
  WITHDRAWAL,
  type Claims,
  type Permission,
  type SignedPermission,
} from './permission.ts'
export { keepWithdrawal, prepareTelephoned, settleWithdrawals } from './ending.ts'
export { restoreAsked } from './restoring.ts'
export { keepCall, keepRequest, prepareOffer, preparePermission, prepareRefusal, prepareWithdrawal } from './portal.ts'
export { keepOffer, keepPermission, keepRefusal, prepareDecline, prepareRequest } from './sender.ts'
export { callsInIncident, startsInIncident, type CallRow, type StartRow } from './start-store.ts'
export { grantsById, grantsOf, heldFor, heldOver, requestsOf, standingOf, type GrantRow, type HeldRow, type RequestRow } from './store.ts'
export { asGiven } from './giving.ts'
export { lackSecond, mustBeSignedByTwo, signedIn } from './second.ts'
export { formOf, isSignedBy, passkeyForm, readSigned, signCountOf, type PasskeyForm, type Signed } from './signed.ts'
export { algorithmOf, keyId, publicKeyOf, signingJwk, type SigningJwk } from './signing-key.ts'
export { haltSignedBy, mustNotBeSuspended, withdrawalOfGrant, withdrawSignedBy, type Suspended, type Withdrawing } from './suspending.ts'
export { checkAssertion, type Assertion, type Expected } from './webauthn.ts'
