export {
  activate,
  decideDisclosure,
  decideSend,
  needsTwoSignatures,
  type Agreement,
  type DisclosureQuestion,
  type PermissionFacts,
} from './agreement.ts'
export { PolicyInvalid, type Verdict } from './engine.ts'
export {
  readAgreement,
  SIGNATURES,
  signAgreement,
  signatureState,
  type AgreementFile,
  type AgreementFolder,
  type SignatureState,
} from './folder.ts'
