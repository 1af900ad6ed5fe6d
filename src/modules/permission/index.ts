export { portalApi, type PortalDeps } from './api-portal.ts'
export { senderApi, type SenderDeps } from './api-sender.ts'
export { checkEnrolment, signEnrolment, type Enrolment, type EnrolmentRecord } from './enrolment.ts'
export {
  checkPermission,
  checkWithdrawal,
  keyCountsAt,
  PERMISSION,
  permissionChecker,
  readClaims,
  WITHDRAWAL,
  type Claims,
  type Permission,
  type SignedPermission,
} from './permission.ts'
export { keepRequest, preparePermission, prepareRefusal, prepareWithdrawal } from './portal.ts'
export { keepPermission, keepRefusal, keepWithdrawal, prepareRequest, settleWithdrawals } from './sender.ts'
export { grantsById, grantsOf, heldFor, heldOver, requestsOf, standingOf, type GrantRow, type HeldRow, type RequestRow } from './store.ts'
