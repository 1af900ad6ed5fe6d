export { invite } from './accounts.ts'
export { api, type IdentityDeps } from './api.ts'
export { accessApi, type AccessDeps } from './api-people.ts'
export { addColleague, listColleagues, removeColleague, type Colleague } from './colleagues.ts'
export {
  authenticate,
  chooseClient,
  closeSession,
  issueToken,
  openSession,
  recognise,
  revokeTokens,
  type Shown,
} from './credentials.ts'
export {
  enrol,
  enrolmentOf,
  enrolmentsOf,
  leaversKeys,
  lockKey,
  suspendedSince,
  suspendEnrolment,
  type Enrolment,
  type SignedRecord,
} from './enrolments.ts'
export type { FolderSeal } from './folder-names.ts'
export { giveMandate, mandatesOf, revokeMandate, type Mandate, type NewMandate } from './mandates.ts'
export type { Scope } from './mandate.ts'
export { organisationById, organisationByIdentifier, upsertOrganisation, type Identifier, type Organisation } from './organisations.ts'
export { createProvider, type Provider, type ProviderConfig } from './provider.ts'
export { identityPages, type IdentityPageOptions } from './routes.ts'
export { addPerson, describeActor, people, type NewPerson, type Person } from './people.ts'
export { isRole, roles, rolesInWords, type RoleId } from './roles.ts'
export type { Holder } from './store.ts'
export { firstAdministrator, sweep } from './upkeep.ts'
export type { OrganisationSeal } from './tokens.ts'
